"""Libraries whose calls nobody can see from httpx: told when they are there for that."""

from __future__ import annotations

import pytest

from beastmode_otel.doctor.process import _unseen


@pytest.mark.parametrize(
    ("loaded", "told"),
    [
        ({"botocore"}, ["botocore: Bedrock"]),
        ({"websockets"}, ["websockets: realtime APIs"]),
        ({"grpc", "requests"}, []),  # the OTLP exporters load both
        ({"grpc", "vertexai"}, ["grpc: Vertex AI and Gemini over gRPC"]),
        ({"requests", "dashscope"}, ["requests: DashScope"]),
        ({"httpx", "httpx2", "openai"}, []),
    ],
)
def test_what_is_loaded_for_llm_calls_is_told(loaded: set[str], told: list[str]) -> None:
    findings = _unseen(dict.fromkeys(loaded))
    assert [finding.detail for finding in findings] == told
    assert {finding.severity for finding in findings} <= {"info"}


def test_aiohttp_as_the_carrier_of_httpx_is_no_blind_spot() -> None:
    (finding,) = _unseen({"aiohttp": None})
    assert "where it only carries httpx's calls, they are seen" in finding.detail
