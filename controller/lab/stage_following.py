"""The computers of the virtual city follow a change of their school's stage of integration.

A port that changes its segment leaves the computer behind it with an address of the old one. As a real one does, it
then asks for an address anew: it takes the one that it has in the new segment, once the gateway there answers it. The
router of a school whose switch cannot see TCP flags is set anew by whoever keeps it (the lab), too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from controller.errors import LabError
from controller.lab.network.namespaces import HOST_INTERFACE, list_attachment, run_ip_batch
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.network.virtual_cores.state_keeping import apply_router_rules, write_router_rules
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import HostLayout, Layout, describe_fixed_parts
from controller.lab.state.layout_planning import plan_layout
from controller.lab.state.processes import wait_until
from controller.model.network.packets import Family
from controller.model.virtual_city import STATELESS_PLATFORMS, VirtualCity

_READY_SECONDS = 20.0


def follow_stages(city: VirtualCity, schools: Sequence[str] = (), state: Path = paths.STATE) -> tuple[str, ...]:
    """Give the computers of the lab that is up the places that this city says; which ones have moved.

    With `schools` those of these schools only: the others' ports have not changed yet.

    Raises:
        LabError: no lab is up, it was built from another city, or a computer does not reach its new gateway.
    """
    if _plan_places(undo_log.read_active_record(state).layout, city, schools) is None:
        return ()
    with paths.hold_lock(state, "move computers"):
        record = undo_log.read_active_record(state)
        wanted = _plan_places(record.layout, city, schools)
        if wanted is None:
            return ()
        moved = tuple(_list_moved(record.layout, wanted))
        for school in wanted.schools:
            if school.platform in STATELESS_PLATFORMS and school != record.layout.school(school.id):
                apply_router_rules(school, write_router_rules(city, school))
        for host in moved:
            _move(host)
        undo_log.write_record(state, record.model_copy(update={"layout": wanted}))
    for host in moved:
        _await_gateways(host)
    return tuple(f"{host.school}/{host.id}" for host in moved)


def _plan_places(layout: Layout, city: VirtualCity, schools: Sequence[str]) -> Layout | None:
    """The layout with the places of a city at some schools (none named: at all); None where they are as they should be.

    Raises:
        LabError: it was built from another city.
    """
    wanted = plan_layout(city, len(layout.schools), Path(layout.perimeter.world) if layout.perimeter else None)
    if describe_fixed_parts(wanted) != describe_fixed_parts(layout):
        message = (
            "the lab that is up was built from another city: more than the places of its computers differs; run "
            "'tsunagu lab down', then 'tsunagu lab up' with these policies"
        )
        raise LabError(message)
    pairs = zip(layout.schools, wanted.schools, strict=True)
    chosen = tuple(new if not schools or new.id in schools else old for old, new in pairs)
    return None if chosen == layout.schools else layout.model_copy(update={"schools": chosen})


def _list_moved(before: Layout, after: Layout) -> Iterator[HostLayout]:
    for old, new in zip(before.schools, after.schools, strict=True):
        for was, host in zip(old.hosts, new.hosts, strict=True):
            if host.interface != was.interface:
                yield host


def _move(host: HostLayout) -> None:
    # Down and up again: with its addresses go what it knew of its neighbours, and its routes.
    words = (f"link set dev {HOST_INTERFACE} down", f"addr flush dev {HOST_INTERFACE}")
    run_ip_batch(words, inside=host.namespace)
    run_ip_batch(list_attachment(host.interface), inside=host.namespace)


def _await_gateways(host: HostLayout) -> None:
    for family, gateway in host.interface.gateway.by_family.items():
        if not wait_until(partial(_hears, host, family, gateway), _READY_SECONDS):
            message = f"{host.school}/{host.id} has moved to {host.segment}, and its gateway {gateway} does not answer"
            raise LabError(message)


def _hears(host: HostLayout, family: Family, gateway: str) -> bool:
    """Whether the gateway answers to its address there: filters do not stop ARP and neighbour discovery."""
    inside = ProgramContext(host.namespace)
    flag = f"-{family.value}"
    run_program(("sh", "-c", f"ping {flag} -c 1 -W 1 {gateway} >&2 || :"), around=inside)
    said = run_program(("ip", flag, "neigh", "show", "to", gateway, "dev", HOST_INTERFACE), around=inside)
    return "lladdr" in said
