"""Real lines: who reaches what over them, what happens when they break, and that nobody carries another's traffic."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from controller.errors import LabError
from controller.lab.faults import fault_injection
from controller.lab.lab_status import read_lab_status
from controller.lab.network import connectivity, frr_routers
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state import paths, undo_log
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.layout import HostLayout, Layout, SchoolLayout
from controller.lab.state.processes import wait_until
from controller.lab.trials.outage_probe import OutageProbe
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName

pytestmark = pytest.mark.lab

PATIENCE = 30.0
LONGEST_GAP = 10.0
"""Seconds, on a machine that does much else besides; tests/benchmarks/failover.py measures the gap."""
PROMISED_GAP = 1.0
"""Seconds, when a line is cut: what the README promises of a machine that does nothing else."""
TRIES = 3


def pupil(school: SchoolLayout) -> HostLayout:
    return next(host for host in school.hosts if host.segment == "pupil")


def way_out(school: SchoolLayout, family: Family) -> str:
    """The interface that the school's router sends to the internet by."""
    said = run_program(("ip", "-n", school.router, f"-{int(family)}", "route", "show", "default"))
    return said.split(" dev ")[1].split()[0] if " dev " in said else "none"


def goes_out_by(school: SchoolLayout, line: AccessLineName) -> bool:
    return all(way_out(school, family) == school.line(line).interface for family in Family)


def carries_again(probe: OutageProbe) -> bool:
    moment = time.monotonic()
    return wait_until(lambda: probe.answered_since(moment), LONGEST_GAP)


def received(layout: Layout, region: str, kind: str, family: Family) -> dict[str, set[str]]:
    """A region's prefixes from each neighbour: `routes` that are accepted, `received-routes` that were sent."""
    found = {}
    inside = layout.region(region).namespace
    for school in layout.schools:
        for line in school.lines:
            neighbour = line.address.of(family)
            command = f"show bgp ipv{int(family)} unicast neighbors {neighbour} {kind} json"
            answer = frr_routers.ask_router_json(region, inside, paths.STATE, command)
            found[neighbour] = set(answer["routes" if kind == "routes" else "receivedRoutes"])
    return found


@pytest.fixture
def whole(lab: Layout) -> Iterator[Layout]:
    """A lab with nothing broken and every session up, before and after."""
    assert wait_until(lambda: not connectivity.list_missing_connectivity(lab, paths.STATE), PATIENCE, every=0.2), (
        connectivity.list_missing_connectivity(lab, paths.STATE)
    )
    yield lab
    fault_injection.repair_all_faults()


def test_no_school_carries_anothers_traffic_already_before_any_plan(untouched_lab: Layout) -> None:
    """Without a plan a school offers each region the way through the other: that is seen, and refused."""
    everything = {Family.V4: "0.0.0.0/0", Family.V6: "::/0"}
    for family in Family:
        own = {
            line.address.of(family): set(one.own_prefixes[family])
            for one in untouched_lab.schools
            for line in one.lines
        }
        accepted = [received(untouched_lab, region.id, "routes", family) for region in untouched_lab.regions]
        assert accepted == [own, own]
        offered = [received(untouched_lab, region.id, "received-routes", family) for region in untouched_lab.regions]
        assert any(everything[family] in prefixes for found in offered for prefixes in found.values())


def test_every_host_reaches_the_internet_in_both_families(whole: Layout) -> None:
    for school in whole.schools:
        for host in school.hosts:
            for family in Family:
                assert connectivity.reaches_internet(whole, host, family), (host.namespace, family)


def test_a_school_has_both_regions_on_both_lines_in_both_families(whole: Layout) -> None:
    for school in whole.schools:
        summary = frr_routers.ask_router_json(school.id, school.router, paths.STATE, "show bgp summary json")
        for family, name in ((Family.V4, "ipv4Unicast"), (Family.V6, "ipv6Unicast")):
            wanted = {one.addresses[line.name].of(family) for one in whole.regions for line in school.lines}
            assert {str(ip_address(peer)) for peer in summary[name]["peers"]} == wanted
        assert not list(connectivity.list_lost_neighbours(school.id, school.router, paths.STATE))


def test_the_lines_are_shaped_both_ways(whole: Layout) -> None:
    for school in whole.schools:
        for line in school.lines:
            ends = ((school.router, line.interface), (whole.carrier(line.name).namespace, line.port))
            for inside, interface in ends:
                assert f" rate {line.mbps}Mbit " in run_program(("tc", "-n", inside, "qdisc", "show", "dev", interface))


def test_schools_do_not_meet_at_the_carrier(whole: Layout) -> None:
    one, other = whole.schools
    for line in one.lines:
        words = ("ping", "-c", "1", "-W", "1", other.line(line.name).address.first)
        with pytest.raises(LabError, match="100% packet loss"):
            run_program(words, around=ProgramContext(one.router))
        run_program(
            ("ping", "-c", "1", "-W", "2", whole.regions[0].addresses[line.name].first),
            around=ProgramContext(one.router),
        )


