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
  client state by the device management) is that school, or another one that the policy knows. The person's own school
  is not known to the proxy: a borrowed device counts as where it is registered. A device without registration, or whose
  registration names no school or office of the city (one that was closed, one that was never there), is at neither.
- **board-office**: the address is an `egress` of an office of the board (city.yaml).
- **home**: in the city's country by Google's geolocation of the address, and at no egress of a school or office. It
  is all that remains: a school behind MAP-E, DS-Lite, LTE or a closed network counts as home, and so does a café. Rules
  for `home` must be good enough for those.
- **abroad**: not in that country by geolocation, and at no such egress. A VPN exit in the country looks like home.

`home` and `abroad` go by the address, too: Google derives the country from it; an unknown address is an unknown place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from controller.errors import Origin, Problem
from controller.model.access.people import OperatingSystem
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Prefix
from controller.model.policy_files import CITY
from controller.model.sites.calendar import DayKind
from controller.model.sites.schools import School

NOT = "not_"
"""A level that proves the absence of what the level of the rest of its name proves."""

SECOND_FACTOR: Mapping[Strength, str] = {
    Strength.ANY: "mfa",
    Strength.WITHOUT_SMS: "mfa_without_sms",
    Strength.PHISHING_RESISTANT: "mfa_key",
}
"""The level that a second factor of at least this strength has."""

