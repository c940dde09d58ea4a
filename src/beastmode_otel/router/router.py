"""Send a request through its route: whole, or as a stream that may change deployments until its first content."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from beastmode_otel.config.settings import Config, Deployment, Route, Target
from beastmode_otel.errors import AttemptRecord, Context, RequestError, UpstreamError
from beastmode_otel.observer import OutcomeKind, RequestScope, Saving
from beastmode_otel.providers import BY_NAME
from beastmode_otel.router.attempt import Attempt
from beastmode_otel.router.attempt_sequence import AttemptSequence
from beastmode_otel.router.http_request import Call, Services
from beastmode_otel.wire import Chunk

if TYPE_CHECKING:
    from beastmode_otel.wire import Reply, Usage

_VOID: Final = Chunk(void=True)


def resolve(config: Config, model_id: str) -> Route:
    """The route of `model_id`: a configured one, else what its vendor prefix means (`openai:gpt-4o-mini`).

    Raises RequestError with category unknown_model (no such route) or no_deployment (a prefix whose key is not set).
    """
    route = config.routes.get(model_id)
    if route is not None:
        return route if route.targets else _no_targets(model_id)
    prefix, _, model = model_id.partition(":")
    vendor, provider = config.vendors.get(prefix), BY_NAME.get(prefix)
    if not model or (vendor is None and (provider is None or not provider.base_url or not config.vendors)):
        raise _unknown(config, model_id)
    # A vendor's own endpoint always wants a key; a base URL that the team has set may be a gateway that does not.
    if vendor is None or (provider and vendor.api_key is None and vendor.base_url == provider.base_url):
        keys = provider.keys if provider else ()
        raise RequestError(
            f"{model_id}: {prefix} has no API key",
            category="no_deployment",
            context=Context(model=model_id, deployment=prefix),
            hints=(f"export {' or '.join(keys)}, or configure a deployment and a route of your own",),
        )
    return Route(name=f"{prefix}:*", targets=(Target(deployment=replace(vendor, model=model)),))


def _no_targets(model_id: str) -> Route:
    raise RequestError(
        f"{model_id}: the route has no deployment", category="no_deployment", context=Context(model=model_id)
    )


def _unknown(config: Config, model_id: str) -> RequestError:
    near = difflib.get_close_matches(model_id, config.routes, 3)
    names = near or sorted(config.routes)[:5]
    prefixes = " or ".join(f"{prefix}:{model_id[:100]}" for prefix in config.vendors)
    hints = [f"use a prefixed id: {prefixes}"] if ":" not in model_id else []
    if names:
        hints.insert(0, f"{'did you mean' if near else 'configured routes'}: {', '.join(names)}")
    else:
        hints.append('no route is configured: add [routes."NAME"] to beastmode.toml')
    return RequestError(
        f"unknown model {model_id[:100]!r}",
        category="unknown_model",
        context=Context(model=model_id),
        hints=tuple(hints),
    )


class RoutedRequest:
    """One request on its way through a route. What it tells is right at any time, also after a failure."""

    def __init__(self, sequence: AttemptSequence) -> None:
        self._sequence = sequence
        self._attempt: Attempt | None = None
        self._void: list[Attempt] = []

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        return self._sequence.records

    @property
    def begun(self) -> int:
        """How many attempts there are, the open one included."""
        return self._sequence.begun

    @property
    def deployment(self) -> str | None:
        return None if self._attempt is None else self._attempt.deployment.name

    @property
    def answered_by(self) -> Deployment:
        """The deployment that was asked last. Once there was one."""
        assert self._attempt is not None  # noqa: S101
        return self._attempt.deployment

    @property
    def provider(self) -> str:
        """Its `gen_ai.provider.name`."""
        return self.answered_by.provider

    @property
    def api(self) -> str:
        """The wire format of the reply."""
        return "unknown" if self._attempt is None else self._attempt.api

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's."""
        return {} if self._attempt is None else self._attempt.headers

    @property
    def obey_cache_control(self) -> bool | None:
        """What the deployment that was asked last says of it."""
        return self.answered_by.obey_cache_control

    @property
    def reply(self) -> Reply | None:
        return None if self._attempt is None else self._attempt.reply()

    @property
    def usage(self) -> Usage | None:
        return None if self._attempt is None else self._attempt.usage

    @property
    def answer_cost(self) -> float | None:
        return None if self._attempt is None else self._attempt.cost

    @property
    def cost(self) -> float | None:
        """That of the answer, and of what broke off before it and was begun anew: the caller pays for both."""
        cost = self.answer_cost
        return cost if cost is None or not self._void else cost + sum(attempt.cost or 0.0 for attempt in self._void)

    @property
    def saving(self) -> Saving | None:
        """What the route's reference model would have cost more."""
        return None if self._attempt is None else self._sequence.saving(self.usage, self.answer_cost)

    def finish(self, kind: OutcomeKind) -> None:
        """End the attempt that is still open, if any."""
        if self._attempt is not None:
            self._attempt.finish(kind)


