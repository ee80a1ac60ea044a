"""YAML of others is counted before it is built: no input takes long or much, and each refusal names its line.

Seen before: 395 bytes of aliases took 2.8 GB; 200,000 `[` ended the process with SIGSEGV; `!!int ""`, `!!bool foo` and
a hexadecimal number of 60,000 digits gave tracebacks.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import PolicyError
from controller.inputs.bounded_yaml import MOST_DEPTH, MOST_NODES, YamlRefused, compose_yaml, count_yaml
from controller.model.yaml_source import parse_yaml
from tests.policies import SHIPPED, PolicyFolder

RULES = "access/rules.yaml"


def explode(levels: int, width: int, *, mapping: bool = False) -> str:
    """Aliases of aliases: so many levels, each so many times the one before."""
    lines = ["a0: &a0 [x]"]
    for level in range(1, levels):
        names = ", ".join(f"k{one}: *a{level - 1}" if mapping else f"*a{level - 1}" for one in range(width))
        lines.append(f"a{level}: &a{level} " + (f"{{{names}}}" if mapping else f"[{names}]"))
    return "\n".join(lines)


def refusal(text: str | bytes) -> str:
    with pytest.raises(PolicyError) as refused:
        parse_yaml(text if isinstance(text, bytes) else text.encode(), "x.yaml")
    (problem,) = refused.value.problems
    assert len(str(problem)) < 1_200
    return str(problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (explode(9, 9), "x.yaml:6: holds more than 60,000 values (an alias counts as what it stands for)"),
        (explode(30, 2), "x.yaml:15: holds more than 60,000 values"),
        (explode(9, 9, mapping=True), "x.yaml:6: holds more than 60,000 values"),
        ("[" * 200_000, "x.yaml:1: nests deeper than 32"),
        ("\n" + "[" * 3_000, "x.yaml:2: nests deeper than 32"),
        ("{a: " * 200_000, "x.yaml:1: nests deeper than 32"),
        ("- " * 100_000, "x.yaml:1: nests deeper than 32"),
        ("? " * 100_000, "x.yaml:1: nests deeper than 32"),
        (
            "a: &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[*a]]]]]]]]]]]]]]",
            "x.yaml:2: nests deeper",
        ),
        ("- a\n" * 60_001, "x.yaml:60000: holds more than 60,000 values"),
        ("&a [*a]", "x.yaml:1: nests too deep; does an alias (*a) stand inside what it refers to?"),
        ("a: &a {b: [1, {c: *a}]}", "x.yaml:1: nests too deep; does an alias (*a)"),
        ("a: *b", "x.yaml:1: nothing is named &b"),
        ("x" * (4 * 1024 * 1024) + ": 1", "x.yaml:1: "),
        (b"a: \xff", "x.yaml:1: cannot be read as UTF-8 text: byte 0xff"),
        ("a: 1\nb: \x07", "x.yaml:2: an invisible character (U+0007) stands here; delete it"),
        ("a: 1\n---\nb: 2", "x.yaml:2: another document begins here"),
        ("a: 1\n%YAML 1.1\n---\n", "x.yaml:"),
        ("a: &a 1\nb: {<<: *a}", "x.yaml:2: merging with '<<' is not read here"),
    ],
)
def test_what_is_more_than_is_read(text: str | bytes, said: str) -> None:
    took = []
    for _ in range(2):  # what else this process collects meanwhile is not the reader's
        began = time.process_time()
        assert refusal(text).startswith(said)
        took.append(time.process_time() - began)
    assert min(took) < 1.5


TAGS = (
    "!!int",
    "!!float",
    "!!bool",
    "!!null",
    "!!timestamp",
    "!!binary",
    "!!str",
    "!!seq",
    "!!map",
    "!!set",
    "!!omap",
    "!",
    "!x",
)


@pytest.mark.parametrize(
    "tag", [*TAGS, "!!python/object/apply:os.system", "!<tag:yaml.org,2002:int>", "!!python/name:os"]
)
@pytest.mark.parametrize("value", ['""', "foo", "[a]", "{a: b}", "0x"])
def test_explicit_tags_are_refused(tag: str, value: str) -> None:
    assert "x.yaml:2: the tag " in refusal(f"a: 1\nb: {tag} {value}")
    assert "is not read here" in refusal(f"{tag} {value}")


ODD = (
    *(
        "0x" + "f" * 60_000,
        "9" * 60_000,
        "0b" + "1" * 60_000,
        "0" + "7" * 60_000,
        "1." + "0" * 60_000,
        "1:" * 30_000 + "1",
    ),
    *(".inf", "-.INF", ".nan", ".NaN", "1.0e+400", "-9.9e+999", "="),
    *("2026-13-45", "2026-02-30", "0000-01-01", "2026-01-01 00:00:00 +99:99", "2026-01-01T25:61:61Z", "9999-99-99"),
    *("2026-01-01t00:00:00.000000000000000000000000001Z", "10000-01-01", "0b", "0x_", "0x", "0b_", "+_", "-_._"),
)


@pytest.mark.parametrize("value", ODD)
def test_odd_numbers_and_dates_are_text_or_refused_never_a_traceback(value: str) -> None:
    for text in (f"a: {value}", f"- {value}", f"{value}: a", f"a: '{value}'"):
        try:
            data = parse_yaml(text.encode(), "x.yaml").data
        except PolicyError as error:
            refused = str(error)
            assert len(refused) < 300
        else:
            (found,) = data if isinstance(data, list) else data.values()
            assert isinstance(found, str | date | datetime | int | float)
            assert not isinstance(found, float) or math.isfinite(found)


SCALARS = st.one_of(
    st.text(st.sampled_from("0123456789abcdefxXoO_+-.:eETZ tfn~=<!&*'\"{}[],#?|>%@`\n\t\\"), max_size=60),
    st.from_regex(r"[-+]?(0x|0b|0)?[0-9a-f_:.]{1,60}", fullmatch=True),
    st.from_regex(
        r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?( ?[-+][0-9]{1,2}|Z)?)?",
        fullmatch=True,
    ),
    st.text(max_size=20),
)


@settings(max_examples=300, deadline=None)
@given(SCALARS, st.sampled_from(["a: {}", "- {}", "{}: a", "{}", "[{}]", "a: &x {}\nb: *x", "!!int {}", "a: |\n  {}"]))
def test_any_text_is_a_value_or_a_refusal(scalar: str, around: str) -> None:
    text = around.replace("{}", scalar)
    try:
        parse_yaml(text.encode("utf-8", "surrogatepass"), "x.yaml")
    except PolicyError as refused:
        assert all(one.origin.line >= 1 for one in refused.problems)  # noqa: PT017 either is right


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(-1e6, 1e6)
    | st.dates()
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def without_origins(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_origins(one) for key, one in value.items() if key != "origin"}
    return [without_origins(one) for one in value] if isinstance(value, list) else value


@given(VALUES)
def test_what_yaml_writes_is_read_as_yaml_reads_it(value: object) -> None:
    # "\0" and the like are written with escapes, an alias where an object stands twice.
    text = yaml.safe_dump({"value": [value, value]}, allow_unicode=True)
    try:
        found = parse_yaml(text.encode("utf-8", "surrogatepass"), "x.yaml").data
    except PolicyError as refused:
        assert "<<" in text or "origin" in text or "surrog" in str(refused) or "deep" in str(refused)  # noqa: PT017 either is right
    else:
        assert without_origins(found) == without_origins(yaml.safe_load(text))


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml"))[::3], ids=lambda path: path.name)
def test_our_own_files_are_read_as_yaml_reads_them(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document = parse_yaml(text.encode(), "x.yaml")
    assert without_origins(document.data) == yaml.safe_load(text)
    assert document.lines[()] >= 1


def test_the_nodes_that_migrations_edit_are_counted_too() -> None:
    assert isinstance(compose_yaml("a: 1"), yaml.MappingNode)
    assert compose_yaml("# nothing") is None
    for text in ("[" * 200_000, explode(9, 9), "!!int ''"):
        with pytest.raises(YamlRefused):
            compose_yaml(text)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 7), st.integers(1, 5), st.booleans())
def test_the_count_is_that_of_the_value(levels: int, width: int, mapping: bool) -> None:  # noqa: FBT001 drawn
    text = explode(levels, width, mapping=mapping)

    def size(value: object) -> int:
        if isinstance(value, dict):
            return 1 + sum(1 + size(one) for one in value.values())
        return 1 + sum(map(size, value)) if isinstance(value, list) else 1

    def fits(most: int) -> bool:
        try:
            count_yaml(text, most_nodes=most)
        except YamlRefused:
            return False
        return True

    whole = size(yaml.safe_load(text))
    assert fits(whole) if whole <= MOST_NODES else not fits(MOST_NODES)
    assert not fits(min(whole, MOST_NODES) - 1)


@pytest.mark.parametrize("depth", [1, MOST_DEPTH - 1, MOST_DEPTH, MOST_DEPTH + 1])
def test_the_depth_is_that_of_the_value(depth: int) -> None:
    texts = ("[" * depth + "]" * depth, "{a: " * depth + "b" + "}" * depth)
    for text in texts:
        if depth <= MOST_DEPTH:
            count_yaml(text)
        else:
            with pytest.raises(YamlRefused):
                count_yaml(text)


def test_the_worst_inputs_fit_into_little_memory() -> None:
    """In a process of its own, whose address space is bounded: no SIGSEGV, no gigabytes."""
    script = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from controller.errors import PolicyError
from controller.model.yaml_source import parse_yaml
from tests.security.test_yaml_bounds import explode
worst = [
    explode(9, 9), explode(40, 2), "[" * 4_000_000,
    "- a\\n" * 1_000_000, "? " * 2_000_000, "a: " + "9" * 4_000_000,
]
for text in worst:
    try:
        parse_yaml(text.encode(), "x.yaml")
    except PolicyError:
        print("refused")
"""
    root = SHIPPED.parent
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "refused\n" * 6), done.stderr[-500:]