_FACTORS: Mapping[str, tuple[str, ...]] = {
    "mfa_key": ("hwk", "swk"),
    "mfa_without_sms": ("hwk", "swk", "push", "otp"),
    "mfa": ("mfa",),
}
PLACES = ("own-school", "other-school", "board-office", "home", "abroad")
"""The places that have a meaning at the proxy."""
UNREGISTERED = "unregistered-at-school"
"""At a school, with a device whose registration names nothing that the city knows: neither own nor other.

No policy names it: a permit that asks for a school does not hold there, and a forbid that does holds.
"""
LONGEST_LIST = 200
"""Entries of a list in an expression (Access Context Manager, limits)."""
LONGEST_LEVEL = 16_000
"""Characters of one level's expression: our own limit, far below the 64 kB of a policy; Google publishes none."""
MOST_LEVELS = 500
"""Access levels of an organisation (Access Context Manager, limits), all of its stacks together."""
LONGEST_NAME = 50
"""Characters of an access level's name (Access Context Manager, "Access level names")."""
DIGEST = 12
"""Letters of a digest that tells names and sets apart."""
OS_TYPES: Mapping[OperatingSystem, str] = {
    "chrome-os": "DESKTOP_CHROME_OS",
    "ios": "IOS",
    "windows": "DESKTOP_WINDOWS",
    "mac": "DESKTOP_MAC",
    "linux": "DESKTOP_LINUX",
    "android": "ANDROID",
}
"""Operating systems by their names in `device.os_type`; an iPhone and an iPad are the same there."""


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """The names and numbers by which Google knows the city.

    >>> facts = ProxyFacts("1", "tsunagu_production", "fingerprint", "0customer-tsunagu")
    >>> facts.name("own_school_takatsu")
    'tsunagu_production_own_school_takatsu'
    >>> len(facts.name("own_school_a-ward-with-an-id-of-forty-letters"))
    50

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
        """The short name of a level, as `levels.` and its resource have it.

        A ward's id may be long: a name that Google would not take ends in a digest of the whole instead.
        """
        whole = f"{self.prefix}_{key}".replace("-", "_")
        if len(whole) <= LONGEST_NAME:
            return whole
        end = f"_{sha256(whole.encode()).hexdigest()[:DIGEST]}"
        return whole[: LONGEST_NAME - len(end)] + end

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


class AccessLevelCatalogue:
    """Every level that this city could use, by its key."""

    def __init__(self, city: City, facts: ProxyFacts) -> None:
        self._city = city
        self._facts = facts
        self._registration = f'device.vendors[{_text(facts.vendor)}].data["school"]'
        every = [*self._factors(), *self._postures(), *self._devices(), *self._days(), *self._places(city)]
        self.by_key = {level.key: level for level in every}

    def require_registration(self, schools: frozenset[str]) -> str:
        """The key of the level of devices that are registered at one of these schools or offices; made when asked."""
        known = {frozenset(s.id for s in self._city.schools if g.contains(s)): g.id for g in self._city.groups.values()}
        key = f"at_{known.get(schools, '')}"
        if schools not in known:
            key = f"at_{sha256(' '.join(sorted(schools)).encode()).hexdigest()[:DIGEST]}"
        if key not in self.by_key:
            relies_on = "the school that the device is registered at"
            self.by_key |= {one.key: one for one in self._either(key, self._registered_at(schools), relies_on)}
        return key

    def require_all(self, asked: list[list[str]]) -> str:
        """The key of the level that holds where one of each of these lists does; made when asked."""
        either = [" || ".join(map(self._ask, keys)) for keys in asked]
        expression = " && ".join(f"({one})" if len(keys) > 1 else one for one, keys in zip(either, asked, strict=True))
        key = f"all_{sha256(expression.encode()).hexdigest()[:DIGEST]}"
        needs = tuple(name for keys in asked for name in keys)
        self.by_key[key] = self._level(key, expression, "the levels that it names, all at once", needs)
        return key

    def list_with_needs(self, keys: Iterable[str]) -> tuple[AccessLevel, ...]:
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

    def _either(self, key: str, terms: Iterable[str], relies_on: str) -> Iterator[AccessLevel]:
        """The level that holds where one of the terms does; of more than one can hold, its parts before it."""
        parts = list(_fill(terms)) or ["false"]
        if len(parts) == 1:
            yield self._level(key, parts[0], relies_on)
            return
        keys = [f"{key}__{number}" for number in range(1, len(parts) + 1)]
        for one, expression in zip(keys, parts, strict=True):
            yield self._level(one, expression, relies_on)
        yield self._any(key, keys, relies_on)

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

    def _devices(self) -> Iterator[AccessLevel]:
        for one in self._city.people.device_classes:
            asked = " || ".join(f"device.os_type == OsType.{OS_TYPES[system]}" for system in one.systems)
            yield self._level(f"device_{one.id}", asked, "the operating system that the device inventory reports")

    def _days(self) -> Iterator[AccessLevel]:
        """The school calendar, in the words that access levels have for dates: a year, and a day of the year from 0."""
        for kind in DayKind:
            runs = self._city.calendar.find_runs(kind) if self._city.calendar else ()
            years = sorted({day.year for run in runs for day in run})
            asked = (_in_year(year, runs, self._city.settings.timezone) for year in years)
            yield from self._either(kind.replace("-", "_"), asked, "the school calendar as it was when deployed")

    def _places(self, city: City) -> Iterator[AccessLevel]:
        registered = self._registration
        wards: list[str] = []
        for ward in city.wards:
            schools = [(school, _egress(school)) for school in city.schools if school.ward == ward.id]
            proved = [(school, prefixes) for school, prefixes in schools if prefixes]
            if not proved:
                continue
            wards.append(ward.id)
            every = [prefix for _, prefixes in proved for prefix in prefixes]
            yield from self._either(f"school_{ward.id}", _from(every), "addresses that only a school comes from")
            own = (f"({one} && {registered} == {_text(s.id)})" for s, prefixes in proved for one in _from(prefixes))
            yield from self._either(f"own_school_{ward.id}", own, _REGISTERED)
        yield self._any("school", [f"school_{ward}" for ward in wards], "addresses that only a school comes from")
        yield self._any("own-school", [f"own_school_{ward}" for ward in wards], _REGISTERED)
        yield from self._registrations(city)
        known = f"{self._ask('school')} && {self._ask('registered')}"
        yield self._level("registered-school", known, _REGISTERED, ("school", "registered"))
        other = f"{self._ask('registered-school')} && !{self._ask('own-school')}"
        yield self._level("other-school", other, _REGISTERED, ("registered-school", "own-school"))
        offices = [prefix for office in city.offices for prefix in office.egress]
        yield from self._either("board-office", _from(offices), "addresses that only an office of the board comes from")
        ours = ("school", "board-office") if offices else ("school",)
        nowhere = " && ".join(f"!{self._ask(one)}" for one in ours)
        country = _text(city.settings.country)
        inside, outside = f"origin.region_code == {country}", f"origin.region_code != {country}"
        yield self._level("home", f"{inside} && {nowhere}", _GEOLOCATION, ours)
        yield self._level("in-country", " || ".join((inside, *map(self._ask, ours))), _GEOLOCATION, ours)
        yield self._level("abroad", f"{outside} && {nowhere}", _GEOLOCATION, ours)

    def _registrations(self, city: City) -> Iterator[AccessLevel]:
        """Known registrations by name: a level of a ward's schools, one of the offices, and one of all of these."""
        relies_on = "the school that the device is registered at, among those of the policy when it was deployed"
        by_ward = {ward.id: [s.id for s in city.schools if s.ward == ward.id] for ward in city.wards}
        named = {f"registered_{ward}": schools for ward, schools in by_ward.items() if schools}
        offices = city.registrations - {school.id for school in city.schools}
        if offices:
            named["registered-offices"] = sorted(offices)
        for key, names in named.items():
            yield from self._either(key, self._registered_at(names), relies_on)
        yield self._any("registered", list(named), relies_on)

    def _registered_at(self, names: Iterable[str]) -> Iterator[str]:
        """Ask if the registration is one of these, in lists that Google takes: one of them must hold."""
        return (f"{self._registration} in [{part}]" for part in _write_lists(sorted(names)))

    def _any(self, key: str, needs: list[str], relies_on: str) -> AccessLevel:
        # Without any such school nobody is there.
        return self._level(key, " || ".join(map(self._ask, needs)) or "false", relies_on, tuple(needs))


