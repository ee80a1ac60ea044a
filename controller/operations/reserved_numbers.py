"""Which numbers of a device are ours, where its system has no names: the operators reserve a range of each kind."""

from __future__ import annotations

from pydantic import Field

from controller.model.sites.devices import NumberRanges
from controller.model.yaml_source import StrictModel


class RtxNumbers(StrictModel):
    """The first number of each range on a Yamaha RTX: 4,194,304 filters of each family, 2 keepalives, 3 tunnels."""

    filters: int = Field(default=16_000_000, ge=1, le=17_280_532)
    keepalives: int = Field(default=91, ge=1, le=99)
    tunnels: int = Field(default=11, ge=1, le=6000)


class ReservedNumbers(StrictModel):
    """The reserved ranges, by platform."""

    yamaha_rtx: RtxNumbers = Field(default=RtxNumbers(), alias="yamaha_rtx")

    def list_ranges(self) -> dict[str, NumberRanges]:
        """Return the first number of each range, by platform.

        >>> ReservedNumbers().list_ranges()
        {'yamaha_rtx': (('filters', 16000000), ('keepalives', 91), ('tunnels', 11))}
        """
        return {name: tuple(sorted(numbers.items())) for name, numbers in self.model_dump().items()}
