"""IAM policies as Google's CLI exports them: a folder with one JSON file a resource (`gcloud ... get-iam-policy`).

Forms: Google's reference "Policy" of IAM, "Role" of IAM, and the list of `gcloud projects get-ancestors`.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from controller.cloud.iam_drift.grants import Grant, IamResource, IamResourceKind, fold_member
from controller.errors import CloudError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.character_classes import EscapedText
from controller.inputs.input_file import InputFolder
from controller.inputs.shown_text import shorten_value

ANCESTORS = "ancestors.json"
ROLES = "role-*.json"
_ENDING = ".json"
_BEFORE_BACKEND = f"{IamResourceKind.BACKEND}-"
_BACKENDS = f"{_BEFORE_BACKEND}*{_ENDING}"
_HIDDEN_CONDITION = "_withcond_"
"""In the name of a role: the policy was exported in version 1, which shows no conditions (IAM: "Policy versions")."""
_Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]{0,62}$")]
"""Of a project, folder or organisation: it names a file, and stands in a command that people copy."""
_RoleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./:-]{1,300}$")]
_Member = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/@+*=%?&!'~-]{1,1000}$")]
_Permission = Annotated[str, Field(pattern=r"^[A-Za-z0-9.]{1,200}$")]
_Expression = Annotated[str, Field(min_length=1), EscapedText(1_990)]
"""Compared as a whole, and shown; ours have 12 operators at most, about 1,300 characters. A longer one is not ours."""
_Form = TypeVar("_Form")


class _Exported(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Condition(_Exported):
    """Only the expression counts: the other three are words for people."""

    expression: _Expression
    title: object = None
    description: object = None
    location: object = None


class _Binding(_Exported):
    role: _RoleName
    members: tuple[_Member, ...]
    condition: _Condition | None = None


class _Policy(_Exported):
    """`etag` is in every exported policy: a file without it is of something else, or was cut off."""

    etag: object
    version: object = None
    bindings: tuple[_Binding, ...] = ()
    auditConfigs: object = None  # noqa: N815 Google's name


class _Ancestor(_Exported):
    id: _Id
    type: IamResourceKind


class _Role(BaseModel):
    """Of a role only what it lets do is asked; Google may say more of it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: _RoleName
    includedPermissions: tuple[_Permission, ...] = ()  # noqa: N815 Google's name


_POLICY = TypeAdapter(_Policy)
_ANCESTRY = TypeAdapter(tuple[_Ancestor, ...])
_ROLE = TypeAdapter(_Role)


class ExportedPolicies:
    """A folder of exported policies. Every file is read when it is asked for; a missing one is `None`, never empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = InputFolder(folder)

    def read_grants(self, resource: IamResource) -> frozenset[Grant] | None:
        """Return all grants at a resource; None where its file is missing.

        Raises:
            InputRefused: the file cannot be read.
            CloudError: it is no exported policy, or one that hides conditions.
        """
        policy = self._read_file(resource.file_name, _POLICY)
        if policy is None:
            return None
        for binding in policy.bindings:
            if _HIDDEN_CONDITION in binding.role:
                message = (
                    f"{self._folder.path / resource.file_name}: the role {shorten_value(binding.role)} stands for one "
                    "under a condition that this export hides; export it anew in policy version 3"
                )
                raise CloudError(message)
        return frozenset(
            Grant(
                resource, binding.role, fold_member(member), binding.condition.expression if binding.condition else ""
            )
            for binding in policy.bindings
            for member in binding.members
        )

    def read_ancestors(self, project: str) -> tuple[IamResource, ...] | None:
        """Return the folders and the organisation above a project; None where that file is missing.

        Raises:
            InputRefused: the file cannot be read.
            CloudError: it is no list of ancestors, or one of another project.
        """
        ancestry = self._read_file(ANCESTORS, _ANCESTRY)
        if ancestry is None:
            return None
        if [one.id for one in ancestry if one.type is IamResourceKind.PROJECT] != [project]:
            message = f"{self._folder.path / ANCESTORS}: is not of project {project!r}; export it from there"
            raise CloudError(message)
        above = (IamResourceKind.FOLDER, IamResourceKind.ORGANIZATION)
        return tuple(IamResource(one.type, one.id) for one in ancestry if one.type in above)

    def read_roles(self) -> dict[str, frozenset[str]]:
        """Return what roles that were exported let do, by their full names.

        Raises:
            InputRefused: a file cannot be read.
            CloudError: it is no exported role.
        """
        found = (self._read_file(name, _ROLE) for name in self._folder.list_names("", ROLES))
        return {role.name: frozenset(role.includedPermissions) for role in found if role is not None}

    def list_backends(self) -> tuple[str, ...]:
        """Return the backend services that were exported, also those that the stack does not know.

        Raises:
            InputRefused: the folder cannot be read.
        """
        names = self._folder.list_names("", _BACKENDS)
        return tuple(name.removeprefix(_BEFORE_BACKEND).removesuffix(_ENDING) for name in names)

    def list_unread(self, asked: Collection[str]) -> tuple[str, ...]:
        """Return the files of the folder that nothing reads: of another project, or with a mistyped name.

        Raises:
            InputRefused: the folder cannot be read.
        """
        roles = self._folder.list_names("", ROLES)
        return tuple(sorted({*self._folder.list_names("", "*")} - {*asked, *roles, ANCESTORS}))

    def _read_file(self, name: str, form: TypeAdapter[_Form]) -> _Form | None:
        path = self._folder.path / name
        try:
            return form.validate_python(parse_json(self._folder.read_bytes(name)))
        except FileNotFoundError:
            return None
        except JsonRefused as error:
            message = f"{path}:{error.line}: {error.why}"
            raise CloudError(message) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            message = f"{path}: {where}: {first['msg']}; export it with --format=json and leave it as it is"
            raise CloudError(message) from None
