"""The key of a request: what it tells apart, what it does not, and its golden vectors."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.cache.canonical import Encoder, NotCanonical, accelerated, canonical, stdlib
from beastmode_otel.cache.explain import explain_key
from beastmode_otel.cache.key import KeyParts, KeyTarget, credential_tenant, derive
from beastmode_otel.wire.formats.base import IGNORED
from beastmode_otel.wire.user_text import cut_last_text

FAST = accelerated()
ENCODERS = [stdlib] if FAST is None else [stdlib, FAST]
MAIN = KeyTarget("openai", "https://api.openai.com/v1", "gpt-4o-mini")
URL = "data:image/png;base64,iVBORw0KGgo="

CHAT: dict[str, Any] = {
    "model": "custom:chat",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 1e-7?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "0.0000001"},
        {"role": "user", "content": "Räuber 😀 and again?"},
    ],
    "temperature": 0.2,
    "top_p": 1.0,
    "seed": 2**70,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"minimum": 1e-7, "enum": ["a", "b"]}}}],
}
VISION: dict[str, Any] = {
    "system": [{"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is"},
                {"type": "image_url", "image_url": {"url": URL}},
                {"type": "text", "text": "this?"},
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1.5}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "5"}]},
    ],
    "max_tokens": 100,
}
SILENT: dict[str, Any] = {"messages": [{"role": "system", "content": "Speak first."}], "n": 2}


def parts(body: dict[str, Any], **but: Any) -> KeyParts:
    how: dict[str, Any] = {
        "tenant": "acme",
        "namespace": "shop",
        "api": "openai.chat",
        "targets": (MAIN,),
        "requested": "custom:chat",
    }
    return KeyParts(**{**how, **but}, body=body)


def digest(body: dict[str, Any], **but: Any) -> bytes:
    return derive(parts(body, **but)).digest


def scope(body: dict[str, Any], **but: Any) -> bytes:
    return derive(parts(body, **but)).scope


# Golden vectors: a change here forgets every stored answer, and must raise SCHEMA.

GOLDEN = {
    "chat": (
        parts(CHAT),
        "50736050352ea76132df14b3d417ba98ca08f4a8b4e3e1346e966eb6e3fb4817",
        "03b1845d749196a62f6fd8d94758082d304f1bceb9613fee4ee47ab13e4d51cc",
    ),
    "vision": (
        parts(
            VISION,
            api="anthropic.messages",
            targets=(KeyTarget("anthropic", "https://API.anthropic.com/v1/", "claude"), MAIN),
            headers={"Anthropic-Beta": "context-1m", "traceparent": "00-1"},
        ),
        "c694fdde568a8520d3f0a1eeabf15aa65d4fd570242fb291f026d46bb3be92c3",
        "0d1e28adafbe0a6f6bd66b36a4e95f7b084c54d4f3523c53cc49a45d0beb319b",
    ),
    "silent": (
        parts(SILENT, tenant="é", namespace=""),
        "8646cb9c5b8152c17ec965e640ada389a007b17da73d6f64a2e84bf7fcb17c5c",
        "79414e18ea05a42aac4fedf12f1905ef0906bbaf66746bc46a806143776bb438",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_golden_vectors(name: str, encoder: Encoder) -> None:
    asked, expected, expected_scope = GOLDEN[name]
    key = derive(asked, encoder=encoder)
    assert (key.digest.hex(), key.scope.hex()) == (expected, expected_scope)
    assert (key.tenant, key.namespace, key.model) == (asked.tenant, asked.namespace, "custom:chat")


def test_the_same_keys_without_orjson() -> None:
    script = (
        "import json, sys; sys.modules['orjson'] = None\n"
        "from beastmode_otel.cache.key import KeyParts, KeyTarget, derive\n"
        "how = json.load(sys.stdin)\n"
        "how['targets'] = tuple(KeyTarget(*one) for one in how['targets'])\n"
        "print(derive(KeyParts(**how)).digest.hex())"
    )
    how = {"tenant": "acme", "namespace": "shop", "api": "openai.chat", "targets": [MAIN], "body": CHAT}
    asked = json.dumps({**how, "requested": "custom:chat"})
    done = subprocess.run([sys.executable, "-c", script], input=asked, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == GOLDEN["chat"][1]


def test_the_documented_recipe_gives_the_same() -> None:
    body = copy.deepcopy({name: value for name, value in CHAT.items() if name != "model"})
    text = body["messages"][4]["content"].encode()
    body["messages"][4]["content"] = None
    head = canonical([1, "acme", "shop", "openai.chat", [MAIN], []])
    recipe = b"%b\n%b\n4\n" % (head, canonical(body))
    assert scope(CHAT) == hashlib.sha256(recipe).digest()
    assert digest(CHAT) == hashlib.sha256(recipe + b"%d:%b" % (len(text), text)).digest()


# One difference anywhere.

BODIES = st.sampled_from([CHAT, VISION, SILENT])
SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 0.5, "", "user", "x", URL, "https://a.test/i.png"])
OTHERS = SCALARS | st.text(max_size=5) | st.lists(SCALARS, max_size=1) | st.dictionaries(st.text(max_size=2), SCALARS)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to everything in `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield (*path, name)
        yield from places(item, (*path, name))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def put(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def said_last(body: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Where the last user text stands, told without the code under test."""
    last = [at for at, message in enumerate(body["messages"]) if message["role"] == "user" and has_text(message)][-1:]
    return {
        path
        for path in places(body)
        if path[:2] in {("messages", index) for index in last}
        and (path[2:] == ("content",) or (len(path) == 5 and path[4] == "text"))
        and isinstance(at(body, path), str)
    }


