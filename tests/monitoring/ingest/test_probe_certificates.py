"""Over TLS a probe is believed by its token and its certificate together, and is told what is wrong with either."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.errors import TokenRefused
from controller.operations.monitor_settings import TlsFiles
from controller.probe_agent.configuration import Configuration
from controller.probe_agent.probing.planned_slots import parse_planned_slots
from controller.probe_agent.problems import ProbeProblem
from controller.probe_agent.result_store import Result
from controller.probe_agent.sender import Answer, ProbeStatus, Reception, Sender, build_tls
from controller.telemetry.enrolled_probes import enrol_probe, make_probe_token, revoke_probe
from controller.telemetry.probe_certificates import (
    VALID,
    ProbeCertificate,
    find_authority_file,
    give_certificate,
    hash_certificate,
)
from controller.telemetry.registry import LINE, LINE_UP, Writer
from controller.telemetry.writer_tokens import read_token
from monitoring.ingest.sender_tokens import SchoolProbeTokens
from monitoring.listening.tls_connection import TlsConnection
from monitoring.listening.tls_files import RenewedContext
from tests.monitoring.login.beside import HOST, URL, Door, monitor_beside
from tests.monitoring.login.certificates import Authority
from tests.monitoring.running import TOKENS, until
from tests.probe_agent.scene import ENROLMENTS, PATHS, SCHOOL, Installed, configure

OTHER = "kw-s01"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, city: Authority) -> Iterator[Door]:
    """A monitor that listens with TLS, and whose office has enrolled a probe before."""
    give_certificate(ENROLMENTS, SCHOOL, NOW)
    certificate, key = city.give("monitor")
    tls = f"  tls: {{certificate: {certificate}, key: {key}}}\n"
    section = f"monitor:\n  listen: 127.0.0.1\n  port: 0\n  url: {URL}\n{tls}"
    with monitor_beside(tmp_path_factory.mktemp("monitor"), section, city.certificate) as started:
        yield started
    for school in (SCHOOL, OTHER):  # no other test is told that a certificate ends
        revoke_probe(ENROLMENTS, school, datetime.now(UTC))


@dataclass(frozen=True)
class Enrolled:
    token: str
    certificate: ProbeCertificate


def enrol(school: str = SCHOOL, certificate: ProbeCertificate | None = None) -> Enrolled:
    made = certificate or give_certificate(ENROLMENTS, school, NOW)
    token = make_probe_token()
    enrol_probe(ENROLMENTS, school, token, datetime.now(UTC), made)
    return Enrolled(token, made)


def build(door: Door, city: Authority, token: str, identity: str) -> Configuration:
    address = f"https://127.0.0.1:{door.port}"
    return Configuration(SCHOOL, token, address, PATHS, ca=city.certificate.read_text("ascii"), identity=identity)


def send(configuration: Configuration) -> Answer:
    result = Result(LINE_UP.name, (("school", SCHOOL), ("line", "primary")), time.time(), 1.0)
    return Sender(configuration, time.time).send([result], ProbeStatus(0, 0, "none"))


def sign_foreign(*, usage: x509.ObjectIdentifier, authority: bool) -> str:
    """A certificate of the school for another use, or of another authority with the same name."""
    path = find_authority_file(ENROLMENTS)
    known = x509.load_pem_x509_certificate(path.read_bytes())
    ours = load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
    assert isinstance(ours, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SCHOOL)]))
        .issuer_name(known.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .sign(ec.generate_private_key(ec.SECP256R1()) if authority else ours, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (made.public_bytes(Encoding.PEM) + private).decode("ascii")


def test_token_and_certificate_of_one_school_are_believed(door: Door, city: Authority) -> None:
    probe = enrol()
    assert send(build(door, city, probe.token, probe.certificate.pem)) == Answer(Reception.TAKEN)
    told = Sender(build(door, city, probe.token, probe.certificate.pem), time.time).ask_slots()
    assert parse_planned_slots(told, LINE.values).until > time.time()
    for wrong in ("", enrol(OTHER).certificate.pem):
        with pytest.raises(ProbeProblem, match="answers 403 to GET /v1/slots"):
            Sender(build(door, city, probe.token, wrong), time.time).ask_slots()


def test_each_certificate_that_is_not_the_school_s_own_is_refused_and_the_probe_is_told_why(
    door: Door, city: Authority, tmp_path: Path
) -> None:
    other, before, probe = enrol(OTHER), enrol(), enrol()
    elsewhere = give_certificate(tmp_path / "enrolled-probes.json", SCHOOL, NOW).pem
    client, server = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    never_enrolled = give_certificate(ENROLMENTS, SCHOOL, NOW).pem
    shown = {
        "shows no certificate": "",
        "of an authority that the monitor does not have": elsewhere,
        "refuses this probe's certificate": sign_foreign(usage=client, authority=True),
        "it is none that a probe may show": sign_foreign(usage=server, authority=False),
        "it has ended": give_certificate(ENROLMENTS, SCHOOL, NOW - VALID - timedelta(days=1)).pem,
        "it is not valid yet": give_certificate(ENROLMENTS, SCHOOL, NOW + timedelta(days=2)).pem,
        f"the certificate is of {OTHER}, and the token of {SCHOOL}": other.certificate.pem,
        "was replaced or revoked": before.certificate.pem,
        "is none that is enrolled": never_enrolled,
    }
    for reason, identity in shown.items():
        answer = send(build(door, city, probe.token, identity))
        assert answer.reception is Reception.LATER, reason
        assert reason in answer.reason
        assert answer.reason.isprintable()
    assert send(build(door, city, other.token, probe.certificate.pem)).reception is Reception.LATER
    assert send(build(door, city, probe.token, probe.certificate.pem)).reception is Reception.TAKEN


def test_a_school_that_was_enrolled_without_one_is_heard_on_the_monitor_s_own_machine_alone(
    door: Door, city: Authority
) -> None:
    token, stolen = make_probe_token(), enrol(OTHER).certificate.pem
    enrol_probe(ENROLMENTS, SCHOOL, token, NOW)
    for identity in ("", stolen):
        answer = send(build(door, city, token, identity))
        assert answer.reception is Reception.LATER
        assert f"was enrolled without a certificate: enrol it again (tsunagu probe enrol {SCHOOL})" in answer.reason
    assert send(configure(door.local.port, token)).reception is Reception.TAKEN


def test_tokens_that_speak_for_all_schools_count_on_the_monitor_s_own_machine_alone(
    door: Door, city: Authority
) -> None:
    probe = enrol()
    for writer in Writer:
        answer = send(build(door, city, read_token(TOKENS / writer), probe.certificate.pem))
        assert answer.reception is Reception.LATER
        assert "counts on the monitor's own machine alone" in answer.reason


def test_it_ends_at_once_also_on_a_connection_that_stands(door: Door, city: Authority) -> None:
    probe = enrol()
    context = build_tls(city.certificate.read_text("ascii"), probe.certificate.pem)
    with closing(replace(door, context=context).connect()) as connection:

        def ask(token: str) -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/metrics", b"{}", headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        assert ask(probe.token)[0] == 200
        standing = connection.sock
        ended = enrol(certificate=replace(probe.certificate, ends_at=NOW - timedelta(seconds=1)))
        status, said = ask(ended.token)
        assert (status, "ended at" in said) == (403, True)
        renewed = enrol()
        status, said = ask(renewed.token)
        assert (status, "was replaced or revoked" in said) == (403, True)
        assert revoke_probe(ENROLMENTS, SCHOOL, datetime.now(UTC))
        assert ask(renewed.token)[0] == 401
        assert connection.sock is standing


def test_a_reader_s_browser_is_never_asked_for_a_certificate(door: Door, city: Authority, tmp_path: Path) -> None:
    """One that has some of another authority would show it, and not come in."""
    context = ssl.create_default_context(cafile=str(city.certificate))
    identity = tmp_path / "identity.pem"
    identity.write_text(give_certificate(tmp_path / "enrolled-probes.json", SCHOOL, NOW).pem, "ascii")
    context.load_cert_chain(identity)
    assert replace(door, context=context).ask("/static/icon.svg", Host=HOST).status == 200
    context.set_alpn_protocols(["tsunagu-probe"])
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        replace(door, context=context).ask("/static/icon.svg", Host=HOST)


def test_the_one_file_shows_its_certificate_and_writes_down_why_it_is_refused(
    door: Door, city: Authority, tmp_path: Path
) -> None:
    probe, installed = enrol(), Installed(tmp_path)
    good = configure(door.port, probe.token, paths=PATHS[:1])
    good = replace(good, monitor=f"https://127.0.0.1:{door.port}", ca=city.certificate.read_text("ascii"))
    installed.install(replace(good, identity=probe.certificate.pem))
    done = installed.run("check")
    assert (done.returncode, "the monitor has the results" in done.stderr) == (0, True), done.stderr
    installed.install(good)
    done = installed.run("check")
    assert done.returncode == 1
    assert f"the monitor answers 403: {SCHOOL} shows no certificate" in done.stderr
    installed.install(replace(good, identity=probe.certificate.pem.partition("-----BEGIN PRIVATE")[0]))
    assert "identity: expected a certificate and the key that belongs to it" in installed.run("check").stderr


def test_the_authority_is_made_once_and_what_is_damaged_is_named(tmp_path: Path) -> None:
    enrolments = tmp_path / "office" / "enrolled-probes.json"
    first, second = (give_certificate(enrolments, school, NOW) for school in (SCHOOL, OTHER))
    path, key = find_authority_file(enrolments), find_authority_file(enrolments).with_suffix(".key")
    authority = x509.load_pem_x509_certificate(path.read_bytes())
    for one, school in ((first, SCHOOL), (second, OTHER)):
        found = x509.load_pem_x509_certificate(one.pem.encode())
        found.verify_directly_issued_by(authority)
        assert found.subject.rfc4514_string() == f"CN={school}"
        assert one.sha256 == hash_certificate(found.public_bytes(Encoding.DER))
        assert one.ends_at == found.not_valid_after_utc == (NOW + VALID).replace(microsecond=0)
    assert key.stat().st_mode & 0o777 == 0o600
    kept = path.read_bytes()
    path.unlink()
    give_certificate(enrolments, SCHOOL, NOW)
    again = x509.load_pem_x509_certificate(path.read_bytes())
    x509.load_pem_x509_certificate(first.pem.encode()).verify_directly_issued_by(again)

    def refuse(says: str, now: datetime = NOW) -> None:
        with pytest.raises(TokenRefused, match=says):
            give_certificate(enrolments, SCHOOL, now)

    refuse("ended on", NOW + timedelta(days=21 * 365))
    key.chmod(0o644)
    refuse("chmod 600")
    key.chmod(0o600)
    saved = key.read_bytes()
    key.write_bytes(b"half")
    refuse("holds no key of an authority")
    key.unlink()
    refuse("the authority's key is missing; bring probe-authority.pem and its .key back")
    key.write_bytes(saved)
    key.chmod(0o600)
    give_certificate(tmp_path / "other" / "enrolled-probes.json", SCHOOL, NOW)
    path.write_bytes(find_authority_file(tmp_path / "other" / "enrolled-probes.json").read_bytes())
    refuse("do not belong together")
    path.write_bytes(b"half")
    refuse("is no certificate in PEM")
    path.write_bytes(kept)
    give_certificate(enrolments, SCHOOL, NOW)


def test_a_running_monitor_takes_the_authority_of_the_first_enrolment(city: Authority, tmp_path: Path) -> None:
    certificate, key = city.give("running")
    enrolments = tmp_path / "enrolled-probes.json"
    files = TlsFiles.model_validate({"certificate": str(certificate), "key": str(key)})
    contexts = RenewedContext(files, find_authority_file(enrolments))
    before: int = contexts.probes.verify_mode
    give_certificate(enrolments, SCHOOL, NOW)
    asyncio.run(contexts.renew_certificate())
    after: int = contexts.probes.verify_mode
    assert (before, after) == (ssl.CERT_NONE, ssl.CERT_OPTIONAL)
    taken = contexts.probes
    find_authority_file(enrolments).write_bytes(b"half a file")
    asyncio.run(contexts.renew_certificate())
    assert contexts.probes is taken, "what cannot be used leaves the old one"
    assert contexts.readers.verify_mode == ssl.CERT_NONE


class Wire(asyncio.Transport):
    """A connection without a network: who speaks on it, and what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: asyncio.BaseProtocol | None = None
        self.written = b""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


