"""A whole stack: the policy and the configuration in, all components and the outputs out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp

from controller.compile.cloud_firewall import compile_firewall_rules
from controller.compile.identity.access_levels import ProxyFacts
from controller.compile.identity.iap_bindings import CloudIntent, compile_cloud_intent
from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.network.packets import Family
from stacks.applications.access import Access, AccessArgs
from stacks.applications.application import DeployedApplication
from stacks.applications.application_backend import ApplicationBackend, ApplicationBackendArgs
from stacks.applications.application_data import ApplicationData, ApplicationDataArgs
from stacks.applications.application_jobs import ApplicationJobs, ApplicationJobsArgs
from stacks.applications.restore_test import RestoreTest, RestoreTestArgs
from stacks.cloud_monitoring.cloud_monitoring import CloudMonitoring, CloudMonitoringArgs
from stacks.cloud_monitoring.watched_stack import DeclaredApplication, list_parts
from stacks.foundation import Foundation, FoundationArgs
from stacks.network.firewall import list_baseline_rules
from stacks.network.load_balancer import LoadBalancer, LoadBalancerArgs
from stacks.network.web_firewall import WebFirewall, WebFirewallArgs
from stacks.organisation_policies import OrganisationPolicies, OrganisationPoliciesArgs
from stacks.settings.configuration import SCHEMA, GoogleSettings, StackConfiguration
from stacks.settings.naming import Naming
from stacks.settings.read_configuration import (
    ConfigurationRefused,
    find_application_problems,
    find_location_problems,
    find_overlap_problems,
    locate_problems,
)
from stacks.unverified import UnverifiedProperties

OFFLINE = "TSUNAGU_OFFLINE"
LAB = "lab"


@dataclass(frozen=True)
class DeclaredStack:
    """What was declared, for the outputs: backends and full host names by application id."""

    backends: Mapping[str, gcp.compute.BackendService]
    load_balancer: LoadBalancer
    intent: CloudIntent
    facts: ProxyFacts
    hosts: Mapping[str, str]


def refuse_real_google(stack: str, environment: Mapping[str, str]) -> None:
    """Refuse to deploy the lab to anything but the offline Google.

    Raises:
        TsunaguError: this is the lab, and nothing says that Google is not the real one.
    """
    if stack == LAB and environment.get(OFFLINE) != "1":
        message = (
            "the stack 'lab' runs on the offline Google only, and TSUNAGU_OFFLINE is not 1: "
            "use 'tsunagu cloud up --stack lab' or the shell of 'make engine-shell'; for real Google, use 'staging'"
        )
        raise TsunaguError(message)


def build_proxy_facts(configured: StackConfiguration, naming: Naming) -> ProxyFacts:
    """Return what the compiler must know of this stack's Google."""
    google = configured.google
    return ProxyFacts(
        access_policy=google.access_policy,
        prefix=naming.prefix.replace("-", "_"),
        device_authority=google.device_authority,
        vendor=f"{google.customer.removeprefix('C')}-{google.device_vendor}",
    )


def declare_provider(google: GoogleSettings, region: str, opts: pulumi.ResourceOptions | None = None) -> gcp.Provider:
    """Declare the provider: where things are, who calls, and on whose quota.

    Calls to Cloud Identity and Access Context Manager belong to no project; a person's are refused without a quota
    project (the provider's pages of these types; terraform-provider-google#7477).
    """
    return gcp.Provider(
        "google",
        project=google.project,
        region=region,
        billing_project=google.quota_project or google.project,
        user_project_override=True,
        impersonate_service_account=google.deployer,
        opts=opts,
    )


