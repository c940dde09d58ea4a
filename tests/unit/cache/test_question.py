"""What may be compared at all: the words of a last turn that is words alone, and only where all else is equal."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.cache import KeyParts, KeyTarget, Wording, derive, wording_of

SAID = [{"role": "user", "parts": [{"text": "Hi?"}]}]
MAIN = KeyTarget("openai", "https://a.test/v1", "gpt")
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
TOOLS = [
    {"role": "user", "content": "What is the weather?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "Rain"},
]


def parts(body: dict[str, Any], api: str = "openai.chat", **but: Any) -> KeyParts:
    named = {"tenant": "t", "namespace": "n", "api": api, "targets": (MAIN,), "requested": "m", "body": body}
    return KeyParts(**{**named, **but})


def wording(body: dict[str, Any], api: str = "openai.chat") -> Wording | None:
    asked = parts(body, api)
    return wording_of(asked, derive(asked))


def says(*content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": "Be kind."}, *content], **more}


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


WORDS = [
    ("openai.chat", says(user("Hi?")), "Hi?"),
    ("openai.chat", says(user("Hi?", name="ann")), "Hi?"),
    ("openai.chat", says(user([{"type": "text", "text": "Hi"}, {"type": "text", "text": "there?"}])), "Hi\nthere?"),
    ("openai.chat", says(user([IMAGE]), {"role": "assistant", "content": "A cat."}, user("Hers?")), "Hers?"),
    ("openai.chat", {"messages": [*TOOLS, {"role": "assistant", "content": "Rain."}, user("And now?")]}, "And now?"),
    ("anthropic.messages", {"messages": [user([{"type": "text", "text": "Hi?", "cache_control": {}}])]}, "Hi?"),
    ("openai.responses", {"input": "Hi?"}, "Hi?"),
    ("openai.responses", {"input": [user([{"type": "input_text", "text": "Hi?"}], type="message")]}, "Hi?"),
    ("openai.completions", {"prompt": "Hi?"}, "Hi?"),
    ("ollama.chat", {"messages": [user("Hi?")]}, "Hi?"),
    ("ollama.generate", {"prompt": "Hi?", "images": []}, "Hi?"),
    ("gemini.generate_content", {"contents": [{"role": "user", "parts": [{"text": "Hi?"}]}]}, "Hi?"),
    ("gemini.generate_content", {"contents": [{"parts": [{"text": "Hi?"}]}]}, "Hi?"),
    ("cohere.chat", {"messages": [user("Hi?")]}, "Hi?"),
]  # fmt: skip
NO_WORDS = [
    ("openai.chat", says(user([IMAGE]))),
    ("openai.chat", says(user([{"type": "text", "text": "What is this?"}, IMAGE]))),
    ("openai.chat", {"messages": TOOLS}),
    ("openai.chat", says(user("Hi?"), {"role": "assistant", "content": "It"})),  # to be continued
    ("openai.chat", says(user("Hi?"), {"role": "developer", "content": "In French."})),
    ("openai.chat", says(user(""))),
    ("openai.chat", says(user(" \n"))),
    ("openai.chat", says(user(None))),
    ("openai.chat", {"messages": []}),
    ("anthropic.messages", {"messages": [user([{"type": "tool_result", "tool_use_id": "c", "content": "Rain"}])]}),
    (
        "anthropic.messages",
        {"messages": [user([{"type": "tool_result", "tool_use_id": "c"}, {"type": "text", "text": "And?"}])]},
    ),
    ("openai.responses", {"input": [user("Hi?"), {"type": "function_call_output", "call_id": "c", "output": "1"}]}),
    ("openai.completions", {"prompt": ["Hi?", "Ho?"]}),
    ("openai.completions", {"prompt": "def f():", "suffix": "return x"}),
    ("mistral.fim", {"prompt": "def f():", "suffix": "return x"}),
    ("mistral.fim", {"prompt": "def f():"}),
    ("ollama.chat", {"messages": [user("What is this?", images=["AAAA"])]}),
    ("ollama.generate", {"prompt": "What is this?", "images": ["AAAA"]}),
    ("gemini.generate_content", {"contents": [{"role": "user", "parts": [{"text": "Hi?"}, {"inlineData": {}}]}]}),
    ("gemini.generate_content", {"contents": [{"role": "function", "parts": [{"functionResponse": {}}]}]}),
    ("openai.embeddings", {"input": "Hi?"}),
]


@pytest.mark.parametrize(("api", "body", "text"), WORDS)
def test_the_last_turn_is_words_alone(api: str, body: dict[str, Any], text: str) -> None:
    found = wording(body, api)
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize(("api", "body"), NO_WORDS)
def test_what_is_more_or_less_than_words_is_not_compared(api: str, body: dict[str, Any]) -> None:
    assert wording(body, api) is None


@pytest.mark.parametrize(
    ("api", "body", "temperature"),
    [
        ("openai.chat", says(user("Hi?"), temperature=1.5), 1.5),
        ("openai.chat", says(user("Hi?")), None),
        ("gemini.generate_content", {"contents": SAID, "generationConfig": {"temperature": 0}}, 0),
        ("ollama.chat", {"messages": [user("Hi?")], "options": {"temperature": 0.2}}, 0.2),
    ],
)  # fmt: skip
def test_the_temperature_is_read_as_the_format_writes_it(
    api: str, body: dict[str, Any], temperature: float | None
) -> None:
    found = wording(body, api)
    assert found is not None
    assert found.temperature == temperature


def test_the_words_of_a_request_that_was_changed_since_are_nobodys() -> None:
    """Another thread may write into the caller's dict: what is stored under a key must be what that stands for."""
    asked = parts(says(user("Hi?")))
    key = derive(asked)
    for change in ("Ho?", [IMAGE]):
        body = copy.deepcopy(asked.body)
        body["messages"][-1]["content"] = change
        assert wording_of(replace(asked, body=body), key) is None
    body = copy.deepcopy(asked.body)
    body["messages"][0]["content"] = "Be unkind."
    assert wording_of(replace(asked, body=body), key) is None
    body["messages"][0]["content"] = object()
    assert wording_of(replace(asked, body=body), key) is None


