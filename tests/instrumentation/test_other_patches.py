"""Agents and tests patch the same `send`, before us and after: theirs works as without us, the call counts once."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import wrapt

from beastmode_otel import async_transport, instrument, transport, uninstrument
from beastmode_otel.simulator import Simulator
from instrumentation.apps import LIBRARIES, App, chat, make
from support.law import assert_law
from support.recorder import Recorder

Seen = list[tuple[Any, Any]]
Patch = Callable[[Any, Seen], Any]


def wrapt_wrapper(send: Any, seen: Seen) -> Any:
    """As ddtrace, newrelic and elastic-apm do it."""

    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append((instance, args[0]))
        return wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(send, wrapper)


def wrapt_decorator(send: Any, seen: Seen) -> Any:
    @wrapt.decorator
    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append((instance, args[0]))
        return wrapped(*args, **kwargs)

    return wrapper(send)


def plain(send: Any, seen: Seen) -> Any:
    def wrapper(self: Any, request: Any, **options: Any) -> Any:
        seen.append((self, request))
        return send(self, request, **options)

    return wrapper


def functools_wraps(send: Any, seen: Seen) -> Any:
    return functools.wraps(send)(plain(send, seen))


def partial_method(send: Any, seen: Seen) -> Any:
    def wrapper(self: Any, mark: str, request: Any, **options: Any) -> Any:
        assert mark == "mark"
        seen.append((self, request))
        return send(self, request, **options)

    return functools.partialmethod(wrapper, "mark")


class Descriptor:
    """A patch that is bound by hand, and cannot be called unbound."""

    def __init__(self, send: Any, seen: Seen) -> None:
        self.send, self.seen = send, seen

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        assert isinstance(instance, owner or object)

        def bound(request: Any, **options: Any) -> Any:
            self.seen.append((instance, request))
            return self.send(instance, request, **options)

        return bound


BOUND_BY_PYTHON: dict[str, Patch] = {
    "wrapt": wrapt_wrapper,
    "wrapt-decorator": wrapt_decorator,
    "plain": plain,
    "functools": functools_wraps,
    "partialmethod": partial_method,
    "descriptor": Descriptor,
}


def kind_of(library: str, world: str) -> Any:
    return getattr(LIBRARIES[library], "Client" if world == "sync" else "AsyncClient")


@pytest.fixture
def patched(kind: tuple[str, str]) -> Iterator[Any]:
    """The class, whose `send` is put back in the end."""
    client = kind_of(*kind)
    original = client.__dict__["send"]
    yield client
    uninstrument()
    client.send = original


@pytest.mark.parametrize("how", BOUND_BY_PYTHON)
def test_patch_that_was_there_before_us(
    how: str, patched: Any, kind: tuple[str, str], simulator: Simulator, recorder: Recorder
) -> None:
    """It gets its instance and the request, the call is one span, and the very patch stands there when we have gone."""
    seen: Seen = []
    theirs = patched.send = BOUND_BY_PYTHON[how](patched.__dict__["send"], seen)
    instrument(**recorder.providers)
    app = make(*kind)
    try:
        assert app.post(chat(simulator)).json()["choices"]
        assert app.pieces(app.open(chat(simulator)))
        assert [(instance is app.client, request.method) for instance, request in seen] == [(True, "POST")] * 2
        assert len(recorder.spans()) == 2
        assert_law(recorder, simulator, calls=2)
        uninstrument()
        assert patched.__dict__["send"] is theirs
        assert app.post(chat(simulator)).status_code == 200
        assert (len(seen), len(recorder.spans())) == (3, 2)
    finally:
        app.close()


@pytest.mark.parametrize("how", [name for name in BOUND_BY_PYTHON if name not in ("partialmethod", "descriptor")])
@pytest.mark.parametrize("below", ["wrapt", "plain"])
def test_patches_below_and_above_ours(
    how: str, below: str, patched: Any, kind: tuple[str, str], simulator: Simulator, recorder: Recorder
) -> None:
    seen_below: Seen = []
    seen_above: Seen = []
    patched.send = BOUND_BY_PYTHON[below](patched.__dict__["send"], seen_below)
    instrument(**recorder.providers)
    above = patched.send = BOUND_BY_PYTHON[how](patched.__dict__["send"], seen_above)
    app = make(*kind)
    try:
        assert app.post(chat(simulator)).json()["choices"]
        assert [instance is app.client for instance, _ in seen_below + seen_above] == [True, True]
        assert_law(recorder, simulator, calls=1)
        uninstrument()
        assert patched.__dict__["send"] is above  # to take ours out would take theirs out
        assert app.post(chat(simulator)).status_code == 200
        assert (len(seen_below), len(seen_above), len(recorder.spans())) == (2, 2, 1)
    finally:
        app.close()


def test_patch_below_that_reads_what_the_app_reads(
    patched: Any, kind: tuple[str, str], simulator: Simulator, recorder: Recorder
) -> None:
    """It is asked for what the app asked for, so that a body that it could read without us can be read with us."""
    send, texts = patched.__dict__["send"], []

    def sync(self: Any, request: Any, **options: Any) -> Any:
        response = send(self, request, **options)
        texts.append(response.text)
        return response

    async def tasks(self: Any, request: Any, **options: Any) -> Any:
        response = await send(self, request, **options)
        texts.append(response.text)
        return response

    patched.send = functools.wraps(send)(sync if kind[1] == "sync" else tasks)
    instrument(**recorder.providers)
    app = make(*kind)
    try:
        assert app.post(chat(simulator)).text == texts[0] != ""
        (span,) = recorder.spans()
        assert span.attributes["gen_ai.usage.input_tokens"] > 0
        assert app.post(chat(simulator, "status=500")).status_code >= 500
        assert recorder.total("beastmode.llm.calls") == 2
    finally:
        app.close()


class Answers:
    """A mock in the place of `send`: no descriptor, so that Python gives it no instance."""

    def __init__(self, library: Any, *, later: bool) -> None:
        self.library, self.later = library, later
        self.asked: list[Any] = []

    def __call__(self, request: Any, **options: Any) -> Any:
        self.asked.append(request)
        body = {"model": "mocked", "choices": [{"finish_reason": "stop", "message": {"content": "hi"}}]}
        response = self.library.Response(200, json=body, request=request)
        if not self.later:
            return response

        async def answer() -> Any:
            return response

        return answer()


@pytest.mark.parametrize("how", ["object", "partial", "static"])
def test_stand_in_without_an_instance(how: str, patched: Any, kind: tuple[str, str], recorder: Recorder) -> None:
    answers = Answers(LIBRARIES[kind[0]], later=kind[1] == "async")
    if how == "partial" and hasattr(functools.partial, "__get__"):  # Python 3.14: it is bound like a function
        how = "static"
    patched.send = {"object": answers, "partial": functools.partial(answers), "static": staticmethod(answers)}[how]
    instrument(**recorder.providers)
    app = make(*kind)
    try:
        assert app.post("http://provider.test/v1/chat/completions").json()["model"] == "mocked"
        (span,) = recorder.spans()
        assert span.attributes["gen_ai.response.model"] == "mocked"
        assert len(answers.asked) == 1
    finally:
        app.close()


SHIELDS: dict[str, Callable[[Any], Any]] = {
    "subclass": lambda named: type("Instrumented", (named,), {}),
    "overriding": lambda named: type(
        "Instrumented", (named,), {"send": lambda self, request, **given: named.send(self, request, **given)}
    ),
    "partial": lambda named: functools.partial(named, timeout=30.0),
    "wrapt": lambda named: wrapt.FunctionWrapper(named, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)),
}


@pytest.mark.parametrize("how", SHIELDS)
def test_something_else_under_the_name_of_the_class(
    how: str, kind: tuple[str, str], simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instrumentations replace `httpx.Client` itself, too: the library's own class is found below it."""
    own = kind_of(*kind)
    monkeypatch.setattr(LIBRARIES[kind[0]], own.__name__, SHIELDS[how](own))
    before = own.__dict__["send"]
    instrument(**recorder.providers)
    app: App = make(*kind)
    try:
        app.post(chat(simulator))
        assert_law(recorder, simulator, calls=1)
    finally:
        app.close()
        uninstrument()
    assert own.__dict__["send"] is before


