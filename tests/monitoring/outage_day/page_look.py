"""The page on the scripted day, as a reader sees it: looked at when a step is over, and compared with the script."""

from __future__ import annotations

from datetime import datetime

from playwright.sync_api import Page, expect

from controller.messages import load_catalogue
from tests.monitoring.outage_day.probes import Probes, name_probe
from tests.monitoring.outage_day.rollout import WHY
from tests.monitoring.outage_day.script import Day, Step, WantedNeed
from tests.monitoring.page.conftest import Visit

PATIENCE_MS = 20_000
OLD_SECONDS = 90
"""From so old on the newest measurement is said to be old."""
UNANSWERED = "Failed to load resource: net::ERR_"
"""How the browser's console tells of a request that a dead monitor did not answer."""
WORDS = load_catalogue("en")


class PageLook:
    """The city's page, which is open all day, and a second tab for schools and the rollout."""

    def __init__(self, city: Visit, other: Visit, day: Day, probes: Probes) -> None:
        self.city, self.other, self.day, self.probes = city, other, day, probes
        self.zone = probes.city.timezone
        self.begins = day.list_beginnings()
        self.now = self.heard_at = day.begins.timestamp()
        """What time it is, and when anything was sent last."""
        self.was_monitored = True
        """At the end of the step before."""

    def set_clock(self, now: float) -> None:
        """What time the reader has: the monitor's, for an open page tells the two apart only when it fetches."""
        self.city.page.clock.set_fixed_time(now)

    def look(self, step: Step, now: float, *, is_monitored: bool) -> None:
        """Hold the page to the script; what is not so is an assertion's error."""
        self.now = now
        page = self.city.page
        was_monitored, self.was_monitored = self.was_monitored, is_monitored
        connection = "live" if is_monitored else "lost"
        expect(page.locator("html")).to_have_attribute("data-connection", connection, timeout=PATIENCE_MS)
        if not is_monitored:
            expect(page.locator("#lost")).to_contain_text("The connection to the monitor is lost")
            return
        self._look_at_needs(page, step)
        self._look_at_pulse(page, step, now)
        self._look_at_board(page)
        named = {word for one in step.needs for word in one.need.split() if word in self.probes.roles}
        for role in sorted(named):
            self._look_at_school(self.probes.roles[role])
        if step.rollout:
            self._look_at_rollout(step.rollout)
        for visit in (self.city, self.other):
            told = [one for one in visit.problems() if was_monitored or not one.startswith(UNANSWERED)]
            assert not told, told
            visit.complaints.clear()

    def _look_at_needs(self, page: Page, step: Step) -> None:
        wanted = [self._name_need(one) for one in step.needs]
        expect(page.locator(".need")).to_have_count(len(wanted), timeout=PATIENCE_MS)
        for index, one in enumerate(step.needs):
            entry = page.locator(".need").nth(index)
            expect(entry).to_have_attribute("data-need", wanted[index])
            expect(entry.locator(".need-since")).to_contain_text(
                f"since {self._clock(one.since, before=one.since == one.heard)}"
            )
            last = f"last heard {self._clock(one.heard, before=True)}" if one.heard else ""
            if last:
                expect(entry.locator(".need-since")).to_contain_text(last)
            else:
                expect(entry.locator(".need-since")).not_to_contain_text("heard")
            for cause in one.causes:
                expect(entry.locator(".need-why")).to_contain_text(WORDS[f"needs.cause-{cause}"])
            expect(entry.locator(".need-step")).not_to_be_empty()
        expect(page.locator("#needs-count")).to_have_text(str(len(wanted)))
        if not wanted:
            expect(page.locator("#needs-none")).to_be_visible()

    def _look_at_pulse(self, page: Page, step: Step, now: float) -> None:
        self._look_at_newest(page)
        expect(page.locator("#pulse time[data-old]")).to_have_count(int(now - self.heard_at > OLD_SECONDS))
        skewed = page.locator("#skewed")
        if not step.skewed:
            expect(skewed).to_have_text("")
        for role, seconds in step.skewed.items():
            way, sender = "ahead" if seconds > 0 else "behind", f"probe/{name_probe(self.probes.roles[role])}"
            told = WORDS.say(f"page.skew-{way}", sender=sender, age=f"{abs(seconds) // 60:.0f} min")
            expect(skewed).to_contain_text(told)

    def _look_at_newest(self, page: Page) -> None:
        newest = self._format(self.heard_at, "%H:%M:%S")
        expect(page.locator("#pulse time")).to_contain_text(f"newest measurement {newest}")

    def _look_at_board(self, page: Page) -> None:
        dead = {school for school, _ in self.probes.down}
        expect(page.locator(".tile[data-down]")).to_have_count(len(dead))
        for school in dead:
            expect(page.locator(f".tile[data-down][data-school={school}]")).to_be_attached()
        expect(page.locator("[data-filter=line-down] .figure-count")).to_have_text(str(len(dead)))
        assert page.title().startswith(f"✕{len(dead)} ") is bool(dead), page.title()

    def _look_at_school(self, school: str) -> None:
        page = self._open_other(f"/schools/{school}?lang=en")
        for line in ("primary", "backup"):
            is_down = (school, line) in self.probes.down
            is_old = school in self.probes.silent
            word = "down" if is_down else "stale" if is_old else "up"
            expect(page.locator(f"[data-line={line}] .strand-state")).to_have_text(WORDS[f"page.line-{word}"])
        if school not in self.probes.silent:
            self._look_at_newest(page)

    def _open_other(self, path: str) -> Page:
        self.other.page.clock.set_fixed_time(self.now)
        return self.other.open(path)

    def _look_at_rollout(self, wanted: str) -> None:
        page = self._open_other("/rollout?lang=en")
        facts = page.locator("#rollout-facts")
        self._look_at_newest(page)
        expect(facts).to_contain_text("lost since" if wanted == "lost" else "ended" if wanted == "ended" else "running")
        expect(page.locator("main")).to_contain_text(WHY)
        expect(page.locator("#ends [data-outcome=failed] b")).to_have_text("1")

    def _name_need(self, one: WantedNeed) -> str:
        kind, *place = one.need.split()
        return ":".join([kind, *(self.probes.roles.get(part, part) for part in place)])

    def _clock(self, step: str, *, before: bool = False) -> str:
        """When a step began, or the last tick before it, as the page writes it."""
        return self._format(self.begins[step] - before * self.day.tick_seconds, "%H:%M")

    def _format(self, at: float, form: str) -> str:
        return datetime.fromtimestamp(at, self.zone).strftime(form)
