"""The gate that lives a day at each school of the wave, before it and after it, by real connections."""

from __future__ import annotations

import json

from controller.errors import TsunaguError
from controller.inputs.bounded_json import parse_json
from controller.rollout.durable.gates.day_visits import DayConnection, list_day_connections
from controller.rollout.durable.gates.gate import GateResult, GateVerdict, GateWave, name_some
from controller.rollout.durable.rollout_scene import ProbedConnection, TriesConnections


class DayAtSchoolGate:
    """What is done in a day at the schools of the wave is permitted and denied as the policy of their stage says.

    What nobody can try is not judged, unless the operators' file leaves it out. A school of which devices come in a
    later wave has its day after that one.
    """

    def look_before(self, wave: GateWave) -> str:
        """See `LookingGate.look_before`: which connections are not yet as they are to be, or why nobody could look.

        Hosts that stand in another segment until the wave has changed their port cannot be asked before it.
        """
        probes = wave.scene.probes
        if not isinstance(probes, TriesConnections):
            return "[]"
        try:
            found = probes.try_connections(wave.city, _list_probes(_list_day(wave)), changed=False)
        except TsunaguError as error:
            return json.dumps(str(error))
        return json.dumps(sorted({str(one) for one, wrong in found.items() if wrong}))

    def judge(self, wave: GateWave, before: str) -> GateResult:
        """See `Gate.judge`."""
        probes, day = wave.scene.probes, _list_day(wave)
        if not isinstance(probes, TriesConnections):
            seen = "nothing opens connections as the hosts of these schools would: leave this gate out here"
            return GateResult(GateVerdict.NOT_JUDGED, seen)
        later = [school for school in wave.schools if school not in wave.whole]
        if not wave.whole:
            seen = f"no day was to be lived yet at {name_some(later)}, where devices come in a later wave"
            return GateResult(GateVerdict.PASSED, seen)
        found = probes.try_connections(wave.city, _list_probes(day), changed=True)
        wrong = sorted({f"{one} ({why})" for one, why in found.items() if why})
        if wrong:
            return GateResult(GateVerdict.FAILED, f"a day is not as the policy says: {name_some(wrong)}")
        untried = [one for one in day if one.probe is None or one.probe not in found]
        if untried or not found:
            visits = ", ".join(dict.fromkeys(str(one.visit) for one in untried)) or "every part of the day"
            seen = f"nobody could try {name_some([*map(str, untried)])}; leave it out by 'leave-out: [{visits}]'"
            return GateResult(GateVerdict.NOT_JUDGED, seen)
        seen = f"{len(found)} connections of a day are as the policy says"
        return GateResult(GateVerdict.PASSED, f"{seen}{_describe_before(before, {str(one) for one in found})}")


def _describe_before(before: str, tried: set[str]) -> str:
    """Say how many connections were otherwise before the wave, or why nobody knows."""
    known = parse_json(before) if before else []
    if isinstance(known, list):
        return f", {len(tried & set(map(str, known)))} of them since the wave"
    return f"; before the wave nobody could try them: {known}"


def _list_day(wave: GateWave) -> list[DayConnection]:
    left_out = wave.rule.leave_out or ()
    schools = [wave.city.school_by_id[name] for name in wave.whole if name in wave.city.school_by_id]
    return [one for school in schools for one in list_day_connections(wave.city, school) if one.visit not in left_out]


def _list_probes(day: list[DayConnection]) -> tuple[ProbedConnection, ...]:
    return tuple(dict.fromkeys(one.probe for one in day if one.probe is not None))
