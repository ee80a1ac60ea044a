"""The message catalogue: whole in both languages, used, and the same as what the code says in English."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from controller.messages import LANGUAGES, load_catalogue
from controller.model.network.unmanaged_paths import PathKind
from tests.messages.code_texts import ROOT, collect_code, collect_page, list_texts

SENTENCES = ("findings", "explanations", "proofs", "refusals", "problems", "differences", "login_reasons")
"""Subjects whose English text is told by the code and found again in the catalogue."""
TOLD = ("controller/prove/lint", "controller/plan/explain")
"""What is told here is translated as a whole."""
OF_THE_STACKS = ("cloud_monitoring", "guardrails")
"""Said by the stacks, whose tests ask for the use of each."""
NOT_SENTENCES = {", ", "; ", ", ...", "{prefix}", " schools (", "there is no ", "; there are: ", " (rendered)"}
ENGLISH = load_catalogue("en").texts


def list_parts(text: str) -> list[str]:
    """The parts of a message between its marks that say something."""
    parts = [part for part, *_ in Formatter().parse(text)]
    return [part for part in parts if re.search("[A-Za-z]{2}", part)]


def test_every_message_has_every_language() -> None:
    keys = {language: set(load_catalogue(language).texts) for language in LANGUAGES}
    assert keys["ja"] == keys["en"]
    assert all(text.strip() for language in LANGUAGES for text in load_catalogue(language).texts.values())
    assert load_catalogue("ja")["assessments.line-down"] == "回線断"


def test_every_message_has_the_same_marks_in_both_languages() -> None:
    for key in ENGLISH:
        marks = [
            sorted({name for _, name, *_ in Formatter().parse(load_catalogue(language)[key]) if name is not None})
            for language in LANGUAGES
        ]
        assert marks[0] == marks[1], key


def is_said(part: str, code: str, pieces: int = 3) -> bool:
    """Tell if a part of a sentence stands in the code, in one piece or in few."""
    if part in code:
        return True
    longest = next((at for at in range(len(part) - 1, 2, -1) if part[:at] in code), 0)
    return pieces > 1 and longest > 0 and is_said(part[longest:], code, pieces - 1)


def test_every_sentence_is_one_that_the_code_says() -> None:
    """A sentence that is said in other words would be shown in English, and nobody would notice."""
    code = collect_code()
    kinds = "\n".join(kind.value.replace("-", " ") for kind in PathKind)
    strange = {
        key: part
        for key, text in ENGLISH.items()
        if key.partition(".")[0] in SENTENCES
        for part in list_parts(text)
        if not is_said(part.strip(" :;,"), f"{code}\n{kinds}")
    }
    assert strange == {}


def test_words_that_nobody_says_are_found() -> None:
    assert not is_said("the order of the apples is unknown to us", collect_code())


def test_every_other_message_is_named_by_the_code() -> None:
    code, page = collect_code(), collect_page()
    families = {one.partition(".")[0] for one in re.findall(r"^([a-z_]+\.)$", code, re.MULTILINE)}
    unused = [
        key
        for key in ENGLISH
        if (subject := key.partition(".")[0]) not in SENTENCES
        and subject not in families
        and subject not in OF_THE_STACKS
        and key not in code
        and key.partition(".")[2] not in code.splitlines()
        and not re.search(rf"[\"'`.]{re.escape(key.partition('.')[2])}\b", page)
    ]
    assert unused == []


def _list_untranslated(folder: Path) -> list[str]:
    known = "\n".join(ENGLISH[key] for key in ENGLISH if key.partition(".")[0] in SENTENCES)
    return [
        f"{path.name}:{line}: {text!r}"
        for path in sorted(folder.glob("*.py"))
        for line, text in list_texts(path)
        if " " in text.strip() and text not in NOT_SENTENCES and text.strip(" :;,.()") not in known
    ]


@pytest.mark.parametrize("folder", TOLD)
def test_everything_that_is_found_can_be_said_in_japanese(folder: str) -> None:
    assert _list_untranslated(ROOT / folder) == []


def test_what_stands_at_a_mark_is_translated_too_and_names_stay() -> None:
    words = load_catalogue("ja")
    said = words.translate("findings", "rule 'cbt' permits nothing that others do not; taking it out changes no answer")
    assert said == "ルール 'cbt' はほかのルールが許可しないものを何も許可していません。削除しても結果は変わりません"
    assert words.translate("findings", "nobody has said this yet") == "nobody has said this yet"
    assert load_catalogue("en").translate("findings", said) == said
