from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.measure.diagnosis.causes import PART_OF, Cause, Fact
from controller.measure.diagnosis.diagnose import diagnose_school
from controller.measure.diagnosis.evidence import LossReading, PathEvidence, SchoolEvidence
from controller.measure.diagnosis.texts import build_diagnosis_lines
from controller.messages import load_catalogue
from controller.model.network.packets import Family
from tests.measure.diagnosis.cases import (
    REFUSED,
    SILENT,
    answered,
    change,
    everywhere,
    healthy,
    kill,
    on_primary,
    read_router,
    swallow,
)

Fault = Callable[[SchoolEvidence], SchoolEvidence]


def primary(**changes: object) -> Fault:
    return lambda school: change(school, on_primary, lambda one: replace(one, **changes))  # type: ignore[arg-type]


def every_path(**changes: object) -> Fault:
    return lambda school: change(school, everywhere, lambda one: replace(one, **changes))  # type: ignore[arg-type]


def later(milliseconds: float) -> Fault:
    return primary(echo=answered(milliseconds), dns=answered(milliseconds + 2), http=answered(2 * milliseconds))


NAMED: dict[str, tuple[Fault, Cause]] = {
    "slow both ways": (primary(download=answered(40), upload=answered(41)), Cause.LINE_SLOW),
    "slow to the school": (primary(download=answered(40)), Cause.DOWNLOAD_SLOW),
    "slow from the school": (primary(upload=answered(2)), Cause.UPLOAD_SLOW),
    "lossy": (primary(loss=LossReading(9, 500)), Cause.LINE_LOSS),
    "lossy, and slow by it": (primary(loss=LossReading(25, 500), download=answered(8)), Cause.LINE_LOSS),
    "lossy by TCP's own count": (
        primary(held_back_by_loss=LossReading(20, 7000), download=answered(50)),
        Cause.LINE_LOSS,
    ),
    "late": (later(120), Cause.LINE_DELAY),
    "late, and slow by it": (
        lambda school: later(300)(primary(download=answered(60), upload=answered(60))(school)),
        Cause.LINE_DELAY,
    ),
    "swallows large packets": (
        lambda school: change(school, on_primary, swallow(1300, download=answered(0), upload=SILENT)),
        Cause.PATH_MTU,
    ),
    "a tunnel's size, and nobody says so": (
        lambda school: change(school, on_primary, swallow(1454, download=answered(0.0))),
        Cause.PATH_MTU,
    ),
    "line cut": (lambda school: change(school, on_primary, kill), Cause.LINE_DOWN),
    "region lost": (lambda school: change(school, lambda one: one.region == "tokyo", kill), Cause.REGION_DOWN),
    "one region slow": (
        lambda school: change(
            school,
            lambda one: on_primary(one) and one.region == "tokyo",
            lambda one: replace(one, download=answered(40)),
        ),
        Cause.UPSTREAM_SLOW,
    ),
    "one region lossy": (
        lambda school: change(
            school, lambda one: one.region == "tokyo", lambda one: replace(one, loss=LossReading(30, 500))
        ),
        Cause.UPSTREAM_LOSS,
    ),
    "IPv6 dead over one line": (
        lambda school: change(school, lambda one: on_primary(one) and one.family == Family.V6, kill),
        Cause.LINE_ROUTE,
    ),
    "IPv6 slow over one line": (
        lambda school: change(
            school,
            lambda one: on_primary(one) and one.family == Family.V6,
            lambda one: replace(one, download=answered(40)),
        ),
        Cause.DOWNLOAD_SLOW,
    ),
    "name server silent": (every_path(dns=SILENT), Cause.DNS_DOWN),
    "name server refuses": (every_path(dns=REFUSED), Cause.DNS_DOWN),
    "name server slow": (every_path(dns=answered(400)), Cause.DNS_SLOW),
    "page silent": (every_path(http=SILENT), Cause.PAGE),
    "test server refuses": (every_path(download=REFUSED, upload=REFUSED), Cause.TEST_SERVER),
    "test server silent": (every_path(download=SILENT, upload=SILENT), Cause.TEST_SERVER),
    "full table of translations": (lambda school: read_router(school, translations=4000), Cause.NAT_FULL),
    "slow port": (lambda school: read_router(school, lan_port_mbps=100), Cause.LAN_PORT_SLOW),
}
NOT_TOLD_APART: dict[str, tuple[Fault, set[Cause]]] = {
    "both lines silent": (
        lambda school: change(school, everywhere, kill),
        {Cause.ROUTER_FAULT, Cause.LINE_DOWN},
    ),
    "IPv6 dead over all lines": (
        lambda school: change(school, lambda one: one.family == Family.V6, kill),
        {Cause.ROUTER_FAULT, Cause.LINE_ROUTE},
    ),
    "IPv6 slow over all lines": (
        lambda school: change(
            school,
            lambda one: one.family == Family.V6,
            lambda one: replace(one, download=answered(40), upload=answered(40)),
        ),
        {Cause.LINE_SLOW, Cause.ROUTER_SLOW, Cause.UPSTREAM_SLOW},
    ),
    "everything slow": (
        every_path(download=answered(40), upload=answered(40)),
        {Cause.LINE_SLOW, Cause.ROUTER_SLOW, Cause.UPSTREAM_SLOW},
    ),
    "only the assessed download was tested": (
        lambda school: replace(
            school,
            paths=tuple(
                replace(one, upload=None, download=answered(40) if on_primary(one) else None) for one in school.paths
            ),
        ),
        {Cause.DOWNLOAD_SLOW, Cause.LINE_SLOW, Cause.ROUTER_SLOW, Cause.UPSTREAM_SLOW},
    ),
    "loss over every line": (every_path(loss=LossReading(30, 500)), {Cause.ROUTER_LOSS, Cause.UPSTREAM_LOSS}),
    "names over one line only": (primary(dns=SILENT), {Cause.LINE_ROUTE, Cause.DNS_DOWN}),
    "no throughput, and nobody looked for the path MTU": (
        every_path(download=SILENT, upload=SILENT, path_mtu=None),
        {Cause.TEST_SERVER, Cause.PATH_MTU},
    ),
    "pupils' devices slow, the router well": (
        lambda school: replace(school, outside=replace(school.outside, device_mbps=30)),
        {Cause.WIRELESS, Cause.SWITCH_FAULT},
    ),
}
"""What is seen there fits more than one part: a name would send somebody to the wrong place."""


