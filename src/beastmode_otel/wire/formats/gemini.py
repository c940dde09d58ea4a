"""Google's Gemini API, at its own hosts and Vertex AI's: `{model}:generateContent` and `:streamGenerateContent`,
`:embedContent` and `:batchEmbedContents`.

The path holds the model and the verb. An event of a stream has the shape of a whole answer, and nothing says that it is
the last but its finish reason. Without `alt=sse` the same events are the items of one JSON array, which passes as a
whole answer. Names are spelled as `camelCase` or, as Google's parsers allow, `snake_case`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from beastmode_otel.wire.facts import Ask, Chunk, Reply, Usage, known, merged
from beastmode_otel.wire.facts import part as part_of
from beastmode_otel.wire.formats.base import IGNORED, STATEFUL, Body, Embeddings, End, Format
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.user_text import Cut, Turns, cut_last_text
from beastmode_otel.wire.values import (
    content_text,
    count,
    index,
    integer,
    is_object,
    items,
    joined,
    mapping,
    number,
    reason_or_none,
    replaces,
    text_or_none,
    texts,
)

_TURNS: Final = Turns(member="contents", content="parts", kind=None, user=("user", None))
_FUNCTIONS: Final = frozenset({"functionDeclarations", "function_declarations"})
_SNAKE: Final = re.compile("([A-Z])")
_HOMES: Final = ("/models/{model}", "/tunedModels/{model}", "/endpoints/{model}")  # the last is Vertex's
_FILTERED: Final = (
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY"),
    *("IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "JAILBREAK"),
)


class Google(Format):
    """What its APIs share."""

    clients = ("google-genai-sdk/",)
    marks = ("x-goog-api-key",)
    ignored = IGNORED | {"labels"}  # by which Vertex bills

    def headers(self, key: str | None) -> dict[str, str]:
        return {} if key is None else {"x-goog-api-key": key}

    def body(self, body: Body, *, model: str | None, stream: bool) -> dict[str, Any]:
        return {name: value for name, value in body.items() if name not in ("model", "stream")}


class Gemini(Google):
    """The format of Gemini's answers. Its streams always carry usage."""

    api = "gemini.generate_content"
    operation = "generate_content"
    calls = (
        *(CallPath(f"{home}:generateContent") for home in _HOMES),
        *(CallPath(f"{home}:streamGenerateContent", streams=True, query=b"alt=sse") for home in _HOMES),
    )
    ends: Mapping[str, End] = MappingProxyType(
        {"STOP": "whole", "MAX_TOKENS": "truncated", **dict.fromkeys(_FILTERED, "filtered")}
    )
    stateful = STATEFUL | {"cachedContent", "cached_content"}
    final: Mapping[str, Any] = MappingProxyType({"usageMetadata": {}})  # for a stream that has no count at its end

    def endpoint(self, model: str, *, stream: bool) -> str:
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/models/{quote(model, safe='')}:{verb}"

    def address(self, target: bytes) -> bytes:
        path, _, query = target.partition(b"?")
        asked = query.split(b"&")
        if not path.endswith(b":streamGenerateContent") or b"alt=sse" not in asked:
            return target
        whole = path.removesuffix(b":streamGenerateContent") + b":generateContent"
        rest = b"&".join(one for one in asked if one != b"alt=sse")
        return whole + b"?" + rest if rest else whole

    def read_request(self, body: Body) -> Ask:
        how = mapping(_of(body, "generationConfig"))
        kind = _of(how, "responseMimeType")
        return Ask(
            api=self.api,
            operation=self.operation,
            include_usage=True,
            max_tokens=count(_of(how, "maxOutputTokens")),
            temperature=number(how.get("temperature")),
            top_p=number(_of(how, "topP")),
            top_k=count(_of(how, "topK")),
            seed=integer(how.get("seed")),
            stop_sequences=texts(_of(how, "stopSequences")),
            frequency_penalty=number(_of(how, "frequencyPenalty")),
            presence_penalty=number(_of(how, "presencePenalty")),
            choice_count=count(_of(how, "candidateCount")),
            has_tools=bool(body.get("tools")),
            output_type={"application/json": "json", "text/plain": "text"}.get(kind) if isinstance(kind, str) else None,
        )

    def is_clients_tool(self, tool: Body) -> bool:
        """One object may hold several, and all but functions run at Google (`{"googleSearch": {}}`)."""
        return bool(tool) and tool.keys() <= _FUNCTIONS

    def last_user_text(self, body: Body) -> Cut:
        return cut_last_text(body, _TURNS)

    def read_body(self, body: Any) -> Reply:
        """A whole answer, or the array of a stream's events."""
        if not isinstance(body, list):
            return _reply(body)
        assembler = GeminiAssembler()
        for event in body:
            assembler.add(mapping(event), "")
        error = next(filter(None, map(error_in, body)), None)
        said = _reply(assembler.body())
        return replace(said, body=body, error=error, parsed=said.parsed or error is not None)

    def assembler(self) -> GeminiAssembler:
        return GeminiAssembler()

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        return content_events(body)


