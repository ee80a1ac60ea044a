"""A measurement that a person made with one device, as the ministry's 簡易帯域測定 asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.importing.cell_values import simplify_name


@dataclass(frozen=True, slots=True)
class ManualMeasurement:
    """One record: where, when, with which device, and what the site said in Mbit/s.

    `source` is the file and line that it came from. It says what one device got over the school's LAN and wireless;
    a probe says what the line carries.
    """

    school: str
    place: str
    at: datetime
    device: str
    download_mbps: float
    upload_mbps: float
    source: str

    @property
    def key(self) -> tuple[str, str, datetime, str]:
        """What makes a record one: its school, place, time and device, however the two names are written.

        >>> at = datetime(2026, 11, 20, 15, 40)
        >>> one = ManualMeasurement("as-e04", "ガイド室 1", at, "GIGA-1", 88, 40, "a.csv:2")
        >>> one.key == replace(one, place="ｶﾞｲﾄﾞ室1", device="giga-1").key
        True
        """
        return self.school, simplify_name(self.place), self.at, simplify_name(self.device)

    @property
    def figures(self) -> tuple[float, float]:
        """What was measured."""
        return self.download_mbps, self.upload_mbps
