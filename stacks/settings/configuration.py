"""The typed configuration of a stack: every key known, every key there, every refusal with its file and line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from controller.errors import InputError, Origin, PolicyError, Problem
from controller.model.sites.schools import Identifier
from controller.model.source import Document, Strict, read_yaml
from stacks.settings.regions import RegionId

NAMESPACE = "tsunagu:"
Environment = Literal["lab", "staging", "production"]
HostName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")]
HALF_A_YEAR = 184


class ConfigurationRefused(InputError):
    """A stack's configuration cannot be used as it is."""


class Google(Strict):
    """What Google knows the city by.

    `project` and `project_number` name one project; `customer` is the Workspace customer (from the Admin console);
    `directory` is the domain of its groups; `access_policy` the number of the organisation's access policy, of
    which there is one, made before any stack;
    `device_authority` the fingerprint of the root that device certificates come from; `device_vendor` the suffix of the
    client state that the device management writes.
    """

    project: str = Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")
    project_number: str = Field(pattern=r"^[0-9]+$")
    customer: str = Field(pattern=r"^C[0-9a-z]+$")
    directory: HostName
    access_policy: str = Field(pattern=r"^[0-9]+$")
    device_authority: str = Field(min_length=40)
    device_vendor: Identifier


class Network(Strict):
    """IPv4 ranges of the VPC: one subnet for each region, and one that Google's own services (Cloud SQL) live in."""

    tokyo: IPv4Network
    osaka: IPv4Network
    services: IPv4Network

    @model_validator(mode="after")
    def _apart(self) -> Self:
        ranges = (self.tokyo, self.osaka, self.services)
        if any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[i + 1 :]):
            message = "tokyo, osaka and services overlap"
            raise ValueError(message)
        return self


class DatabaseSize(Strict):
    """Cloud SQL for PostgreSQL. `primary` is the region that is written to; changing it is the switchover.

    `generation` counts instances: Google keeps a deleted instance's name for a week; a new one takes the next number.
    Left out, the engine gives a name that was never used, and a switchover is not possible: good for the lab alone.
    """

    edition: Literal["ENTERPRISE", "ENTERPRISE_PLUS"]
    tier: str = Field(pattern=r"^db-")
    availability: Literal["ZONAL", "REGIONAL"]
    disk_gigabytes: int = Field(ge=10, le=65_536)
    backups: int = Field(ge=7, le=365)
    log_days: int = Field(ge=1, le=35)
    primary: RegionId
    generation: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _fits_edition(self) -> Self:
        if self.edition == "ENTERPRISE" and self.log_days > 7:  # noqa: PLR2004 Google's limit for that edition
            message = "edition ENTERPRISE keeps transaction logs for at most 7 days"
            raise ValueError(message)
        return self


class Audit(Strict):
    """The audit logs' bucket. Affairs logs are kept for six months or longer (guideline 6.1(3)).

    Once `locked`, nobody can shorten the retention or delete what is inside it: not undone by any later configuration.
    """

    retention_days: int = Field(ge=HALF_A_YEAR, le=3650)
    locked: bool


class CloudRun(Strict):
    """A container of ours, named by its digest: what was tested is what runs. Instances are counted per region."""

    kind: Literal["cloud-run"]
    image: str = Field(pattern=r"^asia-northeast[12]-docker\.pkg\.dev/[^@]+@sha256:[0-9a-f]{64}$")
    instances: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1, le=1000)]]


class Saas(Strict):
    """A vendor's service; it must refuse whatever does not come signed by our proxy (its JWT assertion)."""

    kind: Literal["saas"]
    endpoint: HostName


class OnPremises(Strict):
    """Servers of the city's data centre, reached from the VPC over the regions' hybrid links."""

    kind: Literal["on-premises"]
    tokyo: tuple[IPv4Address, ...] = Field(min_length=1)
    osaka: tuple[IPv4Address, ...] = Field(min_length=1)


Hosting = Annotated[CloudRun | Saas | OnPremises, Field(discriminator="kind")]


