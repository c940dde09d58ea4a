"""KeyMemo from memory are the keys that `derive` gives, for everything that it takes, and refuse what it refuses."""

from __future__ import annotations

import struct
import types
from collections.abc import Mapping
from typing import Any

import pytest

from beastmode_otel.cache import key as cache_key
from beastmode_otel.cache.canonical import NotCanonical
from beastmode_otel.cache.key import LONGEST, KeyMemo, KeyParts, KeyTarget, derive


def parts(body: Mapping[str, Any], **but: Any) -> KeyParts:
    said: dict[str, Any] = {
        "tenant": "acme",
        "namespace": "shop",
        "api": "openai.chat",
        "targets": (KeyTarget("openai", "https://api.openai.com/v1", "gpt-4o-mini"),),
        "requested": "fast",
    }
    return KeyParts(body=body, **said | but)


def chat(text: Any = "hello", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


class OwnFloat(float):
    """A subclass, which marshal writes by its buffer or not at all."""


BODIES = (
    chat(),
    chat(temperature=1),
    chat(temperature=1.0),
    chat(temperature=True),
    chat(temperature=0.2),
    chat(temperature=OwnFloat(0.2)),
    chat(user="me", stream=True, model="x"),
    chat(top_k=None),
    chat(stop=("a", "b")),
    chat(stop=["a", "b"]),
    chat(data=b"abc"),
    chat(data=bytearray(b"abc")),
    chat(data="abc"),
    chat("data:#f0.2"),
    chat("x" * (LONGEST + 1)),
    types.MappingProxyType(chat()),
)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(dict(body))[46:90])
def test_a_key_from_memory_is_the_derived_one(body: Mapping[str, Any]) -> None:
    keys = KeyMemo()
    for other in BODIES:
        keys.derive(parts(other))

    assert keys.derive(parts(body)) == keys.derive(parts(body)) == derive(parts(body))


@pytest.mark.parametrize(
    "but",
    [
        {"tenant": "other"},
        {"namespace": "other"},
        {"requested": "other"},
        {"headers": {"anthropic-beta": "x"}},
        {"targets": (KeyTarget("openai", "https://api.openai.com/v1", "gpt-4o"),)},
    ],
)
def test_the_memory_knows_whose_request_it_was(but: dict[str, Any]) -> None:
    keys = KeyMemo()
    keys.derive(parts(chat()))

    assert keys.derive(parts(chat(), **but)) == derive(parts(chat(), **but))


def test_a_number_of_numpy_is_not_the_bytes_that_marshal_makes_of_it() -> None:
    numpy = pytest.importorskip("numpy")
    keys, number = KeyMemo(), numpy.float64(0.2)
    looks_alike = chat(temperature=struct.pack("d", 0.2))

    assert keys.derive(parts(looks_alike)) == derive(parts(looks_alike))
    assert keys.derive(parts(chat(temperature=number))) == derive(parts(chat(temperature=number)))


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, 1j, {1: "a"}, ..., "\ud800", object()])
def test_what_has_no_key_is_refused_each_time(value: Any) -> None:
    keys = KeyMemo()

    for _ in range(2):
        with pytest.raises(NotCanonical):
            keys.derive(parts(chat(odd=value)))


def test_nobody_has_no_key_and_a_circle_neither() -> None:
    circle = chat()
    circle["messages"].append(circle)

    with pytest.raises(ValueError, match="empty tenant"):
        KeyMemo().derive(parts(chat(), tenant=""))
    with pytest.raises(NotCanonical):
        KeyMemo().derive(parts(circle))


def test_a_request_that_another_thread_changes_is_remembered_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    body, keys = chat("before"), KeyMemo()
    loads = cache_key.marshal.loads

    def changed_meanwhile(seen: bytes) -> Any:
        body["messages"][0]["content"] = "after"
        return loads(seen)

    monkeypatch.setattr(cache_key, "marshal", types.SimpleNamespace(loads=changed_meanwhile, dumps=_dumps))
    keys.derive(parts(body))
    monkeypatch.undo()

    assert keys.derive(parts(chat("before"))) == derive(parts(chat("before")))


_dumps = cache_key.marshal.dumps


def test_it_derives_once_and_forgets_what_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    derived: list[str] = []

    def counting(asked: KeyParts) -> Any:
        derived.append(asked.body["messages"][0]["content"])
        return derive(asked)

    monkeypatch.setattr(cache_key, "derive", counting)
    keys = KeyMemo(most=2)
    for text in ("a", "a", "b", "c", "a", "d", "e", "a", "b"):
        keys.derive(parts(chat(text)))

    assert derived == ["a", "b", "c", "d", "e", "b"]


def test_what_is_long_is_neither_copied_nor_remembered_once_it_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that sends pictures pays for one snapshot of them; a short request in between is remembered again."""
    snapshots: list[int] = []

    def counting(value: Any, form: int) -> bytes:
        made = _dumps(value, form)
        snapshots.append(len(made))
        return made

    monkeypatch.setattr(cache_key, "marshal", types.SimpleNamespace(loads=cache_key.marshal.loads, dumps=counting))
    keys = KeyMemo()
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "x" * LONGEST}}
    long = parts(chat([{"type": "text", "text": "what is this?"}, image]))
    for asked in (long, long, long, parts(chat()), parts(chat()), long):
        assert keys.derive(asked) == derive(asked)

    assert [length > LONGEST for length in snapshots] == [True, False, False, True]


def test_a_long_request_first_and_then_a_circle() -> None:
    """Looking at its length comes to an end."""
    keys, circle = KeyMemo(), chat()
    circle["messages"].append(circle)
    keys.derive(parts(chat("x" * (LONGEST + 1))))

    with pytest.raises(NotCanonical):
        keys.derive(parts(circle))
