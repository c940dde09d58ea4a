"""The edge to httpx and httpx2: the only files of the router that import an HTTP library."""

from beastmode_otel.router.upstream.asynchronous import AsyncHttp
from beastmode_otel.router.upstream.blocking import BlockingHttp
from beastmode_otel.router.upstream.library import is_async_client
from beastmode_otel.router.upstream.plain_post import PlainPost
from beastmode_otel.router.upstream.preload import warm, warm_loops

__all__ = ["AsyncHttp", "BlockingHttp", "PlainPost", "is_async_client", "warm", "warm_loops"]
