"""Tables of schools for the fuzzer: what they begin from, and what reads them."""

from __future__ import annotations

from pathlib import Path

from controller.importing.csv_table import read_school_table
from controller.importing.school_records import KnownWard, build_school_records
from controller.model.sites.school_kinds import DEFAULT_KINDS

_TABLE = (
    "学校名,区,種別,児童生徒数,回線,回線速度,予備回線,電話\r\n"
    '第一小学校,麻生区,小学校,"1,024",閉域VPN 100M,,LTE 50,1\r\n'
)
SCHOOL_TABLES = tuple(_TABLE.encode(encoding) for encoding in ("utf-8", "cp932", "euc_jp", "utf-16"))
READERS_OF_TABLES = (
    *("read_school_table", "parse_school_table", "decode_table", "read_source"),
    *("read_default_line", "read_device_roles", "read_plain_text", "read_whole_number", "read_rate", "read_line"),
)


def import_table(path: Path) -> None:
    """Read a table as far as its records."""
    build_school_records(read_school_table(path), [KnownWard("asao", "麻生区")], DEFAULT_KINDS)
