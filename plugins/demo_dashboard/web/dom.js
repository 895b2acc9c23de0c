// Elements from names, attributes and children. Text from data only ever becomes text nodes and attribute values.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, action] of Object.entries(value)) element.addEventListener(event, action);
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function s(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

// Names from data, made safe: no control or formatting characters, no lone surrogates, limited length.
export function clean(text, limit = 200) {
  const shown = String(text).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "");
  const letters = Array.from(shown.slice(0, 4 * limit));
  return letters.length <= limit ? letters.join("") : letters.slice(0, limit - 1).join("") + "…";
}

// A name with its own text direction: right-to-left text must not reorder its neighbours.
export function name(text, limit = 200) {
  return h("bdi", {}, clean(text, limit));
}
