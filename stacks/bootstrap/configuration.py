"""The configuration of the stack `bootstrap` (`stacks/config/Pulumi.bootstrap.yaml`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from controller.inputs.character_classes import FolderPath
from controller.model.yaml_source import StrictModel
from stacks.guardrails.deployer_roles import BOOTSTRAP as BOOTSTRAP  # noqa: PLC0414 its name is asked for here
from stacks.settings.configuration import HostName, NamedConfiguration, ProjectId
from stacks.settings.region_problems import RegionProblem
from stacks.settings.regions import (
    DEFAULT_REGIONS,
    MOST_REGIONS,
    GoogleLocation,
    Region,
    RegionId,
    StackRegions,
    choose_shared_location,
)

Deployed = Literal["staging", "production"]
"""A stack that is deployed to Google, and whose state is kept here."""
LONGEST_SUBJECT = 127
"""Bytes of `google.subject` ("Workload Identity Federation", limits of attribute mappings)."""
Number = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class BootstrapGoogle(StrictModel):
    """What Google knows the city by. `project` is one of its own for this stack, with nobody's applications in it."""

    project: ProjectId
    project_number: Number
    customer: str = Field(pattern=r"^C[0-9a-z]+$")
    directory: HostName
    access_policy: Number


class Repository(StrictModel):
    """The repository on GitHub whose workflows may deploy. The ids are GitHub's: a name can be given to another."""

    name: str = Field(max_length=100, pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")
    id: Number
    owner_id: Number


class StateSettings(StrictModel):
    """How long an overwritten state, and a deleted one, can be had back. Google keeps deleted ones for 7 to 90 days."""

    old_versions_days: int = Field(ge=30, le=3650)
    deleted_days: int = Field(ge=7, le=90)


class BootstrapConfiguration(NamedConfiguration):
    """All settings of the bootstrap. `environments` gives the project of each stack that is deployed to Google."""

    environment: Literal["bootstrap"]
    policies: FolderPath
    google: BootstrapGoogle
    regions: tuple[Region, ...] = Field(default=DEFAULT_REGIONS, min_length=1, max_length=MOST_REGIONS)
    shared_location: GoogleLocation | None = None
    outside_country: tuple[RegionId, ...] = ()
    state: StateSettings
    repository: Repository
    environments: dict[Deployed, ProjectId] = Field(min_length=1)

    @property
    def places(self) -> StackRegions:
        """The regions, and where the states lie."""
        return StackRegions(self.regions, self.shared_location or choose_shared_location(self.regions))


def make_subject(repository: Repository, environment: str) -> str:
    """Return how GitHub calls a job of the repository that runs in one of its environments.

    >>> make_subject(Repository.model_validate({"name": "kawasaki/tsunagu", "id": "1", "owner-id": "2"}), "staging")
    'repo:kawasaki/tsunagu:environment:staging'
    """
    return f"repo:{repository.name}:environment:{environment}"


def find_bootstrap_problems(configured: BootstrapConfiguration) -> Iterator[RegionProblem]:
    """Yield settings that do not fit one another."""
    taken = {configured.google.project: "this stack"}
    for environment, project in configured.environments.items():
        owner = taken.setdefault(project, environment)
        if owner != environment:
            message = f"{project} is the project of {owner}, too: whoever deploys one could change the other's state"
            yield ("environments", environment), message
        subject = make_subject(configured.repository, environment)
        if len(subject.encode()) > LONGEST_SUBJECT:
            message = f"too long: {subject!r} has more than the {LONGEST_SUBJECT} bytes that Google takes"
            yield ("repository", "name"), message
