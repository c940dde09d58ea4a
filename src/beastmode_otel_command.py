"""What the command `beastmode-otel` starts: outside of the package, so that Ctrl-C is heeded before anything else.

Whoever presses it during imports, or while the interpreter ends, sees no traceback, and the shell the status that it
expects.
"""

import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(_INTERRUPTED)


def main() -> None:
    """Run the command line, and end the process with its status."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored: nohup, a job with &
    if usual:
        signal.signal(signal.SIGINT, _leave)
    from beastmode_otel.cli import main as run

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status = run()
        if usual:
            signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:  # between two of these lines
        status = _INTERRUPTED
    sys.exit(status)