class HostedApplication(Strict):
    """An application behind the load balancer; its host name is `host` inside the stack's domain."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    hosting: Hosting


class StackConfiguration(Strict):
    """`stacks/config/Pulumi.<stack>.yaml`.

    `policies` is the policies' folder, relative to the project. `serving` names the regions that take requests.
    `public` names the one application, if any, that the policy opens to everybody and this stack may deploy so.
    `protected` refuses to destroy what holds data; only the lab may do without.
    """

    environment: Environment
    policies: str
    domain: HostName
    google: Google
    network: Network
    database: DatabaseSize
    audit: Audit
    serving: tuple[RegionId, ...] = Field(min_length=1)
    public: Identifier | None = None
    protected: bool
    applications: dict[Identifier, HostedApplication]

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if not self.protected and self.environment != "lab":
            message = "'protected' may be false only in the lab"
            raise ValueError(message)
        if self.database.generation is None and self.environment != "lab":
            message = "'database.generation' may be left out only in the lab"
            raise ValueError(message)
        if self.audit.locked and not self.protected:
            message = "a locked audit bucket can never be destroyed; lock it only where 'protected' is true"
            raise ValueError(message)
        if len(set(self.serving)) != len(self.serving):
            message = "'serving' names a region twice"
            raise ValueError(message)
        hosts = [application.host for application in self.applications.values()]
        if len(set(hosts)) != len(hosts):
            message = "two applications have the same 'host'"
            raise ValueError(message)
        return self


def configuration(stack: str, values: Mapping[str, str], file: Path) -> StackConfiguration:
    """The configuration of a stack from the values that the engine hands over.

    Args:
        stack: the stack's name; its configuration must be for that environment.
        values: all configuration by full key, objects as JSON, as in the engine's environment.
        file: the stack's file; it gives refusals their lines.

    Raises:
        ConfigurationRefused: keys are missing, unknown or wrong; all of them at once.
    """
    ours = {key.removeprefix(NAMESPACE): _value(text) for key, text in values.items() if key.startswith(NAMESPACE)}
    place = _Places(file)
    try:
        loaded = StackConfiguration.model_validate(ours)
    except ValidationError as error:
        problems = []
        for found in error.errors():
            field = ".".join(str(part) for part in found["loc"])
            message = {"missing": "required key is missing", "extra_forbidden": "unknown key"}.get(
                found["type"], found["msg"].removeprefix("Value error, ")
            )
            problems.append(Problem(place.of(found["loc"]), field, message))
        raise ConfigurationRefused(_refused(stack), problems) from None
    if loaded.environment != stack:
        message = f"this is the configuration of {loaded.environment!r}; the stack is {stack!r}"
        raise ConfigurationRefused(_refused(stack), [Problem(place.of(("environment",)), "environment", message)])
    return loaded


def applications_problems(configured: StackConfiguration, wanted: Mapping[str, str], file: Path) -> list[Problem]:
    """Applications of the policy that the stack does not place, the other way round, and public ones not named so.

    `wanted` gives the audience of each cloud application of the policy.
    """
    place = _Places(file)
    origin = place.of(("applications",))
    missing = [
        Problem(origin, f"applications.{name}", "the policy has this application; say where it is hosted")
        for name in wanted
        if name not in configured.applications
    ]
    unknown = [
        Problem(place.of(("applications", name)), f"applications.{name}", "the policy has no such cloud application")
        for name in configured.applications
        if name not in wanted
    ]
    public = [name for name, audience in wanted.items() if audience == "public"]
    opened = [
        Problem(origin, "public", f"the policy opens {name!r} to everybody; name it here, or change its audience")
        for name in public
        if name != configured.public
    ]
    if configured.public and configured.public not in public:
        message = f"the policy does not open {configured.public!r} to everybody"
        opened.append(Problem(place.of(("public",)), "public", message))
    return [*missing, *unknown, *opened]


def _refused(stack: str) -> str:
    return f"The configuration of stack {stack!r} is refused:"


def _value(text: str) -> object:
    """Objects and lists come as JSON; everything else as text, which the models read."""
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


class _Places:
    """Lines of the stack's file; line 1 where there is no such file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._document: Document | None = read_yaml(file, str(file))
        except PolicyError:
            self._document = None

    def of(self, location: tuple[str | int, ...]) -> Origin:
        if self._document is None:
            return Origin(str(self._file), 1)
        first, *rest = location or ("",)
        return self._document.origin(("config", f"{NAMESPACE}{first}", *rest))
