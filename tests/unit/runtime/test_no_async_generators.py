"""No async generators in rooms that run for all callers, and the failure that this rule comes from."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

import beastmode_otel
from beastmode_otel.runtime import run_sync

PACKAGE = Path(beastmode_otel.__file__).parent
ROOMS = ("engine", "router", "runtime")


def async_generators(source: str) -> list[str]:
    """The names of the `async def`s with a `yield` of their own."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AsyncFunctionDef)]
    return [node.name for node in found if any(isinstance(each, ast.Yield) for each in own_nodes(node))]


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from own_nodes(node)


FILES = sorted(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_async_generator_is_written(path: Path):
    assert async_generators(path.read_text("utf-8")) == []


def test_the_rule_covers_the_rooms_it_names():
    assert {path.relative_to(PACKAGE).parts[0] for path in FILES} == set(ROOMS)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def chunks():\n    yield 1", ["chunks"]),
        ("async def chunks():\n    for x in y:\n        if x:\n            z = yield x", ["chunks"]),
        ("def outer():\n    async def inner():\n        yield 1", ["inner"]),
        ("async def fine():\n    def plain():\n        yield 1\n    return plain()", []),
        ("def plain():\n    yield 1", []),
        ("async def fine():\n    await other()", []),
    ],
)
def test_the_rule_can_fail(source: str, expected: list[str]):
    assert async_generators(source) == expected


def test_an_async_generator_driven_synchronously_is_truncated_by_the_end_of_an_unrelated_loop():
    """It registers with whatever loop runs at its first step; the end of that loop closes it, and it looks complete."""

    async def chunks() -> AsyncGenerator[int, None]:
        for number in range(3):
            yield number

    async def next_of(stream: AsyncGenerator[int, None]) -> int | None:
        return await anext(stream, None)

    stream = chunks()

    async def unrelated() -> int | None:
        return run_sync(next_of(stream))  # synchronous code that happens to run below somebody's event loop

    assert asyncio.run(unrelated()) == 0
    assert run_sync(next_of(stream)) is None  # 1 and 2 are lost, without an error


def test_a_class_with_next_survives_the_same():
    class Chunks:
        def __init__(self) -> None:
            self._numbers = iter(range(3))

        async def next(self) -> int | None:
            return next(self._numbers, None)

    stream = Chunks()

    async def unrelated() -> int | None:
        return run_sync(stream.next())

    assert asyncio.run(unrelated()) == 0
    assert [run_sync(stream.next()) for _ in range(3)] == [1, 2, None]
