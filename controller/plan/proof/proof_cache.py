"""Proofs that were done before: what was proved, by its content, and by which prover.

A file holds one line for each proof: its key, what was counted, and an HMAC of the line and the prover by a key of this
user (`cache_key.py`): whoever may write the file, a CI cache for example, cannot write a proof. A line's key is a
SHA-256 of everything that the proof was about. The file's name is a digest of the prover itself (its source, and the
versions of Python and of the libraries that it thinks with). Only proofs that held are kept. The file may be deleted at
any time; lines that are not ours are not believed, counted, and dropped.
"""

from __future__ import annotations

import hashlib
import hmac
import marshal
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel

import controller
from controller.compile.identity.iap_bindings import CloudIntent
from controller.compile.network.intent import FilterIntent
from controller.compile.network.upstream import DelegatedFilter
from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.errors import TsunaguError
from controller.inputs.home_folder import find_home_folder
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.policy_files import LAB
from controller.model.sites.devices import Device, DevicePort
from controller.model.sites.schools import School
from controller.plan.proof.cache_key import find_key_file, load_key, make_private_folder
from controller.storage.file_lock import hold_file_lock

LIBRARIES = ("cel-expr-python", "pydantic", "pydantic-core", "PyYAML", "tzdata")
"""What reads the policy, evaluates its conditions and knows the time: another version is another prover."""
MOST_BYTES = 64 << 20
MOST_PROOFS = 100_000
"""Lines that the file may have; beyond, the older half is dropped. A city of 176 schools has about 10,000 proofs, and
about 6,000 of them depend on the policy."""

_PARTS = ("errors.py", "messages", "model", "operations", "telemetry", "compile", "prove", "platforms", "plan")


@dataclass(frozen=True, slots=True)
class ProofCoverage:
    """The amount that a proof covered; `entries` are those of a single filter."""

    filters: int
    policies: int
    paths: int = 0
    networks: int = 0
    entries: int = 0


