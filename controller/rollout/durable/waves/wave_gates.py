"""Asks the gates of a rollout's waves, and keeps what they saw. Each is asked in a step of the workflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.gate_settings import GateRule
from controller.plan.select import Selection, select_devices
from controller.platforms.base import Readable
from controller.platforms.registry import is_supported, load_platform_of
from controller.rollout.durable.gates.gate import GateResult, GateVerdict, GateWave
from controller.rollout.durable.gates.gate_store import GateStore, JudgedGate
from controller.rollout.durable.gates.registry import ask_gate, look_before, needs_look
from controller.rollout.durable.records import DeviceRun, RunPlace, Wave
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waits import Waits, count_seconds_left, find_pause
from controller.rollout.durable.waves.write_offs import WriteOffStore

_MOST_PAUSE_SECONDS = 60.0
"""The longest pause until a gate is asked again that could not be judged."""


@dataclass(frozen=True, slots=True)
class WaveGates:
    """The gates of a rollout; `say` is told in words how each was judged, and `waits` what is waited for.

    The operators' file that this process began with says which gates there are when a wave has ended: one that an
    earlier process did not know is asked, and one that had to look before cannot be judged; one that was taken out is
    not asked.
    """

    store: RolloutStore
    gates: GateStore
    write_offs: WriteOffStore
    scene: RolloutScene
    say: Callable[[str], None]
    waits: Waits

    def look_before_wave(self, place: RunPlace, wave: Wave) -> None:
        """Let the gates of a wave look before it begins, those that compare with the time before.

        A gate looks once: what it saw before the wave's first device was changed stays, whatever is resumed.
        """
        begun = any(run.attempted for run in self._list_runs(place))
        for rule in self._list_rules(wave):
            if not needs_look(rule.kind) or self.gates.has_look(place.rollout, place.wave, rule.kind):
                continue
            seen = None if begun else look_before(self._view(place, wave, rule))
            if seen is None:
                self.say(f"gate {rule.kind}: nobody can look before the wave {wave.name} begins, so it will not pass")
            self.gates.keep_look(place.rollout, place.wave, rule.kind, seen)

    def list_gates(self, wave: Wave) -> tuple[str, ...]:
        """Return the names of the gates after a wave, in their order, as this process has the operators' file."""
        return tuple(rule.kind for rule in self._list_rules(wave))

    def judge_gate(self, place: RunPlace, wave: Wave, kind: str, look_later: Callable[[float], bool]) -> GateResult:
        """Return how a gate of a wave is judged, and keep it; what was judged before in this generation stays.

        So does what passed in an earlier one, where no device of the wave was tried since. `look_later` waits a moment,
        the longer the more seconds were waited before, and tells if the rollout goes on.
        """
        known = self._find_known(place, kind)
        if known is not None:
            return known
        rule = next((one for one in self._list_rules(wave) if one.kind == kind), None)
        if rule is None:
            result = GateResult(GateVerdict.PASSED, "the operators' file does not ask for it any more")
        else:
            result = self._ask(place, wave, rule, look_later)
        now = self.scene.clock.now()
        self.gates.keep_result(place.rollout, JudgedGate(place.generation, place.wave, kind, result, now))
        self.say(f"gate {kind} after the wave {wave.name}: {result.verdict}: {result.seen}")
        return result

    def describe_failed(self, place: RunPlace, wave: Wave) -> str:
        """Return which gates of a wave were not passed in this generation, and what they saw; "" where all were."""
        results = {
            one.gate: one.result
            for one in self.gates.list_results(place.rollout)
            if (one.generation, one.wave) == (place.generation, place.wave)
        }
        failed = [
            f"the gate {name} was {'failed' if one.verdict is GateVerdict.FAILED else 'not judged, which is failed'}: "
            f"{one.seen}"
            for name, one in results.items()
            if one.verdict is not GateVerdict.PASSED
        ]
        return f"after the wave {wave.name} {'; '.join(failed)}" if failed else ""

    def _ask(self, place: RunPlace, wave: Wave, rule: GateRule, look_later: Callable[[float], bool]) -> GateResult:
        """Ask a gate, and again with growing pauses where it may be judged later."""
        before, clock = self.gates.find_look(place.rollout, place.wave, rule.kind), self.scene.clock
        blind = before is None and needs_look(rule.kind)
        until = self._find_ended(place) + timedelta(minutes=rule.wait_minutes)
        began, left = clock.monotonic(), count_seconds_left(until, clock.now(), rule.wait_minutes)
        who = f"gate {rule.kind} after the wave {wave.name}"
        with self.waits.end_after(who):
            while True:
                result, waited = ask_gate(self._view(place, wave, rule), before), clock.monotonic() - began
                if result.verdict is not GateVerdict.NOT_JUDGED or blind or waited >= left:
                    return result
                if not waited:
                    self.say(f"gate {rule.kind} waits until {until:%Y-%m-%d %H:%M %Z}: {result.seen}")
                self.waits.begin_wait(who, f"until {until:%Y-%m-%d %H:%M %Z}: {result.seen}")
                again = min(left, waited + find_pause(waited, _MOST_PAUSE_SECONDS))
                while (waited := clock.monotonic() - began) < again or not waited:
                    if not look_later(waited):
                        return result

    def _find_known(self, place: RunPlace, kind: str) -> GateResult | None:
        named = (place.wave, kind)
        results = [one for one in self.gates.list_results(place.rollout) if (one.wave, one.gate) == named]
        if not results:
            return None
        last = results[-1]
        if last.generation == place.generation:
            return last.result
        # Also what was tried after the gate in its own generation: a device that was seen only after it, say.
        tried = any(
            run.attempted and (run.generation > last.generation or run.begun > last.at)
            for run in self._list_runs(place)
        )
        return last.result if last.result.verdict is GateVerdict.PASSED and not tried else None

    def _list_rules(self, wave: Wave) -> tuple[GateRule, ...]:
        return self.scene.operations.rollout.list_gates(self.scene.find_rule(wave))

    def _list_runs(self, place: RunPlace) -> list[DeviceRun]:
        return [run for run in self.store.list_runs(place.rollout) if run.wave == place.wave]

    def _find_ended(self, place: RunPlace) -> datetime:
        ends = [run.ended for run in self._list_runs(place) if run.attempted and run.ended is not None]
        return max(ends, default=self.scene.clock.now())

    def _view(self, place: RunPlace, wave: Wave, rule: GateRule) -> GateWave:
        runs, off = self._list_runs(place), {one.device for one in self.write_offs.list_write_offs(place.rollout)}
        tried = [run for run in runs if run.attempted]
        last = {run.device: run for run in runs}
        names = [name for turn in wave.schools for name in turn.devices if name not in off]
        schools = tuple(turn.school for turn in wave.schools)
        return GateWave(
            key=f"{place.rollout}/{place.wave}",
            city=self.scene.city,
            rule=rule,
            schools=schools,
            whole=self._list_whole(place, schools, off),
            changes={name: self.scene.changes[name] for name in names},
            good=frozenset(name for name, run in last.items() if run.end is not None and run.end.good),
            others=list_other_devices(self.scene.city, schools, {*names, *off}),
            began=min((run.begun for run in tried), default=None),
            ended=max((run.ended for run in tried if run.ended is not None), default=None),
            scene=self.scene.gate_scene,
        )

    def _list_whole(self, place: RunPlace, schools: tuple[str, ...], off: set[str]) -> tuple[str, ...]:
        """Return the schools of which every device that the plan changes has ended, or was written off."""
        ended = {run.device for run in self.store.list_runs(place.rollout) if run.end is not None} | off
        waiting = {one.device.school.id for name, one in self.scene.changes.items() if name not in ended}
        return tuple(school for school in schools if school not in waiting)


def list_other_devices(city: City, schools: tuple[str, ...], besides: set[str]) -> tuple[Device, ...]:
    """Return the devices of some schools that can be read and are not among others."""
    return tuple(
        one
        for one in select_devices(city, Selection(schools, ()))
        if one.id not in besides and is_supported(one.platform) and isinstance(load_platform_of(one), Readable)
    )
