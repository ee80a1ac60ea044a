// What was measured on the lines of a school, over time.

/** @type {LineName[]} */
export const LINES = ["primary", "backup", "third"];
/** @type {Measure[]} */
export const MEASURES = ["throughput", "upload", "latency", "jitter", "loss", "dns", "http"];
/** Points further apart than this many usual distances have a gap between them. */
const GAP = 4;

/**
 * A value as it is shown: a share is in percent.
 * @param {Measure} measure
 * @param {number} value
 */
export const shownValue = (measure, value) => (measure === "loss" ? value * 100 : value);

/** @returns {Record<Measure, Point[]>} */
const none = () => ({ throughput: [], upload: [], latency: [], jitter: [], loss: [], dns: [], http: [] });

export class Series {
  constructor() {
    /** @type {Record<LineName, Record<Measure, Point[]>>} */
    this.points = { primary: none(), backup: none(), third: none() };
  }

  /**
   * Take over the points of the API, as [[seconds, value], ...]; all are of one step, which the API chose.
   * @param {LinePoints} lines
   */
  take(lines) {
    for (const line of LINES) {
      for (const measure of MEASURES) {
        this.points[line][measure] = lines[line]?.[measure] ?? [];
      }
    }
  }

  /**
   * @param {LineName} line
   * @param {Measure} measure
   */
  latest(line, measure) {
    return this.points[line][measure].at(-1)?.[1] ?? null;
  }

  /**
   * One line's measure as [times, values, gaps]; a gap is the seconds it begins and ends with, and holds a null.
   * @param {LineName} line
   * @param {Measure} measure
   * @returns {[number[], (number | null)[], [number, number][]]}
   */
  columns(line, measure) {
    const points = this.points[line][measure];
    const apart = points
      .slice(1)
      .map(([at], n) => at - points[n][0])
      .sort((a, b) => a - b);
    const usual = apart[Math.floor(apart.length / 2)] ?? Infinity;
    /** @type {number[]} */
    const times = [];
    /** @type {(number | null)[]} */
    const values = [];
    /** @type {[number, number][]} */
    const gaps = [];
    points.forEach(([at, value], n) => {
      const before = points[n - 1]?.[0];
      if (before !== undefined && at - before > GAP * usual) {
        times.push((at + before) / 2);
        values.push(null);
        gaps.push([before, at]);
      }
      times.push(at);
      values.push(value);
    });
    return [times, values, gaps];
  }

  /**
   * Rows of a table, newest first: [seconds, a value of each measure of each line], as they are shown.
   * @param {number} most
   * @param {LineName[]} lines
   */
  rows(most, lines) {
    /** @type {Map<number, (number | null)[]>} */
    const found = new Map();
    lines.forEach((line, i) =>
      MEASURES.forEach((measure, j) => {
        for (const [at, value] of this.points[line][measure].slice(-most)) {
          const row = found.get(at) ?? Array(lines.length * MEASURES.length).fill(null);
          row[i * MEASURES.length + j] = shownValue(measure, value);
          found.set(at, row);
        }
      }),
    );
    return [...found].sort(([a], [b]) => b - a).slice(0, most);
  }
}
