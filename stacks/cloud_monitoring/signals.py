"""The registry: every signal of Google's services that is watched, and every alert that looks at one.

Dashboards and alert policies are made from it and from `controller/messages/cloud_monitoring.yaml`. Names and labels of
metrics are those of "Google Cloud metrics"; `controller/offline_google/schema/metrics` knows them from there, too, and
refuses others. The city's own metrics (lines, devices) are not among them: nothing here sends them to Google.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PartKind = Literal[
    "balancer",
    "services",
    "database",
    "replica",
    "backups",
    "vault",
    "restore-test",
    "restore-test-start",
    "copies",
    "gateways",
    "sinks",
    "certificates",
]
"""What a stack may consist of, as far as it is watched. What a stack does not declare has no chart and no alert."""
Severity = Literal["CRITICAL", "ERROR", "WARNING"]


@dataclass(frozen=True, slots=True)
class Query:
    """Series of one metric: which (`where`, as in a filter), aligned over so many seconds, put together `by` labels.

    `named_by` is the label that holds the name of a part; without it the series are not told apart by parts.
    """

    metric: str
    resource: str
    aligner: str
    reducer: str = ""
    by: tuple[str, ...] = ()
    where: str = ""
    named_by: str = ""
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class Signal:
    """Something to look at: a query, or its share of another one. `key` finds its words; `unit` is Google's."""

    key: str
    kind: PartKind
    query: Query
    of: Query | None = None
    unit: str = "1"


@dataclass(frozen=True, slots=True)
class Condition:
    """A signal that is too high or too low for so many minutes. `of_limit`: a share of what the part can bear."""

    signal: Signal
    minutes: int
    above: float | None = None
    below: float | None = None
    of_limit: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert: conditions that all hold (`together`) or of which one does; or a filter of logs, with `{names}`.

    `key` finds its words and its place in the runbook.
    """

    key: str
    kind: PartKind
    severity: Severity
    conditions: tuple[Condition, ...] = ()
    together: bool = False
    log_filter: str = ""


_FIVE_MINUTES = 300
_BACKEND = "resource.label.backend_target_name"
_SERVICE = "resource.label.service_name"
_DATABASE = "resource.label.database_id"


def _count(metric: str, resource: str, by: tuple[str, ...], where: str = "", named_by: str = "") -> Query:
    return Query(metric, resource, "ALIGN_DELTA", "REDUCE_SUM", by, where, named_by, _FIVE_MINUTES)


def _count_requests(where: str = "") -> Query:
    return _count("loadbalancing.googleapis.com/https/request_count", "https_lb_rule", (_BACKEND,), where)


def _count_answers(where: str = "") -> Query:
    by = (_SERVICE, "resource.label.location")
    return _count("run.googleapis.com/request_count", "cloud_run_revision", by, where, "service_name")


def _count_failures(metric: str, resource: str, label: str, where: str = "") -> Query:
    return _count(metric, resource, (f"resource.label.{label}",), where, label)


def _ask_database(metric: str, aligner: str, reducer: str = "") -> Query:
    full = f"cloudsql.googleapis.com/database/{metric}"
    return Query(full, "cloudsql_database", aligner, reducer, (_DATABASE,) if reducer else (), "", "database_id")


_FAILED, _FAILED_HERE = "metric.labels.response_code_class = 500", 'metric.labels.response_code_class = "5xx"'
REQUESTS = Signal("balancer-requests", "balancer", _count_requests())
REQUEST_ERRORS = Signal("balancer-errors", "balancer", _count_requests(_FAILED))
REQUEST_ERROR_SHARE = Signal(
    "balancer-error-share", "balancer", _count_requests(_FAILED), _count_requests(), unit="10^2.%"
)
LATENCY = Signal(
    "balancer-latency",
    "balancer",
    Query(
        "loadbalancing.googleapis.com/https/backend_latencies",
        "https_lb_rule",
        "ALIGN_DELTA",
        "REDUCE_PERCENTILE_95",
        (_BACKEND,),
        seconds=_FIVE_MINUTES,
    ),
    unit="ms",
)
SERVICE_ERRORS = Signal("service-errors", "services", _count_answers(_FAILED_HERE))
SERVICE_ERROR_SHARE = Signal(
    "service-error-share", "services", _count_answers(_FAILED_HERE), _count_answers(), unit="10^2.%"
)
INSTANCES = Signal(
    "service-instances",
    "services",
    Query(
        "run.googleapis.com/container/instance_count",
        "cloud_run_revision",
        "ALIGN_MAX",
        "REDUCE_SUM",
        (_SERVICE,),
        named_by="service_name",
    ),
)
DATABASE_UP = Signal("database-up", "database", _ask_database("up", "ALIGN_MAX"))
PROCESSOR = Signal("database-processor", "database", _ask_database("cpu/utilization", "ALIGN_MEAN"), unit="10^2.%")
DISK = Signal("database-disk", "database", _ask_database("disk/utilization", "ALIGN_MEAN"), unit="10^2.%")
CONNECTIONS = Signal(
    "database-connections", "database", _ask_database("postgresql/num_backends", "ALIGN_MAX", "REDUCE_SUM")
)
LAG = Signal("replica-lag", "replica", _ask_database("replication/replica_lag", "ALIGN_MAX"), unit="s")
RESTORE_TESTS = Signal(
    "restore-tests",
    "restore-test",
    _count_failures(
        "run.googleapis.com/job/completed_execution_count",
        "cloud_run_job",
        "job_name",
        'metric.labels.result = "failed"',
    ),
)
COPIES = Signal(
    "file-copies",
    "copies",
    _count_failures("storagetransfer.googleapis.com/transferjob/error_count", "storage_transfer_job", "job_id"),
)
ALLOCATIONS = Signal(
    "nat-allocations",
    "gateways",
    Query(
        "router.googleapis.com/nat/nat_allocation_failed", "nat_gateway", "ALIGN_COUNT_TRUE", named_by="gateway_name"
    ),
)
DROPPED = Signal(
    "nat-dropped",
    "gateways",
    _count_failures(
        "router.googleapis.com/nat/dropped_sent_packets_count",
        "nat_gateway",
        "gateway_name",
        'metric.labels.reason = "OUT_OF_RESOURCES"',
    ),
)
EXPORT_ERRORS = Signal(
    "log-exports", "sinks", _count_failures("logging.googleapis.com/exports/error_count", "logging_sink", "name")
)
SIGNALS = (
    *(REQUESTS, REQUEST_ERRORS, REQUEST_ERROR_SHARE, LATENCY, SERVICE_ERRORS, SERVICE_ERROR_SHARE, INSTANCES),
    *(DATABASE_UP, PROCESSOR, DISK, CONNECTIONS, LAG, RESTORE_TESTS, COPIES, ALLOCATIONS, DROPPED, EXPORT_ERRORS),
)
"""In the dashboards' reading order."""

