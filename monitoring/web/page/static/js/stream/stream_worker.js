// The SharedWorker of all tabs of a browser: it holds the one connection, and gives each tab what that tab shows.
import { StreamHub } from "./stream_hub.js";

/** @typedef {import("./stream_hub.js").Told} Told */
/** @typedef {{ names: string[], school: string }} Wish */

/** @type {Map<MessagePort, Wish>} */
const tabs = new Map();
/** @type {StreamHub | null} */
let hub = null;

/**
 * Whether a tab shows what is told. A school's news goes only to who looks at that school.
 * @param {Wish} wish
 * @param {Told} told
 */
function wants(wish, told) {
  if (told.kind !== "event") return true;
  return wish.names.includes(told.name) && (told.name !== "school" || JSON.parse(told.text).id === wish.school);
}

/**
 * Give everyone what they show. The others hear that the monitor is alive.
 * @param {Told} told
 */
function pass(told) {
  for (const [port, wish] of tabs) {
    port.postMessage(wants(wish, told) ? told : { kind: "alive" });
  }
}

/**
 * @param {MessagePort} port
 * @param {Wish & { lock: string | null }} wish
 */
function join(port, wish) {
  tabs.set(port, wish);
  if (hub === null) {
    hub = new StreamHub(pass);
  }
  port.postMessage({ kind: hub.state });
  // A tab holds its lock as long as it lives; a port alone does not tell that its tab is gone.
  if (wish.lock !== null) navigator.locks.request(wish.lock, () => leave(port));
}

/** @param {MessagePort} port */
function leave(port) {
  tabs.delete(port);
  if (tabs.size === 0) {
    hub?.close();
    hub = null;
  }
}

globalThis.addEventListener("connect", (event) => {
  if (event instanceof MessageEvent) {
    const [port] = event.ports;
    port.onmessage = ({ data }) => (data.kind === "join" ? join(port, data) : leave(port));
  }
});
