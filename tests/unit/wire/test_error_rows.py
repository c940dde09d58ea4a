"""The table of what providers say when a call fails, row by row: in every shape of body, any case, any company."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.errors import CATEGORIES
from beastmode_otel.wire import ProviderError, categorise, error_in, read_error
from beastmode_otel.wire.error_rows import ANY, ErrorRow, error_rows, error_sources

from .failures_told import TOLD
from .innocent_errors import INNOCENT

ROWS = error_rows()


def named(row: ErrorRow) -> str:
    return f"{row.provider} {row.status} {'+'.join('/'.join(names) for names in row.names)} {row.words[:1]}"


def test_the_table_is_well_formed() -> None:
    sources = error_sources()
    told = {key for row in ROWS for key in row.sources}
    assert {row.category for row in ROWS} <= CATEGORIES.keys()
    assert told == sources.keys(), "a source without a row, or a row without its source"
    assert all(row.sources for row in ROWS)
    assert len(ROWS) == len(set(ROWS)), "a row stands there twice"
    assert len({row.provider for row in ROWS} - {"Everybody"}) >= 25


def test_no_status_has_two_meanings_of_one_name() -> None:
    """Where one name has several rows, their statuses, other names or words tell them apart."""
    seen: dict[tuple[int | None, str], str] = {}
    for row in ROWS:
        if row.both or row.host or len(row.names) > 1:
            continue
        for name in (name for either in row.names for name in either):
            assert seen.setdefault((row.status, name.lower()), row.category) == row.category, named(row)


# How an error with these names and words may look on the wire.

Body = Callable[[list[str], str, int], Any]


def _openai(names: list[str], words: str, status: int) -> Any:
    code, kind = [*names, None, None][:2]
    return {"error": {"message": words, "type": kind or "invalid_request_error", "param": None, "code": code}}


def _as_type(names: list[str], words: str, status: int) -> Any:
    return {
        "type": "error",
        "error": {"type": names[0] if names else "api_error", "message": words, "x": names[1:]},
    } | {"error_code": names[1] if len(names) > 1 else None}


def _google(names: list[str], words: str, status: int) -> Any:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": name} for name in names]
    return [{"error": {"code": status, "message": words, "status": "UNKNOWN", "details": details}}]


def _flat(names: list[str], words: str, status: int) -> Any:
    code, kind = [*names, None, None][:2]
    return {"object": "error", "message": words, "code": code, "error_type": kind}


def _cloudflare(names: list[str], words: str, status: int) -> Any:
    numbers: list[Any] = [int(name) if name.isdigit() else name for name in names]
    return {"success": False, "errors": [{"code": one, "message": words} for one in numbers or [None]], "result": None}


def _behind(names: list[str], words: str, status: int) -> Any:
    """Behind a gateway that hands it on as a string."""
    raw = json.dumps(_openai(names, words, status))
    return {"error": {"message": "Provider returned error", "code": status, "metadata": {"raw": raw}}}


def _in_a_message(names: list[str], words: str, status: int) -> Any:
    return {"detail": f"upstream failed: {json.dumps(_openai(names, words, status))} (request 7)"}


def _string(names: list[str], words: str, status: int) -> Any:
    return {"error": words, "code": names[0] if names else None, "error_type": names[1] if names[1:] else None}


BODIES: dict[str, Body] = {
    "openai": _openai,
    "type": _as_type,
    "google": _google,
    "flat": _flat,
    "cloudflare": _cloudflare,
    "behind": _behind,
    "message": _in_a_message,
    "string": _string,
}
COMPANY: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "loud": str.upper,
    "quiet": str.lower,
    "in company": lambda words: f"[gw-7] upstream said:\n  \"{words}\" (request 123; see https://example.com/docs) …",
}  # fmt: skip


def samples(row: ErrorRow) -> list[tuple[list[str], str]]:
    """Names and words that this row is about: together where it wants both, else each on its own."""
    names = [name.replace("*", "X1") for either in row.names for name in either[:1]]
    others = [[name] for name in row.names[0][1:]] if len(row.names) == 1 else []
    words = [words.replace("..", "4321 of 'acme-4.5'") for words in row.words]
    if row.both:
        return [(names, said) for said in words]
    return [(one, "Something is wrong.") for one in (names, *others) if one] + [([], said) for said in words]


def said_by(row: ErrorRow, body: Any) -> ProviderError:
    """The error as it comes with the row's status, or inside a 200."""
    if row.status is None:
        found = error_in(body if mapping_with_error(body) else {"error": body})
        assert found is not None
        return found
    return read_error(row.status or 400, {}, json.dumps(body).encode())


