"""What Storage Transfer Service refuses of a nightly copy between two buckets.

Sources (Google Cloud documentation): "Access to Cloud Storage" for sources and sinks (roles of the service's account on
both buckets), the reference of `transferJobs`. It copies nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world_store import WorldStore

_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"
_SERVICE = "gcp:projects/service:Service"
_READS = frozenset({"roles/storage.objectViewer", "roles/storage.bucketViewer"})
_WRITES = frozenset({"roles/storage.objectUser", "roles/storage.bucketViewer"})
"""The permissions that the page asks for (to see the bucket, to write objects), by the roles that are used here."""


def make_transfer_account(project_number: str) -> str:
    """Return the address of a project's account of Storage Transfer Service.

    >>> make_transfer_account("12")
    'project-12@storage-transfer-service.iam.gserviceaccount.com'
    """
    return f"project-{project_number}@storage-transfer-service.iam.gserviceaccount.com"


def check_transfer_job(store: WorldStore, _identity: str, values: Mapping[str, Value]) -> None:
    """Refuse a job whose account may not read the one bucket or not write into the other.

    Raises:
        GoogleRefusal: as said, or the service is off.
    """
    project = str(values.get("project") or "")
    if store.get(_SERVICE, f"{project}/storagetransfer.googleapis.com") is None:
        message = f"storagetransfer.googleapis.com has not been used in project {project} before or it is disabled"
        raise GoogleRefusal(403, message, "accessNotConfigured")
    account = make_transfer_account(find_project_number(project))
    specification = values.get("transferSpec")
    specification = specification if isinstance(specification, Mapping) else {}
    for side, wanted in (("gcsDataSource", _READS), ("gcsDataSink", _WRITES)):
        bucket = str((specification.get(side) or {}).get("bucketName") or "")
        given = {
            one.outputs.get("role")
            for one in store.all(_GRANT)
            if one.outputs.get("bucket") == bucket and one.outputs.get("member") == f"serviceAccount:{account}"
        }
        missing = sorted(wanted - given)
        if missing:
            message = f"{account} has no {missing[0]} on the bucket '{bucket}': grant it first"
            raise GoogleRefusal(403, message, "forbidden")
