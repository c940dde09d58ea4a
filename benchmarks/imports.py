"""What the agent adds to a program's start: CPU time of a fresh interpreter, beside the OTel SDK's own imports.

    python benchmarks/imports.py [--rounds N]

The floor is the SDK with its OTLP exporters, as `opentelemetry-instrument` loads it, and an HTTP client, as every LLM
SDK does. The agent is that and `BeastModeInstrumentor().instrument()`. Peers (`pip install
opentelemetry-instrumentation-genai-openai opentelemetry-instrumentation-openai openai`) also need their client's SDK,
which is therefore the floor of theirs. Compare ratios, not numbers, between machines.
"""

from __future__ import annotations

import argparse
import statistics

from harness import import_times, table

SDK = """
import opentelemetry.sdk.trace.export, opentelemetry.sdk.metrics.export, opentelemetry.sdk._logs.export
import opentelemetry.exporter.otlp.proto.http.trace_exporter
import opentelemetry.exporter.otlp.proto.http.metric_exporter
import opentelemetry.exporter.otlp.proto.http._log_exporter
import opentelemetry.instrumentation.auto_instrumentation._load
import httpx2
"""
AGENT = """
from beastmode_otel.instrumentation.instrumentor import BeastModeInstrumentor
BeastModeInstrumentor().instrument()
"""
GENAI = "from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor; OpenAIInstrumentor().instrument()"
OPENLLMETRY = "from opentelemetry.instrumentation.openai import OpenAIInstrumentor; OpenAIInstrumentor().instrument()"
FLOOR, OURS, CLIENT = "OpenTelemetry SDK, OTLP, HTTP client", "with beastmode_otel", "with the openai SDK"

STATEMENTS = {
    FLOOR: SDK,
    OURS: f"{SDK}{AGENT}",
    "the router: import beastmode_otel": f"{SDK}import beastmode_otel",
    CLIENT: f"{SDK}import openai",
    "with the openai SDK and genai-openai": f"{SDK}import openai\n{GENAI}",
    "with the openai SDK and OpenLLMetry": f"{SDK}import openai\n{OPENLLMETRY}",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11, help="fresh interpreters per line")
    seconds = import_times(STATEMENTS, rounds=parser.parse_args().rounds)
    table("Start of a program: CPU", seconds, unit=1e-3, head="ms")
    if FLOOR in seconds and OURS in seconds:
        more = [mine - floor for mine, floor in zip(seconds[OURS], seconds[FLOOR], strict=True)]
        print(f"  the agent: +{1e3 * statistics.median(more):.0f} ms (least +{1e3 * min(more):.0f}; goal 150)")


if __name__ == "__main__":
    main()
