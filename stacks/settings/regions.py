"""The regions of a stack, by its own words and Google's, and where what belongs to more than one of them lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from controller.inputs.bounded_json import parse_json
from controller.inputs.character_classes import Name
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import StrictModel
from stacks.settings.google_locations import DUAL_REGIONS

RegionId = Identifier
"""A region by the stack's own word for it; resources carry it in their names."""
GoogleLocation = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,38}[0-9]$")]
"""A region of Google's, such as `asia-northeast1`, or a dual region, such as `asia1`."""
MOST_REGIONS: Final = 3
RESERVED: Final = ("kind", "services")
"""Words that stand beside regions' ids in a stack's file, so no region may be called so."""


class Region(StrictModel):
    """A region: `id` is the stack's word for it, `location` Google's, `name` the one that people read."""

    id: RegionId
    location: GoogleLocation
    name: Annotated[Name, Field(min_length=1, pattern=r"\S")]


DEFAULT_REGIONS: Final = (
    Region(id="tokyo", location="asia-northeast1", name="Tokyo"),
    Region(id="osaka", location="asia-northeast2", name="Osaka"),
)
"""The regions of a stack's file that names none, as they were before a file could name them."""


@dataclass(frozen=True)
class StackRegions:
    """The regions of a stack in their order, and `shared`: the location of buckets and their key."""

    regions: tuple[Region, ...]
    shared: str

    @cached_property
    def by_id(self) -> dict[str, Region]:
        """The regions by their ids."""
        return {region.id: region for region in self.regions}

    @property
    def locations(self) -> tuple[str, ...]:
        """Google's words for the regions, in order."""
        return tuple(region.location for region in self.regions)

    @property
    def ring_locations(self) -> tuple[str, ...]:
        """Where key rings stand: in each region, and where buckets lie."""
        return tuple(dict.fromkeys((*self.locations, self.shared)))

    @property
    def is_shared_dual(self) -> bool:
        """Whether buckets lie in two regions."""
        return self.shared in DUAL_REGIONS

    def get_location(self, region: RegionId) -> str:
        """Return Google's word for a region."""
        return self.by_id[region].location

    def describe(self) -> str:
        """Return the regions as people read them.

        >>> StackRegions(DEFAULT_REGIONS, "asia1").describe()
        'Tokyo (asia-northeast1) and Osaka (asia-northeast2)'
        """
        return " and ".join(f"{region.name} ({region.location})" for region in self.regions)

    def find_warnings(self) -> Iterator[str]:
        """Yield what these regions leave without a second place."""
        if len(self.regions) == 1:
            yield (
                f"the stack has one region, {self.describe()}: its databases have no replica, its backups lie in the "
                "same region, and nothing serves while it is lost; a second one under 'tsunagu:regions' changes that"
            )
        elif not self.is_shared_dual:
            yield (
                f"files and audit logs lie in one region only ({self.shared}): no dual region of Google's is made of "
                f"{self.describe()}"
            )


DEFAULT_STACK_REGIONS: Final = StackRegions(DEFAULT_REGIONS, "asia1")
"""What `DEFAULT_REGIONS` come to."""


def find_stack_regions(values: Mapping[str, str]) -> StackRegions:
    """Return the regions of a stack from its configuration as the engine hands it over; the rest is not looked at.

    Raises:
        ValidationError: they are not those of a stack's file.
        JsonRefused: they are no JSON.
    """
    text = values.get("tsunagu:regions")
    regions = DEFAULT_REGIONS if text is None else _REGIONS.validate_python(parse_json(text))
    return StackRegions(regions, values.get("tsunagu:shared-location") or choose_shared_location(regions))


_REGIONS: Final = TypeAdapter(Annotated[tuple[Region, ...], Field(min_length=1, max_length=MOST_REGIONS)])


def choose_shared_location(regions: Iterable[Region]) -> str:
    """Return where buckets lie if nothing else is said: in the dual region of these regions, else in the first one.

    >>> choose_shared_location(DEFAULT_REGIONS), choose_shared_location(DEFAULT_REGIONS[:1])
    ('asia1', 'asia-northeast1')
    """
    locations = [region.location for region in regions]
    fitting = [name for name, members in DUAL_REGIONS.items() if members <= {*locations}]
    return fitting[0] if fitting else locations[0]


def choose_standby(regions: Iterable[Region], primary: RegionId, standby: RegionId | None) -> RegionId | None:
    """Return the region of a database's replica: the one that is named, else the only other one; None in one region.

    >>> choose_standby(DEFAULT_REGIONS, "osaka", None)
    'tokyo'
    >>> choose_standby(DEFAULT_REGIONS[:1], "tokyo", None) is None
    True
    """
    if standby is not None:
        return standby
    return next((region.id for region in regions if region.id != primary), None)