def declare_stack(city: City, configured: StackConfiguration, file: Path) -> DeclaredStack:
    """Declare every resource of the stack; return what its outputs are made from.

    Raises:
        ConfigurationRefused: the configuration and the policy do not name the same applications, a region of the
            stack is in another country than the city, or an exception is not needed.
        PolicyError: the policy cannot be compiled for the cloud.
    """
    naming = Naming(configured.environment, city.id)
    facts = build_proxy_facts(configured, naming)
    intent = compile_cloud_intent(city, facts)
    audiences = {application.id: application.audience for application in intent.applications}
    problems = [
        *find_location_problems(configured, city.settings.country, file),
        *find_overlap_problems(configured, _list_used_ranges(city), file),
        *find_application_problems(configured, audiences, file),
    ]
    if problems:
        what = f"The configuration of stack {configured.environment!r} does not fit the policy:"
        raise ConfigurationRefused(what, problems)
    regions = configured.places
    for warning in regions.find_warnings():
        pulumi.log.warn(warning)
    unverified = UnverifiedProperties(configured.unverified, _tell_offline_google(configured, os.environ))
    unverified.print_list()
    watched = pulumi.ResourceOptions(transformations=[unverified.look_at])
    google = declare_provider(configured.google, regions.locations[0], watched)
    opts = pulumi.ResourceOptions.merge(watched, pulumi.ResourceOptions(providers=[google]))
    firewall = (*compile_firewall_rules(city), *list_baseline_rules(configured.network.services, configured.databases))
    foundation = Foundation(
        "foundation",
        FoundationArgs(
            configured.google,
            regions,
            configured.network,
            configured.audit,
            naming,
            configured.protected,
            firewall,
            configured.serving,
            configured.backup_vault,
            configured.copies_regions,
            any(database.restore_test is not None for database in configured.databases.values()),
        ),
        opts=opts,
    )
    parent = configured.organisation_policies_parent
    if parent is not None:
        OrganisationPolicies(
            "organisation-policies",
            OrganisationPoliciesArgs(
                parent, configured.google.project, configured.google.customer, regions, foundation.services
            ),
            opts=opts,
        )
    applications = _declare_applications(configured, intent, foundation, naming, opts)
    backends = {name: one.backend.backend for name, one in applications.items()}
    hosts = {name: f"{configured.applications[name].host}.{configured.domain}" for name in backends}
    load_balancer = LoadBalancer(
        "load-balancer",
        LoadBalancerArgs(
            configured.domain,
            intent.frontends,
            hosts,
            backends,
            _find_importance(intent),
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
    if configured.monitoring is not None:
        parts = list_parts(foundation, applications.values())
        CloudMonitoring(
            "monitoring", CloudMonitoringArgs(configured.monitoring, parts, naming, foundation.services), opts=opts
        )
    # Nothing has been sent to the engine yet: it hears of the resources when the program is through.
    unused = locate_problems(unverified.find_unused(), file)
    if unused:
        what = f"The configuration of stack {configured.environment!r} excepts what it does not need:"
        raise ConfigurationRefused(what, unused)
    return DeclaredStack(backends, load_balancer, intent, facts, hosts)


def _tell_offline_google(configured: StackConfiguration, environment: Mapping[str, str]) -> str:
    """What the offline Google is told of the exceptions; nothing where Google is the real one."""
    entries = [(one.resource, one.property) for one in configured.unverified]
    return json.dumps(entries) if environment.get(OFFLINE) == "1" else ""


def _declare_applications(
    configured: StackConfiguration,
    intent: CloudIntent,
    foundation: Foundation,
    naming: Naming,
    opts: pulumi.ResourceOptions,
) -> dict[str, DeclaredApplication]:
    """Declare every application; return them by id."""
    agent = gcp.projects.ServiceIdentity(
        "proxy-agent",
        service="iap.googleapis.com",
        project=configured.google.project,
        opts=foundation.services.build_child_options(foundation, "iap", "serviceusage"),
    )
    web_firewall = WebFirewall(
        "web-firewall",
        WebFirewallArgs(
            {one.id: configured.applications[one.id].web_firewall for one in intent.applications}, foundation.services
        ),
        opts=opts,
    )
    pairs = {name: configured.find_pair(database) for name, database in configured.databases.items()}
    return {
        compiled.id: _declare_application(
            DeployedApplication(
                compiled=compiled,
                settings=configured.applications[compiled.id],
                foundation=foundation,
                naming=naming,
                project=configured.google.project,
                serving=configured.serving,
                protected=configured.protected,
                web_firewall=web_firewall.policies[compiled.id],
                lost=configured.lost_regions,
                pair=pairs.get(compiled.id),
            ),
            agent.email,
            opts,
        )
        for compiled in intent.applications
    }


def _declare_application(
    application: DeployedApplication, proxy_agent: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> DeclaredApplication:
    """Declare an application with the data and jobs that its settings name."""
    name, settings = application.compiled.id, application.settings
    jobs = settings.jobs
    has_data = settings.database is not None or settings.files is not None
    data = ApplicationData(name, ApplicationDataArgs(application), opts=opts) if has_data else None
    environment = data.environment if data is not None else {}
    backend = ApplicationBackend(name, ApplicationBackendArgs(application, proxy_agent, environment), opts=opts)
    restore_test = None
    if backend.account is not None:
        if data is not None:
            data.grant_access(backend.account)
        accounts = {"application": backend.account}
        if data is not None and data.database is not None and any(one.runs_as == SCHEMA for one in jobs.values()):
            accounts[SCHEMA] = data.add_schema_account(data.database)
        if jobs:
            declared = ApplicationJobs(name, ApplicationJobsArgs(application, accounts, environment), opts=opts)
            test = None if settings.database is None else settings.database.restore_test
            if test is not None and data is not None and data.database is not None:
                checks = {region: job for (named, region), job in declared.jobs.items() if named == test.check}
                restore_test = RestoreTest(name, RestoreTestArgs(test, application, data.database, checks), opts=opts)
    return DeclaredApplication(application, backend, data, restore_test)


def _list_used_ranges(city: City) -> dict[str, list[IPv4Network]]:
    """IPv4 ranges that the VPC must reach and so cannot have itself: schools, servers, the controllers."""
    schools = {f"school {school.id}": city.addresses.school_prefixes(school, Family.V4) for school in city.schools}
    servers = {f"application {name}": one.addresses for name, one in city.applications.items()}
    used = {**schools, **servers, "the controllers": city.settings.controllers}
    return {whose: [one for one in blocks if isinstance(one, IPv4Network)] for whose, blocks in used.items()}


def _find_importance(intent: CloudIntent) -> dict[str, str]:
    """The highest class behind each frontend; class I is the highest, and the shortest to write."""
    classes = {application.id: application.importance for application in intent.applications}
    order = ("I", "II", "III", "IV")
    return {
        frontend: min((classes[one] for one in names), key=order.index) for frontend, names in intent.frontends.items()
    }


def build_controller_outputs(stack: DeclaredStack, configured: StackConfiguration) -> dict[str, Any]:
    """Return what the controller reads (see `stacks.settings.outputs`), without stack and version.

    A region is `primary` if a database is written to in it, and does not serve while it is lost.
    """
    number = configured.google.project_number
    placed = {}
    for frontend, names in stack.intent.frontends.items():
        addresses = stack.load_balancer.addresses[frontend]
        for name in names:
            placed[name] = {
                "host": stack.hosts[name],
                "ipv4": [addresses["IPV4"]],
                "ipv6": [addresses["IPV6"]],
                "token-audience": stack.backends[name].generated_id.apply(
                    lambda id_: f"/projects/{number}/global/backendServices/{id_}"
                ),
            }
    written = {configured.find_pair(database).primary.region for database in configured.databases.values()}
    facts = stack.facts
    return {
        "applications": placed,
        "regions": {
            region.id: {
                "name": region.location,
                "role": "primary" if region.id in written else "standby",
                "serving": region.id in {*configured.serving} - configured.lost_regions,
            }
            for region in configured.regions
        },
        "probes": {name: {"host": host, "port": 443, "path": "/"} for name, host in stack.hosts.items()},
        "proxy": {
            "access-policy": facts.access_policy,
            "prefix": facts.prefix,
            "device-authority": facts.device_authority,
            "vendor": facts.vendor,
        },
    }
