"""Which failures an expired answer stands in for: those of the way to an answer, not those of the request."""

from __future__ import annotations

import pytest

from beastmode_otel.engine.cache_flow import may_serve_stale
from beastmode_otel.errors import Context, RequestError, UpstreamError
from beastmode_otel.errors.categories import CATEGORIES

# Per category as a provider's error: through the router, for an app with its own key and address.
ALWAYS = {
    *("dns_error", "connection_refused", "connection_failed", "connect_timeout", "read_timeout", "write_timeout"),
    *("pool_timeout", "first_token_timeout", "total_timeout", "connection_reset", "protocol_error", "decoding_error"),
    *("server_error", "bad_gateway", "unavailable", "gateway_timeout", "overloaded", "stream_truncated"),
    *("tls_cert_invalid", "tls_handshake", "invalid_header", "invalid_url", "redirect_loop", "invalid_response"),
    *("circuit_open", "_OTHER", "authentication_error", "quota_exhausted"),
    *("permission_denied", "model_not_found", "endpoint_not_found", "request_timeout", "conflict", "too_early"),
    *("rate_limited", "not_supported", "empty_answer"),
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories(name: str) -> None:
    """Not what is wrong with the request itself, though another deployment may take it."""
    assert may_serve_stale(UpstreamError("x", category=name), callers_account=False) is (name in ALWAYS)


@pytest.mark.parametrize(
    ("name", "status", "served"),
    [
        ("authentication_error", 401, False),
        ("permission_denied", 403, False),
        ("model_not_found", 404, False),
        ("context_length_exceeded", 400, False),
        ("_OTHER", 302, False),
        ("request_timeout", 408, True),
        ("conflict", 409, True),
        ("too_early", 425, True),
        ("rate_limited", 429, True),
        ("quota_exhausted", 429, True),
        ("server_error", 500, True),
        ("overloaded", 529, True),
        ("connection_refused", None, True),
        ("invalid_request", 400, False),
    ],
)
def test_an_apps_own_key_and_address(name: str, status: int | None, served: bool) -> None:
    """A 4xx about those is the app's own affair, but for those that pass."""
    error = UpstreamError("x", category=name, context=Context(status=status))
    assert may_serve_stale(error, callers_account=True) is served


def test_what_never_went_upstream() -> None:
    """A request that was refused here is refused."""
    assert not may_serve_stale(RequestError("x", category="invalid_request"), callers_account=False)
    assert may_serve_stale(RequestError("x", category="circuit_open"), callers_account=False)
