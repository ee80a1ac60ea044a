"""A city without a virtual city: nothing that is about the real schools asks for `lab.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import PolicyError
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.operations.operators_file import read_operators_file
from controller.plan.proof.proof_cache import CityKeys
from controller.plan.select import Selection, select_devices
from controller.plan.what_if.compare import compare_policies
from controller.prove.lint.device_access import check_device_access
from tests.cli.running import here
from tests.policies import TODAY, PolicyFolder

LAB = "city/lab.yaml"
WRITTEN = """format: 2
schools: [kw-e01]
canary: kw-e01
rates: {kw-e01: {primary: 400, backup: 100}}
platform: ovs
router-platform: frr
hosts: [{id: printer, segment: printers}]
"""


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    folder = PolicyFolder(tmp_path)
    (folder.path / LAB).unlink()
    return folder


def test_the_real_schools_need_no_lab_file(policies: PolicyFolder, tmp_path: Path) -> None:
    city = policies.load()
    assert city.canary == ""
    device = select_devices(city, Selection(schools=("kw-e01",)))[1]
    with_lab = PolicyFolder(tmp_path / "other").load()
    assert device.id == "kw-e01-core1"
    assert CityKeys(city).device_key(device) != CityKeys(with_lab).device_key(device)
    (unjudged,) = compare_policies(with_lab, city).unjudged
    assert unjudged.startswith("city/lab.yaml file: ")


def test_the_virtual_city_says_what_to_write(policies: PolicyFolder) -> None:
    with pytest.raises(PolicyError) as caught:
        _ = choose_virtual_city(policies.load()).estate_schools
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{policies.path}/{LAB}:1: file is missing; only the virtual city (`tsunagu lab`, ")
    said = problem.message
    for line in WRITTEN.splitlines():
        assert line.partition(":")[0] in said
    policies.write(LAB, WRITTEN)
    virtual = load_city(policies.path, on=TODAY, estate=VirtualCity)
    assert [school.id for school in virtual.estate_schools] == [virtual.canary] == ["kw-e01"]


@pytest.mark.parametrize(
    ("words", "code"), [(("check", "--on", "2026-12-01"), 0), (("prove", "--lab", "--all"), 1)], ids=["real", "lab"]
)
def test_commands_without_a_lab_file(policies: PolicyFolder, words: tuple[str, ...], code: int) -> None:
    done = here(*words, "--policies", str(policies.path), cwd=policies.path.parent)
    assert done.code == code, done
    if code:
        assert f"{policies.path}/{LAB}:1: file is missing; only the virtual city" in done.errors
    else:
        assert "0 errors" in done.said


def test_a_canary_that_is_no_school_is_an_error(policies: PolicyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    place = policies.path.parent / "operations.yaml"
    place.write_text("format: 1\nrollout: {canary: kw-e91}\n", encoding="utf-8")
    place.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(place))
    found = check_device_access(policies.load(), read_operators_file(policies=policies.path))
    (said,) = [str(one) for one in found if one.kind == "unknown canary"]
    assert said.startswith(f"{place}:2: error: unknown canary: 'kw-e91' is no school of ")
    place.write_text("format: 1\nrollout: {canary: kw-e01}\n", encoding="utf-8")
    found = check_device_access(policies.load(), read_operators_file(policies=policies.path))
    assert not [one for one in found if one.kind == "unknown canary"]
