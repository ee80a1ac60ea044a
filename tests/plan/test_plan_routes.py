"""Line preference through plan, proof and review: what is changed in the policy is said, proved and found again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ConfigRefused, ProofFailed
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.network.route_policies import build_routing
from controller.model.policy_files import LINES
from controller.model.sites.devices import Device
from controller.plan.build import ConsideredDevice, build_plan, consider_device
from controller.plan.observe import Observed
from controller.plan.proof.rendered_device import prove_plan_steps, prove_rendered_device
from controller.platforms.base import Step
from controller.platforms.frr.driver import Frr
from controller.platforms.registry import load_platform
from tests.cli.running import ROOT, here
from tests.emulators.frr import Router

SCHOOL = "as-e04"


def router_of(city: City, school: str = SCHOOL) -> Device:
    """A school's router, as if it were of the platform `frr`."""
    own = next(one for one in city.list_devices(city.school_by_id[school]) if one.role == "router")
    return replace(own, platform="frr", ports=())


def preferring(city: City, *pairs: tuple[str, str]) -> City:
    ways = {way.pair: way for way in city.lines.usual}
    chosen = tuple(way for pair in pairs for key, way in ways.items() if key == pair)
    return city.replace_file(LINES, city.lines.model_copy(update={"usual": chosen}))


def intent_of(city: City) -> DeviceIntent:
    return compile_device(city, router_of(city), Frr.capabilities)


def running(city: City) -> Router:
    """A router with its installer's configuration."""
    intent = intent_of(city).routing
    assert intent is not None
    return Router(intent.system, dict.fromkeys(str(one.address) for one in intent.neighbours))


def applied(city: City) -> Router:
    """A router that the policy was applied to."""
    router = running(city)
    for step in Frr().plan_steps(DeviceState(), intent_of(city).wanted):
        for command in step.commands:
            router.configure(command.stdin or "")
    return router


def considered(city: City, text: str) -> ConsideredDevice:
    device = router_of(city)
    return consider_device(city, Observed(device, "rt1.cfg", load_platform("frr").parse(text, "rt1.cfg")))


def test_a_factory_router_gets_all_its_policies(city: City) -> None:
    one = considered(city, running(city).running())
    assert one.refusal is None
    assert one.policies_proved == 16
    ways = "primary to tokyo, then primary to osaka, then backup to tokyo, then backup to osaka"
    alike = "primary to tokyo = primary to osaka = backup to tokyo = backup to osaka"
    assert one.changes[:2] == (f"~ IPv4 lines: {ways} (now: {alike})", f"~ IPv6 lines: {ways} (now: {alike})")
    assert (
        "+ neighbour 100.64.0.2 (primary to osaka) IPv4 out: pass 10.157.0.0/16, with AS 4200000157 before the path; "
        "refuse everything else"
    ) in one.changes
    plan = build_plan(city, [one])
    assert [step.title for step in plan.devices[0].steps] == [
        "make prefix lists and route maps",
        "attach route maps of the ways in use",
    ]
    assert plan.devices[0].states[-1] == intent_of(city).wanted.compute_digest()


def test_what_was_applied_differs_in_nothing(city: City) -> None:
    one = considered(city, applied(city).running())
    assert not one.differs
    assert not one.changes


def test_a_changed_preference_is_said_in_words(city: City) -> None:
    router = applied(city)
    turned = preferring(city, ("backup", "osaka"), ("primary", "tokyo"))
    one = considered(turned, router.running())
    before = "primary to tokyo, then primary to osaka, then backup to tokyo, then backup to osaka"
    assert one.changes[0] == f"~ IPv4 lines: backup to osaka, then primary to tokyo (now: {before})"
    shown = "\n".join(one.changes)
    assert (
        "~ neighbour 100.64.0.1 (primary to tokyo) IPv4 in\n    - pass everything else, local preference 500" in shown
    )
    assert "~ neighbour 100.64.0.2 (primary to osaka) IPv4 in" in shown
    assert "\n    + refuse everything\n" in shown
    plan = build_plan(turned, [one])
    assert [step.title for step in plan.devices[0].steps] == [
        "make prefix lists and route maps",
        "attach route maps of the ways in use",
        "close the other ways",
        "remove route maps and prefix lists",
    ]
    for step in plan.devices[0].steps:
        for command in step.commands:
            router.configure(command.stdin or "")
    assert not considered(turned, router.running()).differs


def test_an_edit_by_hand_is_found(city: City) -> None:
    router = applied(city)
    name = next(name for name in router.maps if "in-4-backup-osaka" in name)
    router.configure(f"route-map {name} permit 20\nset local-preference 999\nexit")
    one = considered(city, router.running())
    assert one.differs
    assert one.changes[0].endswith(
        "(now: backup to osaka, then primary to tokyo, then primary to osaka, then backup to tokyo)"
    )
    assert "    - pass everything else, local preference 999" in one.changes


def test_a_neighbour_that_nobody_planned_refuses_the_router(city: City) -> None:
    text = applied(city).running()
    text = text.replace(
        "  neighbor 100.64.0.1 activate", "  neighbor 192.0.2.9 activate\n  neighbor 100.64.0.1 activate"
    )
    one = considered(city, text)
    assert isinstance(one.refusal, ConfigRefused)
    assert "rt1.cfg:" in str(one.refusal)
    assert "neighbor 192.0.2.9 activate" in str(one.refusal)


class Leaking(Frr):
    """A renderer that forgets the last clause of what goes out."""

    def render(self, state: DeviceState) -> str:
        text = super().render(state)
        return text.replace("deny 20", "permit 20", 1)


def test_a_renderer_that_lets_others_out_is_stopped(city: City) -> None:
    with pytest.raises(ProofFailed, match=r"lets 0\.0\.0\.0/0 out, but only the school's own"):
        prove_rendered_device(city, intent_of(city), Leaking())


class Hasty(Frr):
    """Detaches everything before it attaches anything."""

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        bare = DeviceState(routing=build_routing(now.routing.lists, now.routing.policies))
        return (Step("detach everything", (), bare), *super().plan_steps(bare, wanted))


def test_steps_that_open_a_neighbour_meanwhile_are_stopped(city: City) -> None:
    now = intent_of(city).wanted
    turned = preferring(city, ("backup", "osaka"))
    wanted = intent_of(turned)
    prove_plan_steps(city, wanted, now, Frr().plan_steps(now, wanted.wanted), Frr())
    with pytest.raises(ProofFailed, match=r"in 'detach everything': .* no policy is in force, which lets 0"):
        prove_plan_steps(city, wanted, now, Hasty().plan_steps(now, wanted.wanted), Hasty())


def test_explain_names_the_lines_of_what_leaves_the_school(city: City) -> None:
    inside = next(name for name, app in city.applications.items() if app.segment)
    for to, named in (("internet", True), (inside, False)):
        done = here("explain", "--from", f"{SCHOOL}/staff", "--to", to, cwd=ROOT)
        assert done.code == 0
        said = " ".join(done.said.split())
        assert ("lines: primary to tokyo (policies/city/lines.yaml:" in said) == named
