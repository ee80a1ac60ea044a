"""The drill of a lost line with packets: it is cut, the gap is measured, and it is whole again afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.drills.drill_store import list_drills
from controller.errors import LabError
from controller.lab.faults import fault_injection
from controller.lab.network import connectivity
from controller.lab.state import paths, undo_log
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.lab.trials.line_drill import drill_line
from tests.cli.running import ROOT, here

pytestmark = pytest.mark.lab

PATIENCE = 30.0


@pytest.fixture
def whole(lab: Layout) -> Iterator[Layout]:
    """A lab with nothing broken and every session up, before and after."""
    assert wait_until(lambda: not connectivity.list_missing_connectivity(lab, paths.STATE), PATIENCE, every=0.2)
    yield lab
    fault_injection.repair_all_faults()


def test_a_line_is_cut_measured_and_repaired(whole: Layout, tmp_path: Path) -> None:
    school = whole.schools[0].id
    words = ("drill", "line", "--lab", "--school", school, "--state", str(tmp_path), "--with", "hanako")
    done = here(*words, "--policies", str(ROOT / "policies"), "--json", cwd=tmp_path)
    document = json.loads(done.said)
    assert document["failure"] == ""
    assert 0 < document["measured"]["rto_seconds"] < 10
    assert document["measured"]["rpo_seconds"] is None
    assert (done.code, document["passed"], document["people"][1]) == (0, True, "hanako")
    assert undo_log.read_active_record(paths.STATE).broken == ()
    assert [one.subject for one in list_drills(tmp_path)] == [f"the primary-line of {school}"]


def test_what_is_broken_already_is_no_drill_and_stays_broken(whole: Layout) -> None:
    fault = LabFault(where=whole.schools[0].id, kind=FaultKind.BACKUP)
    fault_injection.inject_fault(fault)
    with pytest.raises(LabError, match="that is no drill"):
        drill_line(fault.where, fault.kind)
    assert undo_log.read_active_record(paths.STATE).broken == (fault,)
