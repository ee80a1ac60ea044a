"""FRR for real: what the steps make of a router, its lock, its armed restore, what it boots with, and its best path."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import CommandFailed, DeviceBusy
from controller.lab.state.processes import LabProcess
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.network.packets import Family
from controller.model.policy_files import LINES
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Lock, Operable, Restore
from controller.platforms.frr.driver import CONFIGURE, Frr
from tests.platforms.frr.virtual_router import CORE, VirtualRouter, virtual_router
from tests.platforms.ovs.virtual_switch import wait_until
from tests.started_processes import find_restore_jobs, kill_restore_jobs

pytestmark = [pytest.mark.lab, pytest.mark.own_network]

FRR = Frr()
SCHOOL = "as-e04"
TOO_LATE = Restore(seconds=600, run="run1")
FIRST = Lock(owner="plan1", run="run1", seconds=60)
OTHER = Lock(owner="plan2", run="run2", seconds=60)
TOKYO, OSAKA, BACKUP_TOKYO, BACKUP_OSAKA = "100.64.0.1", "100.64.0.2", "100.64.32.1", "100.64.32.2"


def router_of(city: City) -> Device:
    own = next(one for one in city.list_devices(city.school_by_id[SCHOOL]) if one.role == "router")
    return replace(own, platform="frr", ports=())


def preferring(city: City, *pairs: tuple[str, str]) -> DeviceState:
    """What is wanted of the router with this order of ways; with none, the city's own."""
    ways = {way.pair: way for way in city.lines.usual}
    chosen = tuple(ways[pair] for pair in ways if not pairs)
    if pairs:
        chosen = tuple(way for pair in pairs for key, way in ways.items() if key == pair)
    turned = city.replace_file(LINES, city.lines.model_copy(update={"usual": chosen}))
    return compile_device(turned, router_of(turned), FRR.capabilities).wanted


@pytest.fixture(scope="module")
def shared(city: City) -> Iterator[VirtualRouter]:
    with virtual_router(city, city.school_by_id[SCHOOL]) as made:
        yield made


@pytest.fixture
def router(shared: VirtualRouter) -> Iterator[VirtualRouter]:
    yield shared
    kill_restore_jobs(jobs(shared))
    shutil.rmtree(shared.home)
    shared.home.mkdir()
    apply(shared, DeviceState())


def jobs(router: VirtualRouter) -> list[LabProcess]:
    """The restore jobs that still live on the router."""
    return find_restore_jobs(router.home)


def state_of(router: VirtualRouter) -> DeviceState:
    return FRR.parse(FRR.read(router).reveal(), "virtual").state


def apply(router: VirtualRouter, wanted: DeviceState) -> None:
    """Perform the steps; after each the router is in the state that it promises."""
    for step in FRR.plan_steps(state_of(router), wanted):
        for command in step.commands:
            router.configure(*(command.stdin or "").splitlines())
        assert state_of(router) == step.result
    assert state_of(router) == wanted


def lines_of_ours(text: str) -> list[str]:
    return [line for line in text.splitlines() if "TSN-" in line or line.startswith((" match", " set"))]


def established(router: VirtualRouter) -> list[int]:
    """How often each session has been set up."""
    found = router.json("show bgp neighbors")
    return [int(one["connectionsEstablished"]) for one in found.values()]


def test_it_is_operable() -> None:
    assert isinstance(FRR, Operable)


def test_the_router_prints_exactly_what_we_render(router: VirtualRouter, city: City) -> None:
    factory = FRR.read(router).reveal()
    apply(router, preferring(city))
    text = FRR.read(router).reveal()
    assert lines_of_ours(text) == lines_of_ours(FRR.render(preferring(city)))
    apply(router, DeviceState())
    assert FRR.read(router).reveal() == factory


def test_the_best_path_follows_the_preference_and_no_session_is_dropped(router: VirtualRouter, city: City) -> None:
    before = established(router)
    orders = (
        (("primary", "tokyo"), ("primary", "osaka"), ("backup", "tokyo"), ("backup", "osaka")),
        (("backup", "osaka"), ("primary", "tokyo")),
        (("primary", "osaka"), ("backup", "tokyo")),
        (("backup", "tokyo"),),
    )
    for order in orders:
        apply(router, preferring(city, *order))
        for family in Family:
            line, region = order[0]
            way = next(one for name, one in city.lines.list_paths() if (name, one.id) == (line, region))
            wanted = str(city.lines.region_address(way, "primary" if line == "primary" else "backup", family))
            wait_until(lambda w=wanted, f=family: router.best(f) == w, f"the best path over {order[0]}", 15)  # type: ignore[misc]
    assert established(router) == before


