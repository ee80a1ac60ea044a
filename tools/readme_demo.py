"""Puts the output of a demo run into README.md: `make demo | tee FILE`, then `python tools/readme_demo.py FILE`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- demo:begin -->", "<!-- demo:end -->"


def main() -> int:
    """Replace what stands between the marks."""
    output = Path(sys.argv[1]).read_text(encoding="utf-8")
    output = re.sub(r"\x1b\[[0-9;]*m", "", output).replace(f"{ROOT}/", "").strip()
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{BEGIN}\n```\n{output}\n```\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
