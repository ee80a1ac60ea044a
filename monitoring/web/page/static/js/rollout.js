// The view of a rollout: its waves, how each device ended and why, and its spans in time.
import { DeviceGrid, shape } from "./device_grid.js";
import { find, findAll, make, setAttribute, setIcon, setText } from "./elements.js";
import { showConnection, showNewest } from "./frame.js";
import { has, say } from "./messages.js";
import { OF_PLAYBOOKS, RolloutModel } from "./rollout_model.js";
import { read } from "./stream/fetching.js";
import { Live } from "./stream/live.js";
import { Timeline } from "./timeline.js";
import { count, day, plain } from "./words.js";

/** More names than this beside a reason are only counted. */
const NAMED = 6;
/** What could not be fetched is asked for again after so many ms. */
const AGAIN = 1000;
const ABOUT = ["planner", "approvers", "applier", "commit", "policy", "undo"];

/** @typedef {import("./rollout_model.js").KnownDevice} KnownDevice */
/** @typedef {{ element: HTMLElement, done: HTMLElement, grid: DeviceGrid }} Wave */

const model = new RolloutModel();
const timeline = new Timeline(find("#spans", HTMLElement), find("#axis", HTMLElement));
/** @type {Map<string, Wave>} */
const waves = new Map();
/** @param {string} selector */
const part = (selector) => find(selector, HTMLElement);
const which = find("#which", HTMLSelectElement);
const search = find("#device-search", HTMLInputElement);
const buttons = findAll("#ends button", HTMLButtonElement);
/** The rollout that was asked for; "" for the newest, whichever that is. */
let wanted = new URLSearchParams(location.search).get("id") ?? "";
/** @type {string | null} */
let shown = null;
let asked = false;

/** @param {string} name */
function makeWave(name) {
  const label = has(`wave-${name}`) ? say(`wave-${name}`) : name;
  const done = make("span", { class: "wave-done" });
  const grid = new DeviceGrid(model, label);
  const element = make("article", { class: "wave" }, make("h3", {}, label, " ", done), grid.frame);
  part("#waves").append(element);
  return { element, done, grid };
}

/** The devices that the filters leave. */
function filterDevices() {
  const ends = buttons.filter((button) => button.ariaPressed === "true").map((button) => button.dataset.end ?? "");
  const text = plain(search.value.trim());
  /** @param {KnownDevice} device */
  return (device) =>
    (ends.length === 0 || ends.includes(model.standing(device))) &&
    (text === "" || plain(`${device.id} ${device.school} ${device.error ?? ""}`).includes(text));
}

function showWaves() {
  const wants = filterDevices();
  const devices = Map.groupBy(model.devices.values(), (device) => device.wave);
  for (const [name, all] of devices) {
    const wave = waves.get(name) ?? makeWave(name);
    waves.set(name, wave);
    const ended = all.filter((device) => device.outcome !== null).length;
    setText(wave.done, say("wave-done", { count: count(ended), total: count(all.length) }));
    const left = all.filter(wants);
    wave.element.hidden = left.length === 0;
    wave.grid.show(left);
  }
  part("#no-devices").hidden = [...waves.values()].some(({ element }) => !element.hidden) || devices.size === 0;
}

/** Why devices did not end well, each sentence once, as it was told: text and never markup. */
function showReasons() {
  const reasons = model.reasons();
  part("#why").hidden = reasons.length === 0;
  const key = JSON.stringify(reasons.map(({ text, devices }) => [text, devices.length]));
  if (part("#why").dataset.shown === key) return;
  part("#why").dataset.shown = key;
  part("#reasons").replaceChildren(
    ...reasons.map(({ text, devices }) => {
      const names = devices.slice(0, NAMED).map(({ id }) => id).join(", ");
      const more = devices.length > NAMED ? ` ${say("more-devices", { count: count(devices.length - NAMED) })}` : "";
      return make(
        "li",
        {},
        make("b", {}, count(devices.length)),
        make("span", { class: "reason" }, text),
        make("span", { class: "reason-devices" }, `${names}${more}`),
      );
    }),
  );
}

