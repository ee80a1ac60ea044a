"""Nobody opens a file of others but the opener: a file of the code that opens files says here whose they are."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = {
    "controller/inputs/": "the opener itself",
    "controller/lab/": "the virtual city: files of its own state folder, the kernel's, its own servers' answers",
    "controller/messages/": "the catalogue, a part of the program",
    "controller/offline_google/": "the stand-in's own store and schema",
    "controller/storage/": "the stores and locks that everything else opens by them",
    "monitoring/alerts/rules.py": "the rules that it writes itself",
    "monitoring/web/runbooks.py": "pages that are a part of the program",
    "tools/": "builds and checks this project, and reads its files",
    "playbooks/": "reads by the controller's packages",
}
"""Whose files these folders open: none of them is written by others."""
READS = {
    "controller/adoption/take_over/record.py": "bytes that the reader of the operators' files has read",
    "controller/cli/conventions/completion.py": "its own cache of names",
    "controller/cli/conventions/option_table.py": "a table that is a part of the program",
    "controller/cli/output.py": "the null device",
    "controller/cloud/approval.py": "the operator's own saved plan, which he names; its form is judged",
    "controller/cloud/go_build.py": "sources of programs that this project builds",
    "controller/cloud/installation.py": "sources of the engine that this project builds",
    "controller/cloud/passphrase.py": "the operators' own passphrase file",
    "controller/cloud/state_record.py": "copies of the operators' own states, which they name; judged, never written",
    "controller/daemon/kept_record.py": "the controller's own store",
    "controller/integration/report/integration_report.py": "its own template and style",
    "controller/measure/report/bandwidth_report.py": "its own template and style",
    "controller/operations/trusted_files.py": "the operators' files: owner and mode are checked, by rules of their own",
    "controller/operations/applied_policies.py": "the controller's own store",
    "controller/plan/proof/proof_cache.py": "its own cache, whose lines are signed",
    "controller/platforms/common/own_restore.py": "scripts that are a part of the program",
    "controller/platforms/device_text/word_lists.py": "word lists that are a part of the program",
    "controller/platforms/hostapd/unmanaged_networks.py": "a list of settings that is a part of the program",
    "controller/platforms/transport/namespace.py": "network namespaces of the kernel",
    "controller/plan/document.py": "the bytes of a plan that the opener has read",
    "controller/plan/playbook_tasks/evidence.py": "an archive that is written, of bytes that the opener has read",
    "controller/probe_agent/configuration.py": "the probe's own files: kind and mode are checked, by rules of its own",
    "controller/probe_agent/measuring_loop.py": "a word that its own supervisor has written",
    "controller/probe_agent/probing/https_path_test.py": "the kernel's counts of its own interface",
    "controller/probe_agent/probing/slot_keeper.py": "its own record of planned tests",
    "controller/probe_agent/probing/throughput.py": "its own lock",
    "controller/probe_agent/updating/fetch_update.py": "a file that the release key must have signed",
    "controller/probe_agent/updating/slots.py": "its own record",
    "controller/probe_agent/updating/supervisor.py": "a word that its own probe has written",
    "controller/probe_agent/whole_file.py": "what it writes itself, beside its own file",
    "controller/recovery/controller_archive.py": "a store that it has copied itself",
    "controller/recovery/controller_backup.py": "files that it makes, of an archive that the opener has opened",
    "controller/rollout/change_backups.py": "backups that it has written itself",
    "controller/rollout/playbooks/playbook_settings.py": "what a playbook declares; its folder is checked",
    "controller/rollout/durable/database.py": "the controller's own store: a file of its user alone is made",
    "controller/rollout/durable/rollout_store.py": "a record in the controller's own store",
    "controller/starter/write_city.py": "files that are a part of the program",
    "controller/telemetry/writer_tokens.py": "the operators' tokens: owner and mode are checked, by rules of their own",
    "stacks/cloud_monitoring/render.py": "the policies and dashboards that it writes itself",
    "monitoring/dashboards/grafana.py": "the dashboards that it writes itself",
    "monitoring/web/own_health.py": "what Linux tells of this process",
    "stacks/applications/restore_test.py": "the script that it hands over, a part of the program",
}


INPUT_FOLDERS = ("folder", "files", "source")
"""What an `InputFolder` is called where its files are read."""


def opens_files(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        of, _, name = called.rpartition(".")
        if name in ("read_text", "read_bytes") and of and not of.endswith(INPUT_FOLDERS):
            return True
        if name in ("open", "model_validate_json", "safe_load"):
            return True
        if name in ("load", "load_all", "compose", "full_load") and of in ("yaml", "json", "tomllib"):
            return True
    return False


def test_every_file_that_opens_files_says_whose_they_are() -> None:
    found = {
        name
        for top in ("controller", "stacks", "monitoring", "playbooks", "tools")
        for path in (ROOT / top).rglob("*.py")
        if "node_modules" not in path.parts
        and opens_files(path)
        and not (name := str(path.relative_to(ROOT))).startswith(tuple(OWN))
    }
    assert found <= set(READS), "read files of others by controller.inputs.input_file, or say here whose they are"
    assert set(READS) <= found, "these open no files any more; take them off the list"


def test_the_walk_sees_an_open_file(tmp_path: Path) -> None:
    opening = ("path.read_text()", "open(x)", "os.open(p, 0)", "yaml.safe_load(x)", "yaml.compose(x)", "json.load(f)")
    for text in opening:
        (tmp_path / "x.py").write_text(text, encoding="utf-8")
        assert opens_files(tmp_path / "x.py"), text
    for text in ("self._folder.read_bytes(name)", "folder.read_text(name)", "json.loads(x)", "x.opener()"):
        (tmp_path / "x.py").write_text(text, encoding="utf-8")
        assert not opens_files(tmp_path / "x.py"), text
