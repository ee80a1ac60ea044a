"""No test is skipped unseen: where a part is missing CI fails, by the one way that all tests have to skip."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.missing_parts import skip_or_fail, skip_without

TESTS = Path(__file__).parent
OWN = "missing_parts.py"
BY_ITSELF = {
    "stacks/test_vault_on_the_engine.py": "minutes of the engine: it is the soak's",
    "daemon/test_service_unit.py": "tools/setup.sh installs no systemd",
    "monitoring/chain/test_chain_units.py": "tools/setup.sh installs no systemd",
    "monitoring/test_service_unit.py": "tools/setup.sh installs no systemd",
    "probe_agent/test_probe_unit.py": "tools/setup.sh installs no systemd",
}
"""The files that skip in CI, too, and why."""


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception), ("1", pytest.skip.Exception)]
)
def test_what_is_missing_fails_in_ci_and_is_skipped_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no such program"):
        skip_or_fail("no such program")
    is_skipped = [skip_without("no such program", there=there).args[0] for there in (True, False)]
    assert is_skipped == [False, outcome is pytest.skip.Exception]


def list_skips(text: str) -> Iterator[str]:
    """What in a Python text skips tests by itself."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "importorskip", "skipTest", "xfail"}:
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module in {"pytest", "unittest"}:
            yield from (one.name for one in node.names if "skip" in one.name.lower() or one.name == "xfail")


def test_a_skip_is_found_however_it_is_written() -> None:
    text = "import pytest\nfrom unittest import skipIf\n@pytest.mark.skipif(True)\ndef f(): pytest.skip('x')\n"
    assert sorted(list_skips(text)) == ["skip", "skipIf", "skipif"]


def test_no_test_skips_otherwise() -> None:
    found = {
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if path.name not in {OWN, Path(__file__).name} and any(list_skips(path.read_text(encoding="utf-8")))
    }
    assert found == set(BY_ITSELF), f"skip by tests/{OWN}, which lets CI fail"
