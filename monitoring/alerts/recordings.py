"""Series that Prometheus makes of what is measured; the alerts look at them and at nothing else where silence counts.

A known outage does not end because its measurements do. So each figure that an alert looks at is recorded as it was
last known: the newest measurement, else the record itself as it stood before. This is right for both ways in which
Prometheus is fed: a collector forgets a value minutes after it came, the monitor serves a line that was down for as
long as nobody says that it is up.

What tells processes apart (`instance`, `job`) is taken away: a school's line is one line, whoever measured it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.model.measurement import Assessment
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    CERTIFICATE,
    CERTIFICATE_NOT_AFTER,
    DAY,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    DNS_UP,
    HTTP_UP,
    LINE_FLAPPING,
    LINE_LAST_HEARD,
    LINE_SLOW,
    LINE_UP,
    MONITOR_PAGE_FAULT,
    MONITOR_STORE_FAULT,
    PATH_UP,
    ROLLOUT_LOST,
    SCHOOL,
    Metric,
)

KEPT = (
    LINE_UP,
    LINE_SLOW,
    LINE_FLAPPING,
    PATH_UP,
    DNS_UP,
    HTTP_UP,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    BANDWIDTH_ASSESSMENT,
)
"""What stands as it was last known."""
TOLD_BY_MONITOR = (ROLLOUT_LOST, MONITOR_STORE_FAULT, MONITOR_PAGE_FAULT)
"""What the monitor itself says, of the whole; a monitor that is gone has not said that it is over."""
PARTS = tuple(metric for metric in KEPT if metric.attributes != (SCHOOL,))
"""Those of a line or a path: a school may have one less of these, and goes on."""
PART_DAYS = 1
"""A line or a path that telemetry of its school has not named for so long, while it came, is not there any more."""
KEPT_DAYS = 90
"""A school of which nothing was heard for so long is not of this city any more."""
_AWAY = "1h"
"""For so long Prometheus itself may have been away and still knows what it knew."""
_OF_SCHOOLS = f'{{{SCHOOL.name}!=""}}'
"""Not what another system calls so, nor the one series of an overflow."""

SERVED = f"{SCHOOL.name}:tsunagu_served:last"
HEARD = f"{SCHOOL.name}:tsunagu_heard:last"
REACHED = f"{SCHOOL.name}:tsunagu_lines_up:last"
BELOW = "city:tsunagu_schools_below_recommendation:count"


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is made, and of what."""

    name: str
    expression: str


def name_kept(metric: Metric) -> str:
    """The series of a metric as it was last known.

    >>> name_kept(LINE_UP)
    'school_line:tsunagu_line_up:last'
    >>> name_kept(ROLLOUT_LOST)
    'city:tsunagu_rollout_lost:last'
    """
    return f"{'_'.join(attribute.name for attribute in metric.attributes) or 'city'}:{metric.prometheus}:last"


def list_recordings() -> tuple[Recording, ...]:
    """Every recorded series, in the order in which they are made."""
    names = "|".join(metric.prometheus for metric in KEPT)
    served = f'max by ({SCHOOL.name}) ({{__name__=~"{names}", {SCHOOL.name}!=""}}) * 0 + time()'
    # The monitor says when it heard; a collector serves a value for minutes only, so there its being there says it.
    heard_by_monitor = f"{LINE_LAST_HEARD.prometheus}{_OF_SCHOOLS}"
    on = "job, " + ", ".join(attribute.name for attribute in LINE_UP.attributes)
    elsewhere = f"{LINE_UP.prometheus}{_OF_SCHOOLS} unless on ({on}) {LINE_LAST_HEARD.prometheus}"
    heard = f"max by ({SCHOOL.name}) ({heard_by_monitor} or ({elsewhere}) * 0 + time())"
    assessment = name_kept(BANDWIDTH_ASSESSMENT)
    return (
        Recording(SERVED, _keep(served, SERVED)),
        Recording(HEARD, _keep(heard, HEARD)),
        *(Recording(_name_named(metric), _keep(_name_now(metric), _name_named(metric))) for metric in PARTS),
        *(Recording(name_kept(metric), _keep_figure(metric)) for metric in KEPT),
        *(Recording(name_kept(metric), _keep_last(metric)) for metric in TOLD_BY_MONITOR),
        *_list_certificates(),
        Recording(REACHED, f"max by ({SCHOOL.name}) ({name_kept(LINE_UP)})"),
        Recording(BELOW, f"count({assessment} == {Assessment.BELOW.number}) or count({assessment}) * 0"),
    )


def _keep(expression: str, name: str) -> str:
    """A time as it is, else as it was last known; until it is too long ago."""
    return f"({expression}) or last_over_time({name}[{_AWAY}]) > time() - {KEPT_DAYS * DAY}"


def _keep_figure(metric: Metric) -> str:
    labels = _list_labels(metric)
    newest = f"max by ({labels}) ({metric.prometheus}{_OF_SCHOOLS})"
    before = f"last_over_time({name_kept(metric)}[{_AWAY}])"
    if metric not in PARTS:
        return f"{newest} or ({before} and on ({SCHOOL.name}) {SERVED})"
    last_word = f"on ({SCHOOL.name}) group_left () (({HEARD} or {SERVED}) - {PART_DAYS * DAY})"
    return f"{newest} or ({before} and on ({labels}) ({_name_named(metric)} > {last_word}))"


def _keep_last(metric: Metric) -> str:
    # A monitor that answers and names no rollout has none any more.
    before = f"last_over_time({name_kept(metric)}[{_AWAY}]) unless on () max({MONITOR_STORE_FAULT.prometheus})"
    return f"max({metric.prometheus}) or ({before})"


def _list_certificates() -> Iterator[Recording]:
    """When certificates end, of processes that tell of two ends the earlier one; and when each was last told of."""
    newest = f'min by ({CERTIFICATE.name}) ({CERTIFICATE_NOT_AFTER.prometheus}{{{CERTIFICATE.name}!=""}})'
    last, named = name_kept(CERTIFICATE_NOT_AFTER), _name_named(CERTIFICATE_NOT_AFTER)
    yield Recording(named, _keep(f"{newest} * 0 + time()", named))
    yield Recording(last, f"{newest} or (last_over_time({last}[{_AWAY}]) and on ({CERTIFICATE.name}) {named})")


def _name_named(metric: Metric) -> str:
    """The series that says when telemetry last named a line or a path."""
    return name_kept(metric).removesuffix("last") + "named"


def _name_now(metric: Metric) -> str:
    return f"max by ({_list_labels(metric)}) ({metric.prometheus}{_OF_SCHOOLS}) * 0 + time()"


def _list_labels(metric: Metric) -> str:
    return ", ".join(attribute.name for attribute in metric.attributes)
