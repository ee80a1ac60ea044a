"""The typed configuration of a stack (`stacks/config/Pulumi.<stack>.yaml`), format 2.

Shape of format 2 (every key begins with `tsunagu:`; the engine hands all values over as text, objects as JSON):

    config:
      tsunagu:format: "2"
      tsunagu:environment: production
      tsunagu:regions:                # one to three; left out, Tokyo and Osaka
        - {id: tokyo, location: asia-northeast1, name: Tokyo}
        - {id: osaka, location: asia-northeast2, name: Osaka}
      tsunagu:shared-location: asia1  # optional: where buckets and their key lie
      tsunagu:organisation-policies: project   # or folders/NUMBER, organizations/NUMBER, elsewhere; left out, project
      tsunagu:backup-vault: {region: osaka, least-days: 14, kept-days: 35}   # optional
      tsunagu:monitoring: {notify: {operators: watch@city.example}, runbooks: https://...}   # optional
      tsunagu:network: {tokyo: 10.250.32.0/21, osaka: 10.250.40.0/21, services: 10.251.240.0/21}
      ...
      tsunagu:applications:
        affairs:                      # the application's id in the policy
          host: affairs
          hosting: {kind: cloud-run, image: ..., instances: [2, 100],
                    resources: {cpu: 1, memory-mebibytes: 1024},               # optional, these are the defaults
                    service: {health-path: /healthz, start-seconds: 240, timeout-seconds: 300, requests-at-once: 80}}
          database: {edition: ..., tier: ..., availability: ..., disk-gigabytes: ..., backups: ..., log-days: ...,
                     primary: tokyo, standby: osaka, generation: 1, vault: attached,   # optional
                     restore-test: {image: ..., check: look},   # optional; `look` is one of the jobs
                     operations: [{designate: osaka}, {switchover: osaka}]}   # optional: what was done since
          files: {old-versions-days: 90, copies: {region: osaka, retention-days: 30, locked: true}}   # optional
          jobs: {year-end: {image: ..., timeout-minutes: 60, retries: 1}}   # optional
          web-firewall: {mode: deny, requests-a-minute: 60000, sensitivity: 1, left-out: []}   # optional
      tsunagu:unverified:             # optional: what the offline Google does not model, and is set all the same
        - {resource: "gcp:compute/network:Network", property: mtu, reason: why}

Format 1 had no `tsunagu:format`, and one `tsunagu:database` for the whole stack, which belonged, with a bucket for
files, to the application `affairs` wherever it ran on Cloud Run. So a file of format 1 becomes one of format 2 by:
`tsunagu:format: "2"` first; `tsunagu:database` moved to `tsunagu:applications.affairs.database`, and
`files: {old-versions-days: 90}` beside it, if that application's `hosting.kind` is `cloud-run`; dropped if it is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from controller.inputs.character_classes import Argument, Fingerprint, FolderPath
from controller.inputs.exact_values import AddressText
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import StrictModel
from stacks.settings.database_pair import DatabasePair, PairOperation, begin_pair, follow_operations
from stacks.settings.regions import (
    DEFAULT_REGIONS,
    MOST_REGIONS,
    GoogleLocation,
    Region,
    RegionId,
    StackRegions,
    choose_shared_location,
    choose_standby,
)
from stacks.settings.services.backups import ATTACHED, CopiesSettings, RestoreTestSettings, Vaulting, VaultSettings
from stacks.settings.services.containers import LONGEST_TASK, Resources, ServiceSettings
from stacks.settings.services.images import Image
from stacks.settings.services.monitoring import MonitoringSettings
from stacks.settings.services.web_firewall import WebFirewallSettings
from stacks.unverified import UnverifiedProperty

FORMAT = 2
"""The format of a stack's configuration that this release reads and writes."""
Environment = Literal["lab", "staging", "production"]
HostName = Annotated[
    str, Field(max_length=253, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")
]
ProjectId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
ServiceAccount = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9-]{4,28}[a-z0-9]\.iam\.gserviceaccount\.com$"),
]
"""Its address."""
SCHEMA: Final = "schema"
"""Whoever makes a database's tables, in place of the application."""
HALF_A_YEAR = 184
MOST_LOG_DAYS: Mapping[str, int] = {"ENTERPRISE": 7, "ENTERPRISE_PLUS": 35}
"""How many days of transaction logs Cloud SQL keeps in each edition."""