class GeminiEmbeddings(Google, Embeddings):
    """The format of Gemini's embeddings, one or several at once."""

    api = "gemini.embeddings"
    calls = tuple(CallPath(f"{home}:{verb}") for home in _HOMES for verb in ("embedContent", "batchEmbedContents"))

    def endpoint(self, model: str, *, stream: bool) -> str:
        return f"/models/{quote(model, safe='')}:embedContent"

    def read_request(self, body: Body) -> Ask:
        asked = mapping(next(iter(items(body.get("requests"))), body))
        wanted = _of(asked, "outputDimensionality")
        if wanted is None:
            wanted = _of(mapping(_of(asked, "embedContentConfig")), "outputDimensionality")
        return Ask(api=self.api, operation=self.operation, dimensions=count(wanted))

    def vectors(self, body: Body) -> list[Any] | None:
        found = [body["embedding"]] if "embedding" in body else body.get("embeddings")
        return [mapping(one).get("values") for one in found] if isinstance(found, list) else None

    def usage(self, body: Body) -> Usage | None:
        return gemini_usage(body.get("usageMetadata"))


def gemini_usage(value: Any) -> Usage | None:
    """What tools made the model read, and its thoughts, are counted beside the prompt and the candidates. Where nothing
    is said of thoughts, what the total has more is theirs; where the total has no room for them, they are in the
    candidates (litellm's rule, `is_candidate_token_count_inclusive`)."""
    usage = mapping(value)
    names = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    asked, tools, made, thought = (count(usage.get(name)) for name in names)
    if asked is not None:
        asked += tools or 0
        total = count(usage.get("totalTokenCount")) or 0
        unsaid = total - asked - (made or 0)
        thought = unsaid if not thought and unsaid > 0 else thought
        if made and thought and total and unsaid == 0:
            made = max(made - thought, 0)
    return known(
        Usage(
            input_tokens=asked,
            output_tokens=None if made is None and thought is None else (made or 0) + (thought or 0),
            cached_input_tokens=part_of(count(usage.get("cachedContentTokenCount")), asked),
            reasoning_tokens=thought,
        )
    )


def _of(value: Body, name: str) -> Any:
    found = value.get(name)
    return value.get(_SNAKE.sub(lambda letter: f"_{letter[1].lower()}", name)) if found is None else found


def _parts(candidate: Body) -> list[Body]:
    return [mapping(part) for part in items(mapping(candidate.get("content")).get("parts"))]


def _said(parts: list[Body]) -> str:
    return content_text([part for part in parts if not part.get("thought")])


def _answers(part: Body) -> bool:
    return not part.get("thought") and any(value for name, value in part.items() if name != "thoughtSignature")


def _block_reason(body: Body) -> str | None:
    """Why the prompt was not answered."""
    return reason_or_none(mapping(body.get("promptFeedback")).get("blockReason"))


