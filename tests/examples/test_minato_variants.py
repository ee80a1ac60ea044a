"""What may differ in a city like Minato gets an answer or a refusal that names its place."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.cli.output import Exit
from tests.cli.running import ROOT, here

CONFIGURATIONS = "minato/configurations"
Change = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a copy of the example."""
    shutil.copytree(ROOT / "examples/minato", tmp_path / "minato")
    return tmp_path


@pytest.fixture
def change(folder: Path) -> Change:
    """Replaces a text, which must be there, in a file of the copy."""

    def replace_text(name: str, old: str, new: str) -> None:
        path = folder / "minato" / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace_text


def run(folder: Path, *words: str, code: int) -> str:
    done = here(*words, "--policies", "minato", cwd=folder)
    said = done.said + done.errors
    assert done.code == code, said[-3000:]
    return said


def test_a_word_that_the_proxy_does_not_know_is_an_error_of_check(folder: Path, change: Change) -> None:
    change("access/people.yaml", "{id: encrypted,", "{id: bitlocker,")
    change("access/rules.yaml", "[managed, encrypted]", "[managed, bitlocker]")
    said = run(folder, "check", code=Exit.FAILED)
    (line,) = [line for line in said.splitlines() if ": error: " in line]
    assert line.startswith(
        "minato/access/rules.yaml:14: error: proxy: identity.postures: 'bitlocker' has no meaning at"
    )
    assert line.endswith(
        "known: certificate, encrypted, managed, screen-lock (the id is the proxy's word, `name` is yours)"
    )


def test_a_segment_without_a_formula_needs_a_prefix_at_every_school(folder: Path, change: Change) -> None:
    change("city/schools/wan.yaml", "{id: office, ipv4: 172.21.7.0/24}, ", "")
    said = run(folder, "check", code=Exit.FAILED)
    assert re.search(
        r"segments\.yaml:5: ipv4: .* write ipv4: \{.*\}, or a prefix of its own at mn-07 \(.*wan\.yaml:\d+\)", said
    )


def test_a_cloud_application_has_an_address_of_some_family(folder: Path, change: Change) -> None:
    change("stack-outputs/production.json", '"ipv4": ["203.0.113.80"]', '"ipv4": []')
    said = run(folder, "check", code=Exit.FAILED)
    assert "production.json:6: applications.ledger: has no address; name at least one in 'ipv4' or 'ipv6'" in said


def test_explain_asks_for_no_place_that_the_city_does_not_have(folder: Path, change: Change) -> None:
    change("access/people.yaml", "  - {id: home, name: 国内, seen-by: [proxy]}\n", "")
    change("access/people.yaml", "  - {id: abroad, name: 国外, seen-by: [proxy]}\n", "")
    change("access/people.yaml", "places:", "places: []")
    rules = (folder / "minato/access/rules.yaml").read_text(encoding="utf-8")
    start = rules.index("  - id: ledger-not-abroad")
    change("access/rules.yaml", rules[start : rules.index("  - id: health-records")], "")
    words = ("explain", "--from", "mn-01/office", "--to", "ledger", "--role", "head", "--at", "2026-11-30T12:00")
    more = ("--posture", "managed", "--posture", "encrypted", "--device", "surface")
    assert "\n  permitted  permit ledger" in run(folder, *words, *more, code=Exit.GOOD)


def test_a_necessary_protocol_that_leads_to_another_school_is_found(folder: Path, change: Change) -> None:
    change(
        "access/necessities.yaml",
        "ports: [123, 123], source: [segment], destination: [gateway]",
        "ports: [123, 123], source: [segment], destination: [172.21.5.5/32]",
    )
    said = run(folder, "check", code=Exit.FAILED)
    assert "lets packets to 172.21.5.5/32 pass at every segment, and there is school mn-05" in said


def test_an_address_of_the_unused_family_on_a_switch_is_not_judged(folder: Path, change: Change) -> None:
    """The x530's own, in the management's VLAN; nothing of the policy says what may reach it."""
    words = ("plan", "--school", "mn-20", "--configs", CONFIGURATIONS)
    change(
        "configurations/hosaki3-sw1.cfg",
        " ip address 172.20.20.3/26\n",
        " ip address 172.20.20.3/26\n ipv6 address 2001:db8:1::3/64\n",
    )
    said = run(folder, *words, code=Exit.NOT_JUDGED)
    assert re.search(r"! not judged: hosaki3-sw1:\d+: vlan interface interface vlan190 .*touches ops", said)


@pytest.mark.parametrize(
    "lines",
    [
        "interface Vlan170\n ipv6 address 2001:db8:1::1/64\n",
        "ip dhcp pool SHOKUIN\n network 172.21.2.0 255.255.255.0\n default-router 172.21.2.254\n",
        "ipv6 route ::/0 2001:db8:1::9\n",
        "ip route 172.21.9.0 255.255.255.0 172.20.2.9\n",
    ],
)
def test_what_others_have_on_a_catalyst_is_judged_or_named(folder: Path, change: Change, lines: str) -> None:
    change("configurations/namiyoke1-sw1.cfg", "line vty 0 4\n", f"{lines}!\nline vty 0 4\n")
    run(folder, "plan", "--school", "mn-02", "--configs", CONFIGURATIONS, code=Exit.NOT_JUDGED)


