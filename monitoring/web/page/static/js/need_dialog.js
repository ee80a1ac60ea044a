// What somebody does about a need: acknowledge it, note something, or announce maintenance. The monitor keeps a record.
import { find, setText } from "./elements.js";
import { say } from "./messages.js";
import { post } from "./stream/fetching.js";
import { monitorNow } from "./stream/monitor_clock.js";
import { nameFor } from "./words.js";

const HOUR = 3600 * 1000;
/** @type {Record<string, string>} */
const PATHS = { acknowledge: "/api/needs/acknowledge", note: "/api/needs/note", maintenance: "/api/maintenance" };

export class NeedDialog {
  /** @param {import("./needs.js").NameOf} nameOf */
  constructor(nameOf) {
    this.nameOf = nameOf;
    this.dialog = find("#need-dialog", HTMLDialogElement);
    this.form = find("#need-form", HTMLFormElement);
    this.kind = find("#need-kind", HTMLSelectElement);
    this.by = find("#need-by", HTMLInputElement);
    this.reason = find("#need-reason", HTMLInputElement);
    this.until = find("#need-until", HTMLSelectElement);
    this.wrong = find("#need-wrong", HTMLElement);
    /** @type {Need | null} */
    this.need = null;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.kind.addEventListener("change", () => this.fit());
    find("#need-cancel", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
  }

  /** @param {Need} need */
  open(need) {
    this.need = need;
    const name = need.school === null ? "" : ` ${nameFor(this.nameOf(need.school))}`;
    setText(find("#need-title", HTMLElement), `${say(`needs.kind-${need.kind}`)}${name}`);
    setText(this.wrong, "");
    this.fit();
    this.dialog.showModal();
  }

  /** Maintenance is of a school, and a note does not expire. */
  fit() {
    const maintenance = find("#need-kind option[value=maintenance]", HTMLOptionElement);
    maintenance.disabled = this.need?.school === null;
    if (maintenance.disabled && this.kind.value === "maintenance") this.kind.value = "acknowledge";
    this.until.disabled = this.kind.value === "note";
  }

  async send() {
    if (this.need === null) return;
    const who = { by: this.by.value, reason: this.reason.value };
    const until = { until: new Date(monitorNow() + Number(this.until.value) * HOUR).toISOString() };
    const bodies = {
      acknowledge: { ...who, ...until, need: this.need.id },
      note: { ...who, need: this.need.id },
      maintenance: { ...who, ...until, school: this.need.school, line: this.need.line ?? "" },
    };
    const kind = /** @type {keyof typeof bodies} */ (this.kind.value);
    try {
      await post(PATHS[kind], bodies[kind]);
      this.reason.value = "";
      this.dialog.close();
    } catch (error) {
      setText(this.wrong, say("not-done", { why: error instanceof Error ? error.message : String(error) }));
    }
  }
}
