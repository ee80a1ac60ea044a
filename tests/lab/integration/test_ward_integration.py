"""A school becomes one network stage by stage, and goes back, while its hosts keep sending.

Every kind of core and twenty killed rollouts are `make soak-integration` (docs/integration.md): they take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from controller.exit_codes import Exit
from controller.integration.interruption import RULES, InterruptionCause
from controller.lab import lifecycle as virtual_city
from controller.model.sites.stages import Stage
from tests.cli.running import Done
from tests.conftest import SharedLab, refuse_labs_of_others
from tests.lab.integration.ward_rollouts import Killed, WardRollouts
from tests.lab.integration.ward_scene import PLATFORMS, WardScene
from tests.lab.integration.ward_trial import StepSeen, WardTrial

pytestmark = pytest.mark.lab

WAY = (Stage.SEPARATED, Stage.COEXIST, Stage.INTEGRATED, Stage.COEXIST)
LEAST_TRIES = 200
ANNOUNCED_SECONDS = RULES[InterruptionCause.SOCKETS].seconds
KILL_AFTER = 1.5
"""Seconds after its begin: the switch is being changed then."""


@dataclass
class Way:
    """What came of the way there and back, and of a change before it whose post-check was to fail."""

    refused: Done
    reached_meanwhile: tuple[str, ...]
    drift_after_refusal: int
    states: list[str]
    killed: list[Killed]
    drift: list[int]
    seen: list[StepSeen]


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, shared_lab: SharedLab) -> Iterator[Way]:
    """First with hosts unplugged; then whole, killed in the middle step."""
    shared_lab.remove()
    refuse_labs_of_others()
    school = next(iter(PLATFORMS))
    scene = WardScene(tmp_path_factory.mktemp("ward"), {school: PLATFORMS[school]})
    layout = virtual_city.build_virtual_city(scene.load(), 1, lambda _: None)
    rollouts = WardRollouts(scene)
    try:
        with WardTrial(scene, layout) as trial:
            trial.see_factory_state()
            rollouts.roll_out()
            rollouts.set_gates(undo=True)
            refused, reached = trial.fail_post_check(Stage.COEXIST, rollouts.start)
            found = Way(refused, reached, rollouts.find_drift(), [], rollouts.killed, [], [])
            found.states += [one["state"] for one in rollouts.list_rollouts()]
            rollouts.cancel_stopped()
            for stage in WAY[1:]:
                rollouts.kill_at = [KILL_AFTER] if stage is Stage.INTEGRATED else []
                found.seen += trial.change_stage(stage, rollouts.roll_out)
                found.drift.append(rollouts.find_drift())
            yield found
    finally:
        virtual_city.remove_virtual_city(lambda _: None)


def test_a_failed_post_check_goes_back_by_itself_and_says_so(way: Way) -> None:
    assert way.refused.code == Exit.FAILED, way.refused
    assert "policy-probes" in way.refused.said + way.refused.errors
    assert "stopped" in way.states
    assert way.drift_after_refusal == Exit.GOOD
    assert way.reached_meanwhile == ()


def test_a_rollout_that_is_killed_ends_as_it_would_have(way: Way) -> None:
    (killed,) = way.killed
    assert not killed.ended
    assert "device-begun" in killed.after
    assert way.drift == [Exit.GOOD] * len(way.seen)


@pytest.mark.parametrize("number", range(len(WAY) - 1))
def test_what_both_stages_permit_is_never_lost_and_what_none_permits_never_passes(way: Way, number: int) -> None:
    """The senders of what none permits have all succeeded before the switch had a filter, or the trial has failed."""
    seen = way.seen[number]
    assert (seen.before, seen.after) == [*pairwise(WAY)][number]
    assert seen.kept_sent > LEAST_TRIES
    assert seen.kept_lost == ()
    assert seen.silent == ()
    assert 0.0 < seen.moved_gap <= ANNOUNCED_SECONDS
    assert seen.forbidden_tries > LEAST_TRIES
    assert seen.reached == ()
