"""One connection to Postgres: libpq by psycopg's wrapper of it. Its cursors and its connect have no limit of 1 s."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, Final

from psycopg import OperationalError, ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from beastmode_otel.cache.tiers.postgres.errors import Lost, ServerError
from beastmode_otel.cache.tiers.postgres.values import decoded, encoded
from beastmode_otel.config.postgres_url import PostgresUrl
from beastmode_otel.errors import ConfigError

# A statement, and its parameters.
Query = tuple[bytes, Sequence[Any]]
Rows = list[tuple[Any, ...]]
# Of each statement its rows, and how many it touched.
Answers = list[tuple[Rows, int]]
_Encoded = tuple[bytes, list[bytes | None], list[int]]
# The steps of an exchange: whether it waits to send too, or only to receive.
_Steps = Generator[bool, None, Answers]

_IN, _OUT = 1, 4  # as select.poll has them
_NO_STATEMENT: Final = "26000"
_POLICY: Final = {b"ExecWithCheckOptions"}  # where the server finds that a policy forbids a row
# Statements behind the application's name in pg_stat_activity; keepalives find a peer that has gone while nobody asks.
_ALWAYS: Final = {"client_encoding": "UTF8", "application_name": "beastmode_otel"}
_UNLESS_SAID: Final = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}


class Servers:
    """Where a URL leads: one server, or several of which the first that answers (and is what
    `target_session_attrs` asks for) is taken.

    conninfos: of one server each, with what we always say.
    """

    def __init__(self, url: PostgresUrl, hard: float) -> None:
        """Raises ConfigError."""
        given: dict[str, Any] | None = None
        with suppress(ProgrammingError):  # its text may hold the password, and would hang on as context
            given = conninfo_to_dict(url.whole)
        if given is None:
            raise ConfigError(
                f"cache.l3.url is {url.shown}, and libpq cannot read its login or options",
                hints=("compare postgresql.org/docs/current/libpq-connect.html", "percent-encode the password"),
            )
        self.location, self.address = url.shown, (url.host, url.port)
        said = {**_UNLESS_SAID, "tcp_user_timeout": int(hard * 1000), **_ALWAYS, **given}
        hosts, ports = _listed(given.get("host")), _listed(given.get("port"))
        addresses = _listed(given.get("hostaddr"))
        self.conninfos = []
        for n in range(max(len(hosts), len(addresses), 1)):
            one: dict[str, Any] = {"host": _of(hosts, n), "port": _of(ports, n), "hostaddr": _of(addresses, n)}
            self.conninfos.append(make_conninfo("", **{**said, **one}).encode())


def _listed(value: Any) -> list[str]:
    return str(value).split(",") if value else []


def _of(values: list[str], number: int) -> str | None:
    """As libpq has it: one port may stand for all hosts."""
    if len(values) == 1:
        return values[0]
    return values[number] or None if number < len(values) else None


def connect(servers: Servers, until: float) -> Connection:
    """Blocking, at most until then on the monotonic clock, names included as far as the resolver obeys.

    Each server gets its share of the time, so that one that is silent does not hide the next. Raises Lost,
    TimeoutError.
    """
    why: Exception = Lost("no server is named")
    for number, conninfo in enumerate(servers.conninfos):
        left = until - time.monotonic()
        try:
            return _connected(conninfo, time.monotonic() + left / (len(servers.conninfos) - number))
        except (Lost, TimeoutError) as exc:
            why = exc
    raise why


def _connected(conninfo: bytes, until: float) -> Connection:
    pg = pq.PGconn.connect_start(conninfo)
    try:
        pg.nonblocking = 1 if pg.status != pq.ConnStatus.BAD else 0
        while pg.status != pq.ConnStatus.BAD:
            match pg.connect_poll():
                case pq.PollingStatus.READING:
                    _wait(pg.socket, _IN, until)
                case pq.PollingStatus.WRITING:
                    _wait(pg.socket, _OUT, until)
                case pq.PollingStatus.OK:
                    pg.nonblocking = 1
                    pg.notice_handler = None
                    pg.enter_pipeline_mode()
                    return Connection(pg)
                case _:
                    break
        raise Lost(_first_line(pg.error_message))
    except OperationalError as exc:
        raise Lost(str(exc)) from None
    finally:
        if pg.pipeline_status != pq.PipelineStatus.ON:
            pg.finish()


def _nobody() -> None:
    pass


def _first_line(message: bytes) -> str:
    return message.decode(errors="replace").strip().partition("\n")[0]


def _wait(socket: int, what: int, until: float) -> None:
    """Raises TimeoutError. One that is patched by gevent yields here."""
    if not _ready(socket, what, until - time.monotonic()):
        raise TimeoutError


def _ready(socket: int, what: int, seconds: float) -> bool:
    if not hasattr(select, "poll"):  # Windows
        readers, writers = ([socket] if what & _IN else []), ([socket] if what & _OUT else [])
        return any(select.select(readers, writers, [], max(0.0, seconds)))
    poll = select.poll()
    poll.register(socket, what)
    return bool(poll.poll(max(0.0, seconds) * 1000))


class Connection:
    """For one user at a time. What raises anything but ServerError ends it: an answer that comes late must not be the
    next one's.

    The statements of one exchange are one message, one round trip and one transaction: libpq's pipeline, ended by one
    sync. So a transaction pooler gives them one server connection, and what they set with `set_config(…, true)` ends
    with them.
    """

    def __init__(self, pg: pq.abc.PGconn) -> None:
        self._pg, self._socket = pg, pg.socket
        self._names: dict[bytes, bytes] = {}
        self._forgotten: Callable[[], None] = _nobody

    def prepare(self, queries: Sequence[Query], until: float, forgotten: Callable[[], None]) -> None:
        """From now on the server's session keeps the plans of these statements. Blocking; of their parameters only the
        types matter. forgotten: hears that it has not, as another session is behind this connection now. Raises Lost,
        TimeoutError, ServerError."""
        statements = _encoded(queries)
        Exchange(self, self._exchange(statements, preparing=True)).taken(until)
        self._forgotten = forgotten
        self._names = {sql: b"beastmode_%d" % number for number, (sql, _, _) in enumerate(statements)}

    def run(self, queries: Sequence[Query], until: float) -> Answers:
        """Of each statement its rows, and how many it touched. Blocking. Raises Lost, TimeoutError, ServerError."""
        return self.begin(queries).taken(until)

    def begin(self, queries: Sequence[Query]) -> Exchange:
        """Send them, as far as that needs no waiting. Raises Lost."""
        return Exchange(self, self._exchange(_encoded(queries)))

    def wait(self, seconds: float, *, sending: bool) -> bool:
        """Whether there is something to do on the socket, after at most so long."""
        return _ready(self._socket, _IN | _OUT if sending else _IN, seconds)

    async def arun(self, queries: Sequence[Query]) -> Answers:
        """The same as `run` on the running loop; the time limit is the caller's."""
        exchange = self.begin(queries)
        try:
            while not exchange.over:
                await self._turn(sending=exchange.sending)
                exchange.step()
        except BaseException:
            exchange.drop()
            raise
        return exchange.answers()

    async def _turn(self, *, sending: bool) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        loop.add_reader(self._socket, wake)
        if sending:
            loop.add_writer(self._socket, wake)
        try:
            await ready
        finally:
            loop.remove_reader(self._socket)
            if sending:
                loop.remove_writer(self._socket)

    def _exchange(self, queries: list[_Encoded], *, preparing: bool = False) -> _Steps:
        pg = self._pg
        answers: Answers = []
        refusals: list[ServerError] = []
        try:
            self._send(queries, preparing=preparing)
            pg.pipeline_sync()
            while pg.flush() == 1:
                yield True
                pg.consume_input()
            while True:
                while pg.is_busy():
                    yield False
                    pg.consume_input()
                result = pg.get_result()  # None after those of each statement
                if result is None and pg.status == pq.ConnStatus.BAD:
                    raise Lost(_first_line(pg.error_message))
                if result is not None and not self._read(result, answers, refusals):
                    break
        except OperationalError as exc:
            raise Lost(str(exc)) from None
        if refusals:
            raise refusals[0]
        return answers

    def _send(self, queries: list[_Encoded], *, preparing: bool) -> None:
        for number, (sql, values, types) in enumerate(queries):
            if preparing:
                self._pg.send_prepare(b"beastmode_%d" % number, sql, types)
            elif sql in self._names:
                self._pg.send_query_prepared(self._names[sql], values, [1] * len(values), 1)
            else:
                self._pg.send_query_params(sql, values, types, [1] * len(values), 1)

    def _read(self, result: pq.abc.PGresult, answers: Answers, refusals: list[ServerError]) -> bool:
        """False: it is the last of the exchange."""
        match result.status:
            case pq.ExecStatus.PIPELINE_SYNC:
                return False
            case pq.ExecStatus.TUPLES_OK | pq.ExecStatus.COMMAND_OK:
                answers.append((_rows(result), result.command_tuples or 0))
            case pq.ExecStatus.PIPELINE_ABORTED:  # after one that was refused
                pass
            case _:
                refusals.append(self._refusal(result))
        return True

    def _refusal(self, result: pq.abc.PGresult) -> ServerError:
        field = result.error_field
        state = (field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        if state == _NO_STATEMENT:
            self._forgotten()
        if self._pg.status == pq.ConnStatus.BAD or not state or state == _NO_STATEMENT:
            raise Lost(_first_line(result.error_message))
        primary = (field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
        return ServerError(primary, state, policy=field(pq.DiagnosticField.SOURCE_FUNCTION) in _POLICY)

    @property
    def closed(self) -> bool:
        return self._pg.status != pq.ConnStatus.OK

    @property
    def alive(self) -> bool:
        """False once it is known to have ended, or something was said on it that nobody asked for."""
        return not self.closed and not _ready(self._socket, _IN, 0.0)

    def close(self) -> None:
        """Never waits. What the server still does for us ends by its statement_timeout."""
        self._pg.finish()


class Exchange:
    """What was begun on a connection. over: nothing more will happen on the socket. sending: what it waits for."""

    def __init__(self, connection: Connection, steps: _Steps) -> None:
        self.connection, self.over, self.sending = connection, False, False
        self._steps = steps
        self._answers: Answers = []
        self._trouble: Exception | None = None
        self.step()

    def step(self) -> None:
        """Go on as far as possible without waiting. What goes wrong is told by `answers`."""
        try:
            self.sending = next(self._steps)
        except StopIteration as done:
            self._answers, self.over = done.value, True
        except ServerError as refusal:
            self._trouble, self.over = refusal, True
        except Exception as trouble:  # noqa: BLE001  (kept for who takes the answers)
            self._trouble, self.over = trouble, True
            self.connection.close()
        except BaseException:
            self.drop()
            raise

    def finished(self, until: float) -> bool:
        """Whether it is over; waits for that until then. Loses nothing when it is not."""
        while not self.over:
            if not self.connection.wait(until - time.monotonic(), sending=self.sending):
                return False
            self.step()
        return True

    def answers(self) -> Answers:
        """Of one that is over. Raises Lost, ServerError."""
        if self._trouble is not None:
            raise self._trouble
        return self._answers

    def taken(self, until: float) -> Answers:
        """Blocking; one that is not over by then ends with its connection. Raises Lost, TimeoutError, ServerError."""
        try:
            if not self.finished(until):
                raise TimeoutError
        except BaseException:
            self.drop()
            raise
        return self.answers()

    def drop(self) -> None:
        """Nobody wants the answers: what is not over ends with its connection. Never waits."""
        if not self.over:
            self.over, self._trouble = True, Lost("given up")
            self.connection.close()


def _encoded(queries: Sequence[Query]) -> list[_Encoded]:
    """Before anything is sent: what cannot be encoded costs no connection."""
    return [(sql, *encoded(values)) for sql, values in queries]


def _rows(result: pq.abc.PGresult) -> Rows:
    types = [result.ftype(column) for column in range(result.nfields)]
    return [
        tuple(decoded(oid, result.get_value(row, column)) for column, oid in enumerate(types))
        for row in range(result.ntuples)
    ]
