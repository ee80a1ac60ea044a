"""Puts a run of the demo into the docs: `make demo ALL=1 | tee FILE`, then `python -m tools.readme_demo FILE`.

All of the output goes into `docs/demo.md`, with the table of chapters; ten lines of it go into `README.md` and
`README.ja.md`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools.demo.chapters import describe_chapters

ROOT = Path(__file__).resolve().parent.parent
DEMO, EXCERPT, CHAPTERS = "demo", "excerpt", "chapters"
CHOSEN = (
    r"synthetic city .* 0 errors",
    r"plan: \d+ of \d+ devices would change",
    r"proof: \d+ filters rendered",
    r"proof: [1-9]\d* states on the way",
    r"apply: \d+ applied$",
    r"IPv4: \d+ of \d+ pairs agree",
    r"IPv6: \d+ of \d+ pairs agree",
    r"x \S+: from pupil at \S+ to \S+ passes",
    r"true: the gap was",
    r"true: the page shows the primary line down",
)
"""What the ten lines are: of each, the first line that has it."""


class LineMissing(Exception):
    """The output of the demo has no such line."""


def clean_output(text: str) -> str:
    """Return the output without colours and without the folder of this checkout."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).replace(f"{ROOT}/", "").strip()


def choose_lines(output: str) -> str:
    """Return the ten lines of a run that say most, in the order of the run.

    Raises:
        LineMissing: one of them is not there.
    """
    lines = output.splitlines()
    found = []
    for pattern in CHOSEN:
        line = next((one.strip() for one in lines if re.search(pattern, one)), None)
        if line is None:
            message = f"no line of the output matches {pattern!r}"
            raise LineMissing(message)
        found.append(line)
    return "\n".join(found)


def cut_between_marks(text: str, mark: str) -> str:
    """Return what stands between the two marks of this name, without the fence of a code block."""
    inside = text.partition(f"<!-- {mark}:begin -->")[2].partition(f"<!-- {mark}:end -->")[0]
    return inside.strip().removeprefix("```").removesuffix("```").strip("\n")


def replace_between_marks(text: str, mark: str, content: str) -> str:
    """Return the text with the content between the two marks of this name."""
    before, rest = text.split(f"<!-- {mark}:begin -->", 1)
    after = rest.split(f"<!-- {mark}:end -->", 1)[1]
    return f"{before}<!-- {mark}:begin -->\n{content}\n<!-- {mark}:end -->{after}"


def main() -> int:
    """Replace what stands between the marks of each file."""
    output = clean_output(Path(sys.argv[1]).read_text(encoding="utf-8"))
    chosen = f"```\n{choose_lines(output)}\n```"
    for name, mark, content in (
        ("docs/demo.md", DEMO, f"```\n{output}\n```"),
        ("docs/demo.md", CHAPTERS, f"\n{describe_chapters()}\n"),
        ("README.md", EXCERPT, chosen),
        ("README.ja.md", EXCERPT, chosen),
    ):
        path = ROOT / name
        path.write_text(replace_between_marks(path.read_text(encoding="utf-8"), mark, content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
