"""`cache explain` and `cache calibrate` where similar questions count: real stores, the default embedder."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import ModelRouter
from beastmode_otel.cli import main
from beastmode_otel.simulator import Behaviour, Simulator
from support.redis_servers import VALKEY, shared

pytest.importorskip("beastmode_otel_minilm", reason="the README calls the extra `semantic` optional")

Run = Callable[..., tuple[int, str, str]]

STORED = "How do I reset my PLANTED password?"
SIMILAR = "How can I reset my PLANTED password?"
REFUSED = "How do I not reset my PLANTED password?"


@pytest.fixture(params=["sqlite", "valkey"])
def config(request: pytest.FixtureRequest, tmp_path: Path, simulator: Simulator) -> Path:
    simulator.define("ok", Behaviour(text="an answer", input_tokens=300, output_tokens=80))
    l3, l2 = f'"sqlite:///{tmp_path / "cache.db"}"', ""
    if request.param == "valkey":
        l3, l2 = (
            '"off"',
            f'l2 = {{ url = "{shared(VALKEY).url}", prefix = "explain-{os.getpid()}-{tmp_path.name[-20:]}" }}',
        )
    file = tmp_path / "beastmode.toml"
    file.write_text(
        f"""
        [cache]
        mode = "semantic"
        {l2}
        l3 = {{ url = {l3}, soft = 20.0 }}
        semantic = {{ threshold = 0.9, seconds = 20 }}
        [deployments.main]
        base_url = "{simulator.url("ok")}"
        model = "gpt-4o-mini"
        provider = "openai"
        [routes.chat]
        deployments = ["main"]
        """
    )
    return file


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def cache(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(["cache", *arguments])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return (status, *capsys.readouterr())

    return cache


def body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def test_explain_names_the_nearest_and_what_refuses_them(config: Path, run: Run, tmp_path: Path) -> None:
    with ModelRouter(str(config)) as router:
        key = router.route("chat", body(STORED)).cache.key or ""
        router.route("chat", body("What is the capital of France?"))
    request = tmp_path / "request.json"

    def explained(text: str, *more: str) -> dict[str, Any]:
        request.write_text(json.dumps(body(text)))
        status, out, err = run("explain", str(request), "--model", "chat", "--config", str(config), "--json", *more)
        assert (status, err) == (0, "")
        assert ("PLANTED" in out) is ("--show-content" in more)
        found: dict[str, Any] = json.loads(out)["similar"]
        return found

    found = explained(SIMILAR)
    assert (found["verdict"], found["threshold"], found["compared"]) == ("served", 0.9, 2)
    best, other = found["candidates"]
    assert best["key"].startswith(key)
    assert best["similarity"] > 0.9 > other["similarity"]
    assert (best["refused_by"], best["verdict"], other["verdict"]) == ([], "served", "below_threshold")
    with ModelRouter(str(config)) as router:
        assert router.route("chat", body(SIMILAR), cache="only").cache.match == "semantic"

    refused = explained(REFUSED)
    assert refused["verdict"] == refused["candidates"][0]["verdict"] == "guard_reject"
    assert refused["candidates"][0]["refused_by"] == ["negation"]
    assert explained(SIMILAR, "--show-content")["candidates"][0]["question"] == STORED
    assert explained("パスワードをリセットするにはどうすればよいですか")["verdict"] == "unsupported_language"

    request.write_text(json.dumps(body(REFUSED)))
    status, out, _ = run("explain", str(request), "--model", "chat", "--config", str(config))
    assert status == 0
    assert "SIMILAR QUESTIONS" in out
    assert "negation" in out
    assert "PLANTED" not in out


def test_without_semantic_matching_nothing_is_said_of_it(config: Path, run: Run, tmp_path: Path) -> None:
    config.write_text(config.read_text().replace('"semantic"', '"on"'))
    request = tmp_path / "request.json"
    request.write_text(json.dumps(body(SIMILAR)))
    status, out, _ = run("explain", str(request), "--model", "chat", "--config", str(config), "--json")
    assert (status, "similar" in json.loads(out)) == (0, False)


# Calibration.


def written(path: Path, lines: list[Any]) -> str:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return str(path)


def pairs(same: int, different: int) -> list[dict[str, Any]]:
    things = ("password", "order", "account", "invoice", "address", "card")
    found = []
    for number in range(same + different):
        thing, is_same = things[number % len(things)], number < same
        question = f"How do I change my PLANTED {thing} in the year {2000 + number}?"
        other = number if is_same else number + 5000
        found.append(
            {"question": question, "candidate": f"How can I change my PLANTED {thing} in the year {2000 + other}?",
             "same": is_same}
        )  # fmt: skip
    return found


@pytest.fixture
def off(tmp_path: Path) -> str:
    """A configuration without any store: none is needed."""
    file = tmp_path / "off.toml"
    file.write_text('[cache]\nmode = "semantic"\nl3 = "off"\n')
    return str(file)


def test_pairs_are_calibrated(tmp_path: Path, run: Run, off: str) -> None:
    file = written(tmp_path / "pairs.jsonl.gz", pairs(400, 600))
    status, out, err = run("calibrate", "--pairs", file, "--config", off, "--json", "--thresholds", "0.8", "0.9")
    told = json.loads(out)
    assert (status, err) == (0, "")
    assert (told["requests"], told["possible"]) == (1_000, 400)
    assert [point["wrong"] for point in told["curve"]] == [0, 0]  # another year is another question
    assert told["curve"][0]["hits"] > 300
    assert (told["threshold"], told["sure"]) == (0.8, False)  # 0 of 1,000 may still be 0.38 %
    assert told["area"] == 1.0
    status, out, _ = run("calibrate", "--pairs", file, "--config", off, "--budget", "0.01")
    assert status == 0
    assert "[cache.semantic] threshold = 0.8" in out
    assert "with 95 % confidence" in out
    assert "PLANTED" not in out


def test_what_a_shadow_wrote_down_is_calibrated(tmp_path: Path, run: Run, simulator: Simulator) -> None:
    simulator.define("ok", Behaviour(text="an answer"))
    records = tmp_path / "records.jsonl"
    settings = {
        "cache": {
            "mode": "shadow",
            "l3": "off",
            "semantic": {"threshold": 0.85, "seconds": 20.0, "records": str(records)},
        },
        "deployments": {"main": {"base_url": simulator.url("ok"), "model": "m", "provider": "openai"}},
        "routes": {"chat": {"deployments": ["main"]}},
    }
    with ModelRouter(settings) as router:
        router.route("chat", body(STORED))
        assert router.route("chat", body(SIMILAR)).cache.verdict == "shadow"
        router.route("chat", body("What is the capital of France?"))
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    assert "PLANTED" not in records.read_text()
    assert records.stat().st_mode & 0o077 == 0
    assert sorted(line["verdict"] for line in lines if "verdict" in line) == [
        "below_threshold",
        "no_candidate",
        "shadow",
    ]
    (judged,) = [line for line in lines if "agree" in line]
    assert (judged["agree"], judged["source"]) == (True, "shadow")
    file = written(tmp_path / "many.jsonl", lines * 400)
    status, out, _ = run("calibrate", "--records", file, "--json", "--budget", "0.01", "--thresholds", "0.9", "0.95")
    told = json.loads(out)
    assert (status, told["requests"], told["curve"][0]["hits"]) == (0, 1_200, 400)
    status, _, err = run("calibrate", "--records", str(records))
    assert (status, "too few" in err) == (1, True)


@pytest.mark.parametrize(
    ("lines", "more", "status", "said"),
    [
        ([], [], 1, "too few"),
        (["{PLANTED"], [], 1, "line 1 is no JSON"),
        (["[1]"], [], 1, "line 1 is no JSON object"),
        ([{"question": "PLANTED", "candidate": "x"}], [], 1, "true or false"),
        ([], ["--budget", "2"], 2, "at most 1"),
        ([], ["--thresholds", "x"], 2, "above 0"),
        ([], ["--records", "x"], 2, "not allowed with"),
        (None, [], 1, "No such file"),
    ],
)
def test_wrong_words(
    lines: list[Any] | None, more: list[str], status: int, said: str, tmp_path: Path, run: Run, off: str
) -> None:
    path = tmp_path / "pairs.jsonl"
    file = str(path) if lines is None else written(path, lines)
    found, out, err = run("calibrate", "--pairs", file, "--config", off, *more)
    assert (found, out) == (status, "")
    assert said in err
    assert "PLANTED" not in err
    assert "Traceback" not in err


def test_where_nothing_is_right(tmp_path: Path, run: Run, off: str) -> None:
    lines = [
        {"question": f"the PLANTED {one} of a {other} {third}"}
        for one in ["colour", "size", "shape", "price", "weight", "age", "name", "maker", "place", "use"]
        for other in [
            "garden",
            "kitchen",
            "office",
            "school",
            "street",
            "winter",
            "summer",
            "travel",
            "family",
            "paper",
        ]
        for third in ["table", "chair", "lamp", "basket", "mirror", "clock", "fence", "window", "shelf", "blanket"]
    ]
    file = written(tmp_path / "s.jsonl", lines)
    status, out, _ = run("calibrate", "--pairs", file, "--config", off, "--thresholds", "0.5", "0.6")
    assert status == 1
    assert "No threshold keeps wrong answers below" in out


def test_records_that_cannot_be_written_are_told_once(
    tmp_path: Path, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {
        "cache": {"mode": "shadow", "l3": "off", "semantic": {"records": str(tmp_path / "no" / "records.jsonl")}},
        "deployments": {"main": {"base_url": simulator.url(), "model": "m", "provider": "openai"}},
        "routes": {"chat": {"deployments": ["main"]}},
    }
    with ModelRouter(settings) as router:
        for number in range(5):
            router.route("chat", body(f"question {number}"))
    told = [one for one in caplog.messages if "cache.semantic.records" in one]
    assert len(told) == 1
