// One chart: both lines' values of one measure, and the recommendation where it has one.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { language, say } from "./messages.js";
import { exact, zone } from "./words.js";

const HEIGHTS = { throughput: 240, latency: 130, loss: 130 };
const locale = language === "ja" ? "ja-JP" : "en-GB";
const short = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const long = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** A colour of the style sheet as the reader's theme has it now. */
function ink(name) {
  const swatch = document.querySelector(`.key [data-series="${name}"], .palette [data-series="${name}"]`);
  return getComputedStyle(swatch).color;
}

const line = (name, more = {}) => ({ stroke: () => ink(name), width: 1.8, points: { show: false }, spanGaps: false, ...more });

export class Curve {
  constructor(figure) {
    this.figure = figure;
    this.measure = figure.dataset.measure;
    this.place = figure.querySelector(".plot");
    this.plot = new uPlot(this.options(), [[], [], [], []], this.place);
    new ResizeObserver(([{ contentRect }]) => this.plot.setSize({ width: Math.floor(contentRect.width), height: HEIGHTS[this.measure] })).observe(this.place);
    document.addEventListener("themechange", () => this.plot.redraw(false));
  }

  options() {
    const axis = { stroke: () => ink("axis"), grid: { stroke: () => ink("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const seconds = (ticks) => ticks.length > 1 && ticks[1] - ticks[0] < 60;
    const top = this.measure === "throughput" ? 50 : 1;
    return {
      width: Math.max(200, this.place.clientWidth),
      height: HEIGHTS[this.measure],
      padding: [10, 8, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "school" }, drag: { x: false, y: false }, points: { size: 6 } },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(top, (high ?? 0) * 1.12)] } },
      series: [{}, line("primary"), line("backup", { dash: [7, 4] }), line("recommended", { dash: [2, 3], width: 1.4, spanGaps: true })],
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((at) => (seconds(ticks) ? long : short).format(at * 1000)), space: 70 },
        { ...axis, size: 52, space: this.measure === "throughput" ? 40 : 28 },
      ],
    };
  }

  /**
   * @param {import("./series.js").Series} series
   * @param {[number, number]} period the seconds that the chart begins and ends with
   * @param {number | null} recommended
   */
  show(series, period, recommended) {
    const scale = this.measure === "loss" ? 100 : 1;
    const columns = ["primary", "backup"].map((name) => {
      const [times, values] = series.columns(name, this.measure);
      return [times, values.map((value) => (value === null ? null : value * scale))];
    });
    const wanted = this.measure === "throughput" && recommended !== null ? recommended : null;
    const data = uPlot.join([...columns, [period, [wanted, wanted]]]);
    this.plot.setData(data, false);
    this.plot.setScale("x", { min: period[0], max: period[1] });
    const unit = say(`unit-${this.measure}`);
    const told = (name) => {
      const value = series.latest(name, this.measure);
      return value === null ? say("no-value") : `${exact(value * scale)} ${unit}`;
    };
    const text = say("chart-says", { measure: say(this.measure), primary: told("primary"), backup: told("backup") });
    if (this.place.ariaLabel !== text) this.place.ariaLabel = text;
  }
}