def has_text(message: dict[str, Any]) -> bool:
    content = message["content"]
    return isinstance(content, str) or any(part["type"] == "text" for part in content)


@given(st.data())
def test_a_change_anywhere_is_another_key(data: st.DataObject) -> None:
    body = data.draw(BODIES)
    path = data.draw(st.sampled_from([path for path in places(body) if path[0] not in IGNORED]))
    value = data.draw(OTHERS.filter(lambda value: canonical(value) != canonical(at(body, path))))
    changed = put(body, path, value)
    assert digest(changed) != digest(body)
    only_text = path in said_last(body) and isinstance(value, str)
    assert (scope(changed) == scope(body)) == only_text


@given(st.data())
def test_a_member_more_is_another_key(data: st.DataObject) -> None:
    body = data.draw(BODIES)
    objects = [path for path in places(body) if isinstance(at(body, path), dict)]
    path = data.draw(st.sampled_from([(), *objects]))
    name = data.draw(st.text(min_size=1, max_size=3).filter(lambda name: name not in at(body, path)))
    changed = put(body, (*path, name), data.draw(OTHERS.filter(lambda value: value is not None)))
    assert digest(changed) != digest(body)
    assert scope(changed) != scope(body)


@given(st.data())
def test_a_thing_less_is_another_key(data: st.DataObject) -> None:
    body = data.draw(BODIES)
    path = data.draw(st.sampled_from([path for path in places(body) if path[0] not in IGNORED]))
    changed = copy.deepcopy(body)
    del at(changed, path[:-1])[path[-1]]
    assert digest(changed) != digest(body)
    assert scope(changed) != scope(body)


@given(BODIES, st.text(max_size=20), st.text(max_size=20))
def test_a_scope_is_shared_by_all_last_texts(body: dict[str, Any], one: str, other: str) -> None:
    for path in said_last(body):
        first, second = put(body, path, one), put(body, path, other)
        assert scope(first) == scope(second) == scope(body)
        assert (digest(first) == digest(second)) == (one == other)


@given(st.lists(st.text(max_size=4), min_size=2, max_size=2), st.lists(st.text(max_size=4), min_size=2, max_size=2))
def test_texts_do_not_run_into_each_other(one: list[str], other: list[str]) -> None:
    def asked(texts: list[str]) -> dict[str, Any]:
        return put(put(VISION, ("messages", 0, "content", 0, "text"), texts[0]), (*TEXT_2,), texts[1])

    assert (digest(asked(one)) == digest(asked(other))) == (one == other)


TEXT_2 = ("messages", 0, "content", 2, "text")


@given(st.data())
def test_order_of_members_ignored_members_and_nulls_do_not_matter(data: st.DataObject) -> None:
    body = data.draw(BODIES)
    ignored = data.draw(st.dictionaries(st.sampled_from(sorted(IGNORED)), OTHERS))
    nulls = dict.fromkeys(data.draw(st.lists(st.sampled_from(["stop", "logit_bias", "tool_choice"]))))
    assert derive(parts({**reversed_members(body), **ignored, **nulls})) == derive(parts(body))


def reversed_members(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reversed_members(value[name]) for name in reversed(list(value))}
    return list(map(reversed_members, value)) if isinstance(value, list) else value


def test_a_null_inside_counts() -> None:
    message = {"role": "assistant", "content": "x"}
    assert digest({"messages": [message]}) != digest({"messages": [{**message, "name": None}]})


@pytest.mark.parametrize(
    "but",
    [
        {"tenant": "acme2"},
        {"namespace": "shop2"},
        {"tenant": "acm", "namespace": "eshop"},
        {"api": "unknown"},
        {"targets": (MAIN._replace(provider="azure"),)},
        {"targets": (MAIN._replace(model="gpt-4o"),)},
        {"targets": (MAIN._replace(base_url="https://api.openai.com/v2"),)},
        {"targets": (MAIN._replace(base_url="http://api.openai.com/v1"),)},
        {"targets": (MAIN._replace(base_url="https://api.openai.com/V1"),)},
        {"targets": (MAIN._replace(base_url="https://api.openai.com:444/v1"),)},
        {"targets": (MAIN, MAIN._replace(model="gpt-4o"))},
        {"headers": {"openai-beta": "x"}},
        {"headers": {"anthropic-beta": "x"}},
        {"headers": {"anthropic-version": "x"}},
    ],
)
def test_another_place_is_another_key(but: dict[str, Any]) -> None:
    assert digest(CHAT, **but) != digest(CHAT)
    assert scope(CHAT, **but) != scope(CHAT)


