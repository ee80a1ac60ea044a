// The wards with their schools; moving among them by keys.
import { make, setAttribute, setText } from "./elements.js";
import { say } from "./messages.js";
import { TileView } from "./tile.js";
import { count } from "./words.js";

/** Whether a link stands in the same column as another. */
const below = (link) => (other) => other.getBoundingClientRect().left === link.getBoundingClientRect().left;

export class Boards {
  constructor(root) {
    this.root = root;
    this.views = new Map();
    this.wards = new Map();
    // The browser skips what is far from the window; it says so of each tile.
    root.addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
      const view = this.views.get(target.dataset.school);
      if (view !== undefined) view.skipped = skipped;
    });
    root.addEventListener("keydown", (event) => this.move(event));
    root.addEventListener("focusin", (event) => this.enter(event.target.closest("a")));
  }

  /** A board for each ward that is not there yet. */
  arrange(wards) {
    for (const { id, name } of wards) {
      if (!this.wards.has(id)) {
        const list = make("ul");
        const meet = make("p");
        const title = make("h2", { id: `ward-${id}`, lang: "ja" }, name);
        const element = make(
          "section",
          { class: "board", "aria-labelledby": title.id },
          make("header", { class: "board-head" }, title, meet),
          list,
        );
        this.wards.set(id, { element, list, meet });
        this.root.append(element);
      }
    }
  }

  /** Show a school's tile; the view of it. */
  show(tile) {
    const view = this.views.get(tile.id);
    if (view !== undefined) {
      view.update(tile);
      return view;
    }
    const fresh = new TileView(tile);
    this.views.set(tile.id, fresh);
    const { list } = this.wards.get(tile.ward);
    if (list.childElementCount === 0) {
      fresh.link.tabIndex = 0;
    }
    list.append(fresh.element);
    return fresh;
  }

  /** Take away what the city no longer has. */
  keepOnly(ids) {
    for (const [id, view] of this.views) {
      if (!ids.has(id)) {
        view.element.remove();
        this.views.delete(id);
      }
    }
  }

  /** Show or hide a school; true when that changed. */
  reveal(id, shown) {
    const { element } = this.views.get(id);
    if (element.hidden !== shown) {
      return false;
    }
    element.hidden = !shown;
    return true;
  }

  /** The numbers at the head of each ward; a ward of which nothing is shown goes away. */
  count() {
    const found = new Map([...this.wards.keys()].map((ward) => [ward, { all: 0, meet: 0, shown: 0 }]));
    for (const { tile, element } of this.views.values()) {
      const numbers = found.get(tile.ward);
      numbers.all += 1;
      numbers.meet += tile.assessment === "meets";
      numbers.shown += !element.hidden;
    }
    for (const [ward, { all, meet, shown }] of found) {
      const board = this.wards.get(ward);
      setText(board.meet, say("ward-count", { count: count(meet), total: count(all) }));
      if (board.element.hidden !== (shown === 0)) {
        board.element.hidden = shown === 0;
      }
    }
    // One ward alone may take the whole width.
    const wards = [...found.values()].filter(({ shown }) => shown > 0).length;
    setAttribute(this.root, "data-alone", wards === 1 ? "" : null);
  }

  /** A ward is one stop of the tab key, so each has one school that can be reached by it. */
  retab() {
    for (const { list } of this.wards.values()) {
      const links = this.links(list);
      if (links.length > 0 && !links.some((link) => link.tabIndex === 0)) {
        list.querySelectorAll("a[tabindex='0']").forEach((link) => {
          link.tabIndex = -1;
        });
        links[0].tabIndex = 0;
      }
    }
  }

  links(list) {
    return [...list.querySelectorAll(".tile:not([hidden]) > a")];
  }

  enter(link) {
    if (link !== null && link.tabIndex !== 0) {
      link
        .closest("ul")
        .querySelectorAll("a[tabindex='0']")
        .forEach((other) => {
          other.tabIndex = -1;
        });
      link.tabIndex = 0;
    }
  }

  move(event) {
    const link = event.target.closest(".tile > a");
    if (link === null || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const list = link.closest("ul");
    const links = this.links(list);
    const place = links.indexOf(link);
    const to = {
      ArrowDown: () => links.slice(place + 1).find(below(link)),
      ArrowUp: () => links.slice(0, place).findLast(below(link)),
      Home: () => links[0],
      End: () => links.at(-1),
      ArrowRight: () => (this.alone() ? links[place + 1] : this.across(list, place, 1)),
      ArrowLeft: () => (this.alone() ? links[place - 1] : this.across(list, place, -1)),
    }[event.key]?.();
    if (to !== undefined) {
      event.preventDefault();
      to.focus();
    }
  }

  alone() {
    return "alone" in this.root.dataset;
  }

  /** The same row of the next ward that shows any school. */
  across(list, place, step) {
    const shown = [...this.wards.values()].filter(({ element }) => !element.hidden);
    const next = shown[shown.findIndex((ward) => ward.list === list) + step];
    if (next === undefined) {
      return undefined;
    }
    const links = this.links(next.list);
    return links[Math.min(place, links.length - 1)];
  }
}