class ProofCache:
    """The proofs of one prover in the user's cache folder; `folder` None keeps and knows nothing."""

    def __init__(self, folder: Path | None, key_file: Path | None = None) -> None:
        self.damaged = 0
        self.unused = ""
        """Why the folder, the file or the key is not used; empty where all is well."""
        self._path: Path | None = None
        self._known: dict[str, ProofCoverage] = {}
        self._fresh: dict[str, ProofCoverage] = {}
        if folder is None:
            return
        try:
            make_private_folder(folder)
            # The prover is part of the key: a line of another one's file is none of this one's.
            key = load_key(find_key_file() if key_file is None else key_file)
            self._secret = hmac.digest(key, digest_prover().encode(), "sha256")
            self._path = folder / f"{digest_prover()[:16]}.txt"
            lines = self._read_lines()
        except (OSError, TsunaguError) as error:
            self.unused, self._path = " ".join(str(error).split()), None
            return
        for line in lines:
            entry = self._read(line)
            if entry is None:
                self.damaged += 1
            else:
                self._known[entry[0]] = entry[1]

    def find(self, key: str) -> ProofCoverage | None:
        """Return what an earlier proof of this content covered; None when there was none."""
        return self._known.get(key)

    def add(self, proofs: Mapping[str, ProofCoverage]) -> None:
        """Remember proofs that held, by their keys."""
        self._fresh |= {key: counted for key, counted in proofs.items() if key not in self._known}

    def save(self) -> None:
        """Write what is new after what others have written meanwhile. A cache that cannot be written is no error."""
        if self._path is None or not self._fresh:
            return
        try:
            with hold_file_lock(self._path.with_suffix(".lock"), patience=None), _open_own(self._path) as file:
                lines = file.read().splitlines()
                good = [line for line in lines if self._read(line) is not None]
                added = [self._line(key, counted) for key, counted in self._fresh.items()]
                if len(good) + len(added) > MOST_PROOFS:
                    file.truncate(0)
                    added = [*good, *added][-(MOST_PROOFS // 2) :]
                elif len(good) != len(lines):
                    # A line that is not ours, or one that another program was killed in.
                    file.truncate(0)
                    added = [*good, *added]
                file.write(b"\n".join(added) + b"\n")
            self._drop_others()
        except (OSError, TsunaguError):
            return
        self._known |= self._fresh
        self._fresh = {}

    def _read_lines(self) -> list[bytes]:
        assert self._path is not None  # noqa: S101 only called once it is known
        if not self._path.exists() and not self._path.is_symlink():
            return []
        with _open_own(self._path) as file:
            return [line for line in file.read(MOST_BYTES).splitlines() if line]

    def _line(self, key: str, counted: ProofCoverage) -> bytes:
        counts = (counted.filters, counted.policies, counted.paths, counted.networks, counted.entries)
        content = " ".join((key, *map(str, counts))).encode()
        return content + b" " + self._sign(content)

    def _read(self, line: bytes) -> tuple[str, ProofCoverage] | None:
        content, _, signature = line.rpartition(b" ")
        if not hmac.compare_digest(signature, self._sign(content)):
            return None
        key, *numbers = content.decode().split(" ")
        filters, policies, paths, networks, entries = map(int, numbers)
        return key, ProofCoverage(filters, policies, paths, networks, entries)

    def _sign(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, "sha256").hex().encode()

    def _drop_others(self) -> None:
        """Delete what other provers have left, once it is old: this one never reads it, and neither will they."""
        assert self._path is not None  # noqa: S101 only called after writing to it
        others = [path for path in self._path.parent.glob("*.txt") if path != self._path]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-2]:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def _open_own(path: Path) -> BinaryIO:
    """Open the file of this user for reading and adding; it is made, readable by nobody else.

    Raises:
        TsunaguError: it is no file of this user's own.
        OSError: it is a link, or cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.fdopen(os.open(path, flags, 0o600), "ab+")
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        file.close()
        message = f"{path}: must be a file of yours that nobody else can write to; delete it"
        raise TsunaguError(message)
    os.fchmod(file.fileno(), 0o600)
    file.seek(0)
    return file


def find_cache_folder() -> Path:
    """Return the folder of the user's proofs: under XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or find_home_folder() / ".cache") / "tsunagu" / "proofs"


@cache
def digest_prover() -> str:
    """Return a SHA-256 of all that a proof is done with: our source, Python, and the libraries whose answers count."""
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

    The rules are those for the device's school, so a rule of some schools leaves the proofs of the others known; only
    devices with filters depend on rules at all. Who people are, 802.1X, the calendar and flows between systems stand in
    no filter and no route.
    """

    def __init__(self, city: City) -> None:
        self._city = city
        models: Iterable[BaseModel] = (
            *(city.settings, city.blueprints, city.lines, city.outputs),
            *city.files.get_all(LAB),
            *(*city.schools, *city.equipment.inventory, *city.segments.values(), *city.applications.values()),
            *(*city.prefix_lists.values(), *city.infrastructure_protocols),
        )
        # Where the policies lie does not matter; which file and line something stands in may be told, so it does.
        said = [one.model_dump_json().replace(f"{city.directory}/", "") for one in models]
        self._everywhere = _digest([*said, *map(str, city.admission_servers)])
        self._rule_digests: dict[str, str] = {}
        # By identity: the ports of the thousands of devices of one blueprint are one object, and to put them in words
        # (or to hash them) for each would take most of the time. The ports are kept beside the words, so no other
        # object can get their id.
        self._port_words: dict[int, tuple[tuple[DevicePort, ...], str]] = {}

    def device_key(self, device: Device) -> str:
        """Return the name of a device's proof."""
        rules = self._rules(device.school) if device.role == FILTERING_ROLE else ""
        known = (self._everywhere, rules, *self._place(device))
        return _digest(("city", *known, self._ports(device), repr(device.keeps_state), *_device(device)))

    def bare_device_key(self, device: Device) -> str:
        """Return the name of the proof of all that a device holds beside filters, which no rule has a part in."""
        known = (self._everywhere, *self._place(device), self._ports(device), repr(device.keeps_state))
        return _digest(("bare", *known, *_device(device)))

    def _place(self, device: Device) -> tuple[str, ...]:
        """Return where a device stands; what a school has follows from its stage of integration, too."""
        return device.school.id, str(self._city.find_stage(device.school)), device.role

    def _rules(self, school: School) -> str:
        if school.id not in self._rule_digests:
            rules = (rule for rule in self._city.rules if rule.network and self._city.rule_applies_at(rule, school))
            named = (rule.model_dump_json(include={"id", "effect", "applications", "network"}) for rule in rules)
            self._rule_digests[school.id] = _digest([self._city.cut_offs.describe(school.id), *named])
        return self._rule_digests[school.id]

    def _ports(self, device: Device) -> str:
        """Return the ports in words, put so once for each blueprint."""
        known = self._port_words.get(id(device.ports))
        if known is None:
            known = self._port_words[id(device.ports)] = (device.ports, repr(device.ports))
        return known[1]


def build_filter_key(city: City, device: Device, intent: FilterIntent, delegated: DelegatedFilter | None) -> str:
    """Return the name of the proof of a filter: what it must be, and the controller's way that it must leave open."""
    segment = city.list_segments(device.school)[city.management_segment]
    way = " ".join(map(str, (segment.vlan, *city.controllers)))
    left = [delegated.upstream, *_filter_content(delegated.intent)] if delegated else []
    content = marshal.dumps([*_device(device), way, *_filter_content(intent), *left], _PLAIN)
    return hashlib.sha256(b"filter" + content).hexdigest()


def build_conditions_key(city: City, intent: CloudIntent) -> str:
    """Name the proof of the proxy's conditions: what is deployed, and all that the policy says of people."""
    rules = (one.model_dump_json(exclude={"origin", "purpose", "network"}) for one in city.rules if one.identity)
    people = city.people.model_dump_json()
    lines = (f"{one.id} {one.lines.egress}" for one in city.schools)
    schools = (f"{one.id} {one.ward} {one.kind} {city.find_stage(one)}" for one in city.schools)
    places = (city.settings.timezone, *schools, *lines)
    groups = (one.model_dump_json() for one in city.groups.values())
    calendar = city.calendar.model_dump_json() if city.calendar else ""
    offices = (one.model_dump_json() for one in city.offices)
    applications = (f"{one.id} {one.importance} {one.proxy}" for one in city.applications.values())
    deployed = (repr(intent.access_levels), repr(intent.bindings))
    said = (*deployed, *rules, people, *places, *groups, calendar, *offices, *applications)
    return _digest(("cel", *(one.replace(f"{city.directory}/", "") for one in said)))


def _device(device: Device) -> tuple[str, ...]:
    return device.id, device.platform, str(device.management), str(device.ssh_port), repr(device.numbers)


def _filter_content(one: FilterIntent) -> Iterable[tuple[int | str | tuple[int, int], ...]]:
    """Return what an intent says, as plain values."""
    yield (one.segment, one.vlan, str(one.direction), int(one.family))
    for clause in one.clauses:
        yield (
            clause.effect is Effect.PERMIT,
            clause.rule,
            int(clause.protocol),
            clause.sources.text,
            clause.source_ports,
            clause.destinations.text,
            clause.destination_ports,
            clause.established,
        )


_PLAIN = 2
"""The last version of marshal that writes equal values as equal bytes (later ones refer back to the same object)."""


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