class GoogleSettings(StrictModel):
    """What Google knows the city by.

    `project` and `project_number` name one project; `customer` is the Workspace customer (from the Admin console);
    `directory` is the domain of its groups; `access_policy` the number of the organisation's access policy, of
    which there is one, made before any stack;
    `device_authority` the fingerprint of the root that device certificates come from; `device_vendor` the suffix of the
    client state that the device management writes.
    `quota_project` is the project that every call counts on; left out, it is `project`. Google refuses a person's calls
    to Cloud Identity and Access Context Manager without one. `deployer` is a service account that is impersonated; left
    out, whoever runs the engine calls himself.
    """

    project: ProjectId
    project_number: str = Field(pattern=r"^[0-9]{1,20}$")
    customer: str = Field(pattern=r"^C[0-9a-z]+$")
    directory: HostName
    access_policy: str = Field(pattern=r"^[0-9]{1,20}$")
    device_authority: Fingerprint = Field(min_length=40)
    device_vendor: Identifier
    quota_project: ProjectId | None = None
    deployer: ServiceAccount | None = None


def _gather_regions(value: object, kept: str, beside: str) -> object:
    """Put every key but one under a key of its own: in the file regions' ids stand beside that one."""
    if not isinstance(value, Mapping):
        return value
    own = {key: item for key, item in value.items() if key == beside}
    return {**own, kept: {key: item for key, item in value.items() if key != beside}}


SUBNETS, SERVERS = "subnets", "servers"
BY_REGION = (SUBNETS, SERVERS)
"""Keys of the models that do not stand in the file: regions' ids stand there in their place."""


class NetworkSettings(StrictModel):
    """IPv4 ranges of the VPC: one subnet for each region, and one that Google's own services (Cloud SQL) live in.

    In the file the regions' ids stand beside `services`.
    """

    subnets: dict[RegionId, Annotated[IPv4Network, AddressText]]
    services: Annotated[IPv4Network, AddressText]

    @model_validator(mode="before")
    @classmethod
    def _gather_subnets(cls, value: object) -> object:
        return _gather_regions(value, SUBNETS, "services")


class DatabaseSettings(StrictModel):
    """Cloud SQL for PostgreSQL. `primary` is the region that was written to when it was first deployed.

    `standby` is the region of its first replica: needed in a stack of three regions, else the other region.
    `operations` is what has been done to the two since, in order (see `database_pair`): the last one is the state now.
    `generation` counts instances: Google keeps a deleted instance's name for a week; a new one takes the next number.
    Left out, the engine gives a name that was never used, and no operation is possible: good for the lab alone.
    `connectors_only` refuses whoever does not come by Google's connectors or proxy. `query_insights` keeps what queries
    cost. `final_backup_days` is how long the last backup is kept that is made when an instance is deleted.
    `restore_test` declares a job that restores the newest backup, beside what lives, and starts it at its times.
    """

    edition: Literal["ENTERPRISE", "ENTERPRISE_PLUS"]
    tier: str = Field(pattern=r"^db-[A-Za-z0-9-]{1,60}$")
    availability: Literal["ZONAL", "REGIONAL"]
    disk_gigabytes: int = Field(ge=10, le=65_536)
    backups: int = Field(ge=7, le=365)
    log_days: int = Field(ge=1, le=365)
    primary: RegionId
    standby: RegionId | None = None
    generation: int | None = Field(default=None, ge=1)
    operations: tuple[PairOperation, ...] = ()
    vault: Vaulting | None = None
    connectors_only: bool = True
    query_insights: bool = True
    final_backup_days: int = Field(default=30, ge=1, le=365)
    restore_test: RestoreTestSettings | None = None


