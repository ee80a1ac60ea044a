// How many schools are in which state, and their share of all.
import { setAttribute, setProperty, setText } from "./elements.js";
import { say } from "./messages.js";
import { isDown, traits } from "./tile.js";
import { count, share } from "./words.js";

const PARTS = ["meets", "within-error", "below", "not-measured"];

export class Summary {
  constructor() {
    this.figures = [...document.querySelectorAll(".figure")];
    this.parts = Object.fromEntries(
      [...document.querySelectorAll("#proportion i")].map((part) => [part.dataset.assessment, part]),
    );
    this.down = null;
    this.title = document.title;
  }

  /** What is there at the beginning is no news. */
  begin(tiles) {
    this.down ??= tiles.filter(isDown).length;
  }

  /** @param {Iterable<object>} tiles every school's tile, whatever is filtered */
  show(tiles) {
    const numbers = new Map(this.figures.map((figure) => [figure.dataset.filter, 0]));
    let all = 0;
    for (const tile of tiles) {
      all += 1;
      traits(tile).forEach((trait) => numbers.set(trait, numbers.get(trait) + 1));
    }
    setText(document.querySelector("#whole"), say("whole", { count: count(all) }));
    for (const figure of this.figures) {
      const number = numbers.get(figure.dataset.filter);
      setText(figure.querySelector(".figure-count"), count(number));
      setText(figure.querySelector(".figure-share"), share(number, all));
      setAttribute(figure, "data-some", number > 0 ? "" : null);
    }
    PARTS.forEach((one) => setProperty(this.parts[one], "--count", String(numbers.get(one))));
    this.announce(numbers.get("line-down"));
  }

  /** Of everything that changes only this is read aloud, and stands in the title: a line that died or came back. */
  announce(down) {
    if (this.down !== down) {
      document.querySelector("#announcement").textContent = say("announce-down", { count: count(down) });
    }
    this.down = down;
    const title = down > 0 ? `✕${count(down)} ${this.title}` : this.title;
    if (document.title !== title) document.title = title;
  }
}
