"""Every panel of every dashboard: what it asks Prometheus, and how it shows the answer.

Names of metrics are the registry's, states are the recorded series of `monitoring.alerts.recordings`: a dashboard does
not turn green where measurements stop. What tells processes apart (`instance`, `job`) is taken away everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.telemetry import registry
from controller.telemetry.registry import InstrumentKind, Metric
from monitoring.alerts.recordings import BELOW, HEARD, REACHED, name_kept
from monitoring.city_state.school_facts import SILENT_SECONDS

Kind = Literal["stat", "table", "timeseries", "state-timeline"]
Unit = Literal["short", "bps", "bytes", "s", "percentunit"]
SCHOOL_VARIABLE = "$school"
"""What Grafana puts the chosen school for."""
_WIDE, _HALF, _THIRD, _SIXTH = 24, 12, 8, 4


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus; `legend` names each series by its labels, in Grafana's marks."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. `key` finds its title (`dashboards.KEY` of the catalogue); `width` is of 24.

    A value of at least `bad_from` is red; None: nothing is.
    """

    key: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: Unit = "short"
    width: int = _HALF
    bad_from: float | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard; `by_school`: it shows one school, which a person chooses."""

    key: str
    panels: tuple[Panel, ...]
    by_school: bool = False


def list_dashboards() -> tuple[Dashboard, ...]:
    """Every dashboard, with its panels in reading order."""
    return (
        Dashboard("city", _list_city_panels()),
        Dashboard("school", _list_school_panels(), by_school=True),
        Dashboard("operation", _list_operation_panels()),
    )


def select_school(metric: Metric, name: str = "") -> str:
    """Return a metric of the chosen school, a series for each set of its other attributes.

    >>> select_school(registry.LINE_UP)
    'max by (line) (tsunagu_line_up{school="$school"})'
    """
    others = ", ".join(one.name for one in metric.attributes if one is not registry.SCHOOL)
    series = f'{name or metric.prometheus}{{{registry.SCHOOL.name}="{SCHOOL_VARIABLE}"}}'
    return f"max by ({others}) ({series})" if others else f"max({series})"


def _name_legend(metric: Metric) -> str:
    return " ".join(f"{{{{{one.name}}}}}" for one in metric.attributes if one is not registry.SCHOOL)


def _ask(metric: Metric, name: str = "") -> Query:
    return Query(select_school(metric, name), _name_legend(metric))


def _count(condition: str, known: str) -> Query:
    """How many series hold; 0 where none does of those that are known, and nothing where none is known."""
    return Query(f"count({condition}) or count({known}) * 0")


def _list_city_panels() -> tuple[Panel, ...]:
    line_up, path_up = name_kept(registry.LINE_UP), name_kept(registry.PATH_UP)
    drift, latency = name_kept(registry.DEVICE_DRIFT), registry.LINE_LATENCY.prometheus
    loss, rate = registry.LINE_LOSS.prometheus, registry.BANDWIDTH_MEASURED.prometheus
    recommended = registry.BANDWIDTH_RECOMMENDED.prometheus
    shares = tuple(
        Query(f"quantile({share}, max by (school, line) ({latency}))", f"{share:.0%}") for share in (0.5, 0.95)
    )
    return (
        Panel("cut-off", "stat", (_count(f"{REACHED} == 0", REACHED),), width=_SIXTH, bad_from=1),
        Panel("lines-down", "stat", (_count(f"{line_up} == 0", line_up),), width=_SIXTH, bad_from=1),
        Panel("silent", "stat", (_count(f"time() - {HEARD} > {SILENT_SECONDS}", HEARD),), width=_SIXTH, bad_from=1),
        Panel("slow-or-flapping", "stat", (_count_unwell(),), width=_SIXTH, bad_from=1),
        Panel("below", "stat", (Query(f"max({BELOW})"),), width=_SIXTH),
        Panel("drifted", "stat", (Query(f"sum({drift})"),), width=_SIXTH, bad_from=1),
        Panel("down-now", "table", (Query(f"{line_up} == 0 or {path_up} == 0"),), width=_HALF),
        Panel("heard-ago", "table", (Query(f"sort_desc(time() - {HEARD})"),), unit="s", width=_HALF),
        Panel("latency-of-lines", "timeseries", shares, unit="s"),
        Panel(
            "worst-loss",
            "timeseries",
            (Query(f"topk(10, max by (school, line) ({loss}))", "{{school}} {{line}}"),),
            unit="percentunit",
        ),
        Panel(
            "fullest-uplinks",
            "timeseries",
            (Query(f"topk(10, max by (school, uplink) ({registry.UPLINK_USED.prometheus}))", "{{school}} {{uplink}}"),),
            unit="percentunit",
            bad_from=0.9,
        ),
        Panel(
            "least-of-recommended",
            "timeseries",
            (Query(f"bottomk(10, max by (school) ({rate}) / max by (school) ({recommended}))", "{{school}}"),),
            unit="percentunit",
            width=_WIDE,
        ),
    )


def _count_unwell() -> Query:
    slow, flapping = name_kept(registry.LINE_SLOW), name_kept(registry.LINE_FLAPPING)
    # Compared before they are joined: of two series of one line `or` takes the first, whatever its figure.
    return _count(f"{slow} == 1 or {flapping} == 1", f"{slow} or {flapping}")


def _list_school_panels() -> tuple[Panel, ...]:
    r = registry
    states = tuple(_ask(one, name_kept(one)) for one in (r.LINE_UP, r.PATH_UP))
    services = tuple(
        Query(_ask(one, name_kept(one)).expression, f"{name} {_name_legend(one)}")
        for name, one in (("DNS", r.DNS_UP), ("HTTP", r.HTTP_UP))
    )
    unwell = tuple(
        Query(_ask(one, name_kept(one)).expression, f"{_name_legend(one)} {one.name.rpartition('.')[2]}")
        for one in (r.LINE_SLOW, r.LINE_FLAPPING)
    )
    assessments = (
        _ask(r.BANDWIDTH_ASSESSMENT, name_kept(r.BANDWIDTH_ASSESSMENT)),
        Query(_ask(r.UPLOAD_ASSESSMENT).expression, "upload"),
    )
    return (
        Panel("line-states", "state-timeline", states, width=_WIDE),
        Panel("line-troubles", "state-timeline", unwell, width=_HALF, bad_from=1),
        Panel("services-over-lines", "state-timeline", services, width=_HALF),
        Panel("assessment", "state-timeline", assessments),
        Panel("bandwidth", "timeseries", (_ask(r.BANDWIDTH_MEASURED), _ask(r.BANDWIDTH_RECOMMENDED)), unit="bps"),
        Panel("throughput", "timeseries", (_ask(r.LINE_THROUGHPUT),), unit="bps", width=_WIDE),
        Panel("throughput-limit", "timeseries", (_ask(r.LINE_THROUGHPUT_LIMIT),)),
        Panel("throughput-by-https", "timeseries", (_ask(r.LINE_HTTPS_THROUGHPUT),), unit="bps"),
        Panel("https-limit", "timeseries", (_ask(r.LINE_HTTPS_LIMIT),)),
        Panel("planned-tests", "timeseries", (_ask(r.PROBE_SLOT),)),
        Panel("uplink-traffic", "timeseries", (_ask(r.UPLINK_TRAFFIC),), unit="bps"),
        Panel("uplink-used", "timeseries", (_ask(r.UPLINK_USED),), unit="percentunit", bad_from=0.9),
        Panel("uplink-lost", "timeseries", (_ask(r.UPLINK_LOST),)),
        Panel("latency", "timeseries", (_ask(r.LINE_LATENCY),), unit="s"),
        Panel("jitter", "timeseries", (_ask(r.LINE_JITTER),), unit="s"),
        Panel("loss", "timeseries", (_ask(r.LINE_LOSS),), unit="percentunit"),
        Panel("echoes", "timeseries", (_ask(r.PATH_ECHOES),)),
        Panel("dns", "timeseries", (_ask(r.DNS_DURATION),), unit="s"),
        Panel("http", "timeseries", (_ask(r.HTTP_DURATION),), unit="s"),
        Panel("devices", "timeseries", (_ask(r.DEVICE_DRIFT), _ask(r.DEVICE_UNCONFIRMED))),
        Panel("probe-heard", "timeseries", (_since(r.PROBE_LAST_SUCCESS), _since(r.LINE_LAST_HEARD)), unit="s"),
    )


def _since(metric: Metric) -> Query:
    return Query(f"time() - {select_school(metric)}", f"{metric.name} {_name_legend(metric)}".rstrip())


def _list_operation_panels() -> tuple[Panel, ...]:
    r = registry
    duration = f"{r.ROLLOUT_DEVICE_DURATION.prometheus}_bucket"
    return (
        Panel(
            "rollouts-lost",
            "stat",
            (Query(f"{name_kept(r.ROLLOUT_LOST)} or {name_kept(r.MONITOR_STORE_FAULT)} * 0"),),
            bad_from=1,
            width=_SIXTH,
        ),
        Panel("rollout-devices", "timeseries", (_total(r.ROLLOUT_DEVICES),), width=_WIDE - _SIXTH),
        Panel(
            "rollout-duration",
            "timeseries",
            tuple(
                Query(f"histogram_quantile({share}, sum by (le) ({duration}))", f"{share:.0%}") for share in (0.5, 0.95)
            ),
            unit="s",
        ),
        Panel(
            "clock-skew",
            "timeseries",
            (Query(f"max by (sender) ({r.SENDER_CLOCK_SKEW.prometheus})", "{{sender}}"),),
            unit="s",
        ),
        Panel(
            "tasks",
            "table",
            (Query(f"sort_desc(time() - max by (task, result) ({r.TASK_LAST_END.prometheus}))"),),
            unit="s",
        ),
        Panel(
            "certificates",
            "table",
            (Query(f"sort({name_kept(r.CERTIFICATE_NOT_AFTER)} - time())"),),
            unit="s",
        ),
        Panel(
            "guideline",
            "timeseries",
            (Query(f"max by ({r.CLAUSE.name}) ({r.GUIDELINE_CLAUSES.prometheus})", f"{{{{{r.CLAUSE.name}}}}}"),),
        ),
        Panel("guideline-policy", "table", (Query(f"max({r.GUIDELINE_POLICY_HASH.prometheus})"),)),
        Panel("dropped", "timeseries", (_total(r.TELEMETRY_DROPPED),)),
        Panel("refused", "timeseries", (_total(r.MONITOR_REFUSED),)),
        Panel("monitor-bytes", "timeseries", (_own(r.MONITOR_MEMORY), _own(r.MONITOR_STORE_SIZE)), unit="bytes"),
        Panel(
            "monitor-processor",
            "timeseries",
            (Query(f"max by (instance) (rate({r.MONITOR_CPU.prometheus}[5m]))", "{{instance}}"),),
            unit="percentunit",
        ),
        Panel(
            "monitor-readers",
            "timeseries",
            (_own(r.MONITOR_READERS), _own(r.MONITOR_STORE_FAULT), _own(r.MONITOR_PAGE_FAULT)),
        ),
    )


def _own(metric: Metric) -> Query:
    """A figure of the monitor's own, by its process."""
    return Query(f"max by (instance) ({metric.prometheus})", f"{metric.name.removeprefix('tsunagu.')} {{{{instance}}}}")


def _total(metric: Metric) -> Query:
    """A counter's rise in five minutes by its attributes."""
    assert metric.kind is InstrumentKind.COUNTER  # noqa: S101 a choice of this file's
    names = ", ".join(one.name for one in metric.attributes)
    return Query(f"sum by ({names}) (increase({metric.prometheus}[5m]))", _name_legend(metric))
