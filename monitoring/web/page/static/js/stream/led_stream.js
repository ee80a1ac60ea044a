// Where there is no SharedWorker, one tab leads: who holds the lock has the connection and tells the others what comes.
// A leader that is closed loses the lock; one that is frozen gives it up, or, where it could not, has it taken away.
import { StreamHub } from "./stream_hub.js";

/** @typedef {import("./stream_hub.js").Told} Told */
/** @typedef {{ to?: string, told: Told }} Spoken of the leader; without `to` it is for everyone */
/** @typedef {{ ask: string, state: boolean }} Asked of a follower: whether there is a leader, and in what state */

const LOCK = "tsunagu-stream";
/**
 * The monitor says every 5 s that it is alive; a leader that did not hear it does not answer, and is replaced. A frozen
 * tab needs this: it goes on to answer what other tabs ask, and hears nothing of the monitor.
 */
const FRESH = 7000;
/** After so long without a word a follower asks, and some time later takes the lock away. */
const ASK = 2000;
const STEAL = 5000;
const STEAL_SPREAD = 1500;
/** Looks are a second apart; where much more lies between two, this tab itself was asleep. */
const SLEPT = 3000;

export class LedStream {
  /** @param {(told: Told) => void} tell */
  constructor(tell) {
    this.tell = tell;
    this.name = String(Math.random());
    this.patience = STEAL + Math.random() * STEAL_SPREAD;
    this.channel = new BroadcastChannel(LOCK);
    this.channel.onmessage = ({ data }) => this.hear(data);
    /** @type {StreamHub | null} that of the leader */
    this.hub = null;
    /** @type {() => void} gives the lock back, where this tab has it */
    this.release = () => {};
    /** @type {AbortController | null} */
    this.queued = null;
    this.here = false;
    this.heardAt = this.lookedAt = performance.now();
    setInterval(() => this.look(), 1000);
    this.join();
  }

  /** Take part, from the beginning: who leads says how things stand. */
  join() {
    this.here = true;
    this.heardAt = this.lookedAt = performance.now();
    if (this.hub !== null) {
      this.tell({ kind: this.hub.state });
      return;
    }
    if (this.queued === null) this.queue();
    this.channel.postMessage({ ask: this.name, state: true });
  }

  /** Take no part: another tab is to lead. */
  leave() {
    this.here = false;
    this.queued?.abort();
    this.queued = null;
    this.stepDown();
  }

  /** Lead as soon as nobody else does. */
  queue() {
    const queued = new AbortController();
    this.queued = queued;
    this.hold({ signal: queued.signal });
  }

  /** @param {LockOptions} how */
  hold(how) {
    navigator.locks
      .request(LOCK, how, () => this.lead())
      .catch(() => {
        // Taken away by a tab that heard nothing of this one, or no longer wanted.
        if (how.signal?.aborted) return;
        this.stepDown();
        if (this.here) this.join();
      });
  }

  /** Hold the lock until it is given back. @returns {Promise<void>} */
  lead() {
    this.queued = null;
    if (!this.here) return Promise.resolve();
    return new Promise((done) => {
      this.release = done;
      this.hub = new StreamHub((told) => {
        this.speak({ told });
        this.tell(told);
      });
      this.speak({ told: { kind: "connecting" } });
    });
  }

  stepDown() {
    this.hub?.close();
    this.hub = null;
    this.release();
  }

  /** @param {Spoken} spoken */
  speak(spoken) {
    this.channel.postMessage(spoken);
  }

  /** @param {Spoken | Asked} data */
  hear(data) {
    if ("ask" in data) {
      if (this.hub !== null && performance.now() - this.hub.freshAt < FRESH) {
        this.speak({ to: data.ask, told: { kind: data.state ? this.hub.state : "alive" } });
      }
      return;
    }
    if (this.here && this.hub === null && (data.to === undefined || data.to === this.name)) {
      this.heardAt = performance.now();
      // That a leader is there does not say that the monitor is.
      if (data.to === undefined || data.told.kind !== "alive") this.tell(data.told);
    }
  }

  look() {
    const now = performance.now();
    if (now - this.lookedAt > SLEPT) this.heardAt = now;
    this.lookedAt = now;
    if (!this.here || this.hub !== null) return;
    const silent = now - this.heardAt;
    if (silent > this.patience) {
      this.heardAt = now;
      this.queued?.abort();
      this.queued = null;
      this.hold({ steal: true });
    } else if (silent > ASK) {
      this.channel.postMessage({ ask: this.name, state: false });
    }
  }
}
