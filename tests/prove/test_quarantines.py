"""What is cut off: compiled out of the policy, proved without the compiler, dated, and refused where it cannot be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import PlanExpired, PolicyError, ProofFailed
from controller.model.access.quarantines import CutOffs
from controller.model.access.rules import CONTROLLER, Rule
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family, Protocol
from controller.model.reference_evaluator import Flow, evaluate_network
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.plan.derive import prove_wanted_paths
from controller.plan.plan_expiry import refuse_expired_exceptions
from controller.plan.proof.city_proof import ProofProcesses, prove_devices
from controller.plan.proof.proof_cache import CityKeys, ProofCache
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.select import find_device
from controller.plan.what_if.network_changes import find_network_changes
from controller.platforms.registry import load_platform
from controller.prove.lint.check_policy import check_policy
from controller.prove.reachability.quarantine import find_quarantine_leaks
from tests.policies import PolicyFolder

MINATO = Path(__file__).parents[2] / "examples/minato"
DAY = date(2026, 12, 1)
CORE, PORT = "namiyoke1-sw1", "GigabitEthernet1/0/5"
DATED = "since: 2026-11-30, until: 2026-12-07, reason: マルウェアの調査, by: 情報担当"
SCHOOL_CUT = f"  - {{school: mn-02, {DATED}}}\n"
PORT_CUT = f"  - {{device: {CORE}, port: {PORT}, {DATED}}}\n"
CLOSED = "closed:\n  - {school: mn-02, since: 2026-12-01, reason: 統廃合, by: 学務課}\n"
Load = Callable[..., City]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the city of Minato, all of it managed, with a file of what is cut off."""
    place = tmp_path / "policies"
    shutil.copytree(MINATO, place, ignore=shutil.ignore_patterns("configurations"))
    schools = place / "city/schools/wan.yaml"
    schools.write_text(schools.read_text("utf-8").replace("adoption: filters", "adoption: all"), "utf-8")

    def load(text: str = "", on: date = DAY) -> City:
        listed = text if text.startswith("closed") else f"quarantines:\n{text}"
        file = place / "access/quarantines.yaml"
        file.unlink(missing_ok=True)
        if text:
            file.write_text(f"format: 1\n{listed}", encoding="utf-8")
        return load_city(place, on=on)

    return load


def find_core(city: City) -> Device:
    (core,) = city.list_devices(city.school_by_id["mn-02"])
    return core


def compile_core(city: City) -> DeviceIntent:
    core = find_core(city)
    return compile_device(city, core, load_platform(core.platform).capabilities)


def ask(city: City, source: str, destination: str, port: int) -> bool:
    address = int.from_bytes(bytes(map(int, destination.split("."))), "big")
    flow = Flow(city.school_by_id["mn-02"], source, Family.V4, Protocol.TCP, address, port)
    return evaluate_network(city, flow).permitted


def test_a_school_in_quarantine_reaches_nothing_and_is_still_managed(load: Load) -> None:
    whole, cut = load(), load(SCHOOL_CUT)
    records, core = "10.250.1.10", str(find_core(cut).management)
    assert [ask(city, "clinic", records, 443) for city in (whole, cut)] == [True, False]
    assert [ask(city, "office", "8.8.8.8", 443) for city in (whole, cut)] == [True, False]
    assert [ask(city, CONTROLLER, core, 22) for city in (whole, cut)] == [True, True]
    intent = compile_core(cut)
    prove_rendered_device(cut, intent, load_platform(intent.device.platform))
    prove_wanted_paths(cut, [intent])
    leaks = list(find_quarantine_leaks(cut, intent.device, compile_core(whole).wanted))
    assert any("mn-02 is cut off" in leak and "lets pass from clinic: tcp " in leak for leak in leaks)
    assert not any("of ops" in leak or "from ops" in leak for leak in leaks)
    (other,) = cut.list_devices(cut.school_by_id["mn-03"])
    assert compile_device(cut, other, load_platform(other.platform).capabilities).wanted.filters


