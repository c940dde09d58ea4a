"""The facts that every format is read into: what a request asks, what a response says and used, one step of a stream,
an error."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from beastmode_otel.record import record


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
class ProviderError:
    """An error in a provider's own words. Every field is None when the provider did not say it.

    status: HTTP status, None for an error inside a 200. message: at most 500 characters on one line, never HTML; it may
    quote the prompt or a key, so it is for people and must be redacted. type, code: see `provider_error.identifier`
    before telemetry.
    """

    status: int | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    message: str | None = None
    request_id: str | None = None


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
    pending: no answer but a receipt for one that the provider is still to make. error: a 200 that carries an error.
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
    """

    data: Any = field(default=None, repr=False)
    event: str = ""
    text: str = field(default="", repr=False)
    finish_reason: str | None = None
    content: bool = False
    terminal: bool = False
    usage_only: bool = False
    error: ProviderError | None = None
