// The city view: every school on the board of its ward.
import { Boards } from "./boards.js";
import { find, setAttribute } from "./elements.js";
import { Filters } from "./filters.js";
import { FrameBudget } from "./frame_budget.js";
import { showConnection, showNewest, showSkewed, showStore } from "./frame.js";
import { read } from "./stream/fetching.js";
import { Live } from "./stream/live.js";
import { NeedsList } from "./needs.js";
import { Summary } from "./summary.js";
import { startWall } from "./wall.js";

/** @type {Map<string, Tile>} */
const tiles = new Map();
const boards = new Boards(find("#boards", HTMLElement));
const summary = new Summary();
/** @type {Map<string, Ward>} */
const wards = new Map();
const needs = new NeedsList((id) => tiles.get(id) ?? wards.get(id) ?? { name: id, english: id });
/** @type {Need[]} */
let needed = [];
/** @type {Clocks} */
let clocks = { newest_at: null, skewed: [] };
const filters = new Filters(() => tiles.forEach((tile) => budget.add(tile.id, tile)));
/** @type {FrameBudget<Tile>} */
const budget = new FrameBudget(showTile, settle);

let revealed = true;

/** @param {Tile} tile */
function showTile(tile) {
  // A new one takes room, too: on a slow machine a batch settles before the last of the city is there.
  const added = !boards.views.has(tile.id);
  const view = boards.show(tile);
  revealed = boards.reveal(view, filters.match(tile)) || added || revealed;
  return !view.skipped && !view.element.hidden;
}

/**
 * After a batch: the counts, once.
 * @param {boolean} all
 */
function settle(all) {
  boards.count();
  if (revealed) {
    boards.retab();
    boards.fit();
    revealed = false;
  }
  summary.show(tiles.values());
  const shown = [...boards.views.values()].filter(({ element }) => !element.hidden).length;
  filters.tell(shown, tiles.size);
  if (all) setAttribute(boards.root, "aria-busy", null);
}

/** @param {Tile[]} changed */
function take(changed) {
  for (const tile of changed) {
    tiles.set(tile.id, tile);
    budget.add(tile.id, tile);
  }
}

function showNeeds() {
  needs.show(needed, clocks);
  showNewest(clocks.newest_at);
  showSkewed(clocks.skewed);
}

/** @param {Need[]} all */
function takeNeeds(all) {
  needed = all;
  showNeeds();
}

/** @param {Clocks} newer */
function takeClocks(newer) {
  clocks = newer;
  showNeeds();
}

async function snapshot() {
  /** @type {CityAnswer} */
  const city = await read("/api/city");
  const ids = new Set(city.schools.map((tile) => tile.id));
  [...tiles.keys()].filter((id) => !ids.has(id)).forEach((id) => tiles.delete(id));
  boards.arrange(city.wards);
  boards.keepOnly(ids);
  summary.begin(city.schools);
  take(city.schools);
  city.wards.forEach((ward) => wards.set(ward.id, ward));
  clocks = city.clocks;
  takeNeeds(city.needs);
  showStore(city.store);
}

startWall();
showConnection(new Live(snapshot, { tiles: take, needs: takeNeeds, clocks: takeClocks, store: showStore }));
