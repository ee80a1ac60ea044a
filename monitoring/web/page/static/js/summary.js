// How many schools are in which state, and their share of all.
import { find, findAll, setAttribute, setProperty, setText } from "./elements.js";
import { say } from "./messages.js";
import { isDown, traits } from "./tile.js";
import { count, share } from "./words.js";

/** The parts of the bar: each school once, a dead line before everything else. */
const PARTS = ["line-down", "below", "not-measured", "within-error", "meets"];

export class Summary {
  constructor() {
    this.figures = findAll(".figure", HTMLElement);
    this.parts = new Map(PARTS.map((one) => [one, find(`#proportion i[data-part="${one}"]`, HTMLElement)]));
    /** @type {number | null} */
    this.down = null;
    this.title = document.title;
  }

  /**
   * What is there at the beginning is no news.
   * @param {Tile[]} tiles
   */
  begin(tiles) {
    this.down ??= tiles.filter(isDown).length;
  }

  /** @param {Iterable<Tile>} tiles every school's tile, whatever is filtered */
  show(tiles) {
    /** @type {Map<string, number>} */
    const numbers = new Map();
    const read = (/** @type {string | undefined} */ trait) => numbers.get(trait ?? "") ?? 0;
    /** @type {Map<string, number>} */
    const parts = new Map();
    let all = 0;
    for (const tile of tiles) {
      all += 1;
      const part = isDown(tile) ? "line-down" : tile.assessment;
      parts.set(part, (parts.get(part) ?? 0) + 1);
      traits(tile).forEach((trait) => numbers.set(trait, read(trait) + 1));
    }
    setText(find("#whole", HTMLElement), say("whole", { count: count(all) }));
    for (const figure of this.figures) {
      const number = read(figure.dataset.filter);
      setText(find(".figure-count", HTMLElement, figure), count(number));
      setText(find(".figure-share", HTMLElement, figure), share(number, all));
      setAttribute(figure, "data-some", number > 0 ? "" : null);
    }
    this.parts.forEach((part, one) => setProperty(part, "--count", String(parts.get(one) ?? 0)));
    this.announce(read("line-down"));
  }

  /**
   * Of everything that changes only this is read aloud, and stands in the title: a line that died or came back.
   * @param {number} down
   */
  announce(down) {
    if (this.down !== down) {
      find("#announcement", HTMLElement).textContent = say("announce-down", { count: count(down) });
    }
    this.down = down;
    const title = down > 0 ? `✕${count(down)} ${this.title}` : this.title;
    if (document.title !== title) document.title = title;
  }
}
