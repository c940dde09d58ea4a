"""What went wrong between us and the provider, read from the exception that an HTTP client raised.

httpx, httpx2 and httpcore use the same class names, so classes are recognised by name and none of them is imported.
Wrappers (an SDK's `APIConnectionError`) are looked through. `ConnectError` alone means DNS, refused or TLS: which one,
the root of its chain says, below the layers that asyncio adds. Texts decide almost nothing: many are empty.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from beastmode_otel.errors import OTHER, Category, category

_MAX_CHAIN: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFault:
    """A failure on the way.

    retries: as `Category.retries`, where this case knows better than its category. sent: the request may have reached
    the provider, wholly or in part, and may be billed; False only where it is certain that nothing left.
    """

    category: Category
    retries: int | None
    sent: bool


# Name of a class on the exception's MRO → (category, sent). ConnectError is not here: its root decides.
_BY_NAME: Final = MappingProxyType(
    {
        "ConnectTimeout": ("connect_timeout", False),
        "PoolTimeout": ("pool_timeout", False),
        "ReadTimeout": ("read_timeout", True),
        "WriteTimeout": ("write_timeout", True),
        "TimeoutException": ("read_timeout", True),
        "ReadError": ("connection_reset", True),
        "WriteError": ("connection_reset", True),
        "CloseError": ("connection_reset", True),
        "NetworkError": ("connection_failed", True),
        "ProxyError": ("connection_failed", False),
        "RemoteProtocolError": ("protocol_error", True),
        "LocalProtocolError": ("protocol_error", True),
        "UnsupportedProtocol": ("invalid_url", False),
        "InvalidURL": ("invalid_url", False),
        "DecodingError": ("decoding_error", True),
        "TooManyRedirects": ("redirect_loop", True),
        "TransportError": ("connection_failed", True),
        "JSONDecodeError": ("invalid_response", True),
        "UnicodeDecodeError": ("invalid_response", True),
    }
)

# The system's own errors, the most telling first: two addresses of one host may fail in two ways.
_ROOTS: Final = (
    (ssl.SSLCertVerificationError, "tls_cert_invalid"),
    (ssl.SSLError, "tls_handshake"),
    (socket.gaierror, "dns_error"),
    (ConnectionRefusedError, "connection_refused"),
    (ConnectionResetError, "connection_reset"),
    (BrokenPipeError, "connection_reset"),
    (TimeoutError, "connect_timeout"),
)
_DROPPED: Final = ("Server disconnected", "ConnectionTerminated")
# What the same root means when nothing says that a connection was still being made.
_LATER: Final = MappingProxyType({"connection_reset": "connection_reset", "connect_timeout": "read_timeout"})


def classify(exc: BaseException) -> TransportFault:
    """The fault that `exc`, or what it was raised from, stands for; the category is `_OTHER` when nobody knows."""
    chain = list(_chain(exc))
    for place, link in enumerate(chain):
        found = _fault(link, chain[place:])
        if found is not None:
            return found
    return _root_fault(chain, connecting=False) or TransportFault(category=OTHER, retries=0, sent=True)


def _fault(link: BaseException, below: list[BaseException]) -> TransportFault | None:
    names = [kind.__name__ for kind in type(link).__mro__]
    if "ConnectError" in names:
        return _root_fault(below) or _named("connection_failed", sent=False)
    if "RemoteProtocolError" in names and _says(link, *_DROPPED):
        return _named("connection_reset", sent=True)
    if ("LocalProtocolError" in names and _says(link, "header")) or _is_bad_header(link):
        return _named("invalid_header", sent=False)
    known = next((_BY_NAME[name] for name in names if name in _BY_NAME), None)
    return _named(known[0], sent=known[1]) if known else None


def _root_fault(chain: list[BaseException], *, connecting: bool = True) -> TransportFault | None:
    """The fault that the system's own errors in the chain tell; `connecting`: no connection was made yet."""
    found = next((name for kind, name in _ROOTS if any(isinstance(link, kind) for link in chain)), None)
    if found is None and any(isinstance(link, OSError) and link.errno == errno.ECONNREFUSED for link in chain):
        found = "connection_refused"
    if found is None and any(type(link).__name__ == "EndOfStream" for link in chain):
        found = "tls_handshake"  # anyio: the peer closed in the middle of the handshake
    if found is None:
        return None
    if not connecting and found in _LATER:
        return _named(_LATER[found], sent=True)
    again = any(isinstance(link, socket.gaierror) and link.errno == socket.EAI_AGAIN for link in chain)
    return _named(found, sent=False, retries=1 if again and found == "dns_error" else None)


def _named(name: str, *, sent: bool, retries: int | None = None) -> TransportFault:
    known = category(name)
    return TransportFault(category=known, retries=known.retries if retries is None else retries, sent=sent)


def _is_bad_header(link: BaseException) -> bool:
    """httpx encodes header values as ASCII: a key with a typographic quote in it ends here."""
    return isinstance(link, UnicodeEncodeError) and link.encoding == "ascii"


def _says(link: BaseException, *words: str) -> bool:
    said = link.args[0] if link.args else ""
    return isinstance(said, str) and any(word in said for word in words)


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """The exception and what it came from, the outermost first. Groups are opened; circles and giants end."""
    seen: set[int] = set()
    todo = [exc]
    while todo and len(seen) < _MAX_CHAIN:
        link = todo.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = list(link.exceptions) if isinstance(link, BaseExceptionGroup) else []
        todo += [found for found in (link.__cause__ or link.__context__, *inner) if found is not None]
