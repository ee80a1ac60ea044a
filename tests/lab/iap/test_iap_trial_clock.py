from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from controller.lab.iap import trial_clock

KEY = b"k" * 32
AT = datetime(2026, 11, 25, 10, tzinfo=ZoneInfo("Asia/Tokyo"))


def test_the_runner_sets_the_clock() -> None:
    assert trial_clock.read_moment(KEY, trial_clock.sign_moment(KEY, AT)) == trial_clock.TrialMoment(AT)


def test_the_runner_says_how_old_a_session_is() -> None:
    age = timedelta(hours=10, seconds=1)
    assert trial_clock.read_moment(KEY, trial_clock.sign_moment(KEY, AT, age)) == trial_clock.TrialMoment(AT, age)
    younger = trial_clock.sign_moment(KEY, AT, age).replace("36001", "1")
    with pytest.raises(trial_clock.ClockRefused):
        trial_clock.read_moment(KEY, younger)


@pytest.mark.parametrize("value", [f"{AT.isoformat()};", f"{AT.isoformat()};{'0' * 64}", "x", "é;é", AT.isoformat()])
def test_nobody_else_does(value: str) -> None:
    with pytest.raises(trial_clock.ClockRefused):
        trial_clock.read_moment(KEY, value)


def test_another_key_or_another_time_under_the_same_signature_is_refused() -> None:
    with pytest.raises(trial_clock.ClockRefused):
        trial_clock.read_moment(b"x" * 32, trial_clock.sign_moment(KEY, AT))
    moved = trial_clock.sign_moment(KEY, AT).replace("10:00", "11:00")
    with pytest.raises(trial_clock.ClockRefused):
        trial_clock.read_moment(KEY, moved)


def test_without_a_header_it_is_now() -> None:
    assert abs(trial_clock.read_moment(KEY, "").at - datetime.now(UTC)) < timedelta(seconds=5)
