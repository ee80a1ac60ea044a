"""The proxy of the drill: the virtual city's, before the services of two regions.

Run as `python -m controller.lab.trials.region.programs.region_frontend STATE`. A request goes to the first region that
the deployed backend leads to. Google's load balancer chooses the nearest one, and leaves out for a while one that fails
(outlier detection); neither would find a database that is gone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from controller.errors import CloudError
from controller.lab.iap import certificate_authority
from controller.lab.iap.deployed_access import DeployedBackend, DeploymentWatcher
from controller.lab.iap.iap_files import IapFiles
from controller.lab.iap.iap_frontend import IapFrontend
from controller.lab.services.http_server import open_listener, serve_http
from controller.lab.state.layout import Listener
from controller.lab.state.perimeter import HTTPS
from controller.lab.trials.region.databases.deployed_pair import find_deployed_pair
from controller.lab.trials.region.programs.drill_files import DrillPlan, get_plan
from controller.lab.trials.region.region_network import SERVICE_PORT, USERS


class RegionFrontend(IapFrontend):
    """Sends on to the region that is deployed as serving."""

    def __init__(self, files: IapFiles, plan: DrillPlan) -> None:
        super().__init__(files, plan.around, plan.countries)
        self._application = plan.application.application
        self._servers = {one.location: one.address for one in plan.servers}
        world = Path(plan.around.world)
        self._pair = DeploymentWatcher(world, lambda found: find_deployed_pair(found, self._application))

    def find_application_address(self, backend: DeployedBackend) -> tuple[str, int] | None:
        """Return where the first serving region's service answers; None for any other application."""
        if backend.application != self._application:
            return None
        try:
            serving = self._pair.now()[1].serving
        except CloudError:
            return None
        known = [self._servers[location] for location in serving if location in self._servers]
        return (known[0], SERVICE_PORT) if known else None


def main(state: Path) -> None:
    """Serve the drill of a folder."""
    plan, files = get_plan(state), IapFiles(state)
    proxy = RegionFrontend(files, plan)
    context = certificate_authority.make_server_tls(
        certificate_authority.CertificateAuthority(files.folder), lambda: proxy.deployed()[1].hosts
    )
    listeners = [
        Listener(namespace=USERS, address=front.v4, port=HTTPS, applications=()) for front in plan.around.fronts
    ]
    serve_http(proxy.answer, map(open_listener, listeners), tls=context)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