def name_causes(school: SchoolEvidence) -> list[Cause]:
    return [cause for cause in diagnose_school(school).causes if cause is not Cause.CONTRACT]


def test_nothing_is_named_without_a_fault() -> None:
    assert diagnose_school(healthy()).findings == ()


@pytest.mark.parametrize("name", NAMED)
def test_a_single_fault_is_named(name: str) -> None:
    fault, cause = NAMED[name]
    assert set(name_causes(fault(healthy()))) == {cause}


@pytest.mark.parametrize("name", NOT_TOLD_APART)
def test_what_does_not_tell_two_parts_apart_is_said_so(name: str) -> None:
    fault, causes = NOT_TOLD_APART[name]
    findings = diagnose_school(fault(healthy())).findings
    assert name_causes(fault(healthy())) == []
    assert [set(one.causes) for one in findings if one.causes != (Cause.CONTRACT,)] == [causes]


@pytest.mark.parametrize(("first", "second"), list(combinations(NAMED, 2)))
def test_of_two_faults_no_third_one_is_named(first: str, second: str) -> None:
    both = NAMED[second][0](NAMED[first][0](healthy()))
    causes = {NAMED[first][1], NAMED[second][1]}
    line_and_region = {Cause.LINE_SLOW, Cause.DOWNLOAD_SLOW, Cause.UPLOAD_SLOW, Cause.UPSTREAM_SLOW, Cause.LINE_ROUTE}
    allowed = causes | (line_and_region if causes & line_and_region else set())
    named = set(name_causes(both))
    assert named <= allowed
    assert diagnose_school(both).findings


