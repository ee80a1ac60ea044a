"""What `tsunagu drift` found, as telemetry: a count for each school, and an event where there is drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.errors import DeviceError, DeviceUnconfirmed
from controller.plan.build import ConsideredDevice
from controller.telemetry.otlp import Telemetry, open_telemetry
from controller.telemetry.registry import DEVICE_DRIFT, DEVICE_UNCONFIRMED, EventKind, Writer

NAMED_DEVICES = 8
"""Devices that an event of drift names; its text has room for a few hundred characters."""


def send_drift(found: Sequence[ConsideredDevice], policies: Path) -> None:
    """Send it to the monitor, where there is one."""
    with open_telemetry(token=find_token_file(Writer.CONTROLLER, policies)) as sent:
        for school, count in group_drift_by_school(found).items():
            sent.record(DEVICE_DRIFT, count, school=school)
            if count:
                sent.event(EventKind.DRIFT, describe_drift(school, count, found), school=school)
        _record_unconfirmed(sent, found)


def describe_drift(school: str, count: int, found: Sequence[ConsideredDevice]) -> str:
    """Say which devices of a school differ and in how many lines; no line itself, for the monitor has other readers."""
    differing = [
        one for one in found if one.observed.device.school.id == school and one.refusal is None and one.differs
    ]
    named = [_describe_device(one) for one in differing[:NAMED_DEVICES]]
    rest = [f"and {len(differing) - NAMED_DEVICES} more"] if len(differing) > NAMED_DEVICES else []
    return f"{count} devices differ from the policy: {', '.join([*named, *rest])}"


def _describe_device(one: ConsideredDevice) -> str:
    lines = f"{len(one.changes)} lines" if one.changes else "not saved"
    return f"{one.observed.device.id} ({lines})"


def send_unconfirmed(found: Sequence[ConsideredDevice], policies: Path) -> None:
    """Send how many devices are in an unconfirmed state, and nothing of drift."""
    with open_telemetry(token=find_token_file(Writer.CONTROLLER, policies)) as sent:
        _record_unconfirmed(sent, found)


def _record_unconfirmed(sent: Telemetry, found: Sequence[ConsideredDevice]) -> None:
    for school, count in count_unconfirmed(found).items():
        sent.record(DEVICE_UNCONFIRMED, count, school=school)
        if count:
            said = f"{count} devices run a change that nobody confirmed; see tsunagu repair"
            sent.event(EventKind.DRIFT, said, school=school)


def count_unconfirmed(found: Sequence[ConsideredDevice]) -> dict[str, int]:
    """How many devices of a school are in an unconfirmed state. Where one did not answer, none is not said."""
    return _count_by_school(
        found,
        lambda one: isinstance(one.refusal, DeviceUnconfirmed),
        lambda one: not isinstance(one.refusal, DeviceError),
    )


def group_drift_by_school(found: Sequence[ConsideredDevice]) -> dict[str, int]:
    """How many devices of a school differ. A school of which a device could not be read is not said to have none."""
    return _count_by_school(found, lambda one: one.refusal is None and one.differs, lambda one: one.refusal is None)


def _count_by_school(
    found: Sequence[ConsideredDevice],
    counts: Callable[[ConsideredDevice], bool],
    is_known: Callable[[ConsideredDevice], bool],
) -> dict[str, int]:
    """Return how many devices of each school count; of one where none does, only if that is known of all."""
    schools: dict[str, list[ConsideredDevice]] = {}
    for one in found:
        schools.setdefault(one.observed.device.school.id, []).append(one)
    return {
        school: count
        for school, devices in schools.items()
        if (count := sum(map(counts, devices))) or all(map(is_known, devices))
    }
