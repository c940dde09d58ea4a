"""Finalizers do nothing but append: a collector that runs inside the SDK's lock cannot deadlock the application."""

from __future__ import annotations

import faulthandler
import gc
import threading
from typing import Any

from beastmode_otel import ModelRouter
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import QUESTION
from support.law import assert_law
from support.recorder import Recorder


def test_finalizer_storm_while_metrics_are_recorded(simulator: Simulator, recorder: Recorder) -> None:
    """Streams die in reference cycles, found by a collector that runs at every few allocations, in every thread."""
    simulator.define("ok", Behaviour(chunks=3))
    config = {
        "deployments": {"a": {"base_url": simulator.url("ok"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
    }
    calls = 0
    stop = threading.Event()
    histogram = recorder.meter_provider.get_meter("app").create_histogram("app.work")

    def record() -> None:
        while not stop.is_set():
            histogram.record(1.0, {"some": "label"})
            recorder.metrics()

    faulthandler.dump_traceback_later(600, exit=True)  # a hang must show where; 20 s on an idle machine
    thresholds = gc.get_threshold()
    recording = threading.Thread(target=record)
    recording.start()
    try:
        gc.set_threshold(5, 2, 2)
        with ModelRouter(config, **recorder.providers) as router:
            for _ in range(150):
                stream: Any = router.stream("chat", QUESTION)
                next(stream)
                stream.itself = stream
                del stream
                calls += 1
            stop.set()
            recording.join()
            gc.collect()  # does nothing while another thread collects, which is why that one has ended
    finally:
        gc.set_threshold(*thresholds)
        stop.set()
        recording.join()
        faulthandler.cancel_dump_traceback_later()
    assert_law(recorder, simulator, calls=calls)
    assert recorder.total("beastmode.request.duration", beastmode__outcome="abandoned") == calls


def test_idle_stream_is_abandoned_and_says_so_to_a_late_reader(simulator: Simulator, recorder: Recorder) -> None:
    """A stream that is kept but not read is ended by the idle limit; reading on does not look like its end."""
    import pytest

    from beastmode_otel import UpstreamError

    simulator.define("ok", Behaviour(chunks=4, chunk_delay=0.02))
    config = {
        "deployments": {"a": {"base_url": simulator.url("ok"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "timeouts": {"idle": 0.05},
    }
    with ModelRouter(config, **recorder.providers) as router:
        stream = router.stream("chat", QUESTION)
        next(stream)
        threading.Event().wait(1.1)
        recorder.metrics()
        assert recorder.total("beastmode.request.duration", beastmode__outcome="abandoned") == 1
        with pytest.raises(UpstreamError, match="given up"):
            next(stream)
    assert_law(recorder, simulator, calls=1)
