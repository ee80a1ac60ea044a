"""Every loader and parser of foreign input, with good documents to begin from and the refusals that it may give."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from controller.adoption.reading import can_read_existing
from controller.cli.conventions.defaults import parse_defaults
from controller.errors import TsunaguError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.bounded_yaml import YamlRefused, count_yaml
from controller.lab.iap import signed_tokens
from controller.lab.trials.deny_counters import count_denied_packets
from controller.measure.measurement import LinePath, MeasurementKind
from controller.measure.probes.ping_probe import PingProbe
from controller.measure.probes.probe_path import CompletedProcess, ProbePath
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.model.city import City
from controller.model.network.packets import Family, parse_prefix, parse_service
from controller.model.network.state_lines import parse_state
from controller.model.policy_files import POLICY_FILES
from controller.model.sites.devices import Device
from controller.model.yaml_source import parse_yaml
from controller.operations.operators_file import load_operations
from controller.plan.document import parse_plan
from controller.plan.playbook_tasks.onboarding import decode_key, read_fingerprint
from controller.plan.provenance.allowed_signers import parse_allowed_signers
from controller.plan.saved_configurations import read_saved_configurations
from controller.platforms.common.managed import parse_filter_name, parse_vlan_list
from controller.platforms.common.understanding import redact_configuration
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.device_text.redaction import redact, redact_message
from controller.platforms.ovs.flows import parse_flow
from controller.platforms.registry import load_platform
from controller.platforms.transport.host_certificates import CertificateRefused, judge_certificate
from controller.platforms.transport.known_hosts import parse_known_hosts
from controller.prove.engine.cel import CelRefused, IamCondition, LevelEvaluator
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.hash_chain import read_body
from controller.storage.audit.segment_files import read_tail
from controller.telemetry.traces.trace_links import parse_trace_marks
from monitoring.city_state.known_names import KnownNames
from stacks.settings.outputs import parse_controller_outputs
from stacks.settings.read_configuration import parse_stack_configuration
from tests.plan.test_plan_document import plan as make_plan
from tests.policies import PolicyFolder
from tests.security.fuzz import recovery_texts as recovery
from tests.security.fuzz.adopted_texts import adopting
from tests.security.fuzz.host_tables import list_host_readers
from tests.security.fuzz.iam_exports import list_iam_readers
from tests.security.fuzz.login_texts import list_login_readers
from tests.security.fuzz.mac_tables import list_mac_readers
from tests.security.fuzz.probe_texts import list_probe_readers
from tests.security.fuzz.school_tables import READERS_OF_TABLES, SCHOOL_TABLES, import_table
from tests.security.fuzz.telemetry_requests import list_request_readers

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "platforms"
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
MOMENT = NOON.timestamp()

TRACES = b'{"plan": {"d1": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "rollout": {}}'


@dataclass(frozen=True)
class Target:
    """A reader. `covers` names the functions that it is for; `refusals` are the answers to what it does not take."""

    name: str
    seeds: tuple[bytes, ...]
    run: Callable[[bytes], object]
    covers: tuple[str, ...]
    refusals: tuple[type[Exception], ...] = (TsunaguError,)


@dataclass(frozen=True)
class Stage:
    """What targets share: a folder to write into, a small city in it, the names that the monitor knows."""

    folder: Path
    policies: PolicyFolder
    city: City
    devices: Mapping[str, Device]
    names: KnownNames

    def write(self, name: str, data: bytes) -> Path:
        """A file of the operator's own, with any content."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
        return path


def make_stage(folder: Path) -> Stage:
    """A stage in an empty folder."""
    policies = PolicyFolder(folder)
    city = policies.load()
    schools = frozenset(school.id for school in city.schools)
    devices = {"kw-s01-core1": "kw-s01"}
    fleet = [device for school in city.schools for device in city.list_devices(school)]
    first = {device.platform: device for device in fleet}
    return Stage(
        folder,
        policies,
        city,
        first,
        KnownNames(schools, frozenset({"tokyo", "osaka"}), frozenset({"primary", "backup"}), devices),
    )


