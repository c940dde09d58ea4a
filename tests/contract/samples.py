"""The samples of the public suites, under the name that our own tests know them by."""

from beastmode_otel.testing import CODEC, NOW, Clock, entry, key

__all__ = ["CODEC", "NOW", "Clock", "entry", "key"]
