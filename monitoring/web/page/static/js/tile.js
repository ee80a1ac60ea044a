// A school on its ward's board.
import { icon, make, setAttribute, setIcon, setProperty, setText } from "./elements.js";
import { say } from "./messages.js";
import { LINES } from "./series.js";
import { measuredRate, nameFor, nameLanguage, shortName, wantedRate } from "./words.js";

/** The bar ends at one and a half times the recommendation, so the recommendation stands at two thirds. */
const FULL = 1.5;
const POINTED_AT_MOST = 8;
const POINTED_FOR = 1600;
let pointed = 0;

/** @param {Tile} tile */
export const isDown = (tile) => LINES.some((line) => tile.lines[line] === "down");

/**
 * The filters that a tile answers to; the first is its assessment.
 * @param {Tile} tile
 */
export function traits(tile) {
  /** @type {string[]} */
  const found = [tile.assessment];
  if (isDown(tile)) found.push("line-down");
  if ((tile.unconfirmed ?? 0) > 0) found.push("unconfirmed");
  if ((tile.drift ?? 0) > 0) found.push("drift");
  if (tile.silent) found.push("silent");
  return found;
}

/**
 * How much of the bar is filled, from 0 to 1: nothing where there is no figure, or none to compare it with.
 * @param {Tile} tile
 */
export function filled(tile) {
  if (tile.measured_mbps === null || tile.recommended_mbps === null) return 0;
  return Math.min(1, tile.measured_mbps / tile.recommended_mbps / FULL);
}

/**
 * Fill a bar; its stroke stands for the recommendation, so without one there is none.
 * @param {HTMLElement} bar
 * @param {Tile} tile
 */
export function showGauge(bar, tile) {
  setProperty(bar, "--part", filled(tile).toFixed(3));
  setAttribute(bar, "data-no-recommendation", tile.recommended_mbps === null ? "" : null);
}

export class TileView {
  /** @param {Tile} tile */
  constructor(tile) {
    this.id = tile.id;
    this.skipped = false;
    this.mark = icon("not-measured", "icon mark");
    this.measured = make("span", { class: "measured" }, "–");
    this.recommended = make("span", {}, "–");
    this.word = make("span", { class: "word" }, "–");
    this.bar = make("span", { class: "gauge", "aria-hidden": "true" });
    this.strands = LINES.filter((line) => tile.lines[line] !== undefined).map((line) => this.strand(line));
    this.drift = make("span", { class: "drift" });
    this.unconfirmed = make("span", { class: "drift" });
    this.link = make(
      "a",
      { href: `/schools/${tile.id}`, tabindex: "-1", title: nameFor(tile) },
      this.mark,
      make(
        "span",
        { class: "head" },
        make("span", { class: "name", lang: nameLanguage(tile) }, nameFor(tile)),
        make("span", { class: "short-name", lang: nameLanguage(tile), "aria-hidden": "true" }, shortName(nameFor(tile))),
        " ",
        make(
          "span",
          { class: "rate" },
          this.measured,
          make("span", { class: "of" }, " / ", this.recommended, make("span", { class: "unseen" }, " Mbit/s ")),
        ),
      ),
      this.unconfirmed,
      this.drift,
      this.word,
      this.bar,
      make("span", { class: "strands" }, ...this.strands.map((strand) => strand.element)),
    );
    this.element = make("li", { class: "tile", "data-school": tile.id }, this.link);
    this.tile = tile;
    this.show(tile);
  }

  /** @param {LineName} line */
  strand(line) {
    const mark = icon("unknown");
    const word = make("span", { class: "unseen" }, "–");
    const short = make("span", { "aria-hidden": "true" }, say(`${line}-short`));
    return {
      line,
      element: make(
        "span",
        { class: "strand", title: say(line) },
        short,
        mark,
        make("span", { class: "unseen" }, ` ${say(line)} `),
        word,
      ),
      mark,
      word,
    };
  }

  /**
   * Show a newer tile of the same school.
   * @param {Tile} tile
   */
  update(tile) {
    const changed = this.tile.assessment !== tile.assessment || isDown(this.tile) !== isDown(tile);
    this.tile = tile;
    this.show(tile);
    if (changed && !this.element.hidden && this.element.dataset.pointed === undefined) this.point();
  }

  /**
   * Show a tile. A line that is down comes first, then a probe whose figures are old, then the assessment.
   * Only what differs from what is shown is touched.
   * @param {Tile} tile
   */
  show(tile) {
    const down = isDown(tile);
    setAttribute(this.element, "data-assessment", tile.assessment);
    setAttribute(this.element, "data-down", down ? "" : null);
    setAttribute(this.element, "data-silent", tile.silent ? "" : null);
    const foremost = down ? "line-down" : tile.silent ? "silent" : tile.assessment;
    setIcon(this.mark, foremost);
    setText(this.measured, measuredRate(tile.measured_mbps));
    setText(this.recommended, wantedRate(tile.recommended_mbps));
    setText(this.word, say(`word-${foremost}`));
    showGauge(this.bar, tile);
    for (const { line, element, mark, word } of this.strands) {
      const state = tile.lines[line] ?? "none";
      setAttribute(element, "data-state", state);
      setIcon(mark, state === "none" || state === "stale" ? "unknown" : state);
      setText(word, say(`line-${state}`));
    }
    this.showDevices(this.unconfirmed, "unconfirmed", "unconfirmed-count", tile.unconfirmed ?? 0);
    this.showDevices(this.drift, "drift", "drift-count", tile.drift ?? 0);
  }

  /**
   * Show how many devices are in a state; nothing where none is.
   * @param {HTMLElement} place
   * @param {string} state
   * @param {string} words
   * @param {number} devices
   */
  showDevices(place, state, words, devices) {
    if (Number(place.dataset.devices ?? 0) !== devices) {
      place.dataset.devices = String(devices);
      const told = [
        icon(state),
        make("span", { "aria-hidden": "true" }, String(devices)),
        make("span", { class: "unseen" }, ` ${say(words, { count: devices })} `),
      ];
      place.replaceChildren(...(devices > 0 ? told : []));
    }
  }

  /** A state that changed is rare and worth a glance: the tile lights up for a moment. Where all change, none does. */
  point() {
    if (pointed < POINTED_AT_MOST && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      pointed += 1;
      this.element.dataset.pointed = "";
      setTimeout(() => {
        pointed -= 1;
        delete this.element.dataset.pointed;
      }, POINTED_FOR);
    }
  }
}
