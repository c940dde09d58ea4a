"""Secrets never survive the redactor, whatever they stand in; texts without one are left alone."""

from __future__ import annotations

import json
import traceback
from itertools import pairwise

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from beastmode_otel.errors import RedactedError, Redactor, safe_cause
from beastmode_otel.errors.redact import MASK

KEY = "sk-proj-Zq81xYv02LmNoPqRsTuV"
ODD = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY="  # no known shape: only knowing it helps

PRINTABLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
secrets = st.text(PRINTABLE, min_size=8, max_size=60)
# Nothing of these can be taken for a part of the secret or of the mask.
around = st.text(st.sampled_from("äöü .,\n\t{}()<>\u4e2d"), max_size=30)


def illegal_header(value: str) -> str:
    return f"Illegal header value {value.encode()!r}"


WRAPS = {
    "as it is": lambda secret: secret,
    "with a newline": lambda secret: f"{secret}\n",
    "as h11 prints a header": lambda secret: illegal_header(f"Bearer {secret}"),
    "as h11 prints a header with a newline": lambda secret: illegal_header(f"Bearer {secret}\n"),
    "in a repr": lambda secret: repr(f"{secret}\n"),
    "in a repr with double quotes": lambda secret: repr(f"it's {secret}"),
    "in a repr with both quotes": lambda secret: repr(f'it\'s "{secret}"'),
    "in JSON": lambda secret: json.dumps({"messages": [{"content": f"the key is {secret}"}]}),
    "in the credentials of a URL": lambda secret: f"http://user:{secret}@proxy.example.com:3128/",
    "in a query": lambda secret: str(httpx.URL("https://api.example.com/v1", params={"key": secret})),
    "in a bearer header": lambda secret: f"authorization: Bearer {secret}",
    "in a dict of headers": lambda secret: str({"Authorization": f"Bearer {secret}", "x-api-key": secret}),
    "in an exception's repr": lambda secret: repr(ValueError(secret)),
}


@pytest.mark.parametrize("wrap", WRAPS)
@given(secret=secrets, before=around, after=around)
@example(secret=KEY, before="", after="")
@example(secret=ODD, before="", after="")
@example(secret="back\\slash'quote\"both", before="", after="")
def test_a_planted_secret_never_survives(wrap: str, secret: str, before: str, after: str):
    assume(secret not in MASK and secret not in WRAPS[wrap]("placeholder"))
    text = before + WRAPS[wrap](secret) + after
    shown = Redactor([secret])(text)
    assert secret not in shown
    assert MASK in shown


@given(secrets, around, around)
def test_a_secret_that_was_configured_with_a_line_end_is_found_with_and_without_it(
    secret: str, before: str, after: str
):
    assume(secret not in MASK)
    redact = Redactor([f"{secret}\n"])
    for shown in (secret, f"{secret}\n", repr(f"{secret}\n")):
        assert secret not in redact(f"{before}{shown}{after}")


@given(st.lists(secrets, max_size=5), st.text(max_size=200))
def test_it_never_raises_and_never_needs_a_second_look(known: list[str], text: str):
    redact = Redactor(known)
    assume(not any(secret in MASK for secret in known))
    once = redact(text)
    assert isinstance(once, str)
    assert not any(secret in once for secret in known)


