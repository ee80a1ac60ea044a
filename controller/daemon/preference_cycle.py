"""The daemon's answer to brown-outs: an edit of the policy and its proved plan, put down for people, and no more.

There is one policy, the reviewed one. So the daemon rolls nothing out from an edit of its own: once people have taken
it in, the drift cycle finds that the routers differ, and does what the operators' limits and approvals allow.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event

from controller.daemon.drift_cycle import CycleScene, plan_drift, propose_plan
from controller.daemon.kept_record import find_record, keep_record
from controller.daemon.line_moves import (
    DampedMoves,
    MoveRecord,
    NotedMove,
    damp_moves,
    is_known_alive,
    list_wanted_moves,
)
from controller.daemon.line_supply import NAME as SUPPLY
from controller.daemon.line_supply import LineSupplyBook
from controller.daemon.preference_edit import NAME, LineMove, edit_preferences, format_patch
from controller.daemon.proposed_plan import find_proposal, is_same_proposal, remove_proposal
from controller.errors import DaemonRefused
from controller.inputs.input_file import InputFolder
from controller.measure.assessment.assess import LineState
from controller.model.loading.load_city import load_city
from controller.operations.daemon_settings import DaemonChanges
from controller.plan.build import consider_device
from controller.plan.document import PlanFile
from controller.plan.observe import Observed, read_devices
from controller.plan.provenance.policy_copies import copy_policy
from controller.resilience.line_parts import SchoolLine
from controller.rollout.durable.rollout_store import RolloutStore
from controller.storage.audit.audit_trail import AuditKind
from controller.storage.whole_file import write_whole

FOLDER = "line-preference"
RECORD = "line-moves.json"
PATCH = "lines.patch"


@dataclass(frozen=True, slots=True)
class _PlannedMoves:
    """The moves whose routers could be read, as a patch of the policy, and the plan of the policy after it."""

    moves: tuple[LineMove, ...]
    patch: str
    plan: PlanFile


@dataclass
class PreferenceCycle:
    """Proposes the moves that brown-outs ask for; `on_spent` tells that a school has had its moves of the day.

    `find_folder` says where the daemon's own folder is, `find_states` how lines are; None: nobody looks at them.
    """

    find_folder: Callable[[], Path]
    load_scene: Callable[[], CycleScene]
    use_store: Callable[[CycleScene], AbstractContextManager[RolloutStore]]
    on_spent: Callable[[LineMove, str], None]
    user: str
    changes: DaemonChanges
    find_states: Callable[[], Mapping[SchoolLine, LineState] | None] = lambda: None

    def run(self, stop: Event) -> str:
        """Do one cycle; return what there is to say.

        Raises:
            TsunaguError: the cycle broke off.
        """
        folder = self.find_folder()
        if not any((folder / name).exists() for name in (SUPPLY, RECORD)):
            return ""  # no line was tested, so no policy needs to be read
        scene = self.load_scene().narrow(self.changes)
        daemon, now = scene.operations.daemon, scene.clock.now()
        states = self.find_states()
        wanted = list(list_wanted_moves(scene.city, LineSupplyBook(scene.folder).find_lines(), now, states))
        if not daemon.line_moves_a_day:
            wanted = []
        record = (find_record(scene.folder / RECORD, MoveRecord) or MoveRecord()).drop_old(now)
        # Of a line that nobody hears now nothing new is proposed; what stands is not taken back by silence either.
        unheard = [
            one
            for one in wanted
            if states is not None
            and not is_known_alive(one, states)
            and not any(kept.is_of(one) for kept in record.proposed)
        ]
        wanted = [one for one in wanted if one not in unheard]
        if daemon.changes is DaemonChanges.REPORT:
            return f"{_join(wanted)}: with 'changes: report' no plan is made of it" if wanted else ""
        day = now.astimezone(scene.city.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
        damped = damp_moves(wanted, record, daemon.line_moves_a_day, day)
        record = self._end_moves(scene, self._tell_spent(scene, record, damped, day), damped.allowed)
        said = [f"{one}: no more moves today" for one in damped.spent]
        said += [f"{one}: not proposed, its lines are not known to answer now" for one in unheard]
        if damped.allowed:
            said.append(self._propose(scene, record, damped, stop, is_seen=states is not None))
        return "; ".join(one for one in said if one)

    def _tell_spent(self, scene: CycleScene, record: MoveRecord, damped: DampedMoves, day: datetime) -> MoveRecord:
        """Tell each school once a day that it has had its moves."""
        for move in damped.spent:
            if any(one.school == move.school and one.at >= day for one in record.told):
                continue
            most = scene.operations.daemon.line_moves_a_day
            record = _keep(scene, record.model_copy(update={"told": (*record.told, _note(scene, move))}))
            self._audit(scene, "line-moves-spent", move)
            self.on_spent(move, f"{most} moves of the line preference were proposed today; no more before midnight")
        return record

    def _end_moves(self, scene: CycleScene, record: MoveRecord, allowed: Sequence[LineMove]) -> MoveRecord:
        """Take back what is wanted no more, or was taken in."""
        kept = tuple(one for one in record.proposed if any(one.is_of(move) for move in allowed))
        if not allowed:
            _remove_files(scene.folder / FOLDER)
        if kept == record.proposed:
            return record
        for one in record.proposed:
            if one not in kept:
                self._audit(scene, "line-move-ended", LineMove(one.school, one.line, one.back))
        return _keep(scene, record.model_copy(update={"proposed": kept}))

    def _propose(
        self, scene: CycleScene, record: MoveRecord, damped: DampedMoves, stop: Event, *, is_seen: bool
    ) -> str:
        folder = scene.folder / FOLDER
        if not damped.new and record.policy == scene.city.digest and _stands(folder, scene.clock.now()):
            return _explain(scene, damped.allowed, is_seen=is_seen)
        with self.use_store(scene) as store:
            active = store.find_active()
        if active is not None:
            return f"{_join(damped.allowed)}: planned when the rollout {active} has ended"
        planned = plan_moves(scene, damped.allowed, self.user)
        if planned is None:
            return f"{_join(damped.allowed)}: cannot be planned, the routers could not be read or judged"
        if stop.is_set():
            return ""
        new = [one for one in damped.new if one in planned.moves]
        record = record.model_copy(
            update={
                "policy": scene.city.digest if planned.moves == damped.allowed else "",
                "proposed": tuple(_note(scene, one) for one in planned.moves),
                "made": (*record.made, *(_note(scene, one) for one in new)),
            }
        )
        # Counted first: whatever breaks off behind this makes no second move of it.
        _keep(scene, record)
        for one in new:
            self._audit(scene, "line-move-proposed", one)
        _save_files(scene, planned)
        return _explain(scene, planned.moves, is_seen=is_seen)

    def _audit(self, scene: CycleScene, change: str, move: LineMove) -> None:
        way = "back" if move.back else "away"
        scene.trail.record(AuditKind.DAEMON, change=change, school=move.school, line=move.line, way=way, by=self.user)


def plan_moves(scene: CycleScene, moves: Sequence[LineMove], planner: str) -> _PlannedMoves | None:
    """Return the moves as a patch and a proved plan, without the schools whose devices cannot be read or judged.

    Raises:
        TsunaguError: the policy cannot be edited or loaded, or the proof fails.
    """
    schools = {one.school for one in moves}
    read = read_devices(
        [one for one in scene.devices if one.school.id in schools], scene.transport, lambda _: None, only_read=True
    )
    left = list(moves)
    while left:
        planned, unplanned = _plan_edit(scene, left, read, planner)
        if planned is not None:
            return planned
        left = [one for one in left if one.school not in unplanned]
    return None


def _plan_edit(
    scene: CycleScene, moves: Sequence[LineMove], read: Sequence[Observed], planner: str
) -> tuple[_PlannedMoves | None, set[str]]:
    """Return the plan of the edited policy, or the schools that keep it from being made."""
    schools = {one.school for one in moves}
    with copy_policy(scene.policies, type(scene.city), scene.operations.get_bounds(), scene.clock.now()) as (old, copy):
        if old.digest != scene.city.digest:
            message = f"{scene.policies}: the policy was changed in this moment; it is planned at the next turn"
            raise DaemonRefused(message)
        source = InputFolder(copy)
        before = source.read_text(NAME)
        after = edit_preferences(before, moves)
        write_whole(after.encode(), copy / NAME)
        city = load_city(copy, estate=type(scene.city), on=old.policy_date, bounds=scene.operations.get_bounds())
        found = [consider_device(city, one) for one in read if one.device.school.id in schools]
        plan = plan_drift(replace(scene, city=city), found, planner)
    reached = set() if plan is None else set(plan.touched_schools)
    if plan is None or reached != schools:
        return None, schools - reached
    return _PlannedMoves(tuple(moves), format_patch(before, after), plan), set()


def _save_files(scene: CycleScene, planned: _PlannedMoves) -> None:
    folder = scene.folder / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(planned.patch.encode(), folder / PATCH)
    except OSError as error:
        message = f"{folder}: the proposal cannot be kept: {error.strerror}"
        raise DaemonRefused(message) from None
    propose_plan(replace(scene, folder=folder), planned.plan)


def _remove_files(folder: Path) -> None:
    if not folder.is_dir():
        return
    remove_proposal(folder)
    try:
        (folder / PATCH).unlink(missing_ok=True)
    except OSError as error:
        message = f"{folder / PATCH}: cannot be removed: {error.strerror}"
        raise DaemonRefused(message) from None


def _stands(folder: Path, now: datetime) -> bool:
    proposal = find_proposal(folder)
    same = proposal is not None and is_same_proposal(proposal.plan, proposal.plan, now)
    return same and (folder / PATCH).is_file()


def _explain(scene: CycleScene, moves: Sequence[LineMove], *, is_seen: bool) -> str:
    """Say what stands and how to take it in; `is_seen`: that the next lines answer is known."""
    unseen = "" if is_seen else _name_unseen_lines(moves)
    policies, patch = (shlex.quote(str(one)) for one in (scene.policies, scene.folder / FOLDER / PATCH))
    return (
        f"{_join(moves)}: a proved plan waits in {scene.folder / FOLDER}; to take it in: git -C {policies} apply "
        f"{patch}, and commit it; the daemon rolls it out within its limits{unseen}"
    )


def _name_unseen_lines(moves: Sequence[LineMove]) -> str:
    """The lines that would carry what leaves another one: only their contracts are known here, not if they answer."""
    lines = [f"{one.school} {one.ways[0][0]}" for one in moves if one.ways]
    if not lines:
        return ""
    return f"; not tested, known by contract alone: {', '.join(lines)}; look first whether they answer"


def _keep(scene: CycleScene, record: MoveRecord) -> MoveRecord:
    keep_record(scene.folder / RECORD, record)
    return record


def _note(scene: CycleScene, move: LineMove) -> NotedMove:
    return NotedMove(school=move.school, line=move.line, back=move.back, at=scene.clock.now())


def _join(moves: Sequence[LineMove]) -> str:
    return ", ".join(str(one) for one in moves)
