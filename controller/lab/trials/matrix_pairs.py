"""What the matrix tries: every host with every application it could ask, and what the policy expects of it.

What is expected comes from the reference evaluator alone, never from the compiler.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path

from controller.errors import LabError
from controller.lab.state.application_addresses import (
    choose_internet_address,
    choose_tcp_port,
    list_internet_ports,
    list_remote_addresses,
)
from controller.lab.state.layout import (
    Frozen,
    HostLayout,
    Layout,
    Perimeter,
    SchoolLayout,
    describe_fixed_parts,
)
from controller.lab.state.layout_planning import plan_layout
from controller.model.access.rules import INTERNET, Application
from controller.model.city import City
from controller.model.network.packets import Family, Protocol
from controller.model.reference_evaluator import Flow, evaluate_network
from controller.model.virtual_city import VirtualCity

ELSEWHERE = "@other-school"
"""Added to the name of an application that lives in schools, where another school's is meant."""


class PairTarget(Frozen):
    """Somewhere a host can connect to. `application` is what must answer there; SSH, or else HTTP.

    `host`: the proxy answers there, over TLS and by this name.
    """

    column: str
    application: str
    address: str
    port: int
    ssh: bool = False
    host: str = ""

    @property
    def family(self) -> Family:
        """The family of the address."""
        return Family(ip_address(self.address).version)


class MatrixPair(Frozen):
    """A host and a target, and what the network parts of the policy say; `rules` are those that decided."""

    school: str
    host: str
    segment: str
    namespace: str
    target: PairTarget
    permitted: bool
    rules: tuple[str, ...]


def list_untested_applications(city: City) -> tuple[str, ...]:
    """The applications that the matrix cannot try, because no service of theirs is TCP."""
    return tuple(app.id for app in city.applications.values() if choose_tcp_port(app) is None)


def list_matrix_pairs(city: VirtualCity, layout: Layout, schools: tuple[str, ...]) -> Iterator[MatrixPair]:
    """Every pair of the hosts of these schools.

    Raises:
        LabError: the lab was built from other addresses than this city's.
    """
    check_same_addresses(city, layout, schools)
    for number, school in enumerate(layout.schools):
        if school.id not in schools:
            continue
        other = layout.schools[(number + 1) % len(layout.schools)]
        targets = [*_remote(city, layout.perimeter), *_in_school(city, school, "")]
        if other.id != school.id:
            targets += _in_school(city, other, ELSEWHERE)
        for host in school.hosts:
            own = {*host.interface.address.by_family.values()}
            yield from (_pair(city, host, target) for target in targets if target.address not in own)


def _pair(city: City, host: HostLayout, target: PairTarget) -> MatrixPair:
    flow = Flow(
        school=city.school_by_id[host.school],
        source=host.segment,
        family=target.family,
        protocol=Protocol.TCP,
        destination=int(ip_address(target.address)),
        port=target.port,
    )
    answer = evaluate_network(city, flow)
    return MatrixPair(
        school=host.school,
        host=host.id,
        segment=host.segment,
        namespace=host.namespace,
        target=target,
        permitted=answer.permitted,
        rules=tuple(rule.id for rule in answer.rules),
    )


def _remote(city: City, around: Perimeter | None) -> Iterator[PairTarget]:
    hosts = {one.application: one.host for one in around.guarded} if around else {}
    for application in city.applications.values():
        port = choose_tcp_port(application)
        if application.segment is None and port is not None:
            for address in list_remote_addresses(city, application):
                host = hosts.get(application.id, "")
                yield PairTarget(
                    column=application.id, application=application.id, address=address, port=port, host=host
                )
    ports = list_internet_ports(city)
    for port in ports:
        column = INTERNET if len(ports) == 1 else f"{INTERNET}:{port}"
        for family in city.families:
            yield PairTarget(
                column=column, application=INTERNET, address=choose_internet_address(city, family), port=port
            )


def _in_school(city: City, school: SchoolLayout, suffix: str) -> Iterator[PairTarget]:
    for application in city.applications.values():
        port = choose_tcp_port(application)
        if application.segment is None or port is None:
            continue
        for address, ssh in _addresses_in_school(city, school, application):
            yield PairTarget(
                column=application.id + suffix, application=application.id, address=address, port=port, ssh=ssh
            )


def _addresses_in_school(city: City, school: SchoolLayout, application: Application) -> Iterator[tuple[str, bool]]:
    hosts = [host.interface for host in school.hosts if host.segment == application.segment]
    router = school.management.model_copy(update={"address": school.router_address})
    devices = [school.management, router] if application.segment == city.management_segment else []
    if not hosts and not devices:
        message = f"application {application.id!r} lives in segment {application.segment!r}, where lab.yaml has no host"
        raise LabError(message)
    for interface in (*hosts, *devices):
        for address in interface.address.by_family.values():
            yield address, interface in devices


def check_same_addresses(city: VirtualCity, layout: Layout, schools: Sequence[str] = ()) -> None:
    """See that the lab that is up is this city's.

    With `schools` the computers of others may be elsewhere: those are in another stage of integration still.

    Raises:
        LabError: it was built from other addresses.
    """
    around = layout.perimeter
    wanted = plan_layout(city, len(layout.schools), world=Path(around.world) if around else None)
    served = {(one.namespace, one.address, one.port): one.applications for one in layout.listeners}
    missing = [
        one
        for one in wanted.listeners
        if not set(one.applications) <= set(served.get((one.namespace, one.address, one.port), ()))
    ]
    places = [(one, layout.school(one.id)) for one in wanted.schools if not schools or one.id in schools]
    others = describe_fixed_parts(wanted) != describe_fixed_parts(layout) or any(new != old for new, old in places)
    if others or missing:
        what = (
            f"{', '.join(missing[0].applications)} at {missing[0].address}" if missing else "its schools or its cloud"
        )
        message = (
            f"the lab that is up was built from another city: {what} differ; run 'tsunagu lab down', then "
            "'tsunagu lab up' with these policies"
        )
        raise LabError(message)
