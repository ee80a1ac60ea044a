"""The chapters of the demo, as data: what each shows, what it needs, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tools.demo.changes import change_by_hand, close_one_way, edit_a_plan, kill_an_apply, restore_policy
from tools.demo.cloud import change_a_condition, deploy_cloud, show_people
from tools.demo.integration import integrate_a_school, put_integration_right
from tools.demo.lines import back_up, cut_a_line, lose_a_region, measure_lines, repair_lines
from tools.demo.proof import stop_a_bad_change
from tools.demo.rollouts import put_rollouts_right, roll_out_in_waves
from tools.demo.stage import Demo
from tools.demo.story import apply_change, build_city, check_policy, plan_change, show_matrix

Show = Callable[[Demo], None]


class UnknownChapter(Exception):
    """No chapter has this name."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the demo that shows one thing.

    `needs` names the chapters that must have been shown before; `engine` says that it needs the Pulumi engine, too.
    `repair` puts right what the chapter changed, where it fails half-way. `seconds` were measured on 2 cores.
    """

    name: str
    show: Show
    seconds: int
    needs: tuple[str, ...] = ()
    engine: bool = False
    repair: Show | None = None

    @property
    def title(self) -> str:
        """What it shows, in one sentence."""
        return (self.show.__doc__ or "").strip()


CHAPTERS = (
    Chapter("check", check_policy, 1),
    Chapter("city", build_city, 11, ("check",)),
    Chapter("plan", plan_change, 8, ("city",)),
    Chapter("apply", apply_change, 28, ("plan",)),
    Chapter("packets", show_matrix, 22, ("apply",)),
    Chapter("proof", stop_a_bad_change, 23, ("apply",), repair=restore_policy),
    Chapter("line", cut_a_line, 20, ("apply",), repair=repair_lines),
    Chapter("permit", close_one_way, 79, ("packets",), repair=restore_policy),
    Chapter("edited", edit_a_plan, 8, ("apply",)),
    Chapter("drift", change_by_hand, 45, ("apply",), repair=restore_policy),
    Chapter("killed", kill_an_apply, 24, ("apply",), repair=restore_policy),
    Chapter("rollouts", roll_out_in_waves, 40, ("apply",), repair=put_rollouts_right),
    Chapter("integration", integrate_a_school, 31, ("apply",), repair=put_integration_right),
    Chapter("measure", measure_lines, 33, ("apply",)),
    Chapter("region", lose_a_region, 7, ("apply",), repair=repair_lines),
    Chapter("backup", back_up, 15, ("apply",)),
    Chapter("cloud", deploy_cloud, 70, ("check",), engine=True),
    Chapter("people", show_people, 13, ("cloud",)),
    Chapter("condition", change_a_condition, 41, ("people",)),
)
"""In the order in which they are shown."""
STORY = ("check", "city", "plan", "apply", "packets", "proof", "line")
"""The main story."""


def choose_chapters(names: Iterable[str]) -> tuple[Chapter, ...]:
    """Return the chapters of these names and those that they need, in order.

    Raises:
        UnknownChapter: there is none of such a name; the message lists all.
    """
    by_name = {chapter.name: chapter for chapter in CHAPTERS}
    chosen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in by_name:
            message = f"no chapter {name[:40]!r}; there are: {' '.join(by_name)}"
            raise UnknownChapter(message)
        if name not in chosen:
            chosen.add(name)
            waiting += by_name[name].needs
    return tuple(chapter for chapter in CHAPTERS if chapter.name in chosen)


def describe_chapters() -> str:
    """Return the table of all chapters, as `docs/demo.md` has it."""
    rows = ["| chapter | shows | needs | seconds |", "|---|---|---|---|"]
    for one in CHAPTERS:
        name = f"**`{one.name}`**" if one.name in STORY else f"`{one.name}`"
        needs = [f"`{need}`" for need in one.needs] + ["the Pulumi engine"] * one.engine
        rows.append(f"| {name} | {one.title} | {', '.join(needs) or '-'} | {one.seconds} |")
    return "\n".join(rows)
