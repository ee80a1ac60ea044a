// A rollout as the page knows it: the whole that was fetched, and the changes that came after it.

/** Ends that only a playbook has; the page shows them where there are such. */
export const OF_PLAYBOOKS = new Set(["unreachable", "differs", "not judged", "not attempted", "done"]);
/** What needs somebody comes first, what is well last. */
export const ENDS = [
  ...["failed", "unreachable", "unknown", "in-the-middle", "differs", "not judged", "reverted"],
  ...["running", "waiting", "not attempted", "applied", "unchanged", "done"],
];
/** More groups than this say no more. */
const REASONS_AT_MOST = 12;

/** @typedef {RolloutDevice & { wave: string, seen: number }} KnownDevice `seen` is when it was told, in ms */
/** @typedef {{ text: string, devices: KnownDevice[] }} Reason why devices did not end well, without their names */

export class RolloutModel {
  constructor() {
    /** @type {Rollout | null} */
    this.head = null;
    /** @type {Map<string, KnownDevice>} by wave and id */
    this.devices = new Map();
    /** @type {Map<string, RolloutSpan>} */
    this.spans = new Map();
  }

  /** @param {Rollout | null} rollout the whole */
  replace(rollout) {
    this.head = rollout;
    this.devices.clear();
    this.spans.clear();
    if (rollout !== null) this.add(rollout);
  }

  /**
   * Take a change; false where it does not follow what is known, and the whole must be fetched.
   * @param {Rollout | null} change
   */
  merge(change) {
    if (change === null || change.base === null) {
      this.replace(change);
      return true;
    }
    if (this.head === null || this.head.id !== change.id || this.head.version < change.base) return false;
    if (this.head.version >= change.version) return true;
    this.head = change;
    this.add(change);
    return true;
  }

  /** @param {Rollout} told */
  add(told) {
    const seen = Date.now();
    for (const { name, devices } of told.waves) {
      devices.forEach((device) => this.devices.set(`${name}/${device.id}`, { ...device, wave: name, seen }));
    }
    told.spans.forEach((span) => this.spans.set(span.id, span));
  }

  /** Whether whoever carries the rollout out gives no sign of life: then nothing of it is running. */
  get lost() {
    return this.head !== null && this.head.lost !== null;
  }

  /**
   * A device that has not ended is running once it has begun, and waits before that.
   * @param {RolloutDevice} device
   */
  standing(device) {
    return device.outcome ?? (device.seconds === null ? "waiting" : this.lost ? "in-the-middle" : "running");
  }

  /** How many devices stand how. @returns {Map<string, number>} */
  count() {
    const numbers = new Map(ENDS.map((end) => [end, 0]));
    for (const device of this.devices.values()) {
      const standing = this.standing(device);
      numbers.set(standing, (numbers.get(standing) ?? 0) + 1);
    }
    return numbers;
  }

  /**
   * Why devices did not end well, what most have in common first: the same sentence about another device is one.
   * @returns {Reason[]}
   */
  reasons() {
    /** @type {Map<string, KnownDevice[]>} */
    const found = new Map();
    for (const device of this.devices.values()) {
      if (!device.error) continue;
      const text = device.error.replaceAll(device.id, "…").replace(/^…: /, "");
      const same = found.get(text);
      if (same === undefined) found.set(text, [device]);
      else same.push(device);
    }
    return [...found]
      .map(([text, devices]) => ({ text, devices }))
      .sort((a, b) => b.devices.length - a.devices.length)
      .slice(0, REASONS_AT_MOST);
  }
}
