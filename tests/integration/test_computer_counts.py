"""Both figures of old computers: what each counts, that neither stands for the other, and how they are kept."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from controller.errors import DeviceUnreachable, InputRefused
from controller.integration.computers.computer_counts import (
    ListedComputers,
    SchoolCounts,
    SeenComputers,
    count_listed_computers,
    find_differences,
    is_retirement_overdue,
)
from controller.integration.computers.count_store import FOLDER, NAME, find_computer_counts, keep_computer_counts
from controller.integration.computers.inventory_table import ComputerInventory, ListDay, parse_computer_inventory
from controller.integration.computers.old_segments import list_old_segments
from controller.integration.computers.seen_computers import (
    MacReading,
    count_seen_computers,
    list_devices_to_read,
    list_unread,
    read_mac_tables,
)
from controller.integration.status import Blocker, list_school_statuses
from controller.model.city import City
from controller.model.policy_files import INTEGRATION
from controller.model.sites.devices import Device
from controller.model.sites.stages import Stage
from controller.platforms.base import Command, Session
from controller.platforms.common.mac_table import LearntAddress
from controller.platforms.device_text.device_text import DeviceText
from controller.recovery.controller_archive import FOLDERS
from tests.integration.staged_city import OLD, SCHOOL, put_in_stage

AT = datetime(2026, 12, 1, 1, tzinfo=UTC)
DAY = date(2026, 11, 1)
MACS = tuple(f"02:54:00:00:00:{number:02x}" for number in range(1, 7))
HEAD = "Vlan    Mac Address       Type        Ports\n"


@pytest.fixture(scope="module")
def coexist(city: City) -> City:
    return put_in_stage(city, Stage.COEXIST)


@dataclass
class Shown:
    """A session with a switch that shows a table."""

    device: str
    table: str

    def run(self, command: Command) -> DeviceText:
        assert command.line == "show mac address-table"
        return DeviceText(self.table, self.device)


@dataclass
class Tables:
    """A way to switches, by the tables that they show; of the others nobody answers."""

    shown: dict[str, str]
    opened: list[str] = field(default_factory=list)

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        assert not changing
        assert device_type == device.platform
        self.opened.append(device.id)
        if device.id not in self.shown:
            raise DeviceUnreachable(device.id, "nobody answers")
        yield Shown(device.id, self.shown[device.id])


def write_rows(*rows: tuple[int, str, str]) -> str:
    dotted = ((vlan, mac.replace(":", ""), port) for vlan, mac, port in rows)
    lines = [f"{vlan:>4}    {mac[:4]}.{mac[4:8]}.{mac[8:]}    DYNAMIC     {port}\n" for vlan, mac, port in dotted]
    return f"{HEAD}{''.join(lines)}Total Mac Addresses for this criterion: {len(lines)}\n"


def seen(*macs: str, at: datetime = AT) -> SeenComputers:
    return SeenComputers(at=at, macs=macs, devices=("as-e01-floor1",))


def listed(*macs: str) -> ListedComputers:
    return ListedComputers(as_of=DAY, computers=dict.fromkeys(macs, "pc"))


def read_inventory(city: City, *rows: str) -> ComputerInventory:
    text = "学校,端末名,MAC,セグメント,日付\n" + "".join(f"{row}\n" for row in rows)
    return parse_computer_inventory(text.encode(), Path("pcs.csv"), city, ListDay(DAY, date(2026, 12, 1)))


def test_the_old_segments_are_those_that_end_before_integrated(coexist: City) -> None:
    assert list(list_old_segments(coexist)) == [OLD]


def test_the_inventory_counts_the_old_segments_as_of_its_oldest_row(coexist: City) -> None:
    found = read_inventory(
        coexist,
        f"{SCHOOL},a,025400000001,{OLD},",
        f"{SCHOOL},b,025400000002,staff,2026-10-05",
        "as-e02,c,025400000003,staff,",
    )
    schools = coexist.schools[:3]
    counts = count_listed_computers(coexist, found, schools, None)
    assert counts == {
        SCHOOL: ListedComputers(as_of=date(2026, 10, 5), computers={MACS[0]: "a"}, by_segment={OLD: 1}),
        "as-e02": ListedComputers(as_of=DAY, computers={}),
    }
    whole = count_listed_computers(coexist, found, schools, DAY)
    assert whole[schools[2].id] == ListedComputers(as_of=DAY, computers={}), "a complete list says that it has none"


def test_switches_count_each_host_of_the_old_network_once_and_name_what_was_not_read(coexist: City) -> None:
    school = coexist.school_by_id[SCHOOL]
    devices = list_devices_to_read(coexist, school)
    core, first, *others = devices
    assert [(one.role, one.platform) for one in (core, first)] == [
        ("core", "allied_telesis_awplus"),
        ("floor", "cisco_ios"),
    ]
    trunk, access, uplink = "port1.0.1", "Gi1/0/11", "Gi1/0/24"
    tables = {
        core.id: "VLAN port mac fwd\n"
        f"11 {trunk} 0254.0000.0001 forward dynamic\n11 {trunk} 0254.0000.0002 forward dynamic\n"
        "11 port1.0.24 0254.0000.0006 forward dynamic\n",
        first.id: write_rows(
            (11, MACS[0], access), (10, MACS[2], "Gi1/0/1"), (11, MACS[3], uplink), (11, MACS[4], "Gi1/0/48")
        ),
    }
    transport = Tables(tables)
    readings = read_mac_tables(devices, transport)
    assert set(transport.opened) == {one.id for one in (core, first, *others)}
    counted = count_seen_computers(coexist, school, readings, AT)
    assert counted is not None
    assert counted.macs == MACS[:2], "by the core's trunk and by the floor's port, once each; not at the uplinks"
    assert counted.elsewhere == (MACS[4],)
    assert counted.by_segment == {OLD: 2}
    assert (counted.at, set(counted.devices)) == (AT, {core.id, first.id})
    assert counted.unread == list_unread(readings) == {one.id: f"{one.id}: nobody answers" for one in others}


def test_a_platform_without_a_table_is_named_and_no_figure_is_made_of_nothing(coexist: City) -> None:
    school = coexist.school_by_id[SCHOOL]
    router = next(one for one in coexist.list_devices(school) if one.platform == "frr")
    (reading,) = read_mac_tables([router], Tables({}))
    assert reading.refusal == "platform 'frr' shows no table of MAC addresses"
    assert count_seen_computers(coexist, school, [reading], AT) is None
    read = MacReading(router, (LearntAddress(11, MACS[0], "eth9"),))
    counted = count_seen_computers(coexist, school, [reading, read], AT)
    assert counted is not None
    assert (counted.macs, counted.elsewhere) == ((), (MACS[0],))


def test_an_integrated_school_has_no_old_network_to_read(city: City) -> None:
    integrated = put_in_stage(city, Stage.INTEGRATED)
    assert list_devices_to_read(integrated, integrated.school_by_id[SCHOOL]) == ()


def test_differences_need_both_figures(coexist: City) -> None:
    del coexist
    both = SchoolCounts(listed=listed(MACS[0], MACS[1]), seen=seen(MACS[1], MACS[2]))
    found = find_differences(both)
    assert (found.not_seen, found.not_listed) == ((MACS[0],), (MACS[2],))
    assert find_differences(SchoolCounts(seen=seen(MACS[2]))).not_listed == ()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (SchoolCounts(), (False, ())),
        (SchoolCounts(listed=listed(), seen=seen()), (False, ())),
        (SchoolCounts(listed=listed(), seen=seen(MACS[0])), (True, (Blocker.OLD_COMPUTERS,))),
        (SchoolCounts(listed=listed(MACS[0])), (True, (Blocker.OLD_COMPUTERS,))),
    ],
    ids=["no figure: not judged", "none left", "seen", "listed"],
)
def test_either_figure_blocks_and_is_overdue_after_the_day(
    coexist: City, counts: SchoolCounts, expected: tuple[bool, tuple[Blocker, ...]]
) -> None:
    late = set_retirement(coexist, coexist.policy_date - timedelta(days=1))
    school = late.school_by_id[SCHOOL]
    assert is_retirement_overdue(late, school, counts) is expected[0]
    on_the_day = set_retirement(coexist, coexist.policy_date)
    assert not is_retirement_overdue(on_the_day, school, counts), "the day itself is still in time"
    (status,) = list_school_statuses(late, {}, late.policy_date, {SCHOOL: counts})
    assert tuple(one for one in status.blockers if one is Blocker.OLD_COMPUTERS) == expected[1]


def set_retirement(city: City, day: date) -> City:
    file = city.files.get(INTEGRATION)
    entries = tuple(one.model_copy(update={"retire_by": day}) for one in file.integrations if one.school == SCHOOL)
    return city.replace_file(INTEGRATION, file.model_copy(update={"integrations": entries}))


def test_only_the_step_to_integrated_is_blocked(city: City) -> None:
    separated = put_in_stage(city, Stage.SEPARATED)
    found = list_school_statuses(separated, {}, separated.policy_date, {SCHOOL: SchoolCounts(seen=seen(MACS[0]))})
    own = next(one for one in found if one.school.id == SCHOOL)
    assert Blocker.OLD_COMPUTERS not in own.blockers


def test_a_new_count_takes_the_place_of_its_own_kind_only(tmp_path: Path) -> None:
    keep_computer_counts(tmp_path, "kawasaki", {SCHOOL: listed(MACS[0])}, {SCHOOL: seen(MACS[0])})
    keep_computer_counts(tmp_path, "kawasaki", {}, {SCHOOL: seen(MACS[1], at=AT + timedelta(days=1))})
    counts = find_computer_counts(tmp_path, "kawasaki", SCHOOL)
    assert counts.listed == listed(MACS[0])
    assert counts.seen is not None
    assert (counts.seen.macs, counts.seen.at) == ((MACS[1],), AT + timedelta(days=1))
    assert find_computer_counts(tmp_path, "kawasaki", "as-e02") == SchoolCounts()
    path = tmp_path / FOLDER / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"format": 2, "city": "kawasaki"}', b'{"format": 1, "city": "elsewhere"}', b"[]", b"\xff"],
)
def test_a_file_that_is_none_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FOLDER / NAME
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=r"computers\.json:\d+: .*move it away, and count again"):
        find_computer_counts(tmp_path, "kawasaki", SCHOOL)
    with pytest.raises(InputRefused):
        keep_computer_counts(tmp_path, "kawasaki", {SCHOOL: listed()}, {})
    assert path.read_bytes() == content


def test_the_counts_are_in_the_controllers_backup() -> None:
    assert FOLDER in FOLDERS


def test_what_is_kept_holds_no_more_than_it_says(tmp_path: Path) -> None:
    keep_computer_counts(tmp_path, "kawasaki", {SCHOOL: listed(MACS[0])}, {})
    held = json.loads((tmp_path / FOLDER / NAME).read_text(encoding="utf-8"))
    assert held["schools"][SCHOOL]["listed"] == {"as_of": "2026-11-01", "computers": {MACS[0]: "pc"}, "by_segment": {}}
