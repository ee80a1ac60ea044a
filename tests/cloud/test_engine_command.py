"""`tsunagu cloud`, and the shell of `make engine-shell`: the words that must never be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cloud.installation import ENGINE_SOURCE, choose_engine_path, find_own_engine
from controller.offline_google import rehearsal
from controller.offline_google.environment import OFFLINE, RehearsalFolder, build_offline_environment


def test_a_rehearsal_says_that_nothing_is_deployed() -> None:
    assert "OFFLINE" in rehearsal.choose_banner("lab", is_offline=True)
    for stack in ("staging", "production"):
        assert "nothing is deployed" in rehearsal.choose_banner(stack, is_offline=True)
        assert rehearsal.choose_banner(stack, is_offline=False) == ""


def test_the_lab_is_offline_whatever_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OFFLINE, raising=False)
    found = rehearsal.choose_engine(
        "lab", lambda _: None, project=tmp_path, rehearsal=RehearsalFolder(tmp_path / "offline")
    )
    assert found.environment[OFFLINE] == "1"
    assert found.environment["PATH"].split(":")[0] == str(ENGINE_SOURCE / "offline")


def test_another_stack_meets_google_unless_a_rehearsal_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(OFFLINE, raising=False)
    real = rehearsal.choose_engine("production", lambda _: None, project=tmp_path)
    assert not isinstance(real, rehearsal.RehearsalEngine)
    assert str(ENGINE_SOURCE / "offline") not in real.environment["PATH"]
    assert "PULUMI_BACKEND_URL" not in real.environment or real.environment["PULUMI_BACKEND_URL"]
    monkeypatch.setenv(OFFLINE, "1")
    rehearsed = rehearsal.choose_engine(
        "production", lambda _: None, project=tmp_path, rehearsal=RehearsalFolder(tmp_path / "o")
    )
    assert rehearsed.environment["PULUMI_BACKEND_URL"].startswith("file://")


def test_everything_of_a_rehearsal_is_in_its_own_folder(tmp_path: Path) -> None:
    found = build_offline_environment(RehearsalFolder(tmp_path / "offline"), lambda _: None)
    for name in ("PULUMI_HOME", "PULUMI_CONFIG_PASSPHRASE_FILE", "TSUNAGU_OFFLINE_STATE"):
        assert found[name].startswith(str(tmp_path))
    assert found["PULUMI_SKIP_UPDATE_CHECK"] == found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "1"


def test_an_engine_without_its_language_host_is_not_used(tmp_path: Path) -> None:
    pulumi = tmp_path / "pulumi"
    pulumi.write_text("#!/bin/sh\necho v3.300.0\n", encoding="utf-8")
    pulumi.chmod(0o755)
    assert find_own_engine(str(tmp_path)) is None
    host = tmp_path / "pulumi-language-python"
    host.write_text("#!/bin/sh\n", encoding="utf-8")
    host.chmod(0o755)
    assert find_own_engine(str(tmp_path)) == pulumi
    pulumi.write_text("#!/bin/sh\necho v3.258.9\n", encoding="utf-8")
    assert find_own_engine(str(tmp_path)) is None


def test_the_built_engine_is_keyed_by_what_it_is_built_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert choose_engine_path().parent == tmp_path / "tsunagu" / "engine"
