"""What providers say when a key is wrong, money is gone, a prompt too long, and what a router should make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TPM = "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 14368, please reduce it."
RETRY_INFO = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}]
QUOTA = "You exceeded your current quota, please check your plan and billing details."


@dataclass(frozen=True, kw_only=True)
class Case:
    """status and body of deployment a's error, and what the router makes of it.

    tries: of a before the spare is asked. rests: the next request begins with the spare. streams: it may come as the
    error event of a stream, too.
    """

    status: int
    body: Any
    category: str
    tries: int = 1
    rests: bool = False
    trips: bool = False
    streams: bool = True


def openai(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | more}


def google(status: int, message: str, name: str, details: Any = ()) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": name, "details": list(details)}}


def anthropic(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, "details": {"error_code": code}}}


CASES = {
    "2.1 Gemini, bad key": Case(
        status=400,
        body=google(400, "API key not valid.", "INVALID_ARGUMENT", [{"reason": "API_KEY_INVALID"}]),
        category="authentication_error",
    ),
    "2.1 xAI, bad key": Case(
        status=400,
        body={"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***yz."},
        category="authentication_error",
    ),
    "2.2 Anthropic, spend limit": Case(
        status=400,
        body=anthropic("invalid_request_error", "You have reached your specified API usage limits."),
        category="quota_exhausted",
        rests=True,
    ),
    "2.2 Anthropic, spend limit as a rate": Case(
        status=429,
        body=anthropic("rate_limit_error", "See your limits.", "enforced_spend_limit_reached"),
        category="quota_exhausted",
        rests=True,
    ),
    "2.3 Groq, more tokens than a minute has": Case(
        status=413,
        body=openai(TPM, type="tokens", code="rate_limit_exceeded"),
        category="rate_limited",
        rests=True,
    ),
    "2.4 llama.cpp, context as a 500": Case(
        status=500,
        body=openai("Context size has been exceeded.", type="server_error", code=500),
        category="context_length_exceeded",
    ),
    "2.4 Copilot, context in own words": Case(
        status=400,
        body={"error": "prompt token count of 70000 exceeds the limit of 64000"},
        category="context_length_exceeded",
    ),
    "2.5 Gemini, wait in the body": Case(
        status=429,
        body=google(429, QUOTA, "RESOURCE_EXHAUSTED", RETRY_INFO),
        category="rate_limited",
        rests=True,
    ),
    "2.6 llama.cpp, 501": Case(
        status=501,
        body=openai("This server does not support embeddings.", type="not_supported_error", code=501),
        category="not_supported",
    ),
    "2.7 424 of a dependency": Case(
        status=424,
        body=openai("Failed Dependency", type=None),
        category="server_error",
        tries=3,
        trips=True,
        streams=False,
    ),
    "2.7 498 of one vendor": Case(
        status=498,
        body=openai("flex tier at capacity", code="capacity_exceeded"),
        category="overloaded",
        tries=3,
        rests=True,
        trips=True,
    ),
    "2.7 GLM, a number for no money": Case(
        status=429,
        body={"error": {"code": "1113", "message": "余额不足"}},
        category="quota_exhausted",
        rests=True,
    ),
}  # fmt: skip
STREAMED = {name: case for name, case in CASES.items() if case.streams}
