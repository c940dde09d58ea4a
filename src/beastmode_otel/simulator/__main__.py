"""`python -m beastmode_otel.simulator --port N`: the simulator on its own, until interrupted."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence

from beastmode_otel.simulator.server import Simulator


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. The first line on stdout is the base URL of the healthy behaviour."""
    parser = argparse.ArgumentParser(prog="python -m beastmode_otel.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="IPv4 address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--key", action="append", metavar="KEY", help="accept only this API key; may be repeated")
    given = parser.parse_args(argv)
    over = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: over.set())
    with Simulator(host=given.host, port=given.port, keys=given.key) as simulator:
        print(simulator.url(), flush=True)
        print(f"Misbehaviour is spelled in the URL: {simulator.url('status=429;retry_after=1;times=2')}", flush=True)
        over.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
