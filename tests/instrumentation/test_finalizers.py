"""A collector that runs inside the telemetry SDK's own lock cannot block the app for ever."""

from __future__ import annotations

import faulthandler
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from instrumentation.apps import LIBRARIES, STREAMED, Blocking
from support.recorder import Recorder

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
COUNT = 200


def endless(library: Any) -> Any:
    """A transport without sockets: the library's own pool has locks that finalizers would wait for, too."""

    class Body(library.SyncByteStream):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield EVENT

    return library.MockTransport(
        lambda request: library.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())
    )


def stream_of_an_sdk(response: Any) -> Iterator[bytes]:
    """As SDKs read: a generator that closes its response, whoever ends it."""
    try:
        yield from response.iter_bytes()
    finally:
        response.close()


@pytest.mark.parametrize("library", LIBRARIES)
def test_generators_that_the_collector_closes(library: str, hooked: Recorder) -> None:
    """They die in circles, found by a collector that runs at every few allocations, in every thread."""
    app = Blocking(LIBRARIES[library], transport=endless(LIBRARIES[library]))
    histogram = hooked.meter_provider.get_meter("app").create_histogram("app.work")
    stop = threading.Event()

    def record() -> None:
        while not stop.is_set():
            histogram.record(1.0, {"some": "label"})
            hooked.metrics()

    faulthandler.dump_traceback_later(60, exit=True)  # a hang must show where
    thresholds = gc.get_threshold()
    recording = threading.Thread(target=record)
    recording.start()
    try:
        gc.set_threshold(5, 2, 2)
        for _ in range(COUNT):
            response = app.open("http://llm.example/v1/chat/completions", STREAMED)
            reading = stream_of_an_sdk(response)
            next(reading)
            response.extensions["circle"] = [response, reading]
            del response, reading
        stop.set()
        recording.join()
        gc.collect()
    finally:
        gc.set_threshold(*thresholds)
        stop.set()
        recording.join()
        faulthandler.cancel_dump_traceback_later()
        app.close()
    assert hooked.total("beastmode.requests.active") == 0
    assert hooked.total("beastmode.request.duration") == COUNT
    assert hooked.total("beastmode.request.duration", beastmode__outcome="abandoned") == COUNT
