"""Who deploys a stack, and who only looks: a service account of its own for each, and who may act as it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.applications.access import GROUP_LABELS
from stacks.bootstrap.configuration import BootstrapConfiguration, make_subject
from stacks.bootstrap.federation import Federation
from stacks.bootstrap.state_store import StateStore
from stacks.data.keys import USE
from stacks.guardrails.deployer_roles import GRANTABLE, GRANTS, ON_ACCESS_POLICY, VIEWER, list_deployer_roles
from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE, Naming

FIRST_SERVICES = ("cloudresourcemanager", "serviceusage")
"""APIs of a stack's project by which the others are switched on and roles are given."""
TOKENS = "roles/iam.serviceAccountTokenCreator"
FEDERATED = "roles/iam.workloadIdentityUser"


@dataclass(frozen=True)
class DeployersArgs:
    """What the accounts of one stack are made from. `project` is the stack's; the accounts are in the bootstrap's."""

    configured: BootstrapConfiguration
    environment: str
    project: str
    naming: Naming
    services: ProjectServices
    store: StateStore
    federation: Federation


class Deployers(pulumi.ComponentResource):
    """The accounts of one stack. Outputs: `deployer` and `previewer`.

    People of the operators' group act as the deployer, and so does a job of the repository in the stack's environment
    there, whose rules (reviewers, branches) GitHub keeps. Any job of the repository may look.
    """

    def __init__(self, name: str, args: DeployersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Deployers", name, {}, opts)
        self._name, self._args = name, args
        self._own = pulumi.ResourceOptions(parent=self)
        self.deployer = self._add_account("deploy", f"Deploys the stack {args.environment}")
        self.previewer = self._add_account("preview", f"Previews the stack {args.environment}, and changes nothing")
        self._give_project_roles()
        self._give_access_policy()
        self._give_state()
        self._let_people_and_jobs_act()
        self.register_outputs({"deployer": self.deployer.email, "previewer": self.previewer.email})

    def _add_account(self, what: str, description: str) -> gcp.serviceaccount.Account:
        return gcp.serviceaccount.Account(
            f"{self._name}-{what}",
            account_id=f"tsunagu-{what}-{self._args.environment}",
            display_name=f"Tsunagu: {what} {self._args.environment}",
            description=description,
            opts=self._args.services.build_child_options(self, "iam"),
        )

    def _give_project_roles(self) -> None:
        project = self._args.project
        on: list[pulumi.Resource] = [
            gcp.projects.Service(
                f"{self._name}-{word}",
                project=project,
                service=f"{word}.googleapis.com",
                disable_on_destroy=False,
                opts=self._args.services.build_child_options(self, "serviceusage"),
            )
            for word in FIRST_SERVICES
        ]
        given = [(role, self.deployer) for role in list_deployer_roles()] + [(role, self.previewer) for role in VIEWER]
        for role, account in given:
            gcp.projects.IAMMember(
                f"{self._name}-{role.removeprefix('roles/')}",
                project=project,
                role=role,
                member=account.member,
                condition=_limit_grants() if role == GRANTS else None,
                opts=pulumi.ResourceOptions(parent=self, depends_on=on),
            )

    def _give_access_policy(self) -> None:
        for role in ON_ACCESS_POLICY:
            gcp.accesscontextmanager.AccessPolicyIamMember(
                f"{self._name}-{role.removeprefix('roles/')}",
                name=f"accessPolicies/{self._args.configured.google.access_policy}",
                role=role,
                member=self.deployer.member,
                opts=self._args.services.build_child_options(self, "accesscontextmanager"),
            )

    def _give_state(self) -> None:
        """The state and its secrets: the one writes and reads, the other reads."""
        bucket = self._args.store.buckets[self._args.environment]
        key = self._args.store.secrets[self._args.environment]
        for what, account, role in (
            ("deploy", self.deployer, "roles/storage.objectUser"),
            ("preview", self.previewer, "roles/storage.objectViewer"),
        ):
            gcp.storage.BucketIAMMember(
                f"{self._name}-{what}-state", bucket=bucket.name, role=role, member=account.member, opts=self._own
            )
            gcp.kms.CryptoKeyIAMMember(
                f"{self._name}-{what}-secrets",
                crypto_key_id=key.id,
                role=USE if what == "deploy" else "roles/cloudkms.cryptoKeyDecrypter",
                member=account.member,
                opts=self._own,
            )

    def _let_people_and_jobs_act(self) -> None:
        configured, environment = self._args.configured, self._args.environment
        operators = f"{self._args.naming.prefix}-{environment}-operators@{configured.google.directory}"
        group = gcp.cloudidentity.Group(
            f"{self._name}-operators",
            parent=f"customers/{configured.google.customer}",
            group_key={"id": operators},
            display_name=f"Deploy {environment}",
            description="Its members deploy in the name of the deployer. Tsunagu puts nobody in.",
            labels=GROUP_LABELS,
            initial_group_config="EMPTY",
            opts=self._args.services.build_child_options(self, "cloudidentity", protect=True),
        )
        self._let_act("people", self.deployer, TOKENS, group.group_key.apply(lambda key: f"group:{key.id}"))
        job = self._args.federation.make_principal(make_subject(configured.repository, environment))
        self._let_act("job", self.deployer, FEDERATED, job)
        self._let_act("any-job", self.previewer, FEDERATED, self._args.federation.make_repository_principals())

    def _let_act(
        self, who: str, account: gcp.serviceaccount.Account, role: str, member: pulumi.Input[str]
    ) -> gcp.serviceaccount.IAMMember:
        return gcp.serviceaccount.IAMMember(
            f"{self._name}-{who}", service_account_id=account.name, role=role, member=member, opts=self._own
        )


def _limit_grants() -> gcp.projects.IAMMemberConditionArgs:
    """Which roles may be given or taken ("Setting limits on granting roles")."""
    roles = ", ".join(f"'{role}'" for role in GRANTABLE)
    return gcp.projects.IAMMemberConditionArgs(
        title="Only the roles that the stack gives",
        expression=f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{roles}])",
    )
