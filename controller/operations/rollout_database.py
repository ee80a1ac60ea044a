"""Where rollouts are kept when workers on many machines share them: a PostgreSQL, its password by reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from controller.model.yaml_source import StrictModel
from controller.operations.device_access import CredentialSource
from controller.operations.fields import HostName, TrustedPath, UserName
from controller.operations.netbox_access import is_loopback

DatabaseName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,62}$")]
"""A database or a role of PostgreSQL, as it is written without quotes."""
POSTGRES_PORT = 5432


class RolloutDatabase(StrictModel):
    """A PostgreSQL that keeps the rollouts of an estate.

    `host` is its name or address, or the folder of its socket on this machine; there `server_user` must be the user
    whom the server runs as. Over a network it must show a certificate of its name, of an authority in `certificates`,
    or of one that this machine trusts.
    """

    host: HostName | TrustedPath
    port: int = Field(default=POSTGRES_PORT, ge=1, le=65535)
    name: DatabaseName = "tsunagu"
    user: DatabaseName = "tsunagu"
    password: CredentialSource | None = None
    server_user: UserName = "postgres"
    certificates: TrustedPath | None = None

    @model_validator(mode="after")
    def _asks_for_password(self) -> Self:
        if self.password is None and not isinstance(self.host, Path):
            message = "name its password (env, file or command): only over a socket of this machine is none needed"
            raise ValueError(message)
        return self

    @property
    def is_local(self) -> bool:
        """Whether it is reached without leaving this machine."""
        return isinstance(self.host, Path) or is_loopback(self.host)

    def list_paths(self) -> Iterator[Path]:
        """Yield the files that decide what is trusted."""
        if self.password is not None:
            yield from self.password.list_paths()
        if self.certificates is not None:
            yield self.certificates
