// The monitor's clock, as its answers tell it: how old something is does not depend on the reader's own clock.

/** An answer tells whole seconds and takes its time: less than this is no difference, in ms. */
const SAME = 3000;
/** By how much the monitor's clock is ahead of the reader's, in ms. */
let ahead = 0;

/**
 * Take the time that an answer was made at.
 * @param {Response} answer
 */
export function hearClock(answer) {
  const difference = Date.parse(answer.headers.get("date") ?? "") - Date.now();
  if (!Number.isNaN(difference)) ahead = Math.abs(difference) < SAME ? 0 : difference;
}

/** What time the monitor has, in ms since 1970. */
export const monitorNow = () => Date.now() + ahead;
