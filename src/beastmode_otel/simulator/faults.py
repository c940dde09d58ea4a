"""Error bodies in the shapes that providers, gateways and local servers give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from beastmode_otel.simulator.answers import dumps, event
from beastmode_otel.simulator.behaviour import Behaviour, ErrorShape

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What an error says. kind, code: OpenAI's words. anthropic: Anthropic's type. param: what was wrong."""

    kind: str
    code: str | None
    anthropic: str
    message: str
    param: str | None = None


_BAD: Final = "invalid_request_error"
_RATE: Final = "Rate limit reached for requests. Limit 3 / min. Please try again in 20s."
_QUOTA: Final = "You exceeded your current quota, please check your plan and billing details."

_BY_STATUS: Final[Mapping[int, ErrorText]] = {
    400: ErrorText(_BAD, None, _BAD, "The request is invalid."),
    401: ErrorText(_BAD, "invalid_api_key", "authentication_error", "Incorrect API key provided."),
    402: ErrorText("insufficient_quota", "insufficient_quota", "billing_error", _QUOTA),
    403: ErrorText(_BAD, "model_not_allowed", "permission_error", "The project does not have access to this model."),
    404: ErrorText(
        _BAD, "model_not_found", "not_found_error", "The model does not exist or you do not have access to it."
    ),
    408: ErrorText("timeout", None, "timeout_error", "The request timed out."),
    409: ErrorText("conflict_error", None, _BAD, "The request conflicts with another one."),
    413: ErrorText(_BAD, "request_too_large", "request_too_large", "Request exceeds the maximum size."),
    422: ErrorText(_BAD, None, _BAD, "The request could not be processed."),
    425: ErrorText(_BAD, "too_early", _BAD, "The request came too early."),
    429: ErrorText("requests", "rate_limit_exceeded", "rate_limit_error", _RATE),
    500: ErrorText("server_error", None, "api_error", "The server had an error while processing your request."),
    502: ErrorText("server_error", "bad_gateway", "api_error", "Bad gateway."),
    503: ErrorText("server_error", "service_unavailable", "api_error", "The service is temporarily unavailable."),
    504: ErrorText("server_error", "gateway_timeout", "timeout_error", "The upstream server did not answer in time."),
    529: ErrorText("overloaded_error", "overloaded", "overloaded_error", "Overloaded"),
}
_ANY_4XX: Final = _BY_STATUS[400]
_ANY_5XX: Final = _BY_STATUS[500]

