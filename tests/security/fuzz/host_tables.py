"""Tables of hosts for the fuzzer: inventories of computers, and reservations of a DHCP server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from controller.errors import TsunaguError
from controller.importing.cell_values import CellRefused
from controller.integration.computers.count_store import parse_computer_counts
from controller.integration.computers.host_cells import parse_day
from controller.integration.computers.inventory_table import ListDay, parse_computer_inventory
from controller.integration.computers.issued_table import parse_issued_counts
from controller.integration.computers.printer_table import parse_printers
from controller.integration.computers.reservation_table import parse_reservations
from controller.measure.manual.manual_table import parse_manual_table
from controller.model.city import City

_INVENTORY = (
    "学校,端末名,MACアドレス,セグメント,用途,日付,備考\r\n"
    'as-e01,pc-1,0254.00AB.0001,staff-legacy,"校務, 印刷",2026-11-01,\r\n'
)
_RESERVATIONS = (
    "school,name,mac,address\nas-e01,pc-1,02-54-00-ab-00-01,10.0.4.20\nas-e01,pc-1,025400ab0001,2001:db8::9\n"
)
_ISSUED = '学校,対象数,発行数\r\nas-e01,40,39\r\nas-e04,"1,000",950\r\n'
_DAY = ListDay(date(2026, 11, 30), date(2026, 12, 1))
Run = Callable[[bytes], object]


def _read_inventory(city: City) -> Run:
    return lambda data: parse_computer_inventory(data, Path("computers.csv"), city, _DAY)


def _read_reservations(city: City) -> Run:
    return lambda data: parse_reservations(data, Path("reservations.csv"), city)


def _read_printers(city: City) -> Run:
    return lambda data: parse_printers(data, Path("printers.csv"), city)


def _read_issued(city: City) -> Run:
    return lambda data: parse_issued_counts(data, Path("issued.csv"), city)


_MANUAL = (
    "学校,測定場所,測定日時,端末,下り(Mbps),上り\r\n"
    'as-e01,"3年1組, 窓側",2026-11-20 15:40,GIGA-1,93.5,0.04Gbps\r\n'
    "as-e04,図書室,2026年11月20日 15時52分,GIGA-1,88 Mbit/s,40000kbps\r\n"
)


def _read_manual(city: City) -> Run:
    return lambda data: parse_manual_table(data, Path("records.csv"), city, datetime(2026, 12, 1, tzinfo=UTC))


_COUNTS = (
    b'{"format": 1, "city": "kawasaki", "schools": {"as-e01": {"listed": {"as_of": "2026-11-01", "computers": '
    b'{"02:54:00:00:00:01": "pc-1"}}, "seen": {"at": "2026-12-01T00:00:00Z", "macs": ["02:54:00:00:00:01"], '
    b'"devices": ["as-e01-core1"], "unread": {"as-e01-floor1": "nobody answers"}, "elsewhere": []}}}}'
)


def list_host_readers(
    city: City,
) -> list[tuple[str, tuple[bytes, ...], Run, tuple[str, ...], tuple[type[Exception], ...]]]:
    """What each reader is called, what it begins from, what reads, what it covers, and its refusals."""
    refusals: tuple[type[Exception], ...] = (TsunaguError,)
    computers = tuple(_INVENTORY.encode(encoding) for encoding in ("utf-8", "cp932"))
    return [
        ("table of computers", computers, _read_inventory(city),
         ("read_computer_inventory", "parse_computer_inventory", "parse_host_table", "parse_mac_address"), refusals),
        ("table of reservations", (_RESERVATIONS.encode(),), _read_reservations(city),
         ("read_reservations", "parse_reservations"), refusals),
        ("table of printers", (_RESERVATIONS.encode(),), _read_printers(city),
         ("read_printers", "parse_printers"), refusals),
        ("table of certificates", (_ISSUED.encode(),), _read_issued(city),
         ("read_issued_counts", "parse_issued_counts"), refusals),
        ("table of speed tests", tuple(_MANUAL.encode(encoding) for encoding in ("utf-8", "cp932")), _read_manual(city),
         ("read_manual_table", "parse_manual_table", "read_rate_mbps"), refusals),
        ("counts of computers", (_COUNTS,), _read_counts, ("parse_computer_counts", "read_computer_counts"), refusals),
        ("day of a list", (b"2026-12-01", b"2026/4/1"), _read_list_day, ("parse_day",), (CellRefused,)),
    ]  # fmt: skip


def _read_counts(data: bytes) -> object:
    return parse_computer_counts(data, Path("computers.json"), "kawasaki")


def _read_list_day(data: bytes) -> object:
    return parse_day(data.decode("utf-8", "replace"), _DAY.today)