def test_only_the_schools_own_prefixes_leave(router: VirtualRouter, city: City) -> None:
    school = city.school_by_id[SCHOOL]
    # A school that hands on what it hears would carry the regions' traffic: here Osaka hears of Tokyo's routes.
    for family in Family:
        address = str(city.lines.school_address(school, "primary", family))
        wait_until(lambda a=address, f=family: len(router.heard("osaka", a, f)) > 1, "a leak to be stopped", 15)  # type: ignore[misc]
    apply(router, preferring(city))
    asn = str(city.lines.get_asn(school))
    for rank, (line, region) in enumerate((way.line, way.region) for way in city.lines.usual):
        for family in Family:
            address = str(city.lines.school_address(school, line, family))
            wanted = {router.own[family]: " ".join([asn] * (rank + 1))}
            wait_until(
                lambda r=region, a=address, f=family, w=wanted: router.heard(r, a, f) == w,  # type: ignore[misc]
                f"{wanted} in {region} over {line}",
                15,
            )
            assert CORE[family] not in router.heard(region, address, family)


def test_a_way_that_is_left_out_carries_nothing(router: VirtualRouter, city: City) -> None:
    apply(router, preferring(city, ("primary", "tokyo")))
    school = city.school_by_id[SCHOOL]
    address = str(city.lines.school_address(school, "backup", Family.V4))
    wait_until(lambda: not router.heard("osaka", address, Family.V4), "nothing over the backup", 15)

    def heard_from() -> list[str]:
        return [path["peer"]["peerId"] for path in router.json("show bgp ipv4 unicast 0.0.0.0/0")["paths"]]

    wait_until(lambda: heard_from() == [TOKYO], "nothing from anybody else", 15)


def lock_and_arm(router: VirtualRouter, seconds: int) -> Restore:
    restore = Restore(seconds, "run1")
    FRR.lock(router, FIRST)
    FRR.arm(router, restore)
    return restore


def push_all(router: VirtualRouter, restore: Restore, wanted: DeviceState) -> None:
    for step in FRR.plan_steps(state_of(router), wanted):
        for command in step.commands:
            FRR.push(router, restore, command)


def test_a_change_that_is_confirmed_stays_and_is_booted_with(router: VirtualRouter, city: City) -> None:
    wanted = preferring(city)
    restore = lock_and_arm(router, 600)
    push_all(router, restore, wanted)
    assert state_of(router) == wanted
    assert FRR.cancel(router, restore)
    assert FRR.parse(FRR.read_saved(router).reveal(), "boot").state != wanted
    FRR.save(router, FIRST)
    assert FRR.parse(FRR.read_saved(router).reveal(), "boot").state == wanted
    FRR.unlock(router, FIRST)
    assert not jobs(router)
    router.stop()
    router.start()
    wait_until(router.up, "every session after a power cut", 60)
    assert state_of(router) == wanted
    wait_until(lambda: router.best(Family.V4) == TOKYO, "the best path after a power cut", 15)


def test_what_is_not_confirmed_goes_back_by_itself(router: VirtualRouter, city: City) -> None:
    before = preferring(city)
    apply(router, before)
    restore = lock_and_arm(router, 12)
    push_all(router, restore, preferring(city, ("backup", "osaka")))
    wait_until(lambda: router.best(Family.V4) == BACKUP_OSAKA, "the new best path", 15)
    # Nobody confirms: the controller is dead. The router itself goes back.
    wait_until(lambda: FRR.has_restored(router, restore), "the restore", 30)
    assert state_of(router) == before
    wait_until(lambda: router.best(Family.V4) == TOKYO, "the old best path", 15)
    assert not FRR.cancel(router, restore)
    with pytest.raises(CommandFailed, match="late: run run1 does not hold the lock any more"):
        FRR.push(router, restore, Command(CONFIGURE, "hostname nobody\n"))


