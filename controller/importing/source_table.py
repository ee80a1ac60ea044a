"""What a source of schools says: a table of cells, each with the place where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from controller.errors import InputError, Origin, Problem

_MOST_PROBLEMS = 40
_SHOWN_LINES = 5


class ImportRefused(InputError):
    """A source of schools cannot be used as it is, or would not lead to a valid city; nothing was written."""


class Column(StrEnum):
    """What a column of a source says about a school."""

    ID = "id"
    NUMBER = "number"
    NAME = "name"
    WARD = "ward"
    WARD_ID = "ward-id"
    REGION = "region"
    GROUP = "group"
    TENANT = "tenant"
    KIND = "kind"
    PUPILS = "pupils"
    LOT = "lot"
    PRIMARY = "primary"
    PRIMARY_RATE = "primary-mbps"
    BACKUP = "backup"
    BACKUP_RATE = "backup-mbps"
    THIRD = "third"
    THIRD_RATE = "third-mbps"
    STATUS = "status"
    SLUG = "slug"


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as the source has it, without spaces around it; `header` is what its column is called there.

    `unit` is the factor that the header gives numbers: 1,000 where it says Gbps.
    """

    text: str
    origin: Origin
    header: str
    unit: int = 1


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A school of a source."""

    origin: Origin
    cells: Mapping[Column, Cell]

    def get(self, column: Column) -> Cell | None:
        """Return the cell of a column; None where there is no such column, or nothing in it."""
        cell = self.cells.get(column)
        return cell if cell is not None and cell.text else None


@dataclass(frozen=True, slots=True)
class SourceDevice:
    """A device that a source has: its name, the number of its site, the slugs of its role and its platform."""

    origin: Origin
    name: str
    site: int
    role: str
    platform: str = ""
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class SourceTable:
    """All that a source says of schools.

    `header` is where its columns are named, `encoding` what a file was read as, `ignored` the headers of columns that
    say nothing here. A table is `of_netbox` where sites stand in it: they have no kinds of schools, so the end of a
    name says it where no field does, and wards are what the sites belong to. `notes` are for who reads the result.
    """

    name: str
    header: Origin
    rows: tuple[SourceRow, ...]
    encoding: str = ""
    ignored: tuple[str, ...] = ()
    of_netbox: bool = False
    notes: tuple[str, ...] = ()
    devices: tuple[SourceDevice, ...] = ()


@dataclass(slots=True)
class ProblemList:
    """Gathers problems; what is wrong in many rows for one reason is said once, with the lines."""

    found: dict[tuple[str, str, str], list[Origin]] = field(default_factory=dict)

    def add(self, origin: Origin, header: str, message: str) -> None:
        """Keep one problem."""
        self.found.setdefault((origin.file, header, message), []).append(origin)

    def refuse(self, what: str) -> None:
        """Raise what was gathered.

        Raises:
            ImportRefused: there was something.
        """
        if self.found:
            raise ImportRefused(what, list(self._list()))

    def _list(self) -> Iterator[Problem]:
        for count, ((_, header, message), origins) in enumerate(self.found.items()):
            if count == _MOST_PROBLEMS:
                rest = len(self.found) - count
                yield Problem(origins[0], "", f"and {rest} more problem{'s' if rest > 1 else ''}; mend these first")
                return
            yield Problem(origins[0], header, f"{message}{_name_others(origins[1:])}")


def _name_others(origins: list[Origin]) -> str:
    """Return where else the same is wrong.

    >>> _name_others([Origin("a.csv", 7), Origin("a.csv", 9)])
    ' (also lines 7, 9)'
    """
    if not origins:
        return ""
    lines = ", ".join(str(one.line) for one in origins[:_SHOWN_LINES])
    rest = len(origins) - _SHOWN_LINES
    return f" (also line{'s' if len(origins) > 1 else ''} {lines}{f' and {rest} more' if rest > 0 else ''})"
