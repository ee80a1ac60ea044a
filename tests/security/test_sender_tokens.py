"""A sender's token stands in a file that only its user reads, and is shown to this machine's own monitor only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import requests

from controller.errors import TokenRefused
from controller.telemetry import otlp
from controller.telemetry.registry import Writer
from controller.telemetry.writer_tokens import make_token, may_show_token, read_token
from monitoring.ingest.sender_tokens import load_sender_tokens
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
    assert load_sender_tokens(files).find_writer([f"Bearer {kept[Writer.PROBE]}"]) is Writer.PROBE
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
    monkeypatch.setenv(otlp.ENDPOINT, url)
    for signal in ("traces", "metrics", "logs"):
        assert (otlp._session(signal, TOKEN) is not None) is shown  # noqa: SLF001 what leaves the process
    assert may_show_token(url, ()) is shown
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://elsewhere.example/v1/logs")
    assert otlp._session("logs", TOKEN) is None  # noqa: SLF001


@pytest.mark.parametrize(
    ("state", "port", "user", "shown"),
    [
        ("0A", 8600, 0, True),
        ("0A", 8600, 12_345, False),
        ("0A", 8601, 12_345, True),
        ("01", 8600, 12_345, True),
    ],
)
def test_a_token_is_shown_to_no_other_user_s_program(  # noqa: PLR0913, PLR0917 a table
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    port: int,
    user: int,
    shown: bool,  # noqa: FBT001
) -> None:
    table = tmp_path / "tcp"
    words = f"0: 0100007F:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {user} 0 1 1"
    table.write_text(f"  sl  local_address rem_address   st\n   {words}\n", encoding="ascii")
    tables = (table, tmp_path / "missing")
    assert may_show_token("http://127.0.0.1:8600/v1/logs", tables) is shown
    monkeypatch.setattr(otlp, "may_show_token", lambda url: may_show_token(url, tables))
    request = requests.Request("POST", "http://127.0.0.1:8600/v1/logs").prepare()
    assert ("Authorization" in otlp.show_token(TOKEN, request).headers) is shown
