"""How many tokens a call took, in one shape whichever provider counts them.

How a provider counts stands with its format; OpenAI's way is here, since half of the formats count like it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.facts import Usage
from beastmode_otel.wire.values import count, mapping

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