def test_a_hello_that_comes_in_pieces_is_waited_for(city: Authority) -> None:
    certificate, key = city.give("pieces")
    files = TlsFiles.model_validate({"certificate": str(certificate), "key": str(key)})
    contexts = RenewedContext(files, certificate.with_name("none.pem"))
    to_server = ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=str(city.certificate))
    client.set_alpn_protocols(["tsunagu-probe", "http/1.1"])
    with pytest.raises(ssl.SSLWantReadError):
        client.wrap_bio(ssl.MemoryBIO(), to_server, server_hostname="localhost").do_handshake()
    hello = to_server.read()

    async def begin() -> None:
        wire = Wire()
        connection = TlsConnection(_Behind(), contexts, {})  # type: ignore[arg-type]  # it is not asked for anything yet
        connection.connection_made(wire)
        for place in range(len(hello) - 1):
            connection.data_received(hello[place : place + 1])
        assert (wire.protocol, wire.written) == (None, b"")
        connection.data_received(hello[-1:])
        assert wire.protocol is not None
        assert wire.written.startswith(b"\x16\x03\x03"), "the server's own hello"
        wire.protocol.connection_lost(None)

    asyncio.run(begin())


class _Behind(asyncio.Protocol):
    transport = None


def test_the_first_certificate_to_end_of_those_that_are_enrolled_is_known(tmp_path: Path) -> None:
    enrolments = tmp_path / "enrolled-probes.json"
    tokens = SchoolProbeTokens(enrolments)
    assert tokens.find_certificate_end() is None
    certificates = {
        SCHOOL: give_certificate(enrolments, SCHOOL, NOW - timedelta(days=100)),
        OTHER: give_certificate(enrolments, OTHER, NOW),
    }
    for school, made in certificates.items():
        enrol_probe(enrolments, school, make_probe_token(), NOW, made)
    assert tokens.find_certificate_end() == certificates[SCHOOL].ends_at
    revoke_probe(enrolments, SCHOOL, NOW)
    assert tokens.find_certificate_end() == certificates[OTHER].ends_at


def test_the_page_and_metrics_tell_when_the_monitors_own_certificates_end(door: Door) -> None:
    until(lambda: b'tsunagu_certificate_not_after_seconds{certificate="monitor"}' in door.local.ask("/metrics")[2], 30)
    told = {one["certificate"]: one for one in door.local.json(f"/api/schools/{SCHOOL}")["certificates"]}
    assert (told["monitor"]["state"], told["monitor"]["stale"], told["monitor"]["ends_at"][:4]) == (
        "good",
        False,
        "2119",
    )
    assert told["probe-authority"]["state"] == "good"
    assert {one["state"] for one in told.values() if one["command"] == "tsunagu run"} == {"unknown"}
