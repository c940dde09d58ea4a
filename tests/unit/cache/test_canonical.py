"""One spelling for each JSON value: injective, and the same whichever encoder is installed."""

from __future__ import annotations

import base64
import enum
import json
import subprocess
import sys
import threading
from collections import OrderedDict, UserDict, namedtuple
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from beastmode_otel.cache.canonical import MAX_DEPTH, Encoder, NotCanonical, accelerated, canonical, stdlib

FAST = accelerated()
ENCODERS = [stdlib] if FAST is None else [stdlib, FAST]
CONFUSING = ["", "1", "true", "null", "data:", "data:=", "data:=x", "data:#f0.5", "data:#fnan", "data:#b" + "0" * 64]
CONFUSING += ["\x00", "\x7f", "\u2028", "é", "e\u0301", "\U0001f600", "\uffff", '"', "\\", "/", "DATA:"]
numbers = st.sampled_from(
    [0, -0.0, 1, 1.0, -1, 0.5, 1e-7, 1e-5, 1e16, 10**16, 1e22, 10**22, 2**63, 2**64, -(2**63) - 1]
)
leaves = st.none() | st.booleans() | numbers | st.sampled_from(CONFUSING) | st.integers() | st.text(max_size=4)
leaves |= st.floats(allow_nan=False, allow_infinity=False)
names = st.sampled_from(["a", "b", "é", "\U0001f600", "\uffff", "data:", "url"]) | st.text(max_size=3)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
few = st.sampled_from([None, True, False, 0, -0.0, 1, 1.0, 0.5, "0.5", "1", "data:=1", "data:#f0.5"])
similar = st.recursive(few, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2))


def meaning(value: Any) -> Any:
    """The JSON value, comparable: what `canonical` must keep apart, told without it."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value).__name__, value)
    if isinstance(value, int | float):
        return ("number", Fraction(value))
    if isinstance(value, dict):
        return ("object", frozenset((name, meaning(item)) for name, item in value.items()))
    return ("array", tuple(map(meaning, value)))


@given(values, values)
@example(1, True)
@example(0, False)
@example("data:=x", "data:x")
@example("data:#f0.5", 0.5)
@example([["a"], "b"], ["a", ["b"]])
def test_equal_bytes_mean_equal_values(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (meaning(one) == meaning(other))


@settings(max_examples=400)
@given(similar, similar)
def test_equal_bytes_mean_equal_values_among_look_alikes(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (meaning(one) == meaning(other))


@given(values)
def test_every_encoder_writes_the_same(value: Any) -> None:
    assert len({canonical(value, encoder=encoder) for encoder in ENCODERS}) == 1


@given(values)
def test_it_is_json_and_leaves_its_argument_alone(value: Any) -> None:
    before = json.dumps(value)
    json.loads(canonical(value))
    assert json.dumps(value) == before


@given(values)
def test_key_order_and_number_spelling_do_not_matter(value: Any) -> None:
    assert canonical(respelled(value)) == canonical(value)


def respelled(value: Any) -> Any:
    if isinstance(value, dict):
        return OrderedDict((name, respelled(value[name])) for name in reversed(list(value)))
    if isinstance(value, list):
        return tuple(map(respelled, value))
    if type(value) is int and abs(value) <= 2**53:
        return float(value)
    return value


@pytest.mark.parametrize("encoder", ENCODERS)
def test_spelling(encoder: Encoder) -> None:
    value = {"b": [1.0, 1e-7, True, None, -0.0, 2**70], "a": "é\n\x01/", "\uffff": "data:x", "\U0001f600": {}}
    expected = (
        '{"a":"é\\n\\u0001/","b":[1,"data:#f1e-07",true,null,0,1180591620717411303424],'
        '"\uffff":"data:=x","\U0001f600":{}}'
    )
    assert canonical(value, encoder=encoder) == expected.encode()


def test_the_unusual_is_read_as_what_it_stands_for() -> None:
    class Role(enum.StrEnum):
        USER = "user"

    class Level(enum.IntEnum):
        LOW = 1

    point = namedtuple("point", "x y")
    odd = UserDict({Role.USER: Role.USER, "level": Level.LOW, "point": point(1, 2.5), "more": OrderedDict(a=1)})
    assert canonical(odd) == canonical({"user": "user", "level": 1, "point": [1, 2.5], "more": {"a": 1}})


@pytest.mark.parametrize("same", [bytes, bytearray, memoryview, lambda data: memoryview(data * 2)[: len(data)]])
def test_bytes_are_told_by_their_digest(same: Any) -> None:
    assert canonical([same(b"abc")]) == canonical([b"abc"]) != canonical([same(b"abd")])
    assert canonical([b"abc"]) != canonical(["abc"])
    assert len(canonical(b"x" * 1_000_000)) < 100


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_data_urls_are_equal_when_their_bytes_are(one: bytes, other: bytes) -> None:
    assert (canonical({"url": data_url(one)}) == canonical({"url": data_url(other)})) == (one == other)
    wrapped = f"data:image/png;base64,{base64.encodebytes(one).decode()}"
    unpadded = f"data:image/png;base64,{base64.urlsafe_b64encode(one).decode().rstrip('=')}"
    for spelling in (wrapped, unpadded):
        assert canonical({"url": spelling}) == canonical({"url": data_url(one)})


def test_a_data_url_is_no_other_url_type_or_text() -> None:
    url = data_url(b"abc")
    token = json.loads(canonical({"url": url}))["url"]
    others = [data_url(b"abc", "image/jpeg"), "https://a.test/i.png", token, url + "!", "data:text/plain,abc", b"abc"]
    assert len({canonical({"url": other}) for other in [url, *others]}) == len(others) + 1
    assert len(canonical({"image_url": {"url": data_url(b"x" * 1_000_000)}})) < 150
    assert b"https://a.test/i.png" in canonical({"url": "https://a.test/i.png"})


def test_what_looks_like_a_data_url_in_a_text_is_text() -> None:
    assert canonical({"text": "data:;base64,QU JD"}) != canonical({"text": "data:;base64,QUJD"})


class Shouting(str):
    def __str__(self) -> str:
        return self.upper()


def test_a_subclass_says_what_it_holds_not_what_it_prints() -> None:
    assert canonical({"url": Shouting(data_url(b"abc")), "x": Shouting("a")}) == canonical(
        {"url": data_url(b"abc"), "x": "a"}
    )


def circle() -> Any:
    ring: list[Any] = []
    ring.extend([ring] * 1000)
    return ring


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


class Twice(str):
    """Two of these are different keys of a dict, and the same text."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


