"""Ansible ends every host of a play with one task for all, and tells of one host only: by real Ansible, alone here."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.rollout.playbooks.playbook import HostEnd, Playbook, run_playbook

STOPPED = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Speak
      ansible.builtin.debug: {msg: here}
    - name: Try
      block:
        - name: Once
          ansible.builtin.assert: {that: false, fail_msg: no plan}
          run_once: true
      rescue:
        - name: Tidy
          ansible.builtin.debug: {msg: tidied}
        - name: Once more
          ansible.builtin.assert: {that: false, fail_msg: not tidy}
          run_once: true
    - name: Leave
      ansible.builtin.debug: {msg: left}
"""


@pytest.mark.parametrize("rescued", [False, True])
def test_a_task_for_all_that_goes_wrong_leaves_no_host_done(tmp_path: Path, *, rescued: bool) -> None:
    book = STOPPED if rescued else STOPPED.partition("      rescue:")[0]
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninventory = hosts\n", encoding="utf-8")
    (tmp_path / "hosts").write_text("one\nother\n[all:vars]\nansible_connection=local\n", encoding="utf-8")
    (tmp_path / "real.yml").write_text(book, encoding="utf-8")
    one, other = run_playbook(Playbook(tmp_path, "real", ["one", "other"], {}, {}), [])
    said = "not tidy" if rescued else "no plan"
    assert (one.end, said in one.reason) == (HostEnd.FAILED, True)
    assert (other.end, other.reason) == (HostEnd.NOT_ATTEMPTED, f"stopped with one: {one.reason}")
