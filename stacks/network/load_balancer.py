"""The way in: a zone, certificates, and for each front of the policy an IPv4 and an IPv6 address with TLS.

One global load balancer (the reasons are in README.md). Applications that a switch need not tell apart share a front;
others never share an address. Only port 443 is open: whoever asks for http gets no answer that could be altered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.services import Services
from stacks.settings.naming import TYPE, Naming

FAMILIES = ("IPV4", "IPV6")
RECORD = {"IPV4": "A", "IPV6": "AAAA"}
TTL = 300
"""Seconds. Addresses do not change when a region fails, so names need not be short-lived."""


@dataclass(frozen=True)
class LoadBalancerArgs:
    """What the way in is made from.

    `fronts` names the applications of each front; `hosts` gives the full host name of each application, `backends` its
    backend service, `importance` the highest class behind each front.
    """

    domain: str
    fronts: Mapping[str, tuple[str, ...]]
    hosts: Mapping[str, str]
    backends: Mapping[str, gcp.compute.BackendService]
    importance: Mapping[str, str]
    naming: Naming
    services: Services
    protected: bool


class LoadBalancer(pulumi.ComponentResource):
    """Addresses and names.

    Outputs: `addresses` (by front and family), `name_servers` (to be entered at the parent zone).
    """

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}LoadBalancer", name, {}, opts)
        self._args, self._own = args, args.services.ready(self, "compute", "certificatemanager")
        self.zone = gcp.dns.ManagedZone(
            "zone",
            dns_name=f"{args.domain}.",
            description="Names of the city's school applications",
            dnssec_config={"state": "on"},
            labels=args.naming.labels("IV", "names"),
            opts=args.services.ready(self, "dns", protect=args.protected),
        )
        self._tls = gcp.compute.SSLPolicy("tls", profile="RESTRICTED", min_tls_version="TLS_1_2", opts=self._own)
        self._certificates = gcp.certificatemanager.CertificateMap(
            "certificates", labels=args.naming.labels("IV", "names"), opts=self._own
        )
        entries = [self._certificate(application, host) for application, host in args.hosts.items()]
        self.addresses = {front: self._front(front, names, entries) for front, names in args.fronts.items()}
        self.register_outputs({"nameServers": self.zone.name_servers})

    def _certificate(self, application: str, host: str) -> pulumi.Resource:
        """A certificate that Google renews, proved by a record in our zone: no traffic needs to arrive first."""
        labels = self._args.naming.labels("IV", "names")
        proof = gcp.certificatemanager.DnsAuthorization(application, domain=host, labels=labels, opts=self._own)
        record = proof.dns_resource_records[0]
        self._record(f"{application}-proof", record.name, record.type, [record.data.apply(str)])
        certificate = gcp.certificatemanager.Certificate(
            application, managed={"domains": [host], "dns_authorizations": [proof.id]}, labels=labels, opts=self._own
        )
        return gcp.certificatemanager.CertificateMapEntry(
            application,
            map=self._certificates.name,
            certificates=[certificate.id],
            hostname=host,
            labels=labels,
            opts=self._own,
        )

    def _front(
        self, front: str, applications: tuple[str, ...], entries: list[pulumi.Resource]
    ) -> dict[str, pulumi.Output[str]]:
        proxy = gcp.compute.TargetHttpsProxy(
            front,
            url_map=self._urls(front, applications).id,
            certificate_map=self._certificates.id.apply(lambda id_: f"//certificatemanager.googleapis.com/{id_}"),
            ssl_policy=self._tls.id,
            opts=pulumi.ResourceOptions(parent=self, depends_on=entries),
        )
        return {family: self._address(front, applications, family, proxy) for family in FAMILIES}

    def _urls(self, front: str, applications: tuple[str, ...]) -> gcp.compute.URLMap:
        backends = self._args.backends
        return gcp.compute.URLMap(
            front,
            # A host that nobody named ends at a backend that asks who is there, like any other.
            default_service=backends[applications[0]].id,
            host_rules=[{"hosts": [self._args.hosts[name]], "path_matcher": name} for name in applications],
            path_matchers=[{"name": name, "default_service": backends[name].id} for name in applications],
            opts=self._own,
        )

    def _address(
        self, front: str, applications: tuple[str, ...], family: str, proxy: gcp.compute.TargetHttpsProxy
    ) -> pulumi.Output[str]:
        name, labels = f"{front}-{family.lower()}", self._args.naming.labels(self._args.importance[front], front)
        # Switches of every school permit this address by its number: it is not lost by one command.
        kept = self._args.services.ready(self, "compute", protect=self._args.protected)
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
        for application in applications:
            host = f"{self._args.hosts[application]}."
            self._record(f"{application}-{family.lower()}", host, RECORD[family], [address.address])
        return address.address

    def _record(
        self, name: str, host: pulumi.Input[str], kind: pulumi.Input[str], values: list[pulumi.Output[str]]
    ) -> None:
        gcp.dns.RecordSet(
            name, managed_zone=self.zone.name, name=host, type=kind, ttl=TTL, rrdatas=values, opts=self._own
        )