_REGISTERED = "addresses that only a school comes from, and the school that the device is registered at"
_GEOLOCATION = "Google's geolocation of the address; a VPN exit in the country looks like the country"


def choose_place_levels(places: frozenset[str]) -> tuple[str, ...]:
    """The fewest levels one of which holds exactly at these places; places are as the proxy sees them (see above).

    >>> choose_place_levels(frozenset({"own-school", "other-school", "board-office"}))
    ('registered-school', 'board-office')
    """
    registered = {"own-school", "other-school"}
    school = {*registered, UNREGISTERED}
    widest = (({*school, "board-office", "home"}, "in-country"), (school, "school"), (registered, "registered-school"))
    for covered, key in widest:
        if covered <= places:
            return (key, *sorted(places - covered))
    return tuple(sorted(places))


def find_level_problems(city: City, levels: Iterable[AccessLevel]) -> Iterator[Problem]:
    """Yield what Google would not take of these levels: two of one name, more than there may be, one that is too long.

    >>> levels = AccessLevelCatalogue(city, ProxyFacts("1", "demo", "fingerprint", "0customer-tsunagu")).by_key.values()
    >>> list(find_level_problems(city, levels))
    []
    """
    by_name: dict[str, list[AccessLevel]] = {}
    for level in levels:
        by_name.setdefault(level.name, []).append(level)
    first = next((ward.origin for ward in city.wards), Origin(f"{city.directory}/{CITY.name}", 1))
    for name, alike in by_name.items():
        if len(alike) > 1:
            keys = [level.key for level in alike]
            where = next((one.origin for one in city.wards if any(key.endswith(f"_{one.id}") for key in keys)), first)
            message = f"{' and '.join(keys)} would be one access level, {name}; give the ward another id"
            yield Problem(where, "id", message)
        if len(alike[0].expression) > LONGEST_LEVEL:
            message = (
                f"access level {name} has {len(alike[0].expression)} characters, more than {LONGEST_LEVEL}; "
                "let fewer addresses, periods or names stand for one thing"
            )
            yield Problem(first, "", message)
    if len(by_name) > MOST_LEVELS:
        message = (
            f"{len(by_name)} access levels are needed, and an organisation may have {MOST_LEVELS}; "
            "let fewer wards have schools with addresses of their own (egress)"
        )
        yield Problem(first, "", message)


def _in_year(year: int, runs: Iterable[tuple[date, date]], timezone: str) -> str:
    """The part of the runs that lies in one year."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    day = f'request.time.getDayOfYear("{timezone}")'
    spans = [((max(a, first) - first).days, (min(b, last) - first).days) for a, b in runs if a <= last and b >= first]
    asked = [f"{day} == {a}" if a == b else f"({day} >= {a} && {day} <= {b})" for a, b in spans]
    return f'(request.time.getFullYear("{timezone}") == {year} && ({" || ".join(asked)}))'


def _egress(school: School) -> list[Prefix]:
    return list(school.lines.egress)


def _from(prefixes: list[Prefix]) -> Iterator[str]:
    """Ask if the address is in one of these, in lists that Google takes: one of them must hold."""
    return (f"inIpRange(origin.ip, [{part}])" for part in _write_lists(map(str, prefixes)))


def _fill(terms: Iterable[str]) -> Iterator[str]:
    """The terms joined by "or", as many in each text as a level may be long."""
    filled = ""
    for term in terms:
        more = f"{filled} || {term}" if filled else term
        if filled and len(more) > LONGEST_LEVEL:
            yield filled
            more = term
        filled = more
    if filled:
        yield filled


def _write_lists(names: Iterable[str]) -> Iterator[str]:
    """The items of as many CEL lists as these names need, none of which is longer than Google takes."""
    texts = list(map(_text, names))
    yield from (", ".join(texts[start : start + LONGEST_LIST]) for start in range(0, len(texts), LONGEST_LIST))


def _text(value: str) -> str:
    """A CEL string literal; JSON's quoting is a subset of CEL's."""
    return json.dumps(value)