def _reply(body: Any) -> Reply:
    if not isinstance(body, Mapping):
        return Reply(parsed=False, body=body)
    candidates = sorted(map(mapping, items(body.get("candidates"))), key=_place)
    parts = [_parts(candidate) for candidate in candidates]
    calls = [part["functionCall"] for each in parts for part in each if "functionCall" in part]
    reasons = [reason_or_none(candidate.get("finishReason")) for candidate in candidates] or [_block_reason(body)]
    error = error_in(body)
    return Reply(
        parsed=isinstance(body.get("candidates"), list) or "promptFeedback" in body or error is not None,
        body=body,
        model=text_or_none(body.get("modelVersion")),
        id=text_or_none(body.get("responseId")),
        text=_said(parts[0]) if parts else "",
        finish_reasons=tuple(filter(None, reasons)),
        usage=gemini_usage(body.get("usageMetadata")),
        tool_calls=len(calls),
        broken_calls=sum(not isinstance(call, Mapping) or not is_object(call.get("args", {})) for call in calls),
        empty=not any(_answers(part) for each in parts for part in each),
        choices=max(1, len(candidates)),
        error=error,
    )


def _place(candidate: Body) -> int:
    return index(candidate.get("index")) or 0


# Put together.


class GeminiAssembler:
    """An `Assembler`. A text goes on with the one before; of what stands beside parts the last counts."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._candidates: dict[int, Candidate] = {}
        self._seen = False

    @property
    def complete(self) -> bool:
        if not self._candidates:
            return _block_reason(self._top) is not None
        return all(reason_or_none(candidate.fields.get("finishReason")) for candidate in self._candidates.values())

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        self._seen = True
        candidates = [mapping(candidate) for candidate in items(data.get("candidates"))]
        counts = data.get("usageMetadata")
        for name, value in data.items():
            if (value is not None or name not in self._top) and not (name == "usageMetadata" and value == {}):
                self._top[name] = merged(self._top.get(name), value) if name == "usageMetadata" else value
        for candidate in candidates:
            self._candidates.setdefault(_place(candidate), Candidate()).add(candidate)
        reasons = (reason_or_none(candidate.get("finishReason")) for candidate in candidates)
        return Chunk(
            data=data,
            event=event,
            text="".join(_said(_parts(candidate)) for candidate in candidates if not _place(candidate)),
            finish_reason=next(filter(None, reasons), None) or _block_reason(data),
            content=any(any(part.values()) for candidate in candidates for part in _parts(candidate)),
            terminal=(self.complete and bool(counts)) or data == Gemini.final,
        )

    def growth(self, data: Mapping[str, Any]) -> None:
        return None  # its events count tokens, and so are never alike

    def body(self) -> dict[str, Any] | None:
        if not self._seen:
            return None
        if not self._candidates:
            return {**self._top}
        return {**self._top, "candidates": [one.done() for _, one in sorted(self._candidates.items())]}


class Candidate:
    """One answer, growing."""

    __slots__ = ("_content", "_parts", "fields")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._content: dict[str, Any] | None = None
        self._parts: list[TextPart | Any] = []

    def add(self, candidate: Mapping[str, Any]) -> None:
        for name, value in candidate.items():
            if name == "content" and isinstance(value, Mapping):
                self._content = {**(self._content or {}), **value}
                self._add_parts(items(value.get("parts")))
            elif replaces(name, value, self.fields, "finishReason"):
                self.fields[name] = value

    def _add_parts(self, parts: list[Any]) -> None:
        """Of an event's parts, the first may go on with the last one so far."""
        for place, part in enumerate(parts):
            last = self._parts[-1] if self._parts else None
            if not is_text(part):
                self._parts.append(part)
            elif place == 0 and isinstance(last, TextPart) and last.is_open and last.thought is part.get("thought"):
                last.add(part)
            else:
                self._parts.append(TextPart(part))

    def done(self) -> dict[str, Any]:
        if self._content is None:
            return {**self.fields}
        parts = [part.done() if isinstance(part, TextPart) else part for part in self._parts]
        return {**self.fields, "content": {**self._content, **({"parts": parts} if "parts" in self._content else {})}}


