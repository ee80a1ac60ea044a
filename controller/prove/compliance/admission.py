"""The proof of admission: the rows of the RADIUS table answer as the reference, for every certificate and place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from controller.compile.identity.admission_8021x import (
    RADIUS_PLACES,
    RadiusRow,
    compile_radius_rows,
    find_radius_row,
)
from controller.model.access.admission import UNKNOWN_CERTIFICATE
from controller.model.city import City
from controller.model.reference_evaluator import evaluate_admission
from controller.prove.check import Check

CHECK_NAME = "802.1X rows"


def prove_radius_rows(city: City, rows: Iterable[RadiusRow] | None = None) -> Check:
    """Prove that the rows (those that the policy compiles to, or given ones) put every device where the policy says.

    >>> prove_radius_rows(city).holds
    True
    >>> prove_radius_rows(city, []).differences[0][-61:]
    "hool: no row answers certificate 'staff-device' at own-school"
    """
    kept = tuple(compile_radius_rows(city) if rows is None else rows)
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
        *(lack for certificate, place in asked for lack in _wrong(city, kept, certificate, place)),
    ]
    evidence = tuple(
        f"{row.certificate or 'any other certificate, or none'} at {row.place}: VLAN {row.vlan} ({row.segment}), "
        f"asked anew after {row.session // 60} minutes"
        for row in kept
    )
    return Check(CHECK_NAME, len(asked), tuple(found), evidence)


def _wrong(city: City, rows: tuple[RadiusRow, ...], certificate: str, place: str) -> Iterator[str]:
    who = f"a device with {f'a certificate of class {certificate!r}' if certificate else 'no certificate'} at {place}"
    wanted = evaluate_admission(city, certificate, place)
    try:
        row = find_radius_row(rows, certificate, place)
    except LookupError as error:
        yield f"{who}: {error}"
        return
    segment = city.segments[wanted.segment]
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