def make_targets(stage: Stage) -> list[Target]:
    """Every target but whole folders."""
    return [
        *_list_texts(),
        *_list_policy_files(stage),
        *_list_documents(stage),
        *_list_device_texts(),
        *(Target(*one) for one in list_request_readers(stage.city, stage.names, MOMENT)),
        *_list_probes(stage),
    ]


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _list_texts() -> list[Target]:
    known_hosts = (
        b"# ours\n@revoked * ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUy\n"
        b"[192.0.2.1]:2222,kw-e01-core1 ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB comment\n"
        b"|1|abc|def ecdsa-sha2-nistp256 A\n"
    )
    flow = (
        b" cookie=0x7473e0010a000000, table=1, priority=100,tcp,in_port=h1,dl_vlan=10,nw_src=10.1.0.0/16,tp_dst=443 "
        b"actions=output:h2\n cookie=0x0, priority=0 actions=drop\n"
    )
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    keys = signed_tokens.export_public_keys(key)
    token = signed_tokens.sign_assertion(key, "/projects/1", "7", "a@school.example", ("x",)).encode()

    def flows(data: bytes) -> None:
        for line in _decode(data).splitlines():
            parse_flow(line)

    return [
        Target("YAML", (b"a: [1, {b: c}]\nd: |\n  text\n", b"- x: 2026-01-01\n- y: .5\n"),
               lambda data: parse_yaml(data, "x.yaml"), ("parse_yaml", "read_yaml", "read_scalar")),
        Target("YAML, counted", (b"a: &x [1]\nb: *x\n",), lambda data: count_yaml(_decode(data)), ("count_yaml",),
               (YamlRefused,)),
        Target("JSON", (b'{"a": [1, 2.5, null, true, "x"]}',), parse_json, ("parse_json",), (JsonRefused,)),
        Target("prefixes", (b"10.0.0.0/8", b"2001:db8::/32"), lambda data: parse_prefix(_decode(data)),
               ("parse_prefix",), (ValueError,)),
        Target("services", (b"tcp/443", b"udp/5000-5100"), lambda data: parse_service(_decode(data)),
               ("parse_service",), (ValueError,)),
        Target("known hosts", (known_hosts,), lambda data: list(parse_known_hosts(_decode(data))),
               ("parse_known_hosts", "read_key_type")),
        Target("host certificates", (b"\x00\x00\x00\x20ssh-ed25519-cert-v01@openssh.com" + bytes(200),),
               lambda data: judge_certificate(data, ["kw-s01-core1"], NOON), ("judge_certificate",),
               (CertificateRefused,)),
        Target("flows", (flow,), flows, ("parse_flow", "parse_number"), (ValueError,)),
        Target("counted flows", (flow,), lambda data: count_denied_packets(_decode(data)), ("count_denied_packets",),
               (ValueError,)),
        Target("filter names", (b"TSN-20-from-4-4c594c98",), lambda data: parse_filter_name(_decode(data)),
               ("parse_filter_name",), (ValueError,)),
        Target("conditions of the proxy", (b'"accessPolicies/1/accessLevels/japan" in request.auth.access_levels',),
               lambda data: IamCondition(_decode(data)).holds(["accessPolicies/1/accessLevels/japan"], NOON), (),
               (CelRefused,)),
        Target("access levels", (b'levels.b && origin.region_code == "JP" && inIpRange(origin.ip, ["192.0.2.0/24"])',),
               lambda data: LevelEvaluator({"a": _decode(data), "b": "true"}).find_granted(
                   {"origin.region_code": "JP", "origin.ip": "192.0.2.1"}), (), (CelRefused,)),
        Target("VLAN lists", (b"10,20-30,4094",), lambda data: parse_vlan_list(_decode(data)), ("parse_vlan_list",),
               (ValueError,)),
        Target("tokens of people", (token,),
               lambda data: signed_tokens.verify_token(_decode(data), keys, signed_tokens.ISSUER, "/projects/1"),
               ("verify_token",), (signed_tokens.TokenRefused,)),
    ]  # fmt: skip


def _list_policy_files(stage: Stage) -> list[Target]:
    """Each kind of file of `policies/`, as a file alone; with its shipped text to begin from."""
    found = []
    for kind in POLICY_FILES:
        pattern = re.sub(r"\{\w+\}", "*", kind.name)
        seeds = tuple(path.read_bytes()[:20_000] for path in sorted(stage.policies.path.glob(pattern))[:3])
        model = kind.model

        def run(data: bytes, name: str = kind.name, model: type[Any] = model) -> None:
            parse_yaml(data, name).validate(model)

        found.append(Target(f"policy file {kind.name}", seeds or (b"format: 1\n",), run, (f"policies/{kind.name}",)))
    return found


