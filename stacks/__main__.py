"""The program that the engine runs: reads the stack's configuration and the policy, and declares the stack."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from controller.errors import TsunaguError  # noqa: E402 the engine starts us inside stacks/
from controller.model.loading.load_city import load_city  # noqa: E402
from controller.operations.operators_file import load_operations  # noqa: E402
from stacks.settings.deployed_record import ask_deployed_record  # noqa: E402
from stacks.settings.one_way_values import find_ignored_values  # noqa: E402
from stacks.settings.outputs import OUTPUT  # noqa: E402
from stacks.settings.read_configuration import (  # noqa: E402
    choose_named_file,
    parse_stack_configuration,
    refuse_one_way_changes,
)
from stacks.stack import build_controller_outputs, declare_stack, refuse_real_google  # noqa: E402

POLICIES = "TSUNAGU_POLICIES"
"""Names another policies folder than the configuration's, for a rehearsal of a change."""


def main() -> None:
    """Declare the stack.

    Raises:
        RunError: the configuration or the policy is refused; the engine shows the words without a traceback.
    """
    stack = pulumi.get_stack()
    try:
        refuse_real_google(stack, os.environ)
        # Language hosts hand configuration over in one of two ways.
        values = {**get_config_env(), **CONFIG.get()}
        file = choose_named_file(values, ROOT / "stacks" / "config" / f"Pulumi.{stack}.yaml")
        configured = parse_stack_configuration(stack, values, file)
        deployed = ask_deployed_record()
        refuse_one_way_changes(configured, deployed, file)
        for ignored in find_ignored_values(configured, deployed):
            pulumi.log.warn(ignored)
        policies = ROOT / os.environ.get(POLICIES, configured.policies)
        bounds = load_operations(policies=policies).get_bounds()
        city = load_city(policies, undeployed=True, bounds=bounds)
        declared = declare_stack(city, configured, file)
    except TsunaguError as error:
        raise pulumi.RunError(str(error)) from None
    pulumi.export(OUTPUT, build_controller_outputs(declared, configured))
    pulumi.export("nameServers", declared.load_balancer.zone.name_servers)


main()
