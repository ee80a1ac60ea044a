// The wards with their schools; moving among them by keys.
import { findAll, make, scaleToFit, setAttribute, setText } from "./elements.js";
import { say } from "./messages.js";
import { TileView } from "./tile.js";
import { count, nameFor, nameLanguage } from "./words.js";

/**
 * Whether a link stands in the same column as another.
 * @param {Element} link
 * @returns {(other: Element) => boolean}
 */
const below = (link) => (other) => other.getBoundingClientRect().left === link.getBoundingClientRect().left;

/** Sizes of small tiles: as large as the window lets all of them be. */
const SCALES = [2.2, 1.9, 1.6, 1.4, 1.2, 1];

/** @typedef {{ element: HTMLElement, list: HTMLUListElement, meet: HTMLParagraphElement }} Board */

/**
 * The nearest element of a kind that holds what an event happened to.
 * @template {Element} T
 * @param {EventTarget | null} target
 * @param {string} selector
 * @param {abstract new () => T} kind
 * @returns {T | null}
 */
function closest(target, selector, kind) {
  const found = target instanceof Element ? target.closest(selector) : null;
  return found instanceof kind ? found : null;
}

export class Boards {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    /** The width and the place that the boards were last fitted to. */
    this.room = "";
    /** @type {Map<string, TileView>} */
    this.views = new Map();
    /** @type {Map<string, Board>} */
    this.wards = new Map();
    // The browser skips what is far from the window; it says so of each tile.
    root.addEventListener("contentvisibilityautostatechange", (event) => {
      const school = event.target instanceof HTMLElement ? event.target.dataset.school : undefined;
      const view = school === undefined ? undefined : this.views.get(school);
      if (view !== undefined && "skipped" in event) view.skipped = event.skipped === true;
    });
    addEventListener("resize", () => this.fit());
    // What is told above and beside takes room from the boards; their own height is what a fit makes of it.
    const room = new ResizeObserver(() => requestAnimationFrame(() => this.refit()));
    [root, ...findAll(".unfetched, .lost", HTMLElement)].forEach((one) => room.observe(one));
    root.addEventListener("keydown", (event) => this.move(event));
    root.addEventListener("focusin", (event) => this.enter(closest(event.target, "a", HTMLAnchorElement)));
  }

  /**
   * A board for each ward that is not there yet.
   * @param {Ward[]} wards
   */
  arrange(wards) {
    for (const ward of wards) {
      const { id } = ward;
      if (!this.wards.has(id)) {
        const list = make("ul");
        const meet = make("p");
        const title = make("h2", { id: `ward-${id}`, lang: nameLanguage(ward) }, nameFor(ward));
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

  /**
   * Show a school's tile; the view of it.
   * @param {Tile} tile
   */
  show(tile) {
    const view = this.views.get(tile.id);
    if (view !== undefined) {
      view.update(tile);
      return view;
    }
    const fresh = new TileView(tile);
    this.views.set(tile.id, fresh);
    const list = this.board(tile.ward).list;
    if (list.childElementCount === 0) {
      fresh.link.tabIndex = 0;
    }
    list.append(fresh.element);
    return fresh;
  }

  /**
   * The board of a ward; the snapshot names every ward before any of its schools.
   * @param {string} ward
   */
  board(ward) {
    const found = this.wards.get(ward);
    if (found === undefined) {
      throw new Error(`the city has no ward ${ward}`);
    }
    return found;
  }

  /**
   * Take away what the city no longer has.
   * @param {Set<string>} ids
   */
  keepOnly(ids) {
    for (const [id, view] of this.views) {
      if (!ids.has(id)) {
        view.element.remove();
        this.views.delete(id);
      }
    }
  }

  /**
   * Show or hide a school; true when that changed.
   * @param {TileView} view
   * @param {boolean} shown
   */
  reveal({ element }, shown) {
    if (element.hidden !== shown) {
      return false;
    }
    element.hidden = !shown;
    return true;
  }

  /** The numbers at the head of each ward; a ward of which nothing is shown goes away. */
  count() {
    const found = new Map([...this.wards.values()].map((board) => [board, { all: 0, meet: 0, shown: 0 }]));
    for (const { tile, element } of this.views.values()) {
      const numbers = found.get(this.board(tile.ward));
      if (numbers === undefined) continue;
      numbers.all += 1;
      if (tile.assessment === "meets") numbers.meet += 1;
      if (!element.hidden) numbers.shown += 1;
    }
    for (const [board, { all, meet, shown }] of found) {
      setText(board.meet, say("ward-count", { count: count(meet), total: count(all) }));
      if (board.element.hidden !== (shown === 0)) {
        board.element.hidden = shown === 0;
      }
    }
    // One ward alone may take the whole width.
    const wards = [...found.values()].filter(({ shown }) => shown > 0).length;
    setAttribute(this.root, "data-alone", wards === 1 ? "" : null);
  }

  /** Where the tiles do not fit into the window they are small ones: every school is to be in view. */
  fit() {
    const wanted = new URLSearchParams(location.search).get("density");
    const fits = () => this.root.getBoundingClientRect().bottom + scrollY <= innerHeight;
    setAttribute(this.root, "data-compact", null);
    const small = wanted === null ? !fits() : wanted === "compact";
    if (!small || this.alone()) return;
    setAttribute(this.root, "data-compact", "");
    scaleToFit(this.root, SCALES, fits);
  }

  /** Fit again where the room for the boards is another than at the last time. */
  refit() {
    const { width, top } = this.root.getBoundingClientRect();
    const room = `${width} ${top + scrollY}`;
    if (room === this.room) return;
    this.room = room;
    this.fit();
  }

  /** A ward is one stop of the tab key, so each has one school that can be reached by it. */
  retab() {
    for (const { list } of this.wards.values()) {
      const links = this.links(list);
      if (links.length > 0 && !links.some((link) => link.tabIndex === 0)) {
        findAll("a[tabindex='0']", HTMLAnchorElement, list).forEach((link) => {
          link.tabIndex = -1;
        });
        links[0].tabIndex = 0;
      }
    }
  }

  /** @param {HTMLElement} list */
  links(list) {
    return findAll(".tile:not([hidden]) > a", HTMLAnchorElement, list);
  }

  /** @param {HTMLAnchorElement | null} link */
  enter(link) {
    const list = closest(link, "ul", HTMLUListElement);
    if (link !== null && list !== null && link.tabIndex !== 0) {
      findAll("a[tabindex='0']", HTMLAnchorElement, list).forEach((other) => {
        other.tabIndex = -1;
      });
      link.tabIndex = 0;
    }
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const link = closest(event.target, ".tile > a", HTMLAnchorElement);
    const list = closest(link, "ul", HTMLUListElement);
    if (link === null || list === null || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const own = this.links(list);
    // Small tiles flow on from ward to ward.
    const links = "compact" in this.root.dataset ? this.links(this.root) : own;
    const place = links.indexOf(link);
    /** @type {Record<string, () => HTMLAnchorElement | undefined>} */
    const moves = {
      ArrowDown: () => links.slice(place + 1).find(below(link)),
      ArrowUp: () => links.slice(0, place).findLast(below(link)),
      Home: () => own[0],
      End: () => own.at(-1),
      ArrowRight: () => (this.flows() ? links[place + 1] : this.across(list, place, 1)),
      ArrowLeft: () => (this.flows() ? links[place - 1] : this.across(list, place, -1)),
    };
    const to = Object.hasOwn(moves, event.key) ? moves[event.key]() : undefined;
    if (to !== undefined) {
      event.preventDefault();
      to.focus();
    }
  }

  /** Whether the schools of a ward stand beside each other. */
  flows() {
    return this.alone() || "compact" in this.root.dataset;
  }

  alone() {
    return "alone" in this.root.dataset;
  }

  /**
   * The same row of the next ward that shows any school.
   * @param {HTMLUListElement} list
   * @param {number} place
   * @param {number} step
   */
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
