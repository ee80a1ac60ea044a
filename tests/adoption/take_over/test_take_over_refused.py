"""What cannot be taken over is refused by its name, and a plan that somebody changed is refused as every other is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from controller.adoption.take_over.derive import derive_take_over
from controller.adoption.take_over.deriver import HandOverDeriver
from controller.cli.devices.take_over import choose_taken_objects
from controller.cli.output import Exit
from controller.errors import ConfigRefused, PlanRefused
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.plan.document import PlanFile, parse_plan
from controller.plan.provenance.approved_devices import is_repair
from controller.plan.select import find_device
from controller.plan.verify import verify_plan
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from tests.adoption.conftest import CATALYST, X530, read_saved_text
from tests.adoption.take_over.conftest import VERIFIED, Desk, list_names
from tests.adoption.test_intermediate_texts import x530_switch
from tests.cli.running import ROOT, here

Document = dict[str, Any]


def refuse(city: City, text: str, *names: str, device: str = CATALYST) -> str:
    with pytest.raises((PlanRefused, ConfigRefused)) as caught:
        derive_take_over(city, find_device(city, device), DeviceText(text, device), names, f"{device}.cfg")
    return str(caught.value)


def test_a_name_that_is_none_is_refused_with_those_that_are(city: City, catalyst_text: str) -> None:
    said = refuse(city, catalyst_text, "vlan 77")
    assert "kw-s01-core1: 'vlan 77' is no object of others where the policy wants one of ours" in said
    assert "what can be taken over there: 'vlan 10'; 'vlan 11'" in said
    ours = catalyst_text.replace("name STAFF\n", "name TSN-staff\n")
    assert "'vlan 10' is ours already" in refuse(city, ours, "vlan 10")
    assert "'vlan 10' is named twice" in refuse(city, catalyst_text, "vlan 10", "vlan 11", "vlan 10")
    assert "is no object of others" in refuse(city, catalyst_text, "vlan 10\x1b[2J")
    assert "\x1b" not in refuse(city, catalyst_text, "vlan 10\x1b[2J")


def test_what_is_not_named_is_never_changed(city: City, catalyst_text: str, catalyst_names: list[str]) -> None:
    named = [name for name in catalyst_names if name != "interface Vlan20 ip access-group PUPIL-OUT out"]
    said = refuse(city, catalyst_text, *named)
    assert (
        "must stand where 'ip access-group PUPIL-OUT out' is, which is not ours; depends on it: what the hosts" in said
    )


PORT = "interface GigabitEthernet1/0/1"
TEXTS = [
    ("1F floor switch", "admin pass 12", PORT, "hold a secret"),
    ("1F floor switch", "1F?", PORT, "cannot be typed as it is"),
    ("1F floor switch", "1F\x1bX", PORT, "cannot be typed as it is"),
    ("icmp any any", "icmp any any time-range X", "interface Vlan10 ip access-group STAFF-IN in", "is not understood"),
]


@pytest.mark.parametrize("case", TEXTS)
def test_an_object_that_could_not_be_given_back_or_judged_is_refused(
    city: City, catalyst_text: str, case: tuple[str, str, str, str]
) -> None:
    old, new, name, told = case
    assert old in catalyst_text
    said = refuse(city, catalyst_text.replace(old, new), name)
    assert told in said
    assert "pass 12" not in said


def test_a_native_vlan_of_ours_and_a_number_of_another_segment_are_refused(city: City) -> None:
    text = read_saved_text(CATALYST)
    said = refuse(city, text, "interface GigabitEthernet1/0/3")
    assert "interface GigabitEthernet1/0/3 cannot be taken over as it is: something in it is refused" in said
    swapped = text.replace("10.33.0.1 255.255.252.0", "X").replace(
        "10.33.16.1 255.255.240.0", "10.33.0.1 255.255.252.0"
    )
    swapped = swapped.replace("ip address X", "ip address 10.33.16.1 255.255.240.0")
    assert "vlan 10 cannot be taken over: the policy has" in refuse(city, swapped, "vlan 10")


@pytest.mark.parametrize("device", ["kw-s01-rt1", "kw-s01-ap1"])
def test_other_platforms_are_refused_by_name(city: City, device: str) -> None:
    assert f"{device}: not supported: nothing of platform" in refuse(city, "hostname x\n", "vlan 10", device=device)


def test_ports_with_lists_of_an_x530_are_taken_over_step_by_step(city: City) -> None:
    """Each text is the emulator's: what a step leads to is what the switch then shows."""
    switch = x530_switch()
    device = find_device(city, X530)
    names = list_names(city, device, switch.text())
    derived = derive_take_over(city, device, DeviceText(switch.text(), X530), names, "x")
    assert derived.hand_over is not None
    assert next(one for one in derived.hand_over.objects if one.name == "interface port1.0.1").old == (
        "description old",
        "access-group PUPIL-FILTER",
    )
    system = load_platform(device.platform)
    for step in derived.steps:
        switch.enter(command.line for command in step.commands)
        assert system.parse(switch.text(), "x").state == step.result, step.title
    assert system.parse(switch.text(), "x").state == derived.wanted
    assert "access-list hardware PUPIL-FILTER\n" in switch.text()


