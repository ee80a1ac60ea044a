"""A stack's configuration of format 1 becomes one of format 2, and says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from controller.model.formats.migration import MigrationRefused
from stacks.settings.configuration import FORMAT
from stacks.settings.migrations import STACK_FORMAT, find_stack_files
from tests.stacks.declared import ROOT

OLD = (Path(__file__).parent / "formats/Pulumi.production.format-1.yaml").read_text(encoding="utf-8")
NOW = (ROOT / "stacks/config/Pulumi.production.yaml").read_text(encoding="utf-8")
SMALL = """\
config:
  tsunagu:applications:
    affairs:
      host: affairs
      hosting: {kind: cloud-run, instances: [0, 2]} # small
    # The one for AI.
    staff-ai:
      host: ai
  # The database.
  # It is small.
  tsunagu:database:
    # Never less.
    backups: 7 # days

    primary: tokyo
  # The rest.
  tsunagu:serving: [tokyo]
"""
SMALL_NOW = """\
config:
  tsunagu:format: "2"
  tsunagu:applications:
    affairs:
      host: affairs
      hosting: {kind: cloud-run, instances: [0, 2]} # small
      # The database.
      # It is small.
      database:
        # Never less.
        backups: 7 # days

        primary: tokyo
      files:
        old-versions-days: 90
    # The one for AI.
    staff-ai:
      host: ai
  # The rest.
  tsunagu:serving: [tokyo]
"""


def test_the_old_file_becomes_the_committed_one_byte_for_byte() -> None:
    assert STACK_FORMAT.read_number(OLD) == 1
    # The regions that a file without them has need not be written; what is newer and optional is not there.
    assert STACK_FORMAT.migrate_text(OLD) == re.sub(r"  tsunagu:(regions|monitoring):.*\n(    .*\n)+", "", NOW)
    assert STACK_FORMAT.migrate_text(NOW) == NOW
    assert STACK_FORMAT.current == FORMAT


def test_comments_go_where_the_lines_go_that_they_speak_of() -> None:
    assert STACK_FORMAT.migrate_text(SMALL) == SMALL_NOW
    crlf = SMALL.replace("\n", "\r\n")
    assert yaml.safe_load(STACK_FORMAT.migrate_text(crlf)) == yaml.safe_load(SMALL_NOW)
    assert "\n" not in STACK_FORMAT.migrate_text(crlf).replace("\r\n", "")


def test_a_database_without_its_application_on_cloud_run_goes_away() -> None:
    for old, new in (("kind: cloud-run", "kind: on-premises"), ("    affairs:", "    others:")):
        after = yaml.safe_load(STACK_FORMAT.migrate_text(SMALL.replace(old, new)))["config"]
        assert "tsunagu:database" not in after
        assert all("database" not in one for one in after["tsunagu:applications"].values())


def test_a_database_in_braces_keeps_its_braces() -> None:
    text = SMALL[: SMALL.index("  # The database")] + "  tsunagu:database: {backups: 7, primary: tokyo} # both\n"
    after = STACK_FORMAT.migrate_text(text)
    assert "      database: {backups: 7, primary: tokyo} # both\n      files:\n" in after


def test_what_a_program_cannot_place_is_refused_with_what_to_do() -> None:
    braces = SMALL.replace(
        "    affairs:\n      host: affairs\n      hosting: {kind: cloud-run, instances: [0, 2]} # small\n",
        "    affairs: {host: affairs, hosting: {kind: cloud-run}}\n",
    )
    with pytest.raises(MigrationRefused, match=r"tsunagu:applications\.affairs: stands in braces"):
        STACK_FORMAT.migrate_text(braces)
    twice = SMALL.replace("      host: affairs\n", "      host: affairs\n      database: {backups: 9}\n")
    with pytest.raises(MigrationRefused, match="delete the one that is not meant"):
        STACK_FORMAT.migrate_text(twice)


def test_files_that_stand_there_already_are_kept() -> None:
    text = SMALL.replace("      host: affairs\n", "      host: affairs\n      files: {old-versions-days: 30}\n")
    after = yaml.safe_load(STACK_FORMAT.migrate_text(text))["config"]["tsunagu:applications"]["affairs"]
    assert after["files"] == {"old-versions-days": 30}


def test_a_stack_of_format_1_without_a_database_only_gets_its_number() -> None:
    text = "config:\n  tsunagu:environment: lab\n"
    assert STACK_FORMAT.migrate_text(text) == 'config:\n  tsunagu:format: "2"\n  tsunagu:environment: lab\n'


def test_a_newer_stack_is_refused() -> None:
    with pytest.raises(MigrationRefused, match="is of format 3; this release of Tsunagu knows formats up to 2"):
        STACK_FORMAT.migrate_text(NOW.replace('tsunagu:format: "2"', 'tsunagu:format: "3"'))


def test_every_committed_stack_is_of_todays_format() -> None:
    found = list(find_stack_files(ROOT / "stacks/config"))
    names = ["bootstrap", "lab", "production", "staging"]
    assert [path.name for path, _ in found] == [f"Pulumi.{name}.yaml" for name in names]
    for path, kind in found:
        assert kind.read_number(path.read_text(encoding="utf-8")) == kind.current
