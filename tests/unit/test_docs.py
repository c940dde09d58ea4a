"""The pages: links lead somewhere, and what the architecture page names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import beastmode_otel

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


def test_every_room_is_in_the_picture() -> None:
    package = Path(beastmode_otel.__file__).parent
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    picture = ARCHITECTURE.read_text("utf-8").split("```")[1]
    assert {room for room in rooms - {"__init__"} if room not in picture} == set()
