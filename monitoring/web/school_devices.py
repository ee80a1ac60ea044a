"""The devices of a school as the API gives them: what they are, and what a rollout did with each last."""

from __future__ import annotations

from typing import TypedDict

from controller.model.city import City
from controller.model.sites.schools import School
from monitoring.city_state.school_tiles import format_known_time
from monitoring.timeseries.rollout_queries import read_newest_device_spans
from monitoring.timeseries.time_series_store import TimeSeriesStore


class DeviceRolloutView(TypedDict):
    """What was done with a device last. `outcome` is None where it has not ended, or gave no sign of life any more."""

    rollout: str
    started: str | None
    outcome: str | None
    error: str | None


class SchoolDeviceView(TypedDict):
    """A device by the policies. `last`: None where no rollout with it is kept, which is no good news."""

    id: str
    role: str
    platform: str
    last: DeviceRolloutView | None


def list_school_devices(city: City, school: School, store: TimeSeriesStore) -> list[SchoolDeviceView]:
    """Every device of a school, in the order of the policies.

    Raises:
        sqlite3.Error: the store cannot be read.
    """
    devices = city.list_devices(school)
    newest = read_newest_device_spans(store, [one.id for one in devices])
    return [
        {
            "id": one.id,
            "role": one.role,
            "platform": one.platform,
            "last": {
                "rollout": span.trace,
                "started": format_known_time(span.start or None),
                "outcome": (span.outcome or None) if span.end else None,
                "error": span.error or None,
            }
            if (span := newest.get(one.id)) is not None
            else None,
        }
        for one in devices
    ]
