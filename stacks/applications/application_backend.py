"""The backend of an application behind the load balancer: what serves it, and its network endpoint groups.

Three kinds of hosting fit behind the same address: Cloud Run in every serving region, a vendor's SaaS by host name, or
servers in the city's data centre. People notice nothing of a move from one to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from stacks.applications.application import ContainerEnvironment, DeployedApplication
from stacks.applications.application_data import DATA_BEFORE
from stacks.settings.configuration import CloudRunHosting, OnPremisesHosting, SaasHosting
from stacks.settings.naming import TYPE, build_urn
from stacks.settings.regions import RegionId
from stacks.settings.services.containers import ServiceSettings

HTTPS = 443
ZONE = "a"
"""Hybrid endpoint groups stand in a zone; any zone of a region serves the whole region."""
REQUESTS_PER_SECOND = 200.0
"""How much the load balancer sends to one on-premises server before it prefers another region."""
EJECTION = gcp.compute.BackendServiceOutlierDetectionArgs(
    consecutive_errors=5,
    interval=gcp.compute.BackendServiceOutlierDetectionIntervalArgs(seconds=1),
    base_ejection_time=gcp.compute.BackendServiceOutlierDetectionBaseEjectionTimeArgs(seconds=30),
)
"""Serverless groups have no health checks: a region that answers five errors in a row is left out for 30 s."""


Group = gcp.compute.BackendServiceBackendArgs
PORT = 8080
"""Where Google has a container listen if nothing else is said ("Container runtime contract")."""
START_PERIOD, LIFE_PERIOD = 10, 30
"""Seconds between two questions to a container: whether it has started, and whether it still answers."""


def build_probes(settings: ServiceSettings) -> dict[str, Any]:
    """Return how Cloud Run asks whether a container is well.

    >>> sorted(build_probes(ServiceSettings()))
    ['startup_probe']
    """
    if settings.health_path is None:
        period = settings.start_seconds
        once = {"period_seconds": period, "timeout_seconds": period, "failure_threshold": 1}
        return {"startup_probe": {"tcp_socket": {"port": PORT}, **once}}
    asked = {"http_get": {"path": settings.health_path}, "timeout_seconds": START_PERIOD}
    return {
        "startup_probe": {
            **asked,
            "period_seconds": START_PERIOD,
            "failure_threshold": settings.start_seconds // START_PERIOD,
        },
        "liveness_probe": {**asked, "period_seconds": LIFE_PERIOD, "failure_threshold": 3},
    }


@dataclass(frozen=True)
class _Endpoints:
    """What a backend service needs of a hosting: its endpoint groups, and how it knows that one is well."""

    groups: list[Group]
    ejection: gcp.compute.BackendServiceOutlierDetectionArgs | None = None
    check: pulumi.Output[str] | None = None
    headers: list[str] | None = None


@dataclass(frozen=True)
class ApplicationBackendArgs:
    """What a backend is made from.

    `proxy_agent` is the e-mail of IAP's service agent: the only one that may invoke a service of an application behind
    the proxy. `environment` is what the containers are told.
    """

    application: DeployedApplication
    proxy_agent: pulumi.Output[str]
    environment: ContainerEnvironment


class ApplicationBackend(pulumi.ComponentResource):
    """An application's backend, and what serves it.

    Outputs: `backend` (the backend service; the proxy's bindings stand on it), `account` (its service account, None for
    what does not run here), `services` (those of Cloud Run, by region).
    """

    def __init__(self, name: str, args: ApplicationBackendArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # A deployment by a configuration of format 1 has it inside the component of the one application with data.
        moved = pulumi.ResourceOptions(aliases=[pulumi.Alias(parent=build_urn(DATA_BEFORE, name))])
        super().__init__(f"{TYPE}Application", name, {}, pulumi.ResourceOptions.merge(opts, moved))
        self._name, self._args, self._application = name, args, args.application
        self._child = pulumi.ResourceOptions(parent=self)
        self.account: gcp.serviceaccount.Account | None = None
        self.services: dict[RegionId, gcp.cloudrunv2.Service] = {}
        compiled, services = self._application.compiled, self._application.foundation.services
        endpoints = self._build_endpoints(self._application.settings.hosting)
        self.backend = gcp.compute.BackendService(
            name,
            load_balancing_scheme="EXTERNAL_MANAGED",
            protocol="HTTPS",
            backends=endpoints.groups,
            iap={"enabled": compiled.iap},
            security_policy=self._application.web_firewall.self_link,
            log_config={"enable": True, "sample_rate": 1.0},
            custom_response_headers=["Strict-Transport-Security: max-age=31536000"],
            description=f"{compiled.name}, class {compiled.importance}",
            outlier_detection=endpoints.ejection,
            health_checks=endpoints.check,
            custom_request_headers=endpoints.headers,
            opts=services.build_child_options(self, "compute", "iap"),
        )
        self.register_outputs({"backend": self.backend.name})

    def _build_endpoints(self, hosting: CloudRunHosting | SaasHosting | OnPremisesHosting) -> _Endpoints:
        match hosting:
            case CloudRunHosting():
                return self._run_on_cloud_run(hosting)
            case SaasHosting():
                return self._point_to_vendor(hosting)
            case OnPremisesHosting():
                return self._point_to_data_centre(hosting)

    def _run_on_cloud_run(self, hosting: CloudRunHosting) -> _Endpoints:
        application = self._application
        self.account = gcp.serviceaccount.Account(
            self._name,
            account_id=f"{self._name}-app",
            display_name=f"{application.compiled.name} ({application.naming.stack})",
            opts=application.foundation.services.build_child_options(self, "iam"),
        )
        ids = {region: self._add_region(region, hosting, self.account) for region in application.serving}
        groups = [Group(group=group) for region, group in ids.items() if region not in application.lost]
        return _Endpoints(groups, ejection=EJECTION)

    def _add_region(
        self, region: RegionId, hosting: CloudRunHosting, account: gcp.serviceaccount.Account
    ) -> pulumi.Output[str]:
        """Declare the service of a region; return the id of its endpoint group."""
        regional_name = f"{self._name}-{region}"
        regions = self._application.foundation.regions
        own = self._application.keep_if_lost(region, self._child)
        service = self._add_service(regional_name, region, hosting, account)
        self.services[region] = service
        if self._application.compiled.iap:
            gcp.cloudrunv2.ServiceIamMember(
                f"{regional_name}-invoker",
                name=service.name,
                location=regions.get_location(region),
                role="roles/run.invoker",
                member=self._args.proxy_agent.apply(lambda email: f"serviceAccount:{email}"),
                opts=own,
            )
        group = gcp.compute.RegionNetworkEndpointGroup(
            regional_name,
            region=regions.get_location(region),
            network_endpoint_type="SERVERLESS",
            cloud_run={"service": service.name},
            opts=own,
        )
        return group.id

    def _add_service(
        self, regional_name: str, region: RegionId, hosting: CloudRunHosting, account: gcp.serviceaccount.Account
    ) -> gcp.cloudrunv2.Service:
        application, foundation = self._application, self._application.foundation
        fewest, most = hosting.instances
        labels = application.build_labels()
        container = application.build_container(region, hosting.image, hosting.resources, self._args.environment)
        container.update(build_probes(hosting.service))
        own = foundation.services.build_child_options(self, "run", after=application.list_needs_of_a_container(region))
        return gcp.cloudrunv2.Service(
            regional_name,
            location=foundation.regions.get_location(region),
            # Nothing but the load balancer gets here, and the address that Google would give it is off.
            ingress="INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
            default_uri_disabled=True,
            # The one public application asks nobody who they are; still, only the load balancer gets here.
            invoker_iam_disabled=not application.compiled.iap,
            # A service keeps nothing; its data lie in the database and the bucket, which are protected. A region that
            # is drained loses its services, and protection here would stop that half-way.
            deletion_protection=False,
            labels=labels,
            template={
                "service_account": account.email,
                "encryption_key": foundation.keys.run[region].id,
                "scaling": {"min_instance_count": fewest, "max_instance_count": most},
                "max_instance_request_concurrency": hosting.service.requests_at_once,
                "timeout": f"{hosting.service.timeout_seconds}s",
                "containers": [container],
                "vpc_access": application.build_vpc_access(region),
                "labels": labels,
            },
            opts=application.keep_if_lost(region, own),
        )

    def _point_to_vendor(self, hosting: SaasHosting) -> _Endpoints:
        own = self._application.foundation.services.build_child_options(self, "compute")
        group = gcp.compute.GlobalNetworkEndpointGroup(
            self._name, network_endpoint_type="INTERNET_FQDN_PORT", default_port=HTTPS, opts=own
        )
        gcp.compute.GlobalNetworkEndpoint(
            self._name, global_network_endpoint_group=group.name, fqdn=hosting.endpoint, port=HTTPS, opts=own
        )
        return _Endpoints([Group(group=group.id)], headers=[f"Host: {hosting.endpoint}"])

    def _point_to_data_centre(self, hosting: OnPremisesHosting) -> _Endpoints:
        application = self._application
        own = application.foundation.services.build_child_options(self, "compute")
        check = gcp.compute.HealthCheck(
            self._name, https_health_check={"port": HTTPS, "request_path": "/healthz"}, opts=own
        )
        groups = []
        for region in application.serving:
            zone = f"{application.foundation.regions.get_location(region)}-{ZONE}"
            there = application.keep_if_lost(region, own)
            group = gcp.compute.NetworkEndpointGroup(
                f"{self._name}-{region}",
                network=application.foundation.vpc.id,
                zone=zone,
                network_endpoint_type="NON_GCP_PRIVATE_IP_PORT",
                default_port=HTTPS,
                opts=there,
            )
            for address in hosting.servers[region]:
                gcp.compute.NetworkEndpoint(
                    f"{self._name}-{region}-{address}",
                    network_endpoint_group=group.name,
                    zone=zone,
                    ip_address=str(address),
                    port=HTTPS,
                    opts=there,
                )
            if region not in application.lost:
                groups.append(Group(group=group.id, balancing_mode="RATE", max_rate_per_endpoint=REQUESTS_PER_SECOND))
        return _Endpoints(groups, check=check.id)
