"""Tables of hosts for the fuzzer: inventories of computers, and reservations of a DHCP server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from controller.integration.computers.inventory_table import ListDay, parse_computer_inventory
from controller.integration.computers.issued_table import parse_issued_counts
from controller.integration.computers.printer_table import parse_printers
from controller.integration.computers.reservation_table import parse_reservations
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


HOST_TABLES: tuple[tuple[str, tuple[bytes, ...], Callable[[City], Run], tuple[str, ...]], ...] = (
    (
        "computers",
        tuple(_INVENTORY.encode(encoding) for encoding in ("utf-8", "cp932")),
        _read_inventory,
        ("read_computer_inventory", "parse_computer_inventory", "parse_host_table", "parse_mac_address"),
    ),
    (
        "reservations",
        (_RESERVATIONS.encode(),),
        _read_reservations,
        ("read_reservations", "parse_reservations"),
    ),
    ("printers", (_RESERVATIONS.encode(),), _read_printers, ("read_printers", "parse_printers")),
    ("issued", (_ISSUED.encode(),), _read_issued, ("read_issued_counts", "parse_issued_counts")),
)