def _list_documents(stage: Stage) -> list[Target]:
    configuration = (ROOT / "stacks/config/Pulumi.lab.yaml").read_bytes()
    operations = (
        b"format: 1\naccess:\n  switches: {user: tsunagu, key: {file: /k}, known-hosts: /h, port: 22}\n"
        b"controllers: [192.0.2.0/28]\nreserved: [198.51.100.0/24]\ncloud-bounds: {ipv4: 28, ipv6: 56}\n"
        b"plans: {expire-after-hours: 24}\n"
    )
    outputs = json.dumps({"controller": json.loads((stage.policies.path / "stack-outputs/lab.json").read_text())})
    plan = make_plan().format_text().encode()
    state = "\n".join(make_plan().devices[0].wanted).encode()
    signers = (
        b'a@city.example namespaces="tsunagu-plan",valid-after="20260101" ssh-ed25519 '
        b"AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a\n# comment\n"
    )
    trail = AuditTrail(stage.folder / "audited")
    for number in range(4):
        trail.record(AuditKind.PLANNED, plan=str(number))
    segment = trail.list_segments()[0]

    def follow_trail(data: bytes) -> None:
        segment.write_bytes(data)
        verify_trail(trail)
        for line in data.split(b"\n"):
            read_body(line)
        read_tail(segment)

    device = stage.devices["cisco_ios"] if "cisco_ios" in stage.devices else next(iter(stage.devices.values()))

    def configurations(data: bytes) -> None:
        read_saved_configurations([device], stage.write(f"configs/{device.id}.cfg", data).parent)

    def read_outputs(data: bytes) -> None:
        value = parse_json(data)
        if isinstance(value, dict):
            parse_controller_outputs("lab", 1, value)

    def configure(data: bytes) -> None:
        path = stage.write("Pulumi.lab.yaml", data)
        settings = parse_yaml(data, "Pulumi.lab.yaml").data
        config = settings.get("config") if isinstance(settings, dict) else None
        pairs = config.items() if isinstance(config, dict) else ()
        texts = {str(key): value if isinstance(value, str) else json.dumps(value, default=str) for key, value in pairs}
        parse_stack_configuration("lab", texts, path)

    return [
        Target("table of schools", SCHOOL_TABLES, lambda data: import_table(stage.write("schools.csv", data)),
               READERS_OF_TABLES),
        *(Target(*one) for one in (*list_host_readers(stage.city), *list_mac_readers())),
        *(Target(*one) for one in list_iam_readers(stage.folder)),
        *(Target(*one) for one in list_probe_readers(stage.write)),
        *(Target(*one) for one in list_login_readers()),
        Target("operators' file", (operations,), lambda data: load_operations(stage.write("ops/operations.yaml", data)),
               ("load_operations", "read_operators_file", "read_trusted_file")),
        Target("plan file", (plan, plan.replace(b'"format": 3', b'"format": 2')),
               lambda data: parse_plan(data, Path("plan.json")), ("parse_plan", "load_plan", "read_plan")),
        Target("links of traces", (TRACES,), parse_trace_marks, ("parse_trace_marks", "read_trace_marks")),
        Target("states of a plan", (state,), lambda data: parse_state(_decode(data).splitlines()), ("parse_state",),
               (ValueError,)),
        Target("keys of tasks", (b"c3NoLWVkMjU1MTk=",), lambda data: decode_key(data.decode("utf-8", "replace")),
               ("decode_key",)),
        Target("fingerprints", (b"# from the console\nas-e04-core1 SHA256:" + b"A" * 43 + b"\n",),
               lambda data: read_fingerprint(stage.write("fingerprints", data), "as-e04-core1"), ("read_fingerprint",)),
        Target("allowed signers", (signers,), lambda data: parse_allowed_signers(_decode(data), "signers"),
               ("parse_allowed_signers",)),
        Target("audit trail", (segment.read_bytes(),), follow_trail,
               ("verify_trail", "read_body", "count_lines", "read_segment", "read_tail", "read_regular",
                "open_regular")),
        Target("backup of the controller", (recovery.make_backup(),), recovery.parse_backup, ("parse_archive",)),
        Target("record of a drill", (recovery.DRILL,), recovery.parse_drill, ("parse_drill_record",)),
        Target("recovery target", (b"4h", b"30m"), recovery.parse_target, ("parse_time_span",), (ValueError,)),
        Target("backup of a device", (recovery.NOTE,), recovery.reading_note(device, stage.folder / "saved"),
               ("read_device_backup",)),
        Target("what a rollout said", (recovery.SAID,), recovery.read_said, ("read_last_document",),
               (TsunaguError, JsonRefused)),
        Target("saved configuration", _read_golden("cisco_ios"), configurations,
               ("read_saved_configurations", "read_input_file", "read_input_text", "decode_text",
                "read_encoded_text")),
        Target("stack outputs", (outputs.encode(),), read_outputs, ("parse_controller_outputs",),
               (TsunaguError, JsonRefused)),
        Target("defaults of options", (b'policies = "x"\n[command.plan]\nward = ["a"]\n',),
               lambda data: parse_defaults(data, "tsunagu.toml", "plan", {}), ("parse_defaults", "read_defaults")),
        Target("stack configuration", (configuration,), configure,
               ("parse_stack_configuration", "parse_named_configuration")),
    ]  # fmt: skip


