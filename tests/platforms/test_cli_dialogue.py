"""What a command line says, understood: prompts of every mode, echoes, log lines, questions, refusals."""

from __future__ import annotations

import time

import pytest

from controller.platforms.transport.cli_dialogue import (
    Prompt,
    drop_prompt,
    find_echo_end,
    find_question,
    find_refusal,
    is_log_line,
    read_prompt,
)

LONG = "kw-s01-core1-first-floor-east"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("core1", "core1#"),
        ("core1", "core1>"),
        ("core1", "core1(config)#"),
        ("core1", "core1(config-if-range)#"),
        ("awplus", "awplus(config-ipv6-hw-acl)# "),
        (LONG, f"{LONG}#"),
        (LONG, f"{LONG[:20]}(config)#"),
        (LONG, f"{LONG[:20]}(config-ext-nacl)#"),
        ("sw(1).floor_2", "sw(1).floor_2(config-vlan)#"),
        ("a", "a(config)#"),
        ("", "# "),  # a Yamaha RTX without `console prompt`, and with an interface that is selected
        ("", "pp1# "),
        ("RTX1300", "RTX1300tunnel11# "),
        ("sw.1_$", "!sw.1_$(config-if)# "),  # an AlaxalA switch whose changes are not saved, also without a hostname
        ("", "!(config)# "),
        ("core1", "core1#\n*Mar  1 00:01:02.003: %SYS-5-CONFIG_I: Configured from console by vty0\n"),
    ],
)
def test_a_prompt_of_every_mode_is_the_end(host: str, shown: str) -> None:
    assert Prompt(host, "#").ends(f"some answer\n{shown}")


@pytest.mark.parametrize(
    "shown",
    ["core1", "core2#", " remark core1# x", "core1#show ip", "Password:", "(config)#", "description core1(config)#"],
)
def test_what_only_looks_like_it_is_none(shown: str) -> None:
    assert not Prompt("core1", "#").ends(f"some answer\n{shown}")


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("\n\ncore1#", Prompt("core1", "#")),
        ("Last login: x\n\nawplus>", Prompt("awplus", ">")),
        ("# a banner #\nsw.1_$#", Prompt("sw.1_$", "#")),
        ("Username:", None),
        ("x" * 300 + "#", None),
    ],
)
def test_the_first_prompt_is_learnt(text: str, prompt: Prompt | None) -> None:
    assert read_prompt(text) == prompt


@pytest.mark.parametrize(
    "asked",
    [
        "System configuration has been modified. Save? [yes/no]: ",
        "Proceed with reload? [confirm]",
        "Destination filename [startup-config]? ",
        "Enter Y if you are sure you want to proceed. ? [no]: ",
        "reboot system? (y/n): ",
        "Overwrite the previous NVRAM configuration?[confirm]",
        "Password: ",
        " --More-- ",
        "Exit with uncommitted changes? [yes/no]:",
    ],
)
def test_a_question_is_seen(asked: str) -> None:
    assert find_question(f"some answer\n{asked}")


@pytest.mark.parametrize("text", ["interface Vlan10\n", " description [confirm] me\n", "core1#", ""])
def test_what_is_no_question_is_none(text: str) -> None:
    assert not find_question(text)


def test_the_echo_goes_and_a_wrong_one_is_noticed() -> None:
    for text, typed, rest in (
        ("vlan 10\ncore1(config-vlan)#", "vlan 10", "core1(config-vlan)#"),
        ("%SYS-5-CONFIG_I: x\ncore1#end\ncore1#", "end", "core1#"),
        ("*Nov 29 13:00:00: %SYS-5-CONFIG_I: x by end\n\ncore1#end\ncore1#", "end", "core1#"),
        ("access-list hardware TSN-\n20\nawplus#", "access-list hardware TSN-20", "awplus#"),
        ("awplus#\nawplus#access-list hard\b ware\n TSN-20 \nawplus#", "access-list hardware TSN-20", "awplus#"),
        ("sendend\nend\ncore1#", "end", "core1#"),
        ("10:00 pressed: show clock\ncore1#show clock\n10:01\ncore1#", "show clock", "10:01\ncore1#"),
        ("core1#shcore1(config)#end\ncore1#", "end", "core1#"),
    ):
        host = "awplus" if "awplus" in text else "core1"
        assert text[find_echo_end(text, typed, Prompt(host, "#")) :] == rest
    for text, typed in (
        ("vlan 1\ncore1#", "vlan 10"),
        ("vlan 100\ncore1#", "vlan 10"),
        ("", "vlan 10"),
        ("vlan 10", "vlan 10"),
    ):
        assert find_echo_end(text, typed, Prompt("core1", "#")) == -1


def test_an_echo_is_looked_for_in_time_in_proportion() -> None:
    typed = "ab" * 8_000
    text = "ab" * 20_000
    began = time.process_time()
    assert find_echo_end(text, typed, Prompt("core1", "#")) == -1
    assert time.process_time() - began < 1.0


def test_log_lines_and_the_prompt_are_no_answer() -> None:
    said = "10:00:00\n%LINK-3-UPDOWN: Interface Vlan10, changed state to up\nyes\ncore1#"
    assert drop_prompt(said) == "10:00:00\nyes\n"
    assert is_log_line("2026 Nov 29 13:00:00 awplus x") is False
    assert is_log_line("13:00:00 awplus user.notice awplus NSM[123]: Port up")


@pytest.mark.parametrize(
    "line",
    [
        "% Invalid input detected at '^' marker.",
        "% Incomplete command.",
        '% Ambiguous command:  "sh"',
        "%Turn config archive on before using Rollback Confirmed Change",
        "Command rejected: not allowed",
        "Command authorization failed.",
        "Configuration mode locked exclusively by user 'u' process '5' from terminal '0'. Please try later.",
        "Bad mask /33 for address",
    ],
)
def test_a_refusal_is_told(line: str) -> None:
    assert find_refusal(["", line], ()) == line
    assert not find_refusal(["", line], (line[:8],))
