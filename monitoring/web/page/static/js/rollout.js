// The view of the running rollout: its waves, how each device ended, and its spans in time.
import { find, icon, make, setAttribute, setIcon, setText } from "./elements.js";
import { FrameBudget } from "./frame_budget.js";
import { showConnection } from "./frame.js";
import { read } from "./stream/fetching.js";
import { Live } from "./stream/live.js";
import { has, say } from "./messages.js";
import { Timeline } from "./timeline.js";
import { count, day, stepWord } from "./words.js";

const ENDS = ["applied", "unchanged", "reverted", "failed", "unknown", "running", "in-the-middle", "waiting"];
const timeline = new Timeline(find("#spans", HTMLElement), find("#axis", HTMLElement));
/** @type {Map<string, WaveView>} */
const waves = new Map();
/** @param {string} selector */
const part = (selector) => find(selector, HTMLElement);

/** @param {string} outcome */
const shape = (outcome) => (outcome === "unknown" || outcome === "in-the-middle" ? "unsettled" : outcome);
/** Whether whoever carries the rollout out gives no sign of life: then nothing of it is running. */
let lost = false;

/**
 * A device that has not ended is running once it has begun, and waits before that.
 * @param {RolloutDevice} device
 */
const standing = (device) => device.outcome ?? (device.seconds === null ? "waiting" : lost ? "in-the-middle" : "running");

class DeviceView {
  constructor() {
    this.mark = icon("waiting");
    this.name = make("span", { class: "device-name" });
    this.note = make("span", { class: "device-note" });
    this.element = make("li", { class: "device" }, this.mark, this.name, this.note);
  }

  /** @param {RolloutDevice} device */
  update(device) {
    const outcome = standing(device);
    setAttribute(this.element, "data-outcome", outcome);
    setIcon(this.mark, shape(outcome));
    setText(this.name, device.id);
    const seconds = device.seconds === null || device.seconds === undefined ? "" : ` ${device.seconds.toFixed(1)} s`;
    setText(this.note, outcome === "running" ? `${stepWord(device.step ?? "")}${seconds}` : `${say(`outcome-${outcome}`)}${seconds}`);
  }
}

class WaveView {
  /** @param {string} name */
  constructor(name) {
    /** @type {Map<string, DeviceView>} */
    this.devices = new Map();
    this.done = make("span", { class: "wave-done" });
    this.list = make("ul");
    this.element = make(
      "article",
      { class: "wave" },
      make("h3", {}, has(`wave-${name}`) ? say(`wave-${name}`) : name, " ", this.done),
      this.list,
    );
  }

  /** @param {RolloutWave} wave */
  update(wave) {
    const ended = wave.devices.filter((device) => device.outcome !== null).length;
    setText(this.done, say("wave-done", { count: count(ended), total: count(wave.devices.length) }));
    wave.devices.forEach((device) => budget.add(device.id, () => this.show(device)));
  }

  /** @param {RolloutDevice} device */
  show(device) {
    let view = this.devices.get(device.id);
    if (view === undefined) {
      view = new DeviceView();
      this.devices.set(device.id, view);
      this.list.append(view.element);
    }
    view.update(device);
  }
}

/**
 * A rollout may have thousands of devices; they come in frame by frame.
 * @type {FrameBudget<() => void>}
 */
const budget = new FrameBudget(
  (showDevice) => {
    showDevice();
    return true;
  },
  () => part("#waves").removeAttribute("aria-busy"),
);
/** @type {string | null} */
let shown = null;

/** @param {Rollout | null} rollout */
function show(rollout) {
  part("#rollout").hidden = rollout === null;
  part("#nothing").hidden = rollout !== null;
  if (rollout === null) {
    return;
  }
  if (rollout.id !== shown) {
    shown = rollout.id;
    waves.clear();
    part("#waves").replaceChildren();
    timeline.clear();
  }
  lost = rollout.lost !== null;
  showHead(rollout);
  for (const wave of rollout.waves) {
    let view = waves.get(wave.name);
    if (view === undefined) {
      view = new WaveView(wave.name);
      waves.set(wave.name, view);
      part("#waves").append(view.element);
    }
    view.update(wave);
  }
  timeline.show(rollout.spans);
}

/** @param {Rollout} rollout */
function showHead(rollout) {
  const outcomes = rollout.waves.flatMap((wave) => wave.devices.map(standing));
  setText(part("#rollout-name"), rollout.name);
  const mark = lost
    ? "failed"
    : rollout.ended === null
      ? "running"
      : outcomes.includes("failed") || outcomes.includes("unknown")
        ? "failed"
        : "applied";
  setIcon(find("#rollout h1 svg", SVGSVGElement), mark);
  setAttribute(part("#rollout h1"), "data-outcome", mark);
  const facts = {
    start: day(rollout.started),
    end: rollout.ended === null ? "" : day(rollout.ended),
    lost: rollout.lost === null ? "" : day(rollout.lost),
    count: count(outcomes.filter((outcome) => outcome === "in-the-middle").length),
  };
  const key = lost ? "rollout-lost" : rollout.ended === null ? "rollout-running" : "rollout-ended";
  setText(part("#rollout-facts"), say(key, facts));
  part("#rollout-waits").hidden = rollout.waits.length === 0;
  setText(part("#rollout-waits"), rollout.waits.length === 0 ? "" : say("rollout-waits", { what: rollout.waits.join("; ") }));
  for (const end of ENDS) {
    const many = outcomes.filter((outcome) => outcome === end).length;
    const item = part(`#ends [data-outcome="${end}"]`);
    setText(find("b", HTMLElement, item), count(many));
    setAttribute(item, "data-none", many === 0 ? "" : null);
  }
}

showConnection(new Live(async () => show(await read("/api/rollout")), { rollout: show }));