def mapping_with_error(body: Any) -> bool:
    return isinstance(body, dict) and "error" in body


@pytest.mark.parametrize("shape", BODIES)
@pytest.mark.parametrize("row", [row for row in ROWS if row.names or row.words], ids=named)
def test_a_row_is_told_in_any_shape_case_and_company(row: ErrorRow, shape: str) -> None:
    for names, words in samples(row):
        for company in COMPANY.values():
            body = BODIES[shape](names, company(words), row.status or 400)
            error = said_by(row, body)
            assert categorise(error, host=f"a.{row.host}").name == row.category, (body, error)


@pytest.mark.parametrize("row", [row for row in ROWS if row.words], ids=named)
def test_a_sentence_of_the_table_may_quote_its_words(row: ErrorRow) -> None:
    """As TGI does: "`inputs` tokens + `max_new_tokens` must be <= 4096"."""
    for names, words in samples(row):
        quoted = " ".join(f"`{word}`" if word.isalpha() else word for word in words.split())
        error = said_by(row, _openai(names, quoted, row.status or 400))
        assert categorise(error, host=f"a.{row.host}").name == row.category, quoted


@pytest.mark.parametrize("row", [row for row in ROWS if not row.names and not row.words], ids=named)
def test_a_row_without_names_and_words_is_what_the_status_says(row: ErrorRow) -> None:
    bodies = [b""] if row.silent else [b"", b"{}", b"<html><title>oops</title></html>", b'{"error": {"code": "x_y"}}']
    for body in bodies:
        assert row.status
        assert categorise(read_error(row.status, {}, body), host=f"api.{row.host}").name == row.category


WHOLE_NAMES = [
    row for row in ROWS if row.names and not row.host and any(not n.isdigit() for either in row.names for n in either)
]


@pytest.mark.parametrize("row", WHOLE_NAMES, ids=named)
def test_a_name_tells_inside_a_200_as_with_its_status(row: ErrorRow) -> None:
    """The first row of a name is meant where no status tells several apart."""
    for names, words in samples(row):
        if not names:
            continue
        error = error_in(_openai(names, words, 200))
        assert error is not None
        key = {name.lower() for name in names}
        same = [
            r
            for r in ROWS
            if len(r.names) == len(names) and r.both == row.both and key & {n.lower() for n in r.names[0]}
        ]
        assert categorise(error).name in {r.category for r in same}, names


@functools.cache
def told() -> list[tuple[int, str, int, str, str, str, str, str]]:
    """What providers say, as it was found: number, provider, status, shape, code, type, words, category."""
    return json.loads((Path(__file__).parent / "provider_errors.json").read_text(encoding="utf-8"))


def body_of(status: int, shape: str, code: str, kind: str, words: str) -> Any:  # noqa: C901  (one line a shape)
    number: Any = int(code) if code.isdigit() and "int" in shape else code or None
    if shape in ("no body", "-", "HTML"):
        return words
    if shape.startswith("success"):
        return {"success": False, "errors": [{"code": number, "message": words}], "result": None}
    if shape.startswith("errors[]"):
        return {"errors": [{"code": number, "message": words}], "trace": "t", "status_code": status}
    if shape.startswith("error{code:int"):
        info = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code}] if not code.isdigit() else []
        quota = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]
        details = quota if words.startswith("quotaId") else info
        return {"error": {"code": number or status, "message": words, "status": kind, "details": details}}
    if shape.startswith("type=error"):
        error = {"type": kind, "message": words, "details": {"error_code": code} if code else None}
        return {"type": "error", "error": error, "request_id": "req_1"}
    if shape.startswith("message (+"):
        return {"message": words, "__type": f"com.amazon.coral.service#{code}" if code else None}
    if shape.startswith(("error (a string)", "error,")):
        return {"error": words, "error_type": kind or None}
    if shape.startswith("code,error"):
        return {"code": code, "error": words}
    if shape.startswith(("detail", "status,title")):
        return {"status": status, "title": "Error", "detail": words}
    if shape.startswith(("message", "object=error", "id,")):
        return {"object": "error", "message": words, "type": kind or None, "code": number} | (
            {"error_type": code} if "error_type" in shape else {}
        )
    return {"error": {"message": words, "type": kind or None, "code": number, "param": None}}


