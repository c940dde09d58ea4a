"""Errors: the tree that callers catch, the closed set of categories, and the redaction of secrets."""

from beastmode_otel.errors.categories import CATEGORIES, OTHER, Category, category
from beastmode_otel.errors.origin import raised_by_signal, somebody_elses
from beastmode_otel.errors.redact import RedactedError, Redactor, safe_cause
from beastmode_otel.errors.tree import (
    AccessDenied,
    AttemptRecord,
    BeastModeError,
    ConfigError,
    Context,
    RequestError,
    UpstreamError,
)
from beastmode_otel.errors.urls import public_url

__all__ = [
    "CATEGORIES",
    "OTHER",
    "AccessDenied",
    "AttemptRecord",
    "BeastModeError",
    "Category",
    "ConfigError",
    "Context",
    "RedactedError",
    "Redactor",
    "RequestError",
    "UpstreamError",
    "category",
    "public_url",
    "raised_by_signal",
    "safe_cause",
    "somebody_elses",
]
