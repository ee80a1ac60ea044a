"""What can be broken on purpose in the virtual city, and how it is named."""

from __future__ import annotations

from enum import StrEnum

from controller.errors import LabError
from controller.lab.state.layout import Frozen, Layout
from controller.model.sites.access_lines import LineName

REGION = "region"
"""The word that stands before a region's name where a school's name could stand."""


class Kind(StrEnum):
    """What happens: a line is cut (its end goes dark), or carries nothing while it looks well, or a region is lost."""

    PRIMARY = "primary-line"
    BACKUP = "backup-line"
    BLACKHOLE = "blackhole"
    REGION = "region"


LINE_KINDS = tuple(kind for kind in Kind if kind is not Kind.REGION)
_LINE: dict[Kind, LineName] = {Kind.PRIMARY: "primary", Kind.BACKUP: "backup", Kind.BLACKHOLE: "primary"}


class Fault(Frozen):
    """Something broken on purpose. `where` is a school, or a region if `kind` says so."""

    where: str
    kind: Kind

    @property
    def line(self) -> LineName:
        """The line of the school that is meant."""
        return _LINE[self.kind]

    def __str__(self) -> str:
        match self.kind:
            case Kind.REGION:
                return f"region {self.where} is lost"
            case Kind.BLACKHOLE:
                return f"the primary line of {self.where} looks well and carries nothing"
            case _:
                return f"the {self.line} line of {self.where} is cut"


def fault(layout: Layout, first: str, second: str) -> Fault:
    """The fault that two words of a command name: SCHOOL and what of it, or `region` and its name.

    Raises:
        LabError: the lab has no such school or region, or nothing of that name can be broken.
    """
    if first == REGION:
        return Fault(where=layout.region(second).id, kind=Kind.REGION)
    school = layout.school(first).id
    if second not in LINE_KINDS:
        message = f"of a school {', '.join(LINE_KINDS)} can be broken, not {second!r}; a region: '{REGION} NAME'"
        raise LabError(message)
    return Fault(where=school, kind=Kind(second))
