"""One program as a child process: started until it answers, stopped, killed, its output in a file."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_POLL: Final = 0.05


class NotReady(Exception):
    """A program ended or did not answer in time; the text ends with its last output."""


class Server:
    """command: its line. ready: asks once whether it answers; may raise OSError. log: what it prints is added here."""

    def __init__(
        self, name: str, command: Sequence[str], *, environ: Mapping[str, str], ready: Callable[[], bool], log: Path
    ) -> None:
        self.name, self.log = name, log
        self._command, self._ready = list(command), ready
        self._environ = {**os.environ, **environ}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 60.0) -> None:
        """Run it and wait until it answers. Does nothing when it runs. Raises NotReady."""
        if self.running:
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is ours to pass on, in order
            )
        try:
            self._wait_ready(time.monotonic() + timeout)
        except BaseException:
            self.kill()
            raise

    def _wait_ready(self, until: float) -> None:
        while not self._answers():
            if not self.running:
                raise NotReady(f"{self.name} ended while it started:\n{self.tail()}")
            if time.monotonic() > until:
                raise NotReady(f"{self.name} did not answer in time:\n{self.tail()}")
            time.sleep(_POLL)

    def _answers(self) -> bool:
        try:
            return self._ready()
        except OSError:
            return False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.running else None

    def stop(self, timeout: float = 20.0) -> None:
        """Ask it to end (SIGTERM), and make it when it does not. Does nothing when it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash or the kernel would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def tail(self, lines: int = 30, since: int = 0) -> str:
        """Its last output. since: bytes of the log to pass over."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as output:
            output.seek(since)
            return "\n".join(output.read().decode(errors="replace").splitlines()[-lines:])
