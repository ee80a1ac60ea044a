"""The firewall of the VPC: the rules that the policy compiles to, and what the cloud itself cannot do without.

Compiled rules come from `controller.compile.cloud_firewall` and are proved there. IPv6 rules are made too, although the
subnets have no IPv6 yet: Google takes them, and the day a subnet becomes dual-stack it is closed from the first packet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pulumi
import pulumi_gcp as gcp

from controller.compile.cloud_firewall import CLOSING_PRIORITY, FirewallRule
from controller.model.network.packets import Effect, Protocol, Service
from stacks.network.private_access import PRIVATE_ACCESS
from stacks.settings.hosting_problems import PRIVATE
from stacks.settings.naming import LONGEST_NAME, TYPE, make_google_name, make_network_tag

HTTPS_SERVICE = Service(Protocol.TCP, (443, 443))
DATABASE_SERVICES = (Service(Protocol.TCP, (3307, 3307)), Service(Protocol.TCP, (5432, 5432)))
"""Cloud SQL for PostgreSQL at its private address: 3307 by Google's connectors, which the application is granted and
which take the connection name that it is told; 5432 for PostgreSQL's own protocol (Google: "About connection options").
"""
RANDOM_END = 8
"""What the engine adds to a name."""
LONGEST_DESCRIPTION = 2048
"""Google's limit."""
_BASELINE = CLOSING_PRIORITY - 1_000


def list_baseline_rules(services: IPv4Network, with_database: Iterable[str]) -> tuple[FirewallRule, ...]:
    """Return what no flow speaks of and applications still need: Google's services, and each its own database.

    Nothing is said of names and time: Google lets every workload ask its metadata server, whatever the rules are
    ("VPC firewall rules", always allowed traffic). `services` is the range that Google's own services live in;
    `with_database` the ids of the applications with a database there.
    """
    google = _build_baseline_rule(
        "google-services", "", PRIVATE_ACCESS, (HTTPS_SERVICE,), "Google's services by private access"
    )
    databases = (
        _build_baseline_rule(
            f"{one}-to-database", one, services, DATABASE_SERVICES, f"the database of {one}, in either region"
        )
        for one in with_database
    )
    return (google, *databases)


def leads_to_the_internet(rules: Iterable[FirewallRule]) -> bool:
    """Whether a rule opens a way to public IPv4 addresses, so that somebody needs a NAT gateway.

    The block of private access is public in form only: a subnet reaches it without one.
    """
    return any(
        isinstance(peer, IPv4Network) and not any(peer.subnet_of(one) for one in (*PRIVATE, PRIVATE_ACCESS))
        for rule in rules
        if rule.permits and rule.direction == "egress"
        for peer in rule.peers
    )


def _build_baseline_rule(
    name: str, target: str, peers: IPv4Network, services: tuple[Service, ...], purpose: str
) -> FirewallRule:
    return FirewallRule(name, "egress", Effect.PERMIT, _BASELINE, target, (peers,), services, purpose, None)


@dataclass(frozen=True)
class FirewallArgs:
    """What the firewall is made from: all rules, and the VPC's link."""

    rules: tuple[FirewallRule, ...]
    network: pulumi.Output[str]


class Firewall(pulumi.ComponentResource):
    """One resource of Google's for each rule. What closes is made after everything that opens."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Firewall", name, {}, opts)
        self._network = args.network
        opened = [self._add_rule(rule, []) for rule in args.rules if rule.permits]
        for rule in args.rules:
            if not rule.permits:
                self._add_rule(rule, opened)
        self.register_outputs({})

    def _add_rule(self, rule: FirewallRule, after: Iterable[pulumi.Resource]) -> gcp.compute.Firewall:
        # An application's name may begin with a digit, a rule of Google's may not.
        called = f"allow-{rule.name}" if rule.permits else rule.name
        ingress, ranges = rule.direction == "ingress", [str(peer) for peer in rule.peers]
        allow, deny = gcp.compute.FirewallAllowArgs, gcp.compute.FirewallDenyArgs
        services = _list_ports(rule.services).items()
        return gcp.compute.Firewall(
            make_google_name(called, LONGEST_NAME - RANDOM_END),
            network=self._network,
            direction=rule.direction.upper(),
            priority=rule.priority,
            allows=[allow(protocol=name, ports=ports) for name, ports in services] if rule.permits else None,
            denies=None if rule.permits else [deny(protocol=name, ports=ports) for name, ports in services],
            source_ranges=ranges if ingress else None,
            destination_ranges=None if ingress else ranges,
            target_tags=[make_network_tag(rule.target)] if rule.target else None,
            description=_describe_rule(rule),
            # Of Cloud Run, Google logs no connection by firewall rules; the subnets' flow logs do.
            log_config={"metadata": "EXCLUDE_ALL_METADATA"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*after]),
        )


def _list_ports(services: tuple[Service, ...]) -> dict[str, list[str] | None]:
    """Ports by protocol; everything, where no service is named."""
    found: dict[str, list[str] | None] = {} if services else {"all": None}
    for one in services:
        protocol, _, span = str(one).partition("/")
        found[protocol] = [*(found.get(protocol) or ()), span]
    return found


def _describe_rule(rule: FirewallRule) -> str:
    """Why the rule is there. Without the line of its origin: each edit above it would change the rule."""
    where = f" ({Path(rule.origin.file).name})" if rule.origin else ""
    return f"{rule.purpose[: LONGEST_DESCRIPTION - len(where)]}{where}"
