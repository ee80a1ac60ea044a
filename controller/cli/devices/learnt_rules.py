"""`tsunagu adopt --propose-rules`: rules that say what the access lists of a school permit, in a file for review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from controller.adoption.learning.learnt import LearntRules
from controller.adoption.learning.learnt_file import format_learnt_rules
from controller.adoption.learning.learnt_rules import learn_rules
from controller.adoption.reading import read_existing_network
from controller.cli.output import Exit, print_line, say_json, write_output
from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.errors import TsunaguError
from controller.model.city import City
from controller.plan.observe import Observed
from controller.plan.saved_configurations import NoConfiguration
from controller.platforms.common.understanding import read_unmanaged


class LearntRulesDocument(TypedDict):
    """What `adopt --propose-rules` wrote, what rules cannot say, and what was not judged."""

    school: str
    file: str
    rules: int
    proved: int
    unsaid: list[dict[str, Any]]
    not_judged: list[dict[str, Any]]
    missing: list[str]


def propose_learnt_rules(city: City, school: str, found: Sequence[Observed], output: Path, *, as_json: bool) -> Exit:
    """Write the rules learnt from the devices that filter, say what they do not say, and return the exit code.

    Raises:
        TsunaguError: the file may not be written there, no device could be read, or the rules are not proved.
    """
    _refuse_place(output)
    learnt: list[LearntRules] = []
    missing = []
    for one in (one for one in found if one.device.role == FILTERING_ROLE):
        if isinstance(one.refusal, NoConfiguration):
            missing.append(str(one.refusal))
            continue
        if one.refusal is not None or one.text is None:
            raise one.refusal or TsunaguError(f"{one.device.id}: nothing was read")
        device, source = one.device, one.source
        network = read_unmanaged(
            one.text, source, partial(read_existing_network, device.platform, device=device.id, source=source)
        )
        first = 1 + sum(len(other.rules) for other in learnt)
        now = one.observation.state if one.observation else None
        learnt.append(learn_rules(city, one.device, network, one.source, first, now))
    if not learnt:
        message = f"{school}: there is nothing to learn from: " + ("; ".join(missing) or "no device of it filters")
        raise TsunaguError(message)
    write_output(format_learnt_rules(school, learnt), output)
    if as_json:
        say_json(_build_document(school, output, learnt, missing), form="adopt-rules")
    else:
        _say(output, learnt, missing)
    if any(one.unsaid for one in learnt):
        return Exit.INEXPRESSIBLE
    return Exit.NOT_JUDGED if missing else Exit.GOOD


def _build_document(
    school: str, output: Path, learnt: Sequence[LearntRules], missing: Sequence[str]
) -> dict[str, object]:
    return {
        "school": school,
        "file": str(output),
        "rules": sum(len(one.rules) for one in learnt),
        "proved": sum(one.proved for one in learnt),
        "unsaid": [{"source": one.source, **asdict(note)} for one in learnt for note in one.unsaid],
        "not_judged": [{"source": one.source, **asdict(note)} for one in learnt for note in one.stateless],
        "missing": list(missing),
    }


def _say(output: Path, learnt: Sequence[LearntRules], missing: Sequence[str]) -> None:
    for one_device in learnt:
        for note in one_device.unsaid:
            where = f"{one_device.source}:{note.line}" if note.line else one_device.source
            print_line(f"x {where}: {note.segment}: rules cannot say: {note.what}: {note.why}", "yellow")
    for text in missing:
        print_line(f"- not judged: {text}", "yellow")
    rules, proved = sum(len(one.rules) for one in learnt), sum(one.proved for one in learnt)
    unsaid = sum(len(one.unsaid) for one in learnt)
    apart = sum(len(one.stateless) for one in learnt)
    print_line(f"proof: {proved} lists are equal to the compiled rules on what was judged")
    print_line(
        f"learnt: {rules} rules in {output}, for review; {unsaid} parts that rules cannot say, {apart} that were not "
        "judged (each stands in the file with its line); nothing reads the file by itself"
    )


def _refuse_place(output: Path) -> None:
    """Refuse to write over a file that somebody may have reviewed.

    Raises:
        TsunaguError: says where to write instead.
    """
    if output.exists():
        message = f"{output}: is there already, and may be reviewed already; write another file"
        raise TsunaguError(message)
