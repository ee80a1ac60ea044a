"""What tests of changes of stage share: a folder of policies with stages, and the city that it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.integration.plan_change import compare_with_both
from controller.integration.stage_policy import StagePolicy, StageRequest, find_stage_subject, plan_stage_policy
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.sites.stages import Stage
from controller.plan.build import ConsideredDevice
from tests.integration.staged_policies import observe_as_wanted, write_integration, write_staged_policies
from tests.policies import TODAY

SCHOOL = "as-e04"


@dataclass(frozen=True)
class StagedCity:
    """Policies with stages, and one school that is about to change its stage."""

    folder: Path
    city: City
    policy: StagePolicy
    now: list[ConsideredDevice]
    later: list[ConsideredDevice]


def load_staged(folder: Path) -> City:
    """Load policies for the day of the tests."""
    return load_city(folder, on=TODAY)


def plan_policy(city: City, folder: Path, request: StageRequest) -> StagePolicy:
    """Plan the policy of a change of stage in a folder."""
    return plan_stage_policy(city, folder, request, lambda instead: load_city(folder, on=TODAY, instead=instead))


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory, city: City) -> StagedCity:
    """The school as-e04 on its way from separated to coexist; nobody writes into the folder."""
    folder = write_staged_policies(tmp_path_factory.mktemp("staged") / "policies")
    write_integration(folder, [one.id for one in city.wards])
    found = load_staged(folder)
    policy = plan_policy(found, folder, StageRequest(find_stage_subject(found, SCHOOL), Stage.COEXIST))
    now, later = compare_with_both(policy, observe_as_wanted(found, SCHOOL), "")
    return StagedCity(folder, found, policy, now, later)
