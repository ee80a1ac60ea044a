"""What a school's probe is told: the paths of its lines, what answers there, and where newer versions come from."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from controller.errors import TsunaguError
from controller.inputs.input_file import read_input_text
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.schools import School
from controller.probe_agent.configuration import (
    Configuration,
    LightTests,
    ProbedPath,
    ThroughputTests,
    Updates,
    parse_configuration,
    write_configuration,
)
from controller.probe_agent.problems import ProbeProblem

PRINCIPAL = "tsunagu-release"
_LEAST_WITHIN = 2.0
"""Seconds: an answer of a slow line is late, not lost."""


class ProbeRefused(TsunaguError):
    """A probe cannot be enrolled or found as it was asked for."""


@dataclass(frozen=True, slots=True)
class EnrolmentWishes:
    """What is asked for beside the school."""

    monitor: str
    ca: Path | None = None
    bind: bool = False
    updates: str = ""
    release_key: Path | None = None


def build_probe_configuration(city: City, school: School, token: str, wishes: EnrolmentWishes) -> Configuration:
    """The configuration of a school's probe, as the probe itself will read it.

    Raises:
        ProbeRefused: the probe would not take it; says which wish is wrong.
        InputRefused: a file cannot be read.
    """
    method, targets = city.measurement.method, city.measurement.targets
    built = Configuration(
        school=school.id,
        token=token,
        monitor=wishes.monitor,
        paths=_list_paths(city, school, bind=wishes.bind),
        ca=read_input_text(wishes.ca) if wishes.ca else "",
        light=LightTests(
            echoes=method.echoes,
            answer_within=max(_LEAST_WITHIN, method.answer_within),
            dns_port=targets.dns.port,
            dns_name=targets.dns.name,
            page_port=targets.proxy.port,
            page_path=targets.proxy.path,
            page_tls=targets.proxy.scheme == "https",
        ),
        throughput=ThroughputTests(
            port=targets.throughput.port,
            https_port=targets.https.port,
            https_host=targets.https.host or "",
            seconds=method.seconds,
            streams=method.streams,
            connect_within=method.connect_within,
        ),
        updates=_build_updates(wishes),
    )
    try:
        return parse_configuration(write_configuration(built))
    except ProbeProblem as problem:
        message = f"{school.id}: its probe would not take this: {str(problem).partition(';')[0]}"
        raise ProbeRefused(message) from None


def _list_paths(city: City, school: School, *, bind: bool) -> tuple[ProbedPath, ...]:
    lines = city.lines
    found = tuple(
        ProbedPath(
            line=line,
            region=region.id,
            family="ipv4" if family is Family.V4 else "ipv6",
            target=str(lines.region_address(region, line, family)),
            interface=lines.get_link(line).interface if bind else "",
            throughput="https" if city.measurement.https_throughput.covers(school.id, region.id) else "iperf3",
        )
        for line, region, family in product(lines.names, lines.regions, Family)
        if line in school.lines.by_name
    )
    if not found:
        message = f"{school.id} has no line of city/lines.yaml, so there is nothing that a probe could measure"
        raise ProbeRefused(message)
    return found


def _build_updates(wishes: EnrolmentWishes) -> Updates:
    if not wishes.updates and wishes.release_key is None:
        return Updates()
    if not wishes.updates or wishes.release_key is None:
        message = "--updates-from and --release-key belong together: where newer versions are, and whose they must be"
        raise ProbeRefused(message)
    words = read_input_text(wishes.release_key).split()
    if not _is_public_key(words):
        message = f"{wishes.release_key}: is no public key of OpenSSH (ssh-ed25519 AAAA...); name the .pub file"
        raise ProbeRefused(message)
    signers = f'{PRINCIPAL} namespaces="tsunagu-probe" {words[0]} {words[1]}'
    return Updates(source=wishes.updates, principal=PRINCIPAL, allowed_signers=signers)


def _is_public_key(words: Sequence[str]) -> bool:
    """Whether words begin with a kind of key and a key of that kind (RFC 4253, 6.6); half a key is none."""
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):  # noqa: PLR2004 kind and key
        return False
    try:
        left = base64.b64decode(words[1], validate=True)
    except ValueError:
        return False
    parts: list[bytes] = []
    while left:
        length = int.from_bytes(left[:4])
        parts.append(left[4 : 4 + length])
        if len(left) < 4 + length:
            return False
        left = left[4 + length :]
    return len(parts) > 1 and parts[0] == words[0].encode()
