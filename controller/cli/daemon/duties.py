"""The duties of the daemon: what it reads, measures and rolls out, each loaded anew every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from controller.cli.audit import find_head_copy, find_kept_days, open_audit_trail
from controller.cli.daemon.certificate_duty import TELL_EVERY_SECONDS, send_certificate_ends
from controller.cli.daemon.measure_duty import LOOK_SECONDS, MeasureDuty
from controller.cli.daemon.rollout_duty import RolloutDuty
from controller.cli.daemon.supply_duty import SupplyDuty
from controller.cli.devices.drift_telemetry import send_drift
from controller.cli.devices.observation import list_reachable_devices
from controller.cli.estates import find_user_name, load_estate_city
from controller.cli.measurement.probe_measurements import DEFAULT_MONITOR_STORE
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.rollouts.estate_rollouts import EstateRollouts, find_estate_rollouts
from controller.daemon.daemon_lock import FOLDER
from controller.daemon.drift_cycle import CycleScene, DriftCycle
from controller.daemon.line_supply import LineSupplyBook
from controller.daemon.preference_cycle import PreferenceCycle
from controller.daemon.preference_edit import LineMove
from controller.daemon.scheduler import Duty
from controller.lab.estate import STORE as LAB_STORE
from controller.measure.assessment.assess import SchoolAssessment
from controller.model.city import City
from controller.model.sites.devices import EstateName
from controller.model.virtual_city import VirtualCity
from controller.operations.daemon_settings import DaemonChanges
from controller.operations.operations import Operations
from controller.plan.build import ConsideredDevice
from controller.plan.select import Selection
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_transport import SshTransport
from controller.resilience.daily_pruning import EVERY_SECONDS, DailyPruning, make_pruning_clock
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.rollout_store import RolloutStore
from controller.storage.steady_clock import SteadyClock
from controller.telemetry.otlp import Telemetry, open_telemetry
from controller.telemetry.registry import EventKind, Writer

EVERYTHING = Selection()
WORK_EVERY_SECONDS = 5.0
MOVE_EVERY_SECONDS = 300.0
LONGEST_READING_SECONDS = 3_600.0
"""A reading or a round of measurements that takes longer hangs."""


@dataclass
class DaemonDuties:
    """What the daemon does for an estate. `say` is the log; `monitor_store` was named for real schools."""

    estate: EstateName
    policies: Path
    state: Path | None
    say: Callable[[str], None]
    clock: SystemClock = field(default_factory=SystemClock)
    monitor_store: Path | None = None
    _pruning_clock: SteadyClock = field(default_factory=make_pruning_clock)
    _rollouts: RolloutDuty = field(init=False)

    def __post_init__(self) -> None:
        self._rollouts = RolloutDuty(self.estate, self.find_place, self.say, self.clock)

    def find_place(self) -> EstateRollouts:
        """Return where this estate's state stands, by the operators' file of today."""
        return find_estate_rollouts(self.estate, self.policies, self.state)

    def list_duties(self, operations: Operations) -> list[Duty]:
        """Return the duties at the pace that the operators' file has when the daemon begins."""
        settings = operations.daemon
        drift = DriftCycle(self._load_scene, use_scene_store, self._send_drift, find_user_name(), settings.changes)
        reading = settings.drift_every_minutes * 60.0, LONGEST_READING_SECONDS
        found = [Duty("drift", reading[0], drift.run, longest_seconds=reading[1])]
        tell = self._tell_certificates
        found.append(Duty("certificates", TELL_EVERY_SECONDS, tell, longest_seconds=LONGEST_READING_SECONDS))
        if self.estate == VirtualCity.estate:
            measure = MeasureDuty(
                self.policies,
                self._load_city,
                self.find_place,
                self.clock,
                settings.measure_every_minutes * 60.0,
                self._note_supply,
            )
            found.append(Duty("measure", LOOK_SECONDS, measure.measure_due, longest_seconds=LONGEST_READING_SECONDS))
            found.append(Duty("prune", EVERY_SECONDS, self.prune_measurements, longest_seconds=LONGEST_READING_SECONDS))
        moves = self._build_preference_run(settings.changes)
        found.append(Duty("line preference", MOVE_EVERY_SECONDS, moves, longest_seconds=LONGEST_READING_SECONDS))
        if settings.changes is not DaemonChanges.REPORT:
            work, heed = self._rollouts.work, self._rollouts.heed_changes
            # Work takes as long as its windows and pauses; that the file was narrowed meanwhile is seen beside it.
            found.append(Duty("rollouts", WORK_EVERY_SECONDS, work, changes_devices=True))
            found.append(Duty("changes", WORK_EVERY_SECONDS, heed, longest_seconds=LONGEST_READING_SECONDS))
        return found

    def _build_preference_run(self, changes: DaemonChanges) -> Callable[[Event], str]:
        """Return what looks for moves of the line preference; at real schools it reads the monitor's store first."""
        moves = PreferenceCycle(
            self._find_own_folder, self._load_scene, use_scene_store, self._send_spent, find_user_name(), changes
        )
        if self.estate == VirtualCity.estate:
            return moves.run
        store = self.monitor_store or DEFAULT_MONITOR_STORE
        is_named = self.monitor_store is not None
        supply = SupplyDuty(self.policies, self._load_city, self._find_own_folder, self.clock, store, is_named)
        moves.find_states = lambda: supply.states

        def look_and_move(stop: Event) -> str:
            return "; ".join(words for words in (supply.look(), moves.run(stop)) if words)

        return look_and_move

    def _find_own_folder(self) -> Path:
        return self.find_place().folder / FOLDER

    def _load_city(self) -> City:
        return load_estate_city(self.policies, lab=self.estate == VirtualCity.estate)

    def _load_scene(self) -> CycleScene:
        city, place = self._load_city(), self.find_place()
        operations = place.operations
        return CycleScene(
            city,
            list_reachable_devices(city, EVERYTHING),
            self.policies,
            operations,
            SshTransport(operations.access),
            self.clock,
            open_audit_trail(place.folder, operations),
            place.folder,
            place.folder / FOLDER,
            place.server,
        )

    def _tell_certificates(self, _: Event) -> str:
        return send_certificate_ends(self.find_place().operations, self.policies)

    def _send_drift(self, found: Sequence[ConsideredDevice]) -> None:
        send_drift(found, self.policies)

    def _note_supply(self, city: City, sent: Telemetry, assessment: SchoolAssessment) -> None:
        LineSupplyBook(self._find_own_folder()).apply_assessment(city, sent, assessment, self.clock.now())

    def _send_spent(self, move: LineMove, words: str) -> None:
        with open_telemetry(token=find_token_file(Writer.CONTROLLER, self.policies)) as sent:
            sent.event(EventKind.LINE_MOVES_SPENT, words, school=move.school, line=move.line)

    def prune_measurements(self, stop: Event) -> str:
        """Remove what is too old in the store of measurements, for a bounded time."""
        place, said = self.find_place(), list[str]()
        trail, head = open_audit_trail(place.folder, place.operations), find_head_copy(place.operations)
        kept, file = find_kept_days(place.operations), place.folder / LAB_STORE
        found = DailyPruning(trail, head, file, lambda: kept, said.append, self._pruning_clock).prune_store(stop)
        if found.left and not self._pruning_clock.is_ahead:
            said.append("more is too old than could be removed today")
        return "; ".join(said)

    def stop_workers(self) -> None:
        """Let no further device begin; those that have begun are brought to their ends."""
        self._rollouts.stop_worker()


def use_scene_store(scene: CycleScene) -> AbstractContextManager[RolloutStore]:
    """Open the rollouts of a cycle's state folder."""
    return use_rollouts(scene.state, create=True, server=scene.server)
