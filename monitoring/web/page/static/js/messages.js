// The words of the page, from the server's one catalogue.
export const language = document.documentElement.lang;

/** @type {Record<string, string>} */
const texts = await (await fetch(`/messages/${language}.json`)).json();

/**
 * A message with its marks filled in. A key that is not in the catalogue shows itself, which a test looks for.
 * @param {string} key
 * @param {Record<string, string | number>} marks
 */
export function say(key, marks = {}) {
  const text = texts[`page.${key}`] ?? texts[key];
  if (text === undefined) {
    return `[${key}]`;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(marks[name] ?? whole));
}

/**
 * Whether the catalogue has a message.
 * @param {string} key
 */
export const has = (key) => `page.${key}` in texts;
