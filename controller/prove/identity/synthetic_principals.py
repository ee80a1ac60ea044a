"""People as the reference evaluator knows them, and the same people as a request that Google's proxy sees.

Everything that some condition tells apart is among them: second factor, postures, place, device class, where the device
is registered, kind of day, and both sides of every boundary of hours. The first three in every combination, the others
in turn with them; whom that misses where conditions meet, `boundary_cases.py` adds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import cycle, product

from controller.compile.identity.access_levels import OS_TYPES, ProxyFacts
from controller.model.access.rules import DAYS, Hours
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Prefix
from controller.model.reference_evaluator import UNKNOWN, Person
from controller.model.sites.calendar import ONE_DAY, DayKind
from controller.model.sites.localities import choose_foreign_country
from controller.model.sites.schools import School
from controller.prove.engine.cel import ENCRYPTED, OPERATING_SYSTEMS, UNENCRYPTED, RequestAttributes

FACTS = ProxyFacts("123456789", "tsunagu_lab", "3fDkKk0vR1kZ2bVYJv2Qb0rXb3mJf5nQyqTtYt0mM1c", "0kawasaki-tsunagu")
SECOND_FACTORS: Mapping[str, Strength] = {
    "sms": Strength.ANY,
    "push": Strength.WITHOUT_SMS,
    "otp": Strength.WITHOUT_SMS,
    "swk": Strength.PHISHING_RESISTANT,
    "hwk": Strength.PHISHING_RESISTANT,
}
"""Second factors as Google names them, and how good each is."""
FACTOR_OF_STRENGTH: Mapping[Strength, str] = {
    Strength.NONE: "",
    Strength.ANY: "sms",
    Strength.WITHOUT_SMS: "otp",
    Strength.PHISHING_RESISTANT: "hwk",
}
"""A factor that is exactly this good."""
FOREIGN_REGISTRATION = "another-city"
"""A registration that no school or office of the city has: a closed school's, or one that never was."""


def build_request(city: City, person: Person, factor: str | None = None) -> RequestAttributes:
    """Return a person's request as Google sees it: address, country, the device by its inventory, the kind of sign-in.

    >>> request = build_request(city, next(draw_synthetic_principals(city, 1)))
    >>> request["origin.ip"], request["origin.region_code"]
    ('2001:db8:809b::5', 'JP')
    """
    address = _find_address(city, person.place, person.registered)
    here = city.settings.country
    country = choose_foreign_country(here) if person.place == "abroad" else here
    certificate = {"is_valid": True, "root_ca_cert_fingerprint": FACTS.device_authority}
    used = FACTOR_OF_STRENGTH[person.mfa] if factor is None else factor
    systems = [one.systems[0] for one in city.people.device_classes if one.id == person.device]
    return {
        "request.time": person.at,
        "origin.ip": address,
        "origin.region_code": country,
        "device.is_admin_approved_device": "managed" in person.postures,
        "device.is_secured_with_screenlock": "screen-lock" in person.postures,
        "device.encryption_status": ENCRYPTED if "encrypted" in person.postures else UNENCRYPTED,
        "device.certificates": [certificate] if "certificate" in person.postures else [],
        **({"device.vendors": {FACTS.vendor: {"data": {"school": person.registered}}}} if person.registered else {}),
        **({"device.os_type": OPERATING_SYSTEMS.index(OS_TYPES[systems[0]])} if systems else {}),
        **{
            f"request.auth.claims.crd_str.{factor}": person.mfa > Strength.NONE and factor == used
            for factor in SECOND_FACTORS
        },
        "request.auth.claims.crd_str.pwd": True,
        "request.auth.claims.crd_str.mfa": person.mfa > Strength.NONE,
    }


@lru_cache(maxsize=4)
def find_schools_with_egress(city: City) -> tuple[School, ...]:
    """The schools that the proxy can know by their address.

    >>> len(city.schools), len(find_schools_with_egress(city))
    (176, 93)
    """
    return tuple(school for school in city.schools if _list_egress(school))


def _list_egress(school: School) -> tuple[Prefix, ...]:
    return school.lines.egress


def _find_address(city: City, place: str, registered: str) -> str:
    """An address that proves the place of somebody with such a device; "" where the city has none."""
    match place:
        case "own-school":
            school = city.school_by_id.get(registered)
            egress = _list_egress(school) if school else ()
            return str(egress[0].network_address) if egress else ""
        case "other-school":
            others = (school for school in find_schools_with_egress(city) if school.id != registered)
            egress = next((_list_egress(school) for school in others), ())
            return _choose_inner(egress[-1]) if egress else ""
        case "board-office":
            prefixes = (prefix for office in city.offices for prefix in office.egress)
            return next((str(prefix.network_address) for prefix in prefixes), "")
        case _:
            return {"home": "198.51.100.200", "abroad": "198.51.100.201"}[place]


def _choose_inner(prefix: Prefix) -> str:
    """An address inside a prefix that is not its first, where it has another."""
    return str(prefix[min(5, prefix.num_addresses - 1)])


def list_posture_sets(city: City) -> Iterator[frozenset[str]]:
    """Every subset of the policy's postures.

    >>> sorted(map(sorted, list_posture_sets(city)))[:3]
    [[], ['certificate'], ['certificate', 'encrypted']]
    """
    names = [posture.id for posture in city.people.postures]
    for chosen in product((False, True), repeat=len(names)):
        yield frozenset(name for name, has in zip(names, chosen, strict=True) if has)


