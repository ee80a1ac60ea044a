"""Finds platforms that blueprints name and that are not installed: nothing could be planned for their devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from controller.errors import Origin
from controller.inputs.near_matches import suggest_names
from controller.model.city import City
from controller.platforms.registry import is_supported, list_platforms
from controller.prove.lint.finding import Finding, make_error


def find_unknown_platforms(city: City) -> Iterator[Finding]:
    """Yield one error for each platform that is not installed, with the number of the places that name it."""
    places: Counter[str] = Counter()
    first: dict[str, Origin] = {}
    for blueprint in city.blueprints.blueprints:
        for group in blueprint.devices:
            for name in dict.fromkeys(group.platform.values()):
                if not is_supported(name):
                    places[name] += 1
                    first.setdefault(name, group.origin)
    for name, count in places.items():
        installed = list_platforms()
        near = suggest_names(name, installed)
        message = f"no platform {name!r} ({count} places); there are: {', '.join(installed)}{near}"
        yield make_error("unknown platform", first[name], message)
