"""The program that the engine runs: reads the stack's configuration and the policy, and declares the stack."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from controller.errors import TsunaguError  # noqa: E402 the engine starts us inside stacks/
from controller.model.city import City  # noqa: E402
from controller.model.loading.load_city import load_city  # noqa: E402
from controller.operations.operators_file import load_operations  # noqa: E402
from stacks.bootstrap.bootstrap_stack import declare_bootstrap  # noqa: E402
from stacks.bootstrap.configuration import (  # noqa: E402
    BOOTSTRAP,
    BootstrapConfiguration,
    find_bootstrap_problems,
)
from stacks.settings.deployed_record import ask_deployed_record  # noqa: E402
from stacks.settings.one_way_values import find_ignored_values  # noqa: E402
from stacks.settings.outputs import OUTPUT  # noqa: E402
from stacks.settings.read_configuration import (  # noqa: E402
    ConfigurationRefused,
    choose_named_file,
    find_location_problems,
    parse_named_configuration,
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
        outputs = _declare_bootstrap(values, file) if stack == BOOTSTRAP else _declare_stack(stack, values, file)
    except TsunaguError as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in outputs.items():
        pulumi.export(name, value)


def _declare_stack(stack: str, values: Mapping[str, str], file: Path) -> Mapping[str, Any]:
    configured = parse_stack_configuration(stack, values, file)
    deployed = ask_deployed_record()
    refuse_one_way_changes(configured, deployed, file)
    for ignored in find_ignored_values(configured, deployed):
        pulumi.log.warn(ignored)
    declared = declare_stack(_load_city(configured.policies), configured, file)
    return {
        OUTPUT: build_controller_outputs(declared, configured),
        "nameServers": declared.load_balancer.zone.name_servers,
    }


def _declare_bootstrap(values: Mapping[str, str], file: Path) -> Mapping[str, Any]:
    configured = parse_named_configuration(BootstrapConfiguration, BOOTSTRAP, values, file, find_bootstrap_problems)
    city = _load_city(configured.policies)
    problems = find_location_problems(configured, city.settings.country, file)
    if problems:
        what = f"The configuration of stack {BOOTSTRAP!r} does not fit the policy:"
        raise ConfigurationRefused(what, problems)
    return declare_bootstrap(city.id, configured)


def _load_city(folder: str) -> City:
    policies = ROOT / os.environ.get(POLICIES, folder)
    bounds = load_operations(policies=policies).get_bounds()
    return load_city(policies, undeployed=True, bounds=bounds)


main()
