"""Cloud Storage and Cloud SQL: values that go one way only, at the offline Google."""

from __future__ import annotations

from typing import Any

import pytest

from controller.offline_google.provider.input_changes import compare_inputs
from controller.offline_google.schema.facts import find_resource_type
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from tests.offline_google.worlds import BUCKET, DATABASE, KEY

YEAR = 31_536_000


def bucket(seconds: int | None = YEAR, *, locked: bool = False, **more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    policy = {} if seconds is None else {"retentionPolicy": {"retentionPeriod": str(seconds), "isLocked": locked}}
    return {"name": "audit", "location": "ASIA1", **policy, **more}


@pytest.mark.parametrize(
    "after",
    [bucket(YEAR - 1, locked=True), bucket(YEAR, locked=False), bucket(2 * YEAR), bucket(None)],
    ids=["shortened", "unlocked", "longer and unlocked", "removed"],
)
def test_a_locked_retention_is_neither_shortened_nor_taken_off(google: OfflineGoogle, after: dict[str, Any]) -> None:
    made = google.create(BUCKET, bucket(locked=True))
    with pytest.raises(GoogleRefusal, match="Error 403: 'audit' has a locked retention policy of 31536000 seconds"):
        google.update(BUCKET, made.id, after)
    assert google.update(BUCKET, made.id, bucket(2 * YEAR, locked=True)).id == made.id


def test_an_open_retention_goes_both_ways_and_may_be_locked(google: OfflineGoogle) -> None:
    made = google.create(BUCKET, bucket())
    for after in (bucket(86_400), bucket(None), bucket(YEAR), bucket(YEAR, locked=True)):
        assert google.update(BUCKET, made.id, after).id == made.id


def test_a_locked_bucket_is_not_deleted(google: OfflineGoogle) -> None:
    made = google.create(BUCKET, bucket(locked=True))
    with pytest.raises(GoogleRefusal, match="cannot be deleted before every object in it has been kept"):
        google.delete(BUCKET, made.id)
    assert google.read(BUCKET, made.id) is not None


def test_versions_beside_a_retention_are_not_modelled(google: OfflineGoogle) -> None:
    """Documents disagree whether Google takes both; each alone it does."""
    with pytest.raises(GoogleRefusal, match="take one of them"):
        google.create(BUCKET, bucket(versioning={"enabled": True}))
    assert google.create(BUCKET, bucket(versioning={"enabled": False})).id
    assert google.create(BUCKET, bucket(None, name="files", versioning={"enabled": True})).id


def test_a_key_whose_destruction_shall_take_another_time_is_made_anew() -> None:
    """So a protected one is refused by the engine; what is encrypted with it could not be read any more."""
    kind = find_resource_type(KEY)
    before = {"name": "data", "keyRing": "ring", "destroyScheduledDuration": "2592000s", "rotationPeriod": "7776000s"}
    shorter = compare_inputs(kind, before, before, {**before, "destroyScheduledDuration": "86400s"})
    assert shorter.replaces
    assert not compare_inputs(kind, before, before, {**before, "rotationPeriod": "86400s"}).replaces


def disk(gigabytes: int, *, autoresize: bool = True) -> dict[str, Any]:
    return {"settings": {"tier": "db-custom-2-7680", "diskSize": gigabytes, "diskAutoresize": autoresize}}


def test_a_smaller_disk_is_dropped_from_the_plan_unless_it_may_not_grow() -> None:
    kind = find_resource_type(DATABASE)
    assert compare_inputs(kind, disk(500), disk(500), disk(100)).changes == ()
    (grown,) = compare_inputs(kind, disk(100), disk(100), disk(500)).changes
    assert (grown.path, grown.replaces) == ("settings.diskSize", False)
    fixed = compare_inputs(kind, disk(500, autoresize=False), disk(500, autoresize=False), disk(100, autoresize=False))
    assert fixed.replaces
