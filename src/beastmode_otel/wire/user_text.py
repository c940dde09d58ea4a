"""The last thing that the user said, cut out of a request: semantic matching compares it, a scope leaves it out.

Where it stands is the format's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_LISTS: Final = (list, tuple)  # `list | tuple` in an isinstance is made anew at each call


class Cut(NamedTuple):
    """A request in two pieces that together say all of it.

    body: the request with null where the texts stood. place: where that was, "" when nothing was cut: the member's
    name or the message's index, then, for a content of parts, the indexes of its text parts. texts: in that order.
    alone: nothing but these texts stands in that message, and nothing came after it.
    """

    body: Mapping[str, Any]
    place: str = ""
    texts: tuple[str, ...] = ()
    alone: bool = False

    @property
    def text(self) -> str | None:
        """For an embedder: the texts, joined by a line break; None when the user said nothing."""
        return "\n".join(self.texts) if self.place else None


class Turns(NamedTuple):
    """Where an API keeps a conversation. member: the list of messages. content: their text, or the list of its parts.
    kind: the `type` of a part that is text, None where parts have none. user: who the user is; None: nobody's name."""

    member: str = "messages"
    content: str = "content"
    kind: str | None = "text"
    user: tuple[str | None, ...] = ("user",)


MESSAGES: Final = Turns()


def cut_last_text(body: Mapping[str, Any], turns: Turns = MESSAGES) -> Cut:
    """Cut the text of the last message of the user that has any.

    A message of tool results or images alone has none: the one before it is looked at. What has no such list is not
    cut. `body` is left as it is.
    """
    messages = body.get(turns.member)
    if not isinstance(messages, _LISTS):
        return Cut(body=body)
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        # `type` first: it is ten times faster than the ABC, and nearly always right.
        if not (type(message) is dict or isinstance(message, Mapping)) or message.get("role") not in turns.user:
            continue
        content = message.get(turns.content)
        last = index == len(messages) - 1 and message.keys() <= {turns.content, *_BESIDE}
        if isinstance(content, str):
            return Cut(_replaced(body, turns, index, None), str(index), (content,), last)
        if isinstance(content, _LISTS) and (found := _text_parts(content, turns.kind)):
            parts = [{**part, "text": None} if at in found else part for at, part in enumerate(content)]
            place = f"{index}:{','.join(map(str, found))}"
            alone = last and len(found) == len(content)
            return Cut(_replaced(body, turns, index, parts), place, tuple(found.values()), alone)
    return Cut(body=body)


_BESIDE: Final = ("role", "type", "name")  # of a message: whatever else it has (Ollama's images) may be asked about


def cut_member(body: Mapping[str, Any], name: str, *, beside: tuple[str, ...] = ("suffix", "images")) -> Cut:
    """Cut a text that stands at the top, such as a prompt. Anything else there is not cut. beside: members with which
    it is not all that is asked."""
    said = body.get(name)
    if not isinstance(said, str):
        return Cut(body=body)
    return Cut({**body, name: None}, name, (said,), not any(body.get(other) for other in beside))


def _text_parts(content: Any, kind: str | None) -> dict[int, str]:
    return {
        at: part["text"]
        for at, part in enumerate(content)
        if isinstance(part, Mapping) and part.get("type") == kind and isinstance(part.get("text"), str)
    }


def _replaced(body: Mapping[str, Any], turns: Turns, index: int, content: Any) -> dict[str, Any]:
    messages = [*body[turns.member]]
    messages[index] = {**messages[index], turns.content: content}
    return {**body, turns.member: messages}
