"""A school whose two lines are well, and what each fault changes of what is seen there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

from controller.measure.diagnosis.evidence import (
    Answer,
    LossReading,
    OutsideReadings,
    PathEvidence,
    Reading,
    RouterReadings,
    SchoolEvidence,
)
from controller.measure.measurement import MeasurementId
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName

LINES: tuple[AccessLineName, ...] = ("primary", "backup")
REGIONS = ("tokyo", "osaka")
CARRIED = {"primary": 380.0, "backup": 95.0}
SILENT, REFUSED = Reading(Answer.SILENT), Reading(Answer.REFUSED)
Change = Callable[[PathEvidence], PathEvidence]


def answered(value: float) -> Reading:
    return Reading(Answer.ANSWERED, value, (MeasurementId(1),))


def healthy_path(line: AccessLineName, region: str, family: Family) -> PathEvidence:
    return PathEvidence(
        line,
        region,
        family,
        echo=answered(4.0),
        loss=LossReading(0, 500),
        path_mtu=answered(1500),
        download=answered(CARRIED[line]),
        upload=answered(CARRIED[line]),
        dns=answered(6.0),
        http=answered(9.0),
    )


def healthy() -> SchoolEvidence:
    """Its recommendation is 323 Mbit/s, its primary contract 200, and the line carries more than that."""
    return SchoolEvidence(
        school="kw-s01",
        assessed_line="primary",
        recommended_mbps=323,
        contract_mbps={"primary": 200.0, "backup": 100.0},
        expected_mbps={"primary": 180.0, "backup": 90.0},
        expected_upload_mbps={"primary": 60.0, "backup": 60.0},
        paths=tuple(healthy_path(*one) for one in product(LINES, REGIONS, Family)),
        outside=OutsideReadings(router=RouterReadings(1000, 200, 4000, "SNMP")),
        groups={"ward": "kawasaki", "carrier": "fixed-ip"},
    )


def change(school: SchoolEvidence, chosen: Callable[[PathEvidence], bool], changed: Change) -> SchoolEvidence:
    """Change the chosen paths; one that is dead already stays so."""
    paths = (changed(one) if chosen(one) and one.echo != SILENT else one for one in school.paths)
    return replace(school, paths=tuple(paths))


def swallow(largest: float, **more: Reading) -> Change:
    return lambda one: replace(one, path_mtu=answered(largest), swallowed=answered(largest + 8), **more)  # type: ignore[arg-type]


def on_primary(one: PathEvidence) -> bool:
    return one.line == "primary"


def everywhere(_: PathEvidence) -> bool:
    return True


def kill(one: PathEvidence) -> PathEvidence:
    """Nobody answers over it, whatever is asked."""
    return replace(one, echo=SILENT, loss=None, path_mtu=None, download=SILENT, upload=SILENT, dns=SILENT, http=SILENT)


def read_router(school: SchoolEvidence, **readings: float) -> SchoolEvidence:
    router = replace(school.outside.router, **readings)  # type: ignore[arg-type]
    return replace(school, outside=replace(school.outside, router=router))