@pytest.mark.parametrize("cut", range(2))
def test_a_change_that_was_cut_off_anywhere_goes_back_whole(router: VirtualRouter, city: City, cut: int) -> None:
    before = preferring(city, ("primary", "tokyo"))
    apply(router, before)
    restore = lock_and_arm(router, 8)
    lines = [
        line
        for step in FRR.plan_steps(before, preferring(city, ("backup", "osaka"), ("primary", "osaka")))
        for command in step.commands
        for line in (command.stdin or "").splitlines()
    ]
    # Killed in the middle of a command, between two of its lines.
    router.configure(*lines[: (cut + 1) * len(lines) // 3])
    wait_until(lambda: FRR.has_restored(router, restore), "the restore", 30)
    assert state_of(router) == before


def test_an_edit_by_hand_meanwhile_goes_back_too_and_others_work_stays(router: VirtualRouter, city: City) -> None:
    before = preferring(city)
    apply(router, before)
    restore = lock_and_arm(router, 8)
    name = before.routing.bindings[0].policy
    listed = next(one for one in before.routing.lists if one.family is Family.V4)
    router.configure(
        f"route-map {name} permit 20",
        "set local-preference 7",
        "exit",
        f"route-map {name} permit 30",
        "exit",
        f"ip prefix-list {listed.name} seq 10 permit 10.99.0.0/16",
        f"ip prefix-list {listed.name} seq 15 permit 10.98.0.0/16",
        "ip prefix-list TSN-stray seq 5 permit any",
        "ip prefix-list LEGACY seq 5 permit any",
    )
    wait_until(lambda: FRR.has_restored(router, restore), "the restore", 30)
    assert state_of(router) == before
    assert "ip prefix-list LEGACY seq 5 permit any" in FRR.read(router).reveal()
    router.configure("no ip prefix-list LEGACY")


def test_a_second_run_of_the_plan_takes_over_and_puts_back_what_was_before_the_first(
    router: VirtualRouter, city: City
) -> None:
    before = preferring(city)
    apply(router, before)
    first = lock_and_arm(router, 600)
    steps = FRR.plan_steps(before, preferring(city, ("backup", "osaka")))
    FRR.push(router, first, steps[0].commands[0])
    again = Lock(FIRST.owner, "run2", 60)
    FRR.lock(router, again)
    with pytest.raises(CommandFailed, match="late: run run1 does not hold the lock any more; nothing was changed"):
        FRR.push(router, first, steps[1].commands[0])
    second = Restore(8, "run2")
    FRR.arm(router, second)
    FRR.push(router, second, steps[1].commands[0])
    wait_until(lambda: FRR.has_restored(router, second), "the restore", 30)
    assert state_of(router) == before
    with pytest.raises(CommandFailed, match="another run of the same plan has taken the device over"):
        FRR.has_restored(router, first)


def test_two_plans_exclude_one_another(router: VirtualRouter) -> None:
    FRR.lock(router, FIRST)
    with pytest.raises(DeviceBusy, match="the lock is held by plan plan1 for up to"):
        FRR.lock(router, OTHER)
    with pytest.raises(CommandFailed, match="run run2 does not hold the lock"):
        FRR.arm(router, Restore(60, "run2"))
    with pytest.raises(CommandFailed, match="run run2 does not hold the lock; nothing was saved"):
        FRR.save(router, OTHER)
    FRR.unlock(router, FIRST)
    FRR.lock(router, OTHER)
    FRR.unlock(router, OTHER)


def test_what_the_router_refuses_ends_the_command(router: VirtualRouter) -> None:
    restore = lock_and_arm(router, 600)
    lines = "route-map TSN-x permit 10\nneighbor 192.0.2.1 route-map TSN-x in\nset as-path prepend 64999"
    with pytest.raises(CommandFailed, match=r"Unknown command: neighbor 192.0.2.1 route-map TSN-x in"):
        FRR.push(router, restore, Command(CONFIGURE, lines))
    assert "prepend 64999" not in FRR.read(router).reveal()
    with pytest.raises(CommandFailed, match="line 2 of the input is no line that can be pushed"):
        FRR.push(router, restore, Command(CONFIGURE, "route-map TSN-x permit 10\nset bogus 3"))
    with pytest.raises(CommandFailed, match="'reload' is no command that can be pushed"):
        FRR.push(router, restore, Command("reload"))
    assert FRR.cancel(router, restore)


def test_a_router_whose_bgp_does_not_answer_is_not_read(router: VirtualRouter) -> None:
    hidden = router.folder / "bgpd.hidden"
    (router.folder / "bgpd.vty").rename(hidden)
    try:
        with pytest.raises(CommandFailed, match="bgpd does not answer, so what the router is set to cannot be told"):
            FRR.read(router).reveal()
    finally:
        hidden.rename(router.folder / "bgpd.vty")
    assert "router bgp" in FRR.read(router).reveal()
