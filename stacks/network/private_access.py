"""Google's own services by private access: inside the VPC their names stand for one small block of addresses.

All that an application sends goes by the VPC, where what no flow names is closed; so its calls to Google's services
must go to addresses that the firewall can name (Google: "Configure Private Google Access", DNS configuration).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_gcp as gcp

from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE, Naming

PRIVATE_ACCESS = IPv4Network("199.36.153.8/30")
"""Where private.googleapis.com answers (the same page, domain options).

The other documented block, restricted.googleapis.com (199.36.153.4/30), is for service perimeters, which no stack has.
Both have IPv6 blocks too; nothing in an IPv4-only subnet can reach those, so they are neither named nor opened.
"""
DOMAINS = {"googleapis": "private.googleapis.com.", "gstatic": "gstatic.com."}
"""The name with addresses in each zone. `gstatic` has the keys that applications verify the proxy's assertions with."""
TTL = 300


@dataclass(frozen=True)
class PrivateAccessArgs:
    """What private access is made from. `network` is the VPC's id."""

    network: pulumi.Output[str]
    naming: Naming
    services: ProjectServices


class PrivateAccess(pulumi.ComponentResource):
    """A private zone for each domain: one name with the block's addresses, and every other name an alias of it."""

    def __init__(self, name: str, args: PrivateAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}PrivateAccess", name, {}, opts)
        self._args, self._own = args, pulumi.ResourceOptions(parent=self)
        for domain, answering in DOMAINS.items():
            zone = self._add_zone(domain)
            self._add_record(f"{domain}-addresses", zone, answering, "A", [str(address) for address in PRIVATE_ACCESS])
            self._add_record(f"{domain}-aliases", zone, f"*.{domain}.com.", "CNAME", [answering])
        self.register_outputs({})

    def _add_zone(self, domain: str) -> gcp.dns.ManagedZone:
        return gcp.dns.ManagedZone(
            domain,
            dns_name=f"{domain}.com.",
            description="Google's services by private access",
            visibility="private",
            private_visibility_config={"networks": [{"network_url": self._args.network}]},
            labels=self._args.naming.build_labels("IV", "foundation"),
            opts=self._args.services.build_child_options(self, "dns"),
        )

    def _add_record(self, name: str, zone: gcp.dns.ManagedZone, host: str, kind: str, values: list[str]) -> None:
        gcp.dns.RecordSet(name, managed_zone=zone.name, name=host, type=kind, ttl=TTL, rrdatas=values, opts=self._own)
