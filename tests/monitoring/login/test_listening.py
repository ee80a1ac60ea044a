"""Beside loopback: nothing without TLS and a login; who is let in, as whom, and what each role may do."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controller.errors import MonitorError, OperationsRefused
from controller.operations.monitor_settings import MonitorSettings, Role, RoleSettings, TlsFiles
from controller.operations.operators_file import load_monitor_operations
from controller.telemetry.registry import LINE_UP, Writer
from monitoring.limits import MOST_HANDSHAKES
from monitoring.listening.build_login import build_login
from monitoring.listening.tls_files import RenewedContext
from tests.monitoring.feed import metrics
from tests.monitoring.login.beside import HOST, URL, Door, begin, fit_example, monitor_beside, write_operators
from tests.monitoring.login.certificates import Authority
from tests.monitoring.login.signing import EllipticSigner, key_set, sign_token
from tests.monitoring.running import PROTOBUF, bearer, until

AUDIENCE = "/projects/123456789012/global/backendServices/1234567890123456789"
KEY = EllipticSigner("k1")
DOWN = "as-e02"
OPERATOR, READER, STRANGER = "hanako@city.example", "board@city.example", "guest@city.example"


def claims(email: str, seconds: int = 600) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "https://cloud.google.com/iap",
        "aud": AUDIENCE,
        "sub": "accounts.google.com:1",
        "email": email,
        "iat": now,
        "exp": now + seconds,
    }


def shown_by(email: str, seconds: int = 600) -> Any:  # noqa: ANN401 headers, for `Door.ask`
    return {"X_Goog_IAP_JWT_Assertion": sign_token(KEY, claims(email, seconds))}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, city: Authority) -> Iterator[Door]:
    with serve_iap(tmp_path_factory.mktemp("monitor"), city) as started:
        yield started


@contextmanager
def serve_iap(folder: Path, city: Authority) -> Iterator[Door]:
    """A monitor behind a proxy that signs with `KEY`."""
    certificate, key = city.give("monitor")
    (folder / "keys.json").write_bytes(key_set(KEY))
    pem = "/etc/tsunagu/monitor"
    section = fit_example(
        1,
        {
            f"{pem}/certificate.pem": str(certificate),
            f"{pem}/key.pem": str(key),
            f"audience: {AUDIENCE}": f"audience: {AUDIENCE}, keys-file: {folder}/keys.json",
        },
    )
    with monitor_beside(folder, section, city.certificate) as started:
        yield started


def refuse(folder: Path, section: str) -> str:
    """What is said of an operators' file that no monitor starts with."""
    with pytest.raises(OperationsRefused) as caught:
        load_monitor_operations(write_operators(folder, section))
    return str(caught.value)


TLS = "{certificate: /etc/tsunagu/c.pem, key: /etc/tsunagu/k.pem}"
IAP = f"{{iap: {{audience: {AUDIENCE}}}}}"
OIDC = "{oidc: {issuer: 'https://login.example.jp', client: tsunagu, secret: /etc/tsunagu/secret}}"


@pytest.mark.parametrize(
    ("lines", "line", "field", "says"),
    [
        (["listen: 10.20.0.5"], 6, "tls", "it needs TLS"),
        (["port: 8643", "listen: 0.0.0.0", f"tls: {TLS}"], 7, "login", "it needs a login"),
        (["listen: '::'", f"login: {IAP}"], 6, "tls", "it needs TLS"),
        (["listen: 10.20.0.5", f"tls: {TLS}", f"login: {IAP}"], 6, "url", "it needs the address that browsers"),
        (["listen: 127.0.0.1", f"login: {OIDC}"], 6, "tls", "for TLS alone"),
        ([f"url: {URL}", f"login: {IAP}"], 7, "listen", "no address to log in at"),
        (
            ["listen: 127.0.0.1", f"login: {IAP}", "roles: {reader: {groups: [board@city.example]}}"],
            6,
            "roles",
            "tells no groups",
        ),
        (
            ["listen: 10.20.0.5", f"url: {URL}", f"tls: {TLS}", f"login: {IAP}", "roles: {reader: {groups: [board]}}"],
            6,
            "roles",
            "tells no groups",
        ),
    ],
)
def test_it_does_not_listen_for_others_without_tls_and_a_login(
    tmp_path: Path, lines: list[str], line: int, field: str, says: str
) -> None:
    err = refuse(tmp_path, "monitor:\n" + "".join(f"  {one}\n" for one in lines))
    assert f"operations.yaml:{line}: monitor.{field}:" in err
    assert says in err


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["listen: monitor.example.jp"], "write an IP address of this machine"),
        (["url: 'http://monitor.example.jp'"], "monitor.url: begin it with 'https://'"),
        (["url: 'https://monitor.example.jp:443'"], "no ':443'"),
        (["url: 'https://monitor.example.jp/x'"], "without a path"),
        (["login: {}"], "name one way to log in"),
        ([f"login: {{iap: {{audience: {AUDIENCE}}}, oidc: {OIDC[7:-1]}}}"], "name one way to log in"),
        (["login: {iap: {audience: monitor}}"], "audience: begin it with '/projects/'"),
        (["roles: {operator: {emails: [Hanako@city.example]}}"], "emails"),
        (["roles: {operator: {emails: [hanako]}}"], "emails.0: '@' is missing"),
        (["public: everything"], "public"),
    ],
)
def test_a_setting_of_another_form_is_refused_at_its_line(tmp_path: Path, lines: list[str], says: str) -> None:
    err = refuse(tmp_path, "monitor:\n" + "".join(f"  {one}\n" for one in lines))
    assert "operations.yaml:6" in err
    assert says in err


