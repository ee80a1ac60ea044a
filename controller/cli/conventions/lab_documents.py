"""The types of the JSON documents that commands of the virtual city print with --json."""

from __future__ import annotations

from typing_extensions import TypedDict


class LabBuiltDocument(TypedDict):
    """The virtual city that is up; `cloud`: with the proxy and people of a deployed stack."""

    schools: list[str]
    cloud: bool


class LabRemovedDocument(TypedDict):
    """Whether there was a virtual city."""

    removed: bool


class LabFaultDocument(TypedDict):
    """A fault that was injected; `fresh` is false where it was so already."""

    fault: str
    fresh: bool


class LabRepairedDocument(TypedDict):
    """Faults that are no more."""

    repaired: list[str]


class NodeCommandDocument(TypedDict):
    """What a command at a node of the virtual city ended with and said."""

    node: str
    code: int
    stdout: str
    stderr: str
