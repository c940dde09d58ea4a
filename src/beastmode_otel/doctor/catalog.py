"""Every finding there is: code, page and documentation read this table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from beastmode_otel.config.settings import ASK_FOR_CACHE

Severity = Literal["ok", "info", "warning", "problem"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """code: its name in docs/doctor.md. detail: what was seen here, without secrets. hint: what to do; empty for ok."""

    code: str
    severity: Severity
    title: str
    detail: str = ""
    hint: str = ""


def worst(findings: Iterable[Finding]) -> Severity:
    """The highest severity; ok when there are none."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """cause: why one sees it. cure: what to do. severity: the usual one."""

    code: str
    severity: Severity
    title: str
    cause: str
    cure: str = ""


def _entry(code: str, severity: Severity, title: str, cause: str, cure: str = "") -> CatalogEntry:
    return CatalogEntry(code=code, severity=severity, title=title, cause=cause, cure=cure)


SETTINGS: Final = (
    _entry(
        "settings_fit",
        "ok",
        "the settings fit together",
        "The OTEL_* and BEASTMODE_* variables and the configuration have no warning or problem among them.",
    ),
    _entry(
        "telemetry_off",
        "warning",
        "telemetry is switched off",
        "OTEL_SDK_DISABLED or BEASTMODE_DISABLED is on: nothing is recorded or exported.",
        "Unset the variable.",
    ),
    _entry(
        "config_invalid",
        "problem",
        "the configuration cannot work",
        "beastmode.toml, or the file that BEASTMODE_CONFIG names, has a setting that the router refuses.",
        "Correct the setting that is named.",
    ),
    _entry(
        "deployment_out",
        "warning",
        "a deployment is out: a variable that it needs is not set",
        "The configuration takes its key, or another setting, from the environment, and the variable is not there. "
        "Its route works with the other deployments only; a route that has no other stops the router.",
        "Set the variable where the program runs, or take the deployment out of the configuration.",
    ),
    _entry(
        "cache_no_store",
        "warning",
        "nothing of a deployment is stored: its provider forbids it with every answer",
        "The provider says cache-control: no-store with each answer, and obey_cache_control = true obeys it.",
        "Take obey_cache_control out, or set it to false for the deployment.",
    ),
    _entry(
        "cache_on",
        "ok",
        "the cache is on",
        "A [cache] table or BEASTMODE_CACHE asks for it; the detail says which, and where the tiers are that processes "
        "share: L2 in Redis, L3 in SQLite or Postgres. A program may say otherwise: cache= at "
        "the router, the transport or instrument() wins.",
    ),
    _entry(
        "semantic_off",
        "warning",
        "similar questions are not answered: there is no embedder",
        "The cache is asked for in mode semantic or shadow, and what turns questions into vectors cannot be had. Only "
        "the very same questions are answered; a router whose embedder was named refuses to start.",
        "pip install 'beastmode-otel[semantic]', or name another embedder: docs/semantic.md.",
    ),
    _entry(
        "cache_off",
        "info",
        "the cache is off",
        "It has to be asked for, and neither the configuration nor BEASTMODE_CACHE does so, or one says off. A program "
        "that passes cache= to the router, the transport or instrument() has said so itself.",
        f"Nothing to do; or ask for it: {ASK_FOR_CACHE}.",
    ),
    _entry(
        "exporter_none",
        "warning",
        "a signal is not exported",
        "OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER or OTEL_LOGS_EXPORTER is none.",
        "Unset it, or set it to otlp.",
    ),
    _entry(
        "exporter_missing",
        "problem",
        "an exporter cannot be made",
        "A variable names an exporter that no installed package offers.",
        "Use otlp, console or none, or install the exporter's package.",
    ),
    _entry(
        "protocol_ignored",
        "warning",
        "a protocol is set that Python's exporters do not speak",
        "OTEL_EXPORTER_OTLP_PROTOCOL, or a signal's own, is http/json or another word: configure() and "
        "`beastmode-otel run` take the one that the endpoint's port means; opentelemetry-instrument by itself runs the "
        "program without telemetry.",
        "Set grpc or http/protobuf for Python programs; who receives http/json takes http/protobuf at the same port.",
    ),
    _entry(
        "temporality_delta",
        "warning",
        "metrics are exported as deltas",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is delta or lowmemory. Prometheus and Mimir take cumulative "
        "metrics only and answer 400 or 500; Datadog and Dynatrace want deltas. "
        "A problem when the endpoint is Prometheus's own.",
        "Unset it for Prometheus, Mimir and Grafana Cloud; convert in the Collector for backends that want deltas.",
    ),
    _entry(
        "live_slowed",
        "warning",
        "live is asked for, but exports are slow",
        "BEASTMODE_LIVE or configure(live=True), and an OTEL_* interval of your own, or an SDK that was set up by "
        "something else with the default intervals (60, 5 and 1 seconds). Live never changes either.",
        "Unset the variable; where something else sets up the SDK, start with `beastmode-otel run --live`.",
    ),
    _entry(
        "instance_id_fixed",
        "info",
        "service.instance.id is fixed",
        "OTEL_RESOURCE_ATTRIBUTES sets it. That is right for exactly one process; a second one with the same id "
        "overwrites the first one's counters.",
        "Leave it out (the SDK makes one for each process), or make sure that there is only one process.",
    ),
    _entry(
        "instance_id_shared",
        "problem",
        "several processes share one service.instance.id",
        "OTEL_RESOURCE_ATTRIBUTES sets service.instance.id and the server starts several workers (WEB_CONCURRENCY, "
        "GUNICORN_CMD_ARGS or --workers), or two processes were seen with one id. "
        "Their counters overwrite each other, and rates come out wrong by an order of magnitude.",
        "Take service.instance.id out of OTEL_RESOURCE_ATTRIBUTES: the SDK makes one for each process.",
    ),
    _entry(
        "secret_missing",
        "problem",
        "a Collector overlay lacks an environment variable",
        "The overlay reads it as ${env:NAME}; where it is not set, the Collector silently takes the empty string.",
        "Set it in the environment of the Collector, and run the doctor there.",
    ),
)

ENDPOINT: Final = (
    _entry(
        "endpoint_invalid",
        "problem",
        "the endpoint is not an address",
        "OTEL_EXPORTER_OTLP_ENDPOINT, or a signal's own, has no host, no scheme or no possible port.",
        "Write scheme, host and port: http://collector:4318.",
    ),
    _entry(
        "endpoint_unknown_host",
        "problem",
        "the endpoint's host name is not known",
        "The name cannot be resolved from this machine or container.",
        "Correct the name; within compose or Kubernetes use the service's name.",
    ),
    _entry(
        "endpoint_refused",
        "problem",
        "nothing listens at the endpoint",
        "The host answers, but its port is closed: the Collector is down, or listens elsewhere or on loopback only.",
        "Start the Collector, or correct host and port. In a container, localhost is the container itself.",
    ),
    _entry(
        "endpoint_timeout",
        "problem",
        "the endpoint does not answer",
        "No connection within the time allowed: a firewall, a wrong address, or a host that is down.",
        "Check the address and what is between.",
    ),
    _entry(
        "endpoint_silent",
        "problem",
        "something accepts the connection, but speaks neither HTTP nor gRPC",
        "Another service has that port, or the receiver hangs.",
        "Point the endpoint at an OTLP receiver: port 4317 is gRPC, 4318 HTTP.",
    ),
    _entry(
        "endpoint_proxied",
        "info",
        "the endpoint is reached through a proxy",
        "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY applies to it. The socket is not looked at; the export itself is tried.",
        "For a Collector in your own network add its host to NO_PROXY.",
    ),
    _entry(
        "http_to_grpc",
        "problem",
        "HTTP is sent to a gRPC port",
        "The protocol is http/protobuf, the server speaks HTTP/2 only, as gRPC receivers do.",
        "Set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or use the receiver's HTTP port (4318).",
    ),
    _entry(
        "grpc_to_http",
        "problem",
        "gRPC is sent to an HTTP port",
        "The protocol is grpc, the server speaks HTTP/1.1.",
        "Set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or use the receiver's gRPC port (4317).",
    ),
    _entry(
        "endpoint_answers",
        "ok",
        "the endpoint answers",
        "The host is known, the port is open, TLS (if any) is valid, and the server speaks the exporter's protocol.",
    ),
)

TLS: Final = (
    _entry(
        "tls_missing",
        "problem",
        "plain text is sent to a TLS port",
        "The endpoint says http://, the server wants TLS.",
        "Write https:// (gRPC: and not OTEL_EXPORTER_OTLP_INSECURE=true).",
    ),
    _entry(
        "tls_unexpected",
        "problem",
        "TLS is sent to a plain port",
        "The endpoint says https://, or is gRPC without a scheme, which means TLS; the server speaks plain text.",
        "Write http:// before the host.",
    ),
    _entry(
        "tls_self_signed",
        "problem",
        "the server's certificate is self-signed",
        "It is its own authority, which nobody trusts by default.",
        "Set OTEL_EXPORTER_OTLP_CERTIFICATE to the certificate's file (PEM).",
    ),
    _entry(
        "tls_unknown_authority",
        "problem",
        "the server's certificate is from an unknown authority",
        "It was issued by a private authority, the server does not send the intermediate certificate, or "
        "OTEL_EXPORTER_OTLP_CERTIFICATE names another authority.",
        "Set OTEL_EXPORTER_OTLP_CERTIFICATE to the authority's file (PEM).",
    ),
    _entry(
        "tls_bundle_wins",
        "problem",
        "OTEL_EXPORTER_OTLP_CERTIFICATE is overridden",
        "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is set: the OTLP/HTTP exporter's HTTP library (requests) then trusts "
        "that file instead, and the server's authority is not in it.",
        "Unset the variable for this program, add the authority to that file, or use gRPC.",
    ),
    _entry(
        "tls_expired",
        "problem",
        "the server's certificate has expired, or is not valid yet",
        "Its dates do not include now, or this machine's clock is wrong.",
        "Renew the certificate; check the clock.",
    ),
    _entry(
        "tls_wrong_host",
        "problem",
        "the server's certificate is for another host",
        "The endpoint's host is not among the certificate's names.",
        "Use a name that the certificate has, or have it issued for this one.",
    ),
    _entry(
        "tls_client_certificate",
        "problem",
        "the server wants a client certificate",
        "It asks for mutual TLS and did not accept what it got.",
        "Set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY; "
        "gRPC reads them only beside OTEL_EXPORTER_OTLP_CERTIFICATE.",
    ),
    _entry(
        "tls_file",
        "problem",
        "a certificate file cannot be used",
        "OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE or _CLIENT_KEY names a file that is missing or not PEM.",
        "Correct the path; certificates and keys are PEM files.",
    ),
    _entry(
        "tls_failed",
        "problem",
        "TLS fails",
        "Client and server found no common ground; the detail has OpenSSL's reason.",
        "Check the server's TLS settings.",
    ),
)

EXPORT: Final = (
    _entry(
        "export_accepted",
        "ok",
        "a probe is accepted",
        "One span, one metric and one log record named beastmode.doctor were exported and taken.",
    ),
    _entry(
        "export_unauthorized",
        "problem",
        "the backend does not know who is sending",
        "401 or UNAUTHENTICATED: credentials are missing or wrong.",
        "Set OTEL_EXPORTER_OTLP_HEADERS as the backend says, such as Authorization=Basic%20… (spaces as %20).",
    ),
    _entry(
        "export_forbidden",
        "problem",
        "the backend knows the sender and refuses",
        "403 or PERMISSION_DENIED: the token may not write this signal, or belongs to another tenant or region.",
        "Give the token write rights for traces, metrics and logs; check the endpoint's region.",
    ),
    _entry(
        "export_no_such_path",
        "problem",
        "the server has no OTLP at that path",
        "404, 405, 415 or UNIMPLEMENTED: OTLP is not there, or not for this signal. A signal's own endpoint variable "
        "is used as it stands; only OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces, /v1/metrics or /v1/logs appended.",
        "Correct the path; in a signal's own variable write it in full.",
    ),
    _entry(
        "export_temporality",
        "problem",
        "the backend refuses delta metrics",
        "Metrics were refused, and OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is not cumulative.",
        "Unset OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE.",
    ),
    _entry(
        "export_busy",
        "problem",
        "the backend takes nothing right now",
        "429, 502, 503, 504, UNAVAILABLE or RESOURCE_EXHAUSTED: a limit, an overload, or a dead backend behind it.",
        "Look at the Collector's own log and queue; raise the limit at the backend.",
    ),
    _entry(
        "export_rejected",
        "problem",
        "a probe is rejected",
        "The server answered with another error; the detail has its words.",
        "Look into the server's log.",
    ),
    _entry(
        "export_timeout",
        "problem",
        "a probe is not answered in time",
        "The server took the connection, but did not answer.",
        "Look at the server's load and log.",
    ),
)

PROCESS: Final = (
    _entry(
        "sdk_not_set_up",
        "problem",
        "no OpenTelemetry SDK is set up in the process",
        "Neither configure() nor anything else has set providers: what is recorded goes nowhere. Under "
        "`opentelemetry-instrument` this means that no distro is installed.",
        "Call beastmode_otel.configure() early, or start with `beastmode-otel run` (extra: beastmode-otel[auto]).",
    ),
    _entry(
        "sdk_set_up",
        "ok",
        "an OpenTelemetry SDK is set up in the process",
        "By configure(), or by somebody else, whose providers are then used.",
    ),
    _entry(
        "export_failing",
        "warning",
        "exports of the process have failed",
        "Failed batches of spans and logs are lost; metrics are made good by the next export. "
        "A problem when the last export failed.",
        "See the findings about the endpoint; put a Collector with a queue beside the application.",
    ),
    _entry(
        "telemetry_dropped",
        "warning",
        "telemetry was dropped before it was recorded",
        "beastmode.telemetry.dropped counts it: an observer failed, or a background queue was full.",
        "Look for warnings of the logger beastmode_otel.",
    ),
    _entry(
        "cardinality_overflow",
        "warning",
        "a metric has more label sets than the SDK keeps",
        "Beyond 2,000 sets everything lands in one point with otel.metric.overflow=true.",
        "Find the label with unbounded values and drop it; with our own metrics, tell us.",
    ),
    _entry(
        "labels_folded",
        "warning",
        "names beyond a bound are counted as _OTHER",
        "More models, deployments or label values were seen than the configuration's bounds allow.",
        "Raise the bound in the configuration, or look for callers that invent model names.",
    ),
    _entry(
        "fork_after_recording",
        "problem",
        "the process was forked after it had recorded",
        "Metrics of a provider that configure() did not make are exported again by each child: sums count them twice. "
        "A warning in the parent.",
        "Set up the SDK in each worker, after the fork: see docs/servers.md.",
    ),
    _entry(
        "native_doubled",
        "warning",
        "an SDK traces itself, too",
        "Our span of a call was inside one that the SDK made: two GenAI spans for each call. anthropic does so by "
        "itself once there is a tracer provider; mistralai when MISTRAL_SDK_TELEMETRY or its `telemetry` argument "
        "asks for it, and its span holds prompts and answers.",
        "Set ANTHROPIC_OPEN_TELEMETRY=false before the client is made; unset MISTRAL_SDK_TELEMETRY: docs/others.md.",
    ),
    _entry(
        "instrumentation_doubled",
        "warning",
        "another instrumentation makes spans for the same calls",
        "OpenLLMetry or OpenInference is on beside our hook or transport. They know nothing of util-genai's context, "
        "by which instrumentations agree on one span: spans, and with OpenLLMetry the gen_ai.* metrics, come twice.",
        "Keep one: OTEL_PYTHON_DISABLED_INSTRUMENTATIONS takes entry points (openai, anthropic, …, or beastmode).",
    ),
    _entry(
        "genai_shared",
        "info",
        "another instrumentation makes the GenAI spans, ours are below",
        "One on opentelemetry-util-genai (opentelemetry-instrumentation-genai-…) was seen round our calls. It makes "
        "the GenAI span and metrics; each attempt is our span `attempt …` below, and what we know is told to it.",
        "Nothing to do; to have ours only, see docs/others.md.",
    ),
    _entry(
        "library_unseen",
        "info",
        "a library is loaded whose LLM calls cannot be seen",
        "It does not use httpx: botocore (Bedrock), aiohttp, gRPC (Vertex AI), websockets (realtime), requests.",
        "Route these calls through ModelRouter, or add that library's own OpenTelemetry instrumentation.",
    ),
    _entry(
        "no_report",
        "warning",
        "the command did not report from inside",
        "No process of the command imported beastmode_otel, or it was killed within its first second.",
        "Import beastmode_otel in the program, or start it with `beastmode-otel run`.",
    ),
    _entry(
        "command_failed",
        "warning",
        "the command failed",
        "It ended with an exit status other than 0, or by a signal. The doctor exits with the same status.",
        "See its own output.",
    ),
)

SHARED_TIER: Final = (
    _entry(
        "l2_answers",
        "ok",
        "L2 answers",
        "The Redis or Valkey of cache.l2 was asked, with the login that the configuration has.",
    ),
    _entry(
        "l2_unreachable",
        "warning",
        "L2 cannot be used",
        "No connection, no answer in time, or a login that is refused. Requests work, from the other tiers and "
        "upstream; nothing is shared, and no invalidation reaches other processes.",
        "Do what the reason says; try the same URL with redis-cli from this machine.",
    ),
    _entry(
        "l2_unexamined",
        "info",
        "L2 does not say what it is",
        "Its user may not run INFO, so that version, memory limit and eviction policy are not known here.",
        "Ask somebody who may, or allow +info for this user.",
    ),
    _entry(
        "l2_old",
        "warning",
        "L2 is older than what the cache needs",
        "Before Redis 6.2 some commands are missing: what is written cannot be counted or purged.",
        "Use Redis 6.2 or later, or Valkey.",
    ),
    _entry(
        "l2_read_only",
        "problem",
        "L2 is a read-only replica",
        "Reads work; nothing that this process pays for is ever stored there.",
        "Let cache.l2.url name the primary, or use redis+sentinel://, which finds it.",
    ),
    _entry(
        "l2_unbounded",
        "warning",
        "L2 has no memory limit",
        "maxmemory is 0: it grows until the machine has no more, and is then killed with everything in it.",
        "Set maxmemory, and maxmemory-policy allkeys-lru (volatile-lru beside data that must stay).",
    ),
    _entry(
        "l2_noeviction",
        "warning",
        "L2 refuses writes when it is full",
        "maxmemory-policy is noeviction. Old answers stay until they expire, new ones are not stored.",
        "Set maxmemory-policy to allkeys-lru, or volatile-lru beside data that must stay.",
    ),
    _entry(
        "l2_clock",
        "warning",
        "the clocks of this machine and of L2 differ",
        "Entries carry the time of the machine that wrote them. What seems to come from more than 60 s in the future "
        "is a miss; ages and expiries are off by the difference.",
        "Run NTP on this machine and on the server.",
    ),
    _entry(
        "l2_unsigned",
        "info",
        "entries in L2 are not signed",
        "Whoever can write to that server can put any answer there; a checksum finds accidents only.",
        'Set secret = { env = "BEASTMODE_SECRET" } in [cache], the same for all processes that share it.',
    ),
)

DATABASE_TIER: Final = (
    _entry(
        "l3_answers",
        "ok",
        "L3 answers",
        "The Postgres of cache.l3 was asked, with the login that the configuration has.",
    ),
    _entry(
        "l3_unusable",
        "problem",
        "L3 in Postgres cannot be used here",
        "psycopg is not installed, or the URL has an option that libpq does not know. The router does not start so.",
        "pip install 'beastmode-otel[postgres]', or do what the reason says.",
    ),
    _entry(
        "l3_unreachable",
        "warning",
        "L3 cannot be reached",
        "No connection, no answer in time (cache.l3.hard), or a login that is refused. Requests work, from the other "
        "tiers and upstream; nothing lasts longer than they do.",
        "Do what the reason says; try the same URL with psql from this machine.",
    ),
    _entry(
        "l3_old",
        "warning",
        "L3 is older than what the cache needs",
        "Purging needs Postgres 12 or later.",
        "Use a Postgres that is still maintained.",
    ),
    _entry(
        "l3_read_only",
        "problem",
        "L3 is read-only",
        "It is a standby, or its transactions are read-only. Reads work; nothing is ever stored there.",
        "Let cache.l3.url name the primary, or several hosts and target_session_attrs=read-write.",
    ),
    _entry(
        "l3_schema",
        "problem",
        "the schema of L3 is not this release's",
        "There is none, an older or a newer one, or one that was made with other SQL. The tier is not used; no request "
        "ever changes a schema.",
        "As the role that owns it: beastmode-otel cache migrate (--dry-run shows the SQL). A newer one: upgrade.",
    ),
    _entry(
        "l3_not_admitted",
        "problem",
        "the login role may not use L3",
        "It has no rights on the schema beastmode, or is admitted to no tenant: it would read and write nothing.",
        "As the owner of the schema: select beastmode.admit('ROLE'); with tenants' names after it, to those only.",
    ),
    _entry(
        "l3_unguarded",
        "problem",
        "the rows of L3 are under no policy",
        "Row-level security is switched off, or not forced, on one of its tables. Each statement names its tenant, and "
        "nothing but that keeps tenants apart.",
        "alter table beastmode.llm_cache enable row level security, force row level security; llm_lease likewise.",
    ),
    _entry(
        "l3_role_exempt",
        "warning",
        "the policies of L3 do not hold for the login role",
        "A superuser, a role with BYPASSRLS (Supabase's postgres and service_role) or the owner can see and change the "
        "rows of all tenants. Each statement names its tenant, and nothing but that keeps tenants apart.",
        "Log in as a role of its own: create role … login; select beastmode.admit('…').",
    ),
    _entry(
        "l3_scope_large",
        "info",
        "L3 holds more of a scope than semantic matching reads",
        "A process compares a question with the newest 2,000 entries that share its system prompt, model and "
        "parameters. Those beyond are found by their own key only.",
        "Where the server has pgvector: beastmode-otel cache migrate --pgvector, as the role that owns the schema.",
    ),
    _entry(
        "l3_clock",
        "warning",
        "the clocks of this machine and of L3 differ",
        "Entries carry the time of the machine that wrote them; leases go by the server's. What seems to come from "
        "more than 60 s in the future is a miss.",
        "Run NTP on this machine and on the server.",
    ),
    _entry(
        "l3_unsigned",
        "info",
        "entries in L3 are not signed",
        "Whoever can write to that database can put any answer there; a checksum finds accidents only.",
        'Set secret = { env = "BEASTMODE_SECRET" } in [cache], the same for all processes that share it.',
    ),
)

FILE_TIER: Final = (
    _entry(
        "l3_file_unusable",
        "problem",
        "the file of L3 cannot be used",
        "It is another application's, of a newer release, no file at all, or its folder may not be written to. It is "
        "left as it is: the cache works without L3, and says so once in the log; beastmode.cache.tier.state is 2.",
        "Do what the reason says, or let cache.l3.url (BEASTMODE_L3_URL) name another path.",
    ),
    _entry(
        "l3_file_damaged",
        "warning",
        "the file of L3 is damaged",
        "It is cut or corrupt, or a table, a column or an index is gone. The next process that writes makes it again, "
        "or sets the file aside as NAME.corrupt-TIME and begins a new one, and says so once in the log.",
        "Nothing, if the program runs: look again after its next request. Find out who did it to the file.",
    ),
    _entry(
        "l3_file_open",
        "problem",
        "others may write to the file of L3, and entries are not signed",
        "Another user owns it, or every user may write to it or to its folder. Whoever can write there can put any "
        "answer there. A file that the configuration names stops the router; the one of the default is not used.",
        "Set cache.secret (BEASTMODE_SECRET), or chown and chmod go-w the file and its folder.",
    ),
    _entry(
        "l3_file_aside",
        "info",
        "a file of L3 was found corrupt, and set aside",
        "A disk that fails, a copy of the file while it was in use, or a network file system. Three are kept.",
        "Look at the disk, and remove the files when nobody needs them.",
    ),
)

GROUPS: Final = {
    "Settings": SETTINGS,
    "Endpoint": ENDPOINT,
    "TLS": TLS,
    "A real export": EXPORT,
    "Inside the process": PROCESS,
    "The shared tier": SHARED_TIER,
    "L3 in Postgres": DATABASE_TIER,
    "L3 in a file": FILE_TIER,
}
CATALOG: Final = {entry.code: entry for group in GROUPS.values() for entry in group}


def found(code: str, detail: str, *, severity: Severity | None = None, hint: str | None = None) -> Finding:
    """A finding of the table."""
    entry = CATALOG[code]
    return Finding(
        code=code,
        severity=severity or entry.severity,
        title=entry.title,
        detail=detail,
        hint=entry.cure if hint is None else hint,
    )
