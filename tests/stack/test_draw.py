"""Every panel of every dashboard, drawn with Grafana's npm components from a real Prometheus and VictoriaLogs."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.loaded import Loaded
from support.drawing import Drawn, Pencil, absent, pixels
from support.panels import boards, panels

WHY = absent()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

BOARDS = boards("victorialogs")
# Panels that this load cannot fill, as UID/TITLE: each must say why it is empty.
MAY_BE_EMPTY: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def pencil(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Pencil:
    folder = tmp_path_factory.mktemp("draw")
    chosen = {"service": loaded.service}
    return Pencil(loaded.stack.prometheus, loaded.stack.victorialogs, loaded.steady, folder, chosen)


@pytest.fixture(scope="module")
def drawn(pencil: Pencil) -> Drawn:
    return pencil.draw(BOARDS.values(), *[f"--allow-empty={name}" for name in MAY_BE_EMPTY])


def test_nothing_is_wrong_with_any_panel(drawn: Drawn) -> None:
    assert drawn.findings == []
    assert drawn.status == 0


@pytest.mark.parametrize("uid", BOARDS)
def test_every_panel_of_the_file_was_drawn_with_data(drawn: Drawn, uid: str) -> None:
    [board] = [board for board in drawn.report["dashboards"] if board["uid"] == uid]
    states = {panel["title"]: panel["state"] for panel in board["panels"]}
    expected = {panel["title"]: _expected(uid, panel["title"], panel["type"]) for panel in panels(BOARDS[uid])}
    assert states == expected


def _expected(uid: str, title: str, kind: str) -> str:
    if kind == "text":
        return "text"
    return "empty" if f"{uid}/{title}" in MAY_BE_EMPTY else "data"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_two_runs_draw_the_same_picture(pencil: Pencil, tmp_path: Path, theme: str) -> None:
    """So that a new picture in the repository means that a dashboard changed."""
    board = BOARDS["beastmode-overview"]
    both = [tmp_path / "one.png", tmp_path / "two.png"]
    for picture in both:
        pencil.draw([board], "--theme", theme, picture=picture)
    one, two = (pixels(picture).astype(int) for picture in both)
    assert one.shape == two.shape
    differing = (abs(one - two).max(axis=2) > 8).mean()
    assert differing < 0.005  # mostly 0; on a busy machine 0.2 % was seen once, at the edges of letters
