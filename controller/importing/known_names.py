"""What a cell may name by its id or by its name for people."""

from __future__ import annotations

from collections.abc import Mapping

from controller.importing.cell_values import CellRefused, read_plain_text, simplify_name
from controller.importing.source_table import Cell
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_value


class KnownNames:
    """What can be named by its id or by its name for people; `noun` is what it is, in messages."""

    def __init__(self, noun: str, called: Mapping[str, str]) -> None:
        self._noun = noun
        self._called = called
        self._ids: dict[str, list[str]] = {}
        for one, name in called.items():
            for word in dict.fromkeys((simplify_name(one), simplify_name(name))):
                self._ids.setdefault(word, []).append(one)

    def find_id(self, cell: Cell) -> str:
        """Return the id of what a cell names.

        Raises:
            CellRefused: there is none, or several have the name.
        """
        text = read_plain_text(cell)
        meant = [text] if text in self._called else self._ids.get(simplify_name(text), [])
        if len(meant) == 1:
            return meant[0]
        if meant:
            message = f"{len(meant)} {self._noun}s are called {shorten_value(text)}; write the id: {', '.join(meant)}"
            raise CellRefused(message)
        near = suggest_names(text, self._called, self._called)
        message = f"{shorten_value(text)} is no {self._noun} of the city; write its id or its name{near}"
        raise CellRefused(message)
