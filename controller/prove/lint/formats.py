"""Files of the policy that are written in an older format and can still be read."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.city import City
from controller.model.policy_files import OlderFile
from controller.model.yaml_source import FORMAT
from controller.prove.lint.finding import Finding, make_warning


def find_older_formats(city: City) -> Iterator[Finding]:
    """A warning for each file that `tsunagu migrate` would bring to the format of today.

    >>> older = OlderFile(Origin("policies/measurement.yaml", 1), found=1, current=2)
    >>> print(*find_older_formats(replace(city, files=replace(city.files, older=(older,)))))
    policies/measurement.yaml:1: warning: older format: is of format 1, today's is 2; run: tsunagu migrate --write
    """
    for older in city.files.older:
        yield make_warning("older format", older.origin, _describe(older))


def _describe(older: OlderFile) -> str:
    if older.found == 0:
        line = f'"{FORMAT}": {older.current},' if older.is_json else f"{FORMAT}: {older.current}"
        what = f"does not say which format it is written in; write `{line}` here"
        # Only the number is missing where the first step is the only one.
        return f"{what}, or run: tsunagu migrate --write" if older.current == 1 else _advise(older)
    return _advise(older)


def _advise(older: OlderFile) -> str:
    return f"is of format {older.found}, today's is {older.current}; run: tsunagu migrate --write"
