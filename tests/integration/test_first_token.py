"""The limit for the first token, in both worlds: held while a thread is blocked too, and of no concern afterwards."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from beastmode_otel import ModelRouter, UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS, Driver
from support.fault_wall import ANSWER, FAST, SPARE, FaultWall

SLOW = Behaviour(first_token=30.0, text="too late")
NO_HEAD = Behaviour(latency=30.0, text="too late")


def config(simulator: Simulator, *names: str, **timeouts: float) -> dict[str, Any]:
    return {
        "deployments": {name: {"base_url": simulator.url(name), "model": "m"} for name in names},
        "routes": {"chat": {"deployments": [{"name": name, "order": at} for at, name in enumerate(names)]}},
        "timeouts": timeouts,
    }


@pytest.fixture(params=DRIVERS)
def make(request: Any, simulator: Simulator) -> Iterator[Any]:
    made: list[Driver] = []

    def driver(settings: Mapping[str, Any]) -> Driver:
        made.append(DRIVERS[request.param](simulator, settings))
        return made[-1]

    yield driver
    for one in made:
        one.close()


@pytest.mark.parametrize("behaviour", [SLOW, NO_HEAD], ids=["head at once", "no head"])
def test_a_slow_first_token_goes_to_the_spare_in_time(make: Any, simulator: Simulator, behaviour: Behaviour):
    simulator.define("slow", behaviour)
    simulator.define("spare", Behaviour(text="Hello"))
    driver = make(config(simulator, "slow", "spare", first_token=1.5))  # a third of it for the first one
    began = time.monotonic()
    _, answer = driver.act("read", "chat")
    assert (answer.text, answer.deployment) == ("Hello", "spare")
    assert [attempt.category for attempt in answer.attempts] == ["first_token_timeout", None]
    assert time.monotonic() - began < 5.0
    assert (simulator.received_by("slow"), simulator.received_by("spare")) == (1, 1)


def test_the_last_one_has_all_of_it(make: Any, simulator: Simulator):
    simulator.define("down", Behaviour(status=401))
    simulator.define("slow", Behaviour(first_token=0.6, text="Hello"))
    driver = make(config(simulator, "down", "slow", first_token=1.5))
    assert driver.act("read", "chat")[1].text == "Hello"


def test_a_spare_that_rests_is_none(make: Any, simulator: Simulator):
    simulator.define("slow", Behaviour(status=401), Behaviour(first_token=0.6, text="Hello"))
    simulator.define("limited", Behaviour(status=429, retry_after="60"))
    driver = make(config(simulator, "slow", "limited", first_token=1.5) | {"retry": {"max_wait": 1}})
    assert isinstance(driver.act("read", "chat"), UpstreamError)
    assert driver.act("read", "chat")[1].deployment == "slow"


def test_a_pause_in_the_middle_is_a_matter_of_read_alone(make: Any, simulator: Simulator):
    """The first token's limit held for every later read too, in both worlds."""
    simulator.define("pausing", Behaviour(chunks=3, chunk_delay=0.7, text="one two three"))
    driver = make(config(simulator, "pausing", first_token=0.5))
    assert driver.act("read", "chat")[1].text == "one two three"
    short = make(config(simulator, "pausing", first_token=5.0, read=0.4))
    error = short.act("read", "chat")
    assert isinstance(error, UpstreamError)
    assert error.category.name == "read_timeout"


def test_comments_do_not_stop_the_clock(make: Any, simulator: Simulator):
    simulator.define("talking", Behaviour(trickle=0.05, text="never"))
    driver = make(config(simulator, "talking", first_token=0.5))
    began = time.monotonic()
    error = driver.act("read", "chat")
    assert isinstance(error, UpstreamError)
    assert error.category.name == "first_token_timeout"
    assert time.monotonic() - began < 4.0


def test_over_tls_a_blocked_read_is_interrupted_and_later_calls_are_well(tmp_path: Path):
    """The socket is shut under the thread that reads, not under its TLS state."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    trust = ssl.create_default_context(cafile=str(cert))
    with FaultWall(replace(FAST, slow=30.0), tls=context) as wall, httpx.Client(verify=trust) as client:
        deployments = {
            name: {"base_url": wall.url, "model": model} for name, model in (("slow", "S07"), ("spare", SPARE))
        }
        route = {"deployments": [{"name": name, "order": at} for at, name in enumerate(deployments)]}
        settings = {"deployments": deployments, "routes": {"chat": route}, "timeouts": {"first_token": 1.5}}
        with ModelRouter(settings, client=client) as router:
            for _ in range(3):
                began = time.monotonic()
                with router.stream("chat", {"messages": []}) as stream:
                    text = "".join(chunk.text for chunk in stream)
                assert (text, stream.answer.deployment) == (ANSWER, "spare")
                assert [attempt.category for attempt in stream.answer.attempts] == ["first_token_timeout", None]
                assert time.monotonic() - began < 5.0