@pytest.mark.parametrize("found", told(), ids=lambda found: f"{found[0]} {found[1]} {found[2]}")
def test_what_was_found_at_a_provider_has_its_category(found: Any) -> None:
    _, provider, status, shape, codes, kinds, words, name = found
    host = "api.cerebras.ai" if provider == "Cerebras" else "api.example.com"
    for code in codes.split("|"):
        for kind in kinds.split("|"):
            body = body_of(status, shape, code, kind, words)
            error = error_in(body) if status == 200 else None
            if error is None:
                raw = body if isinstance(body, str) else json.dumps(body)
                error = read_error(status, {}, raw.encode())
            assert categorise(error, host=host).name == name, body


# Words that no row has.

SAID = [(status, message, name) for (status, name), messages in TOLD.items() for message in messages]
# What a status decides in the words' place, or changes in their meaning, cannot be told without it.
INSIDE = sorted(
    {
        (message, name)
        for status, message, name in SAID
        if status == 400 and name in ("authentication_error", "quota_exhausted", "context_length_exceeded")
    }
)


@pytest.mark.parametrize("shape", ["openai", "google", "flat", "string", "behind"])
@pytest.mark.parametrize(("status", "message", "name"), SAID)
def test_other_words_for_the_same_failure(status: int, message: str, name: str, shape: str) -> None:
    for company in COMPANY.values():
        body = BODIES[shape]([], company(message), status)
        assert categorise(read_error(status, {}, json.dumps(body).encode())).name == name, body


# Where it is all that is said; among other words it may be of another key.
ALONE = ("Invalid token", "Token expired", "Unauthorized", "Key is disabled", "user not found or invalid key")


@pytest.mark.parametrize("shape", BODIES)
@pytest.mark.parametrize("message", ALONE)
def test_a_key_that_is_refused_in_two_words(message: str, shape: str) -> None:
    body = BODIES[shape]([], message, 400)
    assert categorise(read_error(400, {}, json.dumps(body).encode())).name == "authentication_error", body


@pytest.mark.parametrize(("message", "name"), INSIDE)
def test_other_words_inside_a_200(message: str, name: str) -> None:
    error = error_in({"error": {"message": message, "type": "invalid_request_error"}})
    assert error is not None
    assert categorise(error).name == name


# What only sounds like it.


@pytest.mark.parametrize("message", INNOCENT)
@pytest.mark.parametrize(("status", "name"), [(400, "invalid_request"), (422, "unprocessable")])
def test_a_plain_bad_parameter_stays_one(message: str, status: int, name: str) -> None:
    for shape in BODIES.values():
        body = shape([], message, status)
        assert categorise(read_error(status, {}, json.dumps(body).encode())).name == name, body


@pytest.mark.parametrize("message", INNOCENT)
def test_a_plain_bad_parameter_stays_one_inside_a_200(message: str) -> None:
    error = error_in({"error": {"message": message, "type": "invalid_request_error", "code": None}})
    assert error is not None
    assert categorise(error).name == "invalid_request"


def test_there_are_enough_of_them() -> None:
    assert len(set(INNOCENT)) >= 60


def test_what_the_caller_sent_is_not_read_as_the_error() -> None:
    """FastAPI tells the input back, others quote JSON in their words: a 429 in there is nobody's."""
    asked = {"error": {"code": 429, "message": "insufficient balance"}, "type": "insufficient_quota"}
    fastapi = {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required", "input": asked}]}
    quoting = {"error": {"message": 'Invalid JSON in arguments: {"code": 429, "message": "no such thing"}'}}
    assert categorise(read_error(422, {}, json.dumps(fastapi).encode())).name == "unprocessable"
    assert categorise(read_error(400, {}, json.dumps(quoting).encode())).name == "invalid_request"


def test_any_row_means_any_status() -> None:
    for row in (row for row in ROWS if row.status == ANY):
        for status in (400, 413, 422, 500, 503):
            body = _openai([row.names[0][0]], "no", status)
            assert categorise(read_error(status, {}, json.dumps(body).encode())).name == row.category
