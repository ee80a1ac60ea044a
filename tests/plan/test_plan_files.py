"""Looking before trusting: saved configurations read, compared and planned, without any device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import ConfigRefused, InputError, ProofFailed, TsunaguError
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.plan.build import build_plan, choose_canary, consider_device
from controller.plan.document import DevicePlan
from controller.plan.observe import NotSupported, Observed
from controller.plan.saved_configurations import NoConfiguration, read_saved_configurations
from controller.plan.select import Selection, find_device, select_devices
from controller.platforms.registry import load_platform
from tests.policies import PolicyFolder


@pytest.fixture
def unbuilt(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city whose routers and access points are on platforms that are not built."""
    policies = PolicyFolder(tmp_path_factory.mktemp("unbuilt"))
    policies.unbuilt()
    return policies.load()


@pytest.fixture
def configs(city: City, device: Device, tmp_path: Path) -> Path:
    """A folder with the configuration that the device should have, beside lines that are not ours."""
    system = load_platform(device.platform)
    text = system.render(compile_device(city, device, system.capabilities).wanted)
    (tmp_path / f"{device.id}.cfg").write_text(
        f"hostname {device.id}\n{text}ntp server 192.0.2.1\nend\n", encoding="utf-8"
    )
    return tmp_path


def test_what_is_ours_is_understood_and_the_rest_left_alone(city: City, device: Device, configs: Path) -> None:
    (seen,) = read_saved_configurations([device], configs)
    assert seen.observation is not None
    assert [line.text for line in seen.observation.unmanaged] == [
        f"hostname {device.id}",
        "ntp server 192.0.2.1",
        "end",
    ]
    assert seen.observation.managed + 3 == seen.observation.lines
    found = consider_device(city, seen)
    assert (found.changes, found.differs, found.refusal, found.filters_proved) == ((), False, None, 32)


def test_a_line_taken_out_is_what_would_change(city: City, device: Device, configs: Path) -> None:
    path = configs / f"{device.id}.cfg"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines.remove(next(line for line in lines if "host 203.0.113.11 eq 443" in line))
    path.write_text("".join(lines), encoding="utf-8")
    found = consider_device(city, read_saved_configurations([device], configs)[0])
    assert found.differs
    assert found.changes[0] == "~ filter from staff IPv4"
    assert found.changes[1].endswith("-> 203.0.113.11/32 port 443  (staff-ai)")
    assert len(found.changes) == 2


def test_an_empty_configuration_needs_everything(city: City, device: Device, tmp_path: Path) -> None:
    (tmp_path / f"{device.id}.cfg").write_text("hostname new\nvtp mode transparent\nend\n", encoding="utf-8")
    found = consider_device(city, read_saved_configurations([device], tmp_path)[0])
    assert found.intent is not None
    wanted = found.intent.wanted
    parts = (wanted.vlans, wanted.ports, wanted.interfaces, wanted.filters)
    assert len(found.changes) == sum(map(len, parts))
    assert all(change.startswith("+ ") for change in found.changes)


def test_an_unknown_word_inside_what_is_ours_is_refused_with_file_and_line(
    city: City, device: Device, configs: Path
) -> None:
    path = configs / f"{device.id}.cfg"
    text = path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "host 203.0.113.11 eq 443" in line)
    number = text.splitlines().index(line) + 1
    path.write_text(text.replace(line, f"{line} time-range OFFICE", 1), encoding="utf-8")
    (seen,) = read_saved_configurations([device], configs)
    assert isinstance(seen.refusal, ConfigRefused)
    assert f"{path}:{number}:" in str(seen.refusal)
    found = consider_device(city, seen)
    assert found.refusal is seen.refusal
    assert not found.changes


