"""What a request asks in words, where words are all that it asks: what semantic matching may compare."""

from __future__ import annotations

from dataclasses import field

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.key import KeyParts, cut_of, derive_cut
from beastmode_otel.record import record
from beastmode_otel.wire import format_named


@record(frozen=True, slots=True, kw_only=True)
class Wording:
    """text: the last turn, whole. temperature: what the request says, None where it leaves it to the provider."""

    text: str = field(repr=False)
    temperature: float | None = None


def wording_of(parts: KeyParts, key: Key) -> Wording | None:
    """The words of the request whose key this is.

    None: its last turn is not the user's, or not text alone (images, tool results), or has no text that could mean
    something; or the request was changed since its key was derived, so that nobody knows which words that stands for.
    """
    cut = cut_of(parts)
    if not cut.alone or cut.text is None or not cut.text.strip():
        return None
    temperature = format_named(parts.api).read_request(parts.body).temperature
    try:
        unchanged = derive_cut(parts, cut) == key
    except ValueError:  # NotCanonical among them
        return None
    return Wording(text=cut.text, temperature=temperature) if unchanged else None
