// Making and changing elements; what already has a value is not touched, so that the browser has nothing to do.
const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children (elements or text). */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** An icon of the sprite, for the eye only. */
export function icon(name, kind = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", kind);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(svg, name) {
  setAttribute(svg.firstElementChild, "href", `#i-${name}`);
}

export function setText(element, text) {
  const old = element.firstChild;
  if (old === null) {
    element.append(text);
  } else if (old.data !== text) {
    old.data = text;
  }
}

/** Set an attribute; null takes it away. */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) {
    if (value === null) {
      element.removeAttribute(name);
    } else {
      element.setAttribute(name, value);
    }
  }
}

/** Set a custom property, which the content security policy allows to scripts and not to markup. */
export function setProperty(element, name, value) {
  if (element.style.getPropertyValue(name) !== value) {
    element.style.setProperty(name, value);
  }
}
