// What every view has: the theme, the language, and whether the figures are fresh.
import { setAttribute, setIcon, setText } from "./elements.js";
import { say } from "./messages.js";
import { age, clock } from "./words.js";

const root = document.documentElement;
const THEMES = ["auto", "light", "dark"];
const YEAR = 365 * 24 * 3600;
const ICONS = { connecting: "waiting", live: "live", lost: "cut" };
const WORDS = { connecting: "connecting", live: "live", lost: "stale" };

const theme = () => root.dataset.theme ?? "auto";

function nameTheme() {
  setText(document.querySelector("#theme span"), say(`theme-${theme()}`));
}

function changeTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  setAttribute(root, "data-theme", next === "auto" ? null : next);
  document.cookie = `tsunagu_theme=${next}; path=/; max-age=${next === "auto" ? 0 : YEAR}; samesite=strict`;
  nameTheme();
  document.dispatchEvent(new Event("themechange"));
}

document.querySelector("#theme").addEventListener("click", changeTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.dispatchEvent(new Event("themechange")),
);
nameTheme();

/** The other language shows the same place with the same filters. */
document.querySelector("#language").addEventListener("click", (event) => {
  const link = event.currentTarget;
  const query = new URLSearchParams(location.search);
  query.set("lang", link.hreflang);
  link.search = query.toString();
});

/** Show in the masthead whether the stream is alive, and plainly above the figures when it is not. */
export function showConnection(live) {
  const pulse = document.querySelector("#pulse");
  const [text, old] = [document.querySelector("#lost-text"), document.querySelector("#lost-age")];
  const show = () => {
    setAttribute(root, "data-connection", live.state);
    setIcon(pulse.querySelector("svg"), ICONS[live.state]);
    setText(pulse.querySelector(".pulse-word"), say(WORDS[live.state]));
    setText(pulse.querySelector("time"), live.freshAt === null ? "" : clock(live.freshAt));
    setText(
      old,
      live.state === "lost" && live.freshAt !== null ? say("old", { age: age(Date.now() - live.freshAt) }) : "",
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
