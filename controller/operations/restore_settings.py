"""What a device's backup lacks and where it lives: secrets by reference, and lines that are left out on purpose."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from controller.errors import Origin
from controller.inputs.character_classes import PlainText
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel
from controller.operations.device_access import CredentialSource

_BackupLine = Annotated[str, Field(min_length=1, pattern=r"^([^{}<>`$\\]|<redacted>)*$"), PlainText(500, "{}`$\\")]
"""A line as a backup has it: only compared with lines of backups, and shown."""


class RestoreSecret(LocatedItem):
    """A secret that stands in a line of backups. `line` is the line as a backup has it, with `<redacted>`.

    What `secret` leads to takes the place of `<redacted>`; where a line has several, a line of it for each, in their
    order. Without `devices` it holds for every device whose backup has the line.
    """

    origin: Origin = Origin("the defaults", 1)
    line: _BackupLine
    secret: CredentialSource
    devices: tuple[Identifier, ...] = ()


class RestoreSettings(StrictModel):
    """How a dead device is restored. `leave_out` are lines that are not put back, with what is under them."""

    secrets: Annotated[tuple[RestoreSecret, ...], Field(max_length=10_000)] = ()
    leave_out: Annotated[tuple[_BackupLine, ...], Field(max_length=1_000)] = ()

    @model_validator(mode="after")
    def _one_source_each(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for one in self.secrets:
            for device in one.devices or ("",):
                if (key := (one.line.strip(), device)) in seen:
                    message = f"the line {one.line.strip()!r} has two secrets" + (f" of {device}" if device else "")
                    raise ValueError(message)
                seen.add(key)
        return self

    def find_secret(self, line: str, device: str) -> CredentialSource | None:
        """Return where the secret of a redacted line lives: the device's own before that of all.

        >>> RestoreSettings().find_secret("enable secret <redacted>", "kw-e01-core1") is None
        True
        """
        found = [one for one in self.secrets if one.line.strip() == line and (not one.devices or device in one.devices)]
        return min(found, key=lambda one: not one.devices).secret if found else None
