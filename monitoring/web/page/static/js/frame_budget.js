// Changes are gathered and shown with the next frame, as many as a part of a frame allows; the rest comes with the
// frames after it. So no amount of news makes one long task. What the browser then has to lay out and paint takes
// several times what the script took, so what is seen of the items counts as well as the time.
const BUDGET = 5;
const AT_ONCE = 24;
const SETTLED_AT_LEAST_EVERY = 1000;
const UNSEEN = 1 / 4;
const UNSEEN_EVERY = 500;

/** @template Item */
export class FrameBudget {
  /**
   * @param {(item: Item) => boolean} show shows one item, and says whether it can be seen
   * @param {(all: boolean) => void} settled is called after the last of a batch, and now and then during a long one
   */
  constructor(show, settled) {
    /** @type {Map<string, Item>} */
    this.pending = new Map();
    this.show = show;
    this.settled = settled;
    this.asked = false;
    this.next = 0;
    this.later = 0;
    this.settledAt = performance.now();
    document.addEventListener("visibilitychange", () => this.asked && this.schedule());
  }

  /**
   * An item by its key; a newer one takes the place of one that was not shown yet.
   * @param {string} key
   * @param {Item} item
   */
  add(key, item) {
    this.pending.set(key, item);
    this.ask();
  }

  ask() {
    if (!this.asked) {
      this.asked = true;
      this.schedule();
    }
  }

  /** A page that is not looked at has no frames, and its title goes on all the same. */
  schedule() {
    cancelAnimationFrame(this.next);
    clearTimeout(this.later);
    if (document.visibilityState === "hidden") {
      this.later = setTimeout(() => this.frame(), UNSEEN_EVERY);
    } else {
      this.next = requestAnimationFrame(() => this.frame());
    }
  }

  frame() {
    this.asked = false;
    const end = performance.now() + BUDGET;
    let load = 0;
    for (const [key, item] of this.pending) {
      this.pending.delete(key);
      load += this.show(item) ? 1 : UNSEEN;
      if (load >= AT_ONCE || performance.now() > end) {
        break;
      }
    }
    if (this.pending.size > 0) {
      this.ask();
    }
    if (this.pending.size === 0 || performance.now() > this.settledAt + SETTLED_AT_LEAST_EVERY) {
      this.settledAt = performance.now();
      this.settled(this.pending.size === 0);
    }
  }
}
