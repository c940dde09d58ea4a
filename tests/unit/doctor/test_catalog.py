"""The table of findings, and the page that is made from it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import beastmode_otel
from beastmode_otel.doctor.catalog import CATALOG, GROUPS, SEVERITIES, Finding, found, worst

ROOT = Path(__file__).resolve().parents[3]
SOURCES = Path(beastmode_otel.__file__).parent


def test_every_entry_has_a_cause_and_every_complaint_a_cure() -> None:
    for entry in CATALOG.values():
        assert entry.severity in SEVERITIES
        assert entry.cause.endswith("."), entry.code
        assert entry.severity == "ok" or entry.cure.endswith((".", ").")), entry.code
        assert not entry.title.endswith("."), entry.code


def test_codes_are_unique() -> None:
    assert len(CATALOG) == sum(len(group) for group in GROUPS.values())


def codes_in_code() -> set[str]:
    """Every text in the doctor and its command that is the code of a finding, apart from the table itself."""
    files = [*(SOURCES / "doctor").glob("*.py"), *(SOURCES / "cli" / "doctor").glob("*.py")]
    trees = [ast.parse(file.read_text("utf-8")) for file in files if file.name != "catalog.py"]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and text in CATALOG}


def test_every_entry_can_be_found() -> None:
    assert codes_in_code() == set(CATALOG)


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
    assert [code for code in CATALOG if f"`{code}`" not in page] == []
