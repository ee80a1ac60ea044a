"""The offline Google's memory: one SQLite file that a kill at any moment leaves whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from controller.offline_google.schema.pulumi_values import Value
from controller.storage.sqlite import StoreFormat, open_store

_TABLES = """
CREATE TABLE IF NOT EXISTS resources (
    token TEXT NOT NULL, id TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
    inputs TEXT NOT NULL, outputs TEXT NOT NULL, PRIMARY KEY (token, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (
    alias TEXT NOT NULL, token TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (alias, token, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
    token TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL,
    to_token TEXT NOT NULL, to_id TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (token, id, field, to_token, to_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_to ON links (to_token, to_id);
CREATE TABLE IF NOT EXISTS taken (token TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (token, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS addresses (address TEXT PRIMARY KEY, token TEXT NOT NULL, id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS faults (rule TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""


WORLD_STORE = StoreFormat(
    name="offline Google's memory",
    application_id=0x54534E77,  # "TSNw"
    migrations=(_TABLES,),
    unstamped=0,
    unstamped_tables=frozenset({"resources", "aliases", "links", "taken", "addresses", "faults"}),
    advice="move it away; the next deployment begins a new one",
)


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """One resource names another in a field. `kind`: it `holds` it, `belongs` to it, or only `knows` it."""

    field: str
    token: str
    id: str
    kind: str


@dataclass(frozen=True, slots=True)
class StoredResource:
    """Something that exists."""

    token: str
    id: str
    project: str
    name: str
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]
    links: tuple[ResourceLink, ...] = ()
    aliases: frozenset[str] = field(default_factory=frozenset)


class WorldStore:
    """The file. One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        # A reader (a refresh, the proxy stand-in) never waits for a writer. NORMAL outlives the death of the process;
        # only the machine's own death could take the last writes, and then the engine's state goes with them.
        self._connection = open_store(path, WORLD_STORE, synchronous="NORMAL")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing, and nobody else writes meanwhile."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def get(self, token: str, identity: str) -> StoredResource | None:
        """One resource."""
        rows = self._rows("SELECT * FROM resources WHERE token = ? AND id = ?", token, identity)
        return _resource(rows[0]) if rows else None

    def all(self, token: str | None = None) -> list[StoredResource]:
        """Every resource, or every one of a type, by type and id."""
        if token is None:
            return [_resource(row) for row in self._rows("SELECT * FROM resources ORDER BY token, id")]
        return [_resource(row) for row in self._rows("SELECT * FROM resources WHERE token = ? ORDER BY id", token)]

    def called(self, alias: str, tokens: Iterable[str]) -> StoredResource | None:
        """The resource of one of these types that answers to a name; the first where several do."""
        found = self.list_called(alias, tokens)
        return found[0] if found else None

    def list_called(self, alias: str, tokens: Iterable[str]) -> list[StoredResource]:
        """Every resource of these types that answers to a name: one in each place, where names are a place's."""
        wanted = list(tokens)
        marks = ",".join("?" * len(wanted))
        rows = self._rows(
            "SELECT r.* FROM aliases a JOIN resources r ON r.token = a.token AND r.id = a.id "  # noqa: S608 only marks
            f"WHERE a.alias = ? AND a.token IN ({marks}) ORDER BY r.id",
            alias,
            *wanted,
        )
        return [_resource(row) for row in rows]

    def put(self, resource: StoredResource) -> None:
        """Keep a resource, new or changed, with its names and what it refers to."""
        key = (resource.token, resource.id)
        self._forget(*key)
        inputs, outputs = (json.dumps(values, ensure_ascii=False) for values in (resource.inputs, resource.outputs))
        self._rows(
            "INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?)", *key, resource.project, resource.name, inputs, outputs
        )
        for alias in resource.aliases | {resource.id}:
            self._rows("INSERT OR IGNORE INTO aliases VALUES (?, ?, ?)", alias, *key)
        for link in resource.links:
            self.add_link(*key, link)

    def overwrite(self, resource: StoredResource) -> None:
        """Change what a resource holds, not what it is called or refers to."""
        values = (json.dumps(resource.inputs), json.dumps(resource.outputs), resource.token, resource.id)
        self._rows("UPDATE resources SET inputs = ?, outputs = ? WHERE token = ? AND id = ?", *values)

    def add_link(self, token: str, identity: str, link: ResourceLink) -> None:
        """A resource refers to another from now on, by no word of a program."""
        values = (token, identity, link.field, link.token, link.id, link.kind)
        self._rows("INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?)", *values)

    def drop_link(self, token: str, identity: str, field: str) -> None:
        """What a resource refers to in a field it refers to no more."""
        self._rows("DELETE FROM links WHERE token = ? AND id = ? AND field = ?", token, identity, field)

    def drop(self, token: str, identity: str) -> None:
        """Forget a resource and what it referred to."""
        self._forget(token, identity)
        self._rows("DELETE FROM addresses WHERE token = ? AND id = ?", token, identity)

    def users(self, token: str, identity: str, kind: str) -> list[tuple[str, str, str]]:
        """Who refers to a resource in this way: type, id, field."""
        query = "SELECT token, id, field FROM links WHERE to_token = ? AND to_id = ? AND kind = ? ORDER BY token, id"
        return [(str(a), str(b), str(c)) for a, b, c in self._rows(query, token, identity, kind)]

    def take_name(self, token: str, identity: str) -> None:
        """A name that stays taken after its resource is gone."""
        self._rows("INSERT OR IGNORE INTO taken VALUES (?, ?)", token, identity)

    def is_taken(self, token: str, identity: str) -> bool:
        """A resource of this name has been here and cannot come again."""
        return bool(self._rows("SELECT 1 FROM taken WHERE token = ? AND id = ?", token, identity))

    def addresses(self) -> set[str]:
        """Every address that is allocated."""
        return {str(row[0]) for row in self._rows("SELECT address FROM addresses")}

    def allocate(self, address: str, token: str, identity: str) -> None:
        """Give an address to a resource."""
        self._rows("INSERT OR REPLACE INTO addresses VALUES (?, ?, ?)", address, token, identity)

    def count_fault(self, rule: str) -> int:
        """Count that a rule of failure met a call; how often before."""
        with self.writing():
            before = self.faults().get(rule, 0)
            self._rows("INSERT OR REPLACE INTO faults VALUES (?, ?)", rule, before + 1)
        return before

    def faults(self) -> dict[str, int]:
        """How often each rule of failure has met a call."""
        return {str(rule): int(str(count)) for rule, count in self._rows("SELECT rule, count FROM faults")}

    def _forget(self, token: str, identity: str) -> None:
        self._rows("DELETE FROM resources WHERE token = ? AND id = ?", token, identity)
        self._rows("DELETE FROM aliases WHERE token = ? AND id = ?", token, identity)
        self._rows("DELETE FROM links WHERE token = ? AND id = ?", token, identity)

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _resource(row: tuple[object, ...]) -> StoredResource:
    token, identity, project, name, inputs, outputs = map(str, row)
    return StoredResource(token, identity, project, name, json.loads(inputs), json.loads(outputs))
