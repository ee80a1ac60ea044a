"""Throughput over HTTPS on loopback: who may test, what is refused, and what the figure says of itself."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controller.probe_agent.command import main
from controller.probe_agent.configuration import ProbedPath, ThroughputTests
from controller.probe_agent.endpoint.admission import MOST_TESTS_AN_HOUR, Admission, NotAdmitted
from controller.probe_agent.endpoint.connection_room import MOST_CONNECTIONS, MOST_OF_ONE_SOURCE
from controller.probe_agent.endpoint.enrolled_hashes import EnrolledHashes
from controller.probe_agent.probing import https_path_test, https_throughput
from controller.probe_agent.probing.https_throughput import EndpointRefused, HttpsTest, measure_https_rate
from controller.probe_agent.probing.measuring_round import measure_heavy
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.throughput_protocol.pages import Page
from controller.probe_agent.throughput_protocol.proofs import VALID_SECONDS, hash_token, sign_challenge
from controller.probe_agent.throughput_protocol.rates import NoRate, compute_rate
from controller.probe_agent.throughput_protocol.sender_limits import ThroughputLimit
from controller.telemetry.registry import LINE_HTTPS_LIMIT, LINE_HTTPS_THROUGHPUT, METRICS
from tests.monitoring.running import until
from tests.probe_agent.endpoint_scene import SCHOOL, TOKEN, loopback_endpoint, open_plain, trust, write_enrolled
from tests.probe_agent.scene import configure
from tests.probe_agent.tls_front import make_certificate

DIRECTIONS = ("download", "upload")


def measure(test: HttpsTest, direction: str = "download", token: str = TOKEN, school: str = SCHOOL) -> float:
    return measure_https_rate(open_plain, school, hash_token(token), direction, test).rate


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsTest]:
    with loopback_endpoint(tmp_path_factory.mktemp("endpoint")) as test:
        yield test


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_both_directions_give_what_arrived_and_who_sent_it(endpoint: HttpsTest, direction: str) -> None:
    found = measure_https_rate(open_plain, SCHOOL, hash_token(TOKEN), direction, endpoint)
    assert found.rate > 1e7
    # What a rate of a part says of the whole: no more than all that arrived, in at least the part's time.
    assert 0.2 * found.carried < found.rate / 8 * endpoint.seconds < 3 * found.carried
    assert found.sender.segments > 0
    assert found.sender.window > 0
    assert 0 <= found.idle_ms < 1000


@pytest.mark.parametrize(("token", "school"), [("x" * 43, SCHOOL), (TOKEN, "kw-s01"), ("", "")])
def test_who_is_not_enrolled_does_not_test(endpoint: HttpsTest, token: str, school: str) -> None:
    with pytest.raises(EndpointRefused, match=r"403 .*not an enrolled probe's"):
        measure(endpoint, token=token, school=school)


def test_a_revoked_probe_does_not_test_any_more(tmp_path: Path) -> None:
    with loopback_endpoint(tmp_path) as test:
        write_enrolled(tmp_path / "enrolled-probes.json", **{"kw-s01": TOKEN})
        with pytest.raises(EndpointRefused, match="403"):
            measure(test)


def test_another_certificate_is_no_endpoint(endpoint: HttpsTest, tmp_path: Path) -> None:
    other = trust(make_certificate(tmp_path, "127.0.0.1"))
    with pytest.raises(ssl.SSLCertVerificationError):
        measure(replace(endpoint, tls=other))
    with pytest.raises(ssl.SSLCertVerificationError, match=r"speed\.example\.jp"):
        measure(replace(endpoint, host="speed.example.jp"))


def test_a_second_school_waits_and_is_told_that_it_is_busy(endpoint: HttpsTest) -> None:
    """While one test's stream is open, another school's is refused; it asks again, and gets its turn."""
    with ask(endpoint, Page.DOWNLOAD, seconds=5) as streaming:
        assert streaming.recv(15) == b"HTTP/1.1 200 OK"
        with pytest.raises(EndpointRefused, match=r"503 .*busy"):
            measure(replace(endpoint, patience=0.0))
        later = threading.Timer(0.4, streaming.close)
        later.start()
        assert measure(endpoint) > 1e7
        later.join()


def test_those_who_wait_ask_less_and_less_and_not_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise EndpointRefused(503, "busy")

    monkeypatch.setattr(https_throughput, "_measure_once", refuse)

    def wait_for_a_turn() -> list[float]:
        waits: list[float] = []
        clock = SimpleNamespace(monotonic=lambda: sum(waits), sleep=waits.append)
        monkeypatch.setattr(https_throughput, "time", clock)
        with pytest.raises(EndpointRefused):
            measure(HttpsTest("", 1, "", ssl.create_default_context(), 1, 1, 1))
        return waits

    one, other = wait_for_a_turn(), wait_for_a_turn()
    assert one[0] <= 0.45
    assert all(0.75 <= wait <= 2.25 for wait in one[3:-1])
    assert 15 <= sum(one) < 15 + 2.25
    assert one != other


def test_a_challenge_ends_and_is_its_school_s_alone(tmp_path: Path) -> None:
    now = [100.0]
    with loopback_endpoint(tmp_path, lambda: now[0]) as test:
        challenge = take_challenge(test)
        now[0] += VALID_SECONDS + 1
        assert b"403" in answer(test, Page.DOWNLOAD, challenge)
        forged = challenge.replace(challenge[-1], "0" if challenge[-1] != "0" else "1")
        for one in (forged, "", "a.b.c", "1.2", "9" * 300):
            assert b"403" in answer(test, Page.DOWNLOAD, one)
        assert b"403" in answer(test, Page.DOWNLOAD, take_challenge(test, "kw-s01"))


def test_a_school_cannot_test_for_ever(tmp_path: Path) -> None:
    now = itertools.count(1_000)
    enrolled = EnrolledHashes(write_enrolled(tmp_path / "enrolled", **{SCHOOL: TOKEN, "kw-s01": TOKEN}))
    admission = Admission(enrolled, 1, lambda: next(now) / 1_000)

    def begin(school: str) -> None:
        challenge = admission.issue_challenge(school)
        admission.begin_stream(school, challenge, sign_challenge(hash_token(TOKEN), challenge))
        admission.end_stream(challenge)

    for _ in range(MOST_TESTS_AN_HOUR):
        begin(SCHOOL)
    with pytest.raises(NotAdmitted, match="in an hour are enough"):
        begin(SCHOOL)
    begin("kw-s01")
    now = itertools.count(3_700_000)
    begin(SCHOOL)


ODD = {
    "no request": b"hello\r\n\r\n",
    "another page": b"GET / HTTP/1.1\r\n\r\n",
    "control characters": b"GET /\x1b[2J HTTP/1.1\r\n\r\n",
    "too long a head": b"GET / HTTP/1.1\r\nA: " + b"a" * 10_000,
    "no report": b"GET /v1/throughput/report HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD)
def test_what_is_no_request_is_ended_and_harms_nobody(endpoint: HttpsTest, sent: bytes) -> None:
    with closing(connect(endpoint)) as opened:
        opened.sendall(sent)
        said = receive_all(opened)
    assert b"200" not in said
    assert answer(endpoint, Page.CHALLENGE, "", verb="POST").startswith(b"HTTP/1.1 200 OK")


def open_from(source: str, endpoint: HttpsTest) -> socket.socket:
    return socket.create_connection(("127.0.0.1", endpoint.port), timeout=5, source_address=(source, 0))


def test_one_source_does_not_keep_the_others_out(endpoint: HttpsTest) -> None:
    """It has shown no proof, so anybody could: its further connections are closed, and another's test goes on."""
    plain = [open_from("127.0.0.9", endpoint) for _ in range(MOST_OF_ONE_SOURCE)]
    try:
        with closing(open_from("127.0.0.9", endpoint)) as more:
            assert more.recv(1) == b""
        assert measure(endpoint) > 1e7
    finally:
        for one in plain:
            one.close()
    until(lambda: is_served_from("127.0.0.9", endpoint))


