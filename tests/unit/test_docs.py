"""The pages: links lead somewhere, and what the architecture page names exists."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import beastmode_otel
from beastmode_otel.config import load
from beastmode_otel.config.settings import (
    Breaker,
    CacheSettings,
    MemoryTier,
    OwnTier,
    Retry,
    SharedTier,
    StoreTier,
    Timeouts,
    WarmSettings,
)

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = ROOT / "docs" / "architecture.md"


def links(text: str) -> list[str]:
    """Relative ones, without code."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def dead(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page.read_text("utf-8")) if dead(page, link)] == []


def test_a_dead_link_is_found() -> None:
    assert links("[a](b.md#c) `[x](y.md)` [z](https://example.com)") == ["b.md#c"]
    assert dead(ARCHITECTURE, "nowhere.md")
    assert dead(ARCHITECTURE, "#no-such-heading")
    assert not dead(ARCHITECTURE, "#how-a-request-travels")


def test_every_file_that_the_architecture_page_names_exists() -> None:
    """In full, or as `room/file.py` of the package."""
    named = re.findall(r"`([\w./-]+(?:/|\.py|\.md|\.toml))`", ARCHITECTURE.read_text("utf-8"))
    places = (ROOT, ROOT / "src" / "beastmode_otel", ROOT / "src" / "beastmode_otel" / "telemetry")
    assert len(named) > 40
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def configuration() -> dict[str, Any]:
    """The example of the page on the configuration."""
    (example,) = re.findall(
        r"```toml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text("utf-8"), flags=re.DOTALL
    )
    return tomllib.loads(example)


def test_the_example_of_a_configuration_is_one() -> None:
    cache = load(configuration(), environ={"OPENAI_API_KEY": "a-key", "BEASTMODE_SECRET": "a-secret"}).cache
    assert (cache.l1, cache.l2.url is not None, cache.l3.path is not None) == (MemoryTier(), True, True)
    assert replace(cache.l2, url=None) == SharedTier()
    assert replace(cache.l3, given=False) == StoreTier()
    assert cache.own == OwnTier(tier="package.module:name")
    usual = CacheSettings()
    for name in ("mode", "jitter", "stale_if_error", "write_mode", "lease", "lease_seconds", "max_body"):
        assert getattr(cache, name) == getattr(usual, name), name


@pytest.mark.parametrize(
    ("table", "settings", "unsaid"),
    [
        ("timeouts", Timeouts, set()),
        ("retry", Retry, set()),
        ("breaker", Breaker, set()),
        ("cache", CacheSettings, {"said_by"}),
        ("cache.l1", MemoryTier, set()),
        ("cache.l2", SharedTier, set()),
        ("cache.l3", StoreTier, {"given"}),
        ("cache.own", OwnTier, set()),
        ("cache.warm", WarmSettings, set()),
    ],
)
def test_every_setting_is_in_the_example(table: str, settings: Any, unsaid: set[str]) -> None:
    """unsaid: what nobody writes."""
    shown: Any = configuration()
    for part in table.split("."):
        shown = shown[part]
    assert set(shown) == {field.name for field in fields(settings)} - unsaid


def test_every_room_is_in_the_picture() -> None:
    package = Path(beastmode_otel.__file__).parent
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    picture = ARCHITECTURE.read_text("utf-8").split("```")[1]
    assert {room for room in rooms - {"__init__"} if room not in picture} == set()
