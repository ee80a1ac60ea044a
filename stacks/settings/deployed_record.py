"""What the engine's record says is deployed of this stack, before the program declares anything.

The engine's own function `pulumi:pulumi:readStackResourceOutputs` reads the record (where `pulumi login` put it) and
asks nothing of Google. Of a stack that was never deployed it says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True, slots=True)
class DeployedResource:
    """A resource as it was when the engine last knew."""

    type: str
    name: str
    outputs: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The class: `Bucket`."""
        return self.type.rpartition(":")[2]


def ask_deployed_record() -> tuple[DeployedResource, ...]:
    """Return what is deployed of the stack that the engine runs.

    Raises:
        RunError: the engine cannot read its record.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        answer = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": stack})
    except Exception as error:  # noqa: BLE001 the SDK raises this for whatever the engine answers
        message = f"the engine cannot read its record of {stack}, so nobody can say what a change would undo: {error}"
        raise pulumi.RunError(message) from None
    return tuple(list_deployed(answer.value["outputs"]))


def list_deployed(record: Mapping[str, Mapping[str, Any]]) -> Iterator[DeployedResource]:
    """Yield the resources of a record, which holds type and outputs by URN.

    >>> [one.kind for one in list_deployed({"urn:pulumi:lab::p::T::b": {"type": "gcp:storage/bucket:Bucket"}})]
    ['Bucket']
    """
    for urn, one in record.items():
        yield DeployedResource(str(one["type"]), urn.rpartition("::")[2], one.get("outputs") or {})


def find_deployed(record: Iterable[DeployedResource], *kinds: str) -> Iterator[DeployedResource]:
    """Yield the resources of these classes."""
    return (one for one in record if one.kind in kinds and one.type.startswith("gcp:"))
