// Numbers and times as they are written: the city's own time, shares never rounded up.
import { has, language, say } from "./messages.js";
import { monitorNow } from "./stream/monitor_clock.js";

const zone = document.documentElement.dataset.zone || "Asia/Tokyo";
const locale = language === "ja" ? "ja-JP" : "en-GB";
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clockFormat = new Intl.DateTimeFormat(locale, {
  timeZone: zone,
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dayFormat = new Intl.DateTimeFormat(locale, {
  timeZone: zone,
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

export { zone };
/** @param {number} number */
export const count = (number) => whole.format(number);
/**
 * A rate on a tile: what was measured is rounded down, so that it never looks like more.
 * @param {number | null} mbps
 */
export const measuredRate = (mbps) => (mbps === null ? "–" : whole.format(Math.floor(mbps)));
/** @param {number | null} mbps */
export const wantedRate = (mbps) => (mbps === null ? "–" : whole.format(mbps));
/** @param {number | null | undefined} number */
export const exact = (number) => (number === null || number === undefined ? "–" : tenth.format(number));
/**
 * A share rounded down to a tenth, as the reports have it: only all of them are 100%, only none is 0%.
 * @param {number} part
 * @param {number} all
 */
export function share(part, all) {
  if (all === 0) {
    return "";
  }
  const tenths = Math.floor((1000 * part) / all);
  return part > 0 && tenths === 0 ? "<0.1%" : `${Math.floor(tenths / 10)}.${tenths % 10}%`;
}
/**
 * How much of the time that is known something was up, rounded down: only what was never down has 100%.
 * @param {number} up seconds
 * @param {number} down seconds
 */
export function availability(up, down) {
  if (up + down === 0) return say("not-known");
  const hundredths = Math.floor((10_000 * up) / (up + down));
  const known = down > 0 ? Math.min(hundredths, 9_999) : hundredths;
  return `${Math.floor(known / 100)}.${String(known % 100).padStart(2, "0")}%`;
}
/**
 * How long something was, in seconds where that is short.
 * @param {number} seconds
 */
export const duration = (seconds) => age(seconds * 1000);
/**
 * A step of a device by the reader's word; one that the page does not know (a playbook's task) by its own.
 * @param {string} name
 */
export function stepWord(name) {
  const key = `step-${name.replace(/[^a-z]+/g, "-")}`;
  return has(key) ? say(key) : name;
}
/**
 * A text as searches compare it.
 * @param {string} text
 */
export const plain = (text) => text.normalize("NFKC").toLowerCase();
/** @param {number} milliseconds */
export const clock = (milliseconds) => clockFormat.format(milliseconds);
const dateFormat = new Intl.DateTimeFormat(locale, { timeZone: zone, year: "numeric", month: "short", day: "numeric" });
/**
 * A day of any year.
 * @param {string} iso
 */
export const date = (iso) => dateFormat.format(new Date(iso));
/** @param {string} iso */
export const day = (iso) => dayFormat.format(new Date(iso));

const today = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
const minuteFormat = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayMinuteFormat = new Intl.DateTimeFormat(locale, {
  timeZone: zone,
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
/**
 * A moment to the minute, with its day where that is not today.
 * @param {string} iso
 */
export function moment(iso) {
  const at = new Date(iso);
  return (today.format(at) === today.format(new Date(monitorNow())) ? minuteFormat : dayMinuteFormat).format(at);
}
/** @typedef {{ name: string, english: string | null }} Named a school or a ward */
/**
 * The name for the reader, and its language: without an English one a reader of English has the Japanese one.
 * @param {Named} named
 */
export const nameFor = ({ name, english }) => (language === "ja" || english === null ? name : english);
/** @param {Named} named */
export const nameLanguage = ({ english }) => (language === "ja" || english === null ? "ja" : "en");
/** Words of English names that are shorter on a small tile. */
const SHORTER = [
  [/^Provisional /, ""],
  [/ School$/, ""],
  [/\bNo\. /, ""],
  [/\bElementary\b/, "E"],
  [/\bJunior High\b/, "JH"],
  [/\bHigh\b/, "HS"],
  [/\bSpecial-Needs\b/, "SN"],
  [/^仮・/, ""],
  [/学校$/, ""],
].map(([from, to]) => ({ from: new RegExp(from), to: String(to) }));
/**
 * A school's name as it fits on a small tile: 仮・麻生第一小学校 is 麻生第一小, and in English Asao 1 E
 * @param {string} name
 */
export const shortName = (name) => SHORTER.reduce((text, { from, to }) => text.replace(from, to), name);

/** @param {number} milliseconds */
export function age(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 90) {
    return say("age-seconds", { count: seconds });
  }
  if (seconds < 5400) {
    return say("age-minutes", { count: Math.floor(seconds / 60) });
  }
  return seconds < 48 * 3600
    ? say("age-hours", { count: Math.floor(seconds / 3600) })
    : say("age-days", { count: Math.floor(seconds / 86_400) });
}

/**
 * How something ended, in the reader's words; a word that nobody here knows stands as it was sent.
 * @param {string} outcome
 */
export const outcomeWord = (outcome) => {
  const key = `outcome-${outcome.replaceAll(" ", "-")}`;
  return has(key) ? say(key) : outcome;
};
