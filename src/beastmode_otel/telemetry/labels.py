"""Keep metric labels bounded: values beyond a limit become `_OTHER`, and label sets beyond one are folded."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from beastmode_otel import semconv
from beastmode_otel.config.settings import LabelBounds
from beastmode_otel.errors import Redactor
from beastmode_otel.observer import AttemptFacts

_NAME_LIMIT = 200
_NAMES_REMEMBERED = 200


class Bounded:
    """Admits the first `limit` values for good. Lock-free: a race admits at most one value too many per thread."""

    __slots__ = ("_admitted", "_limit", "overflowed")

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self.overflowed = False  # whether a value was turned away
        self._admitted: set[Hashable] = set()
        for value in known:
            self.admits(value)

    def admits(self, value: Hashable) -> bool:
        if value in self._admitted:
            return True
        if len(self._admitted) >= self._limit:
            self.overflowed = True
            return False
        self._admitted.add(value)
        return True

    def __call__(self, value: str) -> str:
        return value if self.admits(value) else semconv.OTHER


class Labels:
    """The bounded label values of one meter provider."""

    def __init__(self, bounds: LabelBounds) -> None:
        self.model = Bounded(bounds.models)
        self.deployment = Bounded(bounds.deployments)
        self.provider = Bounded(bounds.providers)
        self.status = Bounded((semconv.STATUS_CODE.bound or 1) - 1)
        self.genai_sets = LabelSets(semconv.GENAI_SET_LIMIT)
        self.genai_token_sets = LabelSets(semconv.GENAI_SET_LIMIT // 2)  # each set twice: input and output
        self._values: dict[str, Bounded] = {}
        self._shown: dict[str, str] = {}

    def shown(self, name: str, redact: Redactor) -> str:
        """A model id as it may stand on spans and logs: not too long, and no key that somebody pasted there."""
        found = self._shown.get(name)
        if found is None:
            found = redact(name[:_NAME_LIMIT])
            if len(self._shown) < _NAMES_REMEMBERED:
                self._shown[name] = found
        return found

    def value(self, label: str, value: str) -> str:
        """A value of one of the team's own labels; the labels themselves are bounded by the configuration."""
        bounded = self._values.get(label)
        if bounded is None:
            bounded = self._values.setdefault(label, Bounded((semconv.LABEL_VALUE.bound or 1) - 1))
        return bounded(value)


class LabelSets:
    """The convention's metric labels, one dict for each set that is never changed, since most calls have equal ones.

    Folded once there are `limit` different sets.
    """

    def __init__(self, limit: int) -> None:
        self._bounded = Bounded(limit)
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def of(
        self, facts: AttemptFacts, *, response_model: str | None = None, error: str | None = None, more: str = ""
    ) -> dict[str, Any]:
        """more: the token type, which makes no set of its own: there are two of each."""
        place = (facts.operation, facts.provider, facts.model, facts.host, facts.port, response_model, error)
        key = (place, more)
        known = self._known.get(key)
        if known is not None:
            return known
        if not self._bounded.admits(place):
            return self._folded(facts, error, more)
        labels = self._known[key] = self._labels(facts, response_model, error, more)
        return labels

    def _labels(self, facts: AttemptFacts, response_model: str | None, error: str | None, more: str) -> dict[str, Any]:
        labels: dict[str, Any] = {
            semconv.GENAI_OPERATION: facts.operation,
            semconv.GENAI_PROVIDER: facts.provider,
            semconv.GENAI_REQUEST_MODEL: facts.model,
            semconv.SERVER_ADDRESS: facts.host,
            semconv.SERVER_PORT: facts.port,
        }
        if response_model is not None:
            labels[semconv.GENAI_RESPONSE_MODEL] = response_model
        return _specified(labels, error, more)

    def _folded(self, facts: AttemptFacts, error: str | None, more: str) -> dict[str, Any]:
        labels = {
            semconv.GENAI_OPERATION: facts.operation,
            semconv.GENAI_PROVIDER: semconv.OTHER,
            semconv.GENAI_REQUEST_MODEL: semconv.OTHER,
        }
        return _specified(labels, error, more)


def _specified(labels: dict[str, Any], error: str | None, more: str) -> dict[str, Any]:
    if error is not None:
        labels[semconv.ERROR_TYPE.key] = error
    if more:
        labels[semconv.GENAI_TOKEN_TYPE] = more
    return labels