def is_served_from(source: str, endpoint: HttpsTest) -> bool:
    """Whether a source has room again."""
    try:
        with closing(endpoint.tls.wrap_socket(open_from(source, endpoint), server_hostname=endpoint.address)):
            return True
    except OSError:
        time.sleep(0.02)
        return False


def test_more_connections_than_there_is_room_for_are_closed(endpoint: HttpsTest) -> None:
    until(lambda: is_answering(endpoint))
    sources = [f"127.0.0.{2 + number // MOST_OF_ONE_SOURCE}" for number in range(MOST_CONNECTIONS)]
    plain = [open_from(one, endpoint) for one in sources]
    try:
        with closing(open_from("127.0.0.1", endpoint)) as more:
            assert more.recv(1) == b""
    finally:
        for one in plain:
            one.close()
    until(lambda: is_answering(endpoint))


def test_the_probe_keeps_the_figure_under_its_method_s_name(
    endpoint: HttpsTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ProbedPath("primary", "tokyo", "ipv4", "127.0.0.1", throughput="https")
    tests = ThroughputTests(every_seconds=1, https_port=endpoint.port, seconds=1, streams=2)
    wanted = replace(configure(8600, TOKEN), school=SCHOOL, paths=(path,), throughput=tests)
    monkeypatch.setattr(https_path_test, "build_tls", lambda _: endpoint.tls)
    found = measure_heavy(wanted, tmp_path, lambda: 5.0)
    assert [one.metric for one in found] == [LINE_HTTPS_THROUGHPUT.name, LINE_HTTPS_LIMIT.name] * 2
    for one in found:
        assert METRICS[one.metric].checked(dict(one.attributes)) == dict(one.attributes)
    assert found[0].value > 1e7
    # The loopback interface carries it; another one does not, and then it is no figure of that line.
    monkeypatch.setattr(https_path_test, "sum_interface_bytes", lambda _: 7)
    assert https_path_test.measure_path_by_https(wanted, path, "download") is SlotOutcome.NO_ANSWER
    assert "did not carry its bytes" in capsys.readouterr().err


def test_a_line_that_falls_silent_gives_no_rate() -> None:
    whole = [(n / 50, 1000 * n) for n in range(101)]
    assert compute_rate([whole], 2) == pytest.approx(8 * 50_000)
    with pytest.raises(NoRate, match=r"nothing arrived any more after 1\.0 of 2 s"):
        compute_rate([[(at, min(count, 50_000)) for at, count in whole]], 2)
    with pytest.raises(NoRate, match="not a byte"):
        compute_rate([[(at, 0) for at, _ in whole], []], 2)
    # What is faster at the beginning is not in the rate.
    assert compute_rate([[(at, count + (10**9 if at >= 0.3 else 0)) for at, count in whole]], 2) == pytest.approx(4e5)


@pytest.mark.parametrize(
    ("again", "idle", "queued", "limit"),
    [(0.01, 20.0, 20.0, ThroughputLimit.LOSS), (0.0, 300.0, 900.0, ThroughputLimit.DELAY), (0.01, 20.0, 90.0, None)],
)
def test_what_held_the_sender_back_is_in_the_figure(
    again: float, idle: float, queued: float, limit: ThroughputLimit | None
) -> None:
    rate = 8e7
    sender = https_throughput.SenderCounts(10_000, int(10_000 * again), int(queued * rate / 8000))
    samples = [[(n / 50, int(rate / 8 * n / 50)) for n in range(101)]]
    assert https_throughput.build_rate(samples, sender, idle, 2).limit is limit


@pytest.mark.parametrize(
    ("idle", "retransmitted", "limit"),
    [(20.0, 0, ThroughputLimit.DELAY), (20.0, 50, ThroughputLimit.LOSS), (0.2, 50, None)],
)
def test_a_far_line_that_carried_more_for_a_while_is_not_called_slow(
    idle: float, retransmitted: int, limit: ThroughputLimit | None
) -> None:
    """A part of the test carried three times what the rest did: the whole is not what the line can carry."""
    falling = [(n / 50, int(94e6 / 8 * min(n / 50, 0.9) + 30e6 / 8 * max(0.0, n / 50 - 0.9))) for n in range(101)]
    sender = https_throughput.SenderCounts(10_000, retransmitted, 10_000_000)
    assert https_throughput.build_rate([falling], sender, idle, 2).limit is limit
    steady = [(n / 50, int(94e6 / 8 * n / 50)) for n in range(101)]
    assert https_throughput.build_rate([steady], sender, idle, 2).limit is None


WRONG = {
    "no certificate": (("--certificate", "/dev/null", "--key", "/dev/null"), "no certificate in PEM"),
    "another key": (("--key", "{folder}/other.key"), "name a certificate and the key that belongs to it"),
    "a key with a password": (("--key", "{folder}/locked.key"), "without a password"),
    "no list": (("--enrolled", "{folder}/nowhere"), "cannot be read"),
    "an open list": (("--enrolled", "{folder}/open"), "chmod 600"),
    "no list of probes": (("--enrolled", "{folder}/other"), "is no list of enrolled probes"),
    "another machine's address": (("--listen", "192.0.2.1"), "nobody can listen there"),
    "no address": (("--listen", "\u3042" * 70), "nobody can listen there"),
}


def write_key(file: Path, key: ec.EllipticCurvePrivateKey, how: serialization.KeySerializationEncryption) -> None:
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how))


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_an_endpoint_that_cannot_serve_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    certificate = make_certificate(tmp_path, "127.0.0.1")
    good = write_enrolled(tmp_path / "enrolled-probes.json", **{SCHOOL: TOKEN})
    (tmp_path / "open").write_bytes(good.read_bytes())
    (tmp_path / "other").write_text('{"probes": [{"school": 1}]}', "ascii")
    (tmp_path / "other").chmod(0o600)
    other = ec.generate_private_key(ec.SECP256R1())
    write_key(tmp_path / "other.key", other, serialization.NoEncryption())
    own = serialization.load_pem_private_key(certificate.with_suffix(".key").read_bytes(), None)
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    write_key(tmp_path / "locked.key", own, serialization.BestAvailableEncryption(b"secret"))
    begin = ["--certificate", str(certificate), "--key", str(certificate.with_suffix(".key"))]
    begin += ["--enrolled", str(good), "--listen", "127.0.0.1", "--port", "0"]
    assert main(["serve", *begin, *(one.format(folder=tmp_path) for one in words)]) == 1
    assert said in capsys.readouterr().err