def _read_golden(platform: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes()[:20_000] for path in sorted((GOLDEN / platform / "golden").glob("*.txt")))


def _list_device_texts() -> list[Target]:
    platforms = ("ovs", "cisco_ios", "allied_telesis_awplus", "frr", "hostapd", "alaxala", "yamaha_rtx")
    secrets = (
        b"snmp-server community public RO\nusername a secret 5 $1$x\nwpa_passphrase=abc\n"
        b"-----BEGIN RSA PRIVATE KEY-----\nMII\n"
    )
    texts = tuple(text for platform in platforms for text in _read_golden(platform))

    def reading(platform: str) -> Callable[[bytes], object]:
        parse = load_platform(platform).parse
        return lambda data: parse(_decode(data), f"{platform}.cfg")

    def redact_all(data: bytes) -> None:
        text = _decode(data)
        redact(text)
        redact_message(text)
        str(DeviceText(text))

    def keeping(platform: str) -> Callable[[bytes], object]:
        system = load_platform(platform)
        return lambda data: redact_configuration(system, DeviceText(_decode(data)), f"{platform}.cfg")

    adoption = ("read_existing_network", "read_unmanaged", "read_list_lines", "read_object_lines")
    return [
        *(
            Target(f"device text {one}", _read_golden(one), reading(one), (f"platforms/{one}", *_DIALECT))
            for one in platforms
        ),
        *(
            Target(f"text to adopt {one}", _read_golden(one), adopting(one), adoption)
            for one in platforms
            if can_read_existing(one)
        ),
        *(Target(f"kept text {one}", _read_golden(one), keeping(one), ("redact_configuration",)) for one in platforms),
        Target("redaction", (secrets, *texts), redact_all, ("redact", "redact_message")),
    ]


_DIALECT = (
    "parse", "parse_switch", "read_blocks", "read_entry", "read_prefix", "read_wildcard", "read_filter",
    "read_port", "read_port_vlans", "read_router_paths", "read_unmanaged_paths", "read_vlan_table",
    "read_unmanaged_network", "parse_ssid",
)  # fmt: skip
"""What the platforms' own readers are made of."""


_counted = count(1, 10**12)


@dataclass(frozen=True)
class _Host:
    """A place whose programs say what the run wants; between two looks its interface carries a lot."""

    said: str

    def run(self, words: Sequence[str], _timeout: float) -> CompletedProcess:
        if words[0] == "ip":
            moved = {"rx": {"bytes": next(_counted)}, "tx": {"bytes": 1}}
            return CompletedProcess(0, json.dumps([{"ifname": "wan0", "stats64": moved}]), "")
        return CompletedProcess(0, self.said, "")


def _list_probes(stage: Stage) -> list[Target]:
    method = stage.city.measurement.method
    ping = b"".join(b"64 bytes from 192.0.2.1: icmp_seq=%d ttl=60 time=8.%d ms\n" % (n, n) for n in range(3))
    iperf = b'{"start": {}, "end": {"sum_received": {"bits_per_second": 1e8, "bytes": 1, "seconds": 1}}}'

    def path(said: str) -> Any:  # noqa: ANN401 a stand-in for a host
        line = LinePath("kw-s01", "primary", "tokyo", Family.V4)
        return ProbePath(line, _Host(said), "wan0", "192.0.2.9", "192.0.2.1")  # type: ignore[arg-type] # no sockets here

    throughput = ThroughputProbe(method, 5201, stage.folder / "locks")

    return [
        Target("ping", (ping,), lambda data: PingProbe(method).measure(path(_decode(data))), ("PingProbe",)),
        Target(
            "iperf3",
            (iperf,),
            lambda data: throughput.measure(path(_decode(data)), MeasurementKind.DOWNLOAD),
            ("ThroughputProbe", "read_interface_counters"),
        ),
    ]