def test_a_name_shows_the_measurements_that_it_comes_from_and_the_next_step() -> None:
    diagnosis = diagnose_school(NAMED["slow to the school"][0](healthy()))
    (finding,) = (one for one in diagnosis.findings if one.named is not Cause.CONTRACT)
    facts = {proof.fact: proof for proof in finding.proofs}
    assert facts[Fact.DOWNLOAD].figures["mbps"] == "40.0"
    assert facts[Fact.DOWNLOAD].measurements
    assert facts[Fact.EXPECTED].figures["mbps"] == "180"
    for language in ("ja", "en"):
        lines = build_diagnosis_lines([diagnosis], load_catalogue(language))
        assert len(lines) == 3 * len(diagnosis.findings)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_part_a_name_and_a_next_step(cause: Cause) -> None:
    for language in ("ja", "en"):
        texts = load_catalogue(language)
        assert texts[f"diagnosis.{cause}"]
        assert texts[f"diagnosis.next-{cause}"]
        assert texts[f"diagnosis.part-{PART_OF[cause]}"]


def test_a_name_server_that_is_slow_in_one_region_is_that_region_s() -> None:
    """The median of two regions is as late as half of it."""
    slow = change(healthy(), lambda one: one.region == "osaka", lambda one: replace(one, dns=answered(400)))
    [found] = diagnose_school(slow).findings
    assert (found.named, found.about) == (Cause.DNS_SLOW, "osaka")
    one_more = change(
        slow, lambda one: one.dns == answered(6.0) and on_primary(one), lambda one: replace(one, dns=LATE)
    )
    [found] = diagnose_school(one_more).findings
    assert (found.named, found.about) == (Cause.DNS_SLOW, "")


LATE = answered(300)


def test_a_tunnel_s_size_that_somebody_tells_is_no_fault() -> None:
    assert diagnose_school(primary(path_mtu=answered(1390))(healthy())).findings == ()


def test_large_packets_that_a_lossy_line_lost_by_chance_are_no_small_mtu() -> None:
    school = change(healthy(), on_primary, swallow(1454))
    assert name_causes(primary(loss=LossReading(90, 500))(school)) == [Cause.LINE_LOSS]


def test_a_slow_line_s_full_queue_is_no_loss_of_the_line() -> None:
    queue = LossReading(700, 5000)  # none of the 500 echoes before it was lost
    school = primary(download=answered(37), upload=answered(37), held_back_by_loss=queue)(healthy())
    assert name_causes(school) == [Cause.LINE_SLOW]


def test_a_test_that_came_to_no_end_hides_the_capacity_too() -> None:
    diagnosis = diagnose_school(NAMED["swallows large packets"][0](healthy()))
    finding = next(one for one in diagnosis.findings if one.named is Cause.PATH_MTU)
    assert finding.proofs[-1].fact is Fact.CAPACITY_UNKNOWN


def test_a_loss_hides_the_capacity_and_that_is_said() -> None:
    (finding,) = diagnose_school(NAMED["lossy, and slow by it"][0](healthy())).findings
    assert finding.proofs[-1].fact is Fact.CAPACITY_UNKNOWN


@given(
    mbps=st.floats(180, 2000),
    latency=st.floats(0.1, 49),
    lost=st.integers(0, 4),
    dns=st.floats(0.1, 140),
    used=st.integers(0, 3799),
)
def test_whatever_is_well_is_never_named(mbps: float, latency: float, lost: int, dns: float, used: int) -> None:
    def vary(one: PathEvidence) -> PathEvidence:
        carried = answered(mbps if on_primary(one) else mbps / 4)
        return replace(
            one,
            echo=answered(latency),
            loss=LossReading(lost, 500),
            download=carried,
            upload=carried,
            dns=answered(latency + dns),
        )

    school = read_router(change(healthy(), everywhere, vary), translations=used)
    assert name_causes(school) == []
    assert [one for one in diagnose_school(school).findings if one.causes != (Cause.CONTRACT,)] == []


@given(st.sampled_from(sorted(NAMED)), st.sets(st.integers(0, 7), max_size=7))
def test_with_less_evidence_no_other_cause_is_named(name: str, missing: set[int]) -> None:
    fault, cause = NAMED[name]
    whole = fault(healthy())
    less = replace(whole, paths=tuple(one for index, one in enumerate(whole.paths) if index not in missing))
    told = [one.causes for one in diagnose_school(less).findings]
    wide = {Cause.LINE_DOWN, Cause.REGION_DOWN, Cause.LINE_ROUTE, Cause.LINE_SLOW, Cause.DOWNLOAD_SLOW, Cause.CONTRACT}
    for causes in told:
        # What is left may fit a narrower fault of the same part; it never fits one of another part alone.
        assert len(causes) > 1 or causes[0] is cause or causes[0] in wide
