// First what needs you: the needs by urgency, each with since when, why, what it shares with others and what comes next.
import { find, icon, make, setAttribute, setText } from "./elements.js";
import { has, language, say } from "./messages.js";
import { groupNeeds } from "./need_groups.js";
import { NeedDialog } from "./need_dialog.js";
import { monitorNow } from "./stream/monitor_clock.js";
import { age, count, date, moment, nameFor, nameLanguage } from "./words.js";

/** Names beside an entry; the others are behind it. */
const NAMED = 4;
/** @type {Record<NeedKind, string>} */
const ICONS = {
  "feeder-silent": "silent",
  "region-down": "line-down",
  "dns-down": "line-down",
  "http-down": "line-down",
  "cut-off": "line-down",
  "line-down": "line-down",
  "certificate-critical": "unconfirmed",
  "rollout-lost": "unconfirmed",
  unconfirmed: "unconfirmed",
  "rollout-failed": "unconfirmed",
  "brown-out": "within-error",
  drift: "drift",
  silent: "silent",
  "certificate-ending": "within-error",
  below: "below",
};

/** @typedef {import("./need_groups.js").NeedGroup} NeedGroup */
/** @typedef {(id: string) => import("./words.js").Named} NameOf a school or a ward with its names */

/** @param {string} key */
const needsSay = (key, marks = {}) => say(`needs.${key}`, marks);

/**
 * Whether somebody is to do something now: not of months, and nobody has taken it up.
 * @param {Need} need
 */
const isLoud = (need) => !need.quiet && need.kind !== "below";

/**
 * When something began and how long that is.
 * @param {string | null} since
 */
const sinceWords = (since) =>
  since === null
    ? say("since-unknown")
    : say("since", { time: moment(since), age: age(monitorNow() - Date.parse(since)) });

export class NeedsList {
  /** @param {NameOf} nameOf */
  constructor(nameOf) {
    this.nameOf = nameOf;
    this.list = find("#needs-list", HTMLOListElement);
    this.dialog = new NeedDialog(nameOf);
    /** @type {Set<string>} the groups that the reader has opened */
    this.open = new Set();
    /** @type {NeedGroup[]} */
    this.groups = [];
    this.shown = "";
    /** @type {Map<HTMLElement, Need>} */
    this.times = new Map();
    setInterval(() => this.showTimes(), 10_000);
  }

  /**
   * @param {Need[]} needs
   * @param {Clocks} clocks
   */
  show(needs, clocks) {
    // What is a matter of months belongs in a report; it is listed last and not counted.
    const loud = needs.filter(isLoud).length;
    setText(find("#needs-count", HTMLElement), count(loud));
    setAttribute(find("#needs", HTMLElement), "data-some", loud > 0 ? "" : null);
    find("#needs-none", HTMLElement).hidden = needs.length > 0 || clocks.newest_at === null;
    find("#never-heard", HTMLElement).hidden = clocks.newest_at !== null;
    this.groups = groupNeeds(needs);
    const key = JSON.stringify([this.groups, [...this.open]]);
    if (key === this.shown) return;
    this.shown = key;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.focus : undefined;
    this.times.clear();
    this.list.replaceChildren(...this.groups.map((group, index) => this.entry(group, index === 0 && isLoud(group.first))));
    if (focused !== undefined) {
      [...this.list.querySelectorAll("[data-focus]")].forEach(
        (element) => element instanceof HTMLElement && element.dataset.focus === focused && element.focus(),
      );
    }
  }

  /**
   * @param {NeedGroup} group
   * @param {boolean} leads whether it is the first thing that needs somebody: that is read within seconds, from afar
   */
  entry(group, leads) {
    const { first, needs } = group;
    const entry = make(
      "li",
      { class: "need", "data-kind": first.kind, "data-need": first.id },
      make("p", { class: "need-what" }, icon(ICONS[first.kind]), make("b", {}, needsSay(`kind-${first.kind}`)), ...this.who(group)),
      this.since(first),
      ...this.why(first),
      make("p", { class: "need-step" }, ...(leads ? [make("b", {}, say("next-step")), " "] : []), first.step[language === "ja" ? "ja" : "en"]),
      this.command(first),
      ...this.runbook(first),
      ...this.done(first),
      needs.length === 1 ? this.actions(first) : this.members(group),
    );
    setAttribute(entry, "data-quiet", group.quiet ? "" : null);
    setAttribute(entry, "data-lead", leads ? "" : null);
    return entry;
  }

