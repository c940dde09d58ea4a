"""The facts that every format is read into: what a request asks, what a response says, one step of a stream, an error;
and how many tokens a call took, in one shape whichever provider counts them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from beastmode_otel.record import record
from beastmode_otel.wire.values import count, mapping


@record(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks. None or empty: the request does not say, or says something that is not of the right type.

    include_usage: the caller's own stream will carry usage. choice_count: None is the provider's default, 1.
    output_type: `json` or `text`, when the request fixes it. encoding_formats, dimensions: of the embeddings asked for.
    """

    api: str
    operation: str
    model: str | None = None
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop_sequences: tuple[str, ...] = ()
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    choice_count: int | None = None
    has_tools: bool = False
    output_type: str | None = None
    encoding_formats: tuple[str, ...] = ()
    dimensions: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. None where the provider said nothing that can be a count.

    input_tokens: everything that was read, cached tokens included. output_tokens: everything that was generated,
    reasoning included. cached_input_tokens, cache_write_tokens: the parts of the input that the provider's prompt cache
    supplied and stored. reasoning_tokens: part of the output. estimated: our guess, not the provider's count.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    estimated: bool = False


@record(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call of a model among several that an answer took (Anthropic's `iterations`).

    model: None for the answer's own. long_cache_writes: how many of the tokens that the prompt cache wrote are kept for
    an hour, which is dearer.
    """

    usage: Usage
    model: str | None = None
    long_cache_writes: int = 0


@record(frozen=True, slots=True, kw_only=True)
class Billing:
    """What an answer says of its price. told: USD that the provider says it charges; None: it does not say.

    tier: the service tier that served it, in lower case; None for the standard one. long_cache_writes: as a
    `ModelCall`'s. uncertain: something else holds that changes the price by how much we do not know. calls: of models,
    where an answer took several; empty otherwise.
    """

    told: float | None = None
    tier: str | None = None
    long_cache_writes: int = 0
    uncertain: bool = False
    calls: tuple[ModelCall, ...] = ()


@record(frozen=True, slots=True, kw_only=True)
class ProviderError:
    """An error in a provider's own words. Every field is None when the provider did not say it.

    status: HTTP status, None for an error inside a 200. message: at most 500 characters on one line, never HTML; it may
    quote the prompt or a key, so it is for people and must be redacted. type, code: see `provider_error.identifier`
    before telemetry. What only `categorise` reads, and no two errors differ in: names: whatever else names the error in
    its structure. text: all that it says, longer than the message. wait: seconds that it asks to wait in its body.
    behind: the status that the provider behind a gateway gave.
    """

    status: int | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    message: str | None = None
    request_id: str | None = None
    names: tuple[str, ...] = field(default=(), compare=False)
    text: str = field(default="", repr=False, compare=False)
    wait: float | None = field(default=None, compare=False)
    behind: int | None = field(default=None, compare=False)


@record(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a response says, or what a stream has said so far. Look at `error` first, then at `parsed`.

    parsed: the body is JSON of the shape that this API answers with, or an error. body: the decoded JSON whatever its
    shape, None when it is none; never to be changed, others may hold it. text: the assistant's text in the first
    choice. finish_reasons: one for each choice that has one. refusal: not None when the model declined, "" when it gave
    no words. tool_calls: how many tools the model wants called, over all choices. broken_calls: those with arguments
    that are no JSON object. empty: no choice holds an answer: no
    text, tool call, refusal or media (reasoning alone is no answer). whole: it is complete though answers of its kind
    have no finish reason (embeddings). choices: how many there are.
    pending: no answer but a receipt for one that the provider is still to make. broken_events: those of the stream that
    were no JSON and were left out; nothing readable was in them. error: a 200 that carries an error.
    """

    parsed: bool
    body: Any = field(default=None, repr=False)
    model: str | None = None
    id: str | None = None
    text: str = field(default="", repr=False)
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    refusal: str | None = field(default=None, repr=False)
    tool_calls: int = 0
    broken_calls: int = 0
    empty: bool = True
    whole: bool = False
    choices: int = 1
    pending: bool = False
    broken_events: int = 0
    error: ProviderError | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether there is neither an answer in it nor a reason why there is none."""
        return self.empty and not (self.finish_reasons or self.whole or self.pending or self.error)


@record(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One step of a stream, as the caller sees it.

    data: the decoded event exactly as the provider sent it, None when it is no JSON (`[DONE]`). event: its name, ""
    when it has none. text: what it adds to the text of the first choice. content: it carries generated output of any
    kind (text, reasoning, a tool call, a refusal), so the first such chunk is the first token. terminal: the last
    event. usage_only: OpenAI's extra event at the end that holds usage and no choice. error: the provider gave up here.
    void: what came before is no part of the answer, which begins anew after this chunk; it holds nothing itself.
    """

    data: Any = field(default=None, repr=False)
    event: str = ""
    text: str = field(default="", repr=False)
    finish_reason: str | None = None
    content: bool = False
    terminal: bool = False
    usage_only: bool = False
    error: ProviderError | None = None
    void: bool = False


# How a provider counts stands with its format; OpenAI's way is here, since half of the formats count like it.

_WIDE: Final = re.compile("[\u2e80-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff]")
_SILENT: Final = Usage()
_COUNTS: Final = (*("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens"),)


def openai_usage(value: Any) -> Usage | None:
    """Usage as OpenAI writes it, with the chat names (`prompt_tokens`) or those of the responses API (`input_tokens`).

    Cached tokens are counted inside the input. A part larger than its whole is ignored. Counts a step deeper, as
    Cohere's are, count where there are none at the top. None when nothing is known.
    """
    usage = mapping(value)
    asked = _first(usage, "prompt_tokens", "input_tokens")
    answered = _first(usage, "completion_tokens", "output_tokens")
    if asked is None and answered is None and (deeper := mapping(usage.get("billed_units") or usage.get("tokens"))):
        usage = {**usage, **deeper}
        asked, answered = _first(usage, "input_tokens"), _first(usage, "output_tokens")
    read = mapping(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    made = mapping(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    reasoning = count(made.get("reasoning_tokens"))
    cached = _first({**usage, **read}, "cached_tokens", "prompt_cache_hit_tokens")  # the second is DeepSeek's
    total = count(usage.get("total_tokens"))
    if asked is not None and answered is not None and total is not None and total > asked + answered:
        answered = _with_reasoning(answered, reasoning, total - asked - answered, cached or 0)
    return known(
        Usage(
            input_tokens=asked,
            output_tokens=answered,
            cached_input_tokens=part(cached, asked),
            cache_write_tokens=part(count(read.get("cache_write_tokens")), asked),  # OpenRouter
            reasoning_tokens=part(reasoning, answered),
        )
    )


def known(usage: Usage) -> Usage | None:
    """`usage`, None when it says nothing."""
    return None if usage == _SILENT else usage


def merged(last: Any, new: Any) -> dict[str, Any]:
    """Usage that a stream has told twice, member by member: the later count holds, but null and zero erase nothing."""
    found = dict(mapping(last))
    for name, value in mapping(new).items():
        said = found.get(name)
        if isinstance(value, Mapping) and isinstance(said, Mapping):
            found[name] = merged(said, value)
        elif value or not said:
            found[name] = value if value is not None or name not in found else said
    return found


def later(last: Usage | None, new: Usage | None) -> Usage | None:
    """`merged` for usage that is read already."""
    if last is None or new is None:
        return last if new is None else new
    if new.input_tokens and new.output_tokens:
        return new
    told = {name: getattr(new, name) or getattr(last, name) for name in _COUNTS}
    return Usage(**told, estimated=new.estimated)


def told_first(*usages: Usage | None) -> Usage | None:
    """The first that counts anything, else the first that there is. Two tellings of the same are never added."""
    found = [usage for usage in usages if usage is not None]
    return next((usage for usage in found if usage.input_tokens or usage.output_tokens), found[0] if found else None)


def part(count: int | None, whole: int | None) -> int | None:
    """The count of a part, None when it is larger than its whole."""
    return None if count is not None and whole is not None and count > whole else count


def estimate(text: str) -> int:
    """About how many tokens `text` is, without a tokenizer; meant for sums, off by a third for a single text.

    English and code come to 4 characters a token, other alphabets to 2, and Chinese, Japanese, Korean and emoji to 1
    (OpenAI's rule of thumb, and what byte-pair encoders of 100,000 to 200,000 entries give).
    """
    narrow = len(text.encode("ascii", "ignore"))
    wide = 0 if narrow == len(text) else len(_WIDE.findall(text))
    other = len(text) - narrow - wide
    return -(-narrow // 4) + -(-other // 2) + wide


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    return next((found for name in names if (found := count(usage.get(name))) is not None), None)


def _with_reasoning(answered: int, reasoning: int | None, more: int, cached: int) -> int:
    """What was generated, where the total says that there was `more` than input and `answered`.

    xAI counts reasoning beside `completion_tokens`, OpenAI inside it; Gemini, spoken to as OpenAI, tells of its
    thoughts nowhere but in the total. A gateway that leaves cached tokens out of the input has them in the total, too.
    """
    return answered + more if more == reasoning or (not reasoning and more != cached) else answered
