"""The proof of admission: the rows of the RADIUS table answer as the reference, for every certificate and place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from controller.compile.identity.admission_8021x import (
    RADIUS_PLACES,
    RadiusRow,
    compile_radius_rows,
    find_radius_row,
)
from controller.model.access.admission import UNKNOWN_CERTIFICATE
from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.reference_evaluator import evaluate_admission
from controller.model.sites.schools import School
from controller.prove.check import Check

CHECK_NAME = "802.1X rows"


def prove_radius_rows(city: City, rows: Iterable[RadiusRow] | None = None) -> Check:
    """Prove that the rows (those that the policy compiles to, or given ones) put every device where the policy says.

    >>> prove_radius_rows(city).holds
    True
    >>> prove_radius_rows(city, []).differences[0][-61:]
    "hool: no row answers certificate 'staff-device' at own-school"
    """
    if rows is not None:
        return _prove_rows(city, tuple(rows), city.segments)
    everywhere = _prove_rows(city, compile_radius_rows(city), city.segments)
    own = [_prove_rows(city, compile_radius_rows(city, one), city.list_segments(one), one) for one in _list_apart(city)]
    return Check(
        CHECK_NAME,
        sum(one.examined for one in (everywhere, *own)),
        tuple(found for one in (everywhere, *own) for found in one.differences),
        tuple(line for one in (everywhere, *own) for line in one.evidence),
    )


def _list_apart(city: City) -> list[School]:
    """Schools whose switches are answered otherwise: those with VLAN numbers of their own, and one of each stage."""
    numbered = [school for school in city.schools if any(one.vlan is not None for one in school.segments)]
    staged = {stage: school for school in reversed(city.schools) if (stage := city.find_stage(school)) is not None}
    return list({school.id: school for school in (*numbered, *staged.values())}.values())


def _prove_rows(
    city: City, kept: tuple[RadiusRow, ...], segments: Mapping[str, Segment], school: School | None = None
) -> Check:
    where = f"{school.id}: " if school else ""
    # A class that only the table knows (a row that was forgotten in it) is none that the policy admits.
    named = (*(one.certificate for one in city.admissions), *(row.certificate for row in kept))
    certificates = dict.fromkeys([*named, UNKNOWN_CERTIFICATE, ""])
    asked = [(certificate, place) for certificate in certificates for place in RADIUS_PLACES]
    found = [
        *_twice(kept),
        *(
            f"row {row.admission!r} is for {row.place!r}, where no switch asks"
            for row in kept
            if row.place not in RADIUS_PLACES
        ),
        *(lack for certificate, place in asked for lack in _wrong(city, kept, segments, (certificate, place, school))),
    ]
    evidence = tuple(
        f"{where}{row.certificate or 'any other certificate, or none'} at {row.place}: "
        f"VLAN {row.vlan} ({row.segment}), asked anew after {row.session // 60} minutes"
        for row in kept
    )
    return Check(CHECK_NAME, len(asked), tuple(f"{where}{one}" for one in found), evidence)


def _wrong(
    city: City, rows: tuple[RadiusRow, ...], segments: Mapping[str, Segment], asked: tuple[str, str, School | None]
) -> Iterator[str]:
    certificate, place, school = asked
    who = f"a device with {f'a certificate of class {certificate!r}' if certificate else 'no certificate'} at {place}"
    wanted = evaluate_admission(city, certificate, place, school)
    try:
        row = find_radius_row(rows, certificate, place)
    except LookupError as error:
        yield f"{who}: {error}"
        return
    segment = segments[wanted.segment]
    where = f" ({wanted.origin})" if wanted.origin else ""
    if (row.segment, row.vlan) != (segment.id, segment.vlan):
        yield (
            f"{who} is put into VLAN {row.vlan} ({row.segment}) by row {row.admission or 'otherwise'!r}, "
            f"but the policy says {segment.id}, VLAN {segment.vlan}{where}"
        )
    # Not only a longer one: to many switches a limit of 0 s is none at all.
    if row.session != wanted.session:
        yield f"{who} is asked anew after {row.session} s; the policy says {wanted.session} s{where}"


def _twice(rows: tuple[RadiusRow, ...]) -> Iterator[str]:
    """Two rows for the same question: which one answers would depend on their order."""
    ordered = sorted(rows, key=lambda row: (row.certificate, row.place))
    for one, other in pairwise(ordered):
        if (one.certificate, one.place) == (other.certificate, other.place):
            yield f"two rows answer {one.certificate!r} at {one.place}: {one.admission!r} and {other.admission!r}"
