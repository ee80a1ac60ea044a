// The view of one school: its assessment, its lines over time, its events.
import { Curve } from "./curve.js";
import { find, findAll, icon, make, setAttribute, setIcon, setText } from "./elements.js";
import { showConnection, showNewest } from "./frame.js";
import { read } from "./stream/fetching.js";
import { Live } from "./stream/live.js";
import { monitorNow } from "./stream/monitor_clock.js";
import { has, say } from "./messages.js";
import { NeedsList } from "./needs.js";
import { showDevices, showPast, showTasks } from "./past.js";
import { LINES, MEASURES, Series, shownValue } from "./series.js";
import { showGauge } from "./tile.js";
import { clock, day, exact, moment } from "./words.js";

const page = find("#school", HTMLElement);
const id = page.dataset.school ?? "";
const series = new Series();
/** Those that the school has; the page has a strand for each. */
const lines = LINES.filter((line) => document.querySelector(`.strand[data-line="${line}"]`) !== null);
const curves = MEASURES.flatMap((measure) =>
  findAll(`.curve[data-measure="${measure}"]`, HTMLElement).map((figure) => new Curve(figure, measure, lines)),
);
const table = find(".figures-table", HTMLDetailsElement);
/** Which paths the charts are of: "", or a region and a family. */
const choice = find("#path", HTMLSelectElement);
const regionNames = Object.fromEntries(findAll("[data-region]", HTMLElement).map((one) => [one.dataset.region, one.textContent]));
const ROWS = 100;
/** As many points as a chart can show. */
const POINTS = 900;
/** Events of which nothing is left to say beside their kind and their line. */
const SAYS_ALL = new Set(["line-down", "line-up", "failover"]);
/** @type {Record<string, string>} */
const ICONS = {
  "line-down": "line-down",
  "line-up": "up",
  drift: "drift",
  failover: "reverted",
  "region-down": "line-down",
  "region-up": "up",
};
/** What this school needs: the same list as the city's, of this school alone. */
const needs = new NeedsList(() => shown ?? { name: id, english: null });
let minutes = 60;
/** @type {number | null} */
let wantedUpload = null;
/** @type {Tile | null} */
let shown = null;
/** When anything of any school was heard last. @type {string | null} */
let newest = null;
/** @type {SchoolEvent[]} */
let events = [];
let asking = false;
let again = false;

/** @param {string} selector */
const part = (selector) => find(selector, HTMLElement);
const start = () => monitorNow() / 1000 - minutes * 60;

/** @param {Tile} tile */
function showTile(tile) {
  const assessment = part("#assessment");
  setAttribute(assessment, "data-assessment", tile.assessment);
  setIcon(find("svg", SVGSVGElement, assessment), tile.assessment);
  setText(part("#assessment-word"), say(`assessments.${tile.assessment}`));
  setText(part("#measured"), exact(tile.measured_mbps));
  setText(part("#recommended"), exact(tile.recommended_mbps));
  showGauge(part("#assessment-gauge"), tile);
  const past = LINES.some((line) => MEASURES.some((measure) => series.latest(line, measure) !== null));
  const none = past ? say("not-measured-now") : say("never-measured");
  const when = tile.measured_at === null ? none : say("measured-at", { time: day(tile.measured_at) });
  setText(part("#assessment-note"), `${when} · ${basisWords(tile)}`);
  setText(
    part("#drift"),
    tile.drift === null
      ? say("drift-unknown")
      : tile.drift === 0
        ? say("no-drift")
        : say("drift-found", { count: tile.drift }),
  );
  const unconfirmed = tile.unconfirmed ?? 0;
  part("#unconfirmed").hidden = unconfirmed === 0;
  setText(part("#unconfirmed"), unconfirmed === 0 ? "" : say("unconfirmed-found", { count: unconfirmed }));
  setText(part("#silent"), probeWords(tile));
  showOwnNewest();
  setAttribute(part("[data-line='devices']"), "data-state", unconfirmed > 0 || (tile.drift ?? 0) > 0 ? "drift" : "up");
  lines.forEach((line) => {
    showLine(line, tile.lines[line] ?? "none");
    showSince(line, tile.line_times[line]);
  });
}

/** @param {Clocks} clocks */
function takeClocks({ newest_at: at }) {
  newest = at;
  showOwnNewest();
}

/** Of a school that is silent its own time is told, and not that of the others. */
function showOwnNewest() {
  if (shown !== null) showNewest(shown.heard === "now" ? newest : shown.heard_at);
}

/**
 * What is known of the probe: that nothing was ever heard of it is no report.
 * @param {Tile} tile
 */
function probeWords(tile) {
  if (tile.heard === "never") return say("probe-never");
  return tile.heard === "now" ? say("probe-now") : say("probe-silent-since", { time: tile.heard_at === null ? "–" : moment(tile.heard_at) });
}

/**
 * Since when a line is down or not heard, and when it was last heard.
 * @param {LineName} line
 * @param {LineTimes | undefined} times
 */
function showSince(line, times) {
  const place = find(`.strand[data-line="${line}"] .strand-since`, HTMLElement);
  place.hidden = times === undefined;
  if (times === undefined) return;
  const since = times.since === null ? say("since-unknown") : say("since-when", { time: moment(times.since) });
  setText(place, times.heard === null ? since : `${since} · ${say("last-heard", { time: moment(times.heard) })}`);
}

/**
 * Where the recommendation comes from. It came with the measurement; the monitor's own policies only say more of it.
 * @param {Tile} tile
 */
function basisWords(tile) {
  if (tile.recommended_mbps === null) return say("basis-none");
  if (tile.basis === null) return say("basis-differs", { mbps: exact(tile.policy_recommended_mbps) });
  return say(`basis-${tile.basis}`);
}

