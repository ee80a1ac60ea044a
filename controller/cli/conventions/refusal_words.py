"""Says a refusal in the language of the run; a program reads it in English, whatever the language is."""

from __future__ import annotations

from controller.cli.output import get_language, get_words
from controller.errors import InputError, InputRefused, Problem
from controller.messages import Catalogue


def translate_refusal(message: str, error: BaseException) -> str:
    """Return what people read of a refusal: the frame in their language, and each sentence that the catalogue knows."""
    if get_language() == "en":
        return message
    words = get_words()
    if isinstance(error, InputError):
        frame = words.translate("refusals", message.partition("\n")[0])
        lines = [words.say("refusals.problems", frame=frame, count=len(error.problems))]
        lines += [f"  {translate_problem(words, one)}" for one in error.problems]
        return "\n".join(lines)
    if isinstance(error, InputRefused):
        return f"{error.path}:{error.line}: {words.translate('problems', error.why)}"
    return words.translate("refusals", message)


def translate_problem(words: Catalogue, problem: Problem) -> Problem:
    """Return a problem as people read it: its sentence in their language, where the catalogue knows it."""
    return Problem(problem.origin, problem.field, words.translate("problems", problem.message))
