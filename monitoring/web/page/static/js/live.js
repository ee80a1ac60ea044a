// The monitor's stream of events, together with a snapshot to start from; both again after a lost connection.

const RETRY = 1000;
const RETRY_AT_MOST = 8000;
/** The monitor says every 5 s that it is alive; one that is silent for so long hangs. */
const SILENCE = 15_000;

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
    /** @type {number | null} */
    this.freshAt = null;
    this.snapshot = snapshot;
    this.hears = hears;
    this.path = `/api/events?school=${encodeURIComponent(school)}`;
    /** @type {[string, unknown][] | null} */
    this.waiting = null;
    /** @type {EventSource | null} */
    this.source = null;
    this.retry = RETRY;
    setInterval(() => this.listen(), 1000);
    this.open();
  }

  open() {
    const source = new EventSource(this.path);
    this.source = source;
    source.addEventListener("open", () => this.start(source));
    // The browser's own reconnecting gives up on an HTTP error, so this one does it in its place.
    source.addEventListener("error", () => this.lose(source));
    for (const name of Object.keys(this.hears)) {
      source.addEventListener(name, (event) => this.hear(name, event.data));
    }
    // Sent when nothing else is, so that silence can be told from a monitor that hangs.
    source.addEventListener("alive", () => this.fresh());
  }

  /**
   * Events that come while the snapshot is on its way are newer than it, and wait for it.
   * @param {EventSource} source
   */
  async start(source) {
    this.waiting = [];
    try {
      await this.snapshot();
    } catch {
      this.lose(source);
      return;
    }
    if (source !== this.source) {
      return;
    }
    const held = this.waiting ?? [];
    this.waiting = null;
    held.forEach(([name, data]) => this.hears[name](data));
    this.retry = RETRY;
    this.fresh();
    this.change("live");
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  hear(name, text) {
    const data = JSON.parse(text);
    if (this.waiting !== null) {
      this.waiting.push([name, data]);
      return;
    }
    this.fresh();
    this.hears[name](data);
  }

  /** @param {EventSource} source */
  lose(source) {
    if (source !== this.source) {
      return;
    }
    source.close();
    this.source = null;
    this.waiting = null;
    this.change("lost");
    setTimeout(() => this.open(), this.retry);
    this.retry = Math.min(this.retry * 2, RETRY_AT_MOST);
  }

  listen() {
    const silent = this.freshAt !== null && Date.now() - this.freshAt > SILENCE;
    if (this.state === "live" && silent && this.source !== null) {
      this.lose(this.source);
    }
  }

  fresh() {
    this.freshAt = Date.now();
  }

  /** @param {Connection} state */
  change(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * JSON of the API; an answer that is not 2xx is an error.
 * @param {string} path
 */
export async function read(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(SILENCE) });
  if (!answer.ok) {
    throw new Error(`${path}: HTTP ${answer.status}`);
  }
  return answer.json();
}
