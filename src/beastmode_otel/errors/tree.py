"""The errors a caller can catch.

    BeastModeError
    ├── ConfigError      the configuration cannot work; raised at start-up
    ├── RequestError     the request cannot be sent as it is: unknown model, invalid request, no deployment left
    ├── AccessDenied     the access rule refused the caller
    └── UpstreamError    a provider, or the way to it, failed after every retry and fallback that made sense

Every one of them says what happened, where, and what to do: `print(error)` shows the hints. The original exception,
when there is one, is `__cause__`. All of them can be pickled (the cause's text stays in `original`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from beastmode_otel.errors.categories import Category
from beastmode_otel.errors.categories import category as category_named


# Frozen in earnest, not `record`: a plain class with slots cannot be pickled by protocols 0 and 1.
@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One try at one deployment, as it ended.

    outcome: ok, error, cancelled or abandoned. category: the `error.type`, None unless outcome is error.
    sent: whether the request reached the wire (DNS, refused and TLS failures did not). duration: seconds.
    """

    deployment: str
    outcome: str
    category: str | None = None
    status: int | None = None
    sent: bool = False
    duration: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where an error happened. Every field is None when it does not apply.

    model: the id that the caller asked for. endpoint: scheme, host, port and path, never a query or credentials.
    status: HTTP status code. provider_code: the provider's own code or type. request_id: the provider's id of the call.
    retry_after: seconds that the provider asked to wait. original: text of the original exception, without secrets.
    """

    model: str | None = None
    deployment: str | None = None
    endpoint: str | None = None
    status: int | None = None
    provider_code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    original: str | None = None
    attempts: tuple[AttemptRecord, ...] = ()


_NOWHERE = Context()


class BeastModeError(Exception):
    """Base of all errors of this package."""

    default_category = "_OTHER"

    def __init__(
        self,
        message: str,
        *,
        category: Category | str | None = None,
        context: Context = _NOWHERE,
        hints: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        name = self.default_category if category is None else category
        self.message = message
        self.category = name if isinstance(name, Category) else category_named(name)
        self.context = context
        self.hints = hints or self._default_hints()

    def _default_hints(self) -> tuple[str, ...]:
        return (self.category.hint,)

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later, unchanged."""
        return self.category.retries != 0 or self.category.rest > 0

    model = property(lambda self: self.context.model, doc="The model id that the caller asked for.")
    deployment = property(lambda self: self.context.deployment, doc="The deployment that failed last.")
    endpoint = property(lambda self: self.context.endpoint, doc="Its address, without query and credentials.")
    status_code = property(lambda self: self.context.status, doc="The HTTP status, None without an answer.")
    provider_code = property(lambda self: self.context.provider_code, doc="The provider's own error code or type.")
    request_id = property(lambda self: self.context.request_id, doc="The provider's id of the call.")
    retry_after = property(lambda self: self.context.retry_after, doc="Seconds that the provider asked to wait.")
    attempts = property(lambda self: self.context.attempts, doc="Every try, in order.")

    def __str__(self) -> str:
        shown = [(f.name, getattr(self.context, f.name)) for f in fields(self.context) if f.name != "attempts"]
        shown.append(("attempts", len(self.context.attempts) or None))
        facts = ", ".join(f"{name}={value}" for name, value in shown if value is not None)
        lines = [f"{self.message} [{self.category.name}{': ' + facts if facts else ''}]"]
        lines += [f"  hint: {hint}" for hint in self.hints]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.category.name, self.context, self.hints))


def _rebuild(
    kind: type[BeastModeError], message: str, category: str, context: Context, hints: tuple[str, ...]
) -> BeastModeError:
    return kind(message, category=category, context=context, hints=hints)


class ConfigError(BeastModeError, ValueError):
    """The configuration cannot work. Raised when it is read, never on the first request."""

    def _default_hints(self) -> tuple[str, ...]:
        return ()

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  hint: {hint}" for hint in self.hints)])


class RequestError(BeastModeError):
    """The request cannot be sent as it is; no provider was asked."""

    default_category = "invalid_request"

    def _default_hints(self) -> tuple[str, ...]:
        # The category's own hint speaks of a provider that refused.
        if self.category.name == self.default_category:
            return ("No provider was asked: correct the argument that the message names.",)
        return super()._default_hints()


class AccessDenied(BeastModeError, PermissionError):
    """The access rule refused the caller; no provider was asked."""

    default_category = "access_denied"


class UpstreamError(BeastModeError):
    """A provider, or the way to it, failed. `attempts` tells every try, `__cause__` is the last original exception."""
