from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from controller.model import measurement
from controller.model.measurement import ASSESSMENT_NUMBERS, Assessment
from controller.telemetry.registry import BANDWIDTH_ASSESSMENT

STORED = {"not-measured": 0, "below": 1, "within-error": 2, "meets": 3}
"""What stores of 400 days hold. A change here rewrites their past: it needs a migration of every store."""


def test_every_assessment_has_the_number_that_stores_hold() -> None:
    assert {one.value: one.number for one in Assessment} == STORED
    assert [Assessment.from_number(number) for number in range(-1, 5)] == [
        *(None, Assessment.NOT_MEASURED, Assessment.BELOW, Assessment.WITHIN_ERROR, Assessment.MEETS, None)
    ]


def test_another_order_of_the_words_changes_no_number(tmp_path: Path) -> None:
    source = Path(measurement.__file__).read_text(encoding="utf-8")
    written = re.findall(r'^    [A-Z_]+ = "(?:meets|below|within-error|not-measured)"\n', source, re.MULTILINE)
    assert len(written) == len(STORED)
    block = "".join(written)
    assert block in source
    file = tmp_path / "reordered_measurement.py"
    file.write_text(source.replace(block, "".join(reversed(written))), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    reordered = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = reordered  # dataclasses and pydantic look their module up
    try:
        spec.loader.exec_module(reordered)
        assert [one.value for one in reordered.Assessment] == [one.value for one in reversed(Assessment)]
        assert {one.value: one.number for one in reordered.Assessment} == STORED
    finally:
        del sys.modules[file.stem]


def test_the_metric_explains_each_number() -> None:
    words = {Assessment.NOT_MEASURED: "not measured", Assessment.BELOW: "below", Assessment.WITHIN_ERROR: "error"}
    parts = dict(part.split(": ", 1) for part in BANDWIDTH_ASSESSMENT.meaning.split(", "))
    assert set(parts) == {str(number) for number in ASSESSMENT_NUMBERS.values()}
    for one, word in (words | {Assessment.MEETS: "meets"}).items():
        assert word in parts[str(one.number)]
