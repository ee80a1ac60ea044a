"""After a change, what must connect has a second try; what must not connect has none."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from controller.lab.state import paths, undo_log
from controller.lab.trials import matrix
from controller.lab.trials.connection_attempts import ConnectionAttempt
from controller.lab.trials.matrix import try_matrix
from controller.lab.trials.matrix_pairs import MatrixPair
from controller.lab.trials.matrix_results import MatrixResult, PairVerdict
from controller.model.virtual_city import VirtualCity
from tests.lab.trials.test_policy_probes import make_pairs

ANSWERED = ConnectionAttempt(connected=True, answered=True, detail="")
SILENT = ConnectionAttempt(connected=False, answered=False, detail="no answer")


class CountingSwitches:
    """Filters whose counters rise at each look."""

    def __init__(self, *_: object) -> None:
        self.looks = 0

    def close(self) -> None:
        """Nothing to close."""

    settle = close

    def denied(self) -> Counter[object]:
        """Every lane has denied one packet more."""
        self.looks += 1
        return AlwaysMore(self.looks)


class AlwaysMore(Counter[object]):
    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def __missing__(self, key: object) -> int:
        return self.looks


@pytest.fixture
def tries() -> dict[MatrixPair, deque[ConnectionAttempt]]:
    return {}


@pytest.fixture(autouse=True)
def city_of_pairs(monkeypatch: pytest.MonkeyPatch, tries: dict[MatrixPair, deque[ConnectionAttempt]]) -> None:
    layout = SimpleNamespace(schools=(SimpleNamespace(id="as-e04"),), school=lambda _: SimpleNamespace(id="as-e04"))
    monkeypatch.setattr(undo_log, "read_active_record", lambda _: SimpleNamespace(layout=layout))
    monkeypatch.setattr(paths, "hold_lock", lambda *_: nullcontext())
    monkeypatch.setattr(matrix, "FilteringSwitches", CountingSwitches)
    monkeypatch.setattr(matrix, "list_matrix_pairs", lambda *_: list(tries))
    monkeypatch.setattr(matrix, "list_untested_applications", lambda _: ())
    monkeypatch.setattr(matrix._Measurement, "_lane", lambda _, pair: pair)  # noqa: SLF001 no school is asked here
    monkeypatch.setattr(matrix, "attempt_connection", lambda pair, _: tries[pair].popleft())


def measure(city: VirtualCity, settle: float) -> MatrixResult:
    return try_matrix(city, control=False, settle=settle)


def test_what_must_connect_and_was_late_is_tried_again(
    city: VirtualCity, tries: dict[MatrixPair, deque[ConnectionAttempt]]
) -> None:
    late, prompt = make_pairs(2, 0)
    tries |= {late: deque([SILENT, ANSWERED]), prompt: deque([ANSWERED])}
    assert measure(city, 60.0).agrees
    assert not any(tries.values()), "each try was made, and no other"


def test_without_settling_the_first_try_counts(
    city: VirtualCity, tries: dict[MatrixPair, deque[ConnectionAttempt]]
) -> None:
    (late,) = make_pairs(1, 0)
    tries[late] = deque([SILENT, ANSWERED])
    found = measure(city, 0.0)
    assert [one.verdict for one in found.results] == [PairVerdict.CLOSED]
    assert len(tries[late]) == 1


def test_what_never_connects_is_wrong_and_says_what_was_seen(
    city: VirtualCity, tries: dict[MatrixPair, deque[ConnectionAttempt]]
) -> None:
    (dead,) = make_pairs(1, 0)
    tries[dead] = deque([SILENT] * 10_000)
    found = measure(city, 0.05)
    assert [(one.verdict, one.detail) for one in found.results] == [(PairVerdict.CLOSED, "no answer")]


def test_what_must_not_connect_has_no_second_try(
    city: VirtualCity, tries: dict[MatrixPair, deque[ConnectionAttempt]]
) -> None:
    (denied,) = make_pairs(0, 1)
    tries[denied] = deque([ANSWERED, SILENT])
    found = measure(city, 60.0)
    assert [one.verdict for one in found.results] == [PairVerdict.OPEN]
    assert len(tries[denied]) == 1
