"""The gate that sends packets: a sample of connections is permitted and denied as the policy says."""

from __future__ import annotations

from controller.operations.gate_settings import SAMPLE
from controller.rollout.durable.gates.gate import GateResult, GateVerdict, GateWave, name_some


class PolicyProbesGate:
    """Each connection of a sample is as the policy says; where nothing sends packets it is not judged."""

    def judge(self, wave: GateWave, before: str) -> GateResult:
        """See `Gate.judge`."""
        del before
        probes = wave.scene.probes
        if probes is None:
            seen = "nothing sends packets as the hosts of these schools would: leave this gate out here"
            return GateResult(GateVerdict.NOT_JUDGED, seen)
        later = [school for school in wave.schools if school not in wave.whole]
        left = f"; not tried: {name_some(later)}, where devices come in a later wave" if later else ""
        if not wave.whole:
            return GateResult(GateVerdict.PASSED, f"no connection was to be tried yet{left}")
        found = probes.try_sample(wave.city, wave.whole, wave.rule.sample or SAMPLE, wave.key)
        if found.wrong:
            return GateResult(GateVerdict.FAILED, f"not as the policy says: {name_some(found.wrong)}")
        if not found.tried:
            return GateResult(GateVerdict.NOT_JUDGED, "there was no connection to try")
        return GateResult(GateVerdict.PASSED, f"{found.tried} connections are as the policy says{left}")
