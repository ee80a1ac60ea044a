"""What a grant is, and where in Google Cloud one may stand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ACCESSOR = "roles/iap.httpsResourceAccessor"
"""Lets people through the identity-aware proxy (Google: "IAP roles and permissions")."""
ACCESS_PERMISSION = "iap.webServiceVersions.accessViaIAP"
"""What is in that role and opens the proxy; a role of the city's own may have it, too."""
HARMLESS_IAP_ROLES = frozenset(
    f"roles/iap.{name}"
    for name in (
        "admin",
        "editor",
        "remediatorUser",
        "settingsAdmin",
        "tunnelDestGroupEditor",
        "tunnelDestGroupViewer",
        "tunnelResourceAccessor",
        "viewer",
    )
)
"""Google's other roles of the proxy, which open it for nobody (the same page); of one that is newer nobody knows here.

The basic roles (`roles/owner`) change policies and let nobody through ("Managing access to IAP-secured resources").
"""
EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})


class IamResourceKind(StrEnum):
    """Where an IAM policy is attached. What stands higher holds for all that is below."""

    ORGANIZATION = "organization"
    FOLDER = "folder"
    PROJECT = "project"
    WEB = "web"
    BACKENDS = "web-backends"
    BACKEND = "backend"


@dataclass(frozen=True, slots=True, order=True)
class IamResource:
    """A resource with an IAM policy of its own; `name` is the number, project or backend service.

    >>> str(IamResource(IamResourceKind.FOLDER, "123")), IamResource(IamResourceKind.WEB, "city-prod").file_name
    ('folder 123', 'web.json')
    """

    kind: IamResourceKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def file_name(self) -> str:
        """The file that its exported policy is looked for in."""
        if self.kind in {IamResourceKind.PROJECT, IamResourceKind.WEB, IamResourceKind.BACKENDS}:
            return f"{self.kind}.json"
        return f"{self.kind}-{self.name}.json"

    def write_export_command(self, project: str) -> str:
        """Return the command of Google's CLI that exports the policy of this resource."""
        of_web = f"gcloud iap web get-iam-policy --project={project}"
        commands = {
            IamResourceKind.ORGANIZATION: f"gcloud organizations get-iam-policy {self.name}",
            IamResourceKind.FOLDER: f"gcloud resource-manager folders get-iam-policy {self.name}",
            IamResourceKind.PROJECT: f"gcloud projects get-iam-policy {project}",
            IamResourceKind.WEB: of_web,
            IamResourceKind.BACKENDS: f"{of_web} --resource-type=backend-services",
            IamResourceKind.BACKEND: f"{of_web} --resource-type=backend-services --service={self.name}",
        }
        return f"{commands[self.kind]} --format=json > {self.file_name}"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role for one member at a resource; an empty `condition` (the CEL expression) always holds.

    Members are in lower case where Google does not tell the cases apart: everywhere but in the two words for everybody.
    """

    resource: IamResource
    role: str
    member: str
    condition: str


def fold_member(member: str) -> str:
    """Return a member as it is compared.

    >>> fold_member("group:Teachers@City.example"), fold_member("allUsers")
    ('group:teachers@city.example', 'allUsers')
    """
    return member if member in EVERYBODY else member.lower()
