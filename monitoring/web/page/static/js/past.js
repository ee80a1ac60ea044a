// What a period was like: how long each line, path and service was up, down, or not known; outages; strips of states.
import { find, make, setAttribute, setProperty } from "./elements.js";
import { say } from "./messages.js";
import { monitorNow } from "./stream/monitor_clock.js";
import { age, availability, date, day, duration, exact, outcomeWord, share } from "./words.js";

/** @typedef {{wanted: number | null, wantedUpload: number | null, names: Record<string, string>}} Wanted */

const tables = find("#past-tables", HTMLElement);

/**
 * Fill the body of a table; what already stands there is not touched.
 * @param {string} name
 * @param {string[][]} rows the first cell of each is its head
 */
function fill(name, rows) {
  const table = find(`[data-table="${name}"]`, HTMLElement, tables);
  const key = JSON.stringify(rows);
  if (table.dataset.shown === key) return;
  table.dataset.shown = key;
  table.hidden = rows.length === 0;
  find("tbody", HTMLElement, table).replaceChildren(
    ...rows.map(([head, ...cells]) =>
      make("tr", {}, make("th", { scope: "row" }, head), ...cells.map((text) => make("td", {}, text))),
    ),
  );
}

/** @param {Availability} of */
const states = (of) => [
  availability(of.up, of.down),
  of.down > 0 ? duration(of.down) : "–",
  share(of.unknown, of.up + of.down + of.unknown),
];

/**
 * A rate, and what part of the contract and of the recommendation it is.
 * @param {number | null} mbps
 * @param {number | null} of
 */
const rate = (mbps, of) =>
  mbps === null ? "–" : of ? `${exact(mbps)} (${Math.floor((100 * mbps) / of)}%)` : exact(mbps);

/**
 * @param {SchoolPast} past
 * @param {Wanted} wanted
 */
function showTables(past, wanted) {
  const contract = Object.fromEntries(past.line_totals.map((one) => [one.line, one.contract_mbps]));
  /** @param {string} family */
  const familyName = (family) => (family === "ipv6" ? "IPv6" : "IPv4");
  fill(
    "lines",
    past.line_totals.map((one) => [say(one.line), ...states(one.availability), String(one.outages)]),
  );
  fill(
    "paths",
    past.paths.map((one) => [
      `${say(one.line)} · ${wanted.names[one.region] ?? one.region} · ${familyName(one.family)}`,
      ...states(one.availability),
      rate(one.download, contract[one.line] ?? null),
      rate(one.download, wanted.wanted),
      exact(one.download_least),
      rate(one.upload, wanted.wantedUpload),
      exact(one.latency),
      exact(one.latency_most),
      exact(one.jitter),
      one.loss === null ? "–" : share(one.loss, 1),
    ]),
  );
  fill(
    "services",
    past.services.map((one) => [
      `${say(one.service)} · ${say(one.line)} · ${familyName(one.family)}`,
      ...states(one.availability),
      exact(one.duration),
      exact(one.duration_most),
    ]),
  );
  fill(
    "outages",
    [...past.outages].reverse().map((one) => [
      day(one.began),
      say(one.line),
      one.ended === null ? say("outage-lasts") : day(one.ended),
      duration(one.seconds),
    ]),
  );
  find("#no-outages", HTMLElement).hidden = past.outages.length > 0;
}

/** How a rollout or a playbook ends with a device where it ends well. */
const WELL = new Set(["applied", "unchanged", "done"]);

/**
 * What the policies say of each device, and how its last rollout ended; one that ended badly first.
 * @param {SchoolDevice[]} devices
 */
export function showDevices(devices) {
  const well = (/** @type {SchoolDevice} */ { last }) => last === null || WELL.has(last.outcome ?? "");
  const rows = [...devices].sort((a, b) => Number(well(a)) - Number(well(b)));
  fill(
    "devices",
    rows.map(({ id, role, platform, last }) => [
      id,
      say(`role-${role}`),
      platform,
      last === null || last.started === null ? say("device-no-rollout") : day(last.started),
      last === null ? "–" : last.outcome === null ? say("device-not-ended") : outcomeWord(last.outcome),
      last?.error ?? "",
    ]),
  );
}

/** What people ask for and nothing sends in this release: it is said, and never left out as if it were well. */
const UNSENT = ["admissions"];

/**
 * A certificate, and until when it is good; what is about to end, has ended or is only what was last known is not well.
 * @param {CertificateEnd} certificate
 */
