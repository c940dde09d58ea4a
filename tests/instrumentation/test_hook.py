"""The patch: on both libraries, once, whenever they are loaded; gone without a trace; and nothing else is touched."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import httpx
import httpx2
import pytest
import wrapt

from beastmode_otel import instrument, uninstrument
from beastmode_otel.simulator import Simulator
from instrumentation.apps import LIBRARIES, QUESTION, App, chat, make
from support.law import assert_law
from support.recorder import Recorder

CLASSES = [(library, name) for library in (httpx, httpx2) for name in ("Client", "AsyncClient")]


def sends() -> list[Any]:
    return [getattr(library, name).__dict__["send"] for library, name in CLASSES]


def test_patch_and_restore_are_exact(recorder: Recorder) -> None:
    """After uninstrument() the very same functions stand there, however often both were called."""
    before = sends()
    for _ in range(3):
        instrument(**recorder.providers)
        patched = sends()
        assert all(now is not then for now, then in zip(patched, before, strict=True))
        instrument(**recorder.providers)  # changes nothing
        assert all(now is then for now, then in zip(sends(), patched, strict=True))
        assert all(now.__wrapped__ is then for now, then in zip(patched, before, strict=True))
        uninstrument()
        uninstrument()
        assert all(now is then for now, then in zip(sends(), before, strict=True))


def _plain(send: Any) -> Any:
    return lambda self, request, **options: send(self, request, **options)


WRAPPERS = {
    "functools": lambda send: functools.wraps(send)(_plain(send)),
    "wrapt": lambda send: wrapt.FunctionWrapper(send, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)),
    "plain": _plain,
}


@pytest.mark.parametrize("how", WRAPPERS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_what_somebody_wrapped_over_us_stays(how: str, library: str, simulator: Simulator, recorder: Recorder) -> None:
    """Their patch is not taken out with ours, ours is inert below it, and switched on again it counts once."""
    kind = LIBRARIES[library].Client
    original = kind.__dict__["send"]
    instrument(**recorder.providers)
    kind.send = theirs = WRAPPERS[how](kind.__dict__["send"])
    app = make(library, "sync")
    try:
        app.post(chat(simulator))
        assert recorder.total("beastmode.llm.calls") == 1
        uninstrument()
        assert kind.__dict__["send"] is theirs
        app.post(chat(simulator))
        assert recorder.total("beastmode.llm.calls") == 1
        instrument(**recorder.providers)
        app.post(chat(simulator))
        assert recorder.total("beastmode.llm.calls") == 2
        assert len(recorder.spans()) == 2
    finally:
        app.close()
        uninstrument()
        kind.send = original
        instrument(**recorder.providers)  # ours below theirs has gone with theirs: a new one is put in
        uninstrument()
        assert kind.__dict__["send"] is original


LATE = """
import sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import beastmode_otel
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
assert "httpx" not in sys.modules and "httpx2" not in sys.modules
beastmode_otel.instrument(tracer_provider=provider)
assert "httpx" not in sys.modules and "httpx2" not in sys.modules
{load}
for library in (httpx, httpx2):
    client = library.Client()
    client.post(sys.argv[1], json={{"model": "m", "messages": []}})
    client.close()
print([span.name for span in exporter.get_finished_spans()], httpx is httpx2)
beastmode_otel.uninstrument()
assert all("beastmode" not in getattr(c, "send").__module__ for c in (httpx.Client, httpx2.AsyncClient))
assert not hasattr(httpx.Client.send, "__wrapped__")
"""


@pytest.mark.parametrize(
    ("load", "same"),
    [
        ("import httpx, httpx2", False),
        ("import httpx2, httpx", False),
        ("import httpx2; httpx2.alias_httpx(); import httpx", True),
    ],
)
def test_libraries_that_are_loaded_later(load: str, same: bool, simulator: Simulator) -> None:
    """Each is patched when it comes, and one that has two names (httpx2.alias_httpx) once: a span per call."""
    program = [sys.executable, "-c", LATE.format(load=load), chat(simulator)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"['chat m', 'chat m'] {same}"
    assert simulator.received == 2


def test_client_made_before(kind: tuple[str, str], simulator: Simulator, recorder: Recorder) -> None:
    app = make(*kind)
    instrument(**recorder.providers)
    try:
        assert app.post(chat(simulator)).status_code == 200
        assert_law(recorder, simulator, calls=1)
    finally:
        uninstrument()
        app.close()


def test_subclass_with_a_send_of_its_own(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    """As SDKs have them: once, whether or not it overrides `send`."""
    library, world = kind
    base = getattr(LIBRARIES[library], "Client" if world == "sync" else "AsyncClient")
    passed = []

    class Wrapped(base):  # type: ignore[misc, valid-type]
        def send(self, request: Any, **options: Any) -> Any:
            passed.append(options.get("stream", False))
            return super().send(request, **options)

    app = make(library, world, client=Wrapped())
    app.post(chat(simulator))
    app.pieces(app.open(chat(simulator)))
    app.close()
    assert passed == [False, True]
    assert_law(hooked, simulator, calls=2)


def test_what_is_no_llm_call_is_untouched(app: App, simulator: Simulator, hooked: Recorder) -> None:
    """Other paths, other methods, other shapes: not a span, and the response's stream is the library's own."""
    url = simulator.url(path="")
    untouched = [
        app.client.build_request("POST", f"{url}/v1/things", json=QUESTION),
        app.client.build_request("GET", f"{url}/v1/chat/completions"),
        app.client.build_request("POST", f"{url}/v1/responses", json={"survey": 4}),
        app.client.build_request("POST", f"{url}/v1/messages", content=b"hello"),
    ]
    for request in untouched:
        response = app.run(lambda request=request: app.client.send(request, stream=True))
        assert type(response.stream).__name__ in ("BoundSyncStream", "BoundAsyncStream")
        app.close_response(response)
    assert hooked.spans() == []
    assert hooked.metrics() == {} or hooked.total("beastmode.llm.calls") == 0


def test_streamed_upload_is_passed_on_as_it_comes(app: App, simulator: Simulator, hooked: Recorder) -> None:
    """A body that is generated is the provider's alone: it is sent, and the call is seen without it."""
    body = [b'{"model": "gpt-4o-mini", ', b'"messages": [{"role": "user", "content": "hi"}]}']
    took: list[bytes] = []

    def blocking() -> Any:
        for part in body:
            took.append(part)
            yield part

    async def asynchronous() -> Any:
        for part in body:
            took.append(part)
            yield part

    content = blocking() if app.world == "sync" else asynchronous()
    response = app.run(lambda: app.client.post(chat(simulator), content=content))
    assert response.status_code == 200
    assert took == body
    assert simulator.requests[0].body["model"] == "gpt-4o-mini"
    (span,) = hooked.spans()
    assert span.attributes["gen_ai.response.model"] == "gpt-4o-mini"
    assert not span.attributes.get("gen_ai.request.model")  # nobody has read it
    assert_law(hooked, simulator, calls=1)


def test_something_that_is_no_request(hooked: Recorder) -> None:
    """The library says what it says without us."""
    with httpx2.Client() as client, pytest.raises(AttributeError, match="'str' object has no attribute"):
        client.send("no request")  # type: ignore[arg-type]
