"""The key under which our own HTTP runs, so that our own hook never sees it twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation

OURS: Final = otel_context.create_key("beastmode-own-http")


def is_ours() -> bool:
    """Whether the HTTP call being made right now is one of our own."""
    return otel_context.get_value(OURS) is True


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Make `context` current. Never across a return to the user: it would capture the user's own spans."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


@contextmanager
def unseen() -> Iterator[None]:
    """Within it HTTP is ours, and no instrumentation makes spans of it. Never across a return to the user."""
    with attached(otel_context.set_value(OURS, True)), suppress_instrumentation():
        yield
