"""From a model id to a route. Pure."""

from __future__ import annotations

import difflib
from dataclasses import replace

from beastmode_otel.config import Config, Route, Target
from beastmode_otel.errors import Context, RequestError
from beastmode_otel.providers import BY_NAME


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
