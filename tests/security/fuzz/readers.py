"""Which functions read: found in the code, so that a new one without a target is noticed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
_READS = re.compile(r"(parse|load|read|decode|verify|judge|redact|migrate|count|import|open)(_|$)")
_FOREIGN = re.compile(r"\b(str|bytes|Path)\b")

OWN: Mapping[str, str] = {
    "count_connections": "a machine type of the stack's file, which was checked",
    "count_operators": "of expressions that we compiled",
    "judge_failed_sign_in": "words of the lab's own browser",
    "judge_visit": "words of the lab's own browser",
    "load_city": "whole folders: tests/security/fuzz/folders.py",
    "load_city_once": "load_city, kept",
    "load_city_with": "load_city, with other files in the place of some",
    "load_lab_operations": "load_operations of what the lab wrote",
    "load_estate_city": "load_city, by estate",
    "load_kept_policy": "load_city of a copy whose name is its content",
    "load_key": "this user's own key, compared and never parsed",
    "load_monitor_operations": "load_operations, for a monitor",
    "load_operations_of": "load_operations, by estate",
    "load_operations_once": "load_operations, kept",
    "load_platform": "an entry point's name",
    "load_private_key": "the operators' own key; paramiko's reader, whose errors become LoginRefused",
    "load_revision": "load_city of a git revision",
    "open_audit_trail": "no text is read",
    "open_beside": "a socket; certificates are load_probe_authority's, and of files of the operators' own",
    "open_command_line": "no text is read: what a command shows is `DeviceText`",
    "open_input_file": "no text is read: parse_archive's content, piece by piece",
    "open_connection": "no text is read",
    "open_listener": "no text is read",
    "open_measurement_store": "a store of ours",
    "open_rollout_span": "no text is read",
    "open_session": "no text is read",
    "open_slot_ledger": "a store of ours",
    "open_store": "a store of ours",
    "open_store_reader": "a store of ours",
    "open_stream_socket": "no text is read",
    "open_telemetry": "no text is read",
    "open_token_session": "no text is read",
    "open_trace": "no text is read",
    "parse_vlans": "a virtual switch's own words; it refuses by a line on its terminal",
    "read_standard_entry": "a virtual switch's own words; it refuses by a line on its terminal",
    "parse_fault": "two words of the command line, compared with known ones",
    "parse_series_key": "a row of the monitor's own store",
    "read_active_record": "the lab's own record, of root alone",
    "read_committed_files": "bytes by their sizes: tests/security/test_policy_repository.py",
    "read_events": "a store of ours",
    "read_key": "the lab's own key, of root alone",
    "read_line_history": "a store of ours",
    "read_newest_device_spans": "a store of ours",
    "read_periods": "a store of ours",
    "read_school_past": "a store of ours",
    "read_line_pasts": "a store of ours",
    "read_lab_status": "the lab's own record, of root alone",
    "read_manual_measurements": "a store of ours",
    "read_measured_interruptions": "a record of the lab that is shipped with us",
    "read_moment": "signed by the lab's own runner before it is read",
    "read_record": "the lab's own record, of root alone",
    "load_playbook_host": "variables of the inventory that the command itself has built; policies by load_city",
    "read_playbook": "what a playbook that the user runs says of itself: a part of a program that is trusted as one",
    "read_port_counters": "no text: pysnmp decodes what the passphrases vouch for; tests/measure/uplinks",
    "read_prompt": "the last line of an answer, bounded before; tests/platforms/test_cli_dialogue.py",
    "read_resident_bytes": "numbers of the kernel about the monitor itself",
    "read_rollout_spans": "a store of ours",
    "read_rules": "faults that a test of the offline Google asks for",
    "read_stack_organisation": "the stack's file, which parse_stack_configuration has read before",
    "read_taken_record": "the controller's own record, of its user alone; damage is refused",
    "read_words": "a list that is shipped with us",
    "verify_host_key": "bytes of the handshake against parse_known_hosts and judge_certificate",
    "verify_plan": "a plan that parse_plan and parse_state have read, derived again",
}
"""Functions of such a name that read nothing foreign, or by a reader that has a target; and why."""


def list_readers() -> Iterator[str]:
    """Every public function that reads a text, bytes or a file, by name."""
    for package in ("controller", "monitoring", "stacks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for found in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(found, ast.FunctionDef) and _READS.match(found.name):
                    given = [one.annotation for one in (*found.args.posonlyargs, *found.args.args)]
                    if any(one is not None and _FOREIGN.search(ast.unparse(one)) for one in given):
                        yield found.name
