"""What a resource sets and the offline Google does not model: refused, unless the stack's file excepts it by name."""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.models.set_paths import list_set_paths
from controller.offline_google.models.type_models import find_type_model
from controller.offline_google.schema.facts import ResourceType
from controller.offline_google.schema.input_checks import InputFailure
from controller.offline_google.schema.pulumi_values import Value

Exceptions = frozenset[tuple[str, str]]
"""Types and paths of properties that a stack's file names as unverified."""
NO_EXCEPTIONS: Exceptions = frozenset()


def find_unmodelled(
    kind: ResourceType, inputs: Mapping[str, Value], exceptions: Exceptions = NO_EXCEPTIONS
) -> list[InputFailure]:
    """What of a program's inputs is not modelled and not excepted; what the type does not have is not said again.

    >>> from controller.offline_google.schema.facts import find_resource_type
    >>> network = find_resource_type("gcp:compute/network:Network")
    >>> find_unmodelled(network, {"routingMode": "GLOBAL"})
    []
    >>> [one.path for one in find_unmodelled(network, {"mtu": 1460})]
    ['mtu']

    What the provider itself has filled in, and the engine hands back, is set by nobody:

    >>> find_unmodelled(network, {"mtu": 1460, "__defaults": ["mtu"]})
    []
    """
    model = find_type_model(kind.token)
    if model is None:
        reason = (
            f"the offline Google does not model the type {kind.token}: what Google takes of it is not known here. "
            "A type as a whole cannot be excepted; models/tables/README.md of the offline Google says how to add one"
        )
        return [InputFailure("", reason)]
    paths = dict.fromkeys(list_set_paths(kind.properties, inputs))
    known = [path for path in paths if path not in model.properties and (kind.token, path) not in exceptions]
    return [InputFailure(path, _explain(kind, path)) for path in known]


def _explain(kind: ResourceType, path: str) -> str:
    return (
        "the offline Google does not model this property, so it cannot say whether Google takes the value. Model it "
        "(models/tables/README.md of the offline Google says how), or name it in the stack's file: "
        f'tsunagu:unverified: [{{resource: "{kind.token}", property: "{path}", reason: ...}}]'
    )