UNKNOWN = """
import logging
logging.basicConfig(format="%(message)s")
import beastmode_otel, httpx, httpx2
httpx.Client = lambda *args: "no class at all"
beastmode_otel.instrument()
assert httpx.Client() == "no class at all"
assert hasattr(httpx.AsyncClient.send, "__wrapped__") and hasattr(httpx2.Client.send, "__wrapped__")
"""


def test_class_that_cannot_be_found() -> None:
    """The program goes on, the other classes are watched, and one line says what is not."""
    done = subprocess.run([sys.executable, "-c", UNKNOWN], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("LLM calls through httpx.Client are not seen")


def mocked(
    owner: Any, name: str, library: Any, *, later: bool, wraps: bool, monkeypatch: pytest.MonkeyPatch
) -> list[Any]:
    """As respx, pytest-httpx and vcrpy do it: a function of theirs in the class. The requests that it got."""
    asked: list[Any] = []
    core = owner.__module__.startswith("httpcore")

    def answer(self: Any, request: Any) -> Any:
        asked.append(request)
        body = b'{"model": "mocked", "choices": [{"finish_reason": "stop", "message": {"content": "hi"}}]}'
        if core:
            kind = __import__(owner.__module__.partition(".")[0]).Response
            return kind(200, headers=[(b"content-type", b"application/json")], content=body)
        return library.Response(200, headers={"content-type": "application/json"}, content=body)

    async def answer_later(self: Any, request: Any) -> Any:
        return answer(self, request)

    made: Any = answer_later if later else answer
    monkeypatch.setattr(owner, name, functools.wraps(owner.__dict__[name])(made) if wraps else made)
    return asked


@pytest.mark.parametrize("door", ["hook", "transport"])
@pytest.mark.parametrize("wraps", [False, True], ids=["as-respx", "as-vcrpy"])
@pytest.mark.parametrize("place", ["transport", "pool"])
def test_mocked_answer_is_not_stored_under_the_real_host(
    place: str, wraps: bool, door: str, kind: tuple[str, str], recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call asks the mock; when it has gone, nothing of it is served."""
    library, later = LIBRARIES[kind[0]], kind[1] == "async"
    own = library.AsyncHTTPTransport if later else library.HTTPTransport
    owner = own if place == "transport" else type(own()._pool)
    name = "handle_async_request" if later else "handle_request"
    asked = mocked(owner, name, library, later=later, wraps=wraps, monkeypatch=monkeypatch)
    cache = {"l3": {"url": "off"}}
    if door == "hook":
        instrument(cache=cache, **recorder.providers)
        app = make(*kind)
    else:
        door_of = async_transport if later else transport
        app = make(*kind, transport=door_of(own(), cache=cache, **recorder.providers))
    try:
        for _ in range(2):
            assert app.post("http://provider.test/v1/chat/completions").json()["model"] == "mocked"
        assert len(asked) == 2
    finally:
        app.close()
        uninstrument()


@pytest.mark.parametrize("how", ["wrapt", "functools"])
def test_wrapper_that_calls_the_library_is_cached(
    how: str, patched: Any, kind: tuple[str, str], simulator: Simulator, recorder: Recorder
) -> None:
    """An agent's wrapper below ours, and one round the transport, are no mocks."""
    library, later = LIBRARIES[kind[0]], kind[1] == "async"
    own = library.AsyncHTTPTransport if later else library.HTTPTransport
    name = "handle_async_request" if later else "handle_request"
    handle = own.__dict__[name]
    patched.send = BOUND_BY_PYTHON[how](patched.__dict__["send"], [])
    setattr(own, name, wrapt_wrapper(handle, []))
    instrument(cache={"l3": {"url": "off"}}, **recorder.providers)
    app = make(*kind)
    try:
        for _ in range(2):
            assert app.post(chat(simulator)).json()["choices"]
        assert simulator.received == 1
    finally:
        app.close()
        setattr(own, name, handle)
