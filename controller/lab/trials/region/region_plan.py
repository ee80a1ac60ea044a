"""From the deployed stack to the drill's plan: who writes, through which address, into which of two regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.errors import LabError
from controller.lab.iap.deployed_access import read_deployed_access
from controller.lab.iap.iap_files import IapFiles
from controller.lab.state.layout import GuardedApplication, Perimeter
from controller.lab.state.layout_planning import plan_layout
from controller.lab.trials.region.databases.postgres_instances import PostgresAccess
from controller.lab.trials.region.drilled_person import DrilledPerson, PersonRequests, choose_person
from controller.lab.trials.region.programs.drill_files import DrillPlan, RegionServer, write_plan
from controller.lab.trials.region.region_network import USERS, RegionNetwork, RegionNode
from controller.lab.trials.region.rehearsed_stack import DrilledStack, RehearsedStack
from controller.model.policy_files import OUTPUTS
from controller.model.virtual_city import VirtualCity
from controller.offline_google.world.world import OfflineWorld
from stacks.settings.outputs import parse_controller_outputs


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """What is built and who writes. The region that is lost is the first of the network's."""

    network: RegionNetwork
    access: PostgresAccess
    who: DrilledPerson
    front: str
    application: GuardedApplication
    files: IapFiles
    inside: str = USERS

    def make_requests(self) -> PersonRequests:
        """Return what sends the rows of whoever writes."""
        return PersonRequests(self.who, self.files, self.front, self.application)


def plan_region_drill(city: VirtualCity, drilled: DrilledStack, stack: RehearsedStack, folder: Path) -> RegionPlan:
    """Plan the drill of a stack that is deployed, and keep the plan in a folder for its programs.

    Raises:
        LabError: the application has no address, or nobody outside the schools may use it.
        CloudError: the engine cannot tell what it deployed.
    """
    outputs = parse_controller_outputs("lab", *stack.get_outputs())
    deployed = city.replace_file(OUTPUTS, outputs)
    layout = plan_layout(deployed, 1, stack.world)
    around = layout.perimeter
    if around is None or drilled.application not in outputs.applications:
        message = f"the stack has no address for {drilled.application}"
        raise LabError(message)
    application = next(one for one in around.guarded if one.application == drilled.application)
    world = OfflineWorld.open(stack.world)
    try:
        who = choose_person(deployed, layout, around, read_deployed_access(world), application.host)
    finally:
        world.close()
    first, second = (
        RegionNode(one.id, one.location, number) for number, one in enumerate((drilled.primary, drilled.standby))
    )
    fronts = (front.v4 for front in around.fronts)
    network = RegionNetwork((first, second), tuple(dict.fromkeys((*fronts, who.address))))
    access, files = PostgresAccess.make(), IapFiles(folder)
    files.create()
    servers = tuple(RegionServer(location=one.location, address=one.service) for one in network.regions)
    plan = DrillPlan(
        around=around,
        countries=_list_countries(around),
        application=application,
        servers=servers,
        database_password=access.service,
    )
    write_plan(plan, folder)
    front = str(outputs.applications[drilled.application].ipv4[0].network_address)
    return RegionPlan(network, access, who, front, application, files)


def _list_countries(around: Perimeter) -> tuple[tuple[str, str], ...]:
    """The addresses that whoever writes may have are in the city's country."""
    offices = around.office.by_family.values() if around.office else ()
    return tuple((address, around.country) for address in (around.home.v4, *offices))
