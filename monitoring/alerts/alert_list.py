"""Every alert: what fires it, for how long, how urgent it is, and whose it is.

An alert about the whole (telemetry stopped, a region is lost, a school is cut off) stands beside those about its parts,
and fires no later than they: Alertmanager (`monitoring/chain/alertmanager.yml`) then tells of the whole alone.
A school below the recommendation is no alert: that is a matter of the contract and of months, and belongs in
`tsunagu report bandwidth`; `city:tsunagu_schools_below_recommendation:count` counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from controller.telemetry.naming import OVERFLOW, prometheus_label
from controller.telemetry.registry import (
    CERTIFICATE,
    CERTIFICATE_NOT_AFTER,
    DAY,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    DNS_UP,
    FOREIGN,
    HTTP_UP,
    LINE,
    LINE_FLAPPING,
    LINE_SLOW,
    LINE_UP,
    METRICS,
    MONITOR_PAGE_FAULT,
    MONITOR_REFUSED,
    MONITOR_STORE_FAULT,
    PATH_UP,
    REASON,
    REGION,
    ROLLOUT_LOST,
    SCHOOL,
    SIGNAL,
    TELEMETRY_DROPPED,
)
from monitoring.alerts.recordings import HEARD, REACHED, name_kept
from monitoring.city_state.certificate_ends import CRITICAL_SECONDS, ENDING_SECONDS
from monitoring.city_state.school_facts import SILENT_SECONDS

MONITOR_JOB, COLLECTOR_JOB = "tsunagu-monitor", "tsunagu-collector"
"""The names of the two jobs in `monitoring/chain/prometheus.yml`; what is not scraped there is not missed."""
SEVERAL = 3
"""From so many on, and of more than half, something common is the cause."""

Team = Literal["network", "operations", "monitoring"]
_SERVICES = {"dns": DNS_UP, "http": HTTP_UP}
_OF_SCHOOL, _OF_LINE = (SCHOOL.name,), (SCHOOL.name, LINE.name)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `key` finds its words and its runbook; `labels` are those of its series that the words use.

    It fires when `expression` has held for `seconds`; ended, it stays for `hold` seconds more, so that what comes and
    goes is told once. `page` is where the monitor shows it.
    """

    name: str
    key: str
    expression: str
    seconds: int
    severity: Literal["critical", "warning"]
    team: Team
    labels: tuple[str, ...] = ()
    hold: int = 0
    page: str = "/"

    @property
    def full_name(self) -> str:
        """Its name at Prometheus and Alertmanager."""
        return f"Tsunagu{self.name}"


def list_alerts(silent: int = SILENT_SECONDS) -> tuple[Alert, ...]:
    """Every alert, the wholes first; a school is silent when nothing was heard of it for so many seconds."""
    return (*_list_wholes(silent), *_list_lines(), *_list_devices(), *_list_certificates(), *_list_telemetry(silent))


def _list_wholes(silent: int) -> tuple[Alert, ...]:
    line_up, path_up = name_kept(LINE_UP), name_kept(PATH_UP)
    dark = f"count(time() - {HEARD} > {silent})"
    lines_down = f"count by (line) ({line_up} == 0)"
    regions = f"max by (school, {REGION.name}) ({path_up})"
    lost = f"count by ({REGION.name}) ({regions} == 0)"
    return (
        Alert(
            "TelemetryStopped",
            "telemetry-stopped",
            f"{dark} / count({HEARD}) > 0.5 or absent({HEARD})",
            60,
            "critical",
            "monitoring",
        ),
        Alert(
            "CityCutOff",
            "city-cut-off",
            _common(f"count({REACHED} == 0)", f"count({REACHED})"),
            10,
            "critical",
            "network",
            hold=60,
        ),
        Alert(
            "RegionLost",
            "region-lost",
            _common(lost, f"count by ({REGION.name}) ({regions})"),
            10,
            "critical",
            "network",
            (REGION.name,),
            hold=60,
        ),
        Alert(
            "LinesDownTogether",
            "lines-down-together",
            _common(lines_down, f"count by (line) ({line_up})"),
            10,
            "critical",
            "network",
            (LINE.name,),
            hold=60,
        ),
        *_list_service_wholes(),
    )


def _list_service_wholes() -> Iterator[Alert]:
    for service, metric in _SERVICES.items():
        failing, all_ = (f"count(count by (school) ({name_kept(metric)}{which}))" for which in (" == 0", ""))
        name = f"{service.title()}Lost"
        yield Alert(name, f"{service}-lost", _common(failing, all_), 10, "critical", "network", hold=60)


def _common(some: str, all_: str) -> str:
    """Several, and more than half of all."""
    return f"{some} >= {SEVERAL} and {some} / {all_} > 0.5"


