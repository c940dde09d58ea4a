"""docs/own-tier.md: its tier passes its tests, and works behind every door; what is no tier is refused with a hint."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from beastmode_otel.config import OwnTier, load
from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator import Simulator
from contract.stands import SQLiteStand
from support.recorder import Recorder
from telemetry.cache_doors import DOORS, make_stage
from telemetry.cache_stage import tiered_of
from telemetry.matrix import TEXT

PAGE = (Path(__file__).parents[2] / "docs" / "own-tier.md").read_text("utf-8")
FILES = {
    code.split("\n", 1)[0].removeprefix("# "): code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
}
TOML = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files."""
    for name, code in FILES.items():
        (tmp_path / name).write_text(code, "utf-8")
    return tmp_path


@pytest.fixture
def module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`folder_tier`, and where its answers lie."""
    answers = folder / "answers"
    answers.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("ANSWERS", str(answers))
    yield answers
    sys.modules.pop("folder_tier", None)


def test_the_pages_tier_passes_the_pages_tests(folder: Path) -> None:
    """As a reader runs them: pytest, and nothing of this repository."""
    assert list(FILES) == ["folder_tier.py", "test_folder_tier.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_folder_tier.py"],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 150
    assert "skipped" not in done.stdout


BROKEN: dict[str, tuple[str, str, str]] = {
    "keeps expired entries": ("self.clock() < entry.expires_at + self.stale", "True", "expiry"),
    "forgets tenants": (
        'f"{hashed(key.tenant)}-{key.digest.hex()}"',
        'f"{hashed(str())}-{key.digest.hex()}"',
        "tenant",
    ),
    "serves damage": ("self.damaged += 1", "pass", "damage"),
    "the last write wins": ("if held is None or held.created_at <= entry.created_at:", "if True:", "newest"),
    "raises what it likes": ("raise TierUnavailable(str(exc), healthy=healthy) from exc", "raise", "odd_values"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_suite_finds_what_is_wrong_with_a_tier(name: str, folder: Path) -> None:
    right, wrong, test = BROKEN[name]
    code = FILES["folder_tier.py"]
    assert right in code
    (folder / "folder_tier.py").write_text(code.replace(right, wrong), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", test, "test_folder_tier.py"],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    failed = re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    assert any(test in one for one in failed), failed


def test_without_pytest_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['pytest'] = None\nimport beastmode_otel.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.rstrip().endswith("ImportError: beastmode_otel.testing needs pytest: pip install pytest")


def test_a_suite_without_a_stand_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_none.py").write_text(
        "from beastmode_otel.testing import BlockingTierContract\n\nclass TestNone(BlockingTierContract): ...\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "define a fixture `stand` in your class" in done.stdout


# Configured.


@pytest.mark.parametrize("level", ["l2", "l3"])
@pytest.mark.parametrize("door", DOORS)
def test_it_works_behind_every_door(
    door: str, level: str, module: Path, simulator: Simulator, recorder: Recorder, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Written through, found by the next process, promoted, invalidated; telemetry knows it by its level and system."""
    stage = make_stage(door, simulator, recorder, tmp_path, monkeypatch)
    own = TOML["cache"]["own"] | {"level": level, "soft": 20.0}
    cache = {"own": own} if level == "l2" else {"own": own, "l3": {}}
    first = stage.router(cache)
    assert stage.route(first).cache.status == "miss"
    stage.settle(first)
    assert len(list(module.iterdir())) == 1
    second = stage.router(cache)
    for stream, tier in ((False, level), (True, "l1")):
        found = (stage.read if stream else stage.route)(second)
        answer = found[1] if stream else found
        assert (answer.text, answer.cache.tier) == (TEXT, tier)
    names = [one.name for one in tiered_of(second).tiers]
    assert names == (["l2", "l3"] if level == "l2" else ["l3"])
    systems = {span.attributes.get("db.system.name") for span in recorder.spans() if span.name.endswith(f" {level}")}
    assert systems == {"folder"}
    stage.close()


def test_a_function_from_python(tmp_path: Path) -> None:
    """It is given what it needs, once for each router."""
    given: list[dict[str, Any]] = []
    stand = SQLiteStand(tmp_path)

    def make(**named: Any) -> Any:
        given.append(named)
        return stand.tier(codec=named["codec"])

    from beastmode_otel import ModelRouter

    with ModelRouter({"cache": {"own": {"tier": make}, "l3": "off", "stale_if_error": 5}}) as router:
        tiered = router._parts.tiered
        assert tiered is not None
        assert [(one.name, one.times.ttl, one.async_tier) for one in tiered.tiers] == [("l2", 7200.0, None)]
    assert [sorted(named) for named in given] == [["codec", "pool", "stale"]]
    assert given[0]["stale"] == 5
    stand.pool.close()


def refused(own: Any, **more: Any) -> str:
    from beastmode_otel import ModelRouter

    with pytest.raises(ConfigError) as caught:
        ModelRouter({"cache": {"own": own, **more}})
    return str(caught.value)


def no_tier(**_: Any) -> Any:
    return SimpleNamespace(ask=None, put=None)


def fails(**_: Any) -> Any:
    raise OSError("the folder is gone")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, "cache.own.tier: is None"),
        ({"tier": "folder_tier.make"}, "is 'folder_tier.make'"),
        ({"tier": 3}, "is 3"),
        ({"tier": "a:b", "level": "l1"}, "use one of l2, l3"),
        ({"tier": "a:b", "levl": "l2"}, "did you mean level?"),
        ({"tier": "nowhere_to_be_found:make"}, "cannot be made: ModuleNotFoundError"),
        ({"tier": "os:make"}, "cannot be made: AttributeError"),
        ({"tier": fails}, "cannot be made: OSError: the folder is gone"),
        ({"tier": lambda: None}, "called with codec=, pool= and stale="),
        ({"tier": no_tier}, "SimpleNamespace is no tier: it has no delete, invalidate, purge"),
    ],
    ids=lambda given: given if isinstance(given, str) else "own",  # no address of a function: workers compare them
)
def test_what_is_no_tier_is_refused(own: Any, said: str) -> None:
    assert said in refused(own, l3="off")


def test_one_level_has_one_tier(tmp_path: Path) -> None:
    said = refused({"tier": no_tier, "level": "l3"}, l3={"url": f"sqlite:///{tmp_path}/cache.db"})
    assert "cache.own is at level l3, and cache.l3 has a url" in said


def test_what_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "beastmode.toml"
    file.write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])
    own = load(file, environ=dict[str, str]()).cache.own
    assert own == OwnTier(tier="folder_tier:make", level="l2", ttl=7200, soft=0.05)
    third = load({"cache": {"own": {"tier": "a:b", "level": "l3"}}}, environ={}).cache
    assert third.own == OwnTier(tier="a:b", level="l3", ttl=86_400, soft=0.15)
    assert third.longest_ttl == 86_400