  /** Whom it is about. @param {NeedGroup} group */
  who({ first, needs }) {
    if (needs.length > 1) {
      return [" ", make("span", { class: "need-many" }, say("need-schools", { count: count(new Set(needs.map((need) => need.school)).size) }))];
    }
    if (first.rollout !== null) {
      return [" ", make("a", { href: "/rollout", "data-focus": `link ${first.id}` }, first.rollout)];
    }
    if (first.certificate !== null && first.ends !== null) {
      const left = Date.parse(first.ends) - monitorNow();
      const ends = say(left > 0 ? "certificate-until" : "certificate-ended", { time: date(first.ends), age: age(Math.abs(left)) });
      return [" ", make("span", { class: "need-many" }, say(`certificate-${first.certificate}`)), ` ${ends}`];
    }
    if (first.region !== null) {
      const schools = say("need-schools", { count: count(first.count) });
      return [" ", make("span", { class: "need-many" }, first.region), " ", schools];
    }
    if (first.school === null) {
      return first.kind === "feeder-silent" ? [] : [" ", make("span", { class: "need-many" }, say("need-schools", { count: count(first.count) }))];
    }
    const line = first.line === null ? "" : ` ${has(first.line) ? say(first.line) : first.line}`;
    return [" ", this.link(first), line];
  }

  /** @param {Need} need */
  link(need) {
    const school = need.school ?? "";
    const named = this.nameOf(school);
    return make("a", { href: `/schools/${encodeURIComponent(school)}`, lang: nameLanguage(named), "data-focus": `link ${need.id}` }, nameFor(named));
  }

  /** @param {Need} need */
  since(need) {
    const place = make("p", { class: "need-since" });
    this.times.set(place, need);
    this.showTime(place, need);
    return place;
  }

  /**
   * @param {HTMLElement} place
   * @param {Need} need
   */
  showTime(place, need) {
    const heard = need.stale ? ` · ${need.heard === null ? say("never-heard-again") : say("last-heard", { time: moment(need.heard) })}` : "";
    setText(place, `${sinceWords(need.since)}${heard}`);
  }

  showTimes() {
    this.times.forEach((need, place) => this.showTime(place, need));
  }

  /** The likely cause, and what it shares with others. @param {Need} need */
  why(need) {
    const causes = need.causes.map((cause) => needsSay(`cause-${cause}`));
    const patterns = need.patterns.map((one) =>
      needsSay(`pattern-${one.kind}`, {
        name: one.kind === "ward" ? nameFor(this.nameOf(one.name)) : has(`line-${one.name}`) ? say(`line-${one.name}`) : one.name,
        count: count(one.count),
        total: count(one.total),
      }),
    );
    const told = [...causes, ...patterns];
    return told.length === 0 ? [] : [make("p", { class: "need-why" }, told.join(" · "))];
  }

  /** @param {Need} need */
  command(need) {
    const button = make("button", { type: "button", class: "quiet", "data-focus": `copy ${need.id}` }, say("copy"));
    const code = make("code", {}, need.command);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(need.command);
        setText(button, say("copied"));
      } catch {
        // Not allowed here, or no clipboard without TLS: the reader copies what is selected.
        getSelection()?.selectAllChildren(code);
      }
    });
    return make("p", { class: "need-command" }, code, button);
  }

  /** @param {Need} need */
  runbook(need) {
    if (need.runbook === null) return [];
    const link = make("a", { href: need.runbook, "data-focus": `runbook ${need.id}` }, say("runbook"));
    return [make("p", { class: "need-runbook" }, link)];
  }

  /** What people did about it. @param {Need} need */
  done(need) {
    /** @param {NeedAction | null} action */
    const told = (action) =>
      action === null
        ? []
        : [say(`did-${action.kind}`, { by: action.by, until: action.until === null ? "" : moment(action.until), reason: action.reason })];
    return [...told(need.acknowledged), ...told(need.maintenance), ...need.notes.flatMap(told)].map((text) =>
      make("p", { class: "need-done" }, text),
    );
  }

  /** @param {Need} need */
  actions(need) {
    const button = make("button", { type: "button", class: "quiet", "data-focus": `act ${need.id}` }, say("act"));
    button.addEventListener("click", () => this.dialog.open(need));
    return make("p", { class: "need-act" }, button);
  }

  /** @param {NeedGroup} group */
  members(group) {
    const names = group.needs.slice(0, NAMED).flatMap((need) => [this.link(need), " "]);
    const rest = group.needs.length > NAMED ? say("more-schools", { count: count(group.needs.length - NAMED) }) : "";
    const all = make("ul", {}, ...group.needs.map((need) => make("li", {}, this.link(need), " ", sinceWords(need.since), " ", this.actions(need))));
    const details = make("details", { class: "need-members" }, make("summary", { "data-focus": `open ${group.key}` }, say("each-of-them")), all);
    details.open = this.open.has(group.key);
    details.addEventListener("toggle", () => (details.open ? this.open.add(group.key) : this.open.delete(group.key)));
    return make("div", {}, make("p", { class: "need-names" }, ...names, rest), details);
  }
}
