"""One application behind the load balancer: what serves it, its network endpoint groups, and its guarded backend.

Three kinds of hosting fit behind the same address: Cloud Run in every serving region, a vendor's SaaS by host name, or
servers in the city's data centre. People notice nothing of a move from one to another.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from controller.compile.identity.iap_bindings import CloudApplication
from stacks.foundation import Foundation
from stacks.settings.configuration import CloudRun, HostedApplication, OnPremises, Saas
from stacks.settings.naming import TYPE, Naming, network_tag
from stacks.settings.regions import REGIONS, RegionId

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


@dataclass(frozen=True)
class _Served:
    """What a backend service needs of a hosting: its endpoint groups, and how it knows that one is well."""

    groups: list[Group]
    ejection: gcp.compute.BackendServiceOutlierDetectionArgs | None = None
    check: pulumi.Output[str] | None = None
    headers: list[str] | None = None


@dataclass(frozen=True)
class ApplicationArgs:
    """What an application is made from.

    `proxy_agent` is the e-mail of IAP's service agent: the only one that may invoke a service of an application behind
    the proxy. `environment` is handed to the containers by region.
    """

    application: CloudApplication
    hosted: HostedApplication
    foundation: Foundation
    naming: Naming
    project: str
    serving: tuple[RegionId, ...]
    proxy_agent: pulumi.Output[str]
    protected: bool
    environment: dict[str, pulumi.Input[str]]


class Application(pulumi.ComponentResource):
    """An application and its backend.

    Outputs: `backend` (the backend service; the proxy's bindings stand on it), `account` (its service account, None for
    what does not run here).
    """

    def __init__(self, name: str, args: ApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Application", name, {}, opts)
        self._name, self._args = name, args
        self.account: gcp.serviceaccount.Account | None = None
        served = self._served(args.hosted.hosting)
        self.backend = gcp.compute.BackendService(
            name,
            load_balancing_scheme="EXTERNAL_MANAGED",
            protocol="HTTPS",
            backends=served.groups,
            iap={"enabled": args.application.iap},
            log_config={"enable": True, "sample_rate": 1.0},
            custom_response_headers=["Strict-Transport-Security: max-age=31536000"],
            description=f"{args.application.name}, class {args.application.importance}",
            outlier_detection=served.ejection,
            health_checks=served.check,
            custom_request_headers=served.headers,
            opts=args.foundation.services.ready(self, "compute", "iap"),
        )
        self.register_outputs({"backend": self.backend.name})

    def _served(self, hosting: CloudRun | Saas | OnPremises) -> _Served:
        match hosting:
            case CloudRun():
                return self._cloud_run(hosting)
            case Saas():
                return self._saas(hosting)
            case OnPremises():
                return self._on_premises(hosting)

    def _cloud_run(self, hosting: CloudRun) -> _Served:
        self.account = gcp.serviceaccount.Account(
            self._name,
            account_id=f"{self._name}-app",
            display_name=f"{self._args.application.name} ({self._args.naming.stack})",
            opts=self._args.foundation.services.ready(self, "iam"),
        )
        groups = [Group(group=self._serverless(region, hosting)) for region in self._args.serving]
        return _Served(groups, ejection=EJECTION)

    def _serverless(self, region: RegionId, hosting: CloudRun) -> pulumi.Output[str]:
        place, own = f"{self._name}-{region}", pulumi.ResourceOptions(parent=self)
        service = self._service(place, region, hosting)
        if self._args.application.iap:
            gcp.cloudrunv2.ServiceIamMember(
                f"{place}-invoker",
                name=service.name,
                location=REGIONS[region].name,
                role="roles/run.invoker",
                member=self._args.proxy_agent.apply(lambda email: f"serviceAccount:{email}"),
                opts=own,
            )
        group = gcp.compute.RegionNetworkEndpointGroup(
            place,
            region=REGIONS[region].name,
            network_endpoint_type="SERVERLESS",
            cloud_run={"service": service.name},
            opts=own,
        )
        return group.id

    def _service(self, place: str, region: RegionId, hosting: CloudRun) -> gcp.cloudrunv2.Service:
        args, least_most = self._args, hosting.instances
        assert self.account is not None  # noqa: S101 made by the caller
        labels = args.naming.labels(args.application.importance, self._name)
        values = {"TSUNAGU_APPLICATION": self._name, **args.environment}
        return gcp.cloudrunv2.Service(
            place,
            location=REGIONS[region].name,
            # Nothing but the load balancer gets here, and the address that Google would give it is off.
            ingress="INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
            default_uri_disabled=True,
            # The one public application asks nobody who they are; still, only the load balancer gets here.
            invoker_iam_disabled=not args.application.iap,
            deletion_protection=args.protected,
            labels=labels,
            template={
                "service_account": self.account.email,
                "encryption_key": args.foundation.keys.run[region].id,
                "scaling": {"min_instance_count": least_most[0], "max_instance_count": least_most[1]},
                "containers": [
                    {"image": hosting.image, "envs": [{"name": key, "value": values[key]} for key in sorted(values)]}
                ],
                "vpc_access": {
                    # What did not go by the VPC would pass its firewall by.
                    "egress": "ALL_TRAFFIC",
                    "network_interfaces": [
                        {
                            "network": args.foundation.vpc.id,
                            "subnetwork": args.foundation.subnetworks[region].id,
                            "tags": [network_tag(self._name)],
                        }
                    ],
                },
                "labels": labels,
            },
            opts=args.foundation.services.ready(self, "run", after=args.foundation.keys.run_users),
        )

    def _saas(self, hosting: Saas) -> _Served:
        own = self._args.foundation.services.ready(self, "compute")
        group = gcp.compute.GlobalNetworkEndpointGroup(
            self._name, network_endpoint_type="INTERNET_FQDN_PORT", default_port=HTTPS, opts=own
        )
        gcp.compute.GlobalNetworkEndpoint(
            self._name, global_network_endpoint_group=group.name, fqdn=hosting.endpoint, port=HTTPS, opts=own
        )
        return _Served([Group(group=group.id)], headers=[f"Host: {hosting.endpoint}"])

    def _on_premises(self, hosting: OnPremises) -> _Served:
        own = self._args.foundation.services.ready(self, "compute")
        check = gcp.compute.HealthCheck(
            self._name, https_health_check={"port": HTTPS, "request_path": "/healthz"}, opts=own
        )
        addresses = {"tokyo": hosting.tokyo, "osaka": hosting.osaka}
        groups = []
        for region in self._args.serving:
            zone = f"{REGIONS[region].name}-{ZONE}"
            group = gcp.compute.NetworkEndpointGroup(
                f"{self._name}-{region}",
                network=self._args.foundation.vpc.id,
                zone=zone,
                network_endpoint_type="NON_GCP_PRIVATE_IP_PORT",
                default_port=HTTPS,
                opts=own,
            )
            for address in addresses[region]:
                gcp.compute.NetworkEndpoint(
                    f"{self._name}-{region}-{address}",
                    network_endpoint_group=group.name,
                    zone=zone,
                    ip_address=str(address),
                    port=HTTPS,
                    opts=own,
                )
            groups.append(Group(group=group.id, balancing_mode="RATE", max_rate_per_endpoint=REQUESTS_PER_SECOND))
        return _Served(groups, check=check.id)