class FilesSettings(StrictModel):
    """A bucket for an application's files, at the stack's shared location.

    An overwritten or deleted version is kept for some days.
    """

    old_versions_days: int = Field(ge=7, le=3650)
    copies: CopiesSettings | None = None


class JobSettings(StrictModel):
    """A container that is run to its end, such as an import: in the application's name, with its database and files.

    Something of the city's starts it (a person, a scheduler); the stack declares it in every serving region. `runs_as:
    schema` is for a job that makes tables and grants the application what it needs in them: it signs in to the database
    as another user, and has no files.
    """

    image: Image
    arguments: tuple[Argument, ...] = ()
    timeout_minutes: int = Field(ge=1, le=LONGEST_TASK)
    retries: int = Field(ge=0, le=10)
    resources: Resources = Resources()
    runs_as: Literal["application", "schema"] = "application"


class AuditSettings(StrictModel):
    """The audit logs' bucket. Affairs logs are kept for six months or longer (guideline 6.1(3)).

    Once `locked`, nobody can shorten the retention or delete what is inside it: not undone by any later configuration.
    """

    retention_days: int = Field(ge=HALF_A_YEAR, le=3650)
    locked: bool


class CloudRunHosting(StrictModel):
    """A container of ours, named by its digest: what was tested is what runs. Instances are counted per region."""

    kind: Literal["cloud-run"]
    image: Image
    instances: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1, le=1000)]]
    resources: Resources = Resources()
    service: ServiceSettings = ServiceSettings()


class SaasHosting(StrictModel):
    """A vendor's service; it must refuse whatever does not come signed by our proxy (its JWT assertion)."""

    kind: Literal["saas"]
    endpoint: HostName


class OnPremisesHosting(StrictModel):
    """Servers of the city's data centre, reached from the VPC over the regions' hybrid links.

    `servers` are those behind each region's link; in the file the regions' ids stand beside `kind`.
    """

    kind: Literal["on-premises"]
    servers: dict[RegionId, Annotated[tuple[Annotated[IPv4Address, AddressText], ...], Field(min_length=1)]]

    @model_validator(mode="before")
    @classmethod
    def _gather_servers(cls, value: object) -> object:
        return _gather_regions(value, SERVERS, "kind")


Hosting = Annotated[CloudRunHosting | SaasHosting | OnPremisesHosting, Field(discriminator="kind")]