@pytest.mark.parametrize(
    "but",
    [
        {"requested": "openai:gpt-4o-mini"},
        {"targets": (MAIN._replace(base_url="https://API.OpenAI.com/v1//"),)},
        {"targets": (MAIN, MAIN._replace(base_url="https://api.openai.com/v1/"))},
        {"targets": (tuple(MAIN),)},
        {"headers": {"traceparent": "00-1", "Authorization": "Bearer x", "Idempotency-Key": "1"}},
    ],
)
def test_the_same_place_is_the_same_key(but: dict[str, Any]) -> None:
    assert (digest(CHAT, **but), scope(CHAT, **but)) == (digest(CHAT), scope(CHAT))


def test_the_order_of_targets_and_headers_does_not_matter() -> None:
    other = KeyTarget("azure", "https://x.azure.test", "gpt")
    assert digest(CHAT, targets=(MAIN, other)) == digest(CHAT, targets=(other, MAIN))
    headers = {"OpenAI-Beta": " a ", "anthropic-beta": "b"}
    assert digest(CHAT, headers=headers) == digest(CHAT, headers={"ANTHROPIC-BETA": "b", "openai-beta": "a"})


def test_the_user_part_of_an_address_keeps_its_case() -> None:
    def at_address(url: str) -> bytes:
        return digest(CHAT, targets=(MAIN._replace(base_url=url),))

    assert at_address("https://Key@A.test/v1") == at_address("https://Key@a.test/v1")
    assert at_address("https://Key@a.test/v1") != at_address("https://key@a.test/v1")


def test_scopes_are_no_digests() -> None:
    for body in (CHAT, VISION, SILENT):
        assert digest(body) != scope(body)
    assert cut_last_text(SILENT).text is None
    assert cut_last_text(VISION).text == "What is\nthis?"


@pytest.mark.parametrize("messages", [None, "Hi", 5, {}, [], ["Hi"], [{"role": "user"}], [{"role": ["user"]}]])
def test_any_shape_has_a_key(messages: Any) -> None:
    assert cut_last_text({"messages": messages}).place == ""
    assert len(digest({"messages": messages, "input": "x"})) == 32


def test_a_request_is_left_as_it_is() -> None:
    before = copy.deepcopy(VISION)
    derive(parts(VISION))
    assert before == VISION


def test_what_cannot_have_a_key() -> None:
    with pytest.raises(ValueError, match="tenant"):
        derive(parts(CHAT, tenant=""))
    with pytest.raises(ValueError, match="target"):
        derive(parts(CHAT, targets=()))
    for path in [("messages", 4, "content"), ("messages", 0, "content"), ("stop",)]:
        with pytest.raises(NotCanonical):
            derive(parts(put(CHAT, path, "\ud800")))


def test_the_tenant_of_a_credential() -> None:
    assert credential_tenant("sk-1") == hashlib.sha256(b"beastmode_otel tenant 1\nsk-1").hexdigest()
    tenants = {credential_tenant("sk-1"), credential_tenant("sk-2"), credential_tenant("sk-1", b"s")}
    assert len(tenants | {credential_tenant("sk-1", b"t")}) == 4
    with pytest.raises(ValueError, match="credential"):
        credential_tenant("")


def test_explanations_show_where_requests_differ_and_no_prompt() -> None:
    asked = parts({**CHAT, "user": "u-77"}, targets=(MAIN._replace(base_url="https://k3y:pw@a.test/v1?api-key=k3y"),))
    shown = explain_key(asked)
    said = repr(shown)
    assert not [secret for secret in ("brief", "again", "u-77", "k3y", "pw@", "acme") if secret in said]
    key = derive(asked)
    assert shown[-2:] == [("digest", key.digest.hex()), ("scope", key.scope.hex())]
    assert {("temperature", "0.2"), ("ignored", "model, user"), ("namespace", "shop")} <= set(shown)
    other = explain_key(replace(asked, body=put({**CHAT, "user": "u-77"}, ("messages", 0, "content"), "Be long.")))
    differ = {one[0] for one, two in zip(shown, other, strict=True) if one != two}
    assert differ == {"messages[0]", "digest", "scope"}


def test_the_explanation_of_the_last_text() -> None:
    shown, other = (dict(explain_key(parts(put(CHAT, ("messages", 4, "content"), said)))) for said in "ab")
    assert {name for name in shown if shown[name] != other[name]} == {"last user text", "digest"}
    assert dict(explain_key(parts(SILENT)))["last user text"].startswith("none")
    assert dict(explain_key(parts(VISION)))["last user text"].endswith("(message 0)")
