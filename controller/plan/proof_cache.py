"""Proofs that were done before: what was proved, by its content, and by which prover.

A file holds one line for each proof: its key, what was counted, and a checksum of the line. A key is a SHA-256 of
everything that the proof was about. The file's name is a digest of the prover itself (its source, and the versions of
Python and of the libraries that it thinks with); another prover never reads it. Only proofs that held are kept. The
file may be deleted at any time, by anyone; lines that are damaged are not believed, and counted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel

import controller
from controller.compile.campus import CampusIntent
from controller.compile.cloud import CloudIntent
from controller.compile.firewall import front_doors
from controller.compile.intent import FilterIntent
from controller.model.city import City, Device
from controller.model.flow import AddressSet, Family, text
from controller.model.schools import School
from controller.prove.relation import SchoolNetwork, conversations

LIBRARIES = ("cel-expr-python", "pydantic", "pydantic-core", "PyYAML", "tzdata")
"""What reads the policy, evaluates its conditions and knows the time: another version is another prover."""
MOST_PROOFS = 100_000
"""Lines that the file may have; beyond, the older half is dropped. 176 schools need about 10,000 a policy."""

_PARTS = ("errors.py", "messages", "model", "telemetry", "compile", "prove", "platforms", "plan")


@dataclass(frozen=True, slots=True)
class Counted:
    """What a proof covered."""

    filters: int
    policies: int
    paths: int = 0
    networks: int = 0


class ProofCache:
    """The proofs of one prover in the user's cache folder; `folder` None keeps and knows nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.damaged = 0
        self._path = folder / f"{prover_digest()[:16]}.txt" if folder else None
        self._known: dict[str, Counted] = {}
        self._fresh: dict[str, Counted] = {}
        for line in self._lines():
            entry = _read(line)
            if entry is None:
                self.damaged += 1
            else:
                self._known[entry[0]] = entry[1]

    def find(self, key: str) -> Counted | None:
        """What an earlier proof of this content covered; None when there was none."""
        return self._known.get(key)

    def add(self, keys: Iterable[str], counted: Counted) -> None:
        """Remember a proof that held, under every key that names its content."""
        self._fresh |= {key: counted for key in keys if key not in self._known}

    def save(self) -> None:
        """Write what is new after what others have written meanwhile. A cache that cannot be written is no error."""
        if self._path is None or not self._fresh:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                lines = file.read().splitlines()
                added = [_line(key, counted) for key, counted in self._fresh.items()]
                if len(lines) + len(added) > MOST_PROOFS:
                    file.truncate(0)
                    added = [*lines, *added][-(MOST_PROOFS // 2) :]
                elif lines and not _ends_whole(file.name):
                    added = [b"", *added]
                file.write(b"\n".join(added) + b"\n")
            self._drop_others()
        except OSError:
            return
        self._known |= self._fresh
        self._fresh = {}

    def _lines(self) -> list[bytes]:
        try:
            return [line for line in self._path.read_bytes().splitlines() if line] if self._path else []
        except OSError:
            return []

    def _drop_others(self) -> None:
        """What other provers have left, once it is old: this one never reads it, and neither will they."""
        assert self._path is not None  # noqa: S101 only called after writing to it
        others = [path for path in self._path.parent.glob("*.txt") if path != self._path]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-2]:
            path.unlink(missing_ok=True)


def cache_folder() -> Path:
    """Where the user's proofs are: under XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tsunagu" / "proofs"


@cache
def prover_digest() -> str:
    """A SHA-256 of everything that a proof is done with: our source, Python, and the libraries whose answers count."""
    versions = [f"{name} {version(name)}" for name in LIBRARIES]
    digest = hashlib.sha256("\n".join((sys.version, *versions)).encode())
    root = Path(controller.__file__).parent
    for part in _PARTS:
        place = root / part
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix != ".pyc":
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


class CityKeys:
    """Names the proofs of a city's devices without compiling them: by all that the city says that could matter to them.

    The rules are those for the device's school, so a rule of some schools leaves the proofs of the others known; what
    holds no filters is not about rules at all.
    Who people are, 802.1X, the calendar and flows between systems stand in no filter and no route.
    """

    def __init__(self, city: City) -> None:
        self._city = city
        models: Iterable[BaseModel] = (
            *(city.file, city.blueprints, city.lines, city.lab, city.outputs),
            *(*city.schools, *city.segments.values(), *city.applications.values()),
            *(*city.prefix_lists.values(), *city.necessities),
        )
        # Where the policies lie does not matter; which file and line something stands in may be told, so it does.
        said = [one.model_dump_json().replace(f"{city.directory}/", "") for one in models]
        self._everywhere = _digest([*said, *map(str, city.admission_servers)])
        self._spoken: dict[str, str] = {}

    def of(self, device: Device) -> str:
        """The name of a device's proof."""
        # Rules stand in filters, and only a core holds these.
        spoken = self._rules(device.school) if device.role == "core" else ""
        known = (self._everywhere, spoken, device.school.id, device.role)
        return _digest(("city", *known, repr(device.ports), repr(device.keeps_state), *_device(device)))

    def _rules(self, school: School) -> str:
        if school.id not in self._spoken:
            rules = (rule for rule in self._city.rules if rule.network and self._city.is_for(rule, school))
            named = (rule.model_dump_json(include={"id", "effect", "applications", "network"}) for rule in rules)
            self._spoken[school.id] = _digest(named)
        return self._spoken[school.id]


def intent_key(city: City, intent: CampusIntent) -> str:
    """Names the proof of a device by what it reads of the city: the intents, the wanted state, the controller's way."""
    filters = [*intent.intents, *(moved.intent for moved in intent.moved)]
    segment = city.segments[city.file.management_segment]
    way = " ".join(map(str, (segment.vlan, *city.file.controllers)))
    parts = (line for one in filters for line in _filter_lines(one))
    moved = (moved.upstream for moved in intent.moved)
    paths = _paths(city, intent) if filters else ()
    wanted = (intent.wanted.digest(), way, repr(intent.routing), repr(intent.networks))
    return _digest(("intent", *wanted, *moved, *_device(intent.device), *paths, *parts))


def _paths(city: City, intent: CampusIntent) -> Iterable[str]:
    """All that the paths of a school depend on beside its filters: what the rules, in both families, say of it."""
    school = intent.device.school
    for family in Family:
        at = SchoolNetwork(city, school, family)
        yield f"{city.school_prefix(school, family)} {city.school_spans[family]}"
        yield from (f"{one.id} {one.vlan} {city.segment_prefix(school, one, family)}" for one in city.segments.values())
        yield from (f"{one.rule.id} {one.rule.effect} {list(one.boxes())}" for one in conversations(at))
    yield from map(repr, front_doors(city))
    yield from (one.model_dump_json(exclude={"origin"}) for one in city.necessities)
    yield from (str(one.management) for one in city.devices(school))
    yield repr(intent.device.ports)
    # Whether some device carries a segment that none filters.
    yield from (f"{one.role} {[port.segments for port in one.ports]}" for one in school_devices(city, intent.device))


def school_devices(city: City, device: Device) -> tuple[Device, ...]:
    """A device and those beside it: of its school, or of the virtual city's school where it is one of these."""
    lab = city.lab_devices(device.school)
    return lab if device in lab else city.devices(device.school)


def conditions_key(city: City, intent: CloudIntent) -> str:
    """Names the proof of the proxy's conditions: what is deployed, and all that the policy says of people."""
    rules = (one.model_dump_json(exclude={"origin", "purpose", "network"}) for one in city.rules if one.identity)
    people = city.people.model_dump_json()
    lines = (f"{one.id} {one.lines.primary.egress} {one.lines.backup.egress}" for one in city.schools)
    places = (city.file.timezone, *(f"{one.id} {one.ward} {one.kind}" for one in city.schools), *lines)
    groups = (one.model_dump_json() for one in city.groups.values())
    calendar = city.calendar.model_dump_json() if city.calendar else ""
    offices = (one.model_dump_json() for one in city.file.offices)
    applications = (f"{one.id} {one.importance} {one.proxy}" for one in city.applications.values())
    deployed = (repr(intent.levels), repr(intent.bindings))
    said = (*deployed, *rules, people, *places, *groups, calendar, *offices, *applications)
    return _digest(("cel", *(one.replace(f"{city.directory}/", "") for one in said)))


def _device(device: Device) -> tuple[str, ...]:
    return device.id, device.platform, str(device.management), str(device.access.port)


def _filter_lines(one: FilterIntent) -> Iterable[str]:
    yield f"{one.segment} {one.vlan} {one.direction} {int(one.family)}"
    for clause in one.clauses:
        yield (
            f"{clause.effect} {clause.rule} {clause.origin} {int(clause.family)} {int(clause.protocol)} "
            f"{_addresses(clause.sources)} {clause.source_ports} {_addresses(clause.destinations)} "
            f"{clause.destination_ports} {clause.established}"
        )


def _addresses(one: AddressSet) -> str:
    return f"{','.join(map(text, one.included))}-{','.join(map(text, one.excluded))}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _line(key: str, counted: Counted) -> bytes:
    content = f"{key} {counted.filters} {counted.policies} {counted.paths} {counted.networks}".encode()
    return content + f" {zlib.crc32(content):08x}".encode()


def _read(line: bytes) -> tuple[str, Counted] | None:
    content, _, checksum = line.rpartition(b" ")
    if checksum != f"{zlib.crc32(content):08x}".encode():
        return None
    try:
        key, filters, policies, paths, networks = content.decode().split(" ")
        return key, Counted(int(filters), int(policies), int(paths), int(networks))
    except ValueError:
        return None


def _ends_whole(path: str) -> bool:
    """Whether the file's last line was written whole: another program may have been killed in it."""
    with Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
