"""Folders of others: nothing outside a folder is read, nothing but regular files, and nothing of a file is shown.

Seen before: a symbolic link in `policies/` printed a private key in the error message; a FIFO blocked for ever.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import InputRefused, PolicyError, TsunaguError
from controller.inputs.input_file import InputFolder, read_input_file
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.loading.rewrite_older_formats import find_policy_files, plan_rewrites
from controller.model.policy_files import POLICY_FILES
from controller.plan.saved_configurations import read_saved_configurations
from controller.plan.select import Selection, select_devices
from controller.plan.what_if.policy_sources import extract_revision
from stacks.settings.migrations import find_stack_files
from stacks.settings.outputs import OUTPUT, write_outputs
from tests.cli.running import here
from tests.policies import SHIPPED, TODAY, PolicyFolder

SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAA\n-----END OPENSSH PRIVATE KEY-----\n"  # noqa: S105 invented
Spoil = Callable[[Path, Path], object]
"""Puts something in place of a file; the second path is that of a secret outside the folder."""


def socket_at(path: Path, _secret: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)
    try:
        # The path of a socket may have a hundred bytes only.
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)


def link_to_a_link(path: Path, secret: Path) -> None:
    path.with_name("first").symlink_to(os.path.relpath(secret, path.parent))
    path.symlink_to("first")


def link_through_folders(path: Path, secret: Path) -> None:
    (path.parent / "deep").mkdir()
    (path.parent / "deep/up").symlink_to("../../..")
    path.symlink_to(Path("deep/up") / os.path.relpath(secret, path.parent / "../.."))


SPOILED: dict[str, Spoil] = {
    "an absolute link": lambda path, secret: path.symlink_to(secret),
    "a relative link": lambda path, secret: path.symlink_to(os.path.relpath(secret, path.parent)),
    "a link to a link": link_to_a_link,
    "a link through folders": link_through_folders,
    "a link to the environment": lambda path, _: path.symlink_to("/proc/self/environ"),
    "a link to endless zeros": lambda path, _: path.symlink_to("/dev/zero"),
    "a link to what never answers": lambda path, _: path.symlink_to("/dev/stdin"),
    "a link to nothing": lambda path, _: path.symlink_to("nothing"),
    "a link to itself": lambda path, _: path.symlink_to(path.name),
    "a FIFO": lambda path, _: os.mkfifo(path),
    "a socket": socket_at,
    "a folder": lambda path, _: path.mkdir(),
}
ONE_OF_EACH_KIND = ["access/rules.yaml", "access/prefixes/x.yaml", "stack-outputs/lab.json", "measurement.yaml"]


@pytest.fixture(scope="module")
def city() -> City:
    return load_city(SHIPPED, on=TODAY)


def spoil(path: Path, how: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    path.unlink(missing_ok=True)
    SPOILED[how](path, secret)


def holds_nothing_of(text: str, secret: str) -> bool:
    return not any(line[:8] in text for line in secret.splitlines())


@pytest.mark.parametrize("how", SPOILED)
def test_the_opener_reads_regular_files_of_the_folder(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "a/b/policies"
    folder.mkdir(parents=True)
    spoil(folder / "x.yaml", how, tmp_path)
    with pytest.raises((InputRefused, FileNotFoundError)) as refused:
        InputFolder(folder).read_bytes("x.yaml")
    assert isinstance(refused.value, InputRefused) or how == "a link to nothing"
    assert holds_nothing_of(str(refused.value), SECRET)
    assert InputFolder(folder).list_names("", "*.yaml") == ["x.yaml"]


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
@pytest.mark.parametrize("how", ["a relative link", "a FIFO", "a folder", "a link to nothing"])
def test_a_policy_is_refused_by_the_name_of_the_file(
    policies: PolicyFolder, tmp_path: Path, name: str, how: str
) -> None:
    spoil(policies.path / name, how, tmp_path)
    problems = policies.problems()
    assert any(problem.startswith(f"{name}:1: ") for problem in problems), problems
    assert holds_nothing_of("\n".join(problems), SECRET)


def test_check_tells_nothing_of_a_key(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    spoil(policies.path / "access/prefixes/x.yaml", "an absolute link", tmp_path)
    done = here("check", cwd=tmp_path)
    assert done.code == 1
    assert "policies/access/prefixes/x.yaml:1: is a symbolic link to an absolute path" in done.errors
    assert holds_nothing_of(done.said + done.errors, SECRET)


@pytest.mark.parametrize("folder", ["access", "access/prefixes", "city/schools", "stack-outputs"])
def test_a_folder_that_is_a_link_is_not_followed(policies: PolicyFolder, tmp_path: Path, folder: str) -> None:
    moved = (policies.path / folder).rename(tmp_path / "moved")
    (policies.path / folder).symlink_to(moved)
    assert any("is a symbolic link to an absolute path" in problem for problem in policies.problems())
    with pytest.raises(InputRefused, match="absolute path"):
        plan_rewrites(find_policy_files(policies.path))


def test_links_that_stay_in_the_folder_are_followed(policies: PolicyFolder) -> None:
    # A mounted volume of a container looks so.
    (policies.path / "data").mkdir()
    (policies.path / "access/rules.yaml").rename(policies.path / "data/rules.yaml")
    (policies.path / "access/rules.yaml").symlink_to("../now/rules.yaml")
    (policies.path / "now").symlink_to("data")
    assert policies.problems() == []


def test_the_folder_itself_may_be_a_link(policies: PolicyFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(policies.path)
    assert load_city(tmp_path / "link", on=TODAY).schools


@pytest.mark.parametrize("how", SPOILED)
def test_a_saved_configuration_is_read_by_the_same_rules(city: City, tmp_path: Path, how: str) -> None:
    device = next(one for one in select_devices(city, Selection()) if one.platform == "cisco_ios")
    folder = tmp_path / "a/b/configs"
    folder.mkdir(parents=True)
    spoil(folder / f"{device.id}.cfg", how, tmp_path)
    (observed,) = read_saved_configurations([device], folder)
    assert observed.observation is None
    assert holds_nothing_of(str(observed.refusal), SECRET)


def test_a_stacks_configuration_is_read_by_the_same_rules(tmp_path: Path) -> None:
    spoil(tmp_path / "Pulumi.lab.yaml", "a FIFO", tmp_path)
    with pytest.raises(InputRefused, match="is a named pipe"):
        list(find_stack_files(tmp_path))


def test_outputs_are_not_written_through_a_link(policies: PolicyFolder, tmp_path: Path) -> None:
    outside = (policies.path / "stack-outputs").rename(tmp_path / "outside")
    before = (outside / "lab.json").read_bytes()
    (policies.path / "stack-outputs").symlink_to("../outside")
    with pytest.raises(InputRefused, match="leads out of its folder"):
        write_outputs(policies.path, "lab", 1, {OUTPUT: {"applications": {}}})
    assert (outside / "lab.json").read_bytes() == before


def test_a_link_in_a_git_revision_is_refused(policies: PolicyFolder, tmp_path: Path) -> None:
    git = ["git", "-C", str(policies.path), "-c", "user.name=t", "-c", "user.email=t@t.example"]
    subprocess.run([*git, "init", "-q"], check=True)
    spoil(policies.path / "access/prefixes/x.yaml", "an absolute link", tmp_path)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    with (
        pytest.raises(TsunaguError, match=r"access/prefixes/x\.yaml:1: is a link in this revision"),
        extract_revision(policies.path, "HEAD"),
    ):
        pass


def test_an_edit_of_what_if_is_read_by_the_same_rules(policies: PolicyFolder, tmp_path: Path) -> None:
    folder = tmp_path / "edits"
    folder.mkdir()
    spoil(folder / "rules.yaml", "a relative link", tmp_path)
    with pytest.raises(PolicyError, match="leads out of its folder") as refused:
        load_city(policies.path, instead={"access/rules.yaml": folder / "rules.yaml"})
    assert holds_nothing_of(str(refused.value), SECRET)


def test_sizes_and_numbers_of_files_are_bounded(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.yaml").write_bytes(b"x" * 100)
    assert InputFolder(tmp_path, most_bytes=100).read_bytes("0.yaml") == b"x" * 100
    with pytest.raises(InputRefused, match="larger than 99 bytes"):
        InputFolder(tmp_path, most_bytes=99).read_bytes("0.yaml")
    with pytest.raises(InputRefused, match="holds more than 3 entries"):
        InputFolder(tmp_path, most_files=3).list_names("", "*.yaml")
    whole = InputFolder(tmp_path, most_bytes_in_all=250)
    whole.read_bytes("0.yaml")
    whole.read_bytes("1.yaml")
    with pytest.raises(InputRefused, match="the folder holds more than 250 bytes"):
        whole.read_bytes("2.yaml")


def test_a_file_that_says_it_is_empty_is_bounded_too() -> None:
    # Files of /proc say that they have no bytes.
    with pytest.raises(InputRefused, match="larger than 10 bytes"):
        read_input_file(Path("/proc/cpuinfo"), most_bytes=10)


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "..", "a/.."])
def test_a_name_does_not_lead_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")
    (tmp_path / "policies/a").mkdir(parents=True)
    with pytest.raises(InputRefused):
        InputFolder(tmp_path / "policies").read_bytes(name)


def test_what_is_no_text_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "x.cfg").write_bytes(b"one\ntwo\n\xff\n")
    with pytest.raises(InputRefused, match=r"x\.cfg:3: cannot be read as UTF-8 text: byte 0xff"):
        InputFolder(tmp_path).read_text("x.cfg")


def test_a_file_name_with_control_characters_is_refused(policies: PolicyFolder) -> None:
    (policies.path / "access/prefixes/\x1b[2J.yaml").write_text("x: 1", encoding="utf-8")
    (problem,) = [one for one in policies.problems() if "control characters" in one]
    assert "\x1b" not in problem


def test_a_file_that_is_exchanged_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(tmp_path / "x.yaml", "a folder", tmp_path)
    (tmp_path / "x.yaml").rmdir()
    (tmp_path / "x.yaml").write_text("good: 1", encoding="utf-8")
    plain_open = os.open

    def exchange(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "x.yaml":
            (tmp_path / "x.yaml").unlink()
            (tmp_path / "x.yaml").symlink_to("secret")
        return plain_open(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr("controller.inputs.input_file.os.open", exchange)
    with pytest.raises(InputRefused, match="cannot be read"):
        InputFolder(tmp_path).read_bytes("x.yaml")


PARTS = st.sampled_from(["..", ".", "a", "b", "secret", "link", "/", ""])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(target=st.lists(PARTS, min_size=1, max_size=6), name=st.lists(PARTS, min_size=1, max_size=4))
def test_no_link_and_no_name_reaches_what_is_outside(tmp_path: Path, target: list[str], name: list[str]) -> None:
    folder = tmp_path / "top/policies"
    if not folder.exists():
        (folder / "a/b").mkdir(parents=True)
        for path in (tmp_path / "secret", tmp_path / "top/secret"):
            path.write_text(SECRET, encoding="utf-8")
        (folder / "a/secret").write_text("inside", encoding="utf-8")
    link = folder / "a/link"
    link.unlink(missing_ok=True)
    link.symlink_to("/".join(target) or ".")
    try:
        content = InputFolder(folder).read_bytes("/".join(name))
    except (InputRefused, FileNotFoundError):
        return
    assert content == b"inside"


def test_every_kind_of_policy_file_is_read_by_the_opener(tmp_path: Path) -> None:
    """A kind that is added later is held to it too."""
    policies = PolicyFolder(tmp_path)
    for file in POLICY_FILES:
        name = file.name_for("lab" if "stack" in file.name else "x")
        path = policies.path / name
        before = path.read_bytes() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        spoil(path, "an absolute link", tmp_path)
        problems = policies.problems()
        path.unlink()
        if before is not None:
            path.write_bytes(before)
        assert any(one.startswith(f"{name}:1: is a symbolic link") for one in problems), name


def test_what_this_user_may_not_read_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may read everything, so the kernel's answer is played."""
    policies = PolicyFolder(tmp_path)
    real = os.open

    def open_some(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path in ("rules.yaml", "schools"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_some)
    problems = policies.problems()
    assert "access/rules.yaml:1: may not be read by this user" in problems
    assert "city/schools:1: may not be read by this user" in problems
    assert InputFolder(policies.path / "city").exists("schools/asao.yaml")