@lru_cache(maxsize=4)
def list_distinct_days(city: City) -> tuple[date, ...]:
    """A week in term, a day of each kind, and the days round the ends of the calendar and of every exception.

    >>> [str(day) for day in list_distinct_days(city)][:2]
    ['2026-11-23', '2026-11-24']
    """
    found = {date(2026, 11, 23) + timedelta(days=index) for index in range(len(DAYS))}
    if city.calendar:
        found |= {day for kind in DayKind for run in city.calendar.find_runs(kind)[-1:] for day in run}
        found |= {city.calendar.until, city.calendar.until + ONE_DAY}
    for rule in city.rules:
        if rule.exception:
            found |= {rule.exception.expires, rule.exception.expires + ONE_DAY}
    return tuple(sorted(found))


def list_boundary_moments(city: City, day: date) -> list[datetime]:
    """Midnight, and each boundary of some rule's hours on a day, a second before and at it.

    >>> [f"{one:%H:%M:%S}" for one in list_boundary_moments(city, TODAY)][:4]
    ['00:00:00', '04:59:59', '05:00:00', '08:59:59']
    """
    boundaries = {0, 24 * 60 - 1}
    for rule in city.rules:
        hours: Hours | None = rule.identity.hours if rule.identity else None
        for boundary in (hours.from_, hours.until) if hours else ():
            boundaries.add(boundary.hour * 60 + boundary.minute)
    midnight = datetime.combine(day, time.min, city.timezone)
    found = {midnight + timedelta(minutes=boundary, seconds=seconds) for boundary in boundaries for seconds in (-1, 0)}
    return sorted(moment for moment in found if moment.date() == day)


def list_synthetic_principals(city: City) -> Iterator[Person]:
    """Every posture, place and second factor; devices, registrations and days in turn. The role is the first one's.

    >>> sum(1 for _ in list_synthetic_principals(city))
    320
    """
    first = city.people.roles[0].id
    places = city.people.told_places
    turns = cycle(list(product(list_device_classes(city), list_registrations(city), list_distinct_days(city))))
    for factor, postures, place in product(Strength, list_posture_sets(city), places):
        yield make_possible(city, Person(first, factor, postures, place, *_turn(city, next(turns))))


def draw_synthetic_principals(city: City, number: int, seed: int = 20261201) -> Iterator[Person]:
    """People drawn from all that there could be.

    >>> [person.role for person in draw_synthetic_principals(city, 3)]
    ['principal', 'principal', 'board-staff']
    """
    draw = random.Random(seed)  # noqa: S311 a seeded test
    postures, places = list(list_posture_sets(city)), city.people.told_places
    turns = list(product(list_device_classes(city), list_registrations(city), list_distinct_days(city)))
    for _ in range(number):
        device = _turn(city, draw.choice(turns))
        person = Person("", draw.choice(list(Strength)), draw.choice(postures), draw.choice(places), *device)
        yield make_possible(city, replace(person, role=draw.choice(city.people.roles).id))


def list_device_classes(city: City) -> list[str]:
    """Every class of device, and none that is known.

    >>> list_device_classes(city)
    ['', 'chromebook', 'ipad', 'windows-pc', 'other']
    """
    return [UNKNOWN, *(one.id for one in city.people.device_classes)]


def list_registrations(city: City) -> list[str]:
    """One school of each scope that the proxy can know by its address, an office, another city, and none.

    >>> list_registrations(city)[:3]
    ['', 'another-city', 'board-office']
    """
    known = [next((s.id for s in alike if _list_egress(s)), alike[0].id) for alike in city.schools_of_equal_scope]
    return [UNKNOWN, FOREIGN_REGISTRATION, *(office.id for office in city.offices[:1]), *known]


def _turn(city: City, turn: tuple[str, str, date]) -> tuple[datetime, str, str]:
    device, registered, day = turn
    return datetime.combine(day, time(12), city.timezone), device, registered


def make_possible(city: City, person: Person) -> Person:
    """The same person, moved where no address of the city proves the place: registered elsewhere, or else at home.

    Nobody is at the own school of a device that is registered nowhere, or at a school without an address.

    >>> nowhere = replace(next(draw_synthetic_principals(city, 1)), place="own-school", registered="")
    >>> make_possible(city, nowhere).registered == find_schools_with_egress(city)[0].id
    True
    """
    if _find_address(city, person.place, person.registered):
        return person
    proving = [school.id for school in find_schools_with_egress(city)]
    known = proving if person.place == "own-school" else [school.id for school in city.schools[:2]]
    moved = next((name for name in known if _find_address(city, person.place, name)), None)
    return replace(person, place="home") if moved is None else replace(person, registered=moved)


def change_role(person: Person, role: str, moment: datetime) -> Person:
    """The same person in another role at another time.

    >>> person = next(draw_synthetic_principals(city, 1))
    >>> change_role(person, "clerk", person.at).role
    'clerk'
    """
    return replace(person, role=role, at=moment)


def drop_attributes(attributes: RequestAttributes, *names: str) -> Mapping[str, object]:
    """The request with some attributes unknown.

    >>> drop_attributes({"origin.ip": "192.0.2.1", "device.os_type": 3}, "device.")
    {'origin.ip': '192.0.2.1'}
    """
    return {name: value for name, value in attributes.items() if not name.startswith(names)}
