"""Google's regions with the country that each stands in, and the dual regions that Cloud Storage makes of two of them.

Read on the pages "Cloud locations" and "Bucket locations" of Google Cloud's documentation. A region that is not here is
refused: where it stands could not be said.
"""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
_REGIONS_BY_COUNTRY: Mapping[str, tuple[str, ...]] = {
    "AU": ("australia-southeast1", "australia-southeast2"),
    "BE": ("europe-west1",),
    "BR": ("southamerica-east1",),
    "CA": ("northamerica-northeast1", "northamerica-northeast2"),
    "CH": ("europe-west6",),
    "CL": ("southamerica-west1",),
    "DE": ("europe-west3", "europe-west10"),
    "ES": ("europe-southwest1",),
    "FI": ("europe-north1",),
    "FR": ("europe-west9",),
    "GB": ("europe-west2",),
    "HK": ("asia-east2",),
    "ID": ("asia-southeast2",),
    "IL": ("me-west1",),
    "IN": ("asia-south1", "asia-south2"),
    "IT": ("europe-west8", "europe-west12"),
    "JP": ("asia-northeast1", "asia-northeast2"),
    "KR": ("asia-northeast3",),
    "MX": ("northamerica-south1",),
    "NL": ("europe-west4",),
    "PL": ("europe-central2",),
    "QA": ("me-central1",),
    "SA": ("me-central2",),
    "SE": ("europe-north2",),
    "SG": ("asia-southeast1",),
    "TH": ("asia-southeast3",),
    "TW": ("asia-east1",),
    "US": (
        "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4",
    ),
    "ZA": ("africa-south1",),
}
# fmt: on
COUNTRIES: Mapping[str, str] = {
    region: country for country, regions in _REGIONS_BY_COUNTRY.items() for region in regions
}
"""The country of each region (ISO 3166-1), by the region's name."""

DUAL_REGIONS: Mapping[str, frozenset[str]] = {
    "asia1": frozenset({"asia-northeast1", "asia-northeast2"}),
    "eur4": frozenset({"europe-north1", "europe-west4"}),
    "nam4": frozenset({"us-central1", "us-east1"}),
}
"""The two regions behind each predefined dual region that Cloud KMS has keys in, too: a bucket there takes only a key
of the location of the same name."""


def list_regions_of(country: str) -> tuple[str, ...]:
    """Return the regions that Google has in a country.

    >>> list_regions_of("JP")
    ('asia-northeast1', 'asia-northeast2')
    """
    return _REGIONS_BY_COUNTRY.get(country, ())


def find_members(location: str) -> frozenset[str]:
    """Return the regions that a location is made of: a region of itself, a dual region of two, an unknown one of none.

    >>> sorted(find_members("asia1")), sorted(find_members("asia-east1")), sorted(find_members("asia"))
    (['asia-northeast1', 'asia-northeast2'], ['asia-east1'], [])
    """
    return DUAL_REGIONS.get(location, frozenset({location} & COUNTRIES.keys()))
