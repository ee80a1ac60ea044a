"""What Cloud Run refuses of a service or a job by itself.

Sources: "Container runtime contract" and "Environment variables" (reserved names, at most 1,000), "CPU limits" and
"Memory limits" (pairs of CPU and memory; what less than one CPU asks), "Maximum concurrency" (1 to 1,000), "Request
timeout" (up to an hour), "Task timeout" (up to 7 days), "Container health checks" (probes), "Direct VPC egress",
"Labels", the reference of `projects.locations.services` (names, scaling, traffic) and "Quotas" (1,000 instances).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known, list_known_blocks
from controller.offline_google.schema.pulumi_values import Value

DOCUMENTS = "https://cloud.google.com/run/docs"
RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
RESERVED_IN_JOBS = frozenset(
    {"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "CLOUD_RUN_TASK_COUNT"}
)
_MOST_VARIABLES, _LONGEST_VALUE = 1000, 32_768
_IMAGE = re.compile(
    r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io|docker\.io)/[a-z0-9._/-]+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?"
)
_MEMORY = re.compile(r"(\d{1,9})(Mi|Gi|M|G|Ki|K)?")
_UNITS: Mapping[str | None, float] = {
    None: 1 / 2**20, "Ki": 2**10 / 2**20, "Mi": 1, "Gi": 2**10, "K": 1e3 / 2**20, "M": 1e6 / 2**20, "G": 1e9 / 2**20,
}  # fmt: skip
_PROCESSORS: Mapping[int, tuple[int, int]] = {
    1: (128, 4096), 2: (128, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768),
}  # fmt: skip
"""By number of CPUs: MiB of memory, from and to."""
_SMALL = (0.08, 0.5)
_HOUR, _WEEK = 3600, 604_800
_MOST_INSTANCES, _MOST_CONCURRENCY = 1000, 1000
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


def _check_resources(values: Values) -> Complaints:
    """CPU and memory of each container, and what less than one CPU asks of the service."""
    for field, container in _list_containers(values):
        limits = find_known(container, "resources.limits")
        if not isinstance(limits, Mapping):
            continue
        for name in limits.keys() - {"cpu", "memory", "nvidia.com/gpu"}:
            yield f"{field}.resources.limits", f"there is no limit of {name!r}"
        processors = _read_processors(limits.get("cpu", "1"))
        memory = _read_memory(limits.get("memory", "512Mi"))
        if processors is None or not (_SMALL[0] <= processors < 1 or processors in _PROCESSORS):
            yield f"{field}.resources.limits.cpu", f"{limits.get('cpu')!r} CPUs: 0.08 to 1, or 1, 2, 4, 6 or 8"
            continue
        if memory is None:
            yield f"{field}.resources.limits.memory", f"{limits.get('memory')!r} is no amount of memory"
            continue
        least, most = _find_memory(processors)
        if not least <= memory <= most:
            wrong = f"{memory:.0f} MiB; with {processors:g} CPUs it is {least} to {most} MiB"
            yield f"{field}.resources.limits.memory", wrong
        if processors < 1 and (find_known(values, "template.maxInstanceRequestConcurrency") or 1) != 1:
            yield "template.maxInstanceRequestConcurrency", "with less than one CPU it is 1"


def _find_memory(processors: float) -> tuple[int, int]:
    if processors >= 1:
        return _PROCESSORS[int(processors)]
    return (128, 1024) if processors >= _SMALL[1] else (128, 512)


def _check_scaling(values: Values) -> Complaints:
    for where in ("template.scaling", "scaling"):
        least, most = find_known(values, f"{where}.minInstanceCount"), find_known(values, f"{where}.maxInstanceCount")
        if isinstance(least, int) and not 0 <= least <= _MOST_INSTANCES:
            yield f"{where}.minInstanceCount", f"{least} is not 0 to {_MOST_INSTANCES}"
        if isinstance(most, int) and not 1 <= most <= _MOST_INSTANCES:
            yield f"{where}.maxInstanceCount", f"{most} is not 1 to {_MOST_INSTANCES}"
        if isinstance(least, int) and isinstance(most, int) and least > most:
            yield f"{where}.minInstanceCount", f"{least} is more than maxInstanceCount, {most}"
    busy = find_known(values, "template.maxInstanceRequestConcurrency")
    if isinstance(busy, int) and not 1 <= busy <= _MOST_CONCURRENCY:
        yield "template.maxInstanceRequestConcurrency", f"{busy} is not 1 to {_MOST_CONCURRENCY}"


def _check_timeouts(values: Values) -> Complaints:
    for field, most in (("template.timeout", _HOUR), ("template.template.timeout", _WEEK)):
        text = find_known(values, field)
        if text is None:
            continue
        seconds = _read_seconds(text)
        if seconds is None or not 1 <= seconds <= most:
            yield field, f"{text!r} is no time of 1s to {most}s"


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


def _check_probes(values: Values) -> Complaints:
    for field, container in _list_containers(values):
        for name, longest in (("startupProbe", 240), ("livenessProbe", _HOUR)):
            block = find_known(container, name)
            if not isinstance(block, Mapping):
                continue
            period, timeout = find_known(block, "periodSeconds") or 10, find_known(block, "timeoutSeconds") or 1
            limits = (
                ("periodSeconds", 1, longest),
                ("timeoutSeconds", 1, longest),
                ("initialDelaySeconds", 0, longest),
            )
            for part, least, most in limits:
                number = find_known(block, part)
                if isinstance(number, int) and not least <= number <= most:
                    yield f"{field}.{name}.{part}", f"{number} is not {least} to {most}"
            if timeout > period:
                yield f"{field}.{name}.timeoutSeconds", f"{timeout} is more than periodSeconds, {period}"
            if find_known(block, "failureThreshold") == 0:
                yield f"{field}.{name}.failureThreshold", "0 is less than 1"


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


def _read_processors(text: Value) -> float | None:
    found = re.fullmatch(r"(\d{1,3})m|(\d{1,2}(?:\.\d{1,3})?)|(\d{4,5})m", str(text))
    if found is None:
        return None
    return float(found[2]) if found[2] else int(found[1] or found[3]) / 1000


def _read_memory(text: Value) -> float | None:
    found = _MEMORY.fullmatch(str(text))
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def _read_seconds(text: Value) -> float | None:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", str(text))
    return None if found is None else float(found[1])


VARIABLES = Rule(f"{DOCUMENTS}/configuring/services/environment-variables", _check_variables)
IMAGES = Rule(f"{DOCUMENTS}/deploying#images", _check_images)
RESOURCES = Rule(
    f"{DOCUMENTS}/configuring/services/cpu and {DOCUMENTS}/configuring/services/memory-limits", _check_resources
)
SCALING = Rule(f"{DOCUMENTS}/configuring/max-instances and {DOCUMENTS}/about-concurrency", _check_scaling)
TIMEOUTS = Rule(f"{DOCUMENTS}/configuring/request-timeout and {DOCUMENTS}/configuring/task-timeout", _check_timeouts)
PORTS = Rule(f"{DOCUMENTS}/configuring/services/containers", _check_ports)
PROBES = Rule(f"{DOCUMENTS}/configuring/healthchecks", _check_probes)
INTERFACES = Rule(f"{DOCUMENTS}/configuring/vpc-direct-vpc", _check_interfaces)
RUN_NAME = Rule(f"{DOCUMENTS}/reference/rest/v2/projects.locations.services", _check_name)
