// What every view has: the theme, the language, and whether the figures are fresh.
import { find, setAttribute, setIcon, setText } from "./elements.js";
import { say } from "./messages.js";
import { failures } from "./stream/fetching.js";
import { monitorNow } from "./stream/monitor_clock.js";
import { age, clock } from "./words.js";

const root = document.documentElement;
const THEMES = ["auto", "light", "dark"];
const YEAR = 365 * 24 * 3600;
/** @typedef {import("./stream/live.js").Connection} Connection */
/** @type {Record<Connection, string>} */
const ICONS = { connecting: "waiting", live: "live", lost: "cut" };
/** @type {Record<Connection, string>} */
const WORDS = { connecting: "connecting", live: "live", lost: "stale" };

const theme = () => root.dataset.theme ?? "auto";

function nameTheme() {
  setText(find("#theme span", HTMLElement), say(`theme-${theme()}`));
}

function changeTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  setAttribute(root, "data-theme", next === "auto" ? null : next);
  document.cookie = `tsunagu_theme=${next}; path=/; max-age=${next === "auto" ? 0 : YEAR}; samesite=strict`;
  nameTheme();
  document.dispatchEvent(new Event("themechange"));
}

find("#theme", HTMLElement).addEventListener("click", changeTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.dispatchEvent(new Event("themechange")),
);
nameTheme();

/** The other language shows the same place with the same filters. */
const link = find("#language", HTMLAnchorElement);
link.addEventListener("click", () => {
  const query = new URLSearchParams(location.search);
  query.set("lang", link.hreflang);
  link.search = query.toString();
});

/** What could not be fetched is told, with since when: what stands below it is as old as that. */
function showFailures() {
  const failure = failures.oldest;
  const text = failure === null ? "" : say("unfetched", { time: clock(failure.since), why: failure.why });
  setText(find("#unfetched", HTMLElement), text);
}
failures.addEventListener("change", showFailures);

/**
 * What is wrong with the monitor's store: the figures are of now, and of what comes in no past is kept. One that was
 * damaged at the start is told as long as the monitor runs: its past is not here.
 * @param {StoreState} store
 */
export function showStore(store) {
  setText(find("#store", HTMLElement), store.fault === null ? "" : say("store-fault", { why: store.fault }));
  const aside = store.moved_aside;
  setText(find("#moved-aside", HTMLElement), aside === null ? "" : say("store-moved-aside", { name: aside }));
}

/** Senders with a wrong clock that are named; the others are counted. */
const NAMED = 3;

/**
 * Whose clock is wrong: what such a sender says is dated by its arrival, and its past is in the wrong place.
 * @param {SkewedSender[]} skewed the worst first
 */
export function showSkewed(skewed) {
  const named = skewed
    .slice(0, NAMED)
    .map(({ sender, seconds }) => say(seconds < 0 ? "skew-behind" : "skew-ahead", { sender, age: age(Math.abs(seconds) * 1000) }));
  const rest = skewed.length > NAMED ? [say("skew-more", { count: skewed.length - NAMED })] : [];
  setText(find("#skewed", HTMLElement), skewed.length === 0 ? "" : say("skewed", { who: [...named, ...rest].join(" · ") }));
}

/** Figures older than this are told to be old, in ms. */
const OLD = 90_000;
/** @type {string | null | undefined} undefined where this view was not told yet */
let newest;

/**
 * The clock beside "Live" is that of the newest measurement, not of the connection.
 * @param {string | null} at
 */
export function showNewest(at) {
  newest = at;
  const time = find("#pulse time", HTMLTimeElement);
  const old = at === null ? 0 : monitorNow() - Date.parse(at);
  const words = at === null ? say("no-newest") : say("newest", { time: clock(Date.parse(at)) });
  setText(time, old > OLD ? `${words} ${say("old", { age: age(old) })}` : words);
  setAttribute(time, "data-old", at === null || old > OLD ? "" : null);
}

/**
 * Show in the masthead whether the stream is alive, and plainly above the figures when it is not.
 * @param {import("./stream/live.js").Live} live
 */
export function showConnection(live) {
  const pulse = find("#pulse", HTMLElement);
  const [text, old] = [find("#lost-text", HTMLElement), find("#lost-age", HTMLElement)];
  const show = () => {
    setAttribute(root, "data-connection", live.state);
    setIcon(find("svg", SVGSVGElement, pulse), ICONS[live.state]);
    setText(find(".pulse-word", HTMLElement, pulse), say(WORDS[live.state]));
    if (newest !== undefined) showNewest(newest);
    setText(
      old,
      live.state === "lost" && live.freshAt !== null ? say("old", { age: age(performance.now() - live.freshTick) }) : "",
    );
  };
  // What is read aloud changes when the connection does; the age beside it goes on for the eye alone.
  const tell = () => {
    show();
    const lost = live.freshAt === null ? say("lost-before") : say("lost", { time: clock(live.freshAt) });
    setText(text, live.state === "lost" ? lost : "");
  };
  live.addEventListener("change", tell);
  setInterval(show, 1000);
  show();
}
