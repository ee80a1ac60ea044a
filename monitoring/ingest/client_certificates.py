"""What a sender must show beside its token where it comes over TLS: the certificate of its school's enrolment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from starlette.types import ASGIApp, Receive, Scope, Send

from controller.telemetry.enrolled_probes import EnrolledProbe
from controller.telemetry.probe_certificates import hash_certificate

CLIENT_CERTIFICATE = "tsunagu.client-certificate"
"""Where a request over TLS carries the certificate that was shown (DER), empty where none was."""


def show_certificate(app: ASGIApp, der: bytes) -> ASGIApp:
    """An application that is told with each request which certificate its connection showed."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope[CLIENT_CERTIFICATE] = der
        await app(scope, receive, send)

    return answer


def find_certificate_fault(
    shown: bytes, probe: EnrolledProbe | None, known: Mapping[str, EnrolledProbe], now: datetime
) -> str | None:
    """Why a sender over TLS is not believed by its token alone, or None.

    `probe` is whose token it shows, None for those that speak for all schools. `known` are probes by their certificate,
    also those that were revoked. The certificate was shown with a proof of its key: TLS has judged that.
    """
    if probe is None:
        return (
            "this token counts on the monitor's own machine alone; from elsewhere a school's probe sends, with its "
            "own token and certificate (tsunagu probe enrol)"
        )
    again = f"enrol it again (tsunagu probe enrol {probe.school}) and put the new probe.json there"
    if probe.certificate_sha256 is None or probe.certificate_ends_at is None:
        return f"{probe.school} was enrolled without a certificate: {again}"
    if not shown:
        return f"{probe.school} shows no certificate: is it older than 1.1.0, or does a proxy end its TLS?"
    if hash_certificate(shown) != probe.certificate_sha256:
        return f"{_describe_other(known.get(hash_certificate(shown)), probe)}: {again}"
    if probe.certificate_ends_at <= now:
        return f"the certificate of {probe.school} ended at {probe.certificate_ends_at:%Y-%m-%d %H:%M} UTC: {again}"
    return None


def _describe_other(other: EnrolledProbe | None, probe: EnrolledProbe) -> str:
    """Whose certificate was shown beside a probe's token."""
    if other is None:
        return "the certificate is none that is enrolled"
    if other.school != probe.school:
        return f"the certificate is of {other.school}, and the token of {probe.school}"
    return f"the certificate of {probe.school} was replaced or revoked"
