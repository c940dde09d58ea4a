"""The doctor: what stands between what is recorded here and what is seen in Grafana."""

import os

from beastmode_otel.doctor.catalog import Finding
from beastmode_otel.doctor.child_report_writer import report_if_asked

__all__ = ["Finding", "diagnose"]


def diagnose() -> list[Finding]:
    """Examine this process's telemetry: its settings, the endpoint, a real export of one span, metric and log, the SDK.

    Takes up to 13 seconds when an endpoint hangs, and sends the probes (named beastmode.doctor) to your backend. Never
    raises for what is wrong; that is in the findings: `severity` is ok, info, warning or problem, `hint` what to do.
    docs/doctor.md lists all of them.
    """
    from beastmode_otel.doctor.examine import everything  # what it needs is loaded when somebody asks

    return everything(os.environ)


report_if_asked(os.environ)