class ApplicationSettings(StrictModel):
    """Where an application behind the load balancer is hosted, and which data of its own the stack keeps for it.

    Its host name is `host` inside the stack's domain. `database`, `files` and `jobs` exist only where the application
    runs here: a vendor's service and the data centre keep their own.
    """

    host: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    hosting: Hosting
    web_firewall: WebFirewallSettings = WebFirewallSettings()
    database: DatabaseSettings | None = None
    files: FilesSettings | None = None
    jobs: dict[Identifier, JobSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_data_is_used(self) -> Self:
        given = [name for name in ("database", "files", "jobs") if getattr(self, name)]
        if given and not isinstance(self.hosting, CloudRunHosting):
            message = (
                f"nothing reads {', '.join(map(repr, given))} where the hosting is {self.hosting.kind!r}: "
                "remove it, or host the application by 'cloud-run'"
            )
            raise ValueError(message)
        if self.database is None and any(job.runs_as == SCHEMA for job in self.jobs.values()):
            message = f"`runs-as: {SCHEMA}` is for a job that makes tables, and this application has no `database`"
            raise ValueError(message)
        message = self._find_restore_test_problem()
        if message:
            raise ValueError(message)
        return self

    def _find_restore_test_problem(self) -> str:
        """Why the database's restore test cannot be; "" where it can, or where there is none."""
        database = self.database
        if database is None or database.restore_test is None:
            return ""
        check = database.restore_test.check
        if check not in self.jobs or self.jobs[check].runs_as == SCHEMA:
            return f"`restore-test.check` is {check!r}: name a job of this application that runs as the application"
        if database.generation is None:
            return "`restore-test` needs `generation`: without it nobody knows the instance's name beforehand"
        if database.vault == ATTACHED:
            return (
                "`restore-test` restores Cloud SQL's own backups, and `vault: attached` turns them off: leave one out"
            )
        return ""


def _read_truth(value: object) -> object:
    """The engine hands over every value that is no object as text."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


class NamedConfiguration(StrictModel):
    """What the file of every stack of ours has: its format, and the name of the stack that it is for."""

    format: Literal[2]
    environment: Identifier


def _check_policies_place(place: str) -> str:
    if not re.fullmatch(r"project|elsewhere|(folders|organizations)/[1-9][0-9]{0,19}", place):
        message = "write project, folders/NUMBER or organizations/NUMBER; or elsewhere, if somebody else declares them"
        raise ValueError(message)
    return place


OrganisationPoliciesPlace = Annotated[str, AfterValidator(_check_policies_place)]
"""What the organisation policies stand on; `elsewhere` where somebody else declares them."""


class StackConfiguration(NamedConfiguration):
    """All settings of one stack.

    `policies` is the policies' folder, relative to the project. `regions` are where things may stand, the first one
    where nothing else is said; `serving` names those that take requests. `shared_location` is where buckets and their
    key lie; left out, it follows from the regions. `outside_country` names regions that the board of education has
    agreed to although they are not in the city's country.
    `organisation_policies` says what those stand on: the project, a folder or an organisation.
    `backup_vault` is where databases are backed up that say so.
    `monitoring` says whom Cloud Monitoring tells; without it there are no alert policies and no dashboards.
    `public` names the one application, if any, that the policy opens to everybody and this stack may deploy so.
    `protected` refuses to destroy what holds data; only the lab may do without.
    `unverified` names properties that are set although the offline Google does not model them.
    """

    environment: Environment
    policies: FolderPath
    domain: HostName
    google: GoogleSettings
    regions: tuple[Region, ...] = Field(default=DEFAULT_REGIONS, min_length=1, max_length=MOST_REGIONS)
    shared_location: GoogleLocation | None = None
    outside_country: tuple[RegionId, ...] = ()
    organisation_policies: OrganisationPoliciesPlace = "project"
    network: NetworkSettings
    audit: AuditSettings
    serving: tuple[RegionId, ...] = Field(min_length=1)
    public: Identifier | None = None
    backup_vault: VaultSettings | None = None
    monitoring: MonitoringSettings | None = None
    protected: Annotated[bool, BeforeValidator(_read_truth)]
    applications: dict[Identifier, ApplicationSettings]
    unverified: tuple[UnverifiedProperty, ...] = ()

    @property
    def organisation_policies_parent(self) -> str | None:
        """Google's name of what the organisation policies stand on; None where the stack declares none."""
        places = {"project": f"projects/{self.google.project}", "elsewhere": None}
        return places.get(self.organisation_policies, self.organisation_policies)

    @property
    def databases(self) -> Mapping[str, DatabaseSettings]:
        """The databases of the stack, by application."""
        return {name: one.database for name, one in self.applications.items() if one.database is not None}

    @property
    def copies_regions(self) -> frozenset[RegionId]:
        """The regions in which copies of files lie."""
        files = (one.files for one in self.applications.values())
        return frozenset(one.copies.region for one in files if one is not None and one.copies is not None)

    @property
    def places(self) -> StackRegions:
        """The regions, and where what belongs to more than one of them lies."""
        return StackRegions(self.regions, self.shared_location or choose_shared_location(self.regions))

    def begin_pair(self, database: DatabaseSettings) -> DatabasePair:
        """Return the pair of a database as it is first deployed, before any operation."""
        standby = choose_standby(self.regions, database.primary, database.standby)
        return begin_pair(database.primary, standby, database.generation)

    def find_pair(self, database: DatabaseSettings) -> DatabasePair:
        """Return the pair of a database as it is now; without a replica in a stack of one region."""
        return follow_operations(self.begin_pair(database), database.operations)

    @property
    def lost_regions(self) -> frozenset[RegionId]:
        """The regions that a failover has left and no rebuild has come back to: nothing in them is touched."""
        pairs = map(self.find_pair, self.databases.values())
        return frozenset(pair.lost.region for pair in pairs if pair.lost is not None)
