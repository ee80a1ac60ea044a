"""How much the monitor takes, from one request to years: each bound once, for memory and store alike."""

from __future__ import annotations

from controller.telemetry.registry import DAY, HOUR, MOST_SCHOOLS

MOST_SENT = 2 * 1024 * 1024
"""Bytes of a body as it is sent: several times a round of a whole city."""
MOST_UNPACKED = 8 * 1024 * 1024
"""Bytes of a body once unpacked: a small body may hold a very large one."""
MOST_ITEMS = 50_000
"""Data points, spans or records of a request."""
MOST_MESSAGES = 12 * MOST_ITEMS
"""Protobuf messages of a request at any depth: a point of ours has five attributes at most, each with a value."""
LEAST_UNPACKED = 512 * 1024
MOST_RATIO = 200
"""An unpacked body above `LEAST_UNPACKED` has at most so many times the bytes of the packed one."""
MOST_DECODED = 2
"""Requests that are decoded at once, each in a thread of its own; the others wait."""

LONGEST_NAME = 64
"""Characters of an attribute's value: the longest id of the city has fewer."""
LONGEST_TEXT = 500
"""Characters of what is for people: the text of an event, the name of a span, an error."""
MOST_ATTRIBUTES = 32
"""Attributes of a span."""
LONGEST_WAVES = 1024 * 1024
"""Characters in which a rollout names its devices by waves: five times those of the largest city."""
MOST_WAVES = 64

LARGEST_NUMBER = 1e15
"""Of a value or a total, up or down: sums of a year of such numbers are still numbers."""

AHEAD_SECONDS = 300
"""How far a sender's clock may be ahead of ours; what it dates later than it arrives is dated when it arrived."""
CLOCK_SECONDS = 1.0
"""By how much two clocks that are right may differ."""
REORDERED_SECONDS = 10.0
"""By how much a value may be older than another of its sender that overtook it on the way."""
SKEWED_SENDERS = 2 * MOST_SCHOOLS
"""Senders whose clocks are remembered; those heard last stay."""
LATE_SECONDS = HOUR
"""How late a value or an event may come: the city's own senders send within seconds or never."""
LATE_SCHOOL_SECONDS = 14 * DAY
"""The same of a school's own probe, which keeps what it measured while nobody could be reached."""
LONGEST_ROLLOUT = 31 * DAY
"""How long ago something may have begun that a span tells of."""

MOST_SPANS = 100_000
"""Spans of a rollout: 5,000 devices with the steps and commands of each."""
MOST_ROLLOUTS = 5_000
"""Rollouts that are kept: an hourly playbook for 90 days, and as many again."""
MOST_EVENTS = 2_000
"""Events of a school that are kept; the newest stay."""
MOST_ACTIONS = 10_000
"""Actions of people about needs that are remembered; the newest."""
MOST_OPEN_ACTIONS = 2_000
"""Acknowledgements and windows of maintenance at once."""
LONGEST_ACTION = 31 * DAY
"""For how long a need may be acknowledged, or maintenance announced."""
MOST_ACTION_BYTES = 8 * 1024
"""Bytes of a request that acknowledges, notes or announces."""
MOST_PROCESSES = 256
"""Processes whose totals of a series are told apart; those that have ended are added up to make room."""
ENDED_SECONDS = 60.0
"""A process that has told nothing for so long may be taken for one that has ended."""

MOST_CONNECTIONS = 256
"""Connections at once; for one more the oldest goes that has asked nothing."""
MOST_READERS = 64
"""Open streams of pages; for one more the oldest ends, and its page comes back."""
HEADER_SECONDS = 5.0
"""Within which a connection must have sent a request's head."""
REQUEST_SECONDS = 20.0
"""Within which a request's head and body must be there."""
STALLED_SECONDS = 30.0
"""After which a reader that takes nothing of its answer is let go."""

MOST_HANDSHAKES = 64
"""TLS handshakes under way at once; for one more the oldest goes."""
LONGEST_LOGIN_TOKEN = 8192
"""Characters of a signed token: the largest header of a request has few more."""
LOGIN_SKEW_SECONDS = 30
"""By how much the clock of whoever signs a login may differ."""
LONGEST_ASSERTION = 3600
"""Seconds between the issue and the expiry of what the identity-aware proxy signs: Google's lives for ten minutes."""
LONGEST_ID_TOKEN = DAY
"""The same of a provider's ID token, which counts once, when somebody logs in."""
MOST_LOGIN_GROUPS = 500
"""Groups that a login may tell."""
MOST_SESSIONS = 2_000
"""Logged-in browsers; for one more the oldest session ends."""
MOST_SESSIONS_EACH = 20
"""The same of one person, so that nobody ends the sessions of others."""
MOST_UNDER_WAY = 8
"""Logins that a browser may have begun at once: what each must remember goes with every request."""
LOGIN_LOG_SECONDS = 10
"""At most one failed login in so long is logged: whoever likes may fail."""
LOGIN_SECONDS = 600
"""Within which somebody who began to log in must be back."""
MOST_FAILED_LOGINS, FAILED_LOGINS_SECONDS = 100, 60
"""Codes that a provider takes for none of its own, and in how long: for more it is not asked, whoever sends them."""
KEYS_FRESH_SECONDS = 3600
"""After which an issuer's keys are asked for anew."""
KEYS_OLD_SECONDS = 24 * HOUR
"""After which keys that could not be fetched anew are believed no more."""
KEYS_AGAIN_SECONDS = 60
"""Keys are not asked for more often than this, whatever tokens name."""
FETCH_SECONDS = 5.0
"""For a whole answer of an issuer."""
MOST_FETCHED = 256 * 1024
"""Bytes of an issuer's answer."""
MOST_KEYS = 100
