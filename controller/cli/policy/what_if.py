"""`tsunagu what-if`: which answers a change of the policy changes, for a review comment."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import DEFAULT_POLICIES, Json, Lang, On, Policies, choose_day, speak
from controller.cli.output import Exit, get_words, print_data, say_json
from controller.messages import Catalogue
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.operations.operators_file import load_operations
from controller.plan.what_if.changes import Change, Changes
from controller.plan.what_if.compare import compare_policies
from controller.plan.what_if.markdown import write_markdown
from controller.plan.what_if.policy_sources import find_replacements, load_revision

Edit = Annotated[
    list[str] | None,
    typer.Option("--edit", help="A changed policy file, laid over the policies: FILE or NAME=FILE (may be repeated)."),
]
From = Annotated[str | None, typer.Option("--from", help="A git revision to compare with.")]
To = Annotated[str | None, typer.Option("--to", help="The git revision to compare; the folder as it is if left out.")]


def what_if_command(  # noqa: PLR0913 the command's options
    *,
    edit: Edit = None,
    revision: From = None,
    to: To = None,
    policies: Policies = DEFAULT_POLICIES,
    on: On = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Say which answers change: network part, identity part, 802.1X and systems apart, the surprising ones first.

    Every field that differs is judged, known to have no effect, or listed as not judged. Prints Markdown, or JSON.
    Exit code 2 when an answer changes or something is not judged, 0 when neither.
    """
    speak(lang)
    if bool(edit) == bool(revision):
        message = "name what changes: --edit FILE (may be repeated), or --from REVISION and perhaps --to REVISION"
        raise typer.BadParameter(message)
    if to and not revision:
        message = "--to REVISION needs --from REVISION"
        raise typer.BadParameter(message)
    words = get_words()
    before, after, names = _two(policies, edit or [], (revision, to), choose_day(on), words)
    changes = compare_policies(before, after, names)
    if as_json:
        say_json(_document(changes))
    else:
        print_data(write_markdown(changes, len(after.schools), words.language).rstrip("\n"))
    if not changes.nothing or changes.unjudged:
        raise typer.Exit(Exit.DIFFERS)


def _two(
    policies: Path, edit: list[str], revisions: tuple[str | None, str | None], on: date | None, words: Catalogue
) -> tuple[City, City, tuple[str, str]]:
    """Load both policies for one day: the given one, or today by the time zone of the first."""
    first, second = revisions
    bounds = load_operations(policies=policies).get_bounds()
    if first is None:
        changed = find_replacements(policies, edit)
        shown = words.say("what_if.changed", names=", ".join(f"`{name}`" for name in sorted(changed)))
        names = (f"`{policies}`", shown)
        before = load_city(policies, on=on, bounds=bounds)
        return before, load_city(policies, on=before.policy_date, instead=changed, bounds=bounds), names
    before = load_revision(policies, first, on, bounds)
    on = before.policy_date
    if second:
        after = load_revision(policies, second, on, bounds)
    else:
        after = load_city(policies, on=on, undeployed=True, bounds=bounds)
    shown = f"`{second}`" if second else words.say("what_if.as-it-is", folder=f"`{policies}`")
    return before, after, (f"`{first}`", shown)


def _document(changes: Changes) -> dict[str, object]:
    lists: dict[str, tuple[Change, ...]] = {
        "network": changes.network,
        "identity": changes.identity,
        "sessions": changes.sessions,
        "admission": changes.admission,
        "data_flows": changes.data_flows,
        "equipment": changes.equipment,
        "stages": changes.stages,
        "later": changes.later,
        "exchange": changes.data_flows,  # what the list was called until now; for one version
    }
    return {
        "before": changes.before,
        "after": changes.after,
        "on": changes.on,
        "nothing": changes.nothing,
        "answers": {name: sum(one.answers for one in found) for name, found in lists.items()},
        **{name: [{"answers": one.answers, **asdict(one)} for one in found] for name, found in lists.items()},
        "unjudged": list(changes.unjudged),
    }
