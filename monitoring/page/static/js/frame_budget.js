// Changes are gathered and shown with the next frame, as many as a part of a frame allows; the rest comes with the
// frames after it. So no amount of news makes one long task.
const BUDGET = 6;

export class FrameBudget {
  /**
   * @param {(item: any) => void} show shows one item
   * @param {() => void} settled is called once after the last of a batch
   */
  constructor(show, settled) {
    this.pending = new Map();
    this.show = show;
    this.settled = settled;
    this.asked = false;
  }

  /** An item by its key; a newer one takes the place of one that was not shown yet. */
  add(key, item) {
    this.pending.set(key, item);
    this.ask();
  }

  ask() {
    if (!this.asked) {
      this.asked = true;
      requestAnimationFrame(() => this.frame());
    }
  }

  frame() {
    this.asked = false;
    const end = performance.now() + BUDGET;
    for (const [key, item] of this.pending) {
      this.pending.delete(key);
      this.show(item);
      if (performance.now() > end) {
        break;
      }
    }
    if (this.pending.size > 0) {
      this.ask();
    } else {
      this.settled();
    }
  }
}
