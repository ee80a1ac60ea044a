"""Attacks by the policies' repository: git runs nothing for it, and its commit is checked and not believed."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from controller.errors import InputRefused, PlanRefused, TsunaguError
from controller.model.policy_bounds import PolicyBounds
from controller.model.virtual_city import VirtualCity
from controller.plan.provenance.git_commit import find_commit
from controller.plan.provenance.policy_copies import load_kept_policy
from controller.plan.what_if.policy_sources import extract_revision
from tests.security.plan_scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def run(folder: Path, *words: str, given: bytes = b"") -> str:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(folder)]
    done = subprocess.run([*git, *words], input=given, check=True, capture_output=True)
    return done.stdout.decode().strip()


def make_repository(folder: Path) -> str:
    """Commit the policies; the folder is the top of the repository, or stands above them."""
    for words in (["init", "-q"], ["add", "-f", "."], ["commit", "-q", "-m", "policies"]):
        run(folder, *words)
    return run(folder, "rev-parse", "HEAD")


def test_the_commit_of_a_plan_is_the_one_whose_policies_are_there(scene: Scene) -> None:
    make_repository(scene.folder)
    commit = find_commit(scene.policies.path)
    scene.plan(commit=commit)
    assert len(commit) == 40
    assert scene.start().answers.commit == commit
    scene.plan(commit="1" * 40)
    with pytest.raises(PlanRefused, match=r"says that it was made from commit 111111111111, and .* does not hold"):
        scene.start()
    scene.policies.append("access/rules.yaml", "# later\n")
    assert find_commit(scene.policies.path) == f"{commit}+"
    scene.plan(commit=commit)
    with pytest.raises(PlanRefused, match=f"made from commit {commit[:12]}"):
        scene.start()
    scene.plan(commit=f"{commit}+")
    assert scene.start().answers.commit == f"{commit}+"


def test_a_repository_of_sha256_is_read_too(scene: Scene) -> None:
    run(scene.folder, "init", "-q", "--object-format=sha256")
    commit = make_repository(scene.folder)
    assert len(commit) == hashlib.sha256().digest_size * 2
    assert find_commit(scene.policies.path) == commit


def test_a_commit_with_changes_that_is_not_the_one_here_is_said_to_be_unchecked(scene: Scene) -> None:
    """A plus behind any commit was taken; whoever reads the timeline must see that nobody looked."""
    scene.plan(commit="1" * 40 + "+")
    assert scene.start().answers.commit == "1" * 40 + "+ (not checked)"
    make_repository(scene.folder)
    assert scene.start().answers.commit == "1" * 40 + "+ (not checked)"


def test_an_undo_names_no_commit(scene: Scene) -> None:
    before = scene.plan()
    scene.apply()
    assert scene.operations is not None
    kept = load_kept_policy(before.policy, scene.operations.state, VirtualCity, PolicyBounds(), scene.now.date())
    scene.plan(city=kept, undo=True, commit="2" * 40)
    with pytest.raises(PlanRefused, match="says that it was made from commit 222222222222; such a plan names none"):
        scene.start(undo=True)


def test_a_policy_file_that_git_is_told_to_ignore_is_no_part_of_the_commit(scene: Scene) -> None:
    commit = make_repository(scene.folder)
    (scene.folder / ".git/info/exclude").write_text("prefixes/\n", encoding="utf-8")
    more = scene.policies.path / "access/prefixes/more.yaml"
    more.write_text("id: more\n", encoding="utf-8")
    assert find_commit(scene.policies.path) == f"{commit}+"
    more.unlink()
    assert find_commit(scene.policies.path) == commit


def test_a_replaced_commit_is_the_one_that_its_name_says(scene: Scene) -> None:
    first = make_repository(scene.folder)
    scene.policies.append("access/rules.yaml", "# later\n")
    second = make_repository(scene.folder)
    run(scene.folder, "replace", second, first)
    assert find_commit(scene.policies.path) == second


def configure_filter(folder: Path, program: str) -> None:
    (folder / ".git/info/attributes").write_text("* filter=evil diff=evil\n", encoding="utf-8")
    for key in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.command"):
        run(folder, "config", key, program)
    run(folder, "config", "diff.evil.textconv", program)
    for path in folder.rglob("*.yaml"):
        path.touch()  # so that git would look at their content


def configure_monitor(folder: Path, program: str) -> None:
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "diff.external", "tar.tar.command"):
        run(folder, "config", key, program)
    for name in ("ls-tree", "cat-file", "rev-parse"):
        run(folder, "config", f"alias.{name}", f"!{program}")
        run(folder, "config", f"pager.{name}", program)


def configure_hooks(folder: Path, program: str) -> None:
    for name in ("post-index-change", "pre-auto-gc", "reference-transaction", "post-checkout"):
        hook = folder / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        hook.chmod(0o755)


def configure_missing_objects(folder: Path, program: str) -> None:
    """Objects that are missing would be fetched from where the configuration says."""
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "evil"),
        ("remote.evil.promisor", "true"),
        ("remote.evil.url", f"ext::sh -c {program.replace(' ', '% ')}"),
        ("protocol.allow", "always"),
        ("protocol.ext.allow", "always"),
    ):
        run(folder, "config", key, value)
    tree = run(folder, "rev-parse", "HEAD^{tree}")
    (folder / ".git/objects" / tree[:2] / tree[2:]).unlink()


def configure_include(folder: Path, program: str) -> None:
    (folder / ".git/more").write_text(f'[filter "evil"]\nclean = {program}\nsmudge = {program}\n', encoding="utf-8")
    run(folder, "config", "include.path", "more")
    (folder / ".gitattributes").write_text("* filter=evil\n", encoding="utf-8")


@pytest.mark.parametrize(
    "configure",
    [configure_filter, configure_monitor, configure_hooks, configure_missing_objects, configure_include],
)
def test_a_repository_that_the_policies_bring_makes_git_run_nothing(
    scene: Scene, configure: Callable[[Path, str], None]
) -> None:
    make_repository(scene.policies.path)
    ran = scene.folder / "ran"
    configure(scene.policies.path, f"touch {ran}")
    scene.policies.append("access/rules.yaml", "# later\n")
    commit = find_commit(scene.policies.path)
    assert commit.endswith("+")
    scene.plan(commit=commit)
    scene.start()
    missing = configure is configure_missing_objects
    with (
        pytest.raises(TsunaguError) if missing else nullcontext(),
        extract_revision(scene.policies.path, "HEAD") as folder,
    ):
        assert (folder / "access/rules.yaml").is_file()
    assert not ran.exists()


def test_a_tree_whose_names_lead_elsewhere_is_refused(scene: Scene) -> None:
    top = scene.policies.path
    make_repository(top)
    blob = run(top, "hash-object", "-w", "--stdin", given=b"x: 1\n")
    inner = run(top, "mktree", given=f"100644 blob {blob}\tx.yaml\n".encode())
    content = b"40000 ..\0" + bytes.fromhex(inner)
    outer = run(top, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", given=content)
    commit = run(top, "commit-tree", outer, "-m", "x")
    with pytest.raises(InputRefused, match="leads out of the policy folder"), extract_revision(top, commit):
        pass


def test_a_tree_that_unfolds_without_end_is_not_read(scene: Scene) -> None:
    """Each tree holds the one below sixteen times; sixteen levels would be more than any memory."""
    top = scene.policies.path
    make_repository(top)
    held = run(top, "hash-object", "-w", "--stdin", given=b"x: 1\n")
    listed = "".join(f"100644 blob {held}\t{number:x}\n" for number in range(16))
    for _ in range(16):
        tree = run(top, "mktree", given=listed.encode())
        listed = "".join(f"040000 tree {tree}\t{number:x}\n" for number in range(16))
    commit = run(top, "commit-tree", tree, "-m", "x")
    with pytest.raises(TsunaguError, match="git says more about"), extract_revision(top, commit):
        pass
    run(top, "update-ref", "HEAD", commit)
    assert find_commit(top) == f"{commit}+"


def test_a_repository_among_the_policies_makes_git_run_nothing(scene: Scene) -> None:
    """The files of a bare repository can be part of a change to the policies; its configuration names programs."""
    ran = scene.folder / "ran"
    bare = scene.policies.path
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True, capture_output=True)
    run(bare, "config", "core.bare", "false")
    run(bare, "config", "core.worktree", str(bare))
    run(bare, "config", "core.fsmonitor", f"touch {ran}")
    assert find_commit(bare) == ""
    assert not ran.exists()
