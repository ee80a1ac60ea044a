"""Attacks on plan files: what is applied is what the policy leads to, derived and proved when a rollout starts."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import PlanRefused, TsunaguError
from controller.model.city import City
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.network.packets import Effect, Family, parse_prefix
from controller.model.network.route_policies import (
    PrefixList,
    PrefixRange,
    RouteClause,
    RouteDirection,
    RoutePolicy,
    RoutePolicyBinding,
    build_routing,
)
from controller.model.network.state_lines import format_state, parse_state
from controller.model.sites.devices import Device
from controller.plan.derive import DeriveChange, DerivedChange, derive_change
from controller.plan.document import PlanFile, load_plan, name_approval, parse_plan, save_plan
from controller.plan.verify import verify_plan
from controller.platforms.base import Observation
from tests.security.plan_scene import Document, Edit, Scene, dump

EVIL = "id > $HOME/x"


@dataclass(frozen=True)
class Sealed:
    """A genuine plan, the policy that it came from, and what was derived for it."""

    city: City
    plan: PlanFile
    document: Document
    derive: DeriveChange

    def verify(self, document: Document) -> None:
        """Read a document as `apply` does, and verify it."""
        path = Path("plan.json")
        verify_plan(self.city, parse_plan(dump(document).encode(), path), self.derive, str(path))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    scene = Scene(tmp_path_factory.mktemp("sealed"))
    plan, city = scene.plan(), scene.load()

    @cache
    def derive_once(device: Device, now: DeviceState) -> DerivedChange:
        return derive_change(city, device, now)

    def derive(
        city: City, device: Device, now: DeviceState, seen: Observation | None = None, source: str = ""
    ) -> DerivedChange:
        del city, seen, source
        return derive_once(device, now)

    return Sealed(city, plan, json.loads(plan.format_text()), derive)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def first(document: Document) -> Document:
    device: Document = document["devices"][0]
    return device


def insert_command(document: Document) -> None:
    first(document)["steps"][0]["commands"].insert(0, {"line": EVIL, "stdin": None})


def insert_step(document: Document) -> None:
    steps = first(document)["steps"]
    steps.insert(0, {"title": "prepare", "commands": [{"line": EVIL, "stdin": None}], "leads_to": steps[0]["leads_to"]})


DEVICE_EDITS: dict[str, Edit] = {
    "a command before the first step": insert_command,
    "a step of its own": insert_step,
    "a command with more behind it": lambda d: first(d)["steps"][0]["commands"][0].update(
        line=first(d)["steps"][0]["commands"][0]["line"] + f"; {EVIL}"
    ),
    "other input of a command": lambda d: first(d)["steps"][0]["commands"][0].update(
        stdin="priority=9,actions=normal\n"
    ),
    "no steps": lambda d: first(d).update(steps=[]),
    "a step that leads elsewhere": lambda d: first(d)["steps"][-1].update(leads_to="0" * 64),
    "another title": lambda d: first(d)["steps"][0].update(title="nothing at all"),
    "another wanted line": lambda d: first(d)["wanted"].__setitem__(3, "permit any any"),
    "a wanted line less": lambda d: first(d)["wanted"].pop(),
    "nothing would change": lambda d: first(d).update(changes=[]),
    "a change less": lambda d: first(d)["changes"].pop(),
    "more filters proved": lambda d: first(d).update(filters_proved=9999),
    "something left to another": lambda d: first(d).update(delegated=["all of it is left to the router"]),
    "another state seen": lambda d: first(d).update(seen="0" * 64),
    "another school": lambda d: first(d).update(school="kw-s01"),
}


@pytest.mark.parametrize("name", DEVICE_EDITS)
def test_a_plan_edited_by_hand_is_refused_with_the_device_and_the_line(sealed: Sealed, name: str) -> None:
    document = copy.deepcopy(sealed.document)
    DEVICE_EDITS[name](document)
    device = first(document)["device"]
    with pytest.raises(
        PlanRefused, match=rf"^plan\.json:[0-9]+: {device}: .*changed by hand.*the policy leads to"
    ) as told:
        sealed.verify(document)
    line = int(str(told.value).split(":")[1])
    shown, genuine = dump(document).split("\n"), sealed.plan.format_text().split("\n")
    assert shown[line - 1] != genuine[line - 1], "the line that is named is one that differs"
    assert shown[: line - 1] == genuine[: line - 1], "and the first one"


PLAN_EDITS: dict[str, tuple[Edit, str]] = {
    "something else was seen": (
        lambda d: first(d).update(seen_state=['vlans {"name":"x","number":99}']),
        r"plan\.json:\d+: as-e04-core1: the plan was changed by hand",
    ),
    "a canary that is in no plan": (
        lambda d: d.update(canary="kw-s01"),
        r"plan\.json:\d+: .*'\"canary\": \"kw-s01\",'",
    ),
    "no canary": (lambda d: d.update(canary=""), r"plan\.json:\d+: the plan was changed by hand"),
    "a device twice": (lambda d: d["devices"].append(first(d)), "names the device '.*' twice"),
    "a device that is not there": (lambda d: first(d).update(device="as-e04-core9"), "that .* does not have"),
    "a device of nobody": (lambda d: first(d).update(device="x"), "that .* does not have"),
    "another platform": (lambda d: first(d).update(platform="cisco_ios"), "is for platform 'cisco_ios', the city says"),
    "a state that is none": (
        lambda d: first(d).update(seen_state=["vlans {}"]),
        "the state seen cannot be read: line 1",
    ),
    "a state of no kind": (lambda d: first(d).update(seen_state=["acl 1"]), "the state seen cannot be read: line 1"),
    "another policy": (lambda d: d.update(policy="0" * 64), "was made from another policy"),
    "another city": (lambda d: d.update(city="osaka"), "is of the city 'osaka'"),
    "the other estate": (lambda d: d.update(estate="real"), "is for the real devices"),
    "not supported, it says": (
        lambda d: d["unplanned"].append({"device": "as-e04-rt1", "reason": "x", "kind": "not supported"}),
        "as-e04-rt1: the plan says 'not supported', and its platform 'frr' is supported",
    ),
}


@pytest.mark.parametrize("name", PLAN_EDITS)
def test_a_plan_that_says_something_else_than_the_policy_is_refused(sealed: Sealed, name: str) -> None:
    edit, told = PLAN_EDITS[name]
    document = copy.deepcopy(sealed.document)
    edit(document)
    with pytest.raises(PlanRefused, match=told):
        sealed.verify(document)


def list_places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 JSON
    """The place of every value inside a document that is no list or object itself."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from list_places(inner, (*path, key))
    else:
        yield path


