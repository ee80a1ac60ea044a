"""The metrics of Google's services that are known here, and the labels of what they are of.

Sources: "Google Cloud metrics" (kind, type of the value, labels of each metric; the page of its service stands beside
it) and "Monitored resource types" (labels of the resources), "Monitor transfer jobs" (Storage Transfer Service).
A metric that is not here is refused: add it, with its page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

LIST = "https://cloud.google.com/monitoring/api/metrics_gcp"
RESOURCES = "https://cloud.google.com/monitoring/api/resources"
Kind = Literal["GAUGE", "DELTA"]
ValueType = Literal["BOOL", "INT64", "DOUBLE", "DISTRIBUTION"]
NUMBERS: frozenset[ValueType] = frozenset({"INT64", "DOUBLE"})


class MetricFacts(NamedTuple):
    """A metric: its kind, what its values are, the type of resource that it is of, its own labels, its page."""

    kind: Kind
    value: ValueType
    resource: str
    labels: frozenset[str]
    page: str


def _list_of(page: str, resource: str, *metrics: tuple[str, Kind, ValueType, str]) -> dict[str, MetricFacts]:
    return {
        name: MetricFacts(kind, value, resource, frozenset(labels.split()), page)
        for name, kind, value, labels in metrics
    }


_BALANCER = "loadbalancing.googleapis.com/https"
_OF_A_REQUEST = "cache_result client_country protocol proxy_continent response_code response_code_class"
_SQL = "cloudsql.googleapis.com/database"
_NAT = "router.googleapis.com/nat"
KNOWN_METRICS: Mapping[str, MetricFacts] = {
    **_list_of(
        f"{LIST}_i_o",
        "https_lb_rule",
        (f"{_BALANCER}/request_count", "DELTA", "INT64", _OF_A_REQUEST),
        (f"{_BALANCER}/total_latencies", "DELTA", "DISTRIBUTION", _OF_A_REQUEST),
        (f"{_BALANCER}/backend_latencies", "DELTA", "DISTRIBUTION", _OF_A_REQUEST),
    ),
    **_list_of(
        f"{LIST}_p_z",
        "cloud_run_revision",
        ("run.googleapis.com/request_count", "DELTA", "INT64", "response_code response_code_class route"),
        (
            "run.googleapis.com/request_latencies",
            "DELTA",
            "DISTRIBUTION",
            "response_code response_code_class route",
        ),
        ("run.googleapis.com/container/instance_count", "GAUGE", "INT64", "state"),
    ),
    **_list_of(
        f"{LIST}_p_z",
        "cloud_run_job",
        ("run.googleapis.com/job/completed_execution_count", "DELTA", "INT64", "result"),
    ),
    **_list_of(
        f"{LIST}_c",
        "cloudsql_database",
        (f"{_SQL}/up", "GAUGE", "INT64", ""),
        (f"{_SQL}/cpu/utilization", "GAUGE", "DOUBLE", ""),
        (f"{_SQL}/memory/utilization", "GAUGE", "DOUBLE", ""),
        (f"{_SQL}/disk/utilization", "GAUGE", "DOUBLE", ""),
        (f"{_SQL}/postgresql/num_backends", "GAUGE", "INT64", "database"),
        (f"{_SQL}/replication/replica_lag", "GAUGE", "DOUBLE", ""),
    ),
    **_list_of(
        f"{LIST}_p_z",
        "nat_gateway",
        (f"{_NAT}/nat_allocation_failed", "GAUGE", "BOOL", ""),
        (f"{_NAT}/port_usage", "GAUGE", "INT64", "ip_protocol"),
        (f"{_NAT}/dropped_sent_packets_count", "DELTA", "INT64", "ip_protocol reason"),
    ),
    **_list_of(
        f"{LIST}_i_o",
        "logging_sink",
        ("logging.googleapis.com/exports/log_entry_count", "DELTA", "INT64", ""),
        ("logging.googleapis.com/exports/error_count", "DELTA", "INT64", ""),
    ),
    **_list_of(
        "https://cloud.google.com/storage-transfer/docs/monitor-transfer-jobs",
        "storage_transfer_job",
        ("storagetransfer.googleapis.com/transferjob/copied_objects_count", "DELTA", "INT64", "status"),
        ("storagetransfer.googleapis.com/transferjob/error_count", "DELTA", "INT64", "code"),
    ),
}
"""By the metric's type."""
_OF_A_BACKEND = "backend_name backend_scope backend_scope_type backend_target_name backend_target_type backend_type"
RESOURCE_LABELS: Mapping[str, frozenset[str]] = {
    name: frozenset(labels.split())
    for name, labels in {
        "https_lb_rule": f"{_OF_A_BACKEND} forwarding_rule_name matched_url_path_rule project_id region "
        "target_proxy_name url_map_name",
        "cloud_run_revision": "configuration_name location project_id revision_name service_name",
        "cloud_run_job": "job_name location project_id",
        "cloudsql_database": "database_id project_id region",
        "nat_gateway": "gateway_name project_id region router_id",
        "logging_sink": "destination name project_id",
        "storage_transfer_job": "job_id location project_id",
    }.items()
}
"""Labels of each type of resource."""
