// Asking the API, and what could not be fetched: that is told in the page, with since when.
import { hearClock, monitorNow } from "./monitor_clock.js";

/** A fetch that takes longer than this has failed. */
const PATIENCE = 15_000;

/** @typedef {{ since: number, why: string }} Failure */

/** Tells `change` when a fetch fails, or succeeds again. */
class Failures extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Failure>} by the path that was asked for, without its query */
    this.open = new Map();
  }

  /**
   * @param {string} path
   * @param {string} why
   */
  note(path, why) {
    const since = this.open.get(path)?.since ?? monitorNow();
    this.open.set(path, { since, why });
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} path */
  forget(path) {
    if (this.open.delete(path)) this.dispatchEvent(new Event("change"));
  }

  /** The failure that lasts longest, if any. @returns {Failure | null} */
  get oldest() {
    return [...this.open.values()].sort((a, b) => a.since - b.since)[0] ?? null;
  }
}

export const failures = new Failures();

/**
 * @param {string} path
 * @param {RequestInit} how
 */
const ask = (path, how = {}) =>
  fetch(path, { headers: { accept: "application/json" }, redirect: "manual", signal: AbortSignal.timeout(PATIENCE), ...how });

/** Whether the reader goes elsewhere: who logs out is not led back to the login before the answer is there. */
let leaving = false;
addEventListener("beforeunload", () => {
  leaving = true;
  setTimeout(() => (leaving = false), PATIENCE);
});

/**
 * Where the login is over, or counts for nothing any more (403), load the page anew: that leads to the login, comes back
 * with it, or says what is wrong. A proxy that knows the readers leads elsewhere, which nothing of the monitor's API does.
 * A tab that is not looked at waits: what the tab in front logs in is the browser's, and many at once are too many.
 * @param {Response} answer
 */
function leadToLogin(answer) {
  if (document.hidden || leaving) return;
  if ([401, 403].includes(answer.status) || answer.type === "opaqueredirect") location.reload();
}

let looking = false;

/** Look whether the login is why nothing is heard: a stream that is refused does not say by what status. */
export async function lookForLogin() {
  if (looking) return;
  looking = true;
  try {
    leadToLogin(await ask(location.pathname, { method: "HEAD", cache: "no-store" }));
  } catch {
    // The monitor is away; whoever looks for it goes on, and this is called again.
  } finally {
    looking = false;
  }
}

/**
 * JSON of the API; an answer that is not 2xx is an error, and every failure is noted until the path answers again.
 * @param {string} path
 * @param {{ orNull?: boolean }} how `orNull`: what is not there (404) is null, and no failure
 */
export async function read(path, { orNull = false } = {}) {
  const [name] = path.split("?");
  try {
    const answer = await ask(path);
    hearClock(answer);
    const none = orNull && answer.status === 404;
    leadToLogin(answer);
    if (!answer.ok && !none) {
      throw new Error(`HTTP ${answer.status}`);
    }
    const found = none ? null : await answer.json();
    failures.forget(name);
    return found;
  } catch (error) {
    failures.note(name, error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/**
 * Ask the API to do something; what it refuses, it says why, and that is the error.
 * @param {string} path
 * @param {Record<string, unknown>} body
 */
export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(found.error ?? `HTTP ${answer.status}`);
  }
  return found;
}