def change_value(value: Any, word: str, number: int) -> Any:  # noqa: ANN401 JSON
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + number
    if value is None:
        return word
    at = number % (len(value) + 1)
    return value[:at] + word + value[at:]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed_in_a_device_of_the_plan_is_refused(sealed: Sealed, data: st.DataObject) -> None:
    """Any value at any place: nothing in the file is believed. Whether it would boot so is seen at the device."""
    document = copy.deepcopy(sealed.document)
    places = [place for place in list_places(document["devices"]) if place[-1] != "saved"]
    place = data.draw(st.sampled_from(places))
    holder: Any = document["devices"]
    for key in place[:-1]:
        holder = holder[key]
    word = data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
    holder[place[-1]] = change_value(holder[place[-1]], word, data.draw(st.integers(1, 10**6)))
    with pytest.raises(PlanRefused):
        sealed.verify(document)


def test_the_genuine_plan_is_taken(sealed: Sealed) -> None:
    sealed.verify(sealed.document)


def test_a_command_put_into_a_plan_reaches_no_switch(scene: Scene) -> None:
    scene.plan()
    scene.edit(insert_command)
    before = scene.logins
    with pytest.raises(PlanRefused, match=rf"{scene.device.id}: the plan was changed by hand"):
        scene.apply()
    assert scene.logins == before
    assert EVIL not in scene.lab.of(scene.device).running


@pytest.mark.parametrize("commit", ["--output=x", "HEAD", "main; id", "a" * 39, "$(id)"])
def test_what_is_no_commit_is_no_part_of_a_plan(scene: Scene, commit: str) -> None:
    scene.plan()
    scene.edit(lambda document: document.update(commit=commit))
    with pytest.raises(PlanRefused, match="its field 'commit'"):
        load_plan(scene.plan_path)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(PlanFile.model_fields)), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_a_plan_file_holds_it_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(TsunaguError) as told:
        parse_plan(content, Path("plan.json"))
    assert str(told.value).isprintable()


def test_no_plan_takes_the_place_of_another_whose_signatures_stay(scene: Scene) -> None:
    """A folder under the name of a signature cannot be removed: the plan that stood there stays as it was."""
    plan = scene.plan()
    before = scene.plan_path.read_bytes()
    place = name_approval(scene.plan_path, "x")
    place.mkdir()
    with pytest.raises(TsunaguError, match=r"plan\.json\.approval\.x\.sig: the plan cannot be saved: "):
        save_plan(plan.model_copy(update={"planner": "taro"}), scene.plan_path)
    assert scene.plan_path.read_bytes() == before


def test_no_words_of_a_router_stand_in_a_plan_beside_its_state() -> None:
    """Where a line was read counts for no state, so no digest and no derivation would show that it was changed."""
    entry = PrefixRange(Effect.PERMIT, parse_prefix("10.1.0.0/24"), 24, 24, origin="told")
    clause = RouteClause(Effect.PERMIT, prefixes="schools", origin="told")
    bound = (64500, ip_address("192.0.2.1"), Family.V4, RouteDirection.OUT, "out", "told")
    routing = build_routing(
        [PrefixList("schools", Family.V4, (entry,))],
        [RoutePolicy("out", Family.V4, (clause,))],
        [RoutePolicyBinding(*bound)],
    )
    lines = format_state(build_device_state(routing=routing))
    assert not [line for line in lines if "told" in line or "origin" in line]
    assert format_state(parse_state(lines)) == lines
    for name in ('"entries":[{', '"clauses":[{', '"bindings":[{'):
        forged = [line.replace(name, f'{name}"origin":"approved",') for line in lines]
        assert forged != list(lines)
        with pytest.raises(ValueError, match="is not where or as it must be"):
            parse_state(forged)


@pytest.mark.parametrize("values", ['"addresses":["zz"]', '"addresses":["10.1.0.1/24"],"relays":["from"]'])
def test_an_interface_whose_words_are_no_addresses_is_no_state(values: str) -> None:
    with pytest.raises(ValueError, match="line 1 of the state does not describe one of its interfaces"):
        parse_state([f'interfaces {{{values},"vlan":21}}'])


def test_a_state_that_no_steps_can_lead_from_is_refused_in_words(sealed: Sealed) -> None:
    def derive(*_: object) -> DerivedChange:
        message = "no such port"
        raise ValueError(message)

    with pytest.raises(PlanRefused, match=r"nothing can be derived from the state seen: no such port\. Make the plan"):
        verify_plan(sealed.city, sealed.plan, cast("DeriveChange", derive))
