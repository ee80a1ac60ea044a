from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab.network.virtual_cores.virtual_cores import CORE, set_clock_ahead
from controller.lab.state import paths, undo_log
from controller.lab.state.layout_planning import plan_layout
from controller.lab.state.processes import describe_process
from controller.model.virtual_city import VirtualCity
from tests.lab.mixed_city import mix


def test_a_clock_is_told_to_no_process_that_only_has_the_number_of_the_switch(
    city: VirtualCity, tmp_path: Path
) -> None:
    school = plan_layout(mix(city), 6).schools[0]
    paths.SwitchFiles(tmp_path, school.id).folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        now = describe_process(CORE, school.id, stranger.pid)
        undo_log.add_process(tmp_path, now.model_copy(update={"started": now.started - 1}))
        with pytest.raises(LabError, match=f"the virtual switch of {school.id} does not run"):
            set_clock_ahead(school, 60, tmp_path)
        assert stranger.poll() is None
        stranger.kill()
