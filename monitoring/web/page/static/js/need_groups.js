// Needs as they are shown: what has a cause in common is one entry, and what is only a matter of months is one line.

/** Kinds that are no emergency: all schools of one stand in one entry. */
const TOGETHER = new Set(["below", "silent", "drift"]);

/** @typedef {{ key: string, first: Need, needs: Need[], quiet: boolean }} NeedGroup */

/**
 * What a need is shown together with.
 * @param {Need} need
 */
function groupKey(need) {
  if (need.quiet) return `quiet ${need.id}`;
  if (TOGETHER.has(need.kind)) return need.kind;
  const [pattern] = need.patterns;
  return pattern === undefined ? need.id : `${need.kind} ${pattern.kind} ${pattern.name}`;
}

/**
 * The groups, in the order of the needs, which is that of urgency; of each the need that has lasted longest is first.
 * @param {Need[]} needs
 * @returns {NeedGroup[]}
 */
export function groupNeeds(needs) {
  const groups = Map.groupBy(needs, groupKey);
  return [...groups].map(([key, all]) => {
    const [first] = [...all].sort((a, b) => ((a.since ?? "") < (b.since ?? "") ? -1 : 1));
    return { key, first, needs: all, quiet: first.quiet };
  });
}
