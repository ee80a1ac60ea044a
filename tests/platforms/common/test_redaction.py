import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.platforms.device_text.redaction import REDACTED, redact

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


@pytest.mark.parametrize(
    "form",
    [
        # Begins as a name of ours, and is none.
        "password {}",
        "enable secret {}",
        "key 7 {}",
        "snmp-server user {}",
        "username admin {}",
        "password\n {}",
        # Behind `=`, in a list, and settings in settings.
        "server=password,{}",
        "server=password,12345,{}",
        "server=password {}",
        "ip=ip=password={}",
        "ip=1,ip=password={} {}",
        "key-string\n {}",
        "username taro\n password-hash\n  {}",
    ],
)
@pytest.mark.parametrize("secret", ["tsn-kawasaki-2026", "TSN-public", "7391", "12345"])
def test_a_value_behind_a_word_for_a_secret_is_hidden_whatever_it_looks_like(form: str, secret: str) -> None:
    if form.endswith("username admin {}") and secret.isdigit():
        return  # a number of a person is a privilege level as well
    kept, _ = redact(form.replace("{}", secret))
    assert secret not in kept


@pytest.mark.parametrize(
    "line",
    [
        "crypto engineid aa:bb:cc:dd:ee:ff:00:11",
        "snmp-server engineID local aa:bb:cc:dd:ee:ff:00:11",
        "interface aa:bb:cc:dd:ee:ff:00:11",
        "username u 1a2b:3c4d:5e6f:7081:92a3:b4c5:d6e7:f809",
    ],
)
def test_pairs_and_keys_with_colons_are_no_addresses(line: str) -> None:
    assert redact(line)[0].endswith(REDACTED)


def test_addresses_and_names_of_ours_stay() -> None:
    text = (
        "ip route 2001:db8:1:2:3:4:5:6/128 2001:db8::1\ninterface port1.0.1\n description TSN-host\n"
        "ip access-list extended TSN-10"
    )
    assert redact(text) == (text, 0)


REST = "interface port1.0.1\n switchport mode access"


@pytest.mark.parametrize(
    "line",
    [
        "banner motd (notice) Kawasaki",
        "banner motd !",
        "banner motd \u3010\u6ce8\u610f\u3011 use",
        "description x-----BEGIN y",
        "-----BEGIN CERTIFICATE-----",
        "description old PuTTY-User-Key-File",
        "PuTTY-User-Key-File-2: ssh-rsa",
    ],
)
def test_what_never_ends_hides_no_more_than_its_line(line: str) -> None:
    assert redact(f"{line}\n{REST}")[0].split("\n", 1)[1] == REST


def test_a_block_ends_after_so_many_lines_as_no_key_has() -> None:
    text = "-----BEGIN RSA PRIVATE KEY-----\n" + "end\n" * 250
    assert redact(text)[0].split("\n")[150] == REDACTED
    assert redact(text)[0].split("\n")[240] == "end"


@pytest.mark.parametrize("delimiter", ["^C", "!", "#"])
def test_a_banner_that_ends_is_hidden_up_to_there(delimiter: str) -> None:
    text = f"banner motd {delimiter}\n interface port1.0.1 of {SECRET}\n{delimiter}\n{REST}"
    assert redact(text)[0] == f"banner motd {delimiter}\n{REDACTED}\n{delimiter}\n{REST}"


@pytest.mark.parametrize("repeated", ["ip=", "ip=1,", "ip,ip=", "a=", "=", ",", "ip=a=", '"="'])
def test_a_line_of_settings_in_settings_is_redacted_in_steps(repeated: str) -> None:
    kept, _ = redact(repeated * (16_000 // len(repeated)))
    assert kept


URL_WORD = "Passw0rd-7"


@pytest.mark.parametrize(
    "line",
    [
        " path ftp://backup:{}@10.0.0.5/$h",
        " path scp://backup:{}@nas.school.example/$h-$t",
        " path FTP://Backup:{}@10.0.0.5/h",
        " path ftp://backup:a@b{}@10.0.0.5/$h",
        " path ftp://:{}@10.0.0.5/$h",
        " path ftp://backup%3A{}@10.0.0.5/h",
        ' path "ftp://backup:{}@10.0.0.5/x"',
        "boot system ftp://u:{}@10.0.0.5/ios.bin",
        "copy running-config sftp://u:{}@[2001:db8::5]:22/x",
        " url http://user:{}@10.0.0.5:8080/a?b=c",
        " destination address http https://u:{}@tools.example/x",
        ' action 1 cli command "copy run tftp://u:{}@h/"',
        " cli copy run rcp://u:{}@h/x",
        "http proxy-url http://{}@proxy:8080",
        "url script-list http://10.0.0.1/?password={}",
        "description see ftp://u:{}@h/",
    ],
)
def test_a_password_in_an_address_does_not_stay(line: str) -> None:
    text = f"archive\n{line.format(URL_WORD)}\n"
    assert URL_WORD not in redact(text)[0]
    assert "backup:" not in redact(text)[0]
