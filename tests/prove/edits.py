"""One edit of a filter's entries, as a wrong renderer or a person could make it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from controller.model.network.device_state import Entry
from controller.model.network.packets import Effect, parse_prefix
from tests.prove.filters import POOL, PORTS


def edited(entries: list[Entry], random: Random) -> list[Entry]:
    """The same filter with one edit; many of them change what it permits, some do not."""
    at = random.randrange(len(entries))
    entry, before, after = entries[at], entries[:at], entries[at + 1 :]
    match = entry.match
    wider = match.source if match.source.prefixlen == 0 else match.source.supernet()
    edits = [
        [],
        [replace(entry, effect=Effect.PERMIT if entry.effect is Effect.FORBID else Effect.FORBID)],
        [replace(entry, match=replace(match, source=wider))],
        [replace(entry, match=replace(match, destination=parse_prefix(random.choice(POOL[match.family]))))],
        [replace(entry, match=replace(match, destination_ports=random.choice(PORTS)))],
        [replace(entry, match=replace(match, source_ports=random.choice(PORTS)))],
        [replace(entry, match=replace(match, established=not match.established))],
        [replace(entry, match=replace(match, protocol=random.choice((None, 6, 17))))],
    ]
    swapped = [*after[:1], entry, *after[1:]]
    return random.choice([*(before + edit + after for edit in edits), before + swapped])
