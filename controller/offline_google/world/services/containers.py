"""What Cloud Run refuses of the containers of services and jobs: processors against memory, probes, time, images.

Sources (Google Cloud documentation, by page name): "Configure CPU limits" and "Configure memory limits" of services and
of jobs (which memory goes with which CPU; below one CPU one request at a time, the first execution environment),
"Configure container health checks" (at most 240 s until a container has started; a probe's timeout is not longer than
its period), "Set request timeout" (at most 3600 s), "Maximum concurrent requests" (1 to 1000).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid
from controller.offline_google.world.services.front_ends import check_run_subnet
from controller.offline_google.world.services.image_registries import check_image_repositories
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]
Complaints = Iterator[tuple[str, str]]

SERVICE, JOB = "gcp:cloudrunv2/service:Service", "gcp:cloudrunv2/job:Job"
_CPU = re.compile(r"(\d+(?:\.\d+)?)(m?)")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G)")
_MEBIBYTES = {
    "Ki": Decimal(1) / 1024,
    "Mi": Decimal(1),
    "Gi": Decimal(1024),
    "k": Decimal(1000) / 1024**2,
    "M": Decimal(1000**2) / 1024**2,
    "G": Decimal(1000**3) / 1024**2,
}
_MEMORY_OF: Mapping[int, tuple[int, int]] = {
    1: (128, 4_096),
    2: (128, 8_192),
    4: (2_048, 16_384),
    6: (4_096, 24_576),
    8: (4_096, 32_768),
}
"""By CPUs: the least and the most memory, in MiB."""
_LEAST_CPU, _HALF = Decimal("0.08"), Decimal("0.5")
_OF_LESS_THAN_HALF, _OF_LESS_THAN_ONE = 512, 1_024
_GEN2, _LEAST_OF_GEN2 = "EXECUTION_ENVIRONMENT_GEN2", 512
_START = 240
_PROBE = 3_600
_LONGEST_REQUEST = 3_600
_LONGEST_TASK = 7 * 24 * 3_600
_MOST_REQUESTS = 1_000
_SECONDS = re.compile(r"(\d+)(?:\.\d+)?s")


def check_service(store: WorldStore, _identity: str, values: Values) -> None:
    """Refuse a service whose revision Cloud Run would not make.

    Raises:
        GoogleRefusal: a container, a time or an image cannot be as it is.
    """
    template = values.get("template")
    template = template if isinstance(template, Mapping) else {}
    _refuse((*_check_requests(template), *_check_template(template, _LONGEST_REQUEST)), "template")
    _check_images(store, template, values)
    check_run_subnet(store, template)


def check_job(store: WorldStore, _identity: str, values: Values) -> None:
    """Refuse a job whose tasks Cloud Run would not run.

    Raises:
        GoogleRefusal: a container, a time or an image cannot be as it is.
    """
    outer = values.get("template")
    template = outer.get("template") if isinstance(outer, Mapping) else None
    template = template if isinstance(template, Mapping) else {}
    _refuse((*_check_template(template, _LONGEST_TASK), *_check_whole_processors(template)), "template.template")
    _check_images(store, template, values)
    check_run_subnet(store, template)


def _refuse(complaints: Iterable[tuple[str, str]], where: str) -> None:
    for field, wrong in complaints:
        path = f"{where}.{field}"
        raise make_invalid(path, wrong)


def _check_requests(template: Values) -> Complaints:
    field, requests = "maxInstanceRequestConcurrency", template.get("maxInstanceRequestConcurrency")
    if isinstance(requests, int | float) and requests and not 1 <= requests <= _MOST_REQUESTS:
        yield field, f"{requests:g} is outside 1 to {_MOST_REQUESTS}"
    if requests != 1 and any(_has_part_of_a_processor(one) for one in _list_containers(template)):
        yield field, "it is 1 where a container has less than 1 CPU"


def _check_whole_processors(template: Values) -> Complaints:
    for number, container in enumerate(_list_containers(template)):
        if _has_part_of_a_processor(container):
            yield f"containers[{number}].resources.limits.cpu", "a job has 1 CPU or more"


def _has_part_of_a_processor(container: Values) -> bool:
    cpu = _read_cpu(_find_limits(container).get("cpu"))
    return cpu is not None and cpu < 1


def _check_template(template: Values, longest: int) -> Complaints:
    timeout = template.get("timeout")
    found = _SECONDS.fullmatch(timeout) if isinstance(timeout, str) else None
    if found is not None and not 1 <= int(found[1]) <= longest:
        yield "timeout", f"'{timeout}' is outside 1s to {longest}s"
    for number, container in enumerate(_list_containers(template)):
        for field, wrong in (*_check_limits(container, template), *_check_probes(container)):
            yield f"containers[{number}].{field}", wrong


def _check_images(store: WorldStore, template: Values, values: Values) -> None:
    images = [str(one.get("image")) for one in _list_containers(template)]
    check_image_repositories(store, str(values.get("project") or ""), images)


def _list_containers(template: Values) -> list[Values]:
    return [one for one in template.get("containers") or () if isinstance(one, Mapping)]


def _find_limits(container: Values) -> Values:
    limits = (container.get("resources") or {}).get("limits")
    return limits if isinstance(limits, Mapping) else {}


def _check_limits(container: Values, template: Values) -> Complaints:
    limits = _find_limits(container)
    other = sorted(limits.keys() - {"cpu", "memory"})
    if other:
        message = f"the offline Google does not model resources.limits.{other[0]} of a container"
        raise GoogleRefusal(501, message, "notImplemented")
    cpu, memory = _read_cpu(limits.get("cpu") or "1"), _read_memory(limits.get("memory") or "512Mi")
    if cpu is None or memory is None:
        yield "resources.limits", f"{dict(limits)} is not written as CPUs (1, 500m) and memory (512Mi, 2Gi)"
        return
    if cpu < 1:
        most = _OF_LESS_THAN_HALF if cpu < _HALF else _OF_LESS_THAN_ONE
        if cpu < _LEAST_CPU:
            yield "resources.limits.cpu", f"{cpu} is less than {_LEAST_CPU}"
        if memory > most:
            yield "resources.limits.memory", f"{memory:f} MiB is more than {most}, with {cpu} CPU"
        if template.get("executionEnvironment") == _GEN2:
            yield "resources.limits.cpu", "less than 1 CPU needs the first generation execution environment"
        return
    known = _MEMORY_OF.get(int(cpu)) if cpu == int(cpu) else None
    if known is None:
        yield "resources.limits.cpu", f"{cpu} is none of {', '.join(map(str, _MEMORY_OF))}"
        return
    least = max(known[0], _LEAST_OF_GEN2) if template.get("executionEnvironment") == _GEN2 else known[0]
    if not least <= memory <= known[1]:
        yield "resources.limits.memory", f"{memory:f} MiB is outside {least} to {known[1]}, with {cpu} CPU"


def _check_probes(container: Values) -> Complaints:
    for name, most in (("startupProbe", _START), ("livenessProbe", _PROBE)):
        probe = container.get(name)
        if not isinstance(probe, Mapping):
            continue
        asked = [kind for kind in ("httpGet", "tcpSocket", "grpc") if isinstance(probe.get(kind), Mapping)]
        period, timeout = int(probe.get("periodSeconds") or 10), int(probe.get("timeoutSeconds") or 1)
        failures = int(probe.get("failureThreshold") or 3)
        if len(asked) != 1:
            yield name, "it asks by exactly one of httpGet, tcpSocket and grpc"
        if asked == ["tcpSocket"] and name == "livenessProbe":
            yield f"{name}.tcpSocket", "a liveness probe asks by httpGet or grpc"
        if not 1 <= period <= most or not 1 <= timeout <= most:
            yield name, f"periodSeconds and timeoutSeconds are 1 to {most}"
        if timeout > period:
            yield f"{name}.timeoutSeconds", f"{timeout} is longer than the period, {period}"
        if name == "startupProbe" and failures * period > _START:
            yield f"{name}.failureThreshold", f"{failures} times {period} s is more than {_START} s"


def _read_cpu(text: Value) -> Decimal | None:
    found = _CPU.fullmatch(str(text)) if text is not None else None
    return None if found is None else Decimal(found[1]) / (1000 if found[2] else 1)


def _read_memory(text: Value) -> Decimal | None:
    found = _MEMORY.fullmatch(str(text)) if text is not None else None
    return None if found is None else Decimal(found[1]) * _MEBIBYTES[found[2]]
