"""All examinations in their order; of the network all at once, within one time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.doctor.database_tier import l3_findings
from beastmode_otel.doctor.endpoint import endpoint_finding
from beastmode_otel.doctor.export_result import export_finding
from beastmode_otel.doctor.file_tier import l3_file_findings
from beastmode_otel.doctor.probe import ProbeResult, probe
from beastmode_otel.doctor.process import process_findings
from beastmode_otel.doctor.settings import is_off, settings_findings
from beastmode_otel.doctor.shared_tier import l2_findings
from beastmode_otel.doctor.targets import SIGNALS, otlp_names, places_of
from beastmode_otel.errors import Redactor
from beastmode_otel.telemetry.exporters import exporter_factories
from beastmode_otel.telemetry.log_secrets import exporter_secrets

T = TypeVar("T")
ENDPOINTS: Final = 8.0  # seconds for all of them together, whatever hangs
PROBES: Final = 5.0
TIERS: Final = 5.0


def outside(environ: Mapping[str, str], *, command: tuple[str, ...] = (), config: str | None = None) -> list[Finding]:
    """What can be told without being the process. environ: os.environ (the exporters read that), or a copy."""
    settings = settings_findings(environ, command=command, config=config)
    tiers = [_Beside(partial(look, environ, config)) for look in (l2_findings, l3_findings, l3_file_findings)]
    network = [] if is_off(environ) else _network_findings(environ)
    return [*settings, *network, *(finding for tier in tiers for finding in tier.findings())]


class _Beside:
    """Looks on a thread of its own, for TIERS seconds at most, while others look elsewhere."""

    def __init__(self, look: Callable[[], list[Finding]]) -> None:
        self._found: list[Finding] = []
        self._until = time.monotonic() + TIERS
        self._thread = threading.Thread(target=lambda: self._found.extend(look()), daemon=True)
        self._thread.start()

    def findings(self) -> list[Finding]:
        self._thread.join(max(0.0, self._until - time.monotonic()))
        return list(self._found)


def everything(environ: Mapping[str, str]) -> list[Finding]:
    """Of this process."""
    return [*outside(environ), *process_findings(environ)]


def _network_findings(environ: Mapping[str, str]) -> list[Finding]:
    """At most ENDPOINTS + PROBES seconds. The exporters read os.environ itself: `environ` must be it, or a copy."""
    places = places_of(environ)
    looks = {target: partial(endpoint_finding, target, environ) for target in places.targets}
    seen = at_once(looks, ENDPOINTS)
    findings = [
        found("endpoint_invalid", f"{shown}, for {', '.join(signals)}") for shown, signals in places.impossible.items()
    ]
    findings += [seen.get(target) or found("endpoint_timeout", str(target)) for target in places.targets]
    ready = {signal for target in places.targets if _open(seen.get(target)) for signal in target.signals}
    return [*findings, *_probed([signal for signal in SIGNALS if signal in {*ready, *places.local}], environ)]


def _open(finding: Finding | None) -> bool:
    return finding is not None and finding.code in ("endpoint_answers", "endpoint_proxied")


def _probed(signals: list[str], environ: Mapping[str, str]) -> list[Finding]:
    redact = Redactor(exporter_secrets(environ))

    def tried(signal: str) -> Finding:
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        only = {**environ, variable: ",".join(otlp_names(signal, environ))}
        try:
            outcome: ProbeResult = probe(signal, exporter_factories(signal, only)[0])
        except Exception as exc:  # noqa: BLE001  (an exporter's constructor may raise anything)
            return found("export_rejected", redact(f"{signal}: the exporter cannot be made: {exc}"))
        return export_finding(signal, outcome, environ, redact)

    done = at_once({signal: partial(tried, signal) for signal in signals}, PROBES)
    return [done.get(signal) or export_finding(signal, None, environ, redact) for signal in signals]


def at_once(works: Mapping[Any, Callable[[], T]], seconds: float) -> dict[Any, T]:
    """Their results by key; without those that were not done in time, whose threads are left behind."""
    results: dict[Any, T] = {}

    def run(key: Any, work: Callable[[], T]) -> None:
        results[key] = work()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in works.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(results)