def test_the_rules_that_a_quarantine_keeps_go_on(load: Load) -> None:
    kept = load(SCHOOL_CUT.replace("}", ", keeps: [health-records]}"))
    assert ask(kept, "clinic", "10.250.1.10", 443)
    assert not ask(kept, "office", "8.8.8.8", 443)
    intent = compile_core(kept)
    prove_rendered_device(kept, intent, load_platform(intent.device.platform))
    prove_wanted_paths(kept, [intent])


def test_a_port_in_quarantine_is_of_the_segment_of_the_unknown(load: Load) -> None:
    whole, cut = load(), load(PORT_CUT)
    intent, before = compile_core(cut), compile_core(whole)
    prove_rendered_device(cut, intent, load_platform(intent.device.platform))
    prove_wanted_paths(cut, [intent])
    changed = {one.name: one.vlans for one in intent.wanted.ports if one not in before.wanted.ports}
    assert changed == {PORT: (199,)}
    (leak,) = find_quarantine_leaks(cut, intent.device, before.wanted)
    assert leak.endswith("and is an access port of VLAN 110, not of 199 alone")
    (gone,) = find_quarantine_leaks(cut, intent.device, replace(before.wanted, ports=()))
    assert gone.endswith("and is no port of ours there")


@pytest.mark.parametrize("text", [SCHOOL_CUT, PORT_CUT, CLOSED])
def test_it_holds_on_its_days_alone(load: Load, text: str) -> None:
    whole = compile_core(load())
    end = date(2026, 12, 8)
    assert compile_core(load(text)).wanted != whole.wanted
    assert compile_core(load(text, date(2026, 11, 29))).wanted == whole.wanted
    assert (compile_core(load(text, end)).wanted == whole.wanted) == (text is not CLOSED)


