"""The life of a stack on the real engine: what each command does, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from controller.offline_google.world.world import OfflineWorld
from tests.cloud.conftest import Tiny

EVERYTHING = [
    "iam.googleapis.com",
    "secretmanager.googleapis.com",
    "watcher@school-lab.iam.gserviceaccount.com",
    "word",
]
MEMBER = "serviceAccount:watcher@school-lab.iam.gserviceaccount.com"


def test_preview_up_preview_refresh_update_replace_destroy(
    tiny: Tiny, tmp_path: Path, ours: Callable[[Path], list[str]]
) -> None:
    shown = tiny.pulumi("preview")
    assert "+ 6 to create" in shown.stdout, shown.stdout
    assert not OfflineWorld.open(tiny.rehearsal.world).resources()

    assert "+ 6 created" in tiny.pulumi("up", "--yes", "--skip-preview").stdout
    assert sorted(tiny.names()) == sorted([*EVERYTHING, MEMBER])
    assert tiny.pulumi("preview", "--expect-no-changes").returncode == 0
    assert tiny.pulumi("refresh", "--yes", "--expect-no-changes").returncode == 0

    updated = tiny.pulumi("up", "--yes", "--skip-preview", title="second").stdout
    assert "~ 1 updated" in updated, updated

    replaced = tiny.pulumi("up", "--yes", "--skip-preview", title="second", word="other").stdout
    assert "+-2 replaced" in replaced, replaced  # the secret, and the binding that is on it
    assert "other" in tiny.names()
    assert "word" not in tiny.names()

    assert tiny.pulumi("destroy", "--yes", "--skip-preview").returncode == 0
    assert tiny.names() == []
    assert ours(tmp_path) == []


def test_what_was_changed_by_hand_is_seen_and_mended(tiny: Tiny) -> None:
    tiny.pulumi("up", "--yes", "--skip-preview")
    world = tiny.world()
    binding = next(found for found in world.resources() if "SecretIamMember" in found.token)
    account = next(found for found in world.resources() if found.token.endswith(":Account"))
    world.remove(binding)
    world.change(account, {"displayName": "by hand"})
    world.close()
    seen = tiny.pulumi("refresh", "--yes", "--skip-preview").stdout
    assert "- 1 deleted" in seen, seen
    assert "~ 1 updated" in seen
    mended = tiny.pulumi("up", "--yes", "--skip-preview").stdout
    assert "+ 1 created" in mended, mended
    assert "~ 1 updated" in mended
    assert MEMBER in tiny.names()


def test_what_is_protected_is_neither_destroyed_nor_replaced(tiny: Tiny) -> None:
    tiny.pulumi("up", "--yes", "--skip-preview", protected=True)
    refused = tiny.pulumi("preview", protected=True, word="other")
    assert refused.returncode != 0
    assert "a change of secretId would replace it, and deletionProtection is true" in refused.stdout
    refused = tiny.pulumi("destroy", "--yes", "--skip-preview", protected=True)
    assert refused.returncode != 0
    assert "'projects/school-lab/secrets/word' cannot be deleted: deletionProtection is true" in refused.stdout
    assert "word" in tiny.names()


def test_a_wrong_input_stops_the_preview_and_says_where(tiny: Tiny) -> None:
    program = tiny.engine.project / "__main__.py"
    text = program.read_text(encoding="utf-8")
    program.write_text(text.replace('{"auto": {}}', '{"automatic": {}}'), encoding="utf-8")
    refused = tiny.pulumi("preview")
    assert refused.returncode != 0
    assert "secretmanager.Secret.replication.automatic: there is no such field" in refused.stdout


def test_a_program_that_fails_shows_its_own_traceback_once(tiny: Tiny) -> None:
    program = tiny.engine.project / "__main__.py"
    program.write_text("def broken():\n    return {}['nothing']\n\nbroken()\n", encoding="utf-8")
    failed = tiny.pulumi("preview")
    assert failed.returncode != 0
    diagnostics = failed.stdout.partition("Diagnostics:")[2]
    assert diagnostics.count("KeyError: 'nothing'") == 1, failed.stdout
    assert "in broken" in diagnostics
    assert "language_host.py" not in diagnostics
    assert "runpy" not in diagnostics


def test_a_refusal_of_the_program_is_shown_without_a_traceback(tiny: Tiny) -> None:
    program = tiny.engine.project / "__main__.py"
    program.write_text("import pulumi\nraise pulumi.RunError('the configuration lacks a key')\n", encoding="utf-8")
    failed = tiny.pulumi("preview")
    assert failed.returncode != 0
    assert "the configuration lacks a key" in failed.stdout
    assert "Traceback" not in failed.stdout


def test_about_tells_the_interpreter(tiny: Tiny) -> None:
    told = tiny.pulumi("about")
    assert "3.259" in told.stdout
    assert "python" in told.stdout
