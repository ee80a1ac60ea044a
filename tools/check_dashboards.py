"""Check the dashboards' JSON against Grafana's own published types; the SDK that wrote it cannot be its judge.

    python -m tools.check_dashboards

Each file becomes an object of the type `Dashboard` of npm's `@grafana/schema`, each panel's options and field settings
those of its kind, and the TypeScript compiler says what is wrong: an unknown key, a missing one, another type. No
Grafana server is asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE_CHECK = ROOT / "tools" / "page_check"
FOLDER = ROOT / "monitoring" / "dashboards" / "grafana"
_COMPILER, _SCHEMA = "node_modules/.bin/tsc", "node_modules/@grafana/schema"
_TYPES = "@grafana/schema/dist/esm/raw/composable"
_HEAD = f"""\
import type {{ Dashboard, DataQuery }} from "@grafana/schema";
import type {{ Options as Stat }} from "{_TYPES}/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {{ Options as Table }} from "{_TYPES}/table/panelcfg/x/TablePanelCfg_types.gen";
import type {{ Options as TimeSeries }} from "{_TYPES}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type {{ Options as Timeline }} from "{_TYPES}/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
// In JSON an enumeration of texts is its texts.
type Plain<T> = unknown extends T ? T : T extends string ? `${{T}}` : T extends (infer U)[] ? Plain<U>[]
    : T extends object ? {{ [K in keyof T]: Plain<T[K]> }} : T;
// The package has no type for a question to Prometheus; these are the fields that its data source documents.
type Question = Plain<DataQuery> & {{
    expr: string; legendFormat?: string; format?: "time_series" | "table"; instant: boolean; range: boolean;
}};
"""
_OPTIONS = {"stat": "Stat", "table": "Table", "timeseries": "TimeSeries", "state-timeline": "Timeline"}


def render_typescript(files: dict[str, str]) -> str:
    """Return a program whose types are right where the files are."""
    lines = [_HEAD]
    for number, (name, text) in enumerate(sorted(files.items())):
        document = json.loads(text)
        lines += [f"// {name}", f"export const dashboard{number}: Plain<Dashboard> = {text};"]
        for place, panel in enumerate(document["panels"]):
            kind, at = _OPTIONS[panel["type"]], f"{number}_{place}"
            lines.append(f"export const options{at}: Plain<{kind}> = {json.dumps(panel['options'])};")
            lines.append(f"export const targets{at}: Question[] = {json.dumps(panel['targets'])};")
    return "\n".join(lines) + "\n"


def check_dashboards(files: dict[str, str]) -> str:
    """Return what the compiler says of files by name; "" where nothing is wrong."""
    with tempfile.TemporaryDirectory(prefix=".dashboards-", dir=PAGE_CHECK) as folder:
        program = Path(folder) / "dashboards.ts"
        program.write_text(render_typescript(files), encoding="utf-8")
        command = [str(PAGE_CHECK / _COMPILER), "--noEmit", "--strict", "--skipLibCheck"]
        command += ["--target", "es2024", "--module", "es2022", "--moduleResolution", "bundler", str(program)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own compiler
    return (
        ""
        if done.returncode == 0
        else done.stdout.strip() or done.stderr.strip() or f"tsc ended with {done.returncode}"
    )


def find_missing() -> list[str]:
    """Return what a check needs and nobody has installed; an installation of an older lock file lacks the types."""
    return [one for one in (_COMPILER, _SCHEMA) if not (PAGE_CHECK / one).exists()]


def main() -> int:
    """Check the committed files; 1 where one is wrong."""
    files = {one.name: one.read_text(encoding="utf-8") for one in FOLDER.glob("*.json")}
    if not files:
        sys.stderr.write(f"{FOLDER}: there are no dashboards; run python -m monitoring.dashboards.grafana\n")
        return 1
    for missing in find_missing():
        sys.stderr.write(f"{PAGE_CHECK / missing}: is not there; run npm ci --ignore-scripts in tools/page_check\n")
        return 1
    wrong = check_dashboards(files)
    if wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    sys.stdout.write(f"{len(files)} dashboards have the types of Grafana's schema\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
