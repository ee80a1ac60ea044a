"""The guardrails together, and how the engine's policy SDK asks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi.runtime.config import CONFIG, get_config_env
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from stacks.guardrails.audit_trail import LOGGED
from stacks.guardrails.checked_stack import CheckedStack, find_checked_stack, on_stack_configured
from stacks.guardrails.conditional_access import CONDITIONS
from stacks.guardrails.granted_access import NAMED
from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, say
from stacks.guardrails.labels import LABELS
from stacks.guardrails.locations import IN_THE_REGIONS, KNOWN, SECOND_PLACE
from stacks.guardrails.network_exposure import CLOSED
from stacks.guardrails.public_access import PROXY, PUBLIC, WEB_FIREWALL
from stacks.guardrails.stored_data import KEPT, KEYS

GUARDRAILS: tuple[Guardrail, ...] = (
    KNOWN,
    IN_THE_REGIONS,
    NAMED,
    CONDITIONS,
    PROXY,
    WEB_FIREWALL,
    CLOSED,
    KEYS,
    KEPT,
    LOGGED,
    LABELS,
    SECOND_PLACE,
)


def start_policy_pack() -> PolicyPack:
    """Hand the pack to the engine. What breaks a mandatory rule stops the deployment before it is made.

    The engine hands the stack's configuration to the pack as to the program; it says which regions there are.
    """
    known = _KnownStack(find_checked_stack({**get_config_env(), **CONFIG.get()}))
    on_stack_configured(lambda values: known.set_stack(find_checked_stack(values)))
    return PolicyPack("tsunagu-guardrails", [_policy(guardrail, known) for guardrail in GUARDRAILS])


class _KnownStack:
    """The stack that is looked at. The engine says which one after the pack was started, before any resource."""

    def __init__(self, stack: CheckedStack) -> None:
        self.stack = stack

    def set_stack(self, stack: CheckedStack) -> None:
        """Look at this stack from now on."""
        self.stack = stack


def _policy(guardrail: Guardrail, known: _KnownStack) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for violation in guardrail.check(_read_resource(args, known.stack)):
            report(say("violation", name=args.name, what=violation, clause=guardrail.clause), None)

    return ResourceValidationPolicy(
        guardrail.name,
        guardrail.describe(),
        validate,
        EnforcementLevel.MANDATORY if guardrail.stops else EnforcementLevel.ADVISORY,
        PolicyConfigSchema({PUBLIC: {"type": "array", "items": {"type": "string"}}}) if guardrail is PROXY else None,
    )


def _read_resource(args: ResourceValidationArgs, stack: CheckedStack) -> CheckedResource:
    return CheckedResource(
        type=args.resource_type,
        name=args.name,
        inputs=_plain(args.props),
        stack=args.urn.split("::")[0].rpartition(":")[2],
        protected=args.opts.protect,
        settings=args.get_config(),
        regions=stack.regions,
        project=stack.project,
        directory=stack.directory,
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 any JSON
    """Plain dictionaries and lists; the SDK's own raise at what is unknown, and a rule would then stop half-way."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:  # noqa: ANN401 any JSON
    try:
        return _plain(container[key])
    except UnknownValueError:
        return UNKNOWN
