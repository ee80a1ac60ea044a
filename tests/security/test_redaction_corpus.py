"""Every documented form of a secret, by vendor: the secret goes, whatever its letters are, and keywords stay."""

from __future__ import annotations

import random
import string
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.platforms.device_text.redaction import REDACTED, redact, redact_message
from controller.platforms.device_text.word_lists import read_words

CORPUS = sorted(Path(__file__).with_name("corpus").glob("*.txt"))
MARK = "{}"
ALPHABETS = (
    string.ascii_letters + string.digits,
    string.digits,
    "0123456789abcdef",
    string.ascii_letters + string.digits + "+/",
    string.ascii_letters + string.digits + "!#$%&*-._~^",
)


def read_corpus() -> list[tuple[str, str]]:
    """Every form, with its file and line."""
    return [
        (f"{path.stem}:{number}", line.replace("\\n", "\n"))
        for path in CORPUS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if line and not line.startswith("#")
    ]


FORMS = [(place, form.removeprefix("~")) for place, form in read_corpus() if not form.startswith("+")]
NAMED = [(place, form) for place, form in read_corpus() if not form.startswith(("+", "~"))]
READABLE = [(place, form[1:]) for place, form in read_corpus() if form.startswith("+")]


def draw_secrets(form: str, rng: random.Random) -> list[str]:
    alphabet = rng.choice(ALPHABETS)
    # Shorter than six letters a secret of digits cannot be told from a number, as in `tunnel key 5`.
    return ["".join(rng.choices(alphabet, k=rng.randint(6, 40))) for _ in range(form.count(MARK))]


def fill(form: str, secrets: list[str]) -> str:
    for secret in secrets:
        form = form.replace(MARK, secret, 1)
    return form


def test_the_corpus_is_as_large_as_what_is_documented() -> None:
    assert len(FORMS) >= 300
    assert all(MARK in form for _, form in FORMS)


@pytest.mark.parametrize(("place", "form"), FORMS, ids=[place for place, _ in FORMS])
def test_no_form_of_a_secret_is_left(place: str, form: str) -> None:
    rng = random.Random(place)  # noqa: S311 the same secrets for the same form
    for _ in range(10):
        secrets = draw_secrets(form, rng)
        text = fill(form, secrets)
        for kept in (redact(text)[0], redact_message(text)):
            for secret in secrets:
                assert secret not in kept, kept
            assert kept.count("\n") == text.count("\n")
            assert REDACTED in kept
        assert redact(redact(text)[0]) == (redact(text)[0], 0)


@pytest.mark.parametrize(("place", "form"), NAMED, ids=[place for place, _ in NAMED])
def test_a_short_number_behind_a_word_for_a_secret_is_one(place: str, form: str) -> None:
    """A PIN of four digits is hidden, too, where a word on the line says what it is."""
    del place
    text = fill(form, [f"739{number}" for number in range(form.count(MARK))])
    kept, _ = redact(text)
    assert "739" not in kept, kept


@pytest.mark.parametrize(("place", "line"), READABLE, ids=[place for place, _ in READABLE])
def test_what_people_read_a_configuration_for_stays(place: str, line: str) -> None:
    del place
    assert redact(line) == (line, 0)


@given(
    words=st.lists(
        st.sampled_from(sorted(read_words("keywords.txt") - read_words("words_before_names.txt"))),
        min_size=1,
        max_size=4,
    ),
    secret=st.text(alphabet=string.ascii_letters + string.digits + "+/=_-", min_size=12, max_size=60),
    after=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_what_nobody_knows_is_hidden_behind_any_keywords(words: list[str], secret: str, *, after: bool) -> None:
    secret = f"Zq{secret}9x"
    line = " ".join([*words, secret] if after else [secret, *words])
    assert secret not in redact(line)[0]


@pytest.mark.parametrize(
    "word", ["cisco", "admin", "public", "manager", "password1", "guest", "school", "kawasaki", "friend"]
)
def test_a_word_that_people_take_for_a_secret_is_no_keyword(word: str) -> None:
    for form in ("login user net01 {}", "snmp-server community {}", "{}", "ip nhrp authentication {}", "password\n{}"):
        assert word not in redact(fill(form, [word]))[0]


@pytest.mark.parametrize("word", sorted(read_words("guessable_words.txt")))
def test_a_keyword_that_may_be_a_secret_is_hidden_where_one_stands(word: str) -> None:
    """Found by trying each keyword as a secret: a community string `private` was shown behind the host of traps."""
    forms = (
        "snmp-server host 10.0.0.9 {}",
        "snmp-server host 10.0.0.9 version 2c {}",
        "snmp-server community {} ro",
        "snmpv2c trap host 10.0.0.9 trap {}",
        "login user net01 {}",
        "ip nhrp authentication {}",
        "standby 1 authentication text {}",
        "pp auth username net01 {}",
        "username net01 {}",
        "password\n{}",
    )
    assert word in read_words("keywords.txt")
    for form in forms:
        before, behind = form.split(MARK)
        assert redact(form.replace(MARK, word))[0] == redact(f"{before}Zq7xK9vbW3aa{behind}")[0]


def test_no_keyword_stands_twice() -> None:
    lines = (files("controller.platforms.device_text") / "words" / "keywords.txt").read_text(encoding="utf-8")
    words = [word for line in lines.splitlines() if not line.startswith("#") for word in line.split()]
    assert len(words) == len(set(words))
