"""OTLP requests by hand, where a test needs more than an SDK would send: every field that can hold a text."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

Attributes = Mapping[str, Any]


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case Mapping():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case _:
            return AnyValue(string_value=str(value))


def pairs(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    error: str | None = None,
    event: Attributes | None = None,
    trace: bytes | None = None,
    seconds: float = 0.1,
) -> Span:
    """error: the text of an ERROR status. event: the attributes of one `exception` event."""
    now = time.time_ns()
    return Span(
        trace_id=trace or secrets.token_bytes(16),
        span_id=secrets.token_bytes(8),
        name=name,
        start_time_unix_nano=now - int(seconds * 1e9),
        end_time_unix_nano=now,
        attributes=pairs(attributes or {}),
        events=[Span.Event(name="exception", time_unix_nano=now, attributes=pairs(event))] if event else [],
        status=Status(code=Status.STATUS_CODE_ERROR, message=error) if error is not None else Status(),
    )


def traces(spans: Sequence[Span], resource: Attributes | None = None) -> ExportTraceServiceRequest:
    group = ScopeSpans(scope=InstrumentationScope(name="beastmode_otel"), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=_resource(resource), scope_spans=[group])])


def log(body: Any, attributes: Attributes | None = None, *, event: str = "") -> LogRecord:
    return LogRecord(
        time_unix_nano=time.time_ns(), body=any_value(body), attributes=pairs(attributes or {}), event_name=event
    )


def logs(records: Sequence[LogRecord], scope: str, resource: Attributes | None = None) -> ExportLogsServiceRequest:
    group = ScopeLogs(scope=InstrumentationScope(name=scope), log_records=records)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=_resource(resource), scope_logs=[group])])


def counter(
    name: str, value: int, attributes: Attributes | None = None, *, since: int, resource: Attributes | None = None
) -> ExportMetricsServiceRequest:
    """One cumulative, monotonic point, as SDKs send by default. since: when counting began, in ns."""
    point = NumberDataPoint(
        attributes=pairs(attributes or {}), start_time_unix_nano=since, time_unix_nano=time.time_ns(), as_int=value
    )
    total = Sum(
        data_points=[point],
        aggregation_temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
        is_monotonic=True,
    )
    group = ScopeMetrics(scope=InstrumentationScope(name="beastmode_otel"), metrics=[Metric(name=name, sum=total)])
    whole = ResourceMetrics(resource=_resource(resource), scope_metrics=[group])
    return ExportMetricsServiceRequest(resource_metrics=[whole])


def _resource(attributes: Attributes | None) -> Resource:
    return Resource(attributes=pairs({"service.name": "shop", "service.instance.id": "one"} | dict(attributes or {})))
