"""Attacks on the operators' file: who else could write it, replace it, or have it name their files."""

from __future__ import annotations

import json
import os
import re
import stat
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.errors import OperationsRefused, TsunaguError
from controller.model.yaml_source import SECRET_FIELDS
from controller.operations.device_access import DeviceAccess, JumpHost
from controller.operations.operations import Operations, Tokens
from controller.operations.operators_file import load_operations
from controller.operations.trusted_files import find_file_fault
from tests.missing_parts import needs_root

GOOD = "format: 1\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a repository with policies, and an operators' folder, all apart; the working folder is elsewhere."""
    for name in ("home", "repository/.git", "repository/policies/city", "operators", "work"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def write(path: Path, text: str = GOOD, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refused(place: Path, path: Path) -> str:
    with pytest.raises(OperationsRefused) as caught:
        load_operations(path, policies=place / "repository/policies")
    return str(caught.value)


@given(mode=st.integers(0, 0o777))
@example(mode=0o620)
@example(mode=0o602)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_a_file_that_others_can_change_is_refused(place: Path, mode: int) -> None:
    path = write(place / "operators/operations.yaml", mode=mode | 0o400)
    if mode & 0o022:
        assert "can be changed by others" in refused(place, path)
    else:
        assert load_operations(path) == Operations()
    path.chmod(0o600)


@pytest.mark.parametrize("uid", [1, 65534, os.geteuid() + 7])
def test_a_file_of_somebody_else_is_refused(uid: int) -> None:
    status = os.stat_result((stat.S_IFREG | 0o600, 1, 1, 1, uid, 0, 1, 0, 0, 0))
    assert "belongs to user" in find_file_fault(status)


@needs_root
def test_a_file_that_was_given_away_is_refused(place: Path) -> None:
    path = write(place / "operators/operations.yaml")
    os.chown(path, 65534, 65534)
    assert "belongs to user 65534" in refused(place, path)


def test_a_folder_above_it_that_others_can_change_is_refused(place: Path) -> None:
    path = write(place / "operators/deep/er/operations.yaml")
    (place / "operators/deep").chmod(0o777)
    assert "which others can change" in refused(place, path)


@pytest.mark.parametrize("links", [["open/link"], ["operators/a", "open/link"], ["operators/a", "open/link", "work/b"]])
def test_a_link_in_a_folder_that_others_can_change_is_refused(place: Path, links: list[str]) -> None:
    write(place / "deep/operations.yaml")
    (place / "open").mkdir()
    for link, target in pairwise([*links, "deep"]):
        (place / link).symlink_to(place / target)
    path = place / links[0] / "operations.yaml"
    assert load_operations(path) == Operations()
    (place / "open").chmod(0o777)
    assert f"stands below {place}/open, which others can change" in refused(place, path)


@needs_root
def test_a_link_of_somebody_else_is_refused(place: Path) -> None:
    write(place / "deep/operations.yaml")
    (place / "open").mkdir()
    (place / "open").chmod(0o1777)
    (place / "open/link").symlink_to("../deep")
    assert load_operations(place / "open/link/operations.yaml") == Operations()
    os.chown(place / "open/link", 65534, 65534, follow_symlinks=False)
    assert "which belongs to user 65534" in refused(place, place / "open/link/operations.yaml")


def test_a_private_file_must_not_be_readable() -> None:
    status = os.stat_result((stat.S_IFREG | 0o640, 1, 1, 1, os.geteuid(), 0, 1, 0, 0, 0))
    assert "can be read by others" in find_file_fault(status, private=True)


@pytest.mark.parametrize(
    "name",
    [
        "repository/policies/operations.yaml",
        "repository/policies/city/x.yaml",
        "repository/operations.yaml",
        "repository/.git/operations.yaml",
        "repository/policies/../operations.yaml",
        "work/operations.yaml",
        "work/deep/operations.yaml",
        "operators/../work/operations.yaml",
    ],
)
def test_it_must_not_stand_among_policies_or_in_the_working_folder(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place / name
    write(path)
    assert "must not stand among policies or in the working folder" in refused(place, path)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(path))
    with pytest.raises(OperationsRefused, match="must not stand among policies"):
        load_operations(policies=place / "repository/policies")


def test_a_link_in_the_repository_must_not_lead_to_it(place: Path) -> None:
    real = write(place / "operators/operations.yaml")
    link = place / "repository/operations.yaml"
    link.symlink_to(real)
    assert "must not stand among policies" in refused(place, link)


def test_a_link_must_not_lead_into_the_repository(place: Path) -> None:
    real = write(place / "repository/policies/mine.yaml")
    link = place / "operators/operations.yaml"
    link.symlink_to(real)
    assert "must not stand among policies" in refused(place, link)
    folder = place / "operators/linked"
    folder.symlink_to(place / "repository")
    write(place / "repository/operations.yaml")
    assert "must not stand among policies" in refused(place, folder / "operations.yaml")


def test_a_link_is_no_file_of_the_operators(place: Path) -> None:
    link = place / "operators/operations.yaml"
    link.symlink_to(write(place / "elsewhere/operations.yaml"))
    assert "is a symbolic link" in refused(place, link)


def test_what_is_no_regular_file_does_not_block(place: Path) -> None:
    os.mkfifo(place / "operators/operations.yaml", 0o600)
    assert "is no regular file" in refused(place, place / "operators/operations.yaml")
    assert "is no regular file" in refused(place, place / "operators")


def test_a_huge_file_is_refused(place: Path) -> None:
    assert "is larger than" in refused(place, write(place / "operators/o.yaml", GOOD + "#" * (1 << 20)))


@pytest.mark.parametrize("value", ["operations.yaml", "./operations.yaml", "../repository/operations.yaml"])
def test_a_path_that_depends_on_the_working_folder_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    write(place / "work/operations.yaml")
    monkeypatch.setenv("TSUNAGU_OPERATIONS", value)
    with pytest.raises(OperationsRefused, match="begins with / or ~/"):
        load_operations()


FIELDS = {
    "known hosts": "access: {{a: {{user: u, key: {{env: K}}, known-hosts: {path}}}}}",
    "a key": "access: {{a: {{user: u, key: {{file: {path}}}, known-hosts: /k}}}}",
    "a read-only key": "access: {{a: {{user: u, key: {{env: K}}, read-key: {{file: {path}}}, known-hosts: /k}}}}",
    "a program": "access: {{a: {{user: u, password: {{command: [{path}]}}, known-hosts: /k}}}}",
    "a script": "access: {{a: {{user: u, key: {{command: [/bin/sh, {path}]}}, known-hosts: /k}}}}",
    "an option": "access: {{a: {{user: u, key: {{command: [/bin/x, --file={path}]}}, known-hosts: /k}}}}",
    "a short option": "access: {{a: {{user: u, key: {{command: [/bin/x, -f{path}]}}, known-hosts: /k}}}}",
    "the last of a list": "access: {{a: {{user: u, key: {{command: [/bin/x, 'P=/x:{path}:/y']}}, known-hosts: /k}}}}",
    "words in a word": "access: {{a: {{user: u, key: {{command: [/bin/x, '-S/x {path} y']}}, known-hosts: /k}}}}",
    "a jump host": "access: {{a: {{user: u, key: {{env: K}}, known-hosts: /k, jump-host: "
    "{{host: h, user: u, key: {{env: K}}, known-hosts: {path}}}}}}}",
    "signers": "approvals: {{allowed-signers: {path}}}",
    "revoked keys": "approvals: {{allowed-signers: /s, revoked-keys: {path}}}",
    "a token": "tokens: {{probe: {path}}}",
    "the head": "audit: {{head: {path}}}",
    "the state": "state: {path}",
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["repository/policies/x", "repository/x", "work/x", "linked/x"])
def test_it_must_not_name_a_file_that_a_pull_request_can_change(place: Path, field: str, name: str) -> None:
    (place / "linked").symlink_to(place / "repository/policies")
    text = GOOD + FIELDS[field].format(path=place / name) + "\n"
    assert "must not stand among policies or in the working folder" in refused(
        place, write(place / "operators/o", text)
    )


def test_a_word_of_a_command_is_seen_from_where_the_command_runs(place: Path) -> None:
    named = str(place / "repository/x").removeprefix("/")
    text = f"{GOOD}access: {{a: {{user: u, key: {{command: [/bin/sh, {named}]}}, known-hosts: /k}}}}\n"
    assert "must not stand among policies" in refused(place, write(place / "operators/o", text))


@pytest.mark.parametrize(
    "command",
    [
        *("/bin/sh, -c, 'cat x'", "/usr/bin/env, bash, -ec, x", "/bin/bash, --norc, -lc, x", "/bin/busybox, sh, -c, x"),
        *("/usr/bin/env, -S, 'sh x'", "/usr/bin/env, '-iSsh x'", "/usr/bin/env, '--split-string=sh x'"),
        *("/usr/bin/perl, -e, x", "/usr/bin/perl, -I, /x, -wE, x", "/usr/bin/perl5.36.0, -nex", "/usr/bin/ruby, -e, x"),
        *("/usr/bin/python3, -c, x", "/usr/bin/python3.11, -Icx", "/usr/bin/env, -i, python3, -c, x"),
        *("/usr/bin/node, --eval=x", "/usr/bin/node, -pe, x", "/usr/bin/php, -r, x", "/usr/bin/lua5.4, -e, x"),
        *("/usr/bin/awk, x", "/usr/bin/gawk, -v, a=b, x", "/usr/bin/nice, -n, '5', /usr/bin/mawk, x"),
        *("/usr/bin/tcsh, -c, x", "/usr/bin/pwsh, -Command, x", "/usr/bin/deno, eval, x"),
    ],
)
def test_a_script_within_a_command_is_refused(place: Path, command: str) -> None:
    text = f"{GOOD}access: {{a: {{user: u, key: {{command: [{command}]}}, known-hosts: /k}}}}\n"
    assert "a script within the command cannot be checked" in refused(place, write(place / "operators/o", text))


@pytest.mark.parametrize(
    "command",
    [
        *("/usr/bin/pass, show, ~/x, -c, a/b", "/bin/sh, ~/x", "/usr/bin/python3, ~/x", "/usr/bin/env, A=b, ~/x"),
        *("/usr/bin/perl, ~/x", "/usr/bin/awk, -f, ~/x", "/usr/bin/gawk, --file=/x, ~/x", "/opt/envelope, -S, x"),
    ],
)
def test_a_command_with_words_of_other_places_is_read(place: Path, command: str) -> None:
    text = f"{GOOD}access: {{a: {{user: u, key: {{command: [{command}]}}, known-hosts: /k}}}}\n"
    assert load_operations(write(place / "operators/o", text), policies=place / "repository/policies").access["a"].key


@pytest.mark.parametrize("inner", ["file", "link", "folder"])
@pytest.mark.parametrize("depth", [1, 2])
def test_every_repository_around_the_policies_counts(place: Path, inner: str, depth: int) -> None:
    # A submodule has a file `.git`, and the repository that holds it brings what stands beside it.
    apart = place / "elsewhere.git"
    apart.mkdir()
    for folder in [place / "repository/policies", place / "repository/policies/city"][:depth]:
        git = folder / ".git"
        if inner == "file":
            git.write_text(f"gitdir: {apart}\n")
        elif inner == "link":
            git.symlink_to(apart)
        else:
            git.mkdir()
    beside = write(place / "repository/operators/operations.yaml")
    with pytest.raises(OperationsRefused, match="repository"):
        load_operations(beside, policies=place / ("repository/policies/city" if depth > 1 else "repository/policies"))


def test_a_home_of_which_the_settings_are_a_repository_may_hold_clones(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(place))
    (place / ".git").mkdir()
    own = write(place / "operators/operations.yaml")
    assert load_operations(own, policies=place / "repository/policies") == Operations()
    (place / "repository/.git").rmdir()
    (place / "repository/.git").write_text("gitdir: ../.git/modules/repository\n")
    assert "must not stand among policies" in refused(place, own)


@pytest.mark.parametrize(
    "written",
    [
        *("approvals: {require: [{schools: 1, approvals: false}]}", "plans: {expire-after-hours: true}"),
        *('plans: {expire-after-hours: "024"}', "plans: {expire-after-hours: 24.0}", 'cloud-bounds: {ipv4: "28"}'),
        *("rollout: {schools-at-once: true}", "format: 1.0", "format: true"),
    ],
)
def test_a_number_is_a_number_and_nothing_else(place: Path, written: str) -> None:
    text = written if "format" in written else GOOD + written
    assert re.search("write |whole number", refused(place, write(place / "operators/o", f"{text}\n")))


SECRETS = [
    *("password: SECRETSECRET", "password: [SECRETSECRET]", "password: {SECRETSECRET}", "password: 01234567890"),
    *("key: SECRETSECRET", "key: 0x7345", "password: {env: 's3 SECRET'}", "password: {file: SECRETSECRET}"),
    *("password: {command: SECRETSECRET}", "key: {command: [SECRETSECRET]}", "key: {env: [SECRETSECRET]}"),
    *("key: {file: /k}, read-key: SECRETSECRET", "key: {file: /k}, read-key: {file: SECRETSECRET}"),
    *("key: {file: /k}, enable: SECRETSECRET", "key: {file: /k}, enable: {file: SECRETSECRET}"),
    "key: {file: /k}, jump-host: {host: h, user: u, known-hosts: /a, key: SECRETSECRET}",
]


@pytest.mark.parametrize("written", [*SECRETS, "tokens: SECRETSECRET", "tokens: {probe: SECRETSECRET}"])
def test_a_secret_that_is_written_by_mistake_is_not_shown(place: Path, written: str) -> None:
    text = f"access: {{a: {{user: u, known-hosts: /k, {written}}}}}\n"
    said = refused(place, write(place / "operators/o", GOOD + (f"{written}\n" if "tokens" in written else text)))
    assert not [one for one in ("SECRET", "01234567890", "0x7345") if one in said]


def test_every_field_that_names_a_secret_is_known_as_one() -> None:
    found = {
        field.alias or name
        for model in (DeviceAccess, JumpHost, Operations)
        for name, field in model.model_fields.items()
        if "CredentialSource" in str(field.annotation) or field.annotation is Tokens
    }
    assert found == {"key", "next-key", "previous-key", "password", "read-key", "enable", "tokens"}
    assert found <= SECRET_FIELDS


NAMESPACES = st.one_of(
    st.sampled_from(["../../proc/1/ns/net", "/proc/1/ns/net", "..", ".", "", "a/b", "a\\b", "-x", "a\nb", "a\x00b"]),
    st.text(min_size=1, max_size=12).filter(lambda text: any(one in text for one in "/\\ \n\x1b{")),
)


@given(name=NAMESPACES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_a_namespace_is_a_name_and_never_a_path(place: Path, name: str) -> None:
    access = {"user": "u", "key": {"env": "K"}, "known-hosts": "/k", "namespace": name}
    path = write(place / "operators/o.yaml", GOOD + "access: " + json.dumps({"a": access}) + "\n")
    assert "namespace" in refused(place, path) or "YAML" in refused(place, path)


def test_the_default_file_must_not_lead_into_the_repository(place: Path) -> None:
    write(place / "repository/operations.yaml")
    own = place / "home/.config"
    own.mkdir()
    (own / "tsunagu").symlink_to(place / "repository")
    with pytest.raises(OperationsRefused, match="must not stand among policies"):
        load_operations(policies=place / "repository/policies")
    (own / "tsunagu").unlink()
    (own / "tsunagu").mkdir()
    (own / "tsunagu/operations.yaml").symlink_to(place / "nowhere")
    with pytest.raises(OperationsRefused, match="is a symbolic link"):
        load_operations(policies=place / "repository/policies")


@pytest.mark.parametrize("start", ["home", ".", "/"])
def test_a_service_may_start_where_the_home_folder_lies(
    place: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    write(place / "home/.config/tsunagu/operations.yaml", GOOD + "plans: {expire-after-hours: 3}\n")
    monkeypatch.chdir(start if start == "/" else place / start)
    assert load_operations(policies=place / "repository/policies").plans.expire_after_hours == 3


@pytest.mark.parametrize("home", ["repository", "repository/deep", "repository/policies"])
def test_a_repository_that_the_home_folder_lies_in_is_none_of_the_operators(
    place: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    (place / home).mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(place / home))
    monkeypatch.chdir(place / "repository")
    write(place / home / ".config/tsunagu/operations.yaml")
    with pytest.raises(OperationsRefused, match="must not stand among policies"):
        load_operations(policies=place / "repository/policies")


def test_without_a_home_folder_that_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_no_account(_: int) -> NoReturn:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", find_no_account)
    monkeypatch.delenv("HOME")
    with pytest.raises(TsunaguError, match="HOME is not set"):
        load_operations(policies=place / "repository/policies")
    with pytest.raises(TsunaguError, match="set HOME"):
        load_operations(write(place / "operators/o", GOOD + "state: ~/state\n"))
    whole = "state: /s\ntokens: {controller: /c, probe: /p}\n"
    monkeypatch.chdir("/")
    assert load_operations(write(place / "operators/o", GOOD + whole)).state == Path("/s")
    monkeypatch.setenv("HOME", "relative")
    with pytest.raises(TsunaguError, match="depends on the working folder"):
        load_operations()


def test_another_users_home_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUNAGU_OPERATIONS", "~nosuch/o.yaml")
    with pytest.raises(OperationsRefused, match="begins with / or ~/"):
        load_operations()


def test_a_working_folder_inside_a_repository_means_all_of_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "repository/deep/er").mkdir(parents=True)
    monkeypatch.chdir(place / "repository/deep/er")
    path = write(place / "repository/elsewhere/operations.yaml")
    with pytest.raises(OperationsRefused, match="must not stand among policies or in the working folder"):
        load_operations(path)
