"""What Cloud Scheduler refuses by its documents: rows as in `refusals.py`."""

from __future__ import annotations

from typing import Any

from tests.offline_google.worlds import OSAKA, PROJECT, TOKYO

Inputs = dict[str, Any]
SCHEDULED = "gcp:cloudscheduler/job:Job"
CALLER = "starter"
ACCOUNT = f"{CALLER}@{PROJECT}.iam.gserviceaccount.com"
RUN = f"https://run.googleapis.com/v2/projects/{PROJECT}/locations/{TOKYO}/jobs/look:run"
TOKEN = {"serviceAccountEmail": ACCOUNT, "scope": "https://www.googleapis.com/auth/cloud-platform"}


def target(**more: Any) -> Inputs:  # noqa: ANN401 JSON
    wanted = {"uri": RUN, "httpMethod": "POST", "oauthToken": TOKEN, **more}
    return {"httpTarget": {key: value for key, value in wanted.items() if value is not None}}


def job(**more: Any) -> Inputs:  # noqa: ANN401 JSON
    wanted = {"name": "look", "region": TOKYO, "schedule": "0 4 * * SAT", "timeZone": "Asia/Tokyo", **target(), **more}
    return {key: value for key, value in wanted.items() if value is not None}


def retries(**more: Any) -> Inputs:  # noqa: ANN401 JSON
    return job(retryConfig=more)


# fmt: off
ACCEPTED_BY_SCHEDULER: tuple[tuple[str, Inputs], ...] = (
    (SCHEDULED, job()),
    (SCHEDULED, job(name="Look_2", region=OSAKA, paused=True, attemptDeadline="15s", timeZone="utc")),
    (SCHEDULED, retries(retryCount=5, minBackoffDuration="5s", maxBackoffDuration="3600s") | {"name": "a"}),
    *((SCHEDULED, job(name=f"cron-{place}", schedule=schedule)) for place, schedule in enumerate((
        "*/15 * * * *", "0 8-17/2 * * MON-FRI", "30 3 1,15 JAN,JUL *", "59 23 31 12 7"))),
    (SCHEDULED, job(name="signed") | target(uri="https://a.run.app/", oauthToken=None,
                                            oidcToken={"serviceAccountEmail": ACCOUNT})),
    (SCHEDULED, job(name="plain") | target(uri="http://school.example/hook", oauthToken=None)),
)
REFUSED_BY_SCHEDULER: tuple[tuple[str, str, Inputs, str], ...] = (
    ("a minute that no clock has", SCHEDULED, job(schedule="61 * * * *"), "'61' is no minute"),
    ("a schedule of six fields", SCHEDULED, job(schedule="0 0 4 * * SAT"), "five fields"),
    ("a schedule in App Engine's words", SCHEDULED, job(schedule="every 24 hours"), "five fields"),
    ("the last day of a month", SCHEDULED, job(schedule="0 4 L * *"), "'L' is no day of the month"),
    ("a day of the week in small letters", SCHEDULED, job(schedule="0 4 * * sat"), "'sat' is no day of the week"),
    ("a range that runs backwards", SCHEDULED, job(schedule="0 17-8 * * *"), "'17-8' is no hour"),
    ("a step of nothing", SCHEDULED, job(schedule="*/0 * * * *"), "'*/0' is no minute"),
    ("a job without a schedule", SCHEDULED, job(schedule=None), "a job needs one"),
    ("a time zone that does not exist", SCHEDULED, job(timeZone="Asia/Banana"), "'Asia/Banana' is no time zone"),
    ("a time zone by its letters", SCHEDULED, job(timeZone="JST"), "'JST' is no time zone"),
    ("a region without Cloud Scheduler", SCHEDULED, job(region="africa-south1"), "no Cloud Scheduler in africa-south1"),
    ("a target without its URL", SCHEDULED, job(**target(uri=None)), "httpTarget.uri"),
    ("a target with an empty URL", SCHEDULED, job(**target(uri="")), "httpTarget.uri"),
    ("a target of another protocol", SCHEDULED, job(**target(uri="ftp://school.example/x")), "begins with http://"),
    ("a URL of 2,084 letters", SCHEDULED, job(**target(uri=RUN + "a" * (2084 - len(RUN)))), "2083 letters"),
    ("a method that does not exist", SCHEDULED, job(**target(httpMethod="FETCH")), "'FETCH' is none of"),
    ("both tokens", SCHEDULED, job(**target(oidcToken={"serviceAccountEmail": ACCOUNT})), "not both"),
    ("a token for somebody else's host", SCHEDULED, job(**target(uri="https://school.example/")), "googleapis.com"),
    ("a token for a host that ends alike", SCHEDULED, job(**target(uri="https://ogoogleapis.com/")), "googleapis.com"),
    ("a scope that is none", SCHEDULED, job(**target(oauthToken={**TOKEN, "scope": "all"})), "a scope of Google's"),
    ("an account that is not there", SCHEDULED,
     job(**target(oauthToken={**TOKEN, "serviceAccountEmail": ACCOUNT.replace(CALLER, "nobody")})), "nobody"),
    ("a job without a target", SCHEDULED, job(httpTarget=None), "httpTarget"),
    ("six retries", SCHEDULED, retries(retryCount=6), "6 is not 0 to 5"),
    ("retries below none", SCHEDULED, retries(retryCount=-1), "-1 is not 0 to 5"),
    ("a first wait above the longest", SCHEDULED,
     retries(minBackoffDuration="600s", maxBackoffDuration="300s"), "more than the longest wait"),
    ("a wait in minutes", SCHEDULED, retries(minBackoffDuration="5m"), "no duration in seconds"),
    ("a deadline of 14 seconds", SCHEDULED, job(attemptDeadline="14s"), "14 seconds are not 15 to 1800"),
    ("a deadline above half an hour", SCHEDULED, job(attemptDeadline="1801s"), "1801 seconds are not 15 to 1800"),
    ("a job's name with a dot", SCHEDULED, job(name="look.weekly"), "1 to 500 letters"),
    ("a job's name of 501 letters", SCHEDULED, job(name="a" * 501), "1 to 500 letters"),
    ("a description of 501 letters", SCHEDULED, job(description="a" * 501), "501 characters"),
    ("a message to a topic", SCHEDULED,
     job(httpTarget=None, pubsubTarget={"topicName": f"projects/{PROJECT}/topics/t"}), "does not model"),
    ("a header of the call", SCHEDULED, job(**target(headers={"X-A": "b"})), "does not model"),
)  # fmt: skip
