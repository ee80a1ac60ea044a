"""The gates that look at what was measured: services answer, and bandwidth is not much worse than before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median

from controller.errors import TsunaguError
from controller.measure.measurement import MBPS, LinePath, Measurement, MeasurementKind, ProbeOutcome
from controller.measure.measurement_store import open_measurement_store
from controller.operations.gate_settings import BEFORE_HOURS, WORSE_BY_PERCENT
from controller.rollout.durable.gates.gate import GateResult, GateVerdict, GateWave, name_some

_SERVICES = (MeasurementKind.DNS, MeasurementKind.HTTP)
_ANSWERED_NOT = (ProbeOutcome.NO_ANSWER, ProbeOutcome.REFUSED)


class ServicesGate:
    """What each school of the wave asked last since the wave over each path, names and pages, was answered.

    A probe that could not be made says nothing of the service: where it is a path's newest, the gate is not judged.
    """

    def judge(self, wave: GateWave, before: str) -> GateResult:
        """See `Gate.judge`."""
        del before
        newest = {(one.path, one.result.kind): one for one in _read_after(wave, _SERVICES)}
        silent = [_name_probe(one) for one in newest.values() if one.result.outcome in _ANSWERED_NOT]
        if silent:
            return GateResult(GateVerdict.FAILED, f"no answer: {name_some(silent)}")
        unmade = [_name_probe(one) for one in newest.values() if not one.measured]
        if unmade:
            return GateResult(GateVerdict.NOT_JUDGED, f"could not be asked: {name_some(unmade)}")
        answered = {(one.path.school, one.result.kind) for one in newest.values()}
        missing = [
            f"{school} ({kind})" for school in wave.schools for kind in _SERVICES if (school, kind) not in answered
        ]
        if missing:
            return GateResult(GateVerdict.NOT_JUDGED, f"nothing was measured since the wave at {name_some(missing)}")
        return GateResult(GateVerdict.PASSED, f"{len(newest)} questions were answered since the wave")


class BandwidthGate:
    """Downloads and uploads since the wave are, by their medians, not much worse than those before it.

    What was measured before stays in the file of measurements: nobody has to look before the wave.
    """

    def judge(self, wave: GateWave, before: str) -> GateResult:
        """See `Gate.judge`."""
        del before
        allowed = WORSE_BY_PERCENT if wave.rule.worse_by_percent is None else wave.rule.worse_by_percent
        hours = BEFORE_HOURS if wave.rule.before_hours is None else wave.rule.before_hours
        kinds = (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
        old, new = _find_medians(_read_before(wave, kinds, hours)), _find_medians(_read_after(wave, kinds))
        compared = sorted(old.keys() & new.keys(), key=str)
        worse = [
            f"{kind} of {path}: {new[path, kind]:.1f} Mbit/s, before {old[path, kind]:.1f}"
            for path, kind in compared
            if new[path, kind] < old[path, kind] * (100 - allowed) / 100
        ]
        if worse:
            return GateResult(GateVerdict.FAILED, f"worse by more than {allowed} %: {name_some(worse)}")
        missing = [f"{kind} of {path}" for path, kind in sorted(old.keys() - new.keys(), key=str)]
        if missing:
            return GateResult(GateVerdict.NOT_JUDGED, f"not measured since the wave: {name_some(missing)}")
        judged = {path.school for path, kind in compared if kind is MeasurementKind.DOWNLOAD}
        missing = [school for school in wave.schools if school not in judged]
        if missing:
            seen = f"no download was measured in the {hours} h before the wave at {name_some(missing)}"
            return GateResult(GateVerdict.NOT_JUDGED, seen)
        return GateResult(GateVerdict.PASSED, f"{len(compared)} medians are not worse by more than {allowed} %")


def _find_medians(found: Sequence[Measurement]) -> dict[tuple[LinePath, MeasurementKind], float]:
    figures: dict[tuple[LinePath, MeasurementKind], list[float]] = {}
    for one in found:
        mbps = one.figure(MBPS) if one.measured else None
        if mbps is not None:
            figures.setdefault((one.path, one.result.kind), []).append(mbps)
    return {measured: median(values) for measured, values in figures.items()}


def _read_before(wave: GateWave, kinds: Sequence[MeasurementKind], hours: int) -> list[Measurement]:
    began = wave.began or wave.scene.clock.now()
    with open_measurement_store(_find_file(wave), must_exist=True) as store:
        return _choose(wave, store.read_period(began - timedelta(hours=hours), began, kinds))


def _read_after(wave: GateWave, kinds: Sequence[MeasurementKind]) -> list[Measurement]:
    """Return what was measured since the last device of the wave ended."""
    now = wave.scene.clock.now()
    with open_measurement_store(_find_file(wave), must_exist=True) as store:
        return _choose(wave, store.read_period(wave.ended or now, now, kinds))


def _find_file(wave: GateWave) -> Path:
    if wave.scene.measurements is None:
        message = "nothing is measured from here"
        raise TsunaguError(message)
    return wave.scene.measurements


def _choose(wave: GateWave, found: Sequence[Measurement]) -> list[Measurement]:
    return [one for one in found if one.path.school in wave.schools]


def _name_probe(one: Measurement) -> str:
    return (
        f"{one.result.kind} of {one.path} ({one.result.outcome}{': ' if one.result.reason else ''}{one.result.reason})"
    )