def test_a_repr_shows_no_words() -> None:
    assert "secret" not in repr(wording(says(user("secret"))))


# Whatever differs but the last words keeps apart.

texts = st.text(min_size=1, max_size=12).filter(str.strip)
turns = st.one_of(
    st.builds(lambda text: {"role": "assistant", "content": text}, texts),
    st.builds(lambda text: {"role": "tool", "tool_call_id": "c", "content": text}, texts),
    st.builds(lambda text: user(text), texts),
    st.builds(lambda data: user([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]), texts),
    st.builds(lambda text: user([{"type": "text", "text": text}, IMAGE]), texts),
)
histories = st.lists(turns, max_size=3)
systems = st.none() | texts
more = st.fixed_dictionaries(
    {}, optional={"temperature": st.floats(0, 2), "seed": st.integers(0, 9), "tools": st.just([CALL])}
)
others = st.fixed_dictionaries(
    {
        "tenant": st.sampled_from(["a", "b"]),
        "namespace": st.sampled_from(["n", "m"]),
        "api": st.sampled_from(["openai.chat", "cohere.chat"]),
        "targets": st.sampled_from([(MAIN,), (MAIN._replace(model="gpt-2"),), (MAIN._replace(base_url="https://b.test"),)]),
    }
)  # fmt: skip
requests = st.tuples(systems, histories, more, others)


def built(request: Any, last: Any) -> KeyParts:
    system, history, options, place = request
    first = [] if system is None else [{"role": "system", "content": system}]
    return parts({"messages": [*first, *history, user(last)], **options}, **place)


@given(requests, requests, texts, texts)
def test_scopes_are_equal_only_where_everything_but_the_last_words_is(
    one: Any, other: Any, text: str, more: str
) -> None:
    a, b = built(one, text), built(other, more)
    ka, kb = derive(a), derive(b)
    assert ((ka.tenant, ka.scope) == (kb.tenant, kb.scope)) == (_plain(one) == _plain(other))
    found = wording_of(a, ka)
    assert found is not None
    assert found.text == text


def _plain(request: Any) -> Any:
    """A request as JSON sees it: 1 and 1.0 are one number, and so are 0.0 and -0.0."""
    system, history, options, place = request
    return (
        system,
        history,
        {name: value + 0.0 if name == "temperature" else value for name, value in options.items()},
        place,
    )


@given(requests, st.lists(st.binary(min_size=1, max_size=3).map(bytes.hex), min_size=2, max_size=2, unique=True), texts)
def test_two_images_never_match(request: Any, images: list[str], text: str) -> None:
    """Neither as the question, nor with the same words beside them, nor earlier in the conversation."""
    seen = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}} for image in images]
    for content in ([[one] for one in seen], [[{"type": "text", "text": text}, one] for one in seen]):
        keys = [built(request, one) for one in content]
        assert {wording_of(one, derive(one)) for one in keys} == {None}
        system, history, *rest = request
        later = [built((system, [*history, user(one)], *rest), text) for one in content]
        assert len({derive(one).scope for one in later}) == 2
