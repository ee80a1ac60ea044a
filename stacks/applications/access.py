"""Who may use what: groups for roles, access levels, the proxy's bindings and sessions, as compiled from the policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from controller.compile.identity.access_levels import AccessLevel
from controller.compile.identity.iap_bindings import CloudIntent, IapBinding
from controller.compile.identity.iap_sessions import ProxySession
from controller.errors import TsunaguError
from stacks.project_services import ProjectServices
from stacks.settings.configuration import GoogleSettings
from stacks.settings.naming import TYPE, Naming

ACCESS = "roles/iap.httpsResourceAccessor"
GROUP_LABELS = {
    "cloudidentity.googleapis.com/groups.discussion_forum": "",
    # A security group takes no members from outside that are not security groups themselves.
    "cloudidentity.googleapis.com/groups.security": "",
}
LONGEST_DESCRIPTION = 256


@dataclass(frozen=True)
class AccessArgs:
    """What access is made from. `role_names` are people's words for the roles; `backends` are by application id."""

    google: GoogleSettings
    intent: CloudIntent
    role_names: Mapping[str, str]
    backends: Mapping[str, gcp.compute.BackendService]
    naming: Naming
    protected: bool
    services: ProjectServices


class Access(pulumi.ComponentResource):
    """Groups, access levels and bindings. A role of a workforce identity pool has no group: its principals are bound.

    Outputs: `groups` (e-mail by role; people are put in by the directory, never here), `levels` (by short name).
    """

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Access", name, {}, opts)
        self._args, self._own = args, args.services.build_child_options(self, "iap")
        self.groups = {role: self._add_group(role) for role in args.intent.roles}
        self.levels: dict[str, gcp.accesscontextmanager.AccessLevel] = {}
        for level in args.intent.access_levels:
            self.levels[level.key] = self._add_level(level)
        for binding in args.intent.bindings:
            self._add_binding(binding)
        for application in args.intent.applications:
            if application.session is not None and application.id in args.backends:
                self._add_session(application.id, application.session)
        self.register_outputs({"groups": {role: self.make_group_email(role) for role in self.groups}})

    def make_group_email(self, role: str) -> str:
        """Return the e-mail address of a role's group."""
        return f"{self._args.naming.prefix}-{role}@{self._args.google.directory}"

    def _add_group(self, role: str) -> gcp.cloudidentity.Group:
        return gcp.cloudidentity.Group(
            role,
            parent=f"customers/{self._args.google.customer}",
            group_key={"id": self.make_group_email(role)},
            display_name=f"{self._args.role_names[role]} ({self._args.naming.stack})",
            description="Members come from the city's directory; Tsunagu binds the group and puts nobody in.",
            labels=GROUP_LABELS,
            initial_group_config="EMPTY",
            opts=self._args.services.build_child_options(self, "cloudidentity", protect=self._args.protected),
        )

    def _list_members(self, binding: IapBinding) -> list[pulumi.Input[str]]:
        if binding.members:
            return [*binding.members]
        return [self.groups[binding.role].group_key.apply(lambda key: format_group_member(key.id))]

    def _add_level(self, level: AccessLevel) -> gcp.accesscontextmanager.AccessLevel:
        parent = f"accessPolicies/{self._args.google.access_policy}"
        needed: list[pulumi.Resource] = [self.levels[key] for key in level.needs]
        return gcp.accesscontextmanager.AccessLevel(
            level.key,
            parent=parent,
            name=f"{parent}/accessLevels/{level.name}",
            title=level.name,
            description=f"Relies on {level.relies_on}.",
            custom={"expr": {"expression": level.expression, "title": level.key}},
            opts=self._args.services.build_child_options(self, "accesscontextmanager", after=needed),
        )

    def _add_binding(self, binding: IapBinding) -> None:
        asked = [level for level in self._args.intent.access_levels if f'/{level.name}"' in binding.expression]
        condition = gcp.iap.WebBackendServiceIamBindingConditionArgs(
            # IAM puts bindings together whose conditions are the same in every word: the title tells them apart.
            title=f"{binding.application} {binding.role} {binding.number}",
            description=f"From the policy's {', '.join(binding.rules)}"[:LONGEST_DESCRIPTION],
            expression=binding.expression,
        )
        gcp.iap.WebBackendServiceIamBinding(
            f"{binding.application}-{binding.role}-{binding.number}",
            project=self._args.google.project,
            web_backend_service=self._args.backends[binding.application].name,
            role=ACCESS,
            members=self._list_members(binding),
            condition=condition if binding.expression else None,
            opts=self._args.services.build_child_options(
                self, "iap", after=[self.levels[level.key] for level in asked]
            ),
        )

    def _add_session(self, application: str, session: ProxySession) -> None:
        google, backend = self._args.google, self._args.backends[application]
        gcp.iap.Settings(
            application,
            name=backend.generated_id.apply(
                lambda id_: f"projects/{google.project_number}/iap_web/compute/services/{id_}"
            ),
            access_settings={
                "reauth_settings": {
                    "method": session.method,
                    "max_age": f"{session.seconds}s",
                    # Nothing stands below a backend. What an organisation sets above as MINIMUM is merged: the
                    # shorter session and the stricter method hold ("IAP reauthentication").
                    "policy_type": "DEFAULT",
                }
            },
            opts=self._own,
        )


def format_group_member(name: str) -> str:
    """Return a group as IAM writes it.

    Raises:
        TsunaguError: it is a single user, a service account, or everybody: roles are groups.
    """
    kind, found, email = name.rpartition(":")
    if (found and kind != "group") or "@" not in email:
        message = f"a binding to {name!r} is refused: only groups are bound, so that people change in one place"
        raise TsunaguError(message)
    return f"group:{email}"
