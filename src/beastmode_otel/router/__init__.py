"""Routes, deployments, selection, retry, health; edges to httpx and httpx2."""

from beastmode_otel.router.call import Call, Services
from beastmode_otel.router.dispatch import Delivery, RoutedAnswer, RoutedStream, Router
from beastmode_otel.router.health import Health

__all__ = ["Call", "Delivery", "Health", "RoutedAnswer", "RoutedStream", "Router", "Services"]
