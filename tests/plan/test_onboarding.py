"""Fingerprints from a console's file, and keys that are pinned by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import InputRefused, TsunaguError
from controller.plan.playbook_tasks.onboarding import decode_key, encode_key, read_fingerprint
from controller.platforms.transport.host_keys import (
    HostIdentity,
    list_pinned_keys,
    pin_host_key,
    read_known_hosts,
    unpin_host_key,
)
from tests.security.ssh_host import HostKey

GOOD, OTHER = f"SHA256:{'A' * 43}", f"SHA256:{'b' * 42}+"


def write(folder: Path, text: str) -> Path:
    file = folder / "fingerprints.txt"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_line_of_the_device_is_its_fingerprint(tmp_path: Path) -> None:
    file = write(tmp_path, f"# consoles\n\nsw-1 {GOOD} # core\n sw-2\t{OTHER}\n")
    assert read_fingerprint(file, "sw-1") == GOOD
    assert read_fingerprint(file, "sw-2") == OTHER


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "has no line for sw-1"),
        (f"sw-10 {GOOD}\n", 1, "has no line for sw-1"),
        (f"sw-1 {GOOD}\nsw-1 {GOOD}\n", 2, "has a fingerprint further up already"),
        ("sw-1 SHA256:short\n", 1, "expected DEVICE SHA256"),
        (f"sw-1 MD5:{'A' * 43}\n", 1, "expected DEVICE SHA256"),
        (f"sw-1 {GOOD}A\n", 1, "expected DEVICE SHA256"),
        (f"sw-1 {GOOD} x\n", 1, "expected DEVICE SHA256"),
        (f"\nsw-1\n{GOOD}\n", 2, "expected DEVICE SHA256"),
    ],
)
def test_what_is_no_fingerprint_is_named_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(InputRefused, match=said) as refused:
        read_fingerprint(write(tmp_path, text), "sw-1")
    assert refused.value.line == line


@pytest.mark.parametrize("text", ["no base64", "QUJ", "QUJD\n", "\u00e9\u00e9"])
def test_what_is_no_key_of_an_earlier_task_is_refused(text: str) -> None:
    with pytest.raises(TsunaguError, match="expected a host key as an earlier task gave it"):
        decode_key(text)
    assert decode_key(encode_key(b"a key")) == b"a key"


def test_only_the_key_that_was_pinned_is_taken_out_again(tmp_path: Path) -> None:
    mine, others = HostKey(), HostKey()
    identity = HostIdentity("sw-1", "10.0.0.1", ("10.0.0.1",), tmp_path / "known_hosts", "")
    text = f"# kept\n10.0.0.2,10.0.0.1 {others.words}\n@revoked * {HostKey().words}\n"
    (tmp_path / "known_hosts").write_text(text, encoding="ascii")
    (tmp_path / "known_hosts").chmod(0o600)
    assert not unpin_host_key(identity, mine.blob)
    assert (tmp_path / "known_hosts").read_text(encoding="ascii") == text
    pin_host_key(identity, mine.blob)
    assert list_pinned_keys(read_known_hosts(identity)) == [mine.blob]
    assert unpin_host_key(identity, mine.blob)
    after = (tmp_path / "known_hosts").read_text(encoding="ascii")
    assert after == text.replace("10.0.0.2,10.0.0.1", "10.0.0.2")