class Router:
    """Chooses deployments, retries, falls back. Holds no request state; safe to share."""

    def __init__(self, services: Services) -> None:
        self._services = services
        for route in services.config.routes.values():
            for target in route.targets:
                services.health.know(target.deployment.name)

    def client_adds(self) -> tuple[tuple[str, str], ...] | None:
        """See http.Http.adds."""
        adds = self._services.http.adds
        return () if adds is None else adds()

    def asks_hosts(self, route: Route) -> bool:
        """Whether every deployment of it is asked itself, and no mock in its place."""
        asks = self._services.http.asks_host
        return all(asks(target.deployment.base_url) for target in route.targets)

    def whole(self, call: Call, scope: RequestScope) -> RoutedAnswer:
        """A request for a whole answer, not yet sent."""
        return RoutedAnswer(AttemptSequence(self._services, call, scope))

    def stream(self, call: Call, scope: RequestScope, *, include_usage: bool | None = None) -> RoutedStream:
        """A request for a stream, not yet sent. include_usage: None for what the call says."""
        shown = call.include_usage if include_usage is None else include_usage
        return RoutedStream(AttemptSequence(self._services, call, scope), include_usage=shown)


class RoutedAnswer(RoutedRequest):
    """A whole answer over as many attempts as it takes."""

    async def fetch(self) -> Reply:
        """The answer. Raises UpstreamError, or RequestError when no deployment can be asked."""
        attempt = self._attempt = self._sequence.first()
        while True:
            try:
                return await attempt.answer()
            except UpstreamError as error:
                failed = error
            attempt = self._attempt = await self._sequence.again(attempt, failed)


class RoutedStream(RoutedRequest):
    """A stream over as many attempts as it takes. Chunks without content wait for the first one with content,
    so that until then a failure can still be made good by another attempt.

    After it only where the route restarts: once another attempt has content, a void chunk takes back what was said, and
    that attempt's stream follows from its start. Where none has, the error is raised, and what was said stands.
    """

    def __init__(self, sequence: AttemptSequence, *, include_usage: bool) -> None:
        super().__init__(sequence)
        self._include_usage = include_usage
        self._held: deque[Chunk] = deque()
        self._delivered = False
        self._cut: Attempt | None = None  # whose text the caller has, until it is told that this is void

    @property
    def reply(self) -> Reply | None:
        return super().reply if self._cut is None else self._cut.reply()

    async def open(self) -> None:
        self._attempt = self._sequence.first()
        await self._open_current()

    async def next(self) -> Chunk | None:
        """The next chunk; None after the last. Raises UpstreamError."""
        await self.reach_content()
        if not self._held:
            try:
                return await self._next_shown()
            except UpstreamError as error:
                failed = error
            await self._restart(failed)
        chunk = self._held.popleft()
        if chunk.void:
            self._cut = None
        return chunk

    async def _restart(self, cut: UpstreamError) -> None:
        """Another attempt up to its content, after a void chunk. Raises `cut`, or what all others raise."""
        assert self._attempt is not None  # noqa: S101
        broken = self._attempt
        if not self._sequence.restarts:
            await broken.release()
            raise self._sequence.final(cut)
        self._attempt = await self._sequence.again(broken, cut, cut=True)
        self._void.append(broken)
        self._cut, self._delivered = self._cut or broken, False
        await self._open_current()
        await self.reach_content()
        self._held.appendleft(_VOID)

    async def reach_content(self) -> None:
        """Hold chunks until one has content or the stream is over; start again on failure. Raises UpstreamError."""
        while not self._delivered:
            try:
                chunk = await self._next_shown()
            except UpstreamError as error:
                failed = error
            else:
                if chunk is not None:
                    self._held.append(chunk)
                self._delivered = chunk is None or chunk.content
                continue
            self._held.clear()
            await self._again(failed)
            await self._open_current()

    async def _next_shown(self) -> Chunk | None:
        """The next chunk that the caller is shown."""
        while self._attempt is not None:
            chunk = await self._attempt.next()
            if chunk is None:
                return None
            hidden = chunk.data is None if chunk.terminal else chunk.usage_only and not self._include_usage
            if not hidden:
                return chunk
        return None

    async def _open_current(self) -> None:
        while self._attempt is not None:
            try:
                await self._attempt.open()
            except UpstreamError as error:
                failed = error
            else:
                return
            await self._again(failed)

    async def _again(self, failed: UpstreamError) -> None:
        assert self._attempt is not None  # noqa: S101
        self._attempt = await self._sequence.again(self._attempt, failed)

    @property
    def complete(self) -> bool:
        """Whether the terminal event was reached."""
        return self.ending and not self._held and not (self._include_usage and self._has_more)

    @property
    def ending(self) -> bool:
        """Whether the provider has said everything: what is left needs no waiting."""
        record = None if self._attempt is None else self._attempt.record
        return record is not None and record.outcome == "ok"

    @property
    def _has_more(self) -> bool:
        return self._attempt is not None and self._attempt.has_more

    async def release(self) -> None:
        if self._attempt is not None:
            await self._attempt.release()

    def discard(self) -> None:
        if self._attempt is not None:
            self._attempt.discard()
