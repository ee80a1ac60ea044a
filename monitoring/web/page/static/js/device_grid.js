// The devices of a wave, what needs somebody first. Only those in view have elements: a wave may have thousands.
import { icon, make, setAttribute, setIcon, setProperty, setText } from "./elements.js";
import { ENDS } from "./rollout_model.js";
import { outcomeWord, stepWord } from "./words.js";

/** The narrowest a device may be, in the page's text size. */
const NARROWEST_REM = 15;
const ROWS_AROUND = 2;
const RANK = new Map(ENDS.map((end, n) => [end, n]));

/** @typedef {import("./rollout_model.js").KnownDevice} KnownDevice */
/** @typedef {import("./rollout_model.js").RolloutModel} RolloutModel */

/** @type {Record<string, string>} the marks of ends that have none of their own; the last ones are a playbook's */
const SHAPES = {
  unknown: "unsettled",
  "in-the-middle": "unsettled",
  done: "applied",
  differs: "failed",
  unreachable: "failed",
  "not judged": "unsettled",
  "not attempted": "waiting",
};
/** @param {string} outcome */
export const shape = (outcome) => SHAPES[outcome] ?? outcome;

class DeviceView {
  constructor() {
    this.mark = icon("waiting");
    this.name = make("span", { class: "device-name" });
    this.note = make("span", { class: "device-note" });
    this.element = make("li", { class: "device" }, this.mark, this.name, this.note);
  }

  /**
   * @param {KnownDevice} device
   * @param {string} outcome
   */
  show(device, outcome) {
    setAttribute(this.element, "data-outcome", outcome);
    setAttribute(this.element, "title", device.error);
    setIcon(this.mark, shape(outcome));
    setText(this.name, device.id);
    const running = outcome === "running";
    const seconds = device.seconds === null ? null : device.seconds + (running ? (Date.now() - device.seen) / 1000 : 0);
    const time = seconds === null ? "" : ` ${seconds.toFixed(running ? 0 : 1)} s`;
    const word = running ? stepWord(device.step ?? "") : outcomeWord(outcome);
    setText(this.note, `${word}${time}${device.error ? ` – ${device.error}` : ""}`);
  }

  /**
   * @param {number} place
   * @param {number} columns
   * @param {number} total
   */
  put(place, columns, total) {
    setProperty(this.element, "--row", String(Math.floor(place / columns)));
    setProperty(this.element, "--column", String(place % columns));
    setAttribute(this.element, "aria-posinset", String(place + 1));
    setAttribute(this.element, "aria-setsize", String(total));
  }
}

export class DeviceGrid {
  /**
   * @param {RolloutModel} model
   * @param {string} label
   */
  constructor(model, label) {
    this.model = model;
    /** @type {DeviceView[]} */
    this.views = [];
    /** @type {KnownDevice[]} */
    this.shown = [];
    this.columns = 1;
    this.rowHeight = 24;
    this.list = make("ul", { class: "device-list" });
    this.frame = make("div", { class: "device-frame", tabindex: "0", role: "group", "aria-label": label }, this.list);
    this.frame.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(this.frame);
  }

  /** What a change of the window, or of the text's size, changes. */
  measure() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.columns = Math.max(1, Math.floor(this.frame.clientWidth / (NARROWEST_REM * rem)));
    this.rowHeight = parseFloat(getComputedStyle(this.list).lineHeight) || this.rowHeight;
    this.draw();
  }

  /** @param {KnownDevice[]} devices those that are wanted, in any order */
  show(devices) {
    const rank = (/** @type {KnownDevice} */ device) => RANK.get(this.model.standing(device)) ?? 0;
    const ranks = new Map(devices.map((device) => [device, rank(device)]));
    this.shown = devices.sort((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0));
    this.draw();
  }

  /** Show those in view, in the elements that are there. */
  draw() {
    const total = this.shown.length;
    const rows = Math.ceil(total / this.columns);
    setProperty(this.list, "--rows", String(rows));
    setProperty(this.list, "--columns", String(this.columns));
    const height = this.frame.clientHeight;
    const first = Math.max(0, Math.floor(this.frame.scrollTop / this.rowHeight) - ROWS_AROUND);
    const last = Math.min(rows, Math.ceil((this.frame.scrollTop + height) / this.rowHeight) + ROWS_AROUND);
    const wanted = this.shown.slice(first * this.columns, last * this.columns);
    while (this.views.length > wanted.length) this.views.pop()?.element.remove();
    wanted.forEach((device, n) => {
      let view = this.views[n];
      if (view === undefined) {
        view = new DeviceView();
        this.views.push(view);
        this.list.append(view.element);
      }
      view.show(device, this.model.standing(device));
      view.put(first * this.columns + n, this.columns, total);
    });
  }
}
