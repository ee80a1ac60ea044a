"""What Cloud Run refuses of a service or a job by itself.

Sources: "Container runtime contract" and "Environment variables" (reserved names, at most 1,000), "Deploying
container images", "Maximum instances", "Deploying multiple containers" (one has the port), "Direct VPC egress"
(interfaces, tags), the reference of `projects.locations.services` (names). CPU, memory, probes and times are rules of
`world.services.containers`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known, list_known_blocks

DOCUMENTS = "https://cloud.google.com/run/docs"
RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
RESERVED_IN_JOBS = frozenset(
    {"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "CLOUD_RUN_TASK_COUNT"}
)
_MOST_VARIABLES, _LONGEST_VALUE = 1000, 32_768
_IMAGE = re.compile(
    r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io|docker\.io)/[a-z0-9._/-]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?"
)
_MOST_INSTANCES = 1000
_TAG = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def _check_variables(values: Values) -> Complaints:
    jobs = isinstance(find_known(values, "template.template"), Mapping)
    reserved = RESERVED_IN_JOBS if jobs else RESERVED
    for field, container in _list_containers(values):
        variables = list_known_blocks(container, "envs")
        names = [find_known(block, "name") for _, block in variables]
        if len(variables) > _MOST_VARIABLES:
            yield f"{field}.envs", f"it has {len(variables)} variables; {_MOST_VARIABLES} is the most"
        for place, block in variables:
            name, value = find_known(block, "name"), find_known(block, "value")
            if not isinstance(name, str):
                continue
            if name in reserved:
                yield f"{field}.{place}.name", f"the variable {name} is reserved: Cloud Run sets it"
            elif not name or "=" in name or "\x00" in name or name.startswith("X_GOOGLE_"):
                yield f"{field}.{place}.name", f"{name!r} is no name of a variable"
            elif names.count(name) > 1:
                yield f"{field}.{place}.name", f"the variable {name} is set twice"
            if isinstance(value, str) and len(value) > _LONGEST_VALUE:
                yield f"{field}.{place}.value", f"it has {len(value)} letters; {_LONGEST_VALUE} is the most"


def _check_images(values: Values) -> Complaints:
    for field, container in _list_containers(values):
        image = find_known(container, "image")
        if isinstance(image, str) and not _IMAGE.fullmatch(image):
            yield f"{field}.image", f"{image!r} is no image in Artifact Registry, Container Registry or Docker Hub"


def _check_scaling(values: Values) -> Complaints:
    for where in ("template.scaling", "scaling"):
        least, most = find_known(values, f"{where}.minInstanceCount"), find_known(values, f"{where}.maxInstanceCount")
        if isinstance(least, int) and not 0 <= least <= _MOST_INSTANCES:
            yield f"{where}.minInstanceCount", f"{least} is not 0 to {_MOST_INSTANCES}"
        if isinstance(most, int) and not 1 <= most <= _MOST_INSTANCES:
            yield f"{where}.maxInstanceCount", f"{most} is not 1 to {_MOST_INSTANCES}"
        if isinstance(least, int) and isinstance(most, int) and least > most:
            yield f"{where}.minInstanceCount", f"{least} is more than maxInstanceCount, {most}"


def _check_ports(values: Values) -> Complaints:
    listening = 0
    for field, container in _list_containers(values):
        block = find_known(container, "ports")
        if not isinstance(block, Mapping):
            continue
        listening += 1
        port, name = find_known(block, "containerPort"), find_known(block, "name")
        if isinstance(port, int) and not 1 <= port <= 65_535:  # noqa: PLR2004 the highest port
            yield f"{field}.ports.containerPort", f"{port} is no port"
        if name not in {None, "", "http1", "h2c"}:
            yield f"{field}.ports.name", f"{name!r} is none of http1, h2c"
    if listening > 1:
        yield "template.containers", f"{listening} containers have a port; requests go to one"


def _check_interfaces(values: Values) -> Complaints:
    for where in ("template.vpcAccess", "template.template.vpcAccess"):
        access = find_known(values, where)
        if not isinstance(access, Mapping):
            continue
        if ("connector" in access) == ("networkInterfaces" in access):
            yield where, "it has a connector or network interfaces, one of them"
        for place, block in list_known_blocks(access, "networkInterfaces"):
            if "network" not in block and "subnetwork" not in block:
                yield f"{where}.{place}", "it needs a network, a subnetwork or both"
            for tag in find_known(block, "tags") or ():
                if isinstance(tag, str) and not _TAG.fullmatch(tag):
                    yield f"{where}.{place}.tags", f"{tag!r} is no network tag"


def _check_name(values: Values) -> Complaints:
    name = find_known(values, "name")
    short = isinstance(find_known(values, "template.template"), Mapping) or name is None
    most = 63 if short else 49
    if isinstance(name, str) and (len(name) > most or not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)):
        yield "name", f"{name!r} has more than {most} letters, or others than small ones, digits and '-'"
    counted = Counter(find_known(one, "name") for _, one in _list_containers(values))
    for container, count in counted.items():
        if container is not None and count > 1:
            yield "template.containers", f"{count} containers are called {container!r}"


def _list_containers(values: Values) -> list[tuple[str, Values]]:
    """The containers of a service, or of a job."""
    return [
        *list_known_blocks(values, "template.containers"),
        *list_known_blocks(values, "template.template.containers"),
    ]


VARIABLES = Rule(f"{DOCUMENTS}/configuring/services/environment-variables", _check_variables)
IMAGES = Rule(f"{DOCUMENTS}/deploying#images", _check_images)
SCALING = Rule(f"{DOCUMENTS}/configuring/max-instances and {DOCUMENTS}/about-concurrency", _check_scaling)
PORTS = Rule(f"{DOCUMENTS}/configuring/services/containers", _check_ports)
INTERFACES = Rule(f"{DOCUMENTS}/configuring/vpc-direct-vpc", _check_interfaces)
RUN_NAME = Rule(f"{DOCUMENTS}/reference/rest/v2/projects.locations.services", _check_name)