def connect(test: HttpsTest) -> ssl.SSLSocket:
    plain = socket.create_connection((test.address, test.port), timeout=5)
    return test.tls.wrap_socket(plain, server_hostname=test.address)


def receive_all(opened: ssl.SSLSocket) -> bytes:
    said = b""
    try:
        while more := opened.recv(4_096):
            said += more
    except OSError:
        pass  # an endpoint that has enough of somebody resets
    return said


@contextmanager
def ask(
    test: HttpsTest, page: str, challenge: str | None = None, verb: str = "GET", seconds: int = 1
) -> Iterator[ssl.SSLSocket]:
    known = take_challenge(test) if challenge is None else challenge
    lines = [f"{verb} {page} HTTP/1.1", f"Tsunagu-School: {SCHOOL}", f"Tsunagu-Challenge: {known}"]
    lines += [f"Tsunagu-Proof: {sign_challenge(hash_token(TOKEN), known)}", f"Tsunagu-Seconds: {seconds}"]
    with closing(connect(test)) as opened:
        opened.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        yield opened


def answer(test: HttpsTest, page: str, challenge: str, verb: str = "GET", seconds: int = 1) -> bytes:
    with ask(test, page, challenge, verb, seconds) as opened:
        return opened.recv(4_096)


def take_challenge(test: HttpsTest, school: str = SCHOOL) -> str:
    with closing(connect(test)) as opened:
        opened.sendall(f"POST {Page.CHALLENGE} HTTP/1.1\r\nTsunagu-School: {school}\r\n\r\n".encode())
        said = opened.recv(4_096)
        return str(json.loads(said.partition(b"\r\n\r\n")[2])["challenge"])


def is_answering(test: HttpsTest) -> bool:
    try:
        return bool(take_challenge(test))
    except (OSError, ValueError):
        time.sleep(0.02)
        return False
