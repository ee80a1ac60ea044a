"""The steps of a rollout's workflow that are about gates: looking before a wave, asking after it, undoing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.rollout.durable.gates.gate import GateVerdict, name_some
from controller.rollout.durable.records import RunPlace, Wave
from controller.rollout.durable.waves.wave_end import ENDED, GO, WaveEnd
from controller.rollout.durable.waves.wave_gates import WaveGates
from controller.rollout.durable.waves.wave_undo import WaveUndo
from controller.rollout.outcome import End


@dataclass(frozen=True, slots=True)
class GateSteps:
    """What the workflow of a rollout does in its steps about gates. `explain_end` says why nothing more is done."""

    asked: WaveGates
    ends: WaveEnd
    undo: WaveUndo
    say: Callable[[str], None]
    explain_end: Callable[[str, int], str]
    look_later: Callable[[float], None]

    def look_before(self, place: RunPlace, wave: Wave) -> str:
        """Let the gates of a wave look before it begins."""
        self.asked.look_before_wave(place, wave)
        return GO

    def list_gates(self, wave: Wave) -> str:
        """Return the names of the gates that are asked now that a wave has ended."""
        return " ".join(self.asked.list_gates(wave))

    def ask_gate(self, place: RunPlace, wave: Wave, kind: str) -> str:
        """Ask a gate after a wave; return `GO` where it was passed."""

        def look_later(waited: float) -> bool:
            self.look_later(waited)
            return not self.explain_end(place.rollout, place.generation)

        if self.explain_end(place.rollout, place.generation):
            return ENDED
        return GO if self.asked.judge_gate(place, wave, kind, look_later).verdict is GateVerdict.PASSED else ENDED

    def stop_at_gate(self, place: RunPlace, wave: Wave) -> str:
        """Stop where a gate failed; where its wave is undone first, return how many schools of it side by side."""
        reason = self.asked.describe_failed(place, wave)
        if not reason or self.explain_end(place.rollout, place.generation):
            return ENDED
        if not self.undo.is_asked_for(wave):
            return self.ends.stop_rollout(place.rollout, reason)
        refused = self.undo.explain_refused(wave)
        if refused:
            return self.ends.stop_rollout(place.rollout, f"{reason}; the wave is not undone: {refused}")
        self.say(f"{reason}; the wave is undone")
        return str(self.asked.scene.count_schools_at_once(wave))

    def end_undo(self, place: RunPlace, wave: Wave) -> str:
        """Stop the rollout once its wave was undone, and say which devices are back and which are not."""
        runs = self.asked.store.find_last_runs(place.rollout)
        changed = [name for turn in wave.schools for name in self.undo.list_devices(turn.school, wave)]
        tried = [name for name in changed if name in runs and runs[name].attempted]
        left = [f"{name} ({runs[name].end})" for name in tried if runs[name].end is not End.REVERTED]
        count = len(tried) - len(left)
        back = f"{count} device{'' if count == 1 else 's'} went back to the policy before"
        back += f", and these did not: {name_some(left)}" if left else ""
        return self.ends.stop_rollout(place.rollout, f"{self.asked.describe_failed(place, wave)}; {back}")
