"""Look at what is deployed in the offline Google, and change it by hand, as somebody in Google's console would.

python -m controller.offline_google.world.world list | show ID | remove ID
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from controller.errors import CloudError
from controller.offline_google.environment import STATE, RehearsalFolder
from controller.offline_google.schema.facts import find_resource_type
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.world_store import StoredResource, WorldStore


class OfflineWorld:
    """The offline Google's world, from the outside."""

    def __init__(self, store: WorldStore) -> None:
        self._store = store

    @classmethod
    def open(cls, path: Path) -> OfflineWorld:
        """The world in a file.

        Raises:
            CloudError: there is none.
        """
        if not path.exists():
            message = f"there is no offline Google at {path}; deploy one with 'tsunagu cloud up --stack lab'"
            raise CloudError(message)
        return cls(WorldStore(path))

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def resources(self, kind: str | None = None) -> list[StoredResource]:
        """Everything, or everything of a type (its token); by type and id."""
        return self._store.all(kind)

    def find(self, identity: str, kind: str | None = None) -> StoredResource:
        """One resource.

        Raises:
            CloudError: none has this id, or several of different types have.
        """
        found = [resource for resource in self._store.all(kind) if resource.id == identity]
        if len(found) != 1:
            types = ", ".join(resource.token for resource in found)
            problem = f"several have it ({types}): name the type" if found else "see 'list'"
            message = f"the offline Google has no single resource of the id {identity!r}; {problem}"
            raise CloudError(message)
        return found[0]

    def remove(self, resource: StoredResource) -> None:
        """Remove by hand, asking nobody: what referred to it refers to nothing now."""
        with self._store.writing():
            self._store.drop(resource.token, resource.id)

    def change(self, resource: StoredResource, values: Mapping[str, Value]) -> StoredResource:
        """Set properties by hand (those of the top; None takes one away).

        Raises:
            CloudError: the type has no such property.
        """
        unknown = sorted(values.keys() - find_resource_type(resource.token).properties.keys())
        if unknown:
            message = f"{resource.token} has no property {', '.join(unknown)}"
            raise CloudError(message)
        changed = replace(resource, inputs=_merged(resource.inputs, values), outputs=_merged(resource.outputs, values))
        with self._store.writing():
            self._store.overwrite(changed)
        return changed

    def faults(self) -> dict[str, int]:
        """How often each injected fault has met a call."""
        return self._store.faults()


def _merged(old: Mapping[str, Value], new: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def main(arguments: list[str], say: Callable[[str], object] = print) -> int:
    """The command; exit code 64 when it is not understood."""
    path = Path(os.environ.get(STATE) or RehearsalFolder().world)
    try:
        match arguments:
            case ["list"]:
                for resource in OfflineWorld.open(path).resources():
                    say(f"{find_resource_type(resource.token).short}\t{resource.id}")
            case ["show", identity]:
                found = OfflineWorld.open(path).find(identity)
                shown = {"type": found.token, "id": found.id, "inputs": found.inputs, "outputs": found.outputs}
                say(json.dumps(shown, ensure_ascii=False, indent=1))
            case ["remove", identity]:
                world = OfflineWorld.open(path)
                world.remove(world.find(identity))
                say(f"removed by hand: {identity}")
            case _:
                sys.stderr.write(__doc__ or "")
                return 64
    except BrokenPipeError:
        # The reader has gone (`| head`); the interpreter must not try to write the rest to it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CloudError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