@pytest.mark.parametrize(
    "text", [explode(9, 9), "[" * 200_000, "rules: !!int ''", "rules: 0x" + "f" * 60_000, "a: .inf"]
)
def test_a_policy_with_such_a_file_is_refused_at_its_line(policies: PolicyFolder, text: str) -> None:
    policies.write(RULES, text)
    (problem,) = policies.problems()
    assert problem.startswith(f"{RULES}:")
    assert len(problem) < 300


def test_values_and_fields_in_messages_are_cut_and_escaped(policies: PolicyFolder) -> None:
    policies.write(RULES, f'"\\e[2J{"k" * 500}": 1\nrules: "{"v" * 500}\\e[2J"\n')
    unknown, wrong = policies.problems()
    assert f"\\x1b[2J{'k' * 36}…: an invisible character (U+001B)" in unknown
    assert f"(found '{'v' * 40}' and 464 more characters)" in wrong or "needs a list" in wrong
    for problem in (unknown, wrong):
        assert "\x1b" not in problem
        assert "k" * 41 not in problem
        assert "v" * 41 not in problem


@pytest.mark.parametrize("old", ["  - 10.0.0.0/8", "ipv4: 10.0.0.0/8"])
def test_an_address_that_is_none_is_cut_too(policies: PolicyFolder, old: str) -> None:
    policies.edit("city/city.yaml", old, old.replace("10.0.0.0/8", "x" * 5_000))
    assert all("x" * 41 not in problem and len(problem) < 300 for problem in policies.problems())
    assert policies.problems()


def test_so_many_problems_are_told_and_no_more(policies: PolicyFolder) -> None:
    policies.write(RULES, "rules:\n" + "- x\n" * 20_000)
    began = time.process_time()
    assert 90 <= len(policies.problems()) <= 110
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "part", ["0", "00_", "1.", "1:", "0x", "+.", "-", "1e", "\uff11", "10.0.0.0/", "<<<<<<< ", "a: b\n"]
)
@pytest.mark.parametrize("tail", ["", "x"])
def test_a_repeated_part_takes_no_longer_than_its_length(part: str, tail: str) -> None:
    repeated = part * (200_000 // len(part)) + tail
    for text in (f"a: {repeated}", f"{repeated}: a"):
        began = time.process_time()
        try:
            parse_yaml(text.encode(), "x.yaml")
        except PolicyError as refused:
            assert all(len(str(one)) < 1_200 for one in refused.problems)  # noqa: PT017 either is right
        assert time.process_time() - began < 2
