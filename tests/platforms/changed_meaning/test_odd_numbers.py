"""A number of thousands of digits, and digits of other scripts, in every place where a device's text has a number."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from controller.errors import ConfigRefused
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from tests.platforms.changed_meaning.scenes import SCENES, SOURCE, Scene

ODD = ("9" * 5000, "4²", "４")  # noqa: RUF001 a digit of full width
OF_OTHERS = re.compile(r"(interface=|driver=|channel=|start_disabled=|br)\S*")
"""Names and settings that mean nothing to us: whatever stands there."""
NUMBER = re.compile("[0-9]+")


def list_odd_texts(scene: Scene, odd: str) -> Iterator[tuple[str, str]]:
    """Each shape of a line once, with each of its numbers replaced; the line, and the whole text."""
    seen = set()
    lines = scene.text.split("\n")
    for at, line in enumerate(lines):
        for number in NUMBER.finditer(line):
            shape = (NUMBER.sub("0", line), len(NUMBER.findall(line[: number.start()])))
            if shape not in seen:
                seen.add(shape)
                changed = line[: number.start()] + odd + line[number.end() :]
                yield changed[:200], "\n".join([*lines[:at], changed, *lines[at + 1 :]])


@pytest.mark.parametrize("odd", ODD, ids=["long", "raised", "wide"])
@pytest.mark.parametrize("platform", SCENES)
def test_no_number_is_an_error_of_the_program_or_another_number(platform: str, odd: str) -> None:
    scene, system = SCENES[platform](), load_platform(platform)
    silent = []
    for line, text in list_odd_texts(scene, odd):
        refusal = ""
        try:
            understand_whole(system, DeviceText(text), SOURCE)
        except ConfigRefused as refused:
            refusal = str(refused)
        assert "an error of this program" not in refusal, line
        if not OF_OTHERS.fullmatch(line) and not scene.judge(text):
            silent.append(line)
    assert not silent, "\n".join(silent)
