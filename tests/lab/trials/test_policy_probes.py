"""The sample of connections that a gate tries: half of it denied, the same for the same wave, and told as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from controller.errors import LabError
from controller.lab.trials import policy_probes
from controller.lab.trials.matrix_pairs import MatrixPair, PairTarget
from controller.lab.trials.matrix_results import MatrixResult, PairResult, PairVerdict
from controller.lab.trials.policy_probes import LabProbes, draw_sample
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from controller.model.virtual_city import VirtualCity
from controller.rollout.durable.rollout_scene import ProbedConnection
from tests.conftest import POLICIES
from tests.policies import TODAY


def make_pairs(permitted: int, denied: int) -> list[MatrixPair]:
    target = PairTarget(column="c", application="saas", address="192.0.2.1", port=443)
    kinds = [number < permitted for number in range(permitted + denied)]
    return [
        MatrixPair(
            school="as-e04",
            host=f"host{number}",
            segment="staff",
            namespace="n",
            target=target,
            permitted=kind,
            rules=(),
        )
        for number, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("permitted", "denied", "size", "expected"),
    [
        (100, 100, 20, (10, 10)),
        (100, 100, 7, (4, 3)),
        (3, 100, 20, (3, 17)),
        (100, 2, 20, (18, 2)),
        (3, 2, 20, (3, 2)),
        (5, 0, 4, (4, 0)),
        (0, 0, 20, (0, 0)),
    ],
)
def test_half_of_a_sample_is_denied_where_there_are_so_many(
    permitted: int, denied: int, size: int, expected: tuple[int, int]
) -> None:
    pairs = make_pairs(permitted, denied)
    drawn = draw_sample(pairs, size, "r/0")
    assert (sum(one.permitted for one in drawn), sum(not one.permitted for one in drawn)) == expected
    numbers = [pairs.index(one) for one in drawn]
    assert numbers == sorted(set(numbers)), "in their order, each once"


def test_a_wave_draws_the_same_sample_each_time_and_another_wave_another() -> None:
    pairs = make_pairs(100, 100)
    assert draw_sample(pairs, 20, "r/0") == draw_sample(pairs, 20, "r/0")
    assert draw_sample(pairs, 20, "r/0") != draw_sample(pairs, 20, "r/1")


def test_what_is_not_as_the_policy_says_is_named(city: VirtualCity, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs(3, 3)

    def try_matrix(
        asked: City,
        schools: Sequence[str],
        *,
        choose: Callable[[Sequence[MatrixPair]], Sequence[MatrixPair]],
        **_: object,
    ) -> MatrixResult:
        assert (asked, tuple(schools)) == (city, ("as-e04",))
        verdicts = [PairVerdict.AGREES, PairVerdict.OPEN, PairVerdict.CLOSED, PairVerdict.DENIED_BY_OTHER]
        found = tuple(
            PairResult(pair=one, connected=one.permitted, verdict=verdict)
            for one, verdict in zip(choose(pairs), verdicts, strict=True)
        )
        return MatrixResult(with_control=False, results=found, untested=(), seconds=0.0)

    followed: list[tuple[City, Sequence[str]]] = []
    monkeypatch.setattr(policy_probes, "follow_stages", lambda city, schools, _: followed.append((city, schools)))
    monkeypatch.setattr(policy_probes, "try_matrix", try_matrix)
    sample = LabProbes().try_sample(city, ("as-e04",), 4, "r/0")
    assert followed == [(city, ("as-e04",))], "hosts have their addresses before they send"
    assert sample.tried == 4
    assert [one.partition(" (")[2] for one in sample.wrong] == [
        "open but must be closed)",
        "closed but must be open)",
        "denied by something else)",
    ]
    assert all(" to saas over IPv4 (" in one for one in sample.wrong)


def test_another_city_has_no_hosts_to_send_packets_from() -> None:
    with pytest.raises(LabError, match="has no hosts of the virtual city"):
        LabProbes().try_sample(load_city(POLICIES, on=TODAY), ("as-e04",), 4, "r/0")


def test_the_connections_of_a_day_are_tried_by_the_pairs_that_stand_for_them(
    city: VirtualCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(segment: str, column: str, application: str) -> MatrixPair:
        target = PairTarget(column=column, application=application, address="192.0.2.1", port=443)
        return make_pairs(1, 0)[0].model_copy(update={"segment": segment, "host": column, "target": target})

    pairs = [
        make("staff", "saas", "saas"),
        make("staff", "saas@other-school", "saas"),
        make("staff", "internet:443", "internet"),
        make("pupil", "saas", "saas"),
    ]

    def try_matrix(
        asked: City,
        schools: Sequence[str],
        *,
        choose: Callable[[Sequence[MatrixPair]], Sequence[MatrixPair]],
        **_: object,
    ) -> MatrixResult:
        assert (asked, tuple(schools)) == (city, ("as-e04",))
        verdicts = [PairVerdict.AGREES, PairVerdict.CLOSED]
        found = tuple(
            PairResult(pair=one, connected=False, verdict=verdict)
            for one, verdict in zip(choose(pairs), verdicts, strict=True)
        )
        return MatrixResult(with_control=False, results=found, untested=(), seconds=0.0)

    followed: list[tuple[str, ...]] = []
    monkeypatch.setattr(policy_probes, "try_matrix", try_matrix)
    monkeypatch.setattr(policy_probes, "follow_stages", lambda _, schools, __: followed.append(tuple(schools)))
    wanted = [
        ProbedConnection("as-e04", "staff", name, Family.V4, permitted=True) for name in ("saas", "internet", "other")
    ]
    found = LabProbes().try_connections(city, wanted, changed=True)
    assert followed == [("as-e04",)]
    LabProbes().try_connections(city, wanted, changed=False)
    assert followed == [("as-e04",)], "hosts stay where they are until their ports have moved"
    assert [(one.application, why.partition(" (")[2]) for one, why in found.items()] == [
        ("saas", ""),
        ("internet", "closed but must be open)"),
    ]
    with pytest.raises(LabError, match="has no hosts of the virtual city"):
        LabProbes().try_connections(load_city(POLICIES, on=TODAY), wanted, changed=True)
