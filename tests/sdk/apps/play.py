"""What the apps share: make every call so many times, and print one JSON line for each: its kind, and what the SDK
made of it.

Usage of an app: APP.py sync|async TIMES KIND...
"""

import asyncio
import json
import os
import sys

ROOT, KEY, PROMPT = os.environ["SIMULATOR"], os.environ["APP_KEY"], os.environ["APP_PROMPT"]


def main(calls, blocking, asynchronous):
    """calls: by kind, what makes the call, given a client and its world's suffix. The others make clients."""
    world, times, kinds = sys.argv[1], int(sys.argv[2]), sys.argv[3:] or list(calls)
    if world == "async":
        asyncio.run(_all_async(kinds, calls, asynchronous, times))
        return
    for kind in kinds:
        with blocking(kind) as client:
            for _ in range(times):
                try:
                    _said(kind, _taken(calls[kind](client, "")))
                except Exception as error:
                    _failed(kind, error)


async def _all_async(kinds, calls, make, times):
    for kind in kinds:
        async with make(kind) as client:
            for _ in range(times):
                try:
                    _said(kind, await _taken_async(calls[kind](client, "_async")))
                except Exception as error:
                    _failed(kind, error)


def _taken(result):
    if hasattr(result, "model_dump"):
        return result
    if not hasattr(result, "__enter__"):
        return list(result)
    with result as stream:
        final = _final(stream)
        return final() if final else list(stream)


async def _taken_async(result):
    if hasattr(result, "__await__"):
        result = await result
    if hasattr(result, "model_dump"):
        return result
    if not hasattr(result, "__aenter__"):
        return [event async for event in result]
    async with result as stream:
        final = _final(stream)
        return await final() if final else [event async for event in stream]


def _final(stream):
    """What the SDKs' helpers put together of a stream by themselves."""
    return getattr(stream, "get_final_message", None) or getattr(stream, "get_final_completion", None)


def _said(kind, result):
    whole = (
        [event.model_dump(mode="json") for event in result]
        if isinstance(result, list)
        else result.model_dump(mode="json")
    )
    print(json.dumps({"kind": kind, "said": whole}), flush=True)


def _failed(kind, error):
    chain, notes = error, []
    while chain is not None:
        notes += getattr(chain, "__notes__", [])
        chain = chain.__cause__ or chain.__context__
    print(json.dumps({"kind": kind, "error": type(error).__name__, "notes": notes}), flush=True)
