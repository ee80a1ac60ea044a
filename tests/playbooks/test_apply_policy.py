"""`apply_policy` on virtual switches: planned, approved, rolled out, looked at again; and the ways that it fails."""

from __future__ import annotations

from pathlib import Path

from tests.playbooks.minato_switch import APPROVED, DEVICE, Scene, stand_switch

FORCED = ("--set", "force_window=a test", "--set", "accept_wider=first")
UNUSED = [f"GigabitEthernet1/0/{number}" for number in range(15, 24)]
UNUSED += [f"TenGigabitEthernet1/1/{number}" for number in range(1, 5)]
ARCHIVE = "archive\n path flash:saved\n maximum 5\n!\n"
NEW = f"hostname {DEVICE}\n{ARCHIVE}ip routing\n" + "".join(f"interface {port}\n shutdown\n" for port in UNUSED)
"""What a new switch runs: it routes, and the ports that the policy does not name are shut."""


def list_running(scene: Scene) -> list[str]:
    device = scene.site.device
    return list(device.list_running()) if hasattr(device, "list_running") else []


def test_a_change_is_planned_approved_rolled_out_and_looked_at_again(tmp_path: Path) -> None:
    with stand_switch(tmp_path, NEW, adoption="all") as scene:
        scene.pin()
        looked = scene.run("apply_policy", "--check")
        assert looked.code == 2, looked.said
        assert "changes are planned and proved" in looked.said
        assert not list(scene.work.iterdir())
        before = list_running(scene)
        done = scene.run("apply_policy")
        assert done.code == 2, done.said
        assert "needs 1 approvals: tsunagu approve " in done.said
        (plan,) = scene.work.glob("plans/*/plan.json")
        assert f"--set plan={plan}" in done.said
        assert list_running(scene) == before
        operators = scene.folder / "operators/operations.yaml"
        operators.write_text(operators.read_text(encoding="ascii") + APPROVED, encoding="ascii")
        done = scene.run("apply_policy", "--set", f"plan={plan}", *FORCED)
        assert done.code == 0, done.said
        assert any("access-list" in line for line in list_running(scene))
        again = scene.run_ansible("apply_policy", "--tags", "verify")
        assert (again.code, "failed=0" in again.said) == (0, True), again.said
        assert "Compare what the device runs with the policy" in again.said
        alone = scene.run_ansible("apply_policy", "--tags", "rollout")
        assert (alone.code, "there is no plan to roll out" in alone.said) == (2, True), alone.said


def test_a_wrong_password_and_a_dead_switch_are_never_done(tmp_path: Path) -> None:
    with stand_switch(tmp_path, NEW, adoption="all", operators=APPROVED) as scene:
        scene.pin()
        before = list_running(scene)
        scene.change_word("another")
        done = scene.run("apply_policy", *FORCED)
        assert done.code == 1, done.said
        assert f"failed      {DEVICE}: " in done.said
        scene.stop()
        done = scene.run("apply_policy", *FORCED)
        assert done.code == 1, done.said
        assert f"unreachable {DEVICE}: " in done.said
        assert list_running(scene) == before
        assert not (scene.work / "plans").exists()
