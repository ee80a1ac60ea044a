"""A drill of a lost region, from the first row to the last: cut, fail over, rebuild, switch back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controller.cloud.go_build import Progress
from controller.errors import Interrupted, LabError
from controller.lab.trials.region.databases.deployed_pair import DeployedPair
from controller.lab.trials.region.databases.pair_follower import PairFollower
from controller.lab.trials.region.drilled_person import PersonRequests
from controller.lab.trials.region.programs.drill_files import STATE
from controller.lab.trials.region.region_evidence import DrillStep, RegionEvidence
from controller.lab.trials.region.region_network import RegionNetwork, RegionNode
from controller.lab.trials.region.region_plan import plan_region_drill
from controller.lab.trials.region.region_scene import RegionScene, hold_drill_folder
from controller.lab.trials.region.rehearsed_stack import Deployment, DrilledStack, RehearsedStack
from controller.lab.trials.region.row_accounting import (
    RecoveryMoments,
    find_lost_rows,
    find_outage,
    find_unacknowledged_rows,
    measure_rpo,
    split_recovery,
)
from controller.lab.trials.region.row_writer import FIRST_SECONDS, RowWriter
from controller.messages import Catalogue, load_catalogue
from controller.model.virtual_city import VirtualCity
from stacks.settings.database_pair import DESIGNATE, FAILOVER, REBUILD, SWITCHOVER, OperationKind

ROWS_ASIDE = 50
"""So many rows are acknowledged before anything is lost, and again whenever it came back."""
BETWEEN_FIRST_SECONDS = 0.3
"""The link between the regions goes so much earlier than the rest: a disaster does not come in one moment. What is
acknowledged in between is lost, so that a drill sees each lost row named."""
DETECTED_FAILURES, DETECTED_SECONDS = 3, 2.0
"""A region is taken for lost when so many tries in a row have failed, for so long."""
_SETTLED_SECONDS = 120.0
_BACK_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class _Running:
    """What runs while a drill does."""

    stack: RehearsedStack
    network: RegionNetwork
    scene: RegionScene
    follower: PairFollower
    requests: PersonRequests
    writer: RowWriter

    @property
    def lost(self) -> RegionNode:
        """The region that is lost."""
        return self.network.regions[0]


class RegionDrill:
    """The drill; `evidence` is what it saw so far."""

    def __init__(  # noqa: PLR0913 what a drill is made of
        self,
        city: VirtualCity,
        policies: Path,
        stack: DrilledStack,
        programs: Path,
        *,
        say: Progress,
        words: Catalogue | None = None,
        state: Path = STATE,
    ) -> None:
        self._city, self._policies, self._stack, self._programs = city, policies, stack, programs
        self._tell, self._words, self._state = say, words or load_catalogue("en"), state
        self.evidence = RegionEvidence(stack.application, stack.primary.id, stack.standby.id)

    def run(self, steps: Sequence[OperationKind]) -> RegionEvidence:
        """Carry out steps that are in order; everything is removed afterwards, whatever happened.

        Raises:
            Interrupted: Ctrl-C; says what was not kept.
            LabError: something does not come up, or does not come back in time.
            CloudError: the engine refused.
            DrillRefused: another drill is at work on this machine.
        """
        try:
            with hold_drill_folder(self._state, self._tell) as folder, ExitStack() as held:
                running = self._build(folder, held)
                try:
                    self._carry_out(running, steps)
                finally:
                    self.evidence.answers = dict(running.requests.answers)
        except KeyboardInterrupt:
            raise Interrupted(describe_interruption(self.evidence)) from None
        return self.evidence

    def _build(self, folder: Path, held: ExitStack) -> _Running:
        self._say("step-up")
        stack = RehearsedStack(self._stack, folder / "cloud", self._policies, self._tell)
        self.evidence.deployments["first"] = stack.deploy()
        plan = plan_region_drill(self._city, self._stack, stack, folder)
        self.evidence.person = plan.who.person.label
        self._say("step-network", namespaces=", ".join(plan.network.namespaces))
        plan.network.create()
        scene = RegionScene(folder, plan.network, self._programs, plan.access)
        follower = held.enter_context(PairFollower(stack.world, self._stack.application, scene))
        follower.wait_until_settled(lambda pair: len(pair.instances) == len(plan.network.regions), _SETTLED_SECONDS)
        self._say("step-postgres")
        scene.start_frontend()
        for region in plan.network.regions:
            scene.start_service(region)
        requests = plan.make_requests()
        writer = held.enter_context(RowWriter(requests.send_row, plan.inside))
        return _Running(stack, plan.network, scene, follower, requests, writer)

    def _carry_out(self, running: _Running, steps: Sequence[OperationKind]) -> None:
        self._wait_for_rows(running, FIRST_SECONDS)
        self._fail_over(running)
        if REBUILD in steps:
            self._rebuild(running)
        if SWITCHOVER in steps:
            self._switch_over(running)
        running.writer.stop()
        self._count(running)

    def _fail_over(self, running: _Running) -> None:
        evidence, writer, stack = self.evidence, running.writer, running.stack
        cut = self._lose(running)
        if not writer.wait_for_failures(DETECTED_FAILURES, DETECTED_SECONDS, FIRST_SECONDS):
            message = f"{running.lost.id} is cut, and rows are acknowledged all the same: the drill proves nothing"
            raise LabError(message)
        detected = time.monotonic()
        self._say("step-detected", region=running.lost.id, standby=evidence.standby)
        decided, calls = time.monotonic(), stack.count_calls_to_the_lost()
        self._deploy(running, FAILOVER, evidence.standby)
        pair = running.follower.wait_until_settled(_is_written_in(running.network.regions[1]), _SETTLED_SECONDS)
        if not writer.wait_for_rows(ROWS_ASIDE, _BACK_SECONDS, since=decided):
            message = f"no row is acknowledged {_BACK_SECONDS:.0f} s after the failover: {running.requests.answers}"
            raise LabError(message)
        evidence.calls_to_the_lost = stack.count_calls_to_the_lost() - calls
        primary = _find_primary(pair, running.network.regions[1])
        asked = running.follower.get_moment("asked", primary)
        promoted = running.follower.get_moment("done", primary)
        evidence.outage = find_outage(writer.attempts, cut)
        if evidence.outage is not None:
            evidence.parts = split_recovery(evidence.outage, RecoveryMoments(detected, decided, asked, promoted))
        self._compare(running, primary, cut)
        self._say("step-writes", seconds=f"{evidence.rto_seconds or 0:.1f}", lost=len(evidence.lost))

    def _lose(self, running: _Running) -> float:
        """Cut the region: its links, its databases and its service; and Google answers nothing about it."""
        lost = running.lost
        running.network.cut_between()
        time.sleep(BETWEEN_FIRST_SECONDS)
        running.follower.lose(lost.location)
        running.network.cut_region(lost)
        cut = self.evidence.cut = time.monotonic()
        self.evidence.killed = running.scene.kill_region(lost)
        running.stack.lose(lost.location)
        self._say("step-cut", region=lost.id, killed=self.evidence.killed)
        return cut

    def _compare(self, running: _Running, primary: str, cut: float) -> None:
        """Name the rows that were acknowledged before the cut and are not in the new primary."""
        before = [one for one in running.writer.attempts if one.sent < cut]
        present = running.scene.databases[primary].list_rows()
        self.evidence.lost = find_lost_rows(before, present)
        self.evidence.unacknowledged = find_unacknowledged_rows(before, present)
        self.evidence.rpo_seconds = measure_rpo(self.evidence.lost, cut)

    def _rebuild(self, running: _Running) -> None:
        """The region comes back with its old database, which nobody is sent to; a new one follows the new primary."""
        evidence, lost = self.evidence, running.lost
        old = [one for one in running.scene.databases.values() if one.inside == lost.inside]
        running.network.repair()
        running.stack.give_back()
        for one in old:
            one.start()
        running.scene.start_service(lost)
        there = frozenset(number for one in old for number in one.list_rows())
        evidence.found_in_the_old = tuple(one.number for one in evidence.lost if one.number in there)
        self._say("step-back", region=lost.id, found=len(evidence.found_in_the_old))
        running.follower.lose()
        evidence.deployments["refresh"] = running.stack.refresh()
        began = time.monotonic()
        self._deploy(running, REBUILD, lost.id)
        running.follower.wait_until_settled(_has_follower_in(lost), _SETTLED_SECONDS)
        evidence.rebuilt_seconds = time.monotonic() - began
        self._wait_for_rows(running, _BACK_SECONDS)
        self._say("step-rebuilt", region=lost.id, seconds=f"{evidence.rebuilt_seconds:.1f}")

    def _switch_over(self, running: _Running) -> None:
        evidence, lost = self.evidence, running.lost
        self._deploy(running, DESIGNATE, lost.id)
        began = time.monotonic()
        self._deploy(running, SWITCHOVER, lost.id)
        pair = running.follower.wait_until_settled(_is_written_in(lost), _SETTLED_SECONDS)
        self._wait_for_rows(running, _BACK_SECONDS)
        running.writer.stop()
        primary = _find_primary(pair, lost)
        present = running.scene.databases[primary].list_rows()
        known_lost = {one.number for one in evidence.lost}
        missing = find_lost_rows(running.writer.attempts, present)
        evidence.turned_lost = tuple(one for one in missing if one.number not in known_lost)
        evidence.turned = find_outage(running.writer.attempts, began)
        follower = next(name for name, one in pair.instances.items() if one.master == primary)
        running.scene.databases[primary].wait_for_standby(running.scene.databases[follower])
        evidence.is_settled = running.scene.databases[follower].list_rows() == present
        evidence.deployments["refresh-at-the-end"] = running.stack.refresh()
        running.stack.expect_no_changes()
        self._say("step-turned", region=lost.id, lost=len(evidence.turned_lost))

    def _deploy(self, running: _Running, kind: OperationKind, region: str) -> Deployment:
        done = running.stack.deploy(kind, region)
        self.evidence.deployments[kind] = done
        self._say("step-deployed", kind=kind, region=region, seconds=f"{done.seconds:.1f}", changes=done.changes)
        return done

    def _wait_for_rows(self, running: _Running, seconds: float) -> None:
        """Wait until rows are acknowledged that are sent from now on.

        Raises:
            LabError: they are not in that time.
        """
        if not running.writer.wait_for_rows(ROWS_ASIDE, seconds, since=time.monotonic()):
            message = f"not {ROWS_ASIDE} rows are acknowledged in {seconds:.0f} s: {running.requests.answers}"
            raise LabError(message)
        self._count(running)

    def _count(self, running: _Running) -> None:
        self.evidence.acknowledged = running.writer.count_acknowledged()

    def _say(self, key: str, **marks: object) -> None:
        step = DrillStep(datetime.now(self._city.timezone), key, marks)
        self.evidence.steps.append(step)
        self._tell(step.describe(self._words))


def describe_interruption(evidence: RegionEvidence) -> str:
    """Return what an interrupted drill leaves, and what it had seen."""
    last = evidence.steps[-1].describe(load_catalogue("en")) if evidence.steps else "nothing had begun"
    rto = "not measured" if evidence.rto_seconds is None else f"{evidence.rto_seconds:.1f} s"
    return (
        f"the drill was broken off; the last step: {last}. Its network, processes, databases and deployment are "
        f"removed. Not kept: {evidence.acknowledged} acknowledged rows and both databases. RTO: {rto}. No real region "
        "was touched"
    )


def _is_written_in(region: RegionNode) -> Callable[[DeployedPair], bool]:
    """Whether the services of every region that serves are told to use an instance in this one."""

    def is_written(pair: DeployedPair) -> bool:
        used = [pair.find_used_instance(location) for location in pair.serving]
        return bool(used) and all(
            one is not None and one.is_primary and one.location == region.location for one in used
        )

    return is_written


def _has_follower_in(region: RegionNode) -> Callable[[DeployedPair], bool]:
    """Whether an instance in this region follows another one."""
    return lambda pair: any(one.master and one.location == region.location for one in pair.instances.values())


def _find_primary(pair: DeployedPair, region: RegionNode) -> str:
    """Return the name of the instance in a region that services are told to use.

    Raises:
        LabError: they are told none there.
    """
    used = (pair.find_used_instance(location) for location in pair.serving)
    found = next((one.name for one in used if one is not None and one.location == region.location), None)
    if found is None:
        message = f"no service is told to use a database in {region.id}"
        raise LabError(message)
    return found
