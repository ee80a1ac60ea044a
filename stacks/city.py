"""A whole stack: the policy and the configuration in, all components and the outputs out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp

from controller.compile.cloud_firewall import compile_firewall_rules
from controller.compile.identity.access_levels import ProxyFacts
from controller.compile.identity.iap_bindings import CloudIntent, compile_cloud_intent
from controller.errors import TsunaguError
from controller.model.city import City
from stacks.applications.access import Access, AccessArgs
from stacks.applications.affairs import AFFAIRS, Affairs, AffairsArgs
from stacks.applications.application import Application, ApplicationArgs
from stacks.foundation import Foundation, FoundationArgs
from stacks.network.firewall import necessities
from stacks.network.load_balancer import LoadBalancer, LoadBalancerArgs
from stacks.settings.configuration import CloudRun, ConfigurationRefused, StackConfiguration, applications_problems
from stacks.settings.naming import Naming
from stacks.settings.regions import REGIONS, TOKYO

OFFLINE = "TSUNAGU_OFFLINE"
LAB = "lab"


@dataclass(frozen=True)
class Stack:
    """What was deployed, for the outputs."""

    applications: Mapping[str, Application]
    load_balancer: LoadBalancer
    intent: CloudIntent
    facts: ProxyFacts
    hosts: Mapping[str, str]


def refuse_real_google(stack: str, environment: Mapping[str, str]) -> None:
    """The lab is played by the offline Google only.

    Raises:
        TsunaguError: this is the lab, and nothing says that Google is not the real one.
    """
    if stack == LAB and environment.get(OFFLINE) != "1":
        message = (
            "the stack 'lab' runs on the offline Google only, and TSUNAGU_OFFLINE is not 1: "
            "use 'tsunagu cloud up --stack lab' or the shell of 'make engine-shell'; for real Google, use 'staging'"
        )
        raise TsunaguError(message)


def proxy_facts(configured: StackConfiguration, naming: Naming) -> ProxyFacts:
    """What the compiler must know of this stack's Google."""
    google = configured.google
    return ProxyFacts(
        access_policy=google.access_policy,
        prefix=naming.prefix.replace("-", "_"),
        device_authority=google.device_authority,
        vendor=f"{google.customer.removeprefix('C')}-{google.device_vendor}",
    )


def deploy(city: City, configured: StackConfiguration, file: Path) -> Stack:
    """Declare every resource of the stack.

    Raises:
        ConfigurationRefused: the configuration and the policy do not name the same applications.
        PolicyError: the policy cannot be compiled for the cloud.
    """
    naming = Naming(configured.environment, city.file.id)
    facts = proxy_facts(configured, naming)
    intent = compile_cloud_intent(city, facts)
    problems = applications_problems(configured, {app.id: app.audience for app in intent.applications}, file)
    if problems:
        what = f"The configuration of stack {configured.environment!r} does not fit the policy:"
        raise ConfigurationRefused(what, problems)
    google = gcp.Provider("google", project=configured.google.project, region=TOKYO.name)
    opts = pulumi.ResourceOptions(providers=[google])
    foundation = Foundation(
        "foundation",
        FoundationArgs(
            configured.google,
            configured.network,
            configured.audit,
            naming,
            configured.protected,
            (*compile_firewall_rules(city), *necessities(configured.network.services, _with_database(configured))),
        ),
        opts=opts,
    )
    applications = _applications(configured, intent, foundation, naming, opts)
    backends = {name: application.backend for name, application in applications.items()}
    hosts = {name: f"{configured.applications[name].host}.{configured.domain}" for name in backends}
    load_balancer = LoadBalancer(
        "load-balancer",
        LoadBalancerArgs(
            configured.domain,
            intent.frontends,
            hosts,
            backends,
            _importance(intent),
            naming,
            foundation.services,
            configured.protected,
        ),
        opts=opts,
    )
    Access(
        "access",
        AccessArgs(
            configured.google,
            intent,
            {role.id: role.name for role in city.people.roles},
            backends,
            naming,
            configured.protected,
            foundation.services,
        ),
        opts=opts,
    )
    return Stack(applications, load_balancer, intent, facts, hosts)


def _with_database(configured: StackConfiguration) -> str | None:
    """The application with a database of this stack: the affairs system, where it runs here."""
    affairs = configured.applications.get(AFFAIRS)
    return AFFAIRS if affairs is not None and isinstance(affairs.hosting, CloudRun) else None


def _applications(
    configured: StackConfiguration,
    intent: CloudIntent,
    foundation: Foundation,
    naming: Naming,
    opts: pulumi.ResourceOptions,
) -> dict[str, Application]:
    agent = gcp.projects.ServiceIdentity(
        "proxy-agent",
        service="iap.googleapis.com",
        project=configured.google.project,
        opts=foundation.services.ready(foundation, "iap"),
    )
    found: dict[str, Application] = {}
    for application in intent.applications:
        args = ApplicationArgs(
            application=application,
            hosted=configured.applications[application.id],
            foundation=foundation,
            naming=naming,
            project=configured.google.project,
            serving=configured.serving,
            proxy_agent=agent.email,
            protected=configured.protected,
            environment={},
        )
        if application.id == AFFAIRS:
            found[AFFAIRS] = Affairs(AFFAIRS, AffairsArgs(args, configured.database), opts=opts).application
        else:
            found[application.id] = Application(application.id, args, opts=opts)
    return found


def _importance(intent: CloudIntent) -> dict[str, str]:
    """The highest class behind each front; class I is the highest, and the shortest to write."""
    classes = {app.id: app.importance for app in intent.applications}
    order = ("I", "II", "III", "IV")
    return {front: min((classes[name] for name in names), key=order.index) for front, names in intent.frontends.items()}


def outputs(stack: Stack, configured: StackConfiguration) -> dict[str, Any]:
    """What the controller reads (see `stacks.settings.outputs`), without stack and version."""
    number = configured.google.project_number
    placed = {}
    for front, names in stack.intent.frontends.items():
        addresses = stack.load_balancer.addresses[front]
        for name in names:
            backend = stack.applications[name].backend
            placed[name] = {
                "host": stack.hosts[name],
                "ipv4": [addresses["IPV4"]],
                "ipv6": [addresses["IPV6"]],
                "token-audience": backend.generated_id.apply(
                    lambda id_: f"/projects/{number}/global/backendServices/{id_}"
                ),
            }
    primary = configured.database.primary
    facts = stack.facts
    return {
        "applications": placed,
        "regions": {
            region.id: {
                "name": region.name,
                "role": "primary" if region.id == primary else "standby",
                "serving": region.id in configured.serving,
            }
            for region in REGIONS.values()
        },
        "probes": {name: {"host": host, "port": 443, "path": "/"} for name, host in stack.hosts.items()},
        "proxy": {
            "access-policy": facts.access_policy,
            "prefix": facts.prefix,
            "device-authority": facts.device_authority,
            "vendor": facts.vendor,
        },
    }
