"""A record that a person made, as a program reads it: with a label, so that nobody takes it for a probe's figure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from typing_extensions import TypedDict

from controller.measure.manual.manual_measurement import ManualMeasurement


class ManualDocument(TypedDict):
    """A record; `label` says what it is, `source` where it was imported from."""

    label: str
    school: str
    place: str
    at: str
    device: str
    download_mbps: float
    upload_mbps: float
    source: str


def build_manual_document(one: ManualMeasurement, label: str, zone: ZoneInfo) -> ManualDocument:
    """Return a record with its label; the time is that of the city."""
    return {
        "label": label,
        "school": one.school,
        "place": one.place,
        "at": one.at.astimezone(zone).isoformat(timespec="minutes"),
        "device": one.device,
        "download_mbps": one.download_mbps,
        "upload_mbps": one.upload_mbps,
        "source": one.source,
    }
