// Which schools are shown. The address keeps the filters, so a view can be sent to a colleague.
import { find, findAll, setText } from "./elements.js";
import { say } from "./messages.js";
import { traits } from "./tile.js";
import { count, plain } from "./words.js";

export class Filters {
  /** @param {() => void} changed is called when another set of schools is wanted */
  constructor(changed) {
    this.ward = find("#ward", HTMLSelectElement);
    /** Only where the city names stages of integration. */
    this.stage = /** @type {HTMLSelectElement | null} */ (document.querySelector("#stage"));
    this.search = find("#search", HTMLInputElement);
    this.clear = find("#clear", HTMLButtonElement);
    this.buttons = findAll(".figure", HTMLButtonElement);
    this.changed = changed;
    /** @type {string[]} */
    this.states = [];
    this.wanted = "";
    this.any = false;
    this.fromAddress();
    this.ward.addEventListener("change", () => this.change());
    this.stage?.addEventListener("change", () => this.change());
    this.search.addEventListener("input", () => this.change());
    this.clear.addEventListener("click", () => this.reset());
    for (const button of this.buttons) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.ariaPressed !== "true"));
        this.change();
      });
    }
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !(event.target instanceof Element && event.target.matches("input, select"))) {
        event.preventDefault();
        this.search.focus();
      }
    });
  }

  fromAddress() {
    const query = new URLSearchParams(location.search);
    const states = query.getAll("state");
    this.ward.value = query.get("ward") ?? "";
    if (this.ward.selectedIndex < 0) this.ward.value = "";
    if (this.stage !== null) {
      this.stage.value = query.get("stage") ?? "";
      if (this.stage.selectedIndex < 0) this.stage.value = "";
    }
    this.search.value = query.get("search") ?? "";
    this.buttons.forEach((button) =>
      button.setAttribute("aria-pressed", String(states.includes(button.dataset.filter ?? ""))),
    );
    this.gather();
  }

  gather() {
    this.states = this.buttons.filter((button) => button.ariaPressed === "true").map((button) => button.dataset.filter ?? "");
    this.wanted = plain(this.search.value.trim());
    this.any = this.states.length > 0 || this.wanted !== "" || this.ward.value !== "" || this.wantedStage !== "";
    if (this.clear.hidden === this.any) this.clear.hidden = !this.any;
  }

  /** The stage that is chosen; "" for every one. */
  get wantedStage() {
    return this.stage?.value ?? "";
  }

  change() {
    this.gather();
    const query = new URLSearchParams();
    if (this.ward.value) query.set("ward", this.ward.value);
    if (this.wantedStage) query.set("stage", this.wantedStage);
    if (this.wanted) query.set("search", this.search.value.trim());
    this.states.forEach((state) => query.append("state", state));
    history.replaceState(null, "", query.size > 0 ? `?${query}` : location.pathname);
    this.changed();
  }

  reset() {
    this.ward.value = "";
    if (this.stage !== null) this.stage.value = "";
    this.search.value = "";
    this.buttons.forEach((button) => button.setAttribute("aria-pressed", "false"));
    this.change();
    this.search.focus();
  }

  /** @param {Tile} tile */
  match(tile) {
    return (
      (this.ward.value === "" || tile.ward === this.ward.value) &&
      (this.wantedStage === "" || tile.stage === this.wantedStage) &&
      (this.states.length === 0 || traits(tile).some((trait) => this.states.includes(trait))) &&
      (this.wanted === "" || plain(`${tile.name} ${tile.english ?? ""} ${tile.id}`).includes(this.wanted))
    );
  }

  /**
   * @param {number} shown
   * @param {number} total
   */
  tell(shown, total) {
    setText(find("#shown", HTMLElement), say("shown", { count: count(shown), total: count(total) }));
    const nothing = find("#nothing", HTMLElement);
    const none = shown === 0 && total > 0;
    if (nothing.hidden === none) nothing.hidden = !none;
  }
}
