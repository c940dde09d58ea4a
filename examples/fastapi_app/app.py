"""A web service with a chat endpoint, a streaming one and a synchronous one, as it runs under any ASGI server.

    OPENAI_API_KEY=… OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 uvicorn app:app --workers 4
    … gunicorn app:app -c gunicorn_conf.py

Everything that owns a thread or a socket is made in the lifespan: once in each worker, after the fork.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse

from beastmode_otel import (
    AccessDenied,
    AsyncAnswerStream,
    AsyncModelRouter,
    BeastModeError,
    ModelRouter,
    RequestError,
    configure,
)

MODEL = os.environ.get("CHAT_MODEL", "openai:gpt-4o-mini")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Its end is where telemetry leaves: uvicorn ends a worker by the signal it got, so nothing runs at exit."""
    telemetry = configure(service_name="fastapi-app")
    app.state.blocking = ModelRouter()
    try:
        async with AsyncModelRouter() as app.state.router:
            yield
    finally:
        await run_in_threadpool(app.state.blocking.close)
        await run_in_threadpool(telemetry.shutdown)  # the last export of each signal


app = FastAPI(lifespan=lifespan)


@app.exception_handler(BeastModeError)
async def failed(request: Request, error: BeastModeError) -> JSONResponse:
    """The router has recorded it by now; the client learns the category, not the provider's words."""
    status = 403 if isinstance(error, AccessDenied) else 400 if isinstance(error, RequestError) else 502
    headers = {"retry-after": str(round(error.retry_after))} if error.retry_after else None
    return JSONResponse({"error": error.category.name}, status_code=status, headers=headers)


@app.post("/chat")
async def chat(body: dict[str, Any]) -> dict[str, Any]:
    """{"messages": […]} -> {"text": …}."""
    answer = await app.state.router.route(MODEL, body)
    return {"text": answer.text, "cache": answer.cache.status, "request_id": answer.request_id}


@app.post("/chat/blocking")
def chat_blocking(body: dict[str, Any]) -> dict[str, Any]:
    """The same for synchronous code: FastAPI runs it in its thread pool."""
    answer = app.state.blocking.route(MODEL, body)
    return {"text": answer.text, "cache": answer.cache.status, "request_id": answer.request_id}


@app.post("/chat/stream")
async def chat_stream(body: dict[str, Any]) -> StreamingResponse:
    """Server-sent events. Opened here, so that an error before the first token still is an HTTP status."""
    stream = await app.state.router.stream(MODEL, body)
    return StreamingResponse(events(stream), media_type="text/event-stream")


async def events(stream: AsyncAnswerStream) -> AsyncIterator[str]:
    """`async with`: a client that hangs up cancels this, which cancels the provider's request."""
    async with stream:
        try:
            async for chunk in stream:
                if chunk.text:
                    yield f"data: {json.dumps({'text': chunk.text})}\n\n"
            yield "data: [DONE]\n\n"
        except BeastModeError as error:  # the status is gone: say it in the stream
            yield f"event: error\ndata: {json.dumps({'error': error.category.name})}\n\n"
