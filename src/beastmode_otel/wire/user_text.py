"""The last thing that the user said, cut out of a request: semantic matching compares it, a scope leaves it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from beastmode_otel.wire.values import content_text, items, mapping, text


def prompt_text(body: Mapping[str, Any]) -> str:
    """All text of a request, in any format: messages, system prompt, `input` and `prompt`; tools and media left out."""
    listed = [*items(body.get("messages")), *items(body.get("input")), *items(body.get("prompt"))]
    plain = [content_text(body.get(name)) for name in ("system", "instructions")]
    asked = [text(body.get(name)) for name in ("prompt", "input")]
    return "\n".join(filter(None, [*plain, *asked, *map(_said, listed)]))


def _said(item: Any) -> str:
    """A message, an item of a conversation, or one of several texts."""
    if isinstance(item, str):
        return item
    return content_text(mapping(item).get("content")) or content_text(mapping(item).get("output"))


_LISTS: Final = (list, tuple)  # `list | tuple` in an isinstance is made anew at each call


class Cut(NamedTuple):
    """A request in two pieces that together say all of it.

    body: the request with null where the texts stood. place: where that was, "" when nothing was cut: the message's
    index, then, for a content of parts, the indexes of its text parts. texts: in that order.
    """

    body: Mapping[str, Any]
    place: str = ""
    texts: tuple[str, ...] = ()

    @property
    def text(self) -> str | None:
        """For an embedder: the texts, joined by a line break; None when the user said nothing."""
        return "\n".join(self.texts) if self.place else None


def cut_last_text(body: Mapping[str, Any]) -> Cut:
    """Cut the text of the last user message that has any, in OpenAI's chat and Anthropic's messages.

    A message of tool results or images alone has none: the one before it is looked at. What has no
    `messages` is not cut. `body` is left as it is.
    """
    messages = body.get("messages")
    if not isinstance(messages, _LISTS):
        return Cut(body=body)
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        # `type` first: it is ten times faster than the ABC, and nearly always right.
        if not (type(message) is dict or isinstance(message, Mapping)) or message.get("role") != "user":
            continue
        content = message.get("content")
        if isinstance(content, str):
            return Cut(body=_replaced(body, index, None), place=str(index), texts=(content,))
        if isinstance(content, _LISTS) and (found := _text_parts(content)):
            return _cut_parts(body, index, content, found)
    return Cut(body=body)


def _cut_parts(body: Mapping[str, Any], index: int, content: Any, found: dict[int, str]) -> Cut:
    parts = [{**part, "text": None} if at in found else part for at, part in enumerate(content)]
    place = f"{index}:{','.join(map(str, found))}"
    return Cut(body=_replaced(body, index, parts), place=place, texts=tuple(found.values()))


def _text_parts(content: Any) -> dict[int, str]:
    return {
        at: part["text"]
        for at, part in enumerate(content)
        if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)
    }


def _replaced(body: Mapping[str, Any], index: int, content: Any) -> dict[str, Any]:
    messages = [*body["messages"]]
    messages[index] = {**messages[index], "content": content}
    return {**body, "messages": messages}
