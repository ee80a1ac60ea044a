"""Google's own service agents: who they are, and which of them exist in a project.

An agent exists only after something made it: its identity (`projects.ServiceIdentity`), the call that asks for it
(Cloud Storage), or the resource that it works for. Source: "Service agents" in Google Cloud's documentation. The agent
of a service that is not listed here is not known here, and refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.world_store import WorldStore

IDENTITY = "gcp:projects/serviceIdentity:ServiceIdentity"
STORAGE_DOMAIN = "gs-project-accounts"
"""Of Cloud Storage's agent, which `getProjectServiceAccount` makes."""
_DOMAINS: Mapping[str, str] = {
    "artifactregistry": "gcp-sa-artifactregistry",
    "backupdr": "gcp-sa-backupdr",
    "compute": "compute-system",
    "iap": "gcp-sa-iap",
    "logging": "gcp-sa-logging",
    "pubsub": "gcp-sa-pubsub",
    "run": "serverless-robot-prod",
    "secretmanager": "gcp-sa-secretmanager",
    "servicenetworking": "service-networking",
    "sqladmin": "gcp-sa-cloud-sql",
}
"""By the first word of the service's name: the domain of its agent."""
_GIVEN_BY: Mapping[str, str] = {
    IDENTITY: "email",
    "gcp:backupdisasterrecovery/backupVault:BackupVault": "serviceAccount",
    "gcp:logging/projectSink:ProjectSink": "writerIdentity",
    "gcp:sql/databaseInstance:DatabaseInstance": "serviceAccountEmailAddress",
}
"""Types that come with an agent, and where they name it."""


def make_agent_email(domain: str, project_number: str) -> str:
    """Return the address of a project's service agent.

    >>> make_agent_email("gcp-sa-iap", "12")
    'service-12@gcp-sa-iap.iam.gserviceaccount.com'
    """
    return f"service-{project_number}@{domain}.iam.gserviceaccount.com"


def make_logging_agent_email(project_number: str) -> str:
    """Return the address by which Cloud Logging uses a project's keys; `getProjectCmekSettings` makes it.

    >>> make_logging_agent_email("12")
    'cmek-p12@gcp-sa-logging.iam.gserviceaccount.com'
    """
    return f"cmek-p{project_number}@gcp-sa-logging.iam.gserviceaccount.com"


def find_agent_domain(service: str) -> str:
    """Return the domain of the agent that a service has, by the service's full name.

    Raises:
        GoogleRefusal: the offline Google does not know that service's agent.
    """
    domain = _DOMAINS.get(service.removesuffix(".googleapis.com"))
    if domain is None:
        message = f"the offline Google does not know the service agent of {service}; it knows: {', '.join(_DOMAINS)}"
        raise GoogleRefusal(501, message, "notImplemented")
    return domain


def note_agent(store: WorldStore, email: str) -> None:
    """Remember that a call has made an agent; it never goes away."""
    store.take_name(IDENTITY, email)


def agent_exists(store: WorldStore, email: str) -> bool:
    """Whether something has made this agent."""
    return store.is_taken(IDENTITY, email) or any(
        str(one.outputs.get(name, "")).removeprefix("serviceAccount:") == email
        for token, name in _GIVEN_BY.items()
        for one in store.all(token)
    )
