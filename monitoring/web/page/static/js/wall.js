// A screen on a wall (`/?wall=1`): it fills the screen and goes from what needs somebody to the wards and back. For a
// reader who wants no motion both stand side by side.
import { find, scaleToFit } from "./elements.js";

const TURN = 20_000;
/** What is shown in turn. */
const SHOWN = ["needs", "boards"];

/** Sizes of the list, as large as the screen lets it be. */
const SCALES = [2.4, 2, 1.7, 1.4, 1.2, 1];

/** Begin, where the address asks for it. */
export function startWall() {
  if (new URLSearchParams(location.search).get("wall") !== "1") return;
  const root = document.documentElement;
  root.dataset.wall = SHOWN[0];
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let turn = 0;
  const show = () => {
    root.dataset.wall = still.matches ? "both" : SHOWN[turn % SHOWN.length];
    // What fits is found anew: the wards may take the whole screen or a part of it.
    dispatchEvent(new Event("resize"));
    const needs = find("#needs", HTMLElement);
    scaleToFit(needs, SCALES, () => needs.getBoundingClientRect().bottom <= innerHeight);
  };
  setInterval(() => {
    turn += 1;
    show();
  }, TURN);
  still.addEventListener("change", show);
  new MutationObserver(show).observe(find("#needs-list", HTMLElement), { childList: true });
  show();
}
