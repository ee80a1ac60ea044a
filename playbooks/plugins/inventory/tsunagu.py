"""The inventory plugin: hosts and groups from the same city files that everything else is made from."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.unsafe_proxy import wrap_var

from controller.errors import TsunaguError
from controller.inputs.real_path import find_real_path
from controller.model.sites.devices import EstateName
from controller.plan.playbook_tasks.inventory import list_hosts, load_city_once, load_operations_once
from controller.plan.select import Selection, select_devices
from controller.rollout.durable.waves.wave_plan import name_waves

DOCUMENTATION = """
name: tsunagu
short_description: The devices of the city
description:
  - Every device that C(policies/city/) describes, in groups of its ward, school, kind, platform and role.
  - C(phase_*) is how far its school has been taken over (C(adoption)), C(wave_*) the wave of a rollout of all.
  - C(operable) are those that can be read over SSH, C(not_operable) the others.
options:
  plugin:
    description: This plugin's name.
    required: true
    choices: [tsunagu]
  policies:
    description: The folder of the policies; relative to the inventory file. E(TSUNAGU_POLICIES) goes before it.
    type: str
    required: true
  lab:
    description: The virtual city's devices instead of the real ones. E(TSUNAGU_LAB) goes before it.
    type: bool
    default: false
"""
ENDING = ".tsunagu.yml"
_USED_BY_TASKS = (
    "controller.cli.devices.saved_plan",
    "controller.plan.playbook_tasks.cut_offs",
    "controller.plan.playbook_tasks.drift",
    "controller.plan.playbook_tasks.evidence",
    "controller.plan.playbook_tasks.onboarding",
    "controller.plan.playbook_tasks.policy_plan",
    "controller.platforms.transport.ssh_transport",
    "controller.recovery.device_replacement",
)
"""Read once, here: every task of every host is a fork of this process, and would read them anew."""


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc] # Ansible has no types
    """See DOCUMENTATION."""

    NAME = "tsunagu"

    def verify_file(self, path: str) -> bool:
        """Whether the file is for this plugin: by its name."""
        return bool(super().verify_file(path)) and path.endswith(ENDING)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 Ansible's own signature
        """Fill the inventory.

        Raises:
            AnsibleParserError: the policies cannot be loaded; with file and line.
        """
        super().parse(inventory, loader, path, cache)
        for name in _USED_BY_TASKS:
            importlib.import_module(name)
        self._read_config_data(path)
        # Ansible itself would let the file win over the environment; a command line must be able to name another city.
        named = os.environ.get("TSUNAGU_POLICIES") or str(self.get_option("policies"))
        policies = str(find_real_path(Path(path).parent / named))
        virtual = boolean(os.environ.get("TSUNAGU_LAB") or self.get_option("lab"))
        estate: EstateName = "virtual" if virtual else "real"
        try:
            city, operations = load_city_once(policies, estate), load_operations_once(policies)
            waves = name_waves(city, select_devices(city, Selection()), operations.rollout)
            found = list(list_hosts(city, operations.access, waves))
        except TsunaguError as error:
            raise AnsibleParserError(str(error)) from None
        for host in found:
            inventory.add_host(host.name)
            for group in host.groups:
                inventory.add_group(group)
                inventory.add_child(group, host.name)
            for name, value in {**host.variables, "tsunagu_policies": policies, "tsunagu_estate": estate}.items():
                # A text of the city is never a template, whatever stands in it.
                inventory.set_variable(host.name, name, wrap_var(value))
