"""Why a panel may be empty. Each text says what is missing, and whether that is good."""

from __future__ import annotations

from typing import Final

NO_REQUESTS: Final = "no requests yet"
NO_REQUESTS_LONG: Final = "No requests in this time range. A first line takes two exports, of 60 s each by default."
NO_ERRORS: Final = "No errors in this time range."
NO_ATTEMPTS: Final = "No calls to a provider in this time range: no traffic, or everything was a hit."
NO_CACHE: Final = "cache not asked"
NO_CACHE_LONG: Final = "The cache was not asked in this time range: it is off, or nothing came in."
NO_SLOW_TIER: Final = "No tier beyond memory was used: none is configured (cache.l2, cache.l3), or nothing came in."
NO_LEASE: Final = "No lease was asked for in this time range: [cache] lease = true is not set, or nothing was missed."
NO_WARMING: Final = "Nothing was warmed in this time range: neither [cache.warm] at_start nor a warm() asked for it."
NO_TOUCH: Final = "No process asked its cache for a key for the first time within the first minutes of its life."
NO_SEMANTIC: Final = (
    'No similar question was looked for in this time range: [cache] mode is not "semantic" or "shadow", or nothing was '
    "missed."
)
NO_GUARD: Final = "No rule refused a candidate in this time range."
NO_JUDGEMENT: Final = "nothing judged"
NO_JUDGEMENT_LONG: Final = (
    "Nothing was judged in this time range: [cache] mode is not shadow, and nobody called report_false_hit()."
)
NO_PRICE: Final = "no priced call"
NO_PRICE_LONG: Final = "No call with a known price in this time range."
NO_TOKENS: Final = "No tokens used in this time range."
NO_STREAMS: Final = "No stream brought a first token in this time range: only streams have one."
NO_TELEMETRY: Final = "no telemetry yet"
NO_LABELS: Final = 'No request carried a label of yours: name them in the configuration, labels = ["team"].'
