"""What the school's own router counts, and what a pupil's device saw beside it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.measure.diagnosis import limits
from controller.measure.diagnosis.causes import Cause, Fact, Finding, Proof
from controller.measure.diagnosis.evidence import SchoolEvidence


def find_router_faults(school: SchoolEvidence) -> Iterator[Finding]:
    """A full table of translations, a port to the switch that is slower than what the school needs."""
    read = school.outside.router
    if read.translations is not None and read.most_translations:
        full = read.translations >= limits.TABLE_FULL_FROM * read.most_translations
        if full:
            figures = {"used": str(read.translations), "most": str(read.most_translations), "source": read.source}
            yield Finding((Cause.NAT_FULL,), "", (Proof(Fact.TRANSLATIONS, figures),))
    if read.lan_port_mbps is not None and read.lan_port_mbps < school.recommended_mbps:
        figures = {
            "mbps": f"{read.lan_port_mbps:.0f}",
            "recommended": f"{school.recommended_mbps:.0f}",
            "source": read.source,
        }
        yield Finding((Cause.LAN_PORT_SLOW,), "", (Proof(Fact.PORT, figures),))


def find_inside_faults(school: SchoolEvidence) -> Iterator[Finding]:
    """A device that gets too little where the router gets enough: between the two are the switch and the wireless."""
    device, router = school.outside.device_mbps, _assessed_download(school)
    if device is None or router is None or device >= school.recommended_mbps or router < school.recommended_mbps:
        return
    port = school.outside.router.lan_port_mbps
    if port is not None and port < school.recommended_mbps:
        return  # named already
    causes = [Cause.WIRELESS, Cause.SWITCH_FAULT]
    if port is None:
        causes.append(Cause.LAN_PORT_SLOW)
    figures = {"device": f"{device:.0f}", "router": f"{router:.0f}"}
    yield Finding(tuple(causes), "", (Proof(Fact.DEVICE, figures),))


def find_small_contract(school: SchoolEvidence) -> Iterator[Finding]:
    """A contract that is smaller than the recommendation, at a school that is below it."""
    contract, carried = school.contract_mbps[school.assessed_line], _assessed_download(school)
    if carried is None or carried >= school.recommended_mbps or contract >= school.recommended_mbps:
        return
    figures = {"contract": f"{contract:.0f}", "recommended": f"{school.recommended_mbps:.0f}"}
    yield Finding((Cause.CONTRACT,), school.assessed_line, (Proof(Fact.CONTRACT, figures),))


def _assessed_download(school: SchoolEvidence) -> float | None:
    """The slowest download that was measured on the assessed line."""
    found = [
        one.download.value
        for one in school.of_line(school.assessed_line)
        if one.download is not None and one.download.value is not None
    ]
    return min(found, default=None)
