"""CPU time and memory of the proof: large adversarial IPv6 filters against rewrites, beside peers, and typical ones.

The adversarial filter has prefixes of 32 to 128 bits on both sides, one rule in four with one side open, mixed
permits and denies, ports, ranges and `established`. Its rewrites mean the same, in other entries and another order.
The peers are OxiDD and CUDD as `tests/prove/second_engine.py` uses them; all engines get the same filters in the same
run, and the time to bring them into an engine's own form counts for each.

    python tests/benchmarks/prove_filters.py [--rules 5000] [--seed 1] [--without-peers]
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage

sys.path.insert(0, str(Path(__file__).parents[2]))

from controller.compile.network.intent import FilterClause, FilterIntent
from controller.errors import Origin
from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import (
    ANY_PORTS,
    AddressSet,
    Direction,
    Effect,
    Family,
    Match,
    Prefix,
    Protocol,
    parse_prefix,
)
from controller.prove.filters.equivalence import (
    are_filters_equal,
    build_filter_set,
    make_packet_space,
    prove_filter_equals_intent,
)
from tests.prove.second_engine import SecondEngine, cudd_variables, oxidd_variables

ANYWHERE = Family.V6.everything
LENGTHS = (32, 48, 48, 56, 64, 64, 128)
PORTS = (22, 53, 80, 123, 443, 8080)
TYPICAL_ENTRIES = 40
TYPICAL_FILTERS = 500


def deny_all(family: Family) -> Entry:
    """The explicit end of a filter."""
    return Entry(Effect.FORBID, Match(family, None, family.everything, family.everything))


def filter_of(family: Family, entries: list[Entry]) -> Filter:
    """A filter of these entries and an explicit end."""
    return Filter("TSN-10-from", 10, Direction.FROM, family, (*entries, deny_all(family)))


def random_prefix(random: Random) -> Prefix:
    """Anywhere in 64 blocks of 32 bits, so that prefixes often nest and no few of them cover all others."""
    length = random.choice(LENGTHS)
    address = (0x20010D00 + random.randrange(64) << 96) | (random.randrange(1 << 12) << 84) | random.getrandbits(84)
    return parse_prefix(f"{Family.V6.format_address(address >> (128 - length) << (128 - length))}/{length}")


def adversarial(rules: int, random: Random) -> list[Entry]:
    """Entries that overlap across both addresses and disagree."""
    entries = []
    for _ in range(rules):
        source, destination = random_prefix(random), random_prefix(random)
        if random.random() < 0.25:
            source, destination = random.choice(((source, ANYWHERE), (ANYWHERE, destination)))
        protocol = random.choice((Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.ICMPV6, None))
        match = Match(Family.V6, protocol, source, destination)
        if protocol in (Protocol.TCP, Protocol.UDP):
            low = random.choice((*PORTS, random.randrange(65000)))
            high = low + random.choice((0, 0, 0, 10, 500))
            established = protocol is Protocol.TCP and random.random() < 0.15
            match = replace(match, destination_ports=(low, high), established=established)
            if random.random() < 0.2:
                match = replace(match, source_ports=(1024, 65535))
        entries.append(Entry(random.choice(tuple(Effect)), match))
    return entries


def rewritten(entries: list[Entry], random: Random) -> list[Entry]:
    """The same meaning: entries cut in half, shadowed entries added, runs of one effect shuffled."""
    pieces: list[Entry] = []
    for entry in entries:
        halves = entry.match.source.prefixlen < entry.match.source.max_prefixlen and random.random() < 0.2
        sources: list[Prefix] = [*entry.match.source.subnets()] if halves else [entry.match.source]
        pieces.extend(replace(entry, match=replace(entry.match, source=source)) for source in sources)
        if random.random() < 0.1:
            pieces.append(replace(random.choice(pieces), effect=random.choice(tuple(Effect))))
    return [entry for run in runs(pieces) for entry in random.sample(run, len(run))]


def taken_apart(entries: list[Entry], random: Random) -> list[Entry]:
    """The same meaning, less alike: entries cut in addresses and ports, and moved past what they do not meet."""
    pieces: list[Entry] = []
    for entry in entries:
        pieces.extend(cut_thrice(entry, random) if random.random() < 0.2 else [entry])
        if random.random() < 0.1:
            pieces.append(replace(random.choice(pieces), effect=random.choice(tuple(Effect))))
    for _ in range(4 * len(pieces)):
        at = random.randrange(1, len(pieces))
        before, entry = pieces[at - 1 : at + 1]
        if before.effect is entry.effect or not meet(before.match, entry.match):
            pieces[at - 1 : at + 1] = [entry, before]
    return pieces


def cut_thrice(entry: Entry, random: Random) -> list[Entry]:
    """Cut in the source, one half of that in the destination, and one half of that in the ports."""
    match = entry.match
    if match.source.prefixlen == match.source.max_prefixlen:
        return [entry]
    first, second = (replace(match, source=half) for half in match.source.subnets())
    pieces = [first, second]
    if match.destination.prefixlen < match.destination.max_prefixlen:
        pieces[1:] = [replace(second, destination=half) for half in match.destination.subnets()]
    low, high = pieces[-1].destination_ports
    if pieces[-1].protocol is not None and low < high:
        at = random.randrange(low, high)
        pieces[-1:] = [replace(pieces[-1], destination_ports=ports) for ports in ((low, at), (at + 1, high))]
    return [replace(entry, match=piece) for piece in random.sample(pieces, len(pieces))]


def meet(one: Match, other: Match) -> bool:
    """Whether a packet could be in both; ports apart, which is on the safe side."""
    protocols = None in (one.protocol, other.protocol) or one.protocol == other.protocol
    return protocols and one.source.overlaps(other.source) and one.destination.overlaps(other.destination)


def alternating(rules: int, random: Random) -> list[Entry]:
    """The known worst case of diagrams: one source to anywhere, and anywhere to one destination, in turn."""
    ends = ((random_prefix(random), ANYWHERE) if at % 2 else (ANYWHERE, random_prefix(random)) for at in range(rules))
    return [Entry(random.choice(tuple(Effect)), Match(Family.V6, None, *pair)) for pair in ends]


def runs(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Neighbours with the same effect: their order among themselves means nothing."""
    run: list[Entry] = []
    for entry in entries:
        if run and run[-1].effect is not entry.effect:
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def typical(number: int, family: Family, random: Random) -> tuple[FilterIntent, Filter]:
    """An intent as a school segment has it, and its filter of 40 entries."""
    school = f"10.{number % 176}.16.0/20" if family is Family.V4 else f"2001:db8:{number % 176:x}:10::/64"
    servers = [f"203.0.113.{host}" if family is Family.V4 else f"2001:db8:ffff::{host:x}" for host in range(8, 40)]
    clauses: list[FilterClause] = []
    entries: list[Entry] = []
    for index in range((TYPICAL_ENTRIES - 1) // 3):
        effect = Effect.FORBID if index < 2 else Effect.PERMIT
        protocol, port = random.choice(((Protocol.TCP, 443), (Protocol.TCP, 22), (Protocol.UDP, 53)))
        destinations = tuple(parse_prefix(server) for server in random.sample(servers, 3))
        ports = (port, port)
        sources, servers_of_rule = AddressSet((parse_prefix(school),)), AddressSet(destinations)
        origin = Origin("access/rules.yaml", index)
        clauses.append(
            FilterClause(
                effect=effect,
                rule=f"rule-{index}",
                origin=origin,
                family=family,
                protocol=protocol,
                sources=sources,
                destinations=servers_of_rule,
                source_ports=ANY_PORTS,
                destination_ports=ports,
                established=False,
            )
        )
        matches = (Match(family, protocol, parse_prefix(school), one, ANY_PORTS, ports) for one in destinations)
        entries.extend(Entry(effect, match) for match in matches)
    intent = FilterIntent("kw-e01-core1", "staff", 10, Direction.FROM, family, tuple(clauses))
    return intent, filter_of(family, entries)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of a piece of work in this process."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def expect(holds: bool) -> None:  # noqa: FBT001 the one thing it is told
    """A figure of a proof that went wrong is no figure."""
    if not holds:
        sys.exit("the proof did not come out as it must: this is a bug, not a figure")


def show(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="CPU time and memory of the proof of filters.")
    parser.add_argument("--rules", type=int, default=5000, help="entries of the adversarial filter (default 5000)")
    parser.add_argument("--seed", type=int, default=1, help="start of the random numbers (default 1)")
    parser.add_argument("--without-peers", action="store_true", help="only our own engine")
    arguments = parser.parse_args()
    random = Random(arguments.seed)  # noqa: S311 figures must repeat

    pairs = [typical(number, family, random) for number in range(TYPICAL_FILTERS) for family in Family]
    seconds = cpu_seconds(lambda: expect(not any(prove_filter_equals_intent(intent, one) for intent, one in pairs)))
    show(f"typical filters of {TYPICAL_ENTRIES} entries: {1000 * seconds / len(pairs):.2f} ms CPU each ({len(pairs)})")

    entries = adversarial(arguments.rules, random)
    first, second = filter_of(Family.V6, entries), filter_of(Family.V6, rewritten(entries, random))
    one_case("adversarial IPv6", first, second, peers=not arguments.without_peers)
    one_case("the same, taken apart", first, filter_of(Family.V6, taken_apart(entries, random)), peers=False)
    entries = alternating(arguments.rules, random)
    first, second = filter_of(Family.V6, entries), filter_of(Family.V6, taken_apart(entries, random))
    one_case("one side open in turn, taken apart", first, second, peers=False)


def one_case(name: str, first: Filter, second: Filter, *, peers: bool) -> None:
    """Two filters that mean the same: by us, by the diagrams alone, and by the peers."""
    show(f"{name}: {len(first.entries)} entries against a rewrite of {len(second.entries)}")
    ours = cpu_seconds(lambda: expect(are_filters_equal(first, second)))
    show(f"  proved equal: {ours:.2f} s CPU; peak of the process so far {peak():.0f} MiB")
    broken = list(second.entries)
    at = next(at for at, entry in enumerate(broken) if entry.effect is Effect.PERMIT)
    broken[at] = replace(broken[at], effect=Effect.FORBID)
    seconds = cpu_seconds(lambda: expect(not are_filters_equal(first, replace(second, entries=tuple(broken)))))
    show(f"  one permit turned into a denial: found in {seconds:.2f} s CPU")
    tracemalloc.start()
    are_filters_equal(first, second)
    show(f"  allocated by the proof alone: {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB at its peak")
    tracemalloc.stop()
    if not peers:
        return
    others: dict[str, Callable[[], bool]] = {
        "diagrams of ours": lambda: by_diagrams(first, second),
        "OxiDD": lambda: by_library(SecondEngine(Family.V6, oxidd_variables), first, second),
        "CUDD": lambda: by_library(SecondEngine(Family.V6, cudd_variables), first, second),
    }
    for other, work in others.items():
        seconds = cpu_seconds(lambda work=work: expect(work()))  # type: ignore[misc]
        show(f"  {other}: {seconds:.2f} s CPU, {seconds / ours:.1f} times ours; peak so far {peak():.0f} MiB")


def by_diagrams(first: Filter, second: Filter) -> bool:
    """As the proof does it when comparing lists is given up."""
    space = make_packet_space(first.family)
    return build_filter_set(space, first) == build_filter_set(space, second)


def by_library(engine: SecondEngine, first: Filter, second: Filter) -> bool:
    """As the second engine does it."""
    return bool(engine.filter(first) == engine.filter(second))


def peak() -> float:
    """Peak memory of this process, in MiB."""
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
