// The view of the running rollout: its waves, how each device ended, and its spans in time.
import { icon, make, setAttribute, setIcon, setText } from "./elements.js";
import { FrameBudget } from "./frame_budget.js";
import { showConnection } from "./frame.js";
import { Live, read } from "./live.js";
import { has, say } from "./messages.js";
import { Timeline } from "./timeline.js";
import { count, day, stepWord } from "./words.js";

const ENDS = ["applied", "unchanged", "reverted", "failed", "unknown", "running", "waiting"];
const timeline = new Timeline(document.querySelector("#spans"), document.querySelector("#axis"));
const waves = new Map();
const part = (selector) => document.querySelector(selector);

const shape = (outcome) => (outcome === "unknown" ? "unsettled" : outcome);

/** A device that has not ended is running when it is in a step, and waits before that. */
const standing = (device) => device.outcome ?? (device.step ? "running" : "waiting");

class DeviceView {
  constructor() {
    this.mark = icon("waiting");
    this.name = make("span", { class: "device-name" });
    this.note = make("span", { class: "device-note" });
    this.element = make("li", { class: "device" }, this.mark, this.name, this.note);
  }

  update(device) {
    const outcome = standing(device);
    setAttribute(this.element, "data-outcome", outcome);
    setIcon(this.mark, shape(outcome));
    setText(this.name, device.id);
    const seconds = device.seconds === null || device.seconds === undefined ? "" : ` ${device.seconds.toFixed(1)} s`;
    setText(this.note, outcome === "running" ? `${stepWord(device.step)}${seconds}` : `${say(`outcome-${outcome}`)}${seconds}`);
  }
}

class WaveView {
  constructor(name) {
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

  update(wave) {
    const ended = wave.devices.filter((device) => device.outcome !== null).length;
    setText(this.done, say("wave-done", { count: count(ended), total: count(wave.devices.length) }));
    wave.devices.forEach((device) => budget.add(device.id, () => this.show(device)));
  }

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

/** A rollout may have thousands of devices; they come in frame by frame. */
const budget = new FrameBudget(
  (showDevice) => {
    showDevice();
    return true;
  },
  () => part("#waves").removeAttribute("aria-busy"),
);
let shown = null;

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
  showHead(rollout);
  for (const wave of rollout.waves) {
    if (!waves.has(wave.name)) {
      waves.set(wave.name, new WaveView(wave.name));
      part("#waves").append(waves.get(wave.name).element);
    }
    waves.get(wave.name).update(wave);
  }
  timeline.show(rollout.spans);
}

function showHead(rollout) {
  const outcomes = rollout.waves.flatMap((wave) => wave.devices.map(standing));
  setText(part("#rollout-name"), rollout.name);
  const mark =
    rollout.ended === null
      ? "running"
      : outcomes.includes("failed") || outcomes.includes("unknown")
        ? "failed"
        : "applied";
  setIcon(part("#rollout h1 svg"), mark);
  setAttribute(part("#rollout h1"), "data-outcome", mark);
  const times = { start: day(rollout.started), end: rollout.ended === null ? "" : day(rollout.ended) };
  setText(part("#rollout-facts"), say(rollout.ended === null ? "rollout-running" : "rollout-ended", times));
  for (const end of ENDS) {
    const many = outcomes.filter((outcome) => outcome === end).length;
    const item = part(`#ends [data-outcome="${end}"]`);
    setText(item.querySelector("b"), count(many));
    setAttribute(item, "data-none", many === 0 ? "" : null);
  }
}

showConnection(new Live(async () => show(await read("/api/rollout")), { rollout: show }));
