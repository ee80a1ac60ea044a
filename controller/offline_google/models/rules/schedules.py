"""What Cloud Scheduler refuses of a job by itself.

Sources: the reference of `projects.locations.jobs` (URL, deadline, retries), "Cron job format and time zone" (five
fields; the format of App Engine beside it is not modelled), "Cloud Scheduler locations" and its release notes. A region
that was not read there counts as one without it. What Google makes of an OAuth token for somebody else's host is not
said ("should generally only be used when calling Google APIs"), so it is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known

JOBS = "https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs"
FORMAT = "https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules"
LOCATIONS = "https://cloud.google.com/scheduler/docs/locations"
# fmt: off
REGIONS = frozenset(
    {
        "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3", "asia-south1",
        "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3", "australia-southeast1",
        "europe-central2", "europe-west1", "europe-west12", "europe-west2", "europe-west3", "europe-west6",
        "northamerica-northeast1", "northamerica-northeast2", "southamerica-east1", "us-central1", "us-east1",
        "us-east4", "us-west1", "us-west2", "us-west3", "us-west4",
    }
)
# fmt: on
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: Mapping[str, tuple[int, int, tuple[str, ...]]] = {
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day of the month": (1, 31, ()),
    "month": (1, 12, _MONTHS),
    "day of the week": (0, 7, _DAYS),
}
"""In their order: the least and the most, and names from the least on."""
_PART = re.compile(r"(?:\*|(?P<first>\w{1,3})(?:-(?P<last>\w{1,3}))?)(?:/(?P<step>\d{1,2}))?", re.ASCII)
_DURATION = re.compile(r"\d{1,9}(?:\.\d{1,9})?s")
_LONGEST_URL = 2083
_DEADLINE = (15, 1800)


def explain_cron(text: str) -> str:
    """Return what is wrong with a schedule in unix-cron; empty where nothing is.

    >>> explain_cron("*/15 8-17 * * MON-FRI"), explain_cron("61 * * * *")
    ('', "'61' is no minute")
    """
    words = text.split()
    if len(words) != len(_FIELDS):
        return f"{text!r} has not the five fields of unix-cron; the other format that Google knows is not modelled"
    for word, (what, limits) in zip(words, _FIELDS.items(), strict=True):
        if not all(_is_part(part, *limits) for part in word.split(",")):
            return f"{word!r} is no {what}"
    return ""


def _is_part(text: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(text)
    if found is None or (found["step"] is not None and int(found["step"]) == 0):
        return False
    if found["first"] is None:
        return True
    numbers = [_read_number(one, least, names) for one in (found["first"], found["last"] or found["first"])]
    # A step without a range is none that the page knows.
    stepped_alone = found["step"] is not None and found["last"] is None
    return not stepped_alone and least <= numbers[0] <= numbers[1] <= most


def _read_number(text: str, least: int, names: tuple[str, ...]) -> int:
    """The number of a field; -1 for what is none."""
    if text in names:
        return least + names.index(text)
    return int(text) if text.isdigit() else -1


def _check_schedule(values: Values) -> Complaints:
    schedule, zone = find_known(values, "schedule"), find_known(values, "timeZone")
    if isinstance(schedule, str):
        wrong = explain_cron(schedule)
        if wrong:
            yield "schedule", wrong
    elif values.get("schedule") is None:
        yield "schedule", "a job needs one"
    if isinstance(zone, str) and not _is_zone(zone):
        yield "timeZone", f"{zone!r} is no time zone of the tz database"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return name == "utc"
    return True


def _check_region(values: Values) -> Complaints:
    region = find_known(values, "region")
    if isinstance(region, str) and region not in REGIONS:
        yield "region", f"there is no Cloud Scheduler in {region}, or it is not known here"


def _check_target(values: Values) -> Complaints:
    url, token = find_known(values, "httpTarget.uri"), find_known(values, "httpTarget.oauthToken")
    if not isinstance(url, str):
        return
    if not re.fullmatch(r"https?://[^\s/]\S*", url) or len(url) > _LONGEST_URL:
        yield (
            "httpTarget.uri",
            f"{url[:80]!r} is no URL: it begins with http:// or https:// and has {_LONGEST_URL} letters at most",
        )
    elif token is not None and not _is_googles(url):
        yield (
            "httpTarget.oauthToken",
            "an OAuth token is for https://...googleapis.com; what Google says else is not known here",
        )


def _is_googles(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and host.endswith(".googleapis.com")


def _check_attempts(values: Values) -> Complaints:
    waits = ("retryConfig.minBackoffDuration", "retryConfig.maxBackoffDuration")
    read: dict[str, float] = {}
    for path in ("attemptDeadline", *waits):
        text = find_known(values, path)
        if not isinstance(text, str):
            continue
        if _DURATION.fullmatch(text):
            read[path] = float(text.removesuffix("s"))
        else:
            yield path, f"{text!r} is no duration in seconds such as '3.5s'"
    deadline = read.get("attemptDeadline")
    if deadline is not None and not _DEADLINE[0] <= deadline <= _DEADLINE[1]:
        yield (
            "attemptDeadline",
            f"{deadline:g} seconds are not {_DEADLINE[0]} to {_DEADLINE[1]}, those of an HTTP target",
        )
    least, most = (read.get(path) for path in waits)
    if least is not None and most is not None and least > most:
        yield waits[0], f"{least:g} seconds are more than the longest wait, {most:g}"


SCHEDULE = Rule(FORMAT, _check_schedule)
REGION = Rule(LOCATIONS, _check_region)
TARGET = Rule(JOBS, _check_target)
ATTEMPTS = Rule(JOBS, _check_attempts)
