// The spans of a rollout as rows of a table; bars beside them show when. Devices open to their steps and commands.
import { icon, make, setAttribute, setIcon, setProperty, setText } from "./elements.js";
import { say } from "./messages.js";
import { monitorNow } from "./stream/monitor_clock.js";
import { outcomeWord, stepWord } from "./words.js";

/** More devices than this are shown only when their school is opened. */
const DEVICES_AT_ONCE = 60;
/** @type {Record<SpanLevel, number>} */
const DEPTHS = { rollout: 0, school: 1, device: 2, step: 3, command: 4 };
const KNOWN = new Set(["applied", "unchanged", "reverted", "failed"]);
const UNSETTLED = new Set(["unknown", "in-the-middle"]);

/** New rows of one frame: to make them all at once would hold the page up. */
const ROWS_AT_ONCE = 30;

/** @type {WeakMap<RolloutSpan, [number, number | null]>} */
const times = new WeakMap();

/**
 * When a span began and ended, in seconds since 1970; a text is taken apart once.
 * @param {RolloutSpan} span
 * @returns {[number, number | null]}
 */
function edges(span) {
  const known = times.get(span);
  if (known !== undefined) return known;
  /** @type {[number, number | null]} */
  const found = [Date.parse(span.start) / 1000, span.end === null ? null : Date.parse(span.end) / 1000];
  times.set(span, found);
  return found;
}

/** @param {RolloutSpan} span */
const begin = (span) => edges(span)[0];

/** @typedef {ReturnType<Timeline["make"]>} Row */

export class Timeline {
  /**
   * @param {HTMLElement} body
   * @param {HTMLElement} axis
   */
  constructor(body, axis) {
    this.body = body;
    this.axis = axis;
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {Set<string>} */
    this.open = new Set();
    /** @type {RolloutSpan[]} */
    this.spans = [];
    /** @type {string | null} */
    this.lost = null;
    this.closedFrom = DEPTHS.device;
    this.clear();
  }

  /**
   * When it ended, in seconds since 1970; where it has not, when it was lost, or now.
   * @param {RolloutSpan} span
   */
  end(span) {
    return edges(span)[1] ?? (this.lost === null ? monitorNow() : Date.parse(this.lost)) / 1000;
  }

  clear() {
    this.rows.clear();
    this.open.clear();
    this.body.replaceChildren();
  }

  /**
   * @param {RolloutSpan[]} spans
   * @param {string | null} lost Since when nobody works on the rollout any more: what has not ended then never will.
   */
  show(spans, lost) {
    this.spans = spans;
    this.lost = lost;
    const end = (/** @type {RolloutSpan} */ span) => this.end(span);
    const children = Map.groupBy(spans, (span) => span.parent);
    const known = new Set(spans.map((span) => span.id));
    const from = spans.reduce((least, span) => Math.min(least, begin(span)), Infinity);
    const to = spans.reduce((most, span) => Math.max(most, end(span)), from + 0.001);
    this.closedFrom =
      spans.filter((span) => span.level === "device").length > DEVICES_AT_ONCE ? DEPTHS.school : DEPTHS.device;
    /** @type {Element[]} */
    const wanted = [];
    let fresh = 0;
    /** @param {RolloutSpan} span */
    const walk = (span) => {
      if (!this.rows.has(span.id) && ++fresh > ROWS_AT_ONCE) return;
      const below = (children.get(span.id) ?? []).sort((a, b) => begin(a) - begin(b));
      wanted.push(this.row(span, below.length > 0, from, to));
      if (DEPTHS[span.level] < this.closedFrom || this.open.has(span.id)) {
        below.forEach(walk);
      }
    };
    spans.filter((span) => span.parent === null || !known.has(span.parent)).forEach(walk);
    this.place(wanted);
    if (fresh > ROWS_AT_ONCE) requestAnimationFrame(() => this.spans === spans && this.show(spans, lost));
    setText(this.axis, spans.length > 0 ? `0–${(to - from).toFixed(1)} s` : "");
  }

  /**
   * Put the rows in order, moving only those that are not where they belong.
   * @param {Element[]} wanted
   */
  place(wanted) {
    const keep = new Set(wanted);
    [...this.body.children].filter((row) => !keep.has(row)).forEach((row) => row.remove());
    wanted.forEach((row, n) => {
      if (this.body.children[n] !== row) {
        this.body.insertBefore(row, this.body.children[n] ?? null);
      }
    });
  }

  /**
   * @param {RolloutSpan} span
   * @param {boolean} hasBelow
   * @param {number} from
   * @param {number} to
   */
  row(span, hasBelow, from, to) {
    let view = this.rows.get(span.id);
    if (view === undefined) {
      view = this.make(span);
      this.rows.set(span.id, view);
    }
    const length = to - from;
    const ended = span.end !== null;
    const outcome = span.outcome || (ended ? "" : this.lost === null ? "running" : "in-the-middle");
    setAttribute(view.row, "data-outcome", outcome || "done");
    const told = outcome === "" ? "done" : outcome;
    setText(view.outcome, outcomeWord(told));
    setAttribute(view.row, "title", span.error);
    const took = this.end(span) - begin(span);
    setText(view.seconds, took.toFixed(1));
    setProperty(view.bar, "--from", ((begin(span) - from) / length).toFixed(4));
    setProperty(view.bar, "--long", Math.max(0.002, took / length).toFixed(4));
    const opens = hasBelow && DEPTHS[span.level] >= this.closedFrom;
    if (view.button.hidden === opens) view.button.hidden = !opens;
    setAttribute(view.button, "aria-expanded", String(this.open.has(span.id)));
    setIcon(
      view.mark,
      KNOWN.has(outcome) ? outcome : UNSETTLED.has(outcome) ? "unsettled" : ended ? "live" : "running",
    );
    return view.row;
  }

  /** @param {RolloutSpan} span */
  make(span) {
    const mark = icon("running");
    const button = make("button", {
      type: "button",
      class: "opener",
      "aria-label": say("open", { name: span.name }),
      "aria-expanded": "false",
    });
    button.addEventListener("click", () => {
      this.open.has(span.id) ? this.open.delete(span.id) : this.open.add(span.id);
      this.show(this.spans, this.lost);
    });
    const level = make("span", { class: "level" }, say(`level-${span.level}`));
    const name = make(
      "th",
      { scope: "row" },
      make("div", { class: "span-name" }, button, level, make("span", { class: "span-text" }, span.level === "step" ? stepWord(span.name) : span.name)),
    );
    const outcome = make("span");
    const time = make("td", { class: "number" }, "0");
    const bar = make("i");
    const row = make(
      "tr",
      { "data-level": span.level },
      name,
      make("td", {}, make("span", { class: "span-outcome" }, mark, outcome)),
      time,
      make("td", { class: "when", "aria-hidden": "true" }, bar),
    );
    return { row, button, outcome, seconds: time, bar, mark };
  }
}
