"""Reservations of a DHCP server over a change of stage: who gets which address, and who is left, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from controller.cli.integration.brought_lists import BroughtFiles, carry_listed_reservations, find_named_segments
from controller.errors import InputError, TsunaguError
from controller.importing.source_table import ImportRefused
from controller.integration.computers.host_cells import ListedHost
from controller.integration.computers.reservation_table import parse_reservations
from controller.integration.reservations import (
    CarriedReservations,
    LeftReason,
    SegmentChoice,
    carry_reservations,
    write_reservations,
)
from controller.integration.stage_policy import StagePolicy
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.policy_files import SEGMENTS
from controller.model.sites.stages import Stage
from controller.storage.csv_text import BYTE_ORDER_MARK
from tests.integration.conftest import StagedCity
from tests.integration.staged_city import OLD, SCHOOL, put_in_stage

PATH = Path("dhcp.csv")


@pytest.fixture(scope="module")
def cities(city: City) -> tuple[City, City]:
    return put_in_stage(city, Stage.COEXIST), put_in_stage(city, Stage.INTEGRATED)


def find_network(city: City, segment: str) -> IPv4Network:
    found = city.addresses.segment_prefix(city.school_by_id[SCHOOL], city.segments[segment], Family.V4)
    assert isinstance(found, IPv4Network)
    return found


def reserve(city: City, segment: str, *numbers: int) -> list[ListedHost]:
    network = find_network(city, segment)
    return parse(
        city,
        *(
            f"{SCHOOL},pc-{number},02:54:00:00:{number >> 8:02x}:{number & 255:02x},{network[number]}"
            for number in numbers
        ),
    )


def parse(city: City, *rows: str) -> list[ListedHost]:
    text = "".join(f"{row}\n" for row in ("学校,端末名,MAC,IPアドレス", *rows))
    return list(parse_reservations(text.encode(), PATH, city).reservations)


def list_numbers(city: City, result: CarriedReservations, segment: str) -> list[int]:
    first = int(find_network(city, segment).network_address)
    return [int(one.address) - first for one in result.carried]


def carry(
    cities: tuple[City, City], reservations: Sequence[ListedHost], choice: SegmentChoice | None = None
) -> CarriedReservations:
    return carry_reservations(*cities, reservations, choice)


def test_hosts_keep_their_numbers_in_the_segment_that_their_ports_become(cities: tuple[City, City]) -> None:
    result = carry(cities, reserve(cities[0], OLD, 20, 300))
    assert [(one.segment_before, one.segment, one.keeps_number) for one in result.carried] == [(OLD, "staff", True)] * 2
    assert list_numbers(cities[1], result, "staff") == [20, 300]
    assert not result.left


def test_a_number_that_is_taken_gives_the_next_free_one(cities: tuple[City, City]) -> None:
    kept = reserve(cities[0], "staff", 20, 21)
    result = carry(cities, [*reserve(cities[0], OLD, 20, 22), *kept])
    assert result.unchanged == tuple(kept)
    assert list_numbers(cities[1], result, "staff") == [23, 22], "22 keeps its number, whoever comes first"
    assert [one.keeps_number for one in result.carried] == [False, True]


def test_nobody_gets_the_address_of_a_printer_that_has_no_reservation(cities: tuple[City, City]) -> None:
    (printer,) = reserve(cities[1], "staff", 20)
    (moved,) = reserve(cities[0], OLD, 20)
    other = replace(printer, mac="02:54:00:00:99:99")
    assert list_numbers(cities[1], carry(cities, [moved], SegmentChoice(present=(other,))), "staff") == [21]
    assert list_numbers(cities[1], carry(cities, [moved], SegmentChoice(present=(printer,))), "staff") == [20], (
        "its own"
    )


def test_nobody_gets_the_gateway_or_an_address_of_a_device(cities: tuple[City, City]) -> None:
    first = reserve(cities[0], OLD, 1)
    assert list_numbers(cities[1], carry(cities, first), "staff") == [2]
    managed = [int(one.management) for one in cities[1].list_devices(cities[1].school_by_id[SCHOOL])]
    result = carry(cities, reserve(cities[0], OLD, 10), SegmentChoice({OLD: "management"}))
    assert int(result.carried[0].address) == max(managed) + 1


def test_a_segment_that_stays_with_another_prefix_moves_its_hosts(city: City, cities: tuple[City, City]) -> None:
    file = city.files.get(SEGMENTS)
    ipv4 = file.segments[0].ipv4
    assert ipv4 is not None
    moved = [
        one.model_copy(update={"ipv4": ipv4.model_copy(update={"offset": IPv4Address("0.0.32.0")})})
        if one.id == "printers"
        else one
        for one in file.segments
    ]
    after = city.replace_file(SEGMENTS, file.model_copy(update={"segments": tuple(moved)}))
    (one,) = carry_reservations(city, after, reserve(city, "printers", 9)).carried
    assert (one.segment_before, one.segment) == ("printers", "printers")
    assert one.address == find_network(after, "printers")[9] != one.reservation.address
    assert not carry(cities, reserve(city, "printers", 9)).carried


def test_what_cannot_be_carried_is_named_with_the_reason(cities: tuple[City, City]) -> None:
    outside = parse(cities[0], f"{SCHOOL},pc-x,025400000001,192.0.2.1")
    full = SegmentChoice({OLD: "gone"})
    found = [*carry(cities, outside).left, *carry(cities, reserve(cities[0], OLD, 20), full).left]
    assert [(one.reason, one.segments) for one in found] == [
        (LeftReason.NO_SEGMENT, ()),
        (LeftReason.UNKNOWN_SUCCESSOR, ("gone",)),
    ]


def test_a_full_segment_leaves_the_last(cities: tuple[City, City]) -> None:
    size = find_network(cities[0], "quarantine").num_addresses
    many = reserve(cities[0], OLD, *range(2, size + 1))
    result = carry(cities, many, SegmentChoice({OLD: "quarantine"}))
    assert len(result.carried) == size - 3, "without the network, the gateway and the broadcast address"
    assert {one.reason for one in result.left} == {LeftReason.FULL}
    assert len({one.address for one in result.carried}) == len(result.carried)


def test_the_way_back_keeps_what_was_not_moved(cities: tuple[City, City]) -> None:
    there = carry(cities, reserve(cities[0], OLD, 20))
    written = write_reservations(there)
    assert written.startswith(BYTE_ORDER_MARK), "as Excel reads it"
    again = parse_reservations(written.encode(), PATH, cities[0])
    assert again.ignored == ("旧アドレス", "旧セグメント")
    assert [one.address for one in again.reservations] == [one.address for one in there.carried]
    assert carry((cities[1], cities[0]), again.reservations).unchanged == again.reservations


@pytest.fixture
def policy(staged: StagedCity, cities: tuple[City, City]) -> StagePolicy:
    return replace(staged.policy, before=cities[0], after=cities[1], schools=(SCHOOL,))


def write_list(folder: Path, found: ListedHost) -> Path:
    list_ = folder / "dhcp.csv"
    list_.write_text(f"school,name,mac,address\n{SCHOOL},{found.name},{found.mac},{found.address}\n", "utf-8")
    return list_


def test_a_new_segment_is_named_or_is_that_of_the_inventory(policy: StagePolicy, tmp_path: Path) -> None:
    (host,) = reserve(policy.before, OLD, 20)
    inventory = tmp_path / "inventory.csv"
    inventory.write_text(f"school,name,mac,segment\n{SCHOOL},{host.name},{host.mac},printers\n", "utf-8")
    files = BroughtFiles(reservations=write_list(tmp_path, host))
    for more, segment in (
        (BroughtFiles(inventory=inventory), "printers"),
        (BroughtFiles(inventory=inventory, segments=(f"{OLD}=guest",)), "guest"),
        (BroughtFiles(), "staff"),
    ):
        given = replace(files, inventory=more.inventory, segments=more.segments)
        _, carried = carry_listed_reservations(policy, given, ())
        assert carried is not None
        assert [one.segment for one in carried.carried] == [segment]


def test_no_reservation_is_carried_to_a_printer_of_the_list(policy: StagePolicy, tmp_path: Path) -> None:
    (host,) = reserve(policy.before, OLD, 20)
    (printer,) = reserve(policy.after, "staff", 20)
    files = BroughtFiles(reservations=write_list(tmp_path, host))
    _, carried = carry_listed_reservations(policy, files, (replace(printer, mac="02:54:00:00:99:99"),))
    assert carried is not None
    assert list_numbers(policy.after, carried, "staff") == [21]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (("staff-legcy=staff",), "'staff-legcy' is no segment; did you mean staff-legacy"),
        (("staff-legacy",), "write OLD=NEW; '' is no segment"),
        (("staff-legacy=staff", "staff-legacy=guest"), "staff-legacy is named twice"),
    ],
)
def test_a_new_segment_that_is_none_is_refused(city: City, named: tuple[str, ...], said: str) -> None:
    with pytest.raises(TsunaguError, match=said):
        find_named_segments(named, city)


def test_what_is_left_says_by_which_option_a_segment_is_named(policy: StagePolicy, tmp_path: Path) -> None:
    (host,) = reserve(policy.before, OLD, 20)
    files = BroughtFiles(reservations=write_list(tmp_path, host), segments=(f"{OLD}={OLD}",))
    with pytest.raises(InputError, match=f"{OLD} is not there in the next stage; .*--new-segment {OLD}=NEW"):
        carry_listed_reservations(policy, files, ())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ["as-e01,a,025400000001,10.0.0.9", "as-e02,b,025400000002,10.0.0.9"],
            "dhcp.csv:3: アドレス: 10.0.0.9 is that",
        ),
        (["as-e01,a,025400000001,10.0.0.9", "as-e01,a,025400000001,10.0.0.8"], "dhcp.csv:3: MACアドレス: 02:54:00"),
        (["as-e01,a,025400000001,10.0.0.999"], "dhcp.csv:2: IPアドレス: '10.0.0.999' is no address"),
        (["xx,a,025400000001,10.0.0.9"], "dhcp.csv:2: 学校: 'xx' is no school"),
    ],
)
def test_reservations_that_contradict_are_refused(city: City, rows: list[str], said: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        parse(city, *rows)
    assert said in str(refused.value)
