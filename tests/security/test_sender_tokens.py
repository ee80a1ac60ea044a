"""A sender's token stands in a file that only its user reads, and is shown to this machine's own monitor only."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from controller.errors import TokenRefused
from controller.telemetry import otlp
from controller.telemetry.registry import Writer
from controller.telemetry.traces.phases import ENDPOINT
from controller.telemetry.writer_tokens import make_token, may_show_token, read_token
from monitoring.ingest.sender_tokens import Sender, load_sender_tokens
from tests.missing_parts import needs_root
from tests.monitoring.running import TOKENS

TOKEN = read_token(TOKENS / Writer.PROBE)


def test_the_first_start_makes_tokens_that_only_this_user_reads(tmp_path: Path) -> None:
    files = {writer: tmp_path / "new" / "tokens" / writer for writer in Writer}
    before = os.umask(0)
    try:
        load_sender_tokens(files)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in files.values()} == {0o700}
    kept = {writer: read_token(path) for writer, path in files.items()}
    assert load_sender_tokens(files).find_sender([f"Bearer {kept[Writer.PROBE]}"]) == Sender(Writer.PROBE)
    assert len(set(kept.values())) == 2


def test_two_senders_with_one_token_are_refused(tmp_path: Path) -> None:
    make_token(tmp_path / "one")
    os.link(tmp_path / "one", tmp_path / "two")
    with pytest.raises(TokenRefused, match="are the same"):
        load_sender_tokens({Writer.PROBE: tmp_path / "one", Writer.CONTROLLER: tmp_path / "two"})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o666])
def test_a_token_that_others_may_read_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    make_token(tmp_path / "token")
    (tmp_path / "token").chmod(mode)
    with pytest.raises(TokenRefused, match="chmod 600"):
        read_token(tmp_path / "token")


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"a b" * 20, b"x" * 200, b"\0" * 43, "é".encode() * 40, b"a\n" * 40]
)
def test_what_is_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(TokenRefused, match="holds no token"):
        read_token(tmp_path / "token")


def test_a_link_a_pipe_and_a_folder_are_no_token_and_block_nobody(tmp_path: Path) -> None:
    make_token(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder", "missing"):
        with pytest.raises(TokenRefused, match=str(tmp_path / name)):
            read_token(tmp_path / name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8600", True),
        ("http://localhost:8600/", True),
        ("http://[::1]:8600", True),
        ("http://collector.example:4318", False),
        ("https://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://10.0.0.1:8600", False),
        ("http://[", False),
    ],
)
def test_a_token_is_shown_to_this_machine_only(monkeypatch: pytest.MonkeyPatch, url: str, shown: bool) -> None:  # noqa: FBT001 a table
    monkeypatch.setenv(ENDPOINT, url)
    for signal in ("traces", "metrics", "logs"):
        assert (otlp._session(signal, TOKEN) is not None) is shown  # noqa: SLF001 what leaves the process
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://elsewhere.example/v1/logs")
    assert otlp._session("logs", TOKEN) is None  # noqa: SLF001


OWN, PEER = ("127.0.0.1", 40_000), ("127.0.0.1", 8_600)
LISTENS = "0100007F:2198 00000000:0000 0A"
CONNECTED = "0100007F:2198 0100007F:9C40 01"
STRANGER = 12_345


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([(LISTENS, 0, 7), (CONNECTED, 0, 8)], True),
        ([(LISTENS, STRANGER, 7), (CONNECTED, STRANGER, 8)], False),
        ([(LISTENS, 0, 7), (CONNECTED, STRANGER, 8)], False),  # accepted before the monitor came back
        ([(CONNECTED, STRANGER, 8)], False),
        ([(CONNECTED, 0, 8)], True),
        ([(LISTENS, 0, 7), (CONNECTED, 0, 0)], True),  # not accepted yet
        ([(LISTENS, STRANGER, 7), (CONNECTED, 0, 0)], False),
        ([("00000000:2198 00000000:0000 0A", STRANGER, 7), (CONNECTED, 0, 0)], False),
        ([(CONNECTED, 0, 0)], False),
        ([(LISTENS, 0, 7)], False),
        ([(LISTENS, 0, 7), (CONNECTED.replace(" 01", " 06"), 0, 0)], False),
        # A stranger at the same port of another address is in nobody's way.
        ([(LISTENS, 0, 7), (LISTENS.replace("0100", "0900"), STRANGER, 9), (CONNECTED, 0, 0)], True),
        ([], False),
    ],
)
def test_a_token_is_shown_to_no_other_user_s_program(
    tmp_path: Path,
    rows: list[tuple[str, int, int]],
    shown: bool,  # noqa: FBT001 a table
) -> None:
    table = tmp_path / "tcp"
    lines = [f"0: {ends} 00000000:00000000 00:00000000 00000000 {user} 0 {node} 1" for ends, user, node in rows]
    table.write_text("\n".join(["  sl  local_address rem_address   st", *lines, ""]), encoding="ascii")
    assert may_show_token(OWN, PEER, (table, tmp_path / "missing")) is shown


def serve_once(heads: list[bytes], listener: socket.socket) -> None:
    accepted, _ = listener.accept()
    with listener, accepted:
        heads.append(accepted.recv(65_536))
        accepted.sendall(b"HTTP/1.1 200 ok\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_real_tables_know_who_has_the_other_end(
    monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily
) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as asking,
    ):
        ends = asking.getsockname()[:2], asking.getpeername()[:2]
        assert may_show_token(*ends)
        accepted, _ = listener.accept()
        with accepted:
            listener.close()
            assert may_show_token(*ends)
            monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
            assert may_show_token(*ends) is (os.getuid() == 0)


@needs_root
def test_who_kept_a_connection_from_before_the_monitor_came_back_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back = socket.create_server(("127.0.0.1", 0))
    port = back.getsockname()[1]
    back.close()
    script = f"""
import os, socket, sys
os.setuid(65534)
listener = socket.create_server(("127.0.0.1", {port}))
print("listens", flush=True)
kept, _ = listener.accept()
listener.close()
kept.settimeout(10)
for _ in range(2):
    head = b""
    while not head.endswith(b"\\r\\n\\r\\nx"):  # the body may come after the head
        piece = kept.recv(65536)
        if not piece:
            sys.exit(1)
        head += piece
    print(b"Authorization" in head, flush=True)
    kept.sendall(b"HTTP/1.1 401 no\\r\\nContent-Length: 0\\r\\n\\r\\n")
"""
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{port}")
    session = otlp._session("metrics", TOKEN)  # noqa: SLF001 what leaves the process
    assert session is not None
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "listens\n"
        assert session.post(f"http://127.0.0.1:{port}/v1/metrics", data=b"x", timeout=10).status_code == 401
        assert stranger.stdout.readline() == "False\n"
        with socket.create_server(("127.0.0.1", port)):
            session.post(f"http://127.0.0.1:{port}/v1/metrics", data=b"x", timeout=10)
            assert stranger.stdout.readline() == "False\n"


def test_the_monitor_of_this_user_is_shown_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/logs"
    monkeypatch.setenv(ENDPOINT, url)
    session = otlp._session("logs", TOKEN)  # noqa: SLF001 what leaves the process
    assert session is not None
    serving = Thread(target=serve_once, args=(heads, listener))
    serving.start()
    session.post(url, data=b"x", timeout=10)
    serving.join()
    assert f"Authorization: Bearer {TOKEN}".encode() in heads[0]
