"""What is read out of a Collector configuration without a YAML parser."""

from __future__ import annotations

import pytest

from beastmode_otel.cli.overlays import Variable, needed_environment, purpose, variables
from beastmode_otel.cli.shipped import files, shipped


def test_needed_is_what_has_no_default_once_and_in_order() -> None:
    text = "a: ${env:TOKEN}\nb: Basic ${env:USER_ID}:${env:TOKEN}\nc: ${env:PORT:-8888}\nd: ${env:EMPTY:-}\n"
    assert needed_environment(text) == ("TOKEN", "USER_ID")


def test_a_default_inside_a_default() -> None:
    text = "e: ${env:OUTER:-https://otlp.${env:SITE:-example.com}}/v1\nf: ${env:LAST:-${env:NEEDED}}"
    assert needed_environment(text) == ("NEEDED",)
    assert [one.name for one in variables(text)] == ["OUTER", "SITE", "LAST", "NEEDED"]


def test_defaults_are_told_and_needed_in_one_place_is_needed() -> None:
    assert variables("a: ${env:A:-1}\nb: ${env:B:-2}\nc: ${env:B}") == (
        Variable(name="A", default="1"),
        Variable(name="B", default=None),
    )


@pytest.mark.parametrize("text", ["", "a: $HOME ${HOME} ${file:x} $${env", "# ${env:COMMENT}\nb: 1  # ${env:ALSO}"])
def test_other_dollars_and_comments_do_not_count(text: str) -> None:
    assert variables(text) == ()


def test_purpose_is_the_first_sentence() -> None:
    assert purpose("# Keep: this\n# and 1.5 of that. Not this.\nkey: 1\n# nor this") == "Keep: this and 1.5 of that"
    assert purpose("# A title\n\ntext") == "A title"
    assert purpose("key: 1") == ""


def test_the_shipped_backends_need_what_their_vendors_ask_for() -> None:
    found = {name: needed_environment(item.read_text("utf-8")) for name, item in files(shipped("collector"))}
    assert {name: needs for name, needs in found.items() if needs} == {
        "backend-datadog.yaml": ("DD_API_KEY",),
        "backend-dynatrace.yaml": ("DT_ENDPOINT", "DT_API_TOKEN"),
        "backend-grafana-cloud.yaml": ("GRAFANA_CLOUD_OTLP_ENDPOINT", "GRAFANA_CLOUD_OTLP_AUTH"),
        "backend-honeycomb.yaml": ("HONEYCOMB_API_KEY",),
        "backend-otlp.yaml": ("OTLP_BACKEND_ENDPOINT",),
        "persist.yaml": ("QUEUE_DIRECTORY",),
    }
