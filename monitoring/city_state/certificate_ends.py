"""The certificates that Tsunagu knows of, when each ends, and who has to renew one; silence makes none a good one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypedDict

from controller.telemetry.registry import CERTIFICATE, CERTIFICATE_NOT_AFTER, DAY
from monitoring.city_state.known_values import KnownValue, KnownValues
from monitoring.city_state.needs import Need, NeedKind
from monitoring.city_state.school_tiles import format_known_time
from monitoring.timeseries.records import GaugeValue, SeriesEnd, can_be_time

ENDING_SECONDS, CRITICAL_SECONDS = 30 * DAY, 7 * DAY
"""Before its end a certificate is to be renewed for so long; later at once. Alerts look at the same."""
TOLD_SECONDS = DAY
"""Who knows a certificate tells of it at least every hour; what was told longer ago is only what was last known."""
OWN_SENDER = "monitor/own"
TOLD_BY_MONITOR = ("monitor", "login-authority", "probe", "probe-authority")
"""The certificates that a monitor finds at itself; of the others the daemon tells."""

CertificateState = Literal["unknown", "good", "ending", "critical", "ended"]


class CertificateView(TypedDict):
    """A certificate: `state` by its end, `unknown` where nobody ever told of it; `command` is what tells of it.

    `stale`: nobody tells of it any more; `heard_at` is when somebody last did.
    """

    certificate: str
    state: CertificateState
    ends_at: str | None
    heard_at: str | None
    stale: bool
    command: str


def build_own_values(ends: Mapping[str, float], now: float) -> list[GaugeValue]:
    """When the monitor's own certificates end, as values of now."""
    return [
        GaugeValue((CERTIFICATE_NOT_AFTER, ((CERTIFICATE.name, name),)), now, end, sender=OWN_SENDER)
        for name, end in ends.items()
    ]


def build_own_ends(ends: Mapping[str, float], now: float) -> list[SeriesEnd]:
    """Of the certificates that a monitor finds at itself those that are not there, e.g. of a probe that was revoked."""
    gone = [name for name in TOLD_BY_MONITOR if name not in ends]
    return [SeriesEnd((CERTIFICATE_NOT_AFTER, ((CERTIFICATE.name, name),)), now) for name in gone]


def list_certificate_ends(known: KnownValues) -> list[CertificateView]:
    """Every certificate that the registry has, also those of which nothing was ever heard."""
    return [_build_view(known, name) for name in CERTIFICATE.values]


def list_certificate_needs(known: KnownValues) -> Iterator[Need]:
    """The certificates that are about to end or have ended; what was last known of one stands."""
    for name in CERTIFICATE.values:
        found = _find(known, name)
        if found is None:
            continue
        state, stale = _name_state(known, found), _is_stale(known, found)
        kind: NeedKind
        if state == "ending":
            kind, before = "certificate-ending", ENDING_SECONDS
        elif state in ("critical", "ended"):
            kind, before = "certificate-critical", CRITICAL_SECONDS
        else:
            continue
        heard = found.heard if stale else None
        yield Need(kind, "", "", 1, found.value - before, heard, stale, certificate=name, ends=found.value)


def _build_view(known: KnownValues, name: str) -> CertificateView:
    found = _find(known, name)
    return {
        "certificate": name,
        "state": "unknown" if found is None else _name_state(known, found),
        "ends_at": None if found is None else format_known_time(found.value),
        "heard_at": None if found is None else format_known_time(found.heard),
        "stale": found is not None and _is_stale(known, found),
        "command": "tsunagu monitor" if name in TOLD_BY_MONITOR else "tsunagu run",
    }


def _find(known: KnownValues, name: str) -> KnownValue | None:
    """What is known of a certificate; what was told too long ago is not of this city any more."""
    found = known.find(CERTIFICATE_NOT_AFTER, name)
    return found if found is not None and can_be_time(found.value) and found.is_fresh(known.clock()) else None


def _name_state(known: KnownValues, found: KnownValue) -> CertificateState:
    left = found.value - known.clock().wall
    if left <= 0:
        return "ended"
    return "critical" if left <= CRITICAL_SECONDS else "ending" if left <= ENDING_SECONDS else "good"


def _is_stale(known: KnownValues, found: KnownValue) -> bool:
    return found.measure_age(known.clock()) > TOLD_SECONDS