def test_a_file_that_is_no_text(device: Device, tmp_path: Path) -> None:
    (tmp_path / f"{device.id}.cfg").write_bytes(b"hostname \xff\n")
    (seen,) = read_saved_configurations([device], tmp_path)
    assert isinstance(seen.refusal, TsunaguError)
    assert str(seen.refusal).startswith(f"{tmp_path / device.id}.cfg:1: cannot be read as UTF-8 text: ")


def test_a_missing_file_and_a_missing_platform_are_said_device_by_device(unbuilt: City, configs: Path) -> None:
    devices = select_devices(unbuilt, Selection(("kw-s01",)))
    seen = {one.device.id: one.refusal for one in read_saved_configurations(devices, configs)}
    assert seen["kw-s01-core1"] is None
    assert isinstance(seen["kw-s01-floor1"], NoConfiguration)
    assert str(seen["kw-s01-floor1"]).startswith("kw-s01-floor1: no configuration was given (")
    assert isinstance(seen["kw-s01-rt1"], NotSupported)
    assert str(seen["kw-s01-rt1"]) == "kw-s01-rt1: not supported: platform 'nec_ix' is not built yet"


def test_a_file_of_no_selected_device_is_a_mistake(device: Device, configs: Path) -> None:
    for name in ("as-e01-core1", "typo"):
        (configs / f"{name}.cfg").write_text("", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_saved_configurations([device], configs)
    assert [str(problem).replace(f"{configs}/", "") for problem in refused.value.problems] == [
        "as-e01-core1.cfg:1: belongs to no selected device; files are named DEVICE.cfg, e.g. kw-s01-core1.cfg",
        "typo.cfg:1: belongs to no selected device; files are named DEVICE.cfg, e.g. kw-s01-core1.cfg",
    ]
    with pytest.raises(InputError, match=r"belongs to no selected device; files are named DEVICE.cfg$"):
        read_saved_configurations([], configs)


@pytest.mark.parametrize(
    ("line", "content", "why"),
    [
        (1, "", "is empty; save what"),
        (1, " \n\n", "is empty; save what"),
        (1, "\n<!DOCTYPE html>\n<html></html>\n", "is a web page; save what"),
        (2, "hostname a\n --More-- \nend\n", "the stop of a pager stands here; switch the pager off"),
        (3, "hostname a\n!\n --More--\b\b\b\b interface a\n", "the stop of a pager stands here"),
        (2, "hostname a\n<--- More --->\n", "the stop of a pager stands here"),
        (2, "show running-config\n% Invalid input detected at '^' marker.\n", "the device refused a command here"),
    ],
)
def test_what_is_no_whole_configuration_is_refused(
    device: Device, configs: Path, line: int, content: str, why: str
) -> None:
    (configs / f"{device.id}.cfg").write_text(content, encoding="utf-8")
    (seen,) = read_saved_configurations([device], configs)
    assert str(seen.refusal).startswith(f"{configs / device.id}.cfg:{line}: {why}")


def test_a_word_of_a_pager_inside_a_line_is_a_word(device: Device, configs: Path) -> None:
    path = configs / f"{device.id}.cfg"
    path.write_text(path.read_text(encoding="utf-8") + "! 50 --More-- % Invalid input\n", encoding="utf-8")
    (seen,) = read_saved_configurations([device], configs)
    assert seen.refusal is None


@pytest.mark.parametrize(
    "ending", ["", ".txt", ".CFG", ".conf", ".cfg.txt", ".cfg~", ".cfg.gz", ".cfg.bak", "_running"]
)
def test_a_file_that_is_called_in_another_way_is_named(device: Device, configs: Path, ending: str) -> None:
    path = configs / f"{device.id}.cfg"
    other = configs / f"{device.id}{ending}"
    other.write_bytes(path.read_bytes())
    read_saved_configurations([device], configs)  # the one that is read is there
    path.unlink()
    with pytest.raises(InputError) as refused:
        read_saved_configurations([device], configs)
    assert [str(one) for one in refused.value.problems] == [f"{other}:1: is not read; rename it to {device.id}.cfg"]


def test_a_missing_folder(device: Device, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere:1: no such folder"):
        read_saved_configurations([device], tmp_path / "nowhere")


def test_the_plan_of_what_was_read(unbuilt: City, device: Device, configs: Path) -> None:
    (configs / "kw-s01-floor1.cfg").write_text("hostname floor\nvtp mode transparent\nend\n", encoding="utf-8")
    devices = select_devices(unbuilt, Selection(("kw-s01",)))
    found = [consider_device(unbuilt, one) for one in read_saved_configurations(devices, configs)]
    plan = build_plan(unbuilt, found)
    assert (plan.city, plan.policy, plan.estate, plan.canary) == (unbuilt.id, unbuilt.digest, "real", "kw-s01")
    core, floor = plan.devices
    assert (core.device, core.steps, core.changes, core.filters_proved) == (device.id, (), (), 32)
    assert core.states == (core.seen,)
    assert (floor.device, floor.filters_proved) == ("kw-s01-floor1", 0)
    assert [step.title for step in floor.steps] == ["make VLANs", "set ports"]
    intent = consider_device(
        unbuilt, read_saved_configurations([find_device(unbuilt, "kw-s01-floor1"), device], configs)[0]
    ).intent
    assert intent is not None
    assert floor.states[-1] == intent.wanted.compute_digest()
    assert {(one.device, one.kind) for one in plan.unplanned} >= {
        ("kw-s01-floor2", "failed"),
        ("kw-s01-rt1", "not supported"),
        ("kw-s01-ap15", "not supported"),
    }
    assert len(plan.devices) + len(plan.unplanned) == len(devices)


def test_a_plan_of_nothing_has_no_canary(city: City, device: Device) -> None:
    refused = Observed(device, refusal=NotSupported(device, "is not built yet"))
    plan = build_plan(city, [consider_device(city, refused)])
    assert (plan.canary, plan.devices) == ("", ())


def test_the_operators_canary_goes_first_else_the_smallest_school(city: City) -> None:
    """The virtual city's canary says nothing of the real schools."""
    pupils = {name: city.school_by_id[name].pupils for name in ("as-e04", "kw-s01", "tk-e12")}
    assert min(pupils, key=lambda name: pupils[name]) == "kw-s01"
    said: list[dict[str, Any]] = [{"school": name, "steps": ()} for name in pupils]
    devices = [DevicePlan.model_construct(**one) for one in said]
    assert choose_canary(city, devices) == "kw-s01"
    assert choose_canary(city, devices, "tk-e12") == "tk-e12"
    assert choose_canary(city, devices, "sw-h01") == "kw-s01", "nothing changes there"
    assert choose_canary(choose_virtual_city(city), devices) == "as-e04"


def test_a_policy_too_large_for_the_device_refuses_that_device_only(
    city: City, device: Device, configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> None:
        message = f"{device.id}: filter TSN needs 2000 entries; cisco_ios takes 1000. Name fewer or larger prefixes."
        raise TsunaguError(message)

    monkeypatch.setattr("controller.plan.derive.compile_device", too_large)
    found = consider_device(city, read_saved_configurations([device], configs)[0])
    assert str(found.refusal).startswith(f"{device.id}: filter TSN needs 2000 entries")
    plan = build_plan(city, [found])
    assert [(one.device, one.kind) for one in plan.unplanned] == [(device.id, "failed")]


def test_devices_that_are_right_one_by_one_and_let_others_through_together_are_no_plan(
    city: City, device: Device, configs: Path
) -> None:
    one = consider_device(city, read_saved_configurations([device], configs)[0])
    assert one.intent is not None
    open_core = replace(one, intent=replace(one.intent, wanted=replace(one.intent.wanted, bindings=())))
    with pytest.raises(
        ProofFailed, match=r"^The proof of paths failed; nothing was saved or applied:\n  kw-s01: nothing filters "
    ):
        build_plan(city, [open_core])
