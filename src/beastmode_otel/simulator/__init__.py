"""A local LLM provider that behaves and misbehaves on command, over real sockets.

with Simulator() as sim:
    sim.define("flaky", Behaviour(status=500), Behaviour())
    OpenAI(base_url=sim.url("flaky"), api_key="any").chat.completions.create(...)
    assert sim.received_by("flaky") == 2
"""

from beastmode_otel.simulator.behaviour import Behaviour
from beastmode_otel.simulator.counts import Received
from beastmode_otel.simulator.script import Mix, mix
from beastmode_otel.simulator.server import Simulator

__all__ = ["Behaviour", "Mix", "Received", "Simulator", "mix"]
