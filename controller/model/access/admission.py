"""802.1X in the policy: which certificates there are, and which segment a device with one of them is put into."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated

from pydantic import Field

from controller.inputs.exact_values import AddressText
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel

PLUGGED = ("own-school", "other-school")
"""Where a device can be when a switch asks for it: at the school that it is registered at, or at another."""
UNREGISTERED_DEVICE = "unregistered"
"""Where a device is for 802.1X that is registered at no school or office of the city; no policy can ask for it."""
ANY_CERTIFICATE = ""
UNKNOWN_CERTIFICATE = "*unknown*"
"""Stands in proofs for a certificate of a class that the policy does not name; no identifier looks like it."""


class Admission(LocatedItem):
    """802.1X: which segment a device is put into whose certificate is of this class; once for each place.

    `certificate` is the class that the city's authority writes into the certificate (its organisational unit); `roles`
    are whom it issues such ones for. After `session_hours` the switch asks anew, so a revoked device is out then.
    What no admission names goes to the default segment of the file.
    """

    id: Identifier
    certificate: Identifier
    roles: tuple[Identifier, ...] = Field(min_length=1)
    postures: tuple[Identifier, ...] = ()
    places: tuple[Identifier, ...] = ()
    segment: Identifier
    session_hours: int = Field(default=10, ge=1, le=24)


class AdmissionLimits(StrictModel):
    """How often a device in quarantine is asked anew: often, so that one that was mended need not wait."""

    quarantine_minutes: int = Field(default=10, ge=1, le=60)


class AdmissionFile(StrictModel):
    """`policies/access/admission.yaml`. `servers` are asked in this order; only addresses, never a secret.

    `default_segment` (`otherwise` in the file) is where a device is put that no admission names: a default VLAN.
    """

    admissions: tuple[Admission, ...]
    default_segment: Identifier = Field(alias="otherwise")
    limits: AdmissionLimits = AdmissionLimits()
    servers: tuple[Annotated[IPv4Address | IPv6Address, AddressText], ...] = ()
