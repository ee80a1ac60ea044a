import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.platforms.common.redaction import REDACTED, redact

SECRET = "Hi-m1tsu/9"  # noqa: S105 nobody's
LINES = (
    # Cisco IOS and FRR
    f"enable secret 9 {SECRET}",
    f"enable password {SECRET}",
    f"username admin privilege 15 secret 9 {SECRET}",
    f"username admin password 0 {SECRET}",
    f"snmp-server community {SECRET} RO",
    f"snmp-server host 10.255.0.20 version 2c {SECRET}",
    f"snmp-server user monitor school v3 auth sha {SECRET} priv aes 128 {SECRET}",
    f"  key-string 7 {SECRET}",
    f"tacacs-server host 10.255.0.21 key 7 {SECRET}",
    f"radius-server key {SECRET}",
    f" ip ospf message-digest-key 1 md5 {SECRET}",
    f" neighbor 100.64.0.1 password {SECRET}",
    f"password {SECRET}",
    f" standby 1 authentication md5 {SECRET}",
    f"wpa-psk ascii 0 {SECRET}",
    # Yamaha RTX, NEC UNIVERGE IX
    f"login password {SECRET}",
    f"administrator password encrypted {SECRET}",
    f" pp auth myname school01 {SECRET}",
    f" ipsec ike pre-shared-key 1 text {SECRET}",
    f"  authentication password school01 {SECRET}",
    # hostapd
    f"auth_server_shared_secret={SECRET}",
    f"wpa_passphrase={SECRET}",
)


@pytest.mark.parametrize("line", LINES)
def test_a_secret_is_taken_out(line: str) -> None:
    kept, touched = redact(f"hostname a\n{line}\nend")
    assert touched == 1
    assert SECRET not in kept
    assert kept.splitlines()[1].endswith(REDACTED)
    assert redact(kept) == (kept, 0)


def test_a_private_key_is_taken_out_whole() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\nMIIdef\n-----END RSA PRIVATE KEY-----"
    kept, touched = redact(f"before\n{key}\nafter")
    assert kept == f"before\n{REDACTED}\n{REDACTED}\n{REDACTED}\n{REDACTED}\nafter"
    assert touched == 4


def test_what_is_no_secret_stays() -> None:
    text = (
        "service password-encryption\nip access-list extended TSN-10\n permit tcp any host 10.0.0.1 eq 443\nkeepalive"
    )
    assert redact(text) == (text, 0)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=200))
def test_lines_keep_their_numbers(text: str) -> None:
    kept, _ = redact(text)
    assert kept.count("\n") == text.count("\n")
