from __future__ import annotations

import os
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab import lifecycle as virtual_city
from controller.lab.network import programs
from controller.lab.network.programs import run_program
from controller.lab.state import paths
from controller.model.virtual_city import VirtualCity


def test_without_root_nothing_is_touched(city: VirtualCity, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="root: run it as root"):
        virtual_city.build_virtual_city(city, 2, lambda _: None, tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PATH", "/nonexistent")
    with pytest.raises(LabError) as error:
        programs.check_requirements()
    assert "ovs-vswitchd" in str(error.value)
    assert "apt-get install" in str(error.value)
    assert "openvswitch-switch" in str(error.value)


def test_a_failed_program_is_quoted() -> None:
    with pytest.raises(LabError, match="exit code 3: it went wrong"):
        run_program(("sh", "-c", "echo it went wrong >&2; exit 3"))


def test_a_program_that_does_not_end() -> None:
    with pytest.raises(LabError, match="no answer in 0 s"):
        run_program(("sleep", "10"), timeout=0.2)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(LabError, match="cannot be run"):
        run_program(("no-such-program",))


def test_the_place_is_one_constant() -> None:
    assert Path("/run/tsunagu-lab") == paths.STATE
