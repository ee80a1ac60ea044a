"""802.1X: what the admission server answers, as rows of its table. A row is for a certificate class and a place.

The server sees the certificate (its class, and the school that the device is registered at) and the switch that asks;
so it can tell a device's own school from another one that the city knows, and nothing of who holds the device. Whose
registration names no school or office of the city (one that was closed, one that never was) is in quarantine. The
attributes are those of RFC 2868 (tunnels), RFC 3580 (3.31: a VLAN by its number) and RFC 2865 (session limits).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.errors import Origin
from controller.model.access.admission import ANY_CERTIFICATE, PLUGGED, UNREGISTERED_DEVICE, Admission
from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.sites.schools import School

TUNNEL_TYPE_VLAN = 13
TUNNEL_MEDIUM_802 = 6
TERMINATION_RADIUS_REQUEST = 1
RADIUS_PLACES = (*PLUGGED, UNREGISTERED_DEVICE)
"""Every place that the table has rows for."""


@dataclass(frozen=True, slots=True)
class RadiusRow:
    """A row: for whom (`certificate`, `place`), and the answer. `session` is in seconds, then the device is asked anew.

    `certificate` "" stands for every certificate that no other row names, and for none at all.
    """

    certificate: str
    place: str
    segment: str
    vlan: int
    session: int
    admission: str
    origin: Origin | None

    @property
    def attributes(self) -> tuple[tuple[str, int | str], ...]:
        """The attributes of the Access-Accept."""
        return (
            ("Tunnel-Type", TUNNEL_TYPE_VLAN),
            ("Tunnel-Medium-Type", TUNNEL_MEDIUM_802),
            ("Tunnel-Private-Group-Id", str(self.vlan)),
            ("Session-Timeout", self.session),
            ("Termination-Action", TERMINATION_RADIUS_REQUEST),
        )


def compile_radius_rows(city: City, school: School | None = None) -> tuple[RadiusRow, ...]:
    """Every row of the table; those that no admission names lead to quarantine.

    With a school: the rows for the switches there. Segments may have VLAN numbers of their own there, and whom an
    admission would put into a segment that the school does not have in its stage of integration is quarantined.

    >>> [(row.certificate, row.place, row.vlan) for row in compile_radius_rows(city)][:2]
    [('staff-device', 'own-school', 10), ('staff-device', 'other-school', 10)]
    """
    segments = city.list_segments(school) if school else city.segments
    there = [admission for admission in city.admissions if admission.segment in segments]
    rows = [_row(segments, admission, place) for admission in there for place in admission.places or PLUGGED]
    vlan = segments[city.default_segment].vlan
    session = city.admission_limits.quarantine_minutes * 60
    rows += [
        RadiusRow(ANY_CERTIFICATE, place, city.default_segment, vlan, session, "", None) for place in RADIUS_PLACES
    ]
    return tuple(rows)


def find_device_place(city: City, registered: str, school: str) -> str:
    """Find the place, as the table has it, of a device that a switch of a school asks for.

    >>> find_device_place(city, "kw-e01", "kw-e01"), find_device_place(city, "kw-e01", "kw-e02")
    ('own-school', 'other-school')
    >>> find_device_place(city, "kw-closed", "kw-e01")
    'unregistered'
    """
    if registered not in city.registrations:
        return UNREGISTERED_DEVICE
    return "own-school" if registered == school else "other-school"


def find_radius_row(rows: Iterable[RadiusRow], certificate: str, place: str) -> RadiusRow:
    """Find the row that answers a certificate of this class at this place: its own, else that of every other.

    >>> rows = compile_radius_rows(city)
    >>> find_radius_row(rows, "pupil-device", "own-school").segment
    'pupil'
    >>> find_radius_row(rows, "", "own-school").segment
    'quarantine'

    Raises:
        LookupError: the table has no row for it.
    """
    kept = [row for row in rows if row.place == place and row.certificate in (certificate, ANY_CERTIFICATE)]
    if not kept:
        message = f"no row answers certificate {certificate or 'none'!r} at {place}"
        raise LookupError(message)
    return min(kept, key=lambda row: row.certificate == ANY_CERTIFICATE)


def _row(segments: Mapping[str, Segment], admission: Admission, place: str) -> RadiusRow:
    segment = segments[admission.segment]
    seconds = admission.session_hours * 3600
    return RadiusRow(admission.certificate, place, segment.id, segment.vlan, seconds, admission.id, admission.origin)
