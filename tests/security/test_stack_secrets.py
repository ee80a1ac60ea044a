"""No salt of the rehearsal's passphrase is committed for a real stack, and that passphrase opens nothing at Google."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controller.cloud.passphrase import refuse_known_passphrase
from controller.cloud.pulumi_engine import STACKS
from controller.errors import CloudError
from controller.offline_google import rehearsal
from controller.offline_google.environment import OFFLINE, PASSPHRASE, RehearsalFolder
from controller.offline_google.rehearsal_project import prepare_rehearsal_project

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "stacks" / "config"
COMMITTED_ONCE = "v1:YmTihwK7CYM=:v1:O3AuiR2eBS7n8XYM:8AOoIXi2j5Y4o/lPraR/3VXu1tI8pA=="
"""What stood in production's configuration."""


def make_salt(passphrase: str) -> str:
    """A salt as the engine makes one for a passphrase."""
    start, nonce = os.urandom(8), os.urandom(12)
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), start, 1_000_000, 32)
    parts = (start, nonce, AESGCM(key).encrypt(nonce, b"pulumi", None))
    first, second, third = (base64.b64encode(part).decode() for part in parts)
    return f"v1:{first}:v1:{second}:{third}"


def write_config(folder: Path, salt: str) -> Path:
    file = folder / "Pulumi.production.yaml"
    file.write_text(f"config: {{}}\nencryptionsalt: {salt}\n")
    return file


def test_no_salt_and_no_key_is_committed() -> None:
    for stack in STACKS:
        found = yaml.safe_load((CONFIG / f"Pulumi.{stack}.yaml").read_text())
        assert set(found) == {"config"}, stack


def test_no_file_of_the_project_holds_a_salt() -> None:
    """Whatever is tracked: an older format's example or a golden copy, too."""
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "grep", "-lE", "^ *encryptionsalt: *v1"], capture_output=True, text=True, check=False
    )
    assert (tracked.returncode, tracked.stdout) == (1, ""), tracked.stderr


@pytest.mark.parametrize(
    "passphrase", [PASSPHRASE, PASSPHRASE.strip(), f"  {PASSPHRASE}\n", PASSPHRASE.replace("\n", "\r\n"), "", " \n"]
)
@pytest.mark.parametrize("by_file", [False, True])
def test_a_passphrase_that_everybody_knows_is_refused(tmp_path: Path, passphrase: str, *, by_file: bool) -> None:
    environment = {"PULUMI_CONFIG_PASSPHRASE": passphrase}
    if by_file:
        (tmp_path / "secret").write_text(passphrase)
        environment = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "secret")}
    with pytest.raises(CloudError, match="protects nothing outside the offline Google"):
        refuse_known_passphrase(environment, tmp_path / "none.yaml", (PASSPHRASE,))


def test_the_file_is_looked_at_also_where_the_other_variable_is_right(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(PASSPHRASE)
    environment = {
        "PULUMI_CONFIG_PASSPHRASE": "long and our own",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "secret"),
    }
    with pytest.raises(CloudError):
        refuse_known_passphrase(environment, tmp_path / "none.yaml", (PASSPHRASE,))


@pytest.mark.parametrize(
    "passphrase", [None, PASSPHRASE.strip(), ""], ids=["committed once", "of the rehearsal", "empty"]
)
def test_a_salt_that_a_known_passphrase_opens_is_refused_whatever_the_environment(
    tmp_path: Path, passphrase: str | None
) -> None:
    salt = COMMITTED_ONCE if passphrase is None else make_salt(passphrase)
    with pytest.raises(
        CloudError, match=r"Pulumi\.production\.yaml: encryptionsalt belongs to a passphrase that every"
    ):
        refuse_known_passphrase({"PULUMI_CONFIG_PASSPHRASE": "ours"}, write_config(tmp_path, salt), (PASSPHRASE,))


@pytest.mark.parametrize(
    "salt",
    [None, "v1:x:v1:y:z", "v2:a", "", "[1, 2]", "v1:é:v1:::"],
    ids=["our own", "no numbers", "another version", "none", "a list", "no ASCII"],
)
def test_another_salt_is_left_to_the_engine(tmp_path: Path, salt: str | None) -> None:
    salt = make_salt("long and our own") if salt is None else salt
    refuse_known_passphrase({"PULUMI_CONFIG_PASSPHRASE": "ours"}, write_config(tmp_path, salt), (PASSPHRASE,))
    refuse_known_passphrase({}, tmp_path / "none.yaml", (PASSPHRASE,))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for made in (tmp_path / "none", tmp_path):
        with pytest.raises(CloudError, match="cannot be read"):
            refuse_known_passphrase({"PULUMI_CONFIG_PASSPHRASE_FILE": str(made)}, tmp_path / "x.yaml", (PASSPHRASE,))


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_command_refuses_it_before_an_engine_starts(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OFFLINE, raising=False)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE.strip())

    def engine(*_: object, **__: object) -> dict[str, str]:
        raise AssertionError

    monkeypatch.setattr(rehearsal, "build_engine_environment", engine)
    with pytest.raises(CloudError, match="rehearsal's passphrase"):
        rehearsal.choose_engine(stack, lambda _: None)


def test_a_rehearsal_has_a_project_of_its_own_and_leaves_the_real_one_alone(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "stacks/config").mkdir(parents=True)
    (project / "Pulumi.yaml").write_text("name: x\nruntime: python\nmain: stacks\nstackConfigDir: stacks/config\n")
    real = project / "stacks/config/Pulumi.production.yaml"
    text = "secretsprovider: gcpkms://projects/p\nencryptedkey: abc\nconfig:\n  tsunagu:domain: a.example\n"
    real.write_text(text)
    place = RehearsalFolder(tmp_path / "offline")
    folder = prepare_rehearsal_project(project, place)
    copy = folder / "config/Pulumi.production.yaml"
    assert copy.read_text() == "config:\n  tsunagu:domain: a.example\n"
    assert yaml.safe_load((folder / "Pulumi.yaml").read_text())["main"] == str(project / "stacks")
    # The engine writes its salt there; it stays, and what changes in the real file comes along.
    copy.write_text(f"{copy.read_text()}encryptionsalt: v1:a\n")
    real.write_text(text.replace("a.example", "b.example"))
    assert prepare_rehearsal_project(project, place) == folder
    assert copy.read_text() == "config:\n  tsunagu:domain: b.example\nencryptionsalt: v1:a\n"
    assert real.read_text() == text.replace("a.example", "b.example")
