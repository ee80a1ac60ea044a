"""Google's locations, as far as a school's cloud in Japan can meet them; one that is not here is refused."""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid

# fmt: off
REGIONS = frozenset(
    {
        "africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3",
        "asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3",
        "australia-southeast1", "australia-southeast2", "europe-central2", "europe-north1", "europe-north2",
        "europe-southwest1", "europe-west1", "europe-west10", "europe-west12", "europe-west2", "europe-west3",
        "europe-west4", "europe-west6", "europe-west8", "europe-west9", "me-central1", "me-central2",
        "me-west1", "northamerica-northeast1", "northamerica-northeast2", "northamerica-south1",
        "southamerica-east1", "southamerica-west1", "us-central1", "us-east1", "us-east4", "us-east5",
        "us-south1", "us-west1", "us-west2", "us-west3", "us-west4",
    }
)
# fmt: on
_ZONES = frozenset({f"{region}-{letter}" for region in REGIONS for letter in "abc"})
_WIDE: Mapping[str, frozenset[str]] = {
    "storage": frozenset({"asia", "eu", "us", "asia1", "eur4", "eur5", "eur7", "eur8", "nam4"}),
    "kms": frozenset({"global", "asia", "asia1", "europe", "us", "eur4", "nam4"}),
    "logging": frozenset({"global", "eu", "us"}),
    "certificatemanager": frozenset({"global"}),
    "artifactregistry": frozenset({"asia", "europe", "us"}),
}
"""Locations wider than a region, by the service that has them."""


def check_locations(module: str, values: Mapping[str, Value]) -> None:
    """Every region, zone and location that a resource names, however deep, is one of Google's.

    Raises:
        Refused: it is not.
    """
    for path, name, text in _named(values, ""):
        allowed = _allowed(module, name)
        place = text.rpartition("/")[2] if name != "location" else text
        if place.lower() not in allowed:
            message = f"'{text}'. There is no such {name} for {module}"
            raise make_invalid(path, message)


def find_location(values: Mapping[str, Value]) -> str:
    """Where something is: its region, its zone's region, or its location in small letters; empty for global things."""
    for name in ("region", "location", "zone"):
        value = values.get(name)
        if isinstance(value, str) and value:
            place = value.rpartition("/")[2].lower()
            return place.rpartition("-")[0] if name == "zone" or place in _ZONES else place
    return ""


def refuse_other_location(
    here: str, there: str, field: str, what: str, *, anywhere: bool = True
) -> GoogleRefusal | None:
    """Two things that must be in one place are not. `anywhere`: what is `global` goes with every place."""
    if not here or not there or here == there or (anywhere and "global" in {here, there}):
        return None
    return make_invalid(field, f"'{what}'. It is in {there}, and must be in {here}")


def _allowed(module: str, name: str) -> frozenset[str]:
    if name == "zone":
        return _ZONES
    return REGIONS if name == "region" else REGIONS | _WIDE.get(module, frozenset())


def _named(values: Mapping[str, Value], path: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for key, value in values.items():
        here = f"{path}{key}"
        # An access level's location describes an expression's file, a policy's place is no place of Google's.
        if key in {"region", "zone", "location"} and isinstance(value, str) and value and "expr" not in path:
            found.append((here, key, value))
        elif isinstance(value, Mapping):
            found.extend(_named(value, f"{here}."))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, Mapping):
                    found.extend(_named(item, f"{here}[{place}]."))
    return found