def test_a_login_that_cannot_be_built_is_never_left_out() -> None:
    oidc = {"issuer": "https://login.example.jp", "client": "tsunagu", "secret": "/etc/tsunagu/secret"}
    settings = MonitorSettings.model_validate({"listen": "127.0.0.1", "login": {"oidc": oidc}})
    with pytest.raises(MonitorError, match="needs the address that browsers call the monitor by"):
        build_login(settings)


@pytest.mark.parametrize(
    "name", ["教育委員会", "/川崎市/指導課　主任", "board-of-education", "Domain Users", "a@city.example"]
)
def test_groups_have_names_of_any_script(name: str) -> None:
    roles = RoleSettings.model_validate({"reader": {"groups": [name]}})
    assert roles.find_role("a@b.example", (name,)) is Role.READER
    assert roles.find_role("a@b.example", (f"{name}x",)) is None


@pytest.mark.parametrize("name", ["", " ", "a ", "a\nb", "a\u202eb", "a\u200bb", "<b>", "a" * 201])
def test_a_group_of_hidden_or_marked_up_characters_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        RoleSettings.model_validate({"reader": {"groups": [name]}})


def test_a_group_is_the_same_however_its_characters_are_composed() -> None:
    one, other = "\u30ac", "\u30ab\u3099"
    for written, told in ((one, other), (other, one)):
        assert RoleSettings.model_validate({"reader": {"groups": [written]}}).find_role("a@b.example", (told,))


def test_a_certificate_or_key_that_cannot_be_used_is_named(tmp_path: Path, city: Authority) -> None:
    certificate, key = city.give("odd")
    _, other = city.give("other")

    def use(key: Path) -> None:
        follow(certificate, key)

    use(key)
    with pytest.raises(MonitorError, match="is missing; put it there"):
        use(tmp_path / "none.key")
    with pytest.raises(MonitorError, match="are no certificate and the key that belongs to it"):
        use(other)
    key.chmod(0o640)
    with pytest.raises(OperationsRefused, match="chmod 600 it"):
        use(key)


def test_the_monitor_itself_ends_with_the_line_of_the_setting(tmp_path: Path) -> None:
    process = begin(tmp_path, "monitor:\n  listen: 0.0.0.0\n")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, "Traceback" in err) == (1, "", False)
    assert "operations.yaml:6: monitor.tls: 0.0.0.0 is no loopback address" in err
    assert not (tmp_path / "monitor.db").exists()


def test_a_page_is_shown_to_who_is_logged_in_and_says_as_whom(door: Door) -> None:
    answer = door.ask("/", Accept="text/html", Accept_Language="en", **shown_by(OPERATOR))
    assert answer.status == 200
    assert f"{OPERATOR} (operator)" in answer.text
    assert f'value="{OPERATOR}" readonly' in answer.text
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_nobody_reads_without_a_login_on_neither_address(door: Door) -> None:
    for path in ("/", "/api/city", "/api/needs", "/api/events", "/metrics", "/rollout", "/api/probes", "/nothing"):
        assert door.ask(path).status == 401, path
        if path != "/metrics":
            assert door.local.ask(path)[0] == 401, path
    assert door.local.ask("/metrics")[0] == 200, "Prometheus asks on loopback"
    answer = door.ask("/", Accept="text/html", Accept_Language="ja")
    assert answer.status == 401
    assert "ログインが必要です" in answer.text
    body = json.dumps({"need": "x", "by": "root", "reason": "y"}).encode()
    said = {"Content-Type": "application/json", "Origin": door.local.url}
    assert door.local.ask("/api/needs/note", "POST", body, said)[0] == 401


