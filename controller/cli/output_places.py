"""Where a command may write what it makes: never over what it reads, nor over what else it or the controller writes.

Every command whose output somebody names is guarded before it begins: by its parameters, not by a call of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from controller.cli.options import SCRATCH
from controller.errors import TsunaguError
from controller.inputs.real_path import find_real_path
from controller.operations.operators_file import find_operators_file, load_operations
from controller.recovery.controller_archive import FOLDERS, STORE

Places = Mapping[str, Path | None]
"""Files by the options that name them; None where an option was left out."""
OUTPUTS = frozenset({"output", "csv", "carried_to", "save_plan"})
"""The parameters that name what a command writes."""
INPUTS = frozenset(
    {
        "backup",
        "backups",
        "configs",
        "iam_exports",
        "folder",
        "inventory",
        "monitor_store",
        "issued",
        "path",
        "plan_path",
        "playbooks",
        "ca",
        "release_key",
        "printers",
        "reservations",
        "sign_with",
        "stacks",
        "store",
    }
)
"""The parameters that name what a command reads, or what it continues itself; `policies` and `state` are beside."""
_WRITTEN = {"backup create": frozenset({"path"})}
"""What one command writes is called as what others read."""
_SAVED_TEXT = ".cfg"
_MOST_LINKS = 40
"""As many links in a row as the system follows."""


def list_outputs(words: str, names: Iterator[str]) -> list[str]:
    """Return which parameters of a command name what it writes.

    >>> list_outputs("backup create", iter(["path", "policies"])), list_outputs("backup restore", iter(["path"]))
    (['path'], [])
    """
    return [one for one in names if one in OUTPUTS | _WRITTEN.get(words, frozenset())]


def guard_outputs(command: Any, words: str) -> None:  # noqa: ANN401 of a class that the library does not show
    """Let a command refuse, before it begins, a place where what it writes would destroy something."""
    # The plan itself first: what stands beside it is told as the one that gives way.
    outputs = sorted(list_outputs(words, (one.name for one in command.params)), key=lambda one: one != "output")
    if not outputs:
        return
    shown = {one.name: _name_parameter(one) for one in command.params}
    begin = command.callback

    @wraps(begin)
    def run_guarded(**values: Any) -> Any:  # noqa: ANN401 whatever the command takes
        places = {name: Path(value) for name, value in values.items() if name in shown and _is_place(name, value)}
        written = {shown[name]: places[name] for name in outputs if name in places}
        if written:
            read = {shown[name]: place for name, place in places.items() if name in INPUTS and name not in outputs}
            refuse_lost_inputs(written, read, places["policies"], places.get("state"))
        return begin(**values)

    command.callback = run_guarded


def refuse_lost_inputs(outputs: Places, inputs: Places, policies: Path, state: Path | None = None) -> None:
    """Refuse an output in the folder of the policies, over an input, over another output, or over the controller's own.

    Raises:
        typer.BadParameter: says which.
    """
    taken = {place: name for name, one in inputs.items() if one is not None for place in _list_halves(name, one)}
    owned = dict(_list_owned(policies))
    for name, path in outputs.items():
        if path is None:
            continue
        place = find_real_path(path)
        written = (place, *_list_companions(place))
        why = _explain_taken(written, taken, policies) or _explain_owned(place, owned, state)
        if place.is_file() and _leads_through_descriptor(path):
            why = f"is open already, as {place}"
        if why:
            message = f"{name} {path}: {why}; nothing was written: name another"
            raise typer.BadParameter(message)
        taken |= dict.fromkeys(written, name)


def _explain_taken(written: Sequence[Path], taken: Mapping[Path, str], policies: Path) -> str:
    """Say which file of the policies, input or other output a file would replace; "" where it replaces none."""
    place = written[0]
    if place.is_relative_to(find_real_path(policies)):
        return f"is in the folder of the policies, {policies}"
    for one in written:
        if one in taken:
            return f"is the file of {taken[one]}, too"
    return f"is a file of {taken[place.parent]}" if place.suffix == _SAVED_TEXT and place.parent in taken else ""


def _explain_owned(place: Path, owned: Mapping[Path, str], state: Path | None) -> str:
    """Say what of the controller's own a file would replace; "" where it replaces nothing."""
    for own, what in owned.items():
        # A word of a command that tells a secret may be "/": it is no file of the controller's.
        if own.name and place.is_relative_to(own):
            return f"is {what}"
    for folder in (state or SCRATCH, SCRATCH):
        if _is_kept_state(place, find_real_path(folder)):
            return f"is what the controller keeps in {folder}"
    return ""


def _is_place(name: str, value: object) -> bool:
    return isinstance(value, str | Path) and name in OUTPUTS | INPUTS | {"policies", "state"}


def _name_parameter(parameter: Any) -> str:  # noqa: ANN401 see above
    """Return what people call a parameter: its shortest option, or the word of an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name)
    return str(min(parameter.opts, key=len))


def _list_halves(name: str, path: Path) -> Iterator[Path]:
    """Yield a file; of a key both halves, whichever was named."""
    yield find_real_path(path)
    if name == "--sign-with":
        yield find_real_path(path.with_suffix("") if path.suffix == ".pub" else Path(f"{path}.pub"))


def _list_companions(plan: Path) -> tuple[Path, Path]:
    """Return what stands beside a plan once it is saved: its signature, and the record that it was made here."""
    # Imported where it is needed: every command is guarded, and few write.
    from controller.plan.document import name_record, name_signature  # noqa: PLC0415

    return name_signature(plan), name_record(plan)


def _leads_through_descriptor(path: Path) -> bool:
    """Tell if a path leads through what a process has open, as /dev/stdout does: the file would be replaced under it.

    >>> _leads_through_descriptor(Path("/proc/self/fd/1")), _leads_through_descriptor(Path("/etc/hostname"))
    (True, False)
    """
    for _ in range(_MOST_LINKS):
        place = find_real_path(path.parent) / path.name
        if place.is_relative_to("/proc"):
            return True
        if not place.is_symlink():
            return False
        path = place.parent / place.readlink()
    return False


def _list_owned(policies: Path) -> Iterator[tuple[Path, str]]:
    """Yield the operators' file, and every file and folder that it names: keys, tokens, the state."""
    # Whoever needs what the file says tells what is wrong with it; here it only protects.
    with suppress(TsunaguError):
        file, _ = find_operators_file()
        yield find_real_path(file), f"the operators' file, {file}"
        for path in load_operations(policies=policies).list_paths():
            yield find_real_path(path), f"what the operators' file names ({path})"


def _is_kept_state(place: Path, state: Path) -> bool:
    """Tell if a place is one in which the controller keeps its own, in the state folder of the virtual city."""
    if not place.is_relative_to(state) or place == state:
        return False
    first, *rest = place.relative_to(state).parts
    return first in FOLDERS or (not rest and STORE in first)