/**
 * @param {LineName} line
 * @param {LineState} state
 */
function showLine(line, state) {
  const strand = part(`.strand[data-line="${line}"]`);
  setAttribute(strand, "data-state", state);
  const shapes = { up: "up", down: "line-down", stale: "unknown", unknown: "unknown", none: "unknown" };
  setIcon(find("svg", SVGSVGElement, strand), shapes[state]);
  setText(find(".strand-state", HTMLElement, strand), say(`line-${state}`));
  for (const measure of MEASURES) {
    // What a dead line carried before it died is history, and stands in the charts.
    const value = state === "down" && measure !== "loss" ? null : series.latest(line, measure);
    const text = value === null ? "–" : `${exact(shownValue(measure, value))} ${say(`unit-${measure}`)}`;
    setText(find(`[data-value="${measure}"]`, HTMLElement, strand), text);
  }
}

function showCurves() {
  /** @type {[number, number]} */
  const period = [start(), monitorNow() / 1000];
  /** @type {Partial<Record<Measure, number | null>>} */
  const wanted = { throughput: shown?.recommended_mbps, upload: wantedUpload };
  curves.forEach((curve) => curve.show(series, period, wanted[curve.measure] ?? null));
}

/** The table is filled when it is opened, and kept fresh while it is open. */
function showRows() {
  if (!table.open) {
    return;
  }
  const rows = series
    .rows(ROWS, lines)
    .map(([at, values]) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, clock(at * 1000)),
        ...values.map((value) => make("td", {}, exact(value))),
      ),
    );
  part("#rows").replaceChildren(...rows);
}

/**
 * An event in the reader's words, and beside it in those of who told it, where they name more (a region, a device).
 * @param {SchoolEvent} event
 */
function eventWords(event) {
  const key = `event-${event.kind}`;
  if (SAYS_ALL.has(event.kind) && event.line) {
    return [make("span", {}, say(key, { line: say(event.line) }))];
  }
  const told = make("span", { class: "quiet-note", lang: "en" }, event.text);
  return has(key) ? [make("span", {}, say(key, { line: event.line ? say(event.line) : say("lines") })), told] : [told];
}

function showEvents() {
  const list = part("#events");
  const key = JSON.stringify(events);
  if (list.dataset.shown !== key) {
    list.dataset.shown = key;
    const items = [...events].sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, ROWS);
    list.replaceChildren(
      ...items.map((event) =>
        make(
          "li",
          { "data-state": event.kind.endsWith("-down") ? "down" : "up" },
          icon(ICONS[event.kind] ?? "live"),
          make("time", { datetime: event.at }, day(event.at)),
          ...eventWords(event),
        ),
      ),
    );
  }
  part("#no-events").hidden = events.length > 0;
  // A line may be down without an event that says so.
  const down = shown !== null && Object.values(shown.lines).some((state) => state === "down" || state === "stale");
  setText(part("#no-events"), say(down ? "no-events-yet-down" : "no-events"));
}

/** @param {Tile} tile */
function show(tile) {
  shown = tile;
  showTile(tile);
  showCurves();
  showRows();
  showEvents();
}

/** Ask the API again, one question at a time, and over a long period less often: there a second is not seen. */
async function refresh() {
  if (asking) {
    return;
  }
  asking = true;
  let next = Date.now() + Math.max(1, (minutes * 60) / POINTS) * 1000;
  try {
    await load();
  } catch {
    // The page tells that it could not be fetched; it is asked for again until it answers.
    again = live.state === "live";
    next = Date.now() + 1000;
  }
  setTimeout(
    () => {
      asking = false;
      if (again) {
        again = false;
        refresh();
      }
    },
    Math.max(0, next - Date.now()),
  );
}

function news() {
  again = asking;
  refresh();
}

async function load() {
  const wanted = minutes;
  const path = choice.value;
  const asked = `/api/schools/${id}?since=${Math.floor(start())}${path}`;
  /** @type {[SchoolAnswer, Clocks]} */
  const [found, clocks] = await Promise.all([read(asked), read("/api/clocks")]);
  if (wanted === minutes && path === choice.value) {
    events = found.events;
    wantedUpload = found.recommended_upload_mbps;
    series.take(found.lines);
    show(found.tile);
    takeClocks(clocks);
    showNeeds(found.needs);
    showDevices(found.devices);
    showTasks(found.tasks, found.certificates, found.guideline);
    showPast(found, { wanted: found.tile.recommended_mbps, wantedUpload, names: regionNames });
  }
}

/** @param {Need[]} all */
function showNeeds(all) {
  const own = all.filter((need) => need.school === id);
  part("#needs").hidden = own.length === 0;
  needs.show(own, { newest_at: "", skewed: [] });
}

/**
 * The tile comes with the event itself, so a line that dies is seen at once; the charts follow.
 * @param {Tile[]} changed
 */
function takeTile(changed) {
  const own = changed.find((one) => one.id === id);
  if (own !== undefined) {
    shown = own;
    showTile(own);
    news();
  }
}

const buttons = findAll(".spans button", HTMLButtonElement);
for (const button of buttons) {
  button.addEventListener("click", () => {
    minutes = Number(button.dataset.minutes);
    buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    load().catch(news);
  });
}
choice.addEventListener("change", () => load().catch(news));
table.addEventListener("toggle", showRows);
setInterval(() => shown && document.visibilityState === "visible" && showCurves(), 1000);

const live = new Live(load, { tiles: takeTile, needs: showNeeds, clocks: takeClocks, school: (told) => told.id === id && news() }, id);
showConnection(live);
