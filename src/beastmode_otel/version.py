"""The version of the installed distribution."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _read() -> str:
    try:
        return version("beastmode-otel")
    except PackageNotFoundError:  # a source tree on the path, without an installation
        return "0+unknown"


VERSION: Final = _read()
