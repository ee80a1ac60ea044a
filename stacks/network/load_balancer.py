"""The load balancer: a zone, certificates, and for each frontend an IPv4 and an IPv6 address with TLS.

One global load balancer (the reasons are in README.md). Applications that a switch need not tell apart share a
frontend; others never share an address. Only port 443 is open: whoever asks for http gets no answer
that could be altered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE, Naming

FAMILIES = ("IPV4", "IPV6")
RECORD = {"IPV4": "A", "IPV6": "AAAA"}
TTL = 300
"""Seconds. Addresses do not change when a region fails, so names need not be short-lived."""


@dataclass(frozen=True)
class LoadBalancerArgs:
    """What the load balancer is made from.

    `frontends` names the applications of each frontend; `hosts` gives the full host name of each application,
    `backends` its backend service, `importance` the highest class behind each frontend.
    """

    domain: str
    frontends: Mapping[str, tuple[str, ...]]
    hosts: Mapping[str, str]
    backends: Mapping[str, gcp.compute.BackendService]
    importance: Mapping[str, str]
    naming: Naming
    services: ProjectServices
    protected: bool


class LoadBalancer(pulumi.ComponentResource):
    """Addresses and names.

    Outputs: `addresses` (by frontend and family), `name_servers` (to be entered at the parent zone).
    """

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}LoadBalancer", name, {}, opts)
        self._args, self._own = args, args.services.build_child_options(self, "compute", "certificatemanager")
        self.zone = gcp.dns.ManagedZone(
            "zone",
            dns_name=f"{args.domain}.",
            description="Names of the city's school applications",
            dnssec_config={"state": "on"},
            labels=args.naming.build_labels("IV", "names"),
            opts=args.services.build_child_options(self, "dns", protect=args.protected),
        )
        self._tls = gcp.compute.SSLPolicy("tls", profile="RESTRICTED", min_tls_version="TLS_1_2", opts=self._own)
        self._certificates = gcp.certificatemanager.CertificateMap(
            "certificates", labels=args.naming.build_labels("IV", "names"), opts=self._own
        )
        entries = [self._add_certificate(application_id, host) for application_id, host in args.hosts.items()]
        self.addresses = {
            frontend: self._add_frontend(frontend, names, entries) for frontend, names in args.frontends.items()
        }
        self.register_outputs({"nameServers": self.zone.name_servers})

    def _add_certificate(self, application_id: str, host: str) -> pulumi.Resource:
        """A certificate that Google renews, proved by a record in our zone: no traffic needs to arrive first."""
        labels = self._args.naming.build_labels("IV", "names")
        proof = gcp.certificatemanager.DnsAuthorization(application_id, domain=host, labels=labels, opts=self._own)
        record = proof.dns_resource_records[0]
        self._add_record(f"{application_id}-proof", record.name, record.type, [record.data.apply(str)])
        certificate = gcp.certificatemanager.Certificate(
            application_id, managed={"domains": [host], "dns_authorizations": [proof.id]}, labels=labels, opts=self._own
        )
        return gcp.certificatemanager.CertificateMapEntry(
            application_id,
            map=self._certificates.name,
            certificates=[certificate.id],
            hostname=host,
            labels=labels,
            opts=self._own,
        )

    def _add_frontend(
        self, frontend: str, application_ids: tuple[str, ...], entries: list[pulumi.Resource]
    ) -> dict[str, pulumi.Output[str]]:
        proxy = gcp.compute.TargetHttpsProxy(
            frontend,
            url_map=self._add_url_map(frontend, application_ids).id,
            certificate_map=self._certificates.id.apply(lambda id_: f"//certificatemanager.googleapis.com/{id_}"),
            ssl_policy=self._tls.id,
            opts=pulumi.ResourceOptions(parent=self, depends_on=entries),
        )
        return {family: self._add_address(frontend, application_ids, family, proxy) for family in FAMILIES}

    def _add_url_map(self, frontend: str, application_ids: tuple[str, ...]) -> gcp.compute.URLMap:
        backends = self._args.backends
        return gcp.compute.URLMap(
            frontend,
            # A host that nobody named ends at a backend that asks who is there, like any other.
            default_service=backends[application_ids[0]].id,
            host_rules=[{"hosts": [self._args.hosts[name]], "path_matcher": name} for name in application_ids],
            path_matchers=[{"name": name, "default_service": backends[name].id} for name in application_ids],
            opts=self._own,
        )

    def _add_address(
        self, frontend: str, application_ids: tuple[str, ...], family: str, proxy: gcp.compute.TargetHttpsProxy
    ) -> pulumi.Output[str]:
        name, labels = (
            f"{frontend}-{family.lower()}",
            self._args.naming.build_labels(self._args.importance[frontend], frontend),
        )
        # Switches of every school permit this address by its number: it is not lost by one command.
        kept = self._args.services.build_child_options(self, "compute", protect=self._args.protected)
        address = gcp.compute.GlobalAddress(name, ip_version=family, labels=labels, opts=kept)
        gcp.compute.GlobalForwardingRule(
            name,
            ip_address=address.address,
            ip_protocol="TCP",
            port_range="443",
            load_balancing_scheme="EXTERNAL_MANAGED",
            target=proxy.id,
            labels=labels,
            opts=self._own,
        )
        for application_id in application_ids:
            host = f"{self._args.hosts[application_id]}."
            self._add_record(f"{application_id}-{family.lower()}", host, RECORD[family], [address.address])
        return address.address

    def _add_record(
        self, name: str, host: pulumi.Input[str], kind: pulumi.Input[str], values: list[pulumi.Output[str]]
    ) -> None:
        gcp.dns.RecordSet(
            name, managed_zone=self.zone.name, name=host, type=kind, ttl=TTL, rrdatas=values, opts=self._own
        )
