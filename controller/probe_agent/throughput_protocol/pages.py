"""The words of a test over HTTPS: the endpoint's pages, and the fields of a request."""

from __future__ import annotations

MOST_SECONDS = 5
"""An endpoint lets no test take longer in a direction, whatever is asked for."""
SCHOOL_FIELD = "Tsunagu-School"
CHALLENGE_FIELD = "Tsunagu-Challenge"
PROOF_FIELD = "Tsunagu-Proof"
SECONDS_FIELD = "Tsunagu-Seconds"


class Page:
    """What a probe asks for: a challenge, then streams in one direction side by side, then what the far end saw."""

    CHALLENGE = "/v1/throughput/challenge"
    DOWNLOAD = "/v1/throughput/download"
    UPLOAD = "/v1/throughput/upload"
    REPORT = "/v1/throughput/report"