def test_the_proof_does_not_believe_the_compiler(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave_open(_: CutOffs, rule: Rule, school: str, management: str) -> tuple[str, ...]:
        del school, management
        return rule.network.from_ if rule.network else ()

    monkeypatch.setattr(CutOffs, "list_askers", leave_open)
    city = load(CLOSED)
    intent = compile_core(city)
    prove_wanted_paths(load(), [intent])
    with pytest.raises(ProofFailed, match=r"mn-02 is cut off \(.*quarantines.yaml:3\), and filter"):
        prove_rendered_device(city, intent, load_platform(intent.device.platform))


def test_a_proof_from_before_is_none_of_what_is_cut_off(load: Load, tmp_path: Path) -> None:
    cache = ProofCache(tmp_path / "proofs", tmp_path / "key")
    alone = ProofProcesses(cores=1, copied=True)
    for text in ("", SCHOOL_CUT, PORT_CUT):
        city = load(text)
        core = find_core(city)
        assert cache.find(CityKeys(city).device_key(core)) is None
        assert prove_devices(city, [core], cache, alone).failures == []
        assert cache.find(CityKeys(city).device_key(core)) is not None


def test_what_if_says_what_a_quarantine_closes(load: Load) -> None:
    found = find_network_changes(load(), load(SCHOOL_CUT))
    assert {(one.way, one.schools) for one in found} == {("closes", ("mn-02",))}
    assert {one.segment for one in found} == {"office", "clinic", "class", "visitor"}


def test_a_plan_of_another_day_is_refused_where_something_else_is_cut_off(load: Load) -> None:
    city = load(SCHOOL_CUT)
    refuse_expired_exceptions(city, DAY, date(2026, 12, 7))
    with pytest.raises(PlanExpired, match="school mn-02 is no longer in quarantine"):
        refuse_expired_exceptions(city, DAY, date(2026, 12, 8))
    with pytest.raises(PlanExpired, match="school mn-02 is cut off now"):
        refuse_expired_exceptions(load(CLOSED), date(2026, 11, 30), DAY)


def test_a_quarantine_that_ends_is_told(load: Load) -> None:
    def find(on: date) -> list[str]:
        return [one.message for one in check_policy(load(PORT_CUT, on)) if "quarantine" in one.kind]

    assert find(DAY) == []
    (soon,) = find(date(2026, 12, 6))
    assert f"port {PORT} of {CORE} ends in 1 days, on 2026-12-07" in soon
    (over,) = find(date(2026, 12, 9))
    assert "ended on 2026-12-07: a plan opens it again" in over


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SCHOOL_CUT.replace("mn-02", "mn-99"), ":3: school: unknown school 'mn-99'"),
        (SCHOOL_CUT.replace("school: mn-02, ", ""), "name either a school, or a device and its port"),
        (SCHOOL_CUT.replace("}", ", keeps: [ledger-not-abroad]}"), ":3: keeps: unknown permit with a network part"),
        (SCHOOL_CUT.replace("}", ", keeps: [lesson-preparation]}"), ":3: keeps: the rule 'lesson-preparation' ("),
        (SCHOOL_CUT.replace("2026-12-07", "2026-11-01"), "ends (2026-11-01) before it begins (2026-11-30)"),
        (SCHOOL_CUT.replace("2026-12-07", "2027-12-07"), "lasts more than 366 days"),
        (SCHOOL_CUT + SCHOOL_CUT, ":4: since: school mn-02 is in quarantine on some of these days already"),
        (PORT_CUT.replace(CORE, "namiyoke9-sw1"), ":3: device: unknown device 'namiyoke9-sw1'"),
        (PORT_CUT.replace("0/5", "0/55"), f":3: port: unknown port of {CORE} 'GigabitEthernet1/0/55'"),
        (PORT_CUT.replace("0/5", "0/24"), "is the way to the gateway: cut off the school instead"),
        (PORT_CUT.replace("0/5", "0/1"), "is a trunk, behind which others stand"),
        (PORT_CUT.replace("}", ", keeps: [web]}"), "'keeps' is for schools"),
        (CLOSED.replace("mn-02", "mn-99"), ":3: school: unknown school 'mn-99'"),
        (CLOSED + CLOSED.partition("\n")[2], ":4: school: mn-02 is closed already"),
    ],
)
def test_what_cannot_be_cut_off_is_refused_at_its_line(load: Load, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load(text)
    (problem,) = str(refused.value).splitlines()[1:]
    assert "access/quarantines.yaml:" in problem
    assert said in problem


def test_the_port_of_the_devices_and_a_school_that_is_only_read_are_refused(load: Load, tmp_path: Path) -> None:
    blueprints, schools = (tmp_path / "policies/city" / name for name in ("blueprints.yaml", "schools/wan.yaml"))
    text = blueprints.read_text("utf-8").replace(
        "last: 8, mode: access, segments: [office]", "last: 8, mode: access, segments: [ops]"
    )
    blueprints.write_text(text, "utf-8")
    with pytest.raises(PolicyError, match=r"carries the segment of the devices \(ops\)"):
        load(PORT_CUT)
    schools.write_text(schools.read_text("utf-8").replace("adoption: all", "adoption: observe"), "utf-8")
    with pytest.raises(PolicyError, match="'adoption: observe', which manages no filters: nothing would be cut off"):
        load(SCHOOL_CUT)


def test_a_port_of_the_virtual_city_can_be_cut_off_where_that_is_meant(tmp_path: Path) -> None:
    """Found by the playbooks on the lab: its switches have the names of the schools' own, and other ports."""
    policies = PolicyFolder(tmp_path)
    school = load_city(policies.path, on=DAY, estate=VirtualCity).estate_schools[0].id
    entry = f"  - {{device: {school}-core1, port: h-pupil, {DATED}}}\n"
    policies.write("access/quarantines.yaml", f"format: 1\nquarantines:\n{entry}")
    virtual = load_city(policies.path, on=DAY, estate=VirtualCity)
    device = find_device(virtual, f"{school}-core1")
    (port,) = (one for one in device.ports if one.name == "h-pupil")
    assert port.segments == (virtual.default_segment,)
    with pytest.raises(PolicyError, match=":3: port: unknown port of"):
        load_city(policies.path, on=DAY)
    policies.write("access/quarantines.yaml", f"format: 1\nquarantines:\n{entry.replace('h-pupil', 'h-pupils')}")
    with pytest.raises(PolicyError, match=":3: port: unknown port of"):
        load_city(policies.path, on=DAY, estate=VirtualCity)
