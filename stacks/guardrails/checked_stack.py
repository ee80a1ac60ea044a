"""Of which stack the resources are that the guardrails see: its regions and its project.

The engine tells a policy pack the stack's configuration when it begins (`ConfigureStack`); engines before that gave it
in the environment. The policy SDK keeps only the tags of it, so this listens where the SDK's server is put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from pulumi.runtime.proto import analyzer_pb2_grpc
from pydantic import ValidationError

from controller.inputs.bounded_json import JsonRefused, parse_json
from stacks.guardrails.guardrail import say
from stacks.settings.regions import DEFAULT_STACK_REGIONS, StackRegions, find_stack_regions


class StackUnreadable(Exception):
    """What the guardrails must know of the stack cannot be read in its configuration."""


@dataclass(frozen=True)
class CheckedStack:
    """A stack's regions, Google's project of it, and the domain of its groups; empty where none is known."""

    regions: StackRegions = DEFAULT_STACK_REGIONS
    project: str = ""
    directory: str = ""


def find_checked_stack(values: Mapping[str, str]) -> CheckedStack:
    """Return the stack of a configuration as the engine hands it over.

    >>> find_checked_stack({"tsunagu:google": '{"project": "school-lab"}'}).project
    'school-lab'

    Raises:
        StackUnreadable: its regions are not those of a stack's file, or what should be JSON is none.
    """
    try:
        google = parse_json(values.get("tsunagu:google", "{}"))
        regions = find_stack_regions(values)
    except (JsonRefused, ValidationError):
        raise StackUnreadable(say("stack-unreadable")) from None
    known = google if isinstance(google, Mapping) else {}
    return CheckedStack(regions, str(known.get("project", "")), str(known.get("directory", "")))


def on_stack_configured(tell: Callable[[Mapping[str, str]], None]) -> None:
    """Have `tell` called with the stack's configuration by every policy pack that is started after this."""
    add_to_server = analyzer_pb2_grpc.add_AnalyzerServicer_to_server

    def add_listening(servicer: Any, server: Any) -> None:  # noqa: ANN401 the SDK has no types of these
        configure = servicer.ConfigureStack

        def configure_stack(request: Any, context: Any) -> Any:  # noqa: ANN401
            try:
                tell(dict(request.config))
            except StackUnreadable as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            return configure(request, context)

        servicer.ConfigureStack = configure_stack
        add_to_server(servicer, server)

    analyzer_pb2_grpc.add_AnalyzerServicer_to_server = add_listening
