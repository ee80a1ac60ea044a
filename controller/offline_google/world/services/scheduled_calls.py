"""What Cloud Scheduler refuses of a job's account, and the state that it gives a job. It calls nobody here.

Source: "Use authentication with HTTP targets": the account belongs to the project in which the job is made. Whether it
may do what the job asks for Google looks at when the job runs, not before.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.world_store import WorldStore

SCHEDULED_JOB = "gcp:cloudscheduler/job:Job"
_ACCOUNT = "gcp:serviceaccount/account:Account"


def check_scheduled_call(store: WorldStore, _identity: str, values: Mapping[str, Value]) -> None:
    """Refuse a job in the name of another project's account; one that is not there is refused as any reference.

    Raises:
        GoogleRefusal: as said.
    """
    target = values.get("httpTarget") or {}
    token = target.get("oauthToken") or target.get("oidcToken") or {}
    email = str(token.get("serviceAccountEmail") or "")
    account = store.called(email, [_ACCOUNT])
    if account is not None and account.project != values.get("project"):
        message = (
            f"the service account {email} belongs to the project {account.project}: a job of {values.get('project')} "
            "takes only one of its own project"
        )
        raise GoogleRefusal(400, message, "invalidArgument")


def tell_state(_store: WorldStore, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the state of a job: it runs at its times, or somebody has stopped it."""
    return {"state": "PAUSED" if values.get("paused") is True else "ENABLED"}
