"""The exporters of OpenTelemetry's SDK and what they send with log addresses and headers as they stand in variables."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from beastmode_otel.errors import Redactor
from beastmode_otel.errors.redact import secrets_in_environ

_TOLD_BY: Final = ("opentelemetry.", "urllib3.", "requests.", "beastmode_otel")
_FORMATTER: Final = logging.Formatter()


class SecretFilter(logging.Filter):
    """Takes known secrets out of the records of one logger; lets all of them pass."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        shown = self._redact(said)
        if shown != said:
            record.msg, record.args = shown, None
        if record.exc_info:
            trace = _FORMATTER.formatException(record.exc_info)
            shown = self._redact(trace)
            if shown != trace:
                record.exc_info, record.exc_text = None, shown
        return True


def hide_in_logs(environ: Mapping[str, str]) -> None:
    """For the loggers that are there now. Costs nothing where the variables hold no secret."""
    secrets = exporter_secrets(environ)
    if not secrets:
        return
    hides = SecretFilter(Redactor(secrets, shapes=False))
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(_TOLD_BY):
            logging.getLogger(name).addFilter(hides)


def exporter_secrets(environ: Mapping[str, str]) -> list[str]:
    """What no message about an export may show: passwords, the endpoints' queries, values of their headers."""
    queries = [
        value.partition("?")[2]
        for name, value in environ.items()
        if name.startswith("OTEL_EXPORTER_OTLP_") and name.endswith("ENDPOINT")
    ]
    return [*secrets_in_environ(environ), *(query for query in queries if query)]
