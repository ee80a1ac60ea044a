// What a view shows of the monitor: a snapshot to start from and the stream's events after it; both again after a loss.
import { lookForLogin } from "./fetching.js";
import { monitorNow } from "./monitor_clock.js";
import { openStream } from "./shared_stream.js";
import { SILENCE } from "./stream_hub.js";

const RETRY = 1000;
const RETRY_AT_MOST = 8000;

/** @typedef {import("./stream_hub.js").Told} Told */
/** @typedef {"connecting" | "live" | "lost"} Connection */
/** @typedef {Record<string, (data: any) => void>} Hearers by the event's name */

export class Live extends EventTarget {
  /**
   * @param {() => Promise<void>} snapshot fetches everything and shows it
   * @param {Hearers} hears
   * @param {string} school the one whose points are wanted too; none by default
   */
  constructor(snapshot, hears, school = "") {
    super();
    /** @type {Connection} */
    this.state = "connecting";
    /** @type {number | null} when it was last heard, as a time to show */
    this.freshAt = null;
    /** The same by the clock that nobody puts back or forward: the reader's may be while the page is open. */
    this.freshTick = 0;
    this.snapshot = snapshot;
    this.hears = hears;
    this.school = school;
    /** @type {[string, unknown][] | null} */
    this.waiting = null;
    /** Which of the snapshots counts: the one that was begun last. */
    this.turn = 0;
    this.retry = RETRY;
    this.again = 0;
    this.stream = openStream({ names: Object.keys(hears), school }, (told) => this.take(told));
    setInterval(() => this.listen(), 1000);
    // A tab that is frozen or left hears nothing: what came meanwhile would only pile up.
    document.addEventListener("freeze", () => this.leave());
    document.addEventListener("resume", () => this.stream.join());
    addEventListener("pagehide", () => this.stream.leave());
    addEventListener("pageshow", (event) => event.persisted && this.stream.join());
  }

  /** @param {Told} told */
  take(told) {
    if (told.kind === "open") {
      this.start();
    } else if (told.kind === "lost") {
      this.lose();
      lookForLogin();
    } else if (told.kind === "event") {
      this.hear(told.name, told.text);
    } else if (told.kind === "alive" && this.state === "live") {
      this.fresh();
    }
  }

  /** Events that come while the snapshot is on its way are newer than it, and wait for it. */
  async start() {
    const turn = this.begin();
    this.waiting = [];
    try {
      await this.snapshot();
    } catch {
      if (turn === this.turn) {
        this.lose();
        this.again = setTimeout(() => this.start(), this.retry);
        this.retry = Math.min(this.retry * 2, RETRY_AT_MOST);
      }
      return;
    }
    if (turn !== this.turn) {
      return;
    }
    const held = this.waiting ?? [];
    this.waiting = null;
    held.forEach(([name, data]) => this.hears[name](data));
    this.retry = RETRY;
    this.fresh();
    this.change("live");
  }

  /** What was begun before counts no longer. */
  begin() {
    clearTimeout(this.again);
    this.turn += 1;
    return this.turn;
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  hear(name, text) {
    if (!Object.hasOwn(this.hears, name)) {
      if (this.state === "live") this.fresh();
      return;
    }
    const data = JSON.parse(text);
    if (name === "school" && data.id !== this.school) return;
    if (this.waiting !== null) {
      this.waiting.push([name, data]);
    } else if (this.state === "live") {
      this.fresh();
      this.hears[name](data);
    }
  }

  lose() {
    this.begin();
    this.waiting = null;
    this.change("lost");
  }

  leave() {
    this.stream.leave();
    this.lose();
  }

  /** Whoever passes the stream on may be gone itself; then it is looked for again. */
  listen() {
    if (this.state === "live" && this.freshAt !== null && performance.now() - this.freshTick > SILENCE) {
      this.lose();
      this.again = setTimeout(() => this.stream.join(), RETRY);
    }
  }

  fresh() {
    this.freshAt = monitorNow();
    this.freshTick = performance.now();
  }

  /** @param {Connection} state */
  change(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
