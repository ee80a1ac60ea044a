"""The steps of stacks/README.md for a Google of one's own: what the engine built here can run is run, in order."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.running import ROOT
from tests.cloud.project_copy import ProjectCopy

README = (ROOT / "stacks/README.md").read_text(encoding="utf-8")
CHAPTER = "## With a Google organisation of your own"
UNTRIED = "# not tried here\n"
NEEDS_GOOGLE = re.compile(
    r"gcloud .*|pulumi plugin install .*|export [A-Z_]+=.*pulumi stack output .*|.*secretsProviders.*"
)
"""Why a line was run nowhere: it asks Google, the internet, or a key that lies at Google."""


def list_blocks() -> list[str]:
    """The shell blocks of the chapter, in order."""
    chapter = README.partition(CHAPTER)[2].partition("\n## ")[0]
    return re.findall(r"```shell\n(.*?)```", chapter, flags=re.DOTALL)


def test_only_what_cannot_be_run_here_is_not() -> None:
    untried = [block.removeprefix(UNTRIED) for block in list_blocks() if block.startswith(UNTRIED)]
    assert untried
    for line in "".join(untried).splitlines():
        assert NEEDS_GOOGLE.fullmatch(line), f"could be run here: {line}"
    assert f"pulumi plugin install resource gcp {version('pulumi-gcp')}" in README


@pytest.mark.parametrize("last", ["bootstrap", "staging"])
def test_the_steps_end_with_what_they_promise(last: str, tmp_path: Path) -> None:
    """The bootstrap with its state on disk, then in its own place; staging with a plan that was looked at.

    The bootstrap's and staging's steps are run each in a world of its own: together they would be one long test.
    """
    copy = ProjectCopy(tmp_path)
    tried = [block for block in list_blocks() if not block.startswith(UNTRIED)]
    chosen = [block for block in tried if ("staging" in block.lower()) == (last == "staging")]
    assert len(chosen) == 2, tried
    places = {name: tmp_path / name for name in ("bootstrap", "staging")}
    for place in places.values():
        place.mkdir()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("of this test\n", encoding="utf-8")
    given = {
        "STATE_OF_BOOTSTRAP": places["bootstrap"].as_uri(),
        "STATE_OF_STAGING": places["staging"].as_uri(),
        "SECRETS_OF_STAGING": "passphrase",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_EXPERIMENTAL": "true",
        "PULUMI_SKIP_CHECKPOINTS": "true",
    }
    answer = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "".join(chosen)],
        cwd=copy.folder,
        env={**copy.environment, **given},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-6000:]
    assert list(places[last].glob(f".pulumi/stacks/tsunagu/{last}.json")), "its state lies where it was told"
    salted = (copy.folder / f"stacks/config/Pulumi.{last}.yaml").read_text(encoding="utf-8")
    assert "encryptionsalt" in salted
    assert "encryptionsalt" not in (ROOT / f"stacks/config/Pulumi.{last}.yaml").read_text(encoding="utf-8")
