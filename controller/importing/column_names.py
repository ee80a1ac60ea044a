"""Which headers of a table mean what: the words of Japanese lists of schools, of NetBox, and our own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from controller.importing.source_table import Column

HEADERS: Mapping[Column, tuple[str, ...]] = MappingProxyType(
    {
        Column.NAME: ("学校名", "学校名称", "名称", "施設名", "名前", "name", "school", "school name"),
        Column.WARD: ("区", "行政区", "区名", "所在区", "地区", "ward"),
        Column.KIND: ("種別", "学校種別", "校種", "学校種", "kind", "school kind"),
        Column.PUPILS: ("児童生徒数", "児童・生徒数", "児童数", "生徒数", "在籍者数", "在籍数", "pupils", "students"),
        Column.PRIMARY: ("回線", "回線種別", "主回線", "主回線種別", "line", "primary", "primary line"),
        Column.PRIMARY_RATE: ("回線速度", "帯域", "契約帯域", "契約速度", "主回線速度", "mbps", "primary mbps"),
        Column.BACKUP: ("予備回線", "副回線", "バックアップ回線", "予備回線種別", "backup", "backup line"),
        Column.BACKUP_RATE: ("予備回線速度", "予備帯域", "副回線速度", "バックアップ回線速度", "backup mbps"),
        Column.THIRD: ("第三回線", "第3回線", "third", "third line"),
        Column.THIRD_RATE: ("第三回線速度", "第3回線速度", "third mbps"),
        Column.LOT: ("調達ロット", "ロット", "lot"),
        Column.ID: ("id", "学校id", "識別子", "school id"),
        Column.NUMBER: ("学校番号", "number", "school number"),
        Column.WARD_ID: ("区id", "ward id"),
        Column.REGION: ("リージョン", "地域", "region"),
        Column.GROUP: ("サイトグループ", "グループ", "group", "site group"),
        Column.TENANT: ("テナント", "tenant"),
        Column.STATUS: ("ステータス", "status"),
        Column.SLUG: ("スラッグ", "slug"),
    }
)
"""The headers that are known; `docs/import.md` shows this table."""
REQUIRED = (Column.NAME, Column.WARD, Column.KIND, Column.PUPILS, Column.PRIMARY)
WARD_COLUMNS = (Column.REGION, Column.GROUP, Column.TENANT)
"""Columns of NetBox, of which one holds the ward."""
_UNITS = {"mbps": 1, "mbit/s": 1, "m": 1, "gbps": 1_000, "gbit/s": 1_000, "g": 1_000, "人": 1, "名": 1}
_UNIT = re.compile(r"(.*?)[(\[]([^()\[\]]*)[)\]]")
_LEFT_OUT = re.compile(r"[\s_・･-]+")


class NamedColumn(NamedTuple):
    """What a header means, and the factor that it gives numbers."""

    column: Column
    unit: int


def find_column(header: str) -> NamedColumn | None:
    r"""Return what a header means; None where it says nothing of use here.

    >>> find_column("児童・\n生徒数\uff08人\uff09").column.value
    'pupils'
    >>> find_column("回線速度(Gbps)").unit, find_column("cf_pupils").column.value, find_column("電話番号")
    (1000, 'pupils', None)
    """
    plain = simplify_header(header)
    unit = 1
    written = _UNIT.fullmatch(plain)
    if written and written[2] in _UNITS:
        plain, unit = written[1], _UNITS[written[2]]
    column = _BY_HEADER.get(plain)
    return None if column is None else NamedColumn(column, unit)


def simplify_header(header: str) -> str:
    """Return a header without what people write one way or the other: wide signs, large letters, spaces."""
    plain = _LEFT_OUT.sub("", unicodedata.normalize("NFKC", header)).casefold()
    # NetBox's files begin the columns of custom fields so.
    return plain.removeprefix("cf")


def describe_headers(column: Column) -> str:
    """Return the headers of a column, the first one first.

    >>> describe_headers(Column.LOT)
    '調達ロット (also read: ロット, lot)'
    """
    first, *others = HEADERS[column]
    return f"{first} (also read: {', '.join(others)})"


def _list_all() -> Iterable[tuple[str, Column]]:
    for column, headers in HEADERS.items():
        yield simplify_header(column.value), column
        yield from ((simplify_header(one), column) for one in headers)


_BY_HEADER: Mapping[str, Column] = MappingProxyType(dict(_list_all()))