ALERTS = (
    # A single error at night is a large share of few requests: it is to be many as well.
    Alert(
        "balancer-errors",
        "balancer",
        "CRITICAL",
        (Condition(REQUEST_ERROR_SHARE, 5, above=0.05), Condition(REQUEST_ERRORS, 5, above=20)),
        together=True,
    ),
    Alert("balancer-latency", "balancer", "WARNING", (Condition(LATENCY, 10, above=3_000),)),
    Alert(
        "service-errors",
        "services",
        "ERROR",
        (Condition(SERVICE_ERROR_SHARE, 5, above=0.05), Condition(SERVICE_ERRORS, 5, above=20)),
        together=True,
    ),
    Alert("service-instances", "services", "WARNING", (Condition(INSTANCES, 10, above=0.9, of_limit=True),)),
    Alert("database-down", "database", "CRITICAL", (Condition(DATABASE_UP, 5, below=1),)),
    Alert("database-processor", "database", "WARNING", (Condition(PROCESSOR, 15, above=0.9),)),
    Alert("database-disk", "database", "ERROR", (Condition(DISK, 15, above=0.9),)),
    Alert("database-connections", "database", "ERROR", (Condition(CONNECTIONS, 5, above=0.8, of_limit=True),)),
    Alert("replica-lag", "replica", "ERROR", (Condition(LAG, 10, above=60),)),
    # "View audit logs for automated backups": an attempt that fails is tried again within the window.
    Alert(
        "backup-failed",
        "backups",
        "ERROR",
        log_filter='log_id("cloudaudit.googleapis.com/system_event") AND resource.type="cloudsql_database" AND '
        'protoPayload.methodName="cloudsql.instances.automatedBackup" AND '
        'protoPayload.metadata.windowStatus="STATUS_FAILED" AND resource.labels.database_id=({names})',
    ),
    Alert(
        "vault-backup-failed",
        "vault",
        "ERROR",
        log_filter='log_id("backupdr.googleapis.com/bdr_backup_restore_jobs") AND '
        'jsonPayload.jobCategory=("SCHEDULED_BACKUP" OR "ON_DEMAND_BACKUP") AND '
        'NOT jsonPayload.jobStatus=("SUCCESSFUL" OR "RUNNING")',
    ),
    Alert("restore-test-failed", "restore-test", "ERROR", (Condition(RESTORE_TESTS, 0, above=0),)),
    # Google tells of series that are missing for 23.5 hours at most, so nothing can ask for a test each week. What can
    # be told is that Cloud Scheduler was refused; that somebody has stopped it is a difference that `drift` finds.
    Alert(
        "restore-test-not-started",
        "restore-test-start",
        "ERROR",
        log_filter='log_id("cloudscheduler.googleapis.com/executions") AND resource.type="cloud_scheduler_job" AND '
        "severity>=ERROR AND resource.labels.job_id=({names})",
    ),
    Alert("file-copies-failed", "copies", "ERROR", (Condition(COPIES, 0, above=0),)),
    Alert("nat-ports", "gateways", "ERROR", (Condition(ALLOCATIONS, 5, above=0), Condition(DROPPED, 5, above=0))),
    Alert("audit-sink-failed", "sinks", "CRITICAL", (Condition(EXPORT_ERRORS, 0, above=0),)),
    # "Logs and metrics" of Certificate Manager: daily, from five to ten days before.
    Alert(
        "certificate-expiry",
        "certificates",
        "ERROR",
        log_filter='log_id("certificatemanager.googleapis.com/certificates_expiry") AND '
        'jsonPayload.state=("CLOSE_TO_EXPIRY" OR "EXPIRED")',
    ),
)
