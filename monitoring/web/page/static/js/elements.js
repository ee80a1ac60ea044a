// Making and changing elements; what already has a value is not touched, so that the browser has nothing to do.
const SVG = "http://www.w3.org/2000/svg";

/**
 * The element of the page that a selector names. The page is made with it, so its absence is a fault and is thrown.
 * @template {Element} T
 * @param {string} selector
 * @param {abstract new () => T} kind what it must be
 * @param {ParentNode} root where to look
 * @returns {T}
 */
export function find(selector, kind, root = document) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) {
    throw new Error(`the page has no ${selector}`);
  }
  return found;
}

/**
 * All elements of a kind that a selector names.
 * @template {Element} T
 * @param {string} selector
 * @param {abstract new () => T} kind
 * @param {ParentNode} root
 * @returns {T[]}
 */
export function findAll(selector, kind, root = document) {
  return [...root.querySelectorAll(selector)].flatMap((element) => (element instanceof kind ? [element] : []));
}

/**
 * An element with attributes and children (elements or text).
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/**
 * An icon of the sprite, for the eye only.
 * @param {string} name
 */
export function icon(name, kind = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", kind);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {SVGSVGElement} svg an icon
 * @param {string} name
 */
export function setIcon(svg, name) {
  setAttribute(find("use", SVGUseElement, svg), "href", `#i-${name}`);
}

/**
 * @param {Element} element one that holds text alone, or nothing yet
 * @param {string} text
 */
export function setText(element, text) {
  const old = element.firstChild;
  if (old instanceof Text) {
    if (old.data !== text) old.data = text;
  } else {
    element.append(text);
  }
}

/**
 * Set an attribute; null takes it away.
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value
 */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) {
    if (value === null) {
      element.removeAttribute(name);
    } else {
      element.setAttribute(name, value);
    }
  }
}

/**
 * Set a custom property, which the content security policy allows to scripts and not to markup.
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} value
 */
export function setProperty(element, name, value) {
  if (element.style.getPropertyValue(name) !== value) {
    element.style.setProperty(name, value);
  }
}

/**
 * Make something as large as it may be: of some scales, the largest first, the first with which it fits.
 * @param {HTMLElement} element has the scale as `--scale`
 * @param {number[]} scales
 * @param {() => boolean} fits
 */
export function scaleToFit(element, scales, fits) {
  scales.some((scale) => {
    setProperty(element, "--scale", String(scale));
    return fits();
  });
}
