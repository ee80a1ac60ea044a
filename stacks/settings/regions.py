"""Where things may stand: two regions in Japan, and the dual region that is made of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RegionId = Literal["tokyo", "osaka"]


@dataclass(frozen=True, slots=True)
class Region:
    """A region by our word for it and by Google's."""

    id: RegionId
    name: str


TOKYO = Region("tokyo", "asia-northeast1")
OSAKA = Region("osaka", "asia-northeast2")
REGIONS: dict[RegionId, Region] = {"tokyo": TOKYO, "osaka": OSAKA}

BOTH = "asia1"
"""Cloud Storage's dual region of Tokyo and Osaka. A bucket there takes only a key of the location of the same name."""


def get_standby_region(region: RegionId) -> RegionId:
    """Return the region that stands by for a region."""
    return "osaka" if region == "tokyo" else "tokyo"
