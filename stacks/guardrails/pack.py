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

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail
from stacks.guardrails.labels import LABELS
from stacks.guardrails.locations import IN_THE_REGIONS, SECOND_PLACE
from stacks.guardrails.public_access import CLOSED, PROXY, PUBLIC
from stacks.guardrails.stored_data import KEPT, KEYS
from stacks.settings.regions import StackRegions, find_stack_regions

GUARDRAILS: tuple[Guardrail, ...] = (IN_THE_REGIONS, PROXY, CLOSED, KEYS, KEPT, LABELS, SECOND_PLACE)
OURS = "gcp:"


def start_policy_pack() -> PolicyPack:
    """Hand the pack to the engine. What breaks a mandatory rule stops the deployment before it is made.

    The engine hands the stack's configuration to the pack as to the program; it says which regions there are.
    """
    regions = find_stack_regions({**get_config_env(), **CONFIG.get()})
    return PolicyPack("tsunagu-guardrails", [_policy(guardrail, regions) for guardrail in GUARDRAILS])


def _policy(guardrail: Guardrail, regions: StackRegions) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type.startswith(OURS):
            for violation in guardrail.check(_read_resource(args, regions)):
                report(f"{args.name} {violation} (guideline {guardrail.clause})", None)

    return ResourceValidationPolicy(
        guardrail.name,
        f"{guardrail.description} Guideline {guardrail.clause}.",
        validate,
        EnforcementLevel.MANDATORY if guardrail.stops else EnforcementLevel.ADVISORY,
        PolicyConfigSchema({PUBLIC: {"type": "array", "items": {"type": "string"}}}) if guardrail is PROXY else None,
    )


def _read_resource(args: ResourceValidationArgs, regions: StackRegions) -> CheckedResource:
    return CheckedResource(
        type=args.resource_type,
        name=args.name,
        inputs=_plain(args.props),
        stack=args.urn.split("::")[0].rpartition(":")[2],
        protected=args.opts.protect,
        settings=args.get_config(),
        regions=regions,
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