function certificateRow({ certificate, state, ends_at, heard_at, stale, command }) {
  const name = say("certificate-of", { name: say(`certificate-${certificate}`) });
  if (ends_at === null) return [name, say("certificate-unsent", { command }), "–"];
  const left = Date.parse(ends_at) - monitorNow();
  const ends = say(state === "ended" ? "certificate-ended" : "certificate-until", { time: date(ends_at), age: age(Math.abs(left)) });
  if (!stale) return state === "good" ? [name, ends, "–"] : [name, "–", ends];
  return [name, "–", `${ends} · ${heard_at === null ? say("never-heard-again") : say("certificate-stale", { time: day(heard_at) })}`];
}

/**
 * How the guideline's clauses stand; what is old, of another policy, or has a clause that differs is not well.
 * @param {GuidelineState | null} guideline
 */
function guidelineRow(guideline) {
  if (guideline === null) return [say("guideline"), say("task-unsent", { command: "tsunagu prove" }), "–"];
  const { holds, differs, not_judged, policy, is_own_policy, heard_at, stale } = guideline;
  const ago = heard_at === null ? say("since-unknown") : say("ago", { time: day(heard_at), age: age(monitorNow() - Date.parse(heard_at)) });
  const told = [
    say("guideline-counts", { holds, differs, not_judged, policy, ago }),
    ...(is_own_policy ? [] : [say("guideline-other-policy")]),
    ...(stale ? [say("guideline-stale")] : []),
  ].join(" · ");
  return is_own_policy && !stale && differs === 0 ? [say("guideline"), told, "–"] : [say("guideline"), "–", told];
}

/**
 * When each task of the city's operators last ended, the ones that were never heard of with what sends them; and
 * when certificates end.
 * @param {TaskEnds[]} tasks
 * @param {CertificateEnd[]} certificates
 * @param {GuidelineState | null} guideline
 */
export function showTasks(tasks, certificates, guideline) {
  /** @param {string | null} at */
  const ended = (at) => (at === null ? "–" : say("ago", { time: day(at), age: age(monitorNow() - Date.parse(at)) }));
  fill("tasks", [
    ...tasks.map(({ task, command, good_at, bad_at }) => [
      say(`task-${task}`),
      good_at === null && bad_at === null ? say("task-unsent", { command }) : ended(good_at),
      ended(bad_at),
    ]),
    guidelineRow(guideline),
    ...certificates.map(certificateRow),
    ...UNSENT.map((name) => [say(`task-${name}`), say("task-unsent-by-all"), "–"]),
  ]);
}

/**
 * A strip a line, as wide as the charts: where it was down, where nothing is known of it, and up else.
 * @param {SchoolPast} past
 */
function showStrips(past) {
  const { since, until } = past.period;
  for (const total of past.line_totals) {
    const strip = document.querySelector(`.strip[data-line="${total.line}"] .strip-bar`);
    if (!(strip instanceof HTMLElement)) continue;
    const down = past.outages
      .filter((one) => one.line === total.line)
      .map((one) => [Date.parse(one.began) / 1000, one.ended === null ? until : Date.parse(one.ended) / 1000]);
    const parts = [
      ...down.map(([from, to]) => ({ state: "down", from, to })),
      // Later, so that what is not known lies over an outage that nothing was heard of.
      ...(past.unknown[total.line] ?? []).map(([from, to]) => ({ state: "unknown", from, to })),
    ];
    const key = JSON.stringify([parts, Math.floor(until / Math.max(1, (until - since) / 1000))]);
    if (strip.dataset.shown === key) continue;
    strip.dataset.shown = key;
    const wide = (/** @type {number} */ seconds) => `${((100 * seconds) / (until - since)).toFixed(3)}%`;
    strip.replaceChildren(
      ...parts.map(({ state, from, to }) => {
        const part = make("i", { "data-state": state });
        setProperty(part, "--from", wide(Math.max(0, from - since)));
        setProperty(part, "--wide", wide(Math.min(to, until) - Math.max(from, since)));
        return part;
      }),
    );
    const [up, , unknown] = states(total.availability);
    setAttribute(strip, "aria-label", say("strip-says", { line: say(total.line), up, count: total.outages, unknown }));
  }
}

/**
 * @param {SchoolPast} past
 * @param {Wanted} wanted
 */
export function showPast(past, wanted) {
  showTables(past, wanted);
  showStrips(past);
}