REFUSED = {
    "nan": float("nan"),
    "infinity": [-float("inf")],
    "key": {1: 2},
    "no key": {None: 2},
    "deep key": {"a": [{True: 1}]},
    "equal keys": {Twice("a"): 1, Twice("a"): 2},
    "surrogate": "\ud800",
    "surrogate in a key": {"\udfff": 1},
    "surrogate in a url": {"url": "data:;base64,\ud800"},
    "circle": circle(),
    "deep": nested(MAX_DEPTH + 1),
    "set": {1},
    "complex": 1j,
    "object": object(),
    "enum": enum.Enum("Colour", "RED").RED,
    "thread": [threading.Lock()],
    "digits": 10**5000,
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_json_cannot_say_is_refused(name: str, encoder: Encoder) -> None:
    with pytest.raises(NotCanonical) as failure:
        canonical({"messages": REFUSED[name]} if name != "key" else REFUSED[name], encoder=encoder)
    assert str(failure.value)
    assert failure.value.__cause__ is None


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_hundred_levels_are_allowed(encoder: Encoder) -> None:
    assert canonical(nested(MAX_DEPTH), encoder=encoder) == b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH


def test_the_refusal_does_not_quote() -> None:
    with pytest.raises(NotCanonical) as failure:
        canonical({"content": "secret \ud800"})
    assert "secret" not in repr(failure.value)
    assert failure.value.__suppress_context__


def test_without_orjson_the_standard_library_is_used() -> None:
    script = (
        "import sys; sys.modules['orjson'] = None\n"
        "from beastmode_otel.cache import canonical as encoders\n"
        "from beastmode_otel.cache.canonical import canonical\n"
        "assert encoders.BEST is encoders.stdlib and encoders.accelerated() is None\n"
        "sys.stdout.buffer.write(canonical({'b': [1.5, 1e-7, 2**80], 'a': 'é'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == canonical({"b": [1.5, 1e-7, 2**80], "a": "é"})
