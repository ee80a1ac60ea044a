"""Which gates there are, by the name that the operators' file has for them; and how one is asked."""

from __future__ import annotations

from collections.abc import Mapping

from controller.errors import TsunaguError
from controller.operations.gate_settings import GateKind
from controller.rollout.durable.gates.device_gates import DriftGate, ManagementGate
from controller.rollout.durable.gates.gate import Gate, GateResult, GateVerdict, GateWave
from controller.rollout.durable.gates.measured_gates import BandwidthGate, ServicesGate
from controller.rollout.durable.gates.probe_gate import PolicyProbesGate

GATES: Mapping[GateKind, Gate] = {
    GateKind.MANAGEMENT: ManagementGate(),
    GateKind.POLICY_PROBES: PolicyProbesGate(),
    GateKind.SERVICES: ServicesGate(),
    GateKind.BANDWIDTH: BandwidthGate(),
    GateKind.DRIFT: DriftGate(),
}


def look_before(wave: GateWave) -> str | None:
    """Return what a gate must know of the time before a wave; None where it cannot look. Never raises."""
    try:
        return GATES[wave.rule.kind].look_before(wave)
    except Exception:  # noqa: BLE001 whatever it is: a gate that could not look before is not judged after
        return None


def ask_gate(wave: GateWave, before: str | None) -> GateResult:
    """Return how a gate is judged after a wave; never raises: what breaks a gate leaves it not judged.

    `before` is None where nobody could look before the wave.
    """
    if before is None:
        return GateResult(GateVerdict.NOT_JUDGED, "nobody could look before the wave began")
    try:
        return GATES[wave.rule.kind].judge(wave, before)
    except TsunaguError as error:
        return GateResult(GateVerdict.NOT_JUDGED, str(error))
    except Exception as error:  # noqa: BLE001 a gate that breaks is one that cannot be judged
        message = f"asking it led to an error of this program ({type(error).__name__}); please report it"
        return GateResult(GateVerdict.NOT_JUDGED, message)
