"""`prove` and `plan` with `--configs`: what cannot be judged is said by name, with an exit code of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from controller.cli.output import Exit
from tests.cli.running import here
from tests.policies import PolicyFolder

TRUNK = "interface GigabitEthernet1/0/40\n switchport mode trunk\n"
CORE = "kw-s01-core1.cfg"


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A school of which only the switches are on platforms that are built."""
    policies = PolicyFolder(tmp_path_factory.mktemp("unbuilt"))
    policies.unbuilt()
    return "--policies", str(policies.path), "--school", "kw-s01"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, school: tuple[str, ...]) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    assert here("render", "-o", "configs", *school, cwd=folder).code == Exit.NOT_SUPPORTED
    return folder / "configs"


@pytest.fixture
def configs(rendered: Path, tmp_path: Path) -> Path:
    shutil.copytree(rendered, tmp_path / "configs")
    return tmp_path / "configs"


def append(path: Path, text: str) -> int:
    """Put text behind a file; the number of its first line."""
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    return before.count("\n") + 1


def test_a_trunk_of_others_leaves_paths_isolation_and_management_unjudged(
    configs: Path, school: tuple[str, ...]
) -> None:
    line = append(configs / CORE, TRUNK)
    done = here("prove", "--configs", "configs", *school, cwd=configs.parent)
    assert done.code == Exit.NOT_JUDGED, done.said
    lines = done.said.splitlines()
    (named,) = [one for one in lines if one.startswith("! not judged: kw-s01-core1:")]
    assert named.startswith(
        f"! not judged: kw-s01-core1:{line + 1}: trunk gigabitethernet1/0/40 ('switchport mode trunk')"
    )
    assert "touches staff, staff-legacy, pupil," in named
    for check in ("paths", "school-to-school isolation", "management from the controller only"):
        assert f"  -        {check}: not judged: kw-s01: 1 ways of others there touch what is ours" in lines
    assert "32 filters of 4 devices judged: equal" in done.said
    assert "not judged: 1 ways of others; " in lines[-1]

    told = json.loads(here("prove", "--configs", "configs", *school, "--json", cwd=configs.parent).said)
    (one,) = told["not_judged"]
    assert (one["device"], one["line"], one["kind"]) == ("kw-s01-core1", line + 1, "trunk")
    assert one["segments"][0] == "staff"


def test_a_plan_says_it_too(configs: Path, school: tuple[str, ...]) -> None:
    line = append(configs / "kw-s01-floor1.cfg", TRUNK)
    done = here("plan", "--configs", "configs", *school, cwd=configs.parent)
    assert done.code == Exit.NOT_JUDGED, done.said
    assert f"! not judged: kw-s01-floor1:{line + 1}: trunk " in done.said
    assert "not judged: 1 ways of others touch what is ours; what passes there is proved by nobody" in done.said
    told = json.loads(here("plan", "--configs", "configs", *school, "--json", cwd=configs.parent).said)
    assert [one["device"] for one in told["not_judged"]] == ["kw-s01-floor1"]


def test_a_difference_beside_it_is_still_told(configs: Path, school: tuple[str, ...]) -> None:
    path = configs / CORE
    text = path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "host 203.0.113.11 eq 443" in line)
    path.write_text(text.replace(line, line.replace("host 203.0.113.11 eq 443", "any eq 443"), 1), encoding="utf-8")
    append(path, TRUNK)
    done = here("prove", "--configs", "configs", *school, cwd=configs.parent)
    assert done.code == Exit.DIFFERS
    assert "x kw-s01: from " in done.said
    assert "! not judged: kw-s01-core1:" in done.said


@pytest.mark.parametrize("command", ["prove", "plan"])
def test_some_devices_of_a_school_are_judged_and_the_others_named(
    configs: Path, school: tuple[str, ...], command: str
) -> None:
    for name in ("floor1", "floor3"):
        (configs / f"kw-s01-{name}.cfg").unlink()
    done = here(command, "--configs", "configs", *school, cwd=configs.parent)
    assert done.code == Exit.NOT_JUDGED, done.said
    (missing,) = [line for line in done.said.splitlines() if line.startswith("! not judged, no configuration")]
    assert missing.endswith("kw-s01-floor1, kw-s01-floor3: VLANs and ports, and ways past the filters")
    told = json.loads(here(command, "--configs", "configs", *school, "--json", cwd=configs.parent).said)
    assert [one["device"] for one in told["missing"]] == ["kw-s01-floor1", "kw-s01-floor3"]


def test_files_of_another_school_are_named_and_not_read(configs: Path, school: tuple[str, ...]) -> None:
    for name in ("core1", "floor1", "floor2", "ap1"):
        (configs / f"kw-e01-{name}.cfg").write_text("--More--\n", encoding="utf-8")
    for command in ("prove", "plan"):
        done = here(command, "--configs", "configs", *school, cwd=configs.parent)
        assert done.code in {Exit.GOOD, Exit.NOT_SUPPORTED}, done.errors
        (line,) = [line for line in done.errors.splitlines() if "kw-e01" in line]
        assert line.startswith("not read, of devices that are not selected: 4 files (kw-e01-ap1.cfg, ")


def test_files_of_no_device_of_the_city_are_refused_with_one_line(configs: Path, school: tuple[str, ...]) -> None:
    for name in ("core7", "core8", "core9"):
        (configs / f"kw-e01-{name}.cfg").write_text("hostname x\n", encoding="utf-8")
    for command in ("prove", "plan"):
        done = here(command, "--configs", "configs", *school, cwd=configs.parent)
        assert done.code == Exit.FAILED
        (line,) = [line for line in done.errors.splitlines() if "kw-e01" in line]
        assert "kw-e01-core7.cfg:1: belongs to no selected device, nor do 2 more of kw-e01; files are named" in line


def test_a_folder_without_any_of_them_is_refused(tmp_path: Path, school: tuple[str, ...]) -> None:
    (tmp_path / "configs").mkdir()
    for command in ("prove", "plan"):
        done = here(command, "--configs", "configs", *school, cwd=tmp_path)
        assert (done.code, "holds no DEVICE.cfg of a selected device" in done.errors) == (Exit.FAILED, True)


def test_the_encoding_of_a_text_is_found_or_told_and_said(configs: Path, school: tuple[str, ...]) -> None:
    path = configs / CORE
    text = path.read_text(encoding="utf-8") + "interface GigabitEthernet1/0/41\n description 職員室\n shutdown\n"
    path.write_bytes(text.encode("cp932"))
    done = here("prove", "--configs", "configs", *school, cwd=configs.parent)
    assert done.code == Exit.GOOD, done.said
    assert "configs/kw-s01-core1.cfg: read as shift-jis" in done.said.splitlines()
    path.write_bytes(text.replace("職員室", "ｱｲｳｶ").encode("cp932"))
    refused = here("prove", "--configs", "configs", *school, cwd=configs.parent)
    assert refused.code == Exit.FAILED
    assert "say which: --encoding shift-jis, or euc-jp" in refused.said
    again = here("prove", "--configs", "configs", "--encoding", "shift-jis", *school, cwd=configs.parent)
    assert again.code == Exit.GOOD, again.said
