"""Which room may import which: the arrows of the house, no circles, and who may touch the outside world."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import beastmode_otel

ROOT = Path(beastmode_otel.__file__).parent
NAME = ROOT.name
LEVELS = (
    {"version", "record", "_pyinstaller"},  # which is read by PyInstaller alone
    {"semconv", "errors", "providers"},
    {"config"},
    {"observer", "runtime", "wire", "prices"},
    {"attempts"},
    {"cache", "router"},
    {"engine"},
    {"telemetry"},
    {"assembly"},
    {"client", "instrumentation", "doctor"},
    {""},  # the package itself: the public names
    {"cli", "testing"},
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
MODEST, FOR_THE_MODEST = {"wire", "simulator"}, {"errors", "record", "providers"}
STRANGERS = ({"cache", "router"}, {"cache", "attempts"})
# assembly, client: type names of providers.
OTEL = ("telemetry/", "instrumentation/", "doctor/", "client/", "assembly.py", "cli/")
HTTP = ("router/upstream/", "instrumentation/")
ENVIRON = ("config/", "telemetry/setup.py", "telemetry/exporters.py", "doctor/", "cli/")


class Import(NamedTuple):
    """importer: a file relative to the package. imported: a dotted name. late: inside a function."""

    importer: str
    imported: str
    late: bool = False


# Reading.


def files() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def module_of(file: str) -> str:
    return ".".join([NAME, *Path(file).with_suffix("").parts]).removesuffix(".__init__")


def imports_of(file: str, source: str) -> Iterator[Import]:
    modules = set(map(module_of, files()))

    def found(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(file, alias.name, late) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{file}: relative imports are not used here"
                names = {f"{child.module}.{alias.name}" for alias in child.names}
                yield from (Import(file, name if name in modules else child.module or "", late) for name in names)
            yield from found(child, late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    return found(ast.parse(source), False)


def environment_readers(file: str, source: str) -> list[str]:
    names = {"environ", "environb", "getenv", "putenv"}
    nodes = list(ast.walk(ast.parse(source)))
    attributes = [f"{node.value.id}.{node.attr}" for node in nodes
                  if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]  # fmt: skip
    imported = [f"os.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "os"
                for alias in node.names]  # fmt: skip
    used = {name for name in (*attributes, *imported) if name.removeprefix("os.") in names}
    return [f"{file} reads {name}" for name in sorted(used) if not file.startswith(ENVIRON)]


# The rules: each takes imports and returns what is wrong with them.


def room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def own(imports: Iterable[Import]) -> list[tuple[Import, str, str]]:
    """Those between two rooms."""
    pairs = [(each, room(module_of(each.importer)), room(each.imported)) for each in imports
             if each.imported.split(".")[0] == NAME]  # fmt: skip
    return [(each, source, target) for each, source, target in pairs if source != target]


def arrows(imports: Iterable[Import]) -> list[Import]:
    """Rooms import rooms of their own level or below; `simulator` has no level, and only the command line uses it."""
    return [
        each for each, source, target in own(imports)
        if (target == "simulator" and source != "cli")
        or (source != "simulator" and target != "simulator" and LEVEL[target] > LEVEL[source])
    ]  # fmt: skip


def modest(imports: Iterable[Import]) -> list[Import]:
    return [each for each, source, target in own(imports) if source in MODEST and target not in FOR_THE_MODEST]


def strangers(imports: Iterable[Import]) -> list[Import]:
    return [each for each, source, target in own(imports) if {source, target} in STRANGERS]


def past_the_face(imports: Iterable[Import]) -> list[Import]:
    """Other rooms enter the cache by `cache/__init__`, and by the doors that not every process needs."""
    doors = {f"{NAME}.cache", f"{NAME}.cache.tiers", f"{NAME}.cache.semantic", f"{NAME}.cache.explain"}
    return [each for each, _, target in own(imports) if target == "cache" and each.imported not in doors]


def outside(package: str, allowed: tuple[str, ...]) -> Callable[[Iterable[Import]], list[Import]]:
    def rule(imports: Iterable[Import]) -> list[Import]:
        return [each for each in imports
                if each.imported.split(".")[0] == package and not each.importer.startswith(allowed)]  # fmt: skip

    return rule


def circles(imports: Iterable[Import]) -> list[str]:
    """The modules that, at import time, need themselves."""
    needs: dict[str, set[str]] = {}
    for each in imports:
        if not each.late:
            needs.setdefault(module_of(each.importer), set()).add(each.imported)
    found: list[str] = []
    for start in needs:
        seen: set[str] = set()
        todo = list(needs[start])
        while todo:
            module = todo.pop()
            if module not in seen:
                seen.add(module)
                todo.extend(needs.get(module, ()))
        if start in seen:
            found.append(start)
    return sorted(found)


RULES: dict[str, Callable[[Iterable[Import]], list[Import] | list[str]]] = {
    "arrows": arrows,
    "only errors": modest,
    "strangers": strangers,
    "past the face": past_the_face,
    "opentelemetry": outside("opentelemetry", OTEL),
    "httpx": outside("httpx", HTTP),
    "redis": outside("redis", ("cache/tiers/redis/",)),
    "httpx2": outside("httpx2", HTTP),
    "circles": circles,
}
IMPORTS = [each for file in files() for each in imports_of(file, (ROOT / file).read_text("utf-8"))]


# The house keeps them.


@pytest.mark.parametrize("name", RULES)
def test_the_house_keeps_the_rule(name: str):
    assert RULES[name](IMPORTS) == []


def test_the_environment_is_read_where_configuration_enters():
    assert [one for file in files() for one in environment_readers(file, (ROOT / file).read_text("utf-8"))] == []


def test_every_room_has_its_place():
    assert {room(module_of(file)) for file in files()} - {"simulator"} <= set(LEVEL)


def test_the_imports_were_found():
    assert Import("router/attempt.py", f"{NAME}.runtime") in IMPORTS
    assert Import("telemetry/attempt.py", f"{NAME}.semconv") in IMPORTS
    assert len(IMPORTS) > 300


# Each rule can fail.

BROKEN = {
    "arrows": [
        Import("errors/tree.py", f"{NAME}.config"),
        Import("config/load.py", f"{NAME}.wire.sse", late=True),
        Import("router/attempt_sequence.py", f"{NAME}.engine"),
        Import("engine/engine.py", f"{NAME}.telemetry"),
        Import("telemetry/setup.py", f"{NAME}.client"),
        Import("client/face.py", NAME),
        Import("observer.py", f"{NAME}.router.health"),
        Import("router/upstream/library.py", f"{NAME}.simulator"),
    ],
    "only errors": [Import("wire/sse.py", f"{NAME}.runtime"), Import("simulator/server.py", f"{NAME}.wire")],
    "strangers": [
        Import("cache/tiered.py", f"{NAME}.router.plan"),
        Import("router/attempt_sequence.py", f"{NAME}.cache", late=True),
    ],
    "past the face": [
        Import("engine/entries.py", f"{NAME}.cache.tiered"),
        Import("cli/cache/get.py", f"{NAME}.cache.tiers.sqlite.tier", late=True),
    ],
    "opentelemetry": [
        Import("router/attempt.py", "opentelemetry"),
        Import("engine/engine.py", "opentelemetry.trace", late=True),
    ],
    "httpx": [Import("router/call.py", "httpx"), Import("telemetry/setup.py", "httpx", late=True)],
    "httpx2": [Import("cli/run.py", "httpx2._client"), Import("runtime/background.py", "httpx2")],
}
FINE = [
    Import("errors/tree.py", f"{NAME}.errors.categories"),
    Import("semconv.py", f"{NAME}.errors"),
    Import("router/attempt_sequence.py", f"{NAME}.config"),
    Import("engine/entries.py", f"{NAME}.cache"),
    Import("assembly/caches.py", f"{NAME}.cache.tiers"),
    Import("cache/tiered.py", f"{NAME}.cache.memory"),
    Import("prices.py", f"{NAME}.errors.tree"),
    Import("cli/demo/run.py", f"{NAME}.simulator"),
    Import("cli/demo/run.py", NAME),
    Import("telemetry/setup.py", "opentelemetry.sdk.trace"),
    Import("router/upstream/library.py", "httpx2", late=True),
    Import("router/attempt_sequence.py", "httpx_like"),
    Import("simulator/server.py", f"{NAME}.errors"),
]


@pytest.mark.parametrize("name", RULES)
def test_the_rule_has_nothing_against_what_is_fine(name: str):
    assert RULES[name](FINE) == []


@pytest.mark.parametrize(
    ("name", "broken"), [(name, each) for name, imports in BROKEN.items() for each in imports], ids=str
)
def test_the_rule_can_fail(name: str, broken: Import):
    assert RULES[name]([*FINE, broken]) == [broken]


def test_circles_are_found_however_long_and_late_imports_make_none():
    a, b, c = (f"{NAME}.wire.{name}" for name in "abc")
    line = [Import("wire/a.py", b), Import("wire/b.py", c)]
    assert circles(line) == []
    assert circles([*line, Import("wire/c.py", a)]) == [a, b, c]
    assert circles([*line, Import("wire/c.py", c)]) == [c]
    assert circles([*line, Import("wire/c.py", a, late=True)]) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import httpx as x", [("httpx", False)]),
        ("import opentelemetry.trace, os", [("opentelemetry.trace", False), ("os", False)]),
        (f"from {NAME} import semconv", [(f"{NAME}.semconv", False)]),
        (f"from {NAME} import ModelRouter", [(NAME, False)]),
        (f"from {NAME}.errors import ConfigError", [(f"{NAME}.errors", False)]),
        ("def f():\n    import httpx", [("httpx", True)]),
        ("try:\n    import httpx\nexcept ImportError:\n    pass", [("httpx", False)]),
        ("class A:\n    import httpx", [("httpx", False)]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import httpx", [("typing", False)]),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, expected: list[tuple[str, bool]]):
    assert [(each.imported, each.late) for each in imports_of("x.py", source)] == expected


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['X']", "from os import environ", "import os\ndef f():\n    return os.getenv('X')"]
)
def test_a_reader_of_the_environment_is_found_wherever_it_stands(source: str):
    assert len(environment_readers("engine/engine.py", source)) == 1
    assert environment_readers("config/load.py", source) == []
