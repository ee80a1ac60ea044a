"""What can be broken on purpose in the virtual city, and how it is named."""

from __future__ import annotations

from enum import StrEnum

from controller.errors import LabError
from controller.lab.state.layout import Frozen, Layout
from controller.model.sites.contracted_lines import AccessLineName

REGION = "region"
"""The word that stands before a region's name where a school's name could stand."""


class FaultKind(StrEnum):
    """What happens: a line is cut (its end goes dark), or carries nothing while it looks well, or a region is lost."""

    PRIMARY = "primary-line"
    BACKUP = "backup-line"
    THIRD = "third-line"
    BLACKHOLE = "blackhole"
    REGION = "region"


LINE_KINDS = tuple(kind for kind in FaultKind if kind is not FaultKind.REGION)
_LINE: dict[FaultKind, AccessLineName] = {
    FaultKind.PRIMARY: "primary",
    FaultKind.BACKUP: "backup",
    FaultKind.THIRD: "third",
    FaultKind.BLACKHOLE: "primary",
}


class LabFault(Frozen):
    """Something broken on purpose. `where` is a school, or a region if `kind` says so."""

    where: str
    kind: FaultKind

    @property
    def line(self) -> AccessLineName:
        """The line of the school that is meant."""
        return _LINE[self.kind]

    def __str__(self) -> str:
        match self.kind:
            case FaultKind.REGION:
                return f"region {self.where} is lost"
            case FaultKind.BLACKHOLE:
                return f"the primary line of {self.where} looks well and carries nothing"
            case _:
                return f"the {self.line} line of {self.where} is cut"


def parse_fault(layout: Layout, first: str, second: str) -> LabFault:
    """The fault that two words of a command name: SCHOOL and what of it, or `region` and its name.

    Raises:
        LabError: the lab has no such school or region, nothing of that name can be broken, or the school has no such
            line.
    """
    if first == REGION:
        return LabFault(where=layout.region(second).id, kind=FaultKind.REGION)
    school = layout.school(first)
    if second not in LINE_KINDS:
        kinds = ", ".join(kind for kind in LINE_KINDS if school.find_line(_LINE[kind]) is not None)
        message = f"of school {school.id} {kinds} can be broken, not {second!r}; a region: '{REGION} NAME'"
        raise LabError(message)
    fault = LabFault(where=school.id, kind=FaultKind(second))
    school.line(fault.line)
    return fault
