"""Access levels: what the identity-aware proxy can know of a request, each as one CEL expression.

Only here do expressions speak of devices, addresses and second factors; the conditions of bindings name levels.
Sources (Google Cloud documentation, by page name): "Custom access level specification" (objects, attributes, `levels`,
`inIpRange`; an attribute that cannot be determined is an error, and an error is not granted), "Supported credential
strength values" (`crd_str`), "Configure enterprise certificate conditions", "devices.deviceUsers.clientStates" (what a
customer may write about a device, read back as `device.vendors[...]`).

What each level relies on is said beside it, in `relies_on`, and deployed as its description. Places, from what the
proxy can see:

- **school**: the address is an `egress` of some school. Proved as far as nobody else uses that address.
- **own-school**, **other-school**: as `school`, and the school that the *device* is registered at (written to Google as
  client state by the device management) is that school, or another. The person's own school is not known to the proxy:
  a borrowed device counts as where it is registered. A device without registration is at neither.
- **home**: in Japan by Google's geolocation of the address, and at no school's egress. It is all that remains: a school
  behind MAP-E, DS-Lite, LTE or a closed network counts as home, and so does a café. Rules for `home` must be good
  enough for those.
- **abroad**: not in Japan by geolocation, and at no school's egress. A VPN exit in Japan looks like home.

`home` and `abroad` go by the address, too: Google derives the country from it; an unknown address is an unknown place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from controller.model.city import City
from controller.model.flow import Prefix
from controller.model.schools import School

COUNTRY = "JP"
NOT = "not_"
"""A level that proves the absence of what the level of the rest of its name proves."""

SECOND_FACTOR: Mapping[str, str] = {"I": "mfa_key", "II": "mfa_without_sms", "III": "mfa", "IV": "mfa"}
"""What counts as MFA for an importance class: I a security key, II anything but SMS and calls, else any method."""

_FACTORS: Mapping[str, tuple[str, ...]] = {
    "mfa_key": ("hwk", "swk"),
    "mfa_without_sms": ("hwk", "swk", "push", "otp"),
    "mfa": ("mfa",),
}
PLACES = ("own-school", "other-school", "home", "abroad")
"""The places that have a meaning at the proxy."""


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """What Google knows the city by.

    `access_policy` is the number of the organisation's access policy; `prefix` keeps stacks in one organisation apart;
    `device_authority` is the fingerprint of the root that device certificates come from (base64 of its SHA-256, as the
    Admin console shows it); `vendor` names the client state that the device management writes
    (customer number, a dash, a suffix of the city's choice).
    """

    access_policy: str
    prefix: str
    device_authority: str
    vendor: str

    def name(self, key: str) -> str:
        """The short name of a level, as `levels.` and its resource have it."""
        return f"{self.prefix}_{key}".replace("-", "_")

    def full_name(self, key: str) -> str:
        """The name by which IAM conditions ask for a level."""
        return f"accessPolicies/{self.access_policy}/accessLevels/{self.name(key)}"


@dataclass(frozen=True, slots=True)
class AccessLevel:
    """A custom access level; `needs` are the keys of the levels that its expression asks."""

    key: str
    name: str
    expression: str
    relies_on: str
    needs: tuple[str, ...] = ()


class Levels:
    """Every level that this city could use, by its key."""

    def __init__(self, city: City, facts: ProxyFacts) -> None:
        self._facts = facts
        every = [*self._factors(), *self._postures(), *self._places(city)]
        self.by_key = {level.key: level for level in every}

    def with_needs(self, keys: Iterable[str]) -> tuple[AccessLevel, ...]:
        """The levels of these keys and those that they ask, each after what it needs."""
        ordered: dict[str, AccessLevel] = {}
        for key in sorted(keys):
            self._add(key, ordered)
        return tuple(ordered.values())

    def _add(self, key: str, ordered: dict[str, AccessLevel]) -> None:
        if key not in ordered:
            level = self.by_key[key]
            for needed in level.needs:
                self._add(needed, ordered)
            ordered[key] = level

    def _level(self, key: str, expression: str, relies_on: str, needs: tuple[str, ...] = ()) -> AccessLevel:
        return AccessLevel(key, self._facts.name(key), expression, relies_on, needs)

    def _ask(self, key: str) -> str:
        return f"levels.{self._facts.name(key)}"

    def _factors(self) -> Iterator[AccessLevel]:
        relies_on = "the credential strength that Google's sign-in reports"
        for key, factors in _FACTORS.items():
            attributes = [f"request.auth.claims.crd_str.{factor}" for factor in factors]
            yield self._level(key, " || ".join(f"{a} == true" for a in attributes), relies_on)
            yield self._level(NOT + key, " && ".join(f"{a} == false" for a in attributes), relies_on)

    def _postures(self) -> Iterator[AccessLevel]:
        inventory = "the device inventory of endpoint verification and device management"
        flags = {"managed": "device.is_admin_approved_device", "screen-lock": "device.is_secured_with_screenlock"}
        for key, attribute in flags.items():
            yield self._level(key, f"{attribute} == true", inventory)
            yield self._level(NOT + key, f"{attribute} == false", inventory)
        status, kind = "device.encryption_status", "DeviceEncryptionStatus"
        yield self._level("encrypted", f"{status} == {kind}.ENCRYPTED", inventory)
        without = f"{status} == {kind}.UNENCRYPTED || {status} == {kind}.ENCRYPTION_UNSUPPORTED"
        yield self._level(NOT + "encrypted", without, inventory)
        ours = f"cert.is_valid && cert.root_ca_cert_fingerprint == {_text(self._facts.device_authority)}"
        certificates = inventory + "; the certificate is the device's, it is not bound to this TLS connection"
        yield self._level("certificate", f"device.certificates.exists(cert, {ours})", certificates)
        yield self._level(NOT + "certificate", f"!device.certificates.exists(cert, {ours})", certificates)

    def _places(self, city: City) -> Iterator[AccessLevel]:
        registered = f'device.vendors[{_text(self._facts.vendor)}].data["school"]'
        wards: list[str] = []
        for ward in city.file.wards:
            schools = [(school, _egress(school)) for school in city.schools if school.ward == ward.id]
            proved = [(school, prefixes) for school, prefixes in schools if prefixes]
            if not proved:
                continue
            wards.append(ward.id)
            every = [prefix for _, prefixes in proved for prefix in prefixes]
            yield self._level(f"school_{ward.id}", _from(every), "addresses that only a school comes from")
            own = [f"({_from(prefixes)} && {registered} == {_text(s.id)})" for s, prefixes in proved]
            yield self._level(f"own_school_{ward.id}", " || ".join(own), _REGISTERED)
        yield self._any("school", [f"school_{ward}" for ward in wards], "addresses that only a school comes from")
        yield self._any("own-school", [f"own_school_{ward}" for ward in wards], _REGISTERED)
        other = f'{self._ask("school")} && {registered} != "" && !{self._ask("own-school")}'
        yield self._level("other-school", other, _REGISTERED, ("school", "own-school"))
        japan, school = f"origin.region_code == {_text(COUNTRY)}", self._ask("school")
        yield self._level("home", f"{japan} && !{school}", _GEOLOCATION, ("school",))
        yield self._level("japan", f"{japan} || {school}", _GEOLOCATION, ("school",))
        yield self._level("abroad", f"origin.region_code != {_text(COUNTRY)} && !{school}", _GEOLOCATION, ("school",))

    def _any(self, key: str, needs: list[str], relies_on: str) -> AccessLevel:
        # Without any such school nobody is there.
        return self._level(key, " || ".join(map(self._ask, needs)) or "false", relies_on, tuple(needs))


_REGISTERED = "addresses that only a school comes from, and the school that the device is registered at"
_GEOLOCATION = "Google's geolocation of the address; a VPN exit in Japan looks like Japan"


def place_levels(places: frozenset[str]) -> tuple[str, ...]:
    """The fewest levels one of which holds exactly at these places; places are as the proxy sees them (see above)."""
    for covered, key in (({"own-school", "other-school", "home"}, "japan"), ({"own-school", "other-school"}, "school")):
        if covered <= places:
            return (key, *sorted(places - covered))
    return tuple(sorted(places))


def _egress(school: School) -> list[Prefix]:
    return list(dict.fromkeys((*school.lines.primary.egress, *school.lines.backup.egress)))


def _from(prefixes: list[Prefix]) -> str:
    return f"inIpRange(origin.ip, [{', '.join(_text(str(prefix)) for prefix in prefixes)}])"


def _text(value: str) -> str:
    """A CEL string literal; JSON's quoting is a subset of CEL's."""
    return json.dumps(value)
