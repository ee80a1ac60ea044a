// One connection for all tabs of a browser, in three ways: a SharedWorker; else one tab leads and tells the others;
// else, in a browser that has neither, each tab that is looked at has its own.
import { StreamHub } from "./stream_hub.js";
import { LedStream } from "./led_stream.js";

/** @typedef {import("./stream_hub.js").Told} Told */
/** @typedef {{ join(): void, leave(): void }} Stream `join` also begins anew where that is needed */
/** @typedef {{ names: string[], school: string }} Wish what a tab shows */

/** A worker that has said nothing for so long cannot be started here. */
const START_PATIENCE = 5000;
/** Changes with what tabs and worker say to each other: tabs of an older page must not meet a newer worker. */
const WORKER = "tsunagu-stream-1";

/**
 * The stream as this browser can have it.
 * @param {Wish} wish
 * @param {(told: Told) => void} tell
 * @returns {Stream}
 */
export function openStream(wish, tell) {
  if (typeof SharedWorker === "function") return new WorkedStream(wish, tell);
  return openWithoutWorker(tell);
}

/**
 * @param {(told: Told) => void} tell
 * @returns {Stream}
 */
function openWithoutWorker(tell) {
  return "locks" in navigator && typeof BroadcastChannel === "function" ? new LedStream(tell) : new OwnStream(tell);
}

/** What the SharedWorker passes on. */
class WorkedStream {
  /**
   * @param {Wish} wish
   * @param {(told: Told) => void} tell
   */
  constructor(wish, tell) {
    this.wish = wish;
    this.tell = tell;
    /** @type {MessagePort | null} */
    this.port = null;
    /** @type {Stream | null} what takes the place of a worker that cannot be started */
    this.other = null;
    this.lock = `tsunagu-tab-${crypto.randomUUID?.() ?? Math.random()}`;
    /** The tab holds its lock for life, and before it joins: the worker takes one that is free for a tab that is gone. */
    this.held = new Promise((done) => {
      if (!("locks" in navigator)) return done(false);
      navigator.locks.request(this.lock, () => {
        done(true);
        return new Promise(() => {});
      });
    });
    this.join();
  }

  join() {
    if (this.other !== null) {
      this.other.join();
      return;
    }
    this.leave();
    const worker = new SharedWorker(new URL("./stream_worker.js", import.meta.url), { type: "module", name: WORKER });
    const { port } = worker;
    const late = setTimeout(() => this.replace(port), START_PATIENCE);
    worker.addEventListener("error", () => this.replace(port));
    port.onmessage = ({ data }) => {
      clearTimeout(late);
      if (port === this.port) this.tell(data);
    };
    this.port = port;
    this.held.then((lock) => port.postMessage({ kind: "join", lock: lock ? this.lock : null, ...this.wish }));
  }

  leave() {
    this.port?.postMessage({ kind: "leave" });
    this.port?.close();
    this.port = null;
    this.other?.leave();
  }

  /** @param {MessagePort} port of the worker that cannot be started */
  replace(port) {
    if (port === this.port) {
      this.leave();
      this.other = openWithoutWorker(this.tell);
    }
  }
}

/** A connection of the tab's own; a tab that is not looked at has none, since a browser has six for all its tabs. */
class OwnStream {
  /** @param {(told: Told) => void} tell */
  constructor(tell) {
    this.tell = tell;
    /** @type {StreamHub | null} */
    this.hub = null;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.leave() : this.join()));
    this.join();
  }

  join() {
    this.leave();
    if (!document.hidden) this.hub = new StreamHub(this.tell);
  }

  leave() {
    this.hub?.close();
    this.hub = null;
  }
}
