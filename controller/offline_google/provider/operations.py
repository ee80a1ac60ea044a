"""What each call of the engine's means for the offline Google: messages in, messages out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.input_changes import Change, Kind, difference
from controller.offline_google.provider.pulumi_values import UNKNOWN, Value, from_wire, to_wire
from controller.offline_google.provider.schema.defaults import Naming, filled
from controller.offline_google.provider.schema.facts import ResourceType, UnknownType, resource_type
from controller.offline_google.provider.schema.input_checks import DEFAULTS, Failure, check
from controller.offline_google.provider.schema.plan_rules import plan_failures
from controller.offline_google.provider.secrets import unveiled, veiled
from controller.offline_google.world.errors import Refused
from controller.offline_google.world.google import Google, protection
from controller.offline_google.world.outputs.resource_names import project_number
from controller.offline_google.world.world_store import Resource

Values = Mapping[str, Value]

_KINDS = {
    (Kind.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Kind.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Kind.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Kind.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Kind.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Kind.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def check_inputs(request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
    """The inputs against the facts, and filled with defaults and names."""
    try:
        kind = resource_type(request.type)
        given = {key: value for key, value in from_wire(request.news).items() if key != DEFAULTS}
    except (UnknownType, ValueError) as error:
        failure = provider_pb2.CheckFailure(property="", reason=str(error))
        return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
    options = request.autonaming
    naming = Naming(
        request.name,
        request.randomSeed,
        options.proposed_name if request.HasField("autonaming") else "",
        off=options.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE,
    )
    failures = check(kind, given)
    inputs, wrong = filled(kind, given, from_wire(request.olds), naming)
    failures += wrong
    if not failures:
        failures = plan_failures(kind.token, inputs)
    return provider_pb2.CheckResponse(inputs=to_wire(inputs), failures=[_failure(kind, entry) for entry in failures])


def diff(google: Google, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
    """What a change of the inputs means.

    Raises:
        Refused: it would replace something that is protected against deletion.
    """
    kind = resource_type(request.type)
    state, before, after = from_wire(request.olds), from_wire(request.old_inputs), from_wire(request.news)
    ignored = {path.partition(".")[0].partition("[")[0] for path in request.ignoreChanges}
    for name in ignored:
        after = {**after, name: before[name]} if name in before else {k: v for k, v in after.items() if k != name}
    found = difference(kind, state, google.placed(kind, before), google.placed(kind, after))
    guarded = protection({**kind.facts.get("deletion", {}), **state})
    if found.replaces and guarded:
        replacing = ", ".join(change.path for change in found.changes if change.replaces)
        message = f"'{request.id}' ({kind.short}): a change of {replacing} would replace it, and {guarded}"
        raise Refused(400, message, "deletionProtected")
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if found.changes else response.DIFF_NONE,
        diffs=sorted({_top(change) for change in found.changes}),
        replaces=sorted({_top(change) for change in found.changes if change.replaces}),
        deleteBeforeReplace=found.delete_first,
        detailedDiff={
            change.path: provider_pb2.PropertyDiff(kind=_KINDS[change.kind, change.replaces], inputDiff=True)
            for change in found.changes
        },
        hasDetailedDiff=True,
    )


def create(google: Google, request: provider_pb2.CreateRequest) -> provider_pb2.CreateResponse:
    """Make a resource; in a preview, say what is known of it and leave the rest unknown.

    Raises:
        Refused: Google would not make it.
    """
    kind = resource_type(request.type)
    inputs = from_wire(request.properties)
    if request.preview:
        values = google.placed(kind, inputs)
        google.judge(kind, values)
        return provider_pb2.CreateResponse(properties=_shown(kind, {**_computed(kind, values), **values}))
    made = google.create(request.type, veiled(kind, inputs))
    return provider_pb2.CreateResponse(id=made.id, properties=_outputs(kind, made, inputs))


def update(google: Google, request: provider_pb2.UpdateRequest) -> provider_pb2.UpdateResponse:
    """Change a resource in place.

    Raises:
        Refused: Google would not change it so.
    """
    kind = resource_type(request.type)
    inputs = from_wire(request.news)
    if request.preview:
        values = google.placed(kind, inputs)
        google.judge(kind, values)
        computed = {key: value for key, value in from_wire(request.olds).items() if not _is_input(kind, key)}
        return provider_pb2.UpdateResponse(properties=_shown(kind, {**computed, **values}))
    changed = google.update(request.type, request.id, veiled(kind, inputs))
    return provider_pb2.UpdateResponse(properties=_outputs(kind, changed, inputs))


def read(google: Google, request: provider_pb2.ReadRequest) -> provider_pb2.ReadResponse:
    """A resource as it is now. Secrets are not shown, by Google neither: those that the engine has stay."""
    kind = resource_type(request.type)
    found = google.read(request.type, request.id)
    if found is None:
        return provider_pb2.ReadResponse()
    known = from_wire(request.inputs) or from_wire(request.properties)
    inputs = unveiled(kind, found.inputs, known)
    return provider_pb2.ReadResponse(id=found.id, properties=_outputs(kind, found, known), inputs=to_wire(inputs))


def delete(google: Google, request: provider_pb2.DeleteRequest) -> Empty:
    """Remove a resource.

    Raises:
        Refused: it is protected, or in use.
    """
    state = from_wire(request.properties)
    guarded = protection(state)
    if guarded:
        # The engine's own record counts, too: it is what the real provider looks at.
        message = f"'{request.id}' cannot be deleted: {guarded}"
        raise Refused(400, message, "deletionProtected")
    google.delete(request.type, request.id)
    return Empty()


def invoke(google: Google, request: provider_pb2.InvokeRequest) -> provider_pb2.InvokeResponse:
    """A data source.

    Raises:
        Refused: it is none that the stacks use.
    """
    arguments = from_wire(request.args)
    source = _SOURCES.get(request.tok)
    if source is None:
        message = f"the offline Google does not know the function {request.tok}"
        raise Refused(501, message, "notImplemented")
    response = provider_pb2.InvokeResponse()
    getattr(response, "return").CopyFrom(to_wire(source(google, arguments)))  # its name is a word of Python's
    return response


def _project(google: Google, arguments: Values) -> Values:
    project = str(arguments.get("projectId") or google.defaults.get("project", ""))
    number = project_number(project)
    return {"id": f"projects/{project}", "projectId": project, "number": number, "name": project, "labels": {}}


def _storage_agent(google: Google, arguments: Values) -> Values:
    project = str(arguments.get("project") or google.defaults.get("project", ""))
    email = f"service-{project_number(project)}@gs-project-accounts.iam.gserviceaccount.com"
    return {"id": email, "emailAddress": email, "member": f"serviceAccount:{email}", "project": project}


def _client(google: Google, _arguments: Values) -> Values:
    return {
        "id": "offline",
        "accessToken": "",
        **{key: google.defaults.get(key, "") for key in ("project", "region", "zone")},
    }


_SOURCES: Mapping[str, Callable[[Google, Values], Values]] = {
    "gcp:organizations/getProject:getProject": _project,
    "gcp:organizations/getClientConfig:getClientConfig": _client,
    "gcp:storage/getProjectServiceAccount:getProjectServiceAccount": _storage_agent,
}


def _failure(kind: ResourceType, failure: Failure) -> provider_pb2.CheckFailure:
    return provider_pb2.CheckFailure(property=failure.path, reason=f"{kind.short}.{failure.path}: {failure.reason}")


def _top(change: Change) -> str:
    return change.path.partition(".")[0].partition("[")[0]


def _is_input(kind: ResourceType, name: str) -> bool:
    found = kind.properties.get(name)
    return found is not None and found.mode in {"required", "optional"}


def _computed(kind: ResourceType, values: Values) -> dict[str, Value]:
    """What only Google will say: unknown in a preview."""
    left = {name for name, found in kind.properties.items() if "computed" in found.mode and values.get(name) is None}
    return dict.fromkeys(left, UNKNOWN)


def _outputs(kind: ResourceType, resource: Resource, known: Values) -> Struct:
    return _shown(kind, unveiled(kind, resource.outputs, known))


def _shown(kind: ResourceType, values: Values) -> Struct:
    secret = frozenset(kind.facts.get("secretOutputs", ()))
    shown = {key: value for key, value in values.items() if key != DEFAULTS}
    return to_wire(shown, secret)