def test_a_network_name_in_japanese_is_refused_in_words(folder: Path, change: Change) -> None:
    change("city/blueprints.yaml", "port-names:\n", "port-names:\n  hostapd: eth{n}\n")
    point = "{role: access-point, count: 1, platform: {catalyst-r3: hostapd}, ssids: [{ssid: 教室, segment: class}]}"
    change("city/blueprints.yaml", "    devices:\n", f"    devices:\n      - {point}\n")
    said = run(folder, "check", code=Exit.FAILED)
    assert re.search(r"blueprints\.yaml:11: .*an SSID is 1 to 32 ASCII letters, digits and signs", said)
    assert "pattern" not in said


def test_a_device_that_its_platform_cannot_be_is_a_warning_of_check(folder: Path, change: Change) -> None:
    """`prove` and `render` refuse it: an x530 cannot filter at a port that carries its VLAN without a tag."""
    ports = "          - {first: 1, last: 8, mode: trunk, segments: all} # floor switches\n"
    change(
        "city/blueprints.yaml", ports, f"{ports}          - {{first: 9, last: 12, mode: access, segments: [office]}}\n"
    )
    said = run(folder, "check", code=Exit.GOOD)
    (line,) = [line for line in said.splitlines() if ": warning: " in line]
    assert (
        "cores.yaml:22: warning: beyond the platform: 'plan', 'prove' and 'render' refuse namiyoke3-sw1 and 11" in line
    )
    assert "namiyoke3-sw1: allied_telesis_awplus cannot express what is wanted: port port1.0." in line


def test_a_router_of_whom_nobody_answers_is_a_warning_of_check(folder: Path) -> None:
    path = folder / "minato/city/blueprints.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("    # The x530 cannot match TCP flags")], encoding="utf-8")
    said = run(folder, "check", code=Exit.GOOD)
    assert "namiyoke3-sw1: allied_telesis_awplus lacks the capability 'established'" in said
    assert said.count("beyond the platform") == 1


def test_a_cause_is_said_once_where_schools_cannot_be_read(folder: Path, change: Change) -> None:
    change("city/schools/wan.yaml", "number: 8\n", "number: 08\n")
    said = run(folder, "check", code=Exit.FAILED)
    (line,) = [line for line in said.splitlines() if line.startswith("  ")]
    assert line.startswith("  minato/city/schools/wan.yaml:77: '08' is a number with leading zeros; write 8, ")


@pytest.mark.parametrize("school", ["mn-01", "mn-19"])
def test_what_is_ours_already_is_in_nobodys_way(folder: Path, change: Change, school: str) -> None:
    run(folder, "render", "--school", school, "-o", "rendered", code=Exit.GOOD)
    words = ("adopt", school, "--configs", "rendered")
    said = run(folder, *words, code=Exit.GOOD)
    assert "0 objects need only a name, 0 things contradict the policy" in said
    assert "opens and closes" not in said
    # The policy changes after that: it closes for visitors, and still nothing of others is in the way.
    change("access/rules.yaml", "[office, class, visitor]", "[office, class]")
    said = run(folder, *words, code=Exit.DIFFERS)
    assert re.search(r"closes 来校者 \(visitor\) -> .*tcp/443.* today: TSN-140-from-4-", said)
    assert "0 things contradict the policy" in said


def test_nothing_is_learnt_from_what_is_ours_already(folder: Path) -> None:
    run(folder, "render", "--school", "mn-01", "-o", "rendered", code=Exit.GOOD)
    run(folder, "adopt", "mn-01", "--configs", "rendered", "--propose-rules", "-o", "learnt.yaml", code=Exit.GOOD)
    learnt = (folder / "learnt.yaml").read_text(encoding="utf-8")
    assert re.search(r"visitor: IPv4, from its hosts: TSN-140-from-4-\w+ is ours; what it permits stands", learnt)
    assert "no list is in force" not in learnt


def test_objects_are_taken_over_by_a_plan_that_names_each(folder: Path, change: Change) -> None:
    change("city/schools/wan.yaml", "    adoption: filters\n", "    adoption: ports\n")
    where = ("--policies", "minato", "--configs", CONFIGURATIONS)
    proposed = json.loads(here("adopt", "mn-02", "--to", "ports", "--json", *where, cwd=folder).said)
    objects = [one["object"] for one in proposed["devices"][0]["hand_overs"] if one["needs"] == "name"]
    assert "vlan 120" in objects
    named = [word for one in objects for word in ("--take-over", f"namiyoke1-sw1:{one}")]
    said = run(folder, "plan", "--school", "mn-02", "--configs", CONFIGURATIONS, *named, code=Exit.NOT_JUDGED)
    assert "> take over vlan 120: name SEITO -> name TSN-class" in said
    assert "description PC教室 -> description TSN-port PC教室" in said
    assert "plan: 1 of 1 devices would change" in said
    # One that is not named stays in the way.
    without = run(folder, "plan", "--school", "mn-02", "--configs", CONFIGURATIONS, *named[2:], code=Exit.FAILED)
    assert f"conflict: VLAN {objects[0].removeprefix('vlan ')} " in without


def test_a_table_of_schools_is_compared_with_the_city(folder: Path) -> None:
    table = "学校名,種別,区,児童生徒数,回線,回線速度\n仮・潮見第一小学校,小学校,湾岸区,205,closed-vpn,200\n"
    (folder / "schools.csv").write_text(table, encoding="utf-8-sig")
    said = run(folder, "import", "schools.csv", code=Exit.DIFFERS)
    assert "~ mn-01 仮・潮見第一小学校: pupils 197 -> 205" in said
    assert "0 new, 1 changed, 29 not in the source; nothing was written" in said
    run(folder, "import", "schools.csv", "--write", code=Exit.GOOD)
    assert "30 schools" in run(folder, "check", code=Exit.GOOD)
