// One chart: the values of a school's lines of one measure, and the recommendation where it has one.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { find } from "./elements.js";
import { language, say } from "./messages.js";
import { shownValue } from "./series.js";
import { exact, zone } from "./words.js";

/** @typedef {[number[], (number | null)[], [number, number][]]} Columns */
/** @type {Record<LineName, Partial<uPlot.Series>>} */
const STROKES = { primary: { width: 2.2 }, backup: { dash: [7, 4] }, third: { dash: [12, 4, 2, 4] } };
/** @type {Record<Measure, number>} */
const HEIGHTS = { throughput: 240, upload: 130, latency: 130, jitter: 130, loss: 130, dns: 130, http: 130 };
/** @type {Partial<Record<Measure, number>>} The least that an axis reaches up to. */
const TOPS = { throughput: 50, upload: 10 };
const locale = language === "ja" ? "ja-JP" : "en-GB";
const short = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const days = new Intl.DateTimeFormat(locale, { timeZone: zone, month: "numeric", day: "numeric" });
const long = new Intl.DateTimeFormat(locale, {
  timeZone: zone,
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/**
 * A colour of the style sheet as the reader's theme has it now.
 * @param {string} name
 */
function ink(name) {
  const swatch = find(`.key [data-series="${name}"], .palette [data-series="${name}"]`, Element);
  return getComputedStyle(swatch).color;
}

/**
 * Points that stand alone must be seen; many of them are a line already.
 * @param {ArrayLike<number | null | undefined>} values
 */
const few = (values) => Array.from(values).filter((value) => value !== null && value !== undefined).length < 24;

/**
 * @param {string} name
 * @param {Partial<uPlot.Series>} more
 * @returns {uPlot.Series}
 */
const line = (name, more = {}) => ({
  stroke: () => ink(name),
  width: 1.8,
  points: { size: 5, show: (plot, index) => few(plot.data[index]) },
  spanGaps: false,
  ...more,
});

/**
 * The other line's times inside a gap are part of the gap, or the chart would draw across it.
 * @param {ArrayLike<number>} times
 * @param {uPlot.TypedArray | (number | null | undefined)[]} values
 * @param {[number, number][]} gaps
 */
function openGaps(times, values, gaps) {
  for (const [from, to] of gaps) {
    for (let n = Array.from(times).findIndex((at) => at > from); n >= 0 && times[n] < to; n += 1) {
      values[n] = null;
    }
  }
}

export class Curve {
  /**
   * @param {HTMLElement} figure
   * @param {Measure} measure
   * @param {LineName[]} lines those of the school
   */
  constructor(figure, measure, lines) {
    this.measure = measure;
    this.lines = lines;
    this.place = find(".plot", HTMLElement, figure);
    this.plot = new uPlot(this.options(), [[], ...lines.map(() => []), []], this.place);
    new ResizeObserver(([{ contentRect }]) =>
      this.plot.setSize({ width: Math.floor(contentRect.width), height: HEIGHTS[this.measure] }),
    ).observe(this.place);
    document.addEventListener("themechange", () => this.plot.redraw(false));
  }

  /** @returns {uPlot.Options} */
  options() {
    /** @type {uPlot.Axis} */
    const axis = {
      stroke: () => ink("axis"),
      grid: { stroke: () => ink("grid"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    /** @param {number[]} ticks */
    const scaleOf = (ticks) => {
      const apart = ticks.length > 1 ? ticks[1] - ticks[0] : 60;
      return apart < 60 ? long : apart < 43_200 ? short : days;
    };
    const top = TOPS[this.measure] ?? 1;
    return {
      width: Math.max(200, this.place.clientWidth),
      height: HEIGHTS[this.measure],
      padding: [10, 26, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "school" }, drag: { x: false, y: false }, points: { size: 6 } },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
      scales: { x: { time: true }, y: { range: (_, _low, high) => [0, Math.max(top, (high ?? 0) * 1.12)] } },
      series: [
        {},
        ...this.lines.map((name) => line(name, STROKES[name])),
        line("recommended", { dash: [2, 3], width: 1.4, spanGaps: true, points: { show: false } }),
      ],
      axes: [
        {
          ...axis,
          values: (_, ticks) => ticks.map((at) => scaleOf(ticks).format(at * 1000)),
          space: 70,
          size: 24,
        },
        { ...axis, size: 52, space: this.measure === "throughput" ? 40 : 28 },
      ],
    };
  }

  /**
   * @param {import("./series.js").Series} series
   * @param {[number, number]} period the seconds that the chart begins and ends with
   * @param {number | null} wanted what is recommended of this measure
   */
  show(series, period, wanted) {
    const columns = this.lines.map((name) => {
      const [times, values, gaps] = series.columns(name, this.measure);
      /** @type {Columns} */
      const scaled = [times, values.map((value) => (value === null ? null : shownValue(this.measure, value))), gaps];
      return scaled;
    });
    /** @type {uPlot.AlignedData[]} */
    const tables = [];
    for (const [times, values] of columns) {
      tables.push([times, values]);
    }
    tables.push([period, [wanted, wanted]]);
    const data = uPlot.join(tables);
    columns.forEach(([, , gaps], n) => openGaps(data[0], data[n + 1], gaps));
    this.plot.setData(data, false);
    this.plot.setScale("x", { min: period[0], max: period[1] });
    const unit = say(`unit-${this.measure}`);
    /** @param {LineName} name */
    const told = (name) => {
      const value = series.latest(name, this.measure);
      return `${say(name)} ${value === null ? say("no-value") : `${exact(shownValue(this.measure, value))} ${unit}`}`;
    };
    const text = say("chart-says", { measure: say(this.measure), lines: this.lines.map(told).join(", ") });
    if (this.place.ariaLabel !== text) this.place.ariaLabel = text;
  }
}
