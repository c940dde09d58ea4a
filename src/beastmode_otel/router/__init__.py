"""Routes, deployments, selection, retry, health; edges to httpx and httpx2."""

from beastmode_otel.router.health import Health
from beastmode_otel.router.http_request import Call, Services
from beastmode_otel.router.router import RoutedAnswer, RoutedRequest, RoutedStream, Router, resolve

__all__ = ["Call", "Health", "RoutedAnswer", "RoutedRequest", "RoutedStream", "Router", "Services", "resolve"]
