from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab.state import undo_log
from controller.lab.state.layout_planning import plan_layout
from controller.lab.state.paths import hold_lock
from controller.lab.state.processes import LabProcess
from controller.lab.state.undo_log import KernelSetting, LabRecord
from controller.model.virtual_city import VirtualCity


@pytest.fixture
def record(city: VirtualCity) -> LabRecord:
    settings = {"net/core/rmem_max": KernelSetting(before="1", ours="2")}
    return LabRecord(layout=plan_layout(city, 2), settings=settings, made_sshd_folder=True)


def test_a_record_comes_back_as_it_was(record: LabRecord, tmp_path: Path) -> None:
    undo_log.write_record(tmp_path, record)
    assert undo_log.read_record(tmp_path) == record


def test_no_lab(tmp_path: Path) -> None:
    assert undo_log.read_record(tmp_path) is None
    with pytest.raises(LabError, match="no lab is up; build it with 'tsunagu lab up'"):
        undo_log.read_active_record(tmp_path)


def test_half_a_lab_is_no_lab(record: LabRecord, tmp_path: Path) -> None:
    undo_log.write_record(tmp_path, record)
    with pytest.raises(LabError, match="only half built"):
        undo_log.read_active_record(tmp_path)
    undo_log.write_record(tmp_path, record.model_copy(update={"complete": True}))
    assert undo_log.read_active_record(tmp_path).complete


def test_a_damaged_record_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text('{"layout": ', encoding="utf-8")
    with pytest.raises(LabError, match="damaged or of another release"):
        undo_log.read_record(tmp_path)


def test_the_last_process_of_a_name_counts_and_a_cut_line_spoils_no_other(tmp_path: Path) -> None:
    first = LabProcess(name="sshd", school="as-e04", pid=1, started=1)
    second = first.model_copy(update={"pid": 2})
    undo_log.add_process(tmp_path, first)
    with (tmp_path / "processes.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"name":"ss')
    undo_log.add_process(tmp_path, second)
    assert undo_log.list_processes(tmp_path) == [first, second]
    assert undo_log.list_current_processes(tmp_path) == {("as-e04", "sshd"): second}


def test_two_commands_exclude_each_other(tmp_path: Path) -> None:
    with (
        hold_lock(tmp_path, "build"),
        pytest.raises(LabError, match="another 'tsunagu lab' command"),
        hold_lock(tmp_path, "go"),
    ):
        pass
    with hold_lock(tmp_path, "build again"):
        pass