/** @param {Rollout} rollout */
function showHead(rollout) {
  const numbers = model.count();
  setText(part("#rollout-name"), rollout.name);
  // What was put back, or never begun, is not as planned either.
  const well = ["applied", "unchanged", "done"].reduce((sum, end) => sum + (numbers.get(end) ?? 0), 0);
  const bad = well < model.devices.size;
  const mark = model.lost ? "failed" : rollout.ended === null ? "running" : bad ? "failed" : "applied";
  setIcon(find("#rollout h1 svg", SVGSVGElement), shape(mark));
  setAttribute(part("#rollout h1"), "data-outcome", mark);
  const facts = {
    start: day(rollout.started),
    end: rollout.ended === null ? "" : day(rollout.ended),
    lost: rollout.lost === null ? "" : day(rollout.lost),
    count: count(numbers.get("in-the-middle") ?? 0),
  };
  const key = model.lost ? "rollout-lost" : rollout.ended === null ? "rollout-running" : "rollout-ended";
  setText(part("#rollout-facts"), say(key, facts));
  const about = ABOUT.filter((name) => rollout.about[name]).map((name) => `${say(`about-${name}`)} ${rollout.about[name]}`);
  part("#rollout-about").hidden = about.length === 0;
  setText(part("#rollout-about"), about.join(" · "));
  part("#rollout-waits").hidden = rollout.waits.length === 0;
  setText(part("#rollout-waits"), rollout.waits.length === 0 ? "" : say("rollout-waits", { what: rollout.waits.join("; ") }));
  for (const [end, many] of numbers) {
    const item = document.querySelector(`#ends [data-outcome="${end}"]`);
    // A word of a newer release: it stands at the device as it was sent.
    if (!(item instanceof HTMLElement)) continue;
    item.hidden = many === 0 && OF_PLAYBOOKS.has(end);
    setText(find("b", HTMLElement, item), count(many));
    setAttribute(item, "data-none", many === 0 ? "" : null);
  }
}

/** Changes may come faster than frames; each part of the page has a frame of its own, so that none is long. */
const parts = [() => model.head && showHead(model.head), showReasons, showWaves, () => timeline.show([...model.spans.values()], model.head?.lost ?? null)];
let turn = parts.length;

function show() {
  const rollout = model.head;
  part("#rollout").hidden = rollout === null;
  part("#nothing").hidden = rollout !== null || wanted !== "";
  part("#gone").hidden = rollout !== null || wanted === "";
  if (rollout === null) return;
  if (rollout.id !== shown) {
    shown = rollout.id;
    waves.clear();
    part("#waves").replaceChildren();
    timeline.clear();
    keepFetching(listRollouts);
  }
  const idle = turn >= parts.length;
  turn = 0;
  if (idle) showNext();
}

function showNext() {
  parts[turn]();
  turn += 1;
  if (turn < parts.length) {
    // A page that is not looked at has no frames.
    if (document.visibilityState === "hidden") setTimeout(showNext);
    else requestAnimationFrame(showNext);
  }
}

async function load() {
  const chosen = wanted;
  const path = chosen === "" ? "/api/rollout" : `/api/rollout?id=${encodeURIComponent(chosen)}`;
  /** @type {[Rollout | null, Clocks]} */
  const [found, clocks] = await Promise.all([read(path, { orNull: true }), read("/api/clocks")]);
  // Another one was chosen meanwhile: that one is shown, whichever answer comes first.
  if (chosen !== wanted) return;
  model.replace(found);
  takeClocks(clocks);
  show();
}

/**
 * Fetch, and again until it succeeds; the page tells meanwhile that it failed.
 * @param {() => Promise<void>} fetching
 */
function keepFetching(fetching) {
  fetching().catch(() => setTimeout(() => keepFetching(fetching), AGAIN));
}

/** @param {Rollout | null} change */
async function take(change) {
  if (change === null || (wanted !== "" && change.id !== wanted)) {
    return;
  }
  if (model.merge(change)) {
    show();
  } else if (!asked) {
    // Another rollout began, or a change was missed.
    asked = true;
    await load().catch(() => undefined);
    asked = false;
  }
}

/** Those that can be chosen; asked for anew when another one begins. */
async function listRollouts() {
  /** @type {RolloutsAnswer} */
  const { rollouts } = await read("/api/rollouts");
  const option = (/** @type {string} */ value, /** @type {string} */ text) => make("option", { value }, text);
  const ends = (/** @type {ListedRollout} */ one) => (one.ended === null ? say("outcome-running") : "");
  which.replaceChildren(
    option("", say("newest-rollout")),
    ...rollouts.map((one) => option(one.id, `${day(one.started)} ${one.name} ${ends(one)}`.trim())),
  );
  which.value = wanted;
}

which.addEventListener("change", () => {
  wanted = which.value;
  history.replaceState(null, "", wanted === "" ? location.pathname : `?id=${encodeURIComponent(wanted)}`);
  const chosen = wanted;
  keepFetching(async () => {
    if (chosen === wanted) await load();
  });
});
search.addEventListener("input", showWaves);
for (const button of buttons) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.ariaPressed !== "true"));
    showWaves();
  });
}
setInterval(() => waves.forEach(({ grid, element }) => !element.hidden && model.head?.ended === null && grid.draw()), 1000);

/** @param {Clocks} clocks */
const takeClocks = ({ newest_at: at }) => showNewest(at);

showConnection(new Live(load, { rollout: take, clocks: takeClocks }));