class TextPart:
    """A text, growing until it has a member that only its end has, such as the signature of a thought."""

    __slots__ = ("_fields", "_texts", "is_open", "thought")

    def __init__(self, part: Mapping[str, Any]) -> None:
        self._texts: list[str] = []
        self._fields: dict[str, Any] = {}
        self.thought = part.get("thought")
        self.add(part)

    def add(self, part: Mapping[str, Any]) -> None:
        self._texts.append(part["text"])
        self._fields.update(part)
        self.is_open = is_plain(part)

    def done(self) -> dict[str, Any]:
        return {**self._fields, "text": joined(self._texts)}


def is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("text"), str)


def is_plain(part: Mapping[str, Any]) -> bool:
    return part.keys() <= {"text", "thought"}


# Taken apart.


def content_events(body: Any) -> list[dict[str, Any]] | None:
    """The events; None when `body` is no complete answer. The first holds the beginning of every candidate."""
    if not _is_answer(body):
        return None
    top = {name: value for name, value in body.items() if name not in ("candidates", "usageMetadata")}
    head = {name: value for name, value in top.items() if not isinstance(value, dict | list)}
    last = {"usageMetadata": body["usageMetadata"]} if "usageMetadata" in body else {}
    steps = [list(_steps(candidate)) for candidate in items(body.get("candidates"))]
    begun = {"candidates": [first for first, *_ in steps]} if steps else {}
    events = [{**top, **begun}, *({**head, "candidates": [step]} for _, *others in steps for step in others)]
    events[-1] |= last
    return events if last else [*events, {**Gemini.final}]


def _is_answer(body: Any) -> bool:
    """Complete, in candidates that can be told apart, or none at all because the prompt was blocked."""
    answer = mapping(body)
    candidates = items(answer.get("candidates"))
    if error_in(body) is not None or answer.get("usageMetadata", True) in (None, {}) or None in answer.values():
        return False
    if not candidates:
        return "candidates" not in answer and _block_reason(answer) is not None
    places = [_place(mapping(candidate)) for candidate in candidates]
    return places == sorted({*places}) and all(map(_is_complete, candidates))


def _is_complete(candidate: Any) -> bool:
    content = mapping(candidate).get("content", {})
    parts = mapping(content).get("parts", [])
    ended = isinstance(mapping(candidate).get("finishReason"), str) and bool(candidate["finishReason"])
    return ended and isinstance(content, Mapping) and isinstance(parts, list)


def _steps(candidate: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The candidate as the events have it, the last with all that is known at the end."""
    place = {"index": candidate["index"]} if "index" in candidate else {}
    content = candidate.get("content")
    *begun, last = _grouped(items(mapping(content).get("parts"))) or [[]]
    for parts in begun:
        yield {**place, "content": {**mapping(content), "parts": parts}}
    parts_at_end = {"parts": last} if "parts" in mapping(content) else {}
    yield {**candidate, **({"content": {**content, **parts_at_end}} if isinstance(content, Mapping) else {})}


def _grouped(parts: list[Any]) -> list[list[Any]]:
    """The parts of each event: texts piece by piece, all else whole. What would go on with the text before it, though
    it is another part, shares an event with that one's end."""
    events: list[list[Any]] = []
    before: Any = None
    for part in parts:
        first, *others = _pieces(part) if is_text(part) else [part]
        if is_text(part) and is_text(before) and is_plain(before) and before.get("thought") is part.get("thought"):
            events[-1].append(first)
        else:
            events.append([first])
        events += [[piece] for piece in others]
        before = part
    return events


def _pieces(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    thought = {"thought": part["thought"]} if "thought" in part else {}
    *begun, last = list(pieces(part["text"])) or [""]
    return [*({**thought, "text": piece} for piece in begun), {**part, "text": last}]