def test_the_longer_of_two_secrets_goes_first():
    assert Redactor(["abcdefgh", "abcdefgh-and-more"])("x abcdefgh-and-more y") == f"x {MASK} y"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: {KEY}. You can find your API key at ...",
        "Incorrect API key provided: sk-ab12****************cd34.",
        "sk-ant-api03-AbCdEfGh_1234-xyz",
        "gsk_A1b2C3d4E5f6G7h8",
        "xai-A1b2C3d4E5f6G7h8",
        "pplx-A1b2C3d4E5f6G7h8",
        "hf_A1b2C3d4E5f6G7h8",
        "r8_A1b2C3d4E5f6G7h8",
        "nvapi-A1b2C3d4E5f6G7h8",
        "AIzaSyA1b2C3d4E5f6G7h8i9J0k1L2m3N4o5P6q",
        "Authorization: Bearer A1b2C3d4E5f6G7h8",
        "authorization: bearer eyJhbGciOi.eyJzdWIiOi.SflKxwRJ",
        "Authorization: Basic A1b2C3d4E5f6G7h8==",
        '{"api_key": "A1b2C3d4E5f6G7h8"}',
        "{'x-api-key': 'A1b2C3d4E5f6G7h8'}",
        "https://host/v1?api-key=A1b2C3d4E5f6G7h8&x=1",
        "access_token=A1b2C3d4E5f6G7h8",
        "https://user:A1b2C3d4E5f6G7h8@host:8080/v1",
        "redis://:A1b2C3d4E5f6G7h8@host:6379/0",
        "https://A1b2C3d4E5f6G7h8@host/v1",
        "postgresql://user:p@A1b2C3d4E5f6G7h8@host/db",
    ],
)
def test_common_shapes_are_masked_without_being_known(text: str):
    shown = Redactor()(text)
    assert MASK in shown
    assert not any(part in shown for part in ("A1b2C3d4E5f6G7h8", KEY, "cd34", "AbCdEfGh", "eyJzdWIi", "SflKxwRJ"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The model `gpt-4o-mini` does not exist",
        "Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Used 29000",
        "connect to https://api.openai.com:443/v1/chat/completions failed",
        "see https://example.com/x?mail=somebody@example.com",
        "risk-management and desk-sharing are fine",
        "max_tokens=4096, temperature=0.7",
        "[Errno -2] Name or service not known",
    ],
)
def test_texts_without_a_secret_are_left_alone(text: str):
    assert Redactor(["EMPTY", "none", KEY])(text) == text


def test_placeholders_of_local_servers_are_no_secrets():
    assert Redactor(["EMPTY", "ollama"[:5], "", "  "])("EMPTY ollam") == "EMPTY ollam"


def test_its_repr_shows_nothing():
    assert KEY not in repr(Redactor([KEY]))


def chained(*links: BaseException) -> BaseException:
    """The first raised from the second, and so on."""
    for upper, lower in pairwise(links):
        upper.__cause__ = lower
    return links[0]


redact = Redactor([KEY, ODD])


def test_a_cause_that_shows_no_secret_stays_itself():
    exc = chained(ValueError("outer"), KeyError("inner"))
    assert safe_cause(exc, redact) is exc


@pytest.mark.parametrize(
    "exc",
    [
        ValueError(f"Illegal header value b'Bearer {KEY}\\n'"),
        ValueError({"authorization": ODD}),
        OSError(5, f"cannot reach http://user:{ODD}@proxy"),
        chained(ValueError("outer"), KeyError(ODD)),
        chained(ValueError("outer"), KeyError("middle"), ValueError(KEY)),
        chained(*(ValueError(f"link {number}") for number in range(50)), ValueError(KEY)),
        ExceptionGroup("several", [ValueError("fine"), ValueError(KEY)]),
    ],
    ids=["text", "args", "os error", "cause", "cause of the cause", "long chain", "group"],
)
def test_a_cause_that_shows_a_secret_anywhere_is_replaced(exc: Exception):
    stand_in = safe_cause(exc, redact)
    assert isinstance(stand_in, RedactedError)
    assert type(exc).__name__ in str(stand_in)
    shown = "".join(traceback.format_exception(stand_in)) + repr(stand_in)
    assert KEY not in shown
    assert ODD not in shown


def test_a_secret_in_a_context_or_in_a_note_counts_too():
    noted = ValueError("fine")
    noted.add_note(f"the key was {ODD}")
    assert isinstance(safe_cause(noted, redact), RedactedError)
    later = KeyError("fine")
    later.__context__ = ValueError(KEY)
    assert isinstance(safe_cause(later, redact), RedactedError)


def test_a_chain_that_bites_its_tail_ends():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert safe_cause(first, redact) is first
