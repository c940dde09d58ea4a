"""The configured L3, as the cache verbs work on it: through its inspectable port, whatever stands behind that."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from beastmode_otel.cache import InspectableTier, TierUnavailable
from beastmode_otel.cache.tiers import inspect_l3
from beastmode_otel.cli.exits import Failed
from beastmode_otel.config import Config, load
from beastmode_otel.config.settings import ASK_FOR_CACHE


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """tenant: whose entries, where a verb is about one tenant's. named: the one that was said, None for the default."""

    config: Config
    tier: InspectableTier
    tenant: str
    named: str | None = None


@contextmanager
def opened(given: argparse.Namespace) -> Iterator[Store]:
    """The store that the options mean, until the verb is done.

    Raises ConfigError, and Failed where there is none or where it cannot answer.
    """
    config = load(given.config, prefixes=False)  # no provider is asked: nobody's key is needed
    if config.cache.mode == "off":  # what is stored can be looked at, and removed, all the same
        by = "nobody asks for it" if config.cache.said_by == "nobody" else f"{config.cache.said_by} says so"
        _to_stderr(f"the cache is off here ({by}); to have it: {ASK_FOR_CACHE}")
    tier = inspect_l3(config.cache, _to_stderr)
    if tier is None:
        raise Failed("this configuration has no L3: cache.l3.url is off", "the other tiers have no file to look into")
    try:
        named = getattr(given, "tenant", None) or None
        yield Store(config=config, tier=tier, tenant=named or config.namespace, named=named)
    except TierUnavailable as ill:
        hints = (
            () if ill.healthy or config.cache.l3.server is not None else ("is it in use, corrupt, or not our file?",)
        )
        raise Failed(f"{tier.location}: {ill.reason}", *hints) from ill
    finally:
        tier.close()


def _to_stderr(text: str) -> None:
    print(f"beastmode-otel: {text}", file=sys.stderr)
