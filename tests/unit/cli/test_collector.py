"""`beastmode-otel collector`: lists what ships, writes it out, never over somebody's work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from beastmode_otel.cli import main
from beastmode_otel.cli.shipped import files, shipped


def test_list_tells_people_about_every_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collector", "list"]) == 0
    said = capsys.readouterr().out
    for name, _ in files(shipped("collector")):
        assert f"  {name}\n" in said
    assert "needs  DD_API_KEY" in said


def test_list_as_json_has_a_purpose_for_each_and_splits_needed_from_optional(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["collector", "list", "--json"]) == 0
    listed = {one["file"]: one for one in json.loads(capsys.readouterr().out)["files"]}
    assert [name for name, one in listed.items() if not one["purpose"]] == []
    assert listed["backend-honeycomb.yaml"]["needs"] == ["HONEYCOMB_API_KEY"]
    assert listed["gateway.yaml"]["reads"]["COLLECTOR_METRICS_PORT"] == "8888"
    roles = {role: sum(one["role"] == role for one in listed.values()) for role in ("gateway", "backend", "option")}
    assert roles == {"gateway": 1, "backend": 10, "option": 3}


def test_export_writes_what_compose_mounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collector", "export", str(tmp_path / "new" / "otel"), "--json"]) == 0
    folder = tmp_path / "new" / "otel"
    told = json.loads(capsys.readouterr().out)
    assert sorted(told["written"]) == sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    for stack in ("compose.yaml", "compose-apache.yaml"):
        compose = yaml.safe_load((folder / stack).read_text())
        assert [file for one in compose["configs"].values() if not (folder / (file := one["file"])).is_file()] == []
        [bind] = [v for v in compose["services"]["grafana"]["volumes"] if isinstance(v, dict)]
        assert len(list((folder / bind["source"]).rglob("*.json"))) == 4, "one flavour stands where Grafana looks"


def test_export_again_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["collector", "export", str(tmp_path)])
    capsys.readouterr()
    assert main(["collector", "export", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["written"], told["overwritten"]) == ([], [])


def test_export_never_overwrites_silently(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gateway.yaml").write_text("mine")
    assert main(["collector", "export", str(tmp_path)]) == 1
    assert "gateway.yaml" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.yaml"], "not even the files that are not there yet"
    assert (tmp_path / "gateway.yaml").read_text() == "mine"
    assert main(["collector", "export", str(tmp_path), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["overwritten"] == ["gateway.yaml"]
    assert (tmp_path / "gateway.yaml").read_text() != "mine"


def test_export_onto_a_file_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["collector", "export", str(tmp_path / "taken")]) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_export_into_a_place_below_a_file_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["collector", "export", str(tmp_path / "taken" / "below")]) == 1
    assert "cannot write into" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["collector"], ["collector", "export"], ["collector", "nothing"]])
def test_wrong_usage(wrong: list[str]) -> None:
    assert main(wrong) == 2
