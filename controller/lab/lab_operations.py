"""The operators' file of the virtual city: `tsunagu lab up` writes it into the state folder, beside the keys."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from controller.lab.state import paths
from controller.model.loading.load_city import BOUNDS
from controller.model.network.packets import Family
from controller.model.policy_bounds import RESERVED_FLOOR, PolicyBounds
from controller.model.virtual_city import ACCESS
from controller.operations.device_access import CredentialSource, DeviceAccess
from controller.operations.operations import Approvals, CloudBounds, Operations
from controller.operations.operators_file import FORMAT, load_operations
from controller.operations.rollout_settings import RolloutSettings

_HEADING = (
    "# How the virtual city's devices are reached. Written by `tsunagu lab up`; a real city's file has another place.\n"
)


def build_lab_operations(
    state: Path = paths.STATE, canary: str | None = None, bounds: PolicyBounds = BOUNDS
) -> Operations:
    """Return what holds for the virtual city: its one access, no approvals, no anchors to be kept.

    `bounds` are those that its policy was loaded within; they hold for it from then on.
    """
    access = DeviceAccess.model_validate(
        {
            "user": paths.SSH_USER,
            "key": CredentialSource(file=state / paths.CONTROLLER_KEY),
            "read-key": CredentialSource(file=state / paths.READ_KEY),
            # The virtual switches ask for it.
            "enable": CredentialSource(file=state / paths.ENABLE_SECRET),
            "known-hosts": state / paths.KNOWN_HOSTS,
            "port": paths.SSH_PORT,
            "namespace": paths.CONTROLLER,
        }
    )
    lengths = bounds.cloud_lengths
    cloud = CloudBounds(ipv4=lengths[Family.V4], ipv6=lengths[Family.V6], within=bounds.cloud_within)
    return Operations.model_validate(
        {
            "access": {ACCESS: access},
            "controllers": bounds.controllers,
            "reserved": None if bounds.reserved == RESERVED_FLOOR else bounds.reserved,
            "cloud-bounds": cloud,
            "approvals": Approvals(require=()),
            "rollout": RolloutSettings(canary=canary),
            "state": state / "controller",
            "anchors": "not-kept",
        }
    )


def write_lab_operations(operations: Operations, state: Path) -> None:
    """Write the file into the state folder, for its owner alone."""
    held = operations.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = _HEADING + yaml.safe_dump({"format": FORMAT, **held}, sort_keys=False)
    descriptor = os.open(state / paths.OPERATIONS, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def load_lab_operations(state: Path = paths.STATE) -> Operations:
    """Return what the virtual city's file says; where none is up, what `tsunagu lab up` would write.

    Raises:
        OperationsRefused: the file is damaged, or somebody else could have written it.
    """
    path = state / paths.OPERATIONS
    return load_operations(path) if path.exists() else build_lab_operations(state)
