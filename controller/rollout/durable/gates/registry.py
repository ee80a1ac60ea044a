"""Which gates there are, by the name that the operators' file has for them; and how one is asked."""

from __future__ import annotations

from collections.abc import Mapping

from controller.errors import TsunaguError
from controller.operations.gate_settings import GateKind
from controller.rollout.durable.gates.day_gate import DayAtSchoolGate
from controller.rollout.durable.gates.device_gates import DriftGate, ManagementGate
from controller.rollout.durable.gates.gate import Gate, GateResult, GateVerdict, GateWave, LookingGate
from controller.rollout.durable.gates.measured_gates import BandwidthGate, ServicesGate
from controller.rollout.durable.gates.probe_gate import PolicyProbesGate

GATES: Mapping[GateKind, Gate] = {
    GateKind.MANAGEMENT: ManagementGate(),
    GateKind.POLICY_PROBES: PolicyProbesGate(),
    GateKind.SERVICES: ServicesGate(),
    GateKind.BANDWIDTH: BandwidthGate(),
    GateKind.DRIFT: DriftGate(),
    GateKind.DAY_AT_SCHOOL: DayAtSchoolGate(),
}


NOBODY_LOOKED = (
    "nobody could look before the wave began: the gate was added since, or could see nothing then; leave it out of the "
    "wave's gates in the operators' file to go on without it"
)


def needs_look(kind: GateKind) -> bool:
    """Tell if a gate can only be judged where it looked before the wave began.

    >>> needs_look(GateKind.DRIFT), needs_look(GateKind.SERVICES)
    (True, False)
    """
    return isinstance(GATES[kind], LookingGate)


def look_before(wave: GateWave) -> str | None:
    """Return what a gate must know of the time before a wave; None where it cannot look. Never raises."""
    gate = GATES[wave.rule.kind]
    if not isinstance(gate, LookingGate):
        return ""
    try:
        return gate.look_before(wave)
    except Exception:  # noqa: BLE001 whatever it is: a gate that could not look before is not judged after
        return None


def ask_gate(wave: GateWave, before: str | None) -> GateResult:
    """Return how a gate is judged after a wave; never raises: what breaks a gate leaves it not judged.

    `before` is None where nobody could look before the wave: which only gates mind that compare with it.
    """
    if before is None and needs_look(wave.rule.kind):
        return GateResult(GateVerdict.NOT_JUDGED, NOBODY_LOOKED)
    try:
        return GATES[wave.rule.kind].judge(wave, before or "")
    except TsunaguError as error:
        return GateResult(GateVerdict.NOT_JUDGED, str(error))
    except Exception as error:  # noqa: BLE001 a gate that breaks is one that cannot be judged
        message = f"asking it led to an error of this program ({type(error).__name__}); please report it"
        return GateResult(GateVerdict.NOT_JUDGED, message)
