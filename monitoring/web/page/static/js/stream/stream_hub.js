// The one connection to the monitor's stream of events; it tells what comes, and comes back after it was lost.

const RETRY = 1000;
const RETRY_AT_MOST = 8000;
/** The monitor says every 5 s that it is alive; one that is silent for so long hangs. */
export const SILENCE = 15_000;
/** The events that the monitor sends. */
const NAMES = ["tiles", "school", "rollout", "needs", "clocks", "store"];

/** @typedef {"connecting" | "open" | "lost"} StreamState */
/**
 * What a reader of the stream is told: a state, that the monitor is alive, or an event with its JSON text.
 * @typedef {{ kind: StreamState | "alive" } | { kind: "event", name: string, text: string }} Told
 */

export class StreamHub {
  /** @param {(told: Told) => void} tell is called with everything that comes */
  constructor(tell) {
    this.tell = tell;
    /** @type {StreamState} */
    this.state = "connecting";
    /** @type {EventSource | null} */
    this.source = null;
    this.retry = RETRY;
    this.freshAt = performance.now();
    this.again = 0;
    this.watch = setInterval(() => this.listen(), 1000);
    this.open();
  }

  open() {
    const source = new EventSource("/api/events");
    this.source = source;
    this.freshAt = performance.now();
    source.addEventListener("open", () => {
      this.retry = RETRY;
      this.freshAt = performance.now();
      this.change("open");
    });
    // The browser's own reconnecting gives up on an HTTP error, so this one does it in its place.
    source.addEventListener("error", () => this.lose(source));
    for (const name of NAMES) {
      source.addEventListener(name, ({ data }) => this.pass({ kind: "event", name, text: data }));
    }
    // Sent when nothing else is, so that silence can be told from a monitor that hangs.
    source.addEventListener("alive", () => this.pass({ kind: "alive" }));
  }

  /** @param {Told} told */
  pass(told) {
    this.freshAt = performance.now();
    this.tell(told);
  }

  /** @param {EventSource} source */
  lose(source) {
    if (source !== this.source) {
      return;
    }
    source.close();
    this.source = null;
    this.change("lost");
    this.again = setTimeout(() => this.open(), this.retry);
    this.retry = Math.min(this.retry * 2, RETRY_AT_MOST);
  }

  listen() {
    if (this.source !== null && performance.now() - this.freshAt > SILENCE) {
      this.lose(this.source);
    }
  }

  /** @param {StreamState} state */
  change(state) {
    this.state = state;
    this.tell({ kind: state });
  }

  /** End the connection for good. */
  close() {
    clearInterval(this.watch);
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  }
}
