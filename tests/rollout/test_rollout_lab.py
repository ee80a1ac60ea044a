"""Plans carried out on real switches: what packets, processes and SSH say of them; the rest is `test_rollout.py`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import HostKeyRefused, LabError, LoginRefused
from controller.lab import lifecycle as virtual_city
from controller.lab.lab_operations import build_lab_operations
from controller.lab.state import paths
from controller.lab.state.layout import Layout
from controller.lab.trials.connection_attempts import attempt_connection
from controller.lab.trials.matrix import try_matrix
from controller.lab.trials.matrix_pairs import list_matrix_pairs
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.operations.device_access import CredentialSource
from controller.plan.observe import read_devices
from controller.plan.verify import verify_plan
from controller.platforms.registry import load_platform
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, roll_out
from tests.rollout.conftest import LAB_RESTORE_SECONDS, SSH, Apply, OneDay, consider_lab, plan_lab, read_running
from tests.rollout.memory_lab import RULE, derive_towards, lead_elsewhere, without_rule

pytestmark = pytest.mark.lab
TWICE = 1.5
"""Seconds in which TCP tries twice to connect (at 0 and 1 s)."""


def schools_of(lab: Layout) -> tuple[str, ...]:
    return tuple(school.id for school in lab.schools)


def test_a_plan_is_applied_once_and_then_changes_nothing(city: City, fresh_lab: Layout, apply_now: Apply) -> None:
    plan = plan_lab(city, schools_of(fresh_lab))
    assert [outcome.end for outcome in apply_now(city, plan)] == [End.APPLIED, End.APPLIED]
    assert [outcome.end for outcome in apply_now(city, plan)] == [End.UNCHANGED, End.UNCHANGED]
    assert not any(one.differs for one in consider_lab(city, schools_of(fresh_lab)))
    assert try_matrix(choose_virtual_city(city), control=False, progress=lambda _: None).agrees


def test_deleting_one_permit_closes_exactly_that_way(in_force: City, lab: Layout, apply_now: Apply) -> None:
    def open_ways(city: City) -> set[tuple[str, str, str, int]]:
        found = try_matrix(choose_virtual_city(city), control=False, progress=lambda _: None)
        assert found.agrees
        pairs = (one.pair for one in found.results if one.connected)
        return {(pair.school, pair.segment, pair.target.column, pair.target.family) for pair in pairs}

    before = open_ways(in_force)
    less = without_rule(in_force, RULE)
    apply_now(less, plan_lab(less, schools_of(lab)))
    after = open_ways(less)
    assert before - after == {(school, "staff", RULE, family) for school in schools_of(lab) for family in (4, 6)}
    assert after < before


def apply_what_cuts_management(city: City, device: Device, folder: Path) -> Outcome:
    """Carry out what a broken proof would let through: it cuts the controller's own session."""
    capabilities = load_platform(device.platform).capabilities
    wanted = compile_device(without_rule(city, "controller-ssh"), device, capabilities).wanted
    plan = plan_lab(city, (device.school.id,))
    (verified,) = verify_plan(city, plan)
    settings = Settings(LAB_RESTORE_SECONDS, folder, SSH, OneDay(), derive=derive_towards(wanted))
    return roll_out(city, plan, [lead_elsewhere(verified, wanted)], settings, [])[0]


def test_a_change_that_cuts_the_management_session_is_reverted_by_the_switch(
    in_force: City, devices: list[Device], tmp_path: Path
) -> None:
    device = devices[0]
    old = read_running(device)
    outcome = apply_what_cuts_management(in_force, device, tmp_path)
    assert outcome.end is End.REVERTED, outcome
    assert read_running(device) == old


def test_a_restart_keeps_the_filters_and_a_damaged_boot_file_closes_the_switch(
    in_force: City, lab: Layout, devices: list[Device]
) -> None:
    school = lab.schools[0].id
    before = read_running(devices[0])
    virtual_city.restart_switch(school)
    assert read_running(devices[0]) == before
    assert try_matrix(choose_virtual_city(in_force), (school,), control=False, progress=lambda _: None).agrees

    boot = paths.SwitchFiles(paths.STATE, school).own / "boot"
    whole = boot.read_bytes()
    boot.write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(LabError, match="damaged; nothing loaded"):
            virtual_city.restart_switch(school)
        tried = list(list_matrix_pairs(choose_virtual_city(in_force), lab, (school,)))
        assert any(pair.permitted for pair in tried)
        with ThreadPoolExecutor(48) as pool:
            assert not any(found.connected for found in pool.map(lambda pair: attempt_connection(pair, TWICE), tried))
    finally:
        boot.write_bytes(whole)
        virtual_city.restart_switch(school)
    assert read_running(devices[0]) == before


def test_a_wrong_password_and_a_wrong_host_key_are_refused(
    in_force: City, devices: list[Device], tmp_path: Path
) -> None:
    del in_force
    device = devices[0]
    password, no_keys = tmp_path / "password", tmp_path / "known_hosts"
    password.write_text("wrong\n", encoding="ascii")
    password.chmod(0o600)
    other = devices[1]
    access = build_lab_operations().access[device.access]
    keys = access.known_hosts.read_text(encoding="ascii").replace(str(other.management), "x")
    swapped = tmp_path / "swapped"
    lines = dict(line.split(" ", 1) for line in keys.splitlines())
    swapped.write_text(f"{device.management} {lines['x']}\n", encoding="ascii")

    def refusal(**update: object) -> Exception | None:
        transport = SshTransport({device.access: access.model_copy(update=update)})
        return read_devices([device], transport, lambda _: None)[0].refusal

    wrong_password = refusal(key=None, read_key=None, password=CredentialSource(file=password))
    assert isinstance(wrong_password, LoginRefused)
    assert "wrong" not in str(wrong_password).replace("wrongly", "")
    unknown = refusal(known_hosts=no_keys)
    assert isinstance(unknown, HostKeyRefused)
    assert f"tsunagu trust {device.id}" in str(unknown)
    changed_key = refusal(known_hosts=swapped)
    assert isinstance(changed_key, HostKeyRefused)
    assert "not the pinned one" in str(changed_key)