def first(document: Document) -> Document:
    hand_over: Document = document["devices"][0]["hand_over"]
    return hand_over


EDITS: dict[str, tuple[Callable[[Document], object], str]] = {
    "an object more": (
        lambda d: first(d)["objects"].append({**first(d)["objects"][0], "name": "vlan 150"}),
        "'vlan 150' is no",
    ),
    "an object twice": (lambda d: first(d)["objects"].append(first(d)["objects"][0]), "is named twice"),
    "an object less": (lambda d: first(d)["objects"].pop(0), "must stand where"),
    "no object": (lambda d: first(d).update(objects=[]), "names no object that is taken over"),
    "another old line": (lambda d: first(d)["objects"][0].update(old=["name OFFICE"]), "changed by hand"),
    "a text of another state": (
        lambda d: first(d)["text"].extend(["vlan 300", " name TSN-evil"]),
        "does not hold the state that was seen",
    ),
    "no hand-over": (lambda d: d["devices"][0].update(hand_over=None), "changed by hand"),
    "a release of it": (lambda d: first(d).update(way="release"), "nothing that was taken over|other objects"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_plan_with_other_objects_is_refused(desk: Desk, taken_plan: PlanFile, name: str) -> None:
    edit, told = EDITS[name]
    document = copy.deepcopy(taken_plan.model_dump(mode="json"))
    edit(document)
    content = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    plan = parse_plan(content.encode(), Path("plan.json"))
    with pytest.raises((PlanRefused, ConfigRefused), match=told):
        verify_plan(desk.city, plan, derive_hand_over=HandOverDeriver(desk.state))


def test_hand_overs_are_verified_or_refused_and_are_never_a_repair(desk: Desk, taken_plan: PlanFile) -> None:
    with pytest.raises(PlanRefused, match="objects of others change hands by the plan, which cannot be verified here"):
        verify_plan(desk.city, taken_plan)
    desk.apply(taken_plan)
    verified = [VERIFIED[taken_plan.digest()]]
    assert not is_repair(desk.city, taken_plan, verified, desk.state)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["vlan 10"], "is not DEVICE:OBJECT; write e.g."),
        (["kw-s01-core1:"], "is not DEVICE:OBJECT"),
        (["kw-s01-core1:vlan\n10"], "is not DEVICE:OBJECT"),
        (["kw-e01-core1:vlan 10"], "is not among the selected devices"),
        (["kw-s01-core1:vlan 10", "kw-s01-core1:vlan  10"], "is given twice"),
    ],
)
def test_what_is_given_to_take_over_is_one_device_and_one_object(city: City, given: list[str], told: str) -> None:
    with pytest.raises(typer.BadParameter, match=told):
        choose_taken_objects([find_device(city, CATALYST)], given)
    with pytest.raises(typer.BadParameter, match="leave out one of --undo and --take-over"):
        choose_taken_objects([], ["kw-s01-core1:vlan 10"], undo=True)


def test_a_plan_lists_each_object_with_its_line_now_and_then(
    tmp_path: Path, catalyst_text: str, catalyst_names: list[str]
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / f"configs/{CATALYST}.cfg").write_text(catalyst_text, encoding="utf-8")
    given = [word for name in catalyst_names for word in ("--take-over", f"{CATALYST}:{name}")]
    command = ("plan", "--school", "kw-s01", "--configs", "configs", "--policies", str(ROOT / "policies"))
    done = here(*command, "--on", "2026-12-01", *given, cwd=tmp_path)
    lines = [line.strip() for line in done.said.splitlines()]
    assert "> take over vlan 10: name STAFF -> name TSN-staff" in lines
    assert any(
        line.startswith("> take over interface Vlan20 ip access-group PUPIL-OUT out: ip access-group") for line in lines
    )
    assert "plan: 1 of " in done.said
    done = here("adopt", "kw-s01", "--release", "--policies", str(ROOT / "policies"), cwd=tmp_path)
    assert "kw-s01: nothing was taken over there from here, so nothing can be given back" in done.errors.replace(
        "\n", " "
    )
    for words in (
        ("--release", "--propose-rules", "-o", "x"),
        ("--sign-with", "key"),
        ("--release", "--sign-with", "k"),
    ):
        assert here("adopt", "kw-s01", *words, "--policies", str(ROOT / "policies"), cwd=tmp_path).code == Exit.USAGE


def test_a_release_that_enters_anything_else_is_refused_also_where_no_record_is(
    desk: Desk, taken_plan: PlanFile
) -> None:
    """Who approves has no record: what a plan would enter is held against what objects can be."""
    (planned,) = taken_plan.devices
    assert planned.hand_over is not None
    vlan = planned.hand_over.objects[0]
    for spoilt in (
        vlan.model_copy(update={"old": ("shutdown",)}),
        vlan.model_copy(update={"kind": "filter", "old": ()}),
        vlan.model_copy(update={"new": ()}),
        vlan.model_copy(update={"name": "interface Vlan10"}),
    ):
        release = planned.hand_over.model_copy(update={"way": "release", "objects": (spoilt,)})
        with pytest.raises(PlanRefused, match="in a form that no object has"):
            HandOverDeriver()(desk.city, desk.device, release, DeviceState(), "plan.json")