def test_a_login_of_another_form_is_told_why_and_in_the_readers_language(door: Door) -> None:
    answer = door.ask("/", Accept="text/html", X_Goog_IAP_JWT_Assertion="x.y.z")
    assert answer.status == 401
    assert "ログインを確認できません" in answer.text
    assert "<p>トークンのヘッダーに alg、kid、typ JWT 以外のものがあります</p>" in answer.text
    unsigned = door.ask("/api/city", X_Goog_Authenticated_User_Email=f"accounts.google.com:{OPERATOR}")
    assert unsigned.status == 401, "the header that nobody signs is not read"


def test_who_has_no_role_is_told_so(door: Door) -> None:
    answer = door.ask("/api/city", **shown_by(STRANGER))
    assert answer.status == 403
    assert answer.json == {
        "error": f"{STRANGER} is logged in and has no role here; the monitor's operators can give one"
    }


def test_a_reader_reads_and_changes_nothing(door: Door) -> None:
    assert door.ask("/api/city", **shown_by(READER)).status == 200
    assert 'data-role="reader"' in door.ask("/", Accept="text/html", **shown_by(READER)).text
    window = {"school": DOWN, "reason": "x", "until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    for path in ("/api/maintenance", "/api/needs/note", "/api/needs/acknowledge", "/api/actions/end", "/api/new"):
        answer = door.act(path, window, **shown_by(READER))
        assert answer.status == 403, path
        assert answer.json["error"].startswith(f"{READER} may read, and change nothing; ask somebody who has"), path
    assert door.ask("/api/actions", **shown_by(READER)).json == {"actions": []}


def test_the_record_names_who_is_logged_in_and_not_what_the_request_says(door: Door) -> None:
    until_then = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    window = {"school": "as-e01", "reason": "new router", "until": until_then}
    for said in ({"by": "somebody else"}, {}):
        assert door.act("/api/maintenance", {**window, **said}, **shown_by(OPERATOR)).status == 200
    first, second = door.ask("/api/actions", **shown_by(READER)).json["actions"][:2]
    assert (first["by"], second["by"]) == (OPERATOR, OPERATOR)
    ended = {"id": first["id"], "by": "another", "reason": "done"}
    assert door.act("/api/actions/end", ended, **shown_by(OPERATOR)).status == 200
    assert door.ask("/api/actions", **shown_by(READER)).json["actions"][0]["by"] == OPERATOR


def test_other_names_and_other_sites_are_refused(door: Door) -> None:
    for name in ("127.0.0.1", f"localhost:{door.port}", f"{HOST}:443", f"{HOST}.", "evil.example", ""):
        assert door.ask("/api/city", Host=name or "x", **shown_by(OPERATOR)).status == 403, name
    for origin in ("https://evil.example", f"http://{HOST}", f"{URL}:8643", "null"):
        answer = door.act("/api/needs/note", {"need": "x", "reason": "y"}, **{**shown_by(OPERATOR), "Origin": origin})
        assert answer.status == 403, origin
    assert (
        door.act("/api/needs/note", {"need": "x", "reason": "y"}, **{**shown_by(OPERATOR), "Origin": ""}).status == 403
    )


def test_a_token_of_all_schools_sends_on_loopback_alone_and_reads_nothing(door: Door) -> None:
    body = metrics([(LINE_UP, 0.0, {"school": DOWN, "line": "primary"})], time.time()).SerializeToString()
    said = {"Content_Type": "application/x-protobuf"}
    assert door.ask("/v1/metrics", "POST", body, **said).status == 401
    token = bearer(Writer.PROBE)["Authorization"]
    assert door.ask("/v1/metrics", "POST", body, Authorization=token, **said).status == 403
    status, _, answered = door.local.ask("/v1/metrics", "POST", body, PROTOBUF)
    assert (status, answered) == (200, b""), "and needs no login"
    assert door.ask("/api/city", Authorization=token).status == 401, "a sender's token reads nothing"


def test_a_stream_ends_with_its_readers_login(door: Door) -> None:
    with closing(door.connect()) as connection:
        connection.request(
            "GET", "/api/events", headers={"Host": HOST, "X-Goog-IAP-JWT-Assertion": sign_token(KEY, claims(READER, 2))}
        )
        answer = connection.getresponse()
        assert answer.status == 200
        began = time.monotonic()
        assert answer.read().startswith(b"retry: "), "read to its end, which is a whole one"
    assert time.monotonic() - began < 30


def test_a_certificate_of_another_authority_is_not_believed(door: Door, tmp_path: Path) -> None:
    other = ssl.create_default_context(cafile=str(Authority(tmp_path, "other").certificate))
    with pytest.raises(ssl.SSLCertVerificationError):
        Door(door.port, other, door.local).ask("/public")


def test_plain_http_and_old_tls_end_without_an_answer(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionResetError):
            assert not plain.recv(100).startswith(b"HTTP")
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as raw, old.wrap_socket(raw) as new:
        assert new.version() == "TLSv1.2"


def test_handshakes_that_nobody_finishes_stay_few_and_others_are_served(door: Door) -> None:
    with ExitStack() as opened:
        for _ in range(3 * MOST_HANDSHAKES):
            opened.enter_context(socket.create_connection(("127.0.0.1", door.port), timeout=10))
        assert door.ask("/api/city", **shown_by(READER)).status == 200
        until(lambda: count_open(door) <= MOST_HANDSHAKES + 10)


def count_open(door: Door) -> int:
    entries = Path(f"/proc/{door.local.process.pid}/fd").iterdir()
    return sum(_read_link(one).startswith("socket:") for one in entries)


def _read_link(entry: Path) -> str:
    with suppress(FileNotFoundError):
        return str(entry.readlink())
    return ""


def test_a_renewed_certificate_is_shown_without_a_restart(city: Authority) -> None:
    certificate, key = city.give("renewed")
    context = follow(certificate, key)
    before, end = show_certificate(context.readers), context.ends["monitor"]
    asyncio.run(context.renew_certificate())
    assert show_certificate(context.readers) == before
    certificate.write_bytes(b"half a file")
    asyncio.run(context.renew_certificate())
    assert show_certificate(context.readers) == before, "what cannot be used leaves the old one"
    city.give("renewed", (datetime(2020, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)))
    key.chmod(0o640)
    asyncio.run(context.renew_certificate())
    assert (show_certificate(context.readers), context.ends["monitor"]) == (before, end), "others can read the new key"
    key.chmod(0o600)
    asyncio.run(context.renew_certificate())
    now = context.ends["monitor"], show_certificate(context.readers) == before
    assert now == (datetime(2032, 1, 1, tzinfo=UTC).timestamp(), False), "it was made right, and nothing was written"


@pytest.mark.parametrize(
    ("first", "last", "says"), [(2020, 2021, "ended at 2021-01-01"), (2090, 2091, "begins at 2090-01-01")]
)
def test_a_certificate_that_nobody_takes_now_is_said_once(
    city: Authority, caplog: pytest.LogCaptureFixture, first: int, last: int, says: str
) -> None:
    def give(first: int, last: int) -> tuple[Path, Path]:
        return city.give("timed", (datetime(first, 1, 1, tzinfo=UTC), datetime(last, 1, 1, tzinfo=UTC)))

    certificate, key = give(first, last)
    context = follow(certificate, key)
    asyncio.run(context.renew_certificate())
    assert [says in one.message for one in caplog.records] == [True]
    assert "put a valid one there" in caplog.text
    caplog.clear()
    give(2020, 2090)
    asyncio.run(context.renew_certificate())
    give(first, last)
    asyncio.run(context.renew_certificate())
    assert [says in one.message for one in caplog.records] == [True], "it was right between the two"


def test_nobody_can_ask_for_a_second_handshake(city: Authority) -> None:
    certificate, key = city.give("steady")
    context = follow(certificate, key)
    for one in (context.readers, context.probes):
        assert ssl.OP_NO_RENEGOTIATION in one.options


def follow(certificate: Path, key: Path) -> RenewedContext:
    """The contexts of a monitor that has no authority of probes."""
    files = TlsFiles.model_validate({"certificate": str(certificate), "key": str(key)})
    return RenewedContext(files, certificate.with_name("probe-authority.pem"))


def show_certificate(context: ssl.SSLContext) -> bytes | None:
    """The certificate that a client is shown, without a network."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server)
    answering = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (asking, answering):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return asking.getpeercert(binary_form=True)
