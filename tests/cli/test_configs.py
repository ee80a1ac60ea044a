"""`tsunagu plan --configs` and `tsunagu prove --configs`: for an engineer who wants to look before trusting."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.output import Exit
from tests.cli.running import ROOT, here
from tests.policies import PolicyFolder

SHIPPED = ("--policies", str(ROOT / "policies"), "--school", "kw-s01")


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A school whose router and access points are on platforms that are not built."""
    policies = PolicyFolder(tmp_path_factory.mktemp("unbuilt"))
    policies.unbuilt()
    return "--policies", str(policies.path), "--school", "kw-s01"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, school: tuple[str, ...]) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    done = here("render", "-o", "configs", *school, cwd=folder)
    assert done.code == Exit.NOT_SUPPORTED, done.errors
    assert done.said.startswith("rendered: 4 devices into configs; 32 filters proved; 16 devices not supported")
    return folder / "configs"


def test_what_a_reader_sees_of_four_switches(rendered: Path, tmp_path: Path, school: tuple[str, ...]) -> None:
    """One as wanted beside lines of others, one changed, one refused, one missing; and those not supported."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in rendered.iterdir()}
    configs = tmp_path / "configs"
    configs.mkdir()
    core = texts["kw-s01-core1.cfg"]
    (configs / "kw-s01-core1.cfg").write_text(f"hostname core1\n{core}ntp server 192.0.2.1\nend\n", encoding="utf-8")
    floor = texts["kw-s01-floor1.cfg"]
    assert "switchport access vlan 10\n" in floor
    changed = floor.replace("switchport access vlan 10\n", "switchport access vlan 20\n", 1)
    (configs / "kw-s01-floor1.cfg").write_text(changed, encoding="utf-8")
    (configs / "kw-s01-floor2.cfg").write_text(floor + " switchport strange words\n", encoding="utf-8")
    broken = "ip access-list extended TSN-10-from-4-00000000\n permit strange words\n"
    (configs / "kw-s01-floor2.cfg").write_text(floor + broken, encoding="utf-8")

    done = here("plan", "--configs", "configs", *school, cwd=tmp_path)
    assert done.code == Exit.FAILED, done.errors
    assert "Traceback" not in done.errors
    lines = done.said.splitlines()
    count = sum(bool(line.strip(" !")) for line in core.splitlines())
    counted = f"{count + 3} lines read: {count} are managed and understood, 3 are unmanaged and left alone"
    assert f"kw-s01-core1: {counted}" in lines
    assert "kw-s01-core1: nothing would change" in lines
    where = lines.index("kw-s01-floor1 (cisco_ios) would change:")
    assert lines[where + 1 : where + 3] == [
        "  - port GigabitEthernet1/0/1 access 20 unfiltered",
        "  + port GigabitEthernet1/0/1 access 10 unfiltered",
    ]
    refused = next(index for index, line in enumerate(lines) if line.startswith("x configs/kw-s01-floor2.cfg"))
    assert f"configs/kw-s01-floor2.cfg:{floor.count(chr(10)) + 2}:" in "".join(lines[refused : refused + 3])
    missing = "! not judged, no configuration was given: kw-s01-floor3: VLANs and ports, and ways past the filters"
    assert missing in lines
    assert "not supported: 16 devices (aruba_ap 15, nec_ix 1)" in lines
    assert "plan: 1 of 20 devices would change, 1 are as wanted" in lines


def test_a_wrong_filter_is_shown_as_a_packet_with_rule_and_line(
    rendered: Path, tmp_path: Path, school: tuple[str, ...]
) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    text = (rendered / "kw-s01-core1.cfg").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "host 203.0.113.11 eq 443" in line)
    number = text.splitlines().index(line) + 1
    wider = line.replace("host 203.0.113.11 eq 443", "any eq 443")
    (configs / "kw-s01-core1.cfg").write_text(text.replace(line, wider, 1), encoding="utf-8")
    done = here("prove", "--configs", "configs", *school, cwd=tmp_path)
    assert done.code == Exit.DIFFERS, done.errors
    found = [shown for shown in done.said.splitlines() if shown.startswith("x kw-s01-core1 ")]
    assert len(found) == 1
    assert f"configs/kw-s01-core1.cfg:{number}: permits tcp 10.33." in found[0]
    assert "no rule permits it (default deny); the compiler has such a line for web (" in found[0]
    assert done.said.splitlines()[-2] == ("proof: 32 filters of 1 devices judged: NOT equal; 0 devices not judged")


def test_a_failure_is_not_hidden_by_what_comes_after_it(tmp_path: Path, school: tuple[str, ...]) -> None:
    """A difference weighs more than a platform that is not built yet, whichever comes first."""
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "kw-s01-rt1.cfg").write_text("ip route default gateway pp 1\n", encoding="utf-8")
    (configs / "kw-s01-core1.cfg").write_text("hostname core1\nend\n", encoding="utf-8")
    done = here("prove", "--configs", "configs", *school, cwd=tmp_path)
    assert done.code == Exit.DIFFERS, done.said
    assert "no filter is in force; everything passes" in done.said
    assert "platform 'nec_ix' is not built yet" in done.said


def test_a_port_past_the_filters_is_a_difference(rendered: Path, tmp_path: Path, school: tuple[str, ...]) -> None:
    """Equal filters say nothing where a port puts other packets before them."""
    configs = tmp_path / "configs"
    configs.mkdir()
    core = (rendered / "kw-s01-core1.cfg").read_text(encoding="utf-8")
    old = " switchport trunk allowed vlan 10,11,20,21,30,40,90,98\n"
    assert old in core
    moved = core.replace(old, " switchport trunk allowed vlan 10,20\n", 1)
    (configs / "kw-s01-core1.cfg").write_text(moved, encoding="utf-8")
    done = here("prove", "--configs", "configs", *school, cwd=tmp_path)
    assert done.code == Exit.DIFFERS
    assert "port GigabitEthernet1/0/1 trunk 10,11,20,21,30,40,90,98" in done.said
    assert "it is GigabitEthernet1/0/1 trunk 10,20" in done.said


def test_every_device_of_the_shipped_school_is_rendered_and_judged(tmp_path: Path) -> None:
    done = here("render", "-o", "configs", *SHIPPED, cwd=tmp_path)
    assert done.code == Exit.GOOD, done.errors
    assert done.said.startswith(
        "rendered: 20 devices into configs; 32 filters and 16 route policies and 45 wireless networks proved; "
        "0 devices not supported"
    )
    judged = here("prove", "--configs", "configs", *SHIPPED, cwd=tmp_path)
    assert judged.code == Exit.GOOD, judged.errors
    assert "45 wireless networks of 20 devices judged: equal; 0 devices not judged" in judged.said


def test_a_network_that_no_longer_isolates_is_shown_with_the_line_of_the_policy(tmp_path: Path) -> None:
    assert here("render", "-o", "configs", *SHIPPED, cwd=tmp_path).code == Exit.GOOD
    file = tmp_path / "configs/kw-s01-ap3.cfg"
    text = file.read_text(encoding="utf-8")
    old = "ssid=school-pupil\nap_isolate=1\n"
    assert old in text
    file.write_text(text.replace(old, old.replace("=1", "=0")), encoding="utf-8")
    done = here("prove", "--configs", "configs", *SHIPPED, cwd=tmp_path)
    assert done.code == Exit.DIFFERS, done.errors
    (found,) = (line for line in done.said.splitlines() if line.startswith("x kw-s01-ap3"))
    assert "network 'school-pupil' lets its clients reach one another; the policy isolates segment pupil (" in found
    assert "policies/city/blueprints.yaml:" in found


def test_other_vlans_in_the_database_are_differences(rendered: Path, tmp_path: Path, school: tuple[str, ...]) -> None:
    """A VLAN that is in no database passes through no port, whatever ports and filters say."""
    configs = tmp_path / "configs"
    configs.mkdir()
    core = (rendered / "kw-s01-core1.cfg").read_text(encoding="utf-8")
    for old, new in (
        ("vlan 20\n name TSN-pupil\n", ""),
        ("vlan 30\n name TSN-printers\n", "vlan 30\n name TSN-copiers\n"),
        ("vlan 40\n name TSN-guest\n", "vlan 40\n name visitors\n"),
        ("vlan 90\n", "vlan 77\n name TSN-forgotten\nvlan 90\n"),
    ):
        assert old in core, old
        core = core.replace(old, new, 1)
    (configs / "kw-s01-core1.cfg").write_text(core, encoding="utf-8")
    line = core.splitlines().index("vlan 40") + 2
    done = here("prove", "--configs", "configs", *school, cwd=tmp_path)
    assert done.code == Exit.DIFFERS
    for said in (
        "x kw-s01-core1: VLAN 20 TSN-pupil is wanted; it is missing, or not ours by its name",
        "x kw-s01-core1: VLAN 30 TSN-printers is wanted; its name is TSN-copiers",
        "x kw-s01-core1: VLAN 40 TSN-guest is wanted; it is missing, or not ours by its name",
        "x kw-s01-core1: VLAN 77 TSN-forgotten is there, which the device does not need",
        f"x configs/kw-s01-core1.cfg:{line}: conflict: VLAN 40 TSN-guest must stand where 'name <redacted>' is, ",
    ):
        assert said in done.said, done.said


def test_the_way_from_a_factory_new_device_is_proved_beside_what_it_lacks(
    tmp_path: Path, school: tuple[str, ...]
) -> None:
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "kw-s01-core1.cfg").write_text("hostname core1\nend\n", encoding="utf-8")
    done = here("prove", "--configs", "configs", *school, cwd=tmp_path)
    assert done.code == Exit.DIFFERS
    assert "no filter is in force; everything passes" in done.said
    (way,) = [line for line in done.said.splitlines() if "every state on the way to the policy" in line]
    assert way.startswith("  holds  ")
    assert way.endswith("(4)")