_BY_CODE: Final[Mapping[str, ErrorText]] = {
    "insufficient_quota": _BY_STATUS[402],
    "context_length_exceeded": ErrorText(
        _BAD,
        "context_length_exceeded",
        _BAD,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.",
        "messages",
    ),
    "content_filter": ErrorText(
        _BAD,
        "content_filter",
        _BAD,
        "The response was filtered due to the prompt triggering the content management policy.",
        "prompt",
    ),
    "model_not_found": _BY_STATUS[404],
    "DeploymentNotFound": ErrorText(
        _BAD, "DeploymentNotFound", "not_found_error", "The API deployment for this resource does not exist."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """A body and the media type it claims."""

    content_type: str
    body: bytes


def error_body(behaviour: Behaviour, *, status: int, default_shape: ErrorShape, number: int, last: str) -> ErrorBody:
    """The error that this behaviour tells with this status. `last` is repeated only if the behaviour echoes."""
    if behaviour.error_json is not None:
        return ErrorBody(content_type=_JSON, body=behaviour.error_json.encode())
    shape = behaviour.error_shape or default_shape
    fault = _fault(behaviour, status, shape, last)
    if shape in _PAGES:
        return _PAGES[shape](fault, status)
    return ErrorBody(content_type=_JSON, body=dumps(_json(shape, fault, status, number)))


def error_event(
    behaviour: Behaviour, *, default_shape: ErrorShape, number: int, last: str, flat: bool = False
) -> bytes:
    """The error inside a 200 stream: OpenAI's and Gemini's by data alone, Anthropic's by name, Ollama's as a line,
    Cohere's as the end of the message.

    flat: that of OpenAI's responses, by name and without a member `error`.
    """
    status = 529 if default_shape == "anthropic" else 500
    if flat and behaviour.error_shape is None and behaviour.error_json is None:
        fault = _fault(behaviour, status, "openai", last)
        told = {"code": fault.code or fault.kind, "message": fault.message, "param": fault.param, "sequence_number": 0}
        return event(dumps({"type": "error", **told}), b"error")
    if default_shape == "cohere" and behaviour.error_shape is None:
        delta = {"finish_reason": "ERROR", "error": _fault(behaviour, status, "cohere", last).message}
        return event(dumps({"type": "message-end", "delta": delta}), b"message-end")
    body = error_body(behaviour, status=status, default_shape=default_shape, number=number, last=last).body
    line = body.replace(b"\n", b" ")
    if default_shape == "ollama":
        return line + b"\n"
    return event(line, b"error" if default_shape == "anthropic" else None)


def _fault(behaviour: Behaviour, status: int, shape: ErrorShape, last: str) -> ErrorText:
    base = _BY_CODE.get(behaviour.error_code or "") or _BY_STATUS.get(status)
    base = base or (_ANY_5XX if status >= 500 else _ANY_4XX)
    kind = behaviour.error_type or (base.anthropic if shape == "anthropic" else base.kind)
    message = behaviour.error_message or base.message
    if behaviour.echo:
        message = f"{message} Input: {last}"
    return ErrorText(kind, behaviour.error_code or base.code, kind, message, base.param)


def _json(shape: ErrorShape, fault: ErrorText, status: int, number: int) -> Any:
    return _SHAPES[shape](fault, status, number)


def _openai(fault: ErrorText, status: int, number: int) -> Any:
    return {"error": {"message": fault.message, "type": fault.kind, "param": fault.param, "code": fault.code}}


def _anthropic(fault: ErrorText, status: int, number: int) -> Any:
    error = {"type": fault.kind, "message": fault.message}
    return {"type": "error", "error": error, "request_id": f"req_sim{number:08d}"}


def _azure(fault: ErrorText, status: int, number: int) -> Any:
    code = "DeploymentNotFound" if fault.code == "model_not_found" else fault.code
    error: dict[str, Any] = {"code": str(status) if status == 429 or code is None else code, "message": fault.message}
    if code == "content_filter":
        result = {"hate": {"filtered": True, "severity": "high"}, "violence": {"filtered": False, "severity": "safe"}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
        error |= {"param": "prompt", "type": None, "status": status, "innererror": inner}
    return {"error": error}


def _azure_gateway(fault: ErrorText, status: int, number: int) -> Any:
    return {"statusCode": status, "message": fault.message}


def _vllm_type(fault: ErrorText, status: int) -> str:
    phrase = "".join(part.capitalize() for part in _phrase(status).split())
    return phrase if phrase.endswith("Error") else f"{phrase}Error"


def _vllm(fault: ErrorText, status: int, number: int) -> Any:
    error = {"message": fault.message, "type": _vllm_type(fault, status), "param": fault.param, "code": status}
    return {"error": error}


def _vllm_flat(fault: ErrorText, status: int, number: int) -> Any:
    return {"object": "error", **_vllm(fault, status, number)["error"]}


def _ollama(fault: ErrorText, status: int, number: int) -> Any:
    return {"error": fault.message}


_GOOGLES: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


def _gemini(fault: ErrorText, status: int, number: int) -> Any:
    name = _GOOGLES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": status, "message": fault.message, "status": name}}


def _cohere(fault: ErrorText, status: int, number: int) -> Any:
    return {"message": fault.message}


def _fastapi(fault: ErrorText, status: int, number: int) -> Any:
    if status == 422:
        return {"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": fault.message}]}
    return {"detail": fault.message}


_SHAPES: Final[Mapping[str, Callable[[ErrorText, int, int], Any]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "azure": _azure,
    "azure_gateway": _azure_gateway,
    "vllm": _vllm,
    "vllm_flat": _vllm_flat,
    "ollama": _ollama,
    "gemini": _gemini,
    "cohere": _cohere,
    "fastapi": _fastapi,
}


def html_page(title: str) -> bytes:
    """A page as a proxy would send it."""
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    return (page + "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n").encode()


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown Error"


_PAGES: Final[Mapping[str, Callable[[ErrorText, int], ErrorBody]]] = {
    "html": lambda fault, status: ErrorBody(content_type="text/html", body=html_page(f"{status} {_phrase(status)}")),
    "text": lambda fault, status: ErrorBody(content_type="text/plain; charset=utf-8", body=fault.message.encode()),
    "empty": lambda fault, status: ErrorBody(content_type="text/plain", body=b""),
}