@pytest.mark.alone
@pytest.mark.parametrize("kind", [FaultKind.PRIMARY, FaultKind.BLACKHOLE])
def test_within_a_second_the_backup_carries_while_the_primary_does_not_and_no_longer(
    whole: Layout, kind: FaultKind
) -> None:
    """On a quiet machine the first try shows it; on a busy one other work may hold up a try, so the best counts."""
    gaps: list[float] = []
    while not gaps or (min(gaps) > PROMISED_GAP and len(gaps) < TRIES):
        gaps.append(_cut_and_mended(whole, whole.schools[0], kind))
    assert 0 < min(gaps) <= PROMISED_GAP, gaps
    assert max(gaps) < LONGEST_GAP


def _cut_and_mended(layout: Layout, school: SchoolLayout, kind: FaultKind) -> float:
    """The seconds that nothing came through when a school's primary line was cut."""
    assert wait_until(lambda: goes_out_by(school, "primary"), PATIENCE)
    fault = LabFault(where=school.id, kind=kind)
    with OutageProbe.to_the_internet(layout, pupil(school)) as cut:
        assert fault_injection.inject_fault(fault)
        assert wait_until(lambda: goes_out_by(school, "backup"), LONGEST_GAP)
        assert carries_again(cut)
    assert all(goes_out_by(other, "primary") for other in layout.schools if other is not school)
    assert not fault_injection.inject_fault(fault)
    with OutageProbe.to_the_internet(layout, pupil(school)) as back:
        assert fault_injection.repair_fault(fault)
        assert wait_until(lambda: goes_out_by(school, "primary"), PATIENCE)
        assert not fault_injection.repair_fault(fault)
    assert back.longest_outage < LONGEST_GAP
    assert wait_until(lambda: not connectivity.list_missing_connectivity(layout, paths.STATE), PATIENCE, every=0.2)
    return cut.longest_outage


def test_a_cut_backup_is_not_noticed_by_anybody(whole: Layout) -> None:
    school = whole.schools[0]
    fault = LabFault(where=school.id, kind=FaultKind.BACKUP)
    with OutageProbe.to_the_internet(whole, pupil(school)) as probe:
        fault_injection.inject_fault(fault)
        assert wait_until(
            lambda: len(list(connectivity.list_lost_neighbours(school.id, school.router, paths.STATE))) > 0, PATIENCE
        )
        assert goes_out_by(school, "primary")
        fault_injection.repair_fault(fault)
    assert probe.longest_outage < LONGEST_GAP


def test_with_one_region_lost_everybody_goes_by_the_other(whole: Layout) -> None:
    lost, left = whole.regions
    school = whole.schools[0]
    fault = LabFault(where=lost.id, kind=FaultKind.REGION)
    with OutageProbe.to_the_internet(whole, pupil(school)) as probe:
        fault_injection.inject_fault(fault)
        assert wait_until(lambda: all(_next_region(whole, one) == left.id for one in whole.schools), LONGEST_GAP)
        assert carries_again(probe)
        everybody = [(pupil(one), family) for one in whole.schools for family in Family]
        # The other schools and IPv6 have sessions of their own, which end within the same time, not at the same moment.
        assert wait_until(lambda: all(connectivity.reaches_internet(whole, *one) for one in everybody), LONGEST_GAP)
        fault_injection.repair_fault(fault)
        assert wait_until(lambda: all(_next_region(whole, one) == lost.id for one in whole.schools), PATIENCE)
    assert 0 < probe.longest_outage < LONGEST_GAP


def _next_region(layout: Layout, school: SchoolLayout) -> str:
    said = run_program(("ip", "-n", school.router, "-4", "route", "show", "default"))
    via = said.split(" via ")[1].split()[0] if " via " in said else ""
    return next((one.id for one in layout.regions if via in {both.v4 for both in one.addresses.values()}), "none")


def test_breaking_is_written_down_and_mended_exactly(whole: Layout) -> None:
    school = whole.schools[0]
    carrier = whole.carrier("primary").namespace
    port = school.line("primary").port

    def looks() -> str:
        """The port without what counts."""
        fields = ("state", "master", "isolated")
        said = run_program(("ip", "-n", carrier, "-details", "link", "show", "dev", port)).split()
        return " ".join(f"{word} {said[n + 1]}" for n, word in enumerate(said) if word in fields)

    before = looks()
    faults = [LabFault(where=school.id, kind=kind) for kind in (FaultKind.BLACKHOLE, FaultKind.PRIMARY)]
    for fault in faults:
        fault_injection.inject_fault(fault)
    assert undo_log.read_active_record(paths.STATE).broken == tuple(faults)
    assert read_lab_status().broken == tuple(str(fault) for fault in faults)
    fault_injection.repair_fault(faults[1])  # the other one stays
    assert "state UP" in looks()
    assert "master" not in looks()
    assert fault_injection.repair_all_faults() == (faults[0],)
    assert looks() == before
    assert read_lab_status().broken == ()
