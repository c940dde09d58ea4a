"""The table of findings, and the page that is made from it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import beastmode_otel
from beastmode_otel.doctor.catalog import GROUPS, KINDS, SEVERITIES, Finding, found, worst

ROOT = Path(__file__).resolve().parents[3]
SOURCES = Path(beastmode_otel.__file__).parent


def test_every_kind_has_a_cause_and_every_complaint_a_cure() -> None:
    for kind in KINDS.values():
        assert kind.severity in SEVERITIES
        assert kind.cause.endswith("."), kind.code
        assert kind.severity == "ok" or kind.cure.endswith((".", ").")), kind.code
        assert not kind.title.endswith("."), kind.code


def test_codes_are_unique() -> None:
    assert len(KINDS) == sum(len(group) for group in GROUPS.values())


def codes_in_code() -> set[str]:
    """Every text in the doctor and its command that is the name of a kind, apart from the table itself."""
    files = [*(SOURCES / "doctor").glob("*.py"), *(SOURCES / "cli").glob("doctor*.py")]
    trees = [ast.parse(file.read_text("utf-8")) for file in files if file.name != "kinds.py"]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and text in KINDS}


def test_every_kind_can_be_found() -> None:
    assert codes_in_code() == set(KINDS)


def test_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        found("nonsense", "")


def test_the_worst_counts() -> None:
    made = [Finding(code="x", severity=severity, title="") for severity in ("info", "warning", "ok")]
    assert worst(made) == "warning"
    assert worst([]) == "ok"
    assert worst([*made, found("tls_expired", "")]) == "problem"


def test_the_page_is_up_to_date_and_lists_every_finding() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "make_doctor_docs.py", "--check"], check=False)
    assert done.returncode == 0, "run: make docs"
    page = (ROOT / "docs" / "doctor.md").read_text("utf-8")
    assert [code for code in KINDS if f"`{code}`" not in page] == []
