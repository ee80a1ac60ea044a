"""People as the reference evaluator knows them, and the same people as a request that Google's proxy sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

from controller.compile.cloud import CloudIntent, cloud_intent
from controller.compile.levels import ProxyFacts
from controller.model.access import DAYS, Hours
from controller.model.city import City
from controller.model.reference import Person
from controller.prove.cel import ENCRYPTED, UNENCRYPTED, Attributes, Condition, LevelEvaluator

FACTS = ProxyFacts("123456789", "tsunagu_lab", "3fDkKk0vR1kZ2bVYJv2Qb0rXb3mJf5nQyqTtYt0mM1c", "0kawasaki-tsunagu")
WAYS = ("push", "sms", "swk", "hwk", "otp")


def request(city: City, person: Person, factor: str = "hwk") -> Attributes:
    """What Google would know: an address, its country, a device as its inventory has it, and how they signed in."""
    own, other = [school for school in city.schools if school.lines.primary.egress][:2]
    address, country = {
        "own-school": (str(own.lines.primary.egress[0].network_address), "JP"),
        "other-school": (str(other.lines.primary.egress[-1].network_address + 5), "JP"),
        "home": ("198.51.100.200", "JP"),
        "abroad": ("198.51.100.201", "US"),
    }[person.place]
    certificate = {"is_valid": True, "root_ca_cert_fingerprint": FACTS.device_authority}
    return {
        "request.time": person.at,
        "origin.ip": address,
        "origin.region_code": country,
        "device.is_admin_approved_device": "managed" in person.postures,
        "device.is_secured_with_screenlock": "screen-lock" in person.postures,
        "device.encryption_status": ENCRYPTED if "encrypted" in person.postures else UNENCRYPTED,
        "device.certificates": [certificate] if "certificate" in person.postures else [],
        "device.vendors": {FACTS.vendor: {"data": {"school": own.id}}},
        **{f"request.auth.claims.crd_str.{way}": person.mfa and way == factor for way in WAYS},
        "request.auth.claims.crd_str.pwd": True,
        "request.auth.claims.crd_str.mfa": person.mfa,
    }


class Proxy:
    """The compiled intent, evaluated as the proxy would."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.intent: CloudIntent = cloud_intent(city, FACTS)
        self._levels = LevelEvaluator({level.name: level.expression for level in self.intent.levels})
        self._conditions: dict[tuple[str, str], list[Condition]] = {}
        compiled = {b.expression: Condition(b.expression) for b in self.intent.bindings}
        for binding in self.intent.bindings:
            mine = self._conditions.setdefault((binding.application, binding.role), [])
            mine.append(compiled[binding.expression])
        self._remembered: dict[tuple[Condition, frozenset[str], datetime], bool] = {}

    def levels(self, attributes: Attributes) -> frozenset[str]:
        """Full names of the granted levels."""
        prefix = f"accessPolicies/{FACTS.access_policy}/accessLevels/"
        return frozenset(prefix + name for name in self._levels.granted(attributes))

    def lets_in(self, application: str, role: str, levels: frozenset[str], at: datetime) -> bool:
        """Whether some binding of the role grants the application."""
        return any(self._holds(condition, levels, at) for condition in self._conditions.get((application, role), ()))

    def _holds(self, condition: Condition, levels: frozenset[str], at: datetime) -> bool:
        key = (condition, levels, at)
        if key not in self._remembered:
            self._remembered[key] = condition.holds(levels, at)
        return self._remembered[key]


def postures_of(city: City) -> Iterator[frozenset[str]]:
    """Every subset of the policy's postures."""
    names = [posture.id for posture in city.people.postures]
    for chosen in product((False, True), repeat=len(names)):
        yield frozenset(name for name, has in zip(names, chosen, strict=True) if has)


def moments(city: City) -> list[datetime]:
    """On every day of a week: midnight, and each border of some rule's hours, a second before and at it."""
    monday = datetime(2026, 11, 23, tzinfo=city.timezone)
    borders = {0, 24 * 60}
    for rule in city.rules:
        hours: Hours | None = rule.identity.hours if rule.identity else None
        for border in (hours.from_, hours.until) if hours else ():
            borders.add(border.hour * 60 + border.minute)
    days = (monday + timedelta(days=index) for index in range(len(DAYS)))
    found = {
        day + timedelta(minutes=border, seconds=seconds) for day in days for border in borders for seconds in (-1, 0)
    }
    return sorted(found)


def everybody(city: City) -> Iterator[Person]:
    """Every posture, place and MFA, at each moment; the role is the first one's."""
    first = city.people.roles[0].id
    places = [place.id for place in city.people.places]
    for mfa, postures, place in product((False, True), postures_of(city), places):
        yield Person(first, mfa, postures, place, moments(city)[0])


def at(person: Person, role: str, moment: datetime) -> Person:
    """The same person in another role at another time."""
    return replace(person, role=role, at=moment)


def without(attributes: Attributes, *names: str) -> Mapping[str, object]:
    """The request with some attributes unknown."""
    return {name: value for name, value in attributes.items() if not name.startswith(names)}
