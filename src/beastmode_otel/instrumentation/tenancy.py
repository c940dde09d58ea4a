"""Whose a call is: all that its headers say about who asks. Answers are shared by those only who say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from beastmode_otel.cache.key import OUTPUT_HEADERS, credential_tenant

# Headers that are about the message, its tracing or the SDK that wrote it. Whatever else there is may be a login, or
# change what is answered, and keeps apart.
_COMMON: Final = OUTPUT_HEADERS | {
    *("accept", "accept-encoding", "cache-control", "connection", "content-length", "content-type", "date", "expect"),
    *("keep-alive", "pragma", "te", "transfer-encoding", "user-agent", "idempotency-key"),
    *("traceparent", "tracestate", "baggage", "b3", "sentry-trace", "x-amzn-trace-id", "x-cloud-trace-context"),
    *("x-request-id", "x-correlation-id", "x-client-request-id", "request-id"),
    *("anthropic-dangerous-direct-browser-access", "http-referer", "referer", "x-title"),
}
_COMMON_BEGINNINGS: Final = ("x-stainless-", "x-b3-", "x-datadog-")
# Cookies by which a CDN or a load balancer recognises a connection; providers set them with every answer.
_COMMON_COOKIE: Final = re.compile(
    r"__cf_bm|_cfuvid|__cflb|__cfruid|cf_clearance|AWSALB\w*|ARRAffinity\w*", re.IGNORECASE
)
_LOGIN: Final = "proxy-authorization"


def has_other_login(headers: Mapping[str, str]) -> bool:
    """Whether somebody is logged in by more than a key: by cookies, or at a proxy. Names in lower case."""
    names = [cookie.partition("=")[0].strip() for cookie in headers.get("cookie", "").split(";")]
    return _LOGIN in headers or any(name and not _COMMON_COOKIE.fullmatch(name) for name in names)


def tenant_of(headers: Mapping[str, str], *, host: str, nobody: str, secret: bytes | None) -> str:
    """The tenant: a digest of every header that may say who asks. Names in lower case.

    host: that of the URL, which the header of this name usually repeats. nobody: of whoever says nothing.
    """
    said = sorted((name, value) for name, value in headers.items() if _counts(name, value, host))
    return credential_tenant(json.dumps(said), secret) if said else nobody


def _counts(name: str, value: str, host: str) -> bool:
    if name in _COMMON or name.startswith(_COMMON_BEGINNINGS):
        return False
    return name != "cookie" and not (name == "host" and value.lower() == host.lower())