def _list_lines() -> tuple[Alert, ...]:
    # How often a line must fail before it is down, and what is flapping or slow, is decided where it is measured.
    school = "/schools/{{ $labels.school }}"
    path = tuple(attribute.name for attribute in PATH_UP.attributes)
    return (
        Alert(
            "SchoolCutOff", "school-cut-off", f"{REACHED} == 0", 15, "critical", "network", _OF_SCHOOL, 120, page=school
        ),
        Alert(
            "LineFlapping",
            "line-flapping",
            f"{name_kept(LINE_FLAPPING)} == 1",
            15,
            "warning",
            "network",
            _OF_LINE,
            300,
            page=school,
        ),
        Alert(
            "LineDown", "line-down", f"{name_kept(LINE_UP)} == 0", 30, "warning", "network", _OF_LINE, 120, page=school
        ),
        Alert("PathDown", "path-down", f"{name_kept(PATH_UP)} == 0", 60, "warning", "network", path, 120, page=school),
        *(
            Alert(
                f"{service.title()}Down",
                f"{service}-down",
                f"count by (school) ({name_kept(metric)} == 0)",
                60,
                "warning",
                "network",
                _OF_SCHOOL,
                120,
                page=school,
            )
            for service, metric in _SERVICES.items()
        ),
        Alert(
            "LineSlow",
            "line-slow",
            f"{name_kept(LINE_SLOW)} == 1",
            300,
            "warning",
            "network",
            _OF_LINE,
            600,
            page=school,
        ),
    )


def _list_devices() -> tuple[Alert, ...]:
    school = "/schools/{{ $labels.school }}"
    unconfirmed, drift = name_kept(DEVICE_UNCONFIRMED), name_kept(DEVICE_DRIFT)
    return (
        Alert(
            "DeviceUnconfirmed",
            "device-unconfirmed",
            f"{unconfirmed} > 0",
            0,
            "critical",
            "operations",
            _OF_SCHOOL,
            page=school,
        ),
        Alert("DriftFound", "drift-found", f"{drift} > 0", 60, "warning", "operations", _OF_SCHOOL, page=school),
        # How long a rollout may be silent is decided by the monitor.
        Alert(
            "RolloutLost",
            "rollout-lost",
            f"{name_kept(ROLLOUT_LOST)} > 0",
            0,
            "critical",
            "operations",
            page="/rollout",
        ),
    )


def _list_certificates() -> Iterator[Alert]:
    """In how many days a certificate ends; below 0 it has ended."""
    left = f"({name_kept(CERTIFICATE_NOT_AFTER)} - time()) / {DAY}"
    shown = (CERTIFICATE.name,)
    ending, critical = (f"{left} <= {seconds // DAY}" for seconds in (ENDING_SECONDS, CRITICAL_SECONDS))
    yield Alert("CertificateEnding", "certificate-ending", ending, 60, "warning", "operations", shown)
    yield Alert("CertificateCritical", "certificate-ending", critical, 60, "critical", "operations", shown)


def _list_telemetry(silent: int) -> tuple[Alert, ...]:
    ours = f'{{__name__=~"{_common_prefix()}.+", {prometheus_label(OVERFLOW)}="true"}}'
    named = f'label_replace({ours}, "metric", "$1", "__name__", "(.+)")'
    up, served = f'up{{job="{MONITOR_JOB}"}}', f'{MONITOR_REFUSED.prometheus}{{job="{MONITOR_JOB}"}}'
    # What other systems send through the same collector is left out and told back, and is no fault of anybody.
    refused = f'{MONITOR_REFUSED.prometheus}{{{REASON.name}!="{FOREIGN}"}}'
    return (
        Alert(
            "CollectorAbsent",
            "collector-absent",
            f'max(up{{job="{COLLECTOR_JOB}"}}) == 0',
            30,
            "critical",
            "monitoring",
        ),
        Alert(
            "MonitorAbsent",
            "monitor-absent",
            f"max({up}) == 0 or max({up} unless on (instance) {served}) == 1",
            60,
            "critical",
            "monitoring",
        ),
        Alert(
            "StoreFault",
            "store-fault",
            f"{name_kept(MONITOR_STORE_FAULT)} > 0",
            60,
            "critical",
            "monitoring",
        ),
        Alert("PageFault", "page-fault", f"{name_kept(MONITOR_PAGE_FAULT)} > 0", 60, "critical", "monitoring"),
        Alert(
            "ProbeSilent",
            "probe-silent",
            f"time() - {HEARD} > {silent}",
            120,
            "warning",
            "monitoring",
            _OF_SCHOOL,
            page="/schools/{{ $labels.school }}",
        ),
        Alert(
            "AttributeOverflow",
            "attribute-overflow",
            f"count by (metric) ({named}) > 0",
            0,
            "warning",
            "monitoring",
            ("metric",),
        ),
        Alert(
            "TelemetryDropped",
            "telemetry-dropped",
            f"sum by ({SIGNAL.name}) (increase({TELEMETRY_DROPPED.prometheus}[10m])) > 0",
            0,
            "warning",
            "monitoring",
            (SIGNAL.name,),
        ),
        Alert(
            "RequestRefused",
            "request-refused",
            f"sum by ({SIGNAL.name}, {REASON.name}) (increase({refused}[10m])) > 0",
            0,
            "warning",
            "monitoring",
            (SIGNAL.name, REASON.name),
        ),
    )


def _common_prefix() -> str:
    """What every name begins with."""
    [prefix] = {metric.prometheus.split("_")[0] for metric in METRICS.values()}
    return f"{prefix}_"
