"""SECURITY.md claims nothing that no test shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    """Of the table of claims."""
    section = PAGE.partition("## What we defend against")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return lines[2:]


def test_each_claim_names_a_test() -> None:
    assert len(rows()) > 10
    assert [row for row in rows() if not NAMED.search(row)] == []


def test_each_test_is_there() -> None:
    for file, name in NAMED.findall(PAGE):
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in there, f"{file} has no {name}"


def test_it_says_what_we_do_not_defend_against_and_how_to_report() -> None:
    assert "## What we do not defend against" in PAGE
    assert "## To report something" in PAGE
