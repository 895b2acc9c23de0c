// Strips of coloured cells, drawn as a few paths.

import { s } from "./dom.js";
import { around } from "./colours.js";

const SHADES = 32;

// The value shown for positions [from, to): the one furthest from the middle. NaN without values.
export function furthest(values, from, to, middle) {
  let found = NaN;
  for (let i = from; i < to; i++) {
    const value = values[i];
    if (!Number.isNaN(value) && !(Math.abs(value - middle) <= Math.abs(found - middle))) found = value;
  }
  return found;
}

// Cells by shade, -SHADES to SHADES, as path data; "missing" without a value.
export function stripPaths(values, axis, top, height, middle, reach, first, last) {
  const paths = new Map();
  const together = Math.max(1, Math.floor(0.75 / axis.step));
  for (let i = first; i < last; i += together) {
    const end = Math.min(i + together, last);
    const value = together === 1 ? values[i] : furthest(values, i, end, middle);
    const shade = Number.isNaN(value)
      ? "missing"
      : Math.round(Math.min(1, Math.max(-1, reach > 0 ? (value - middle) / reach : 0)) * SHADES);
    const left = Math.round(axis.x(i) * 100) / 100;
    const right = Math.round(axis.x(end) * 100) / 100;
    paths.set(shade, (paths.get(shade) ?? "") + `M${left} ${top}H${right}V${top + height}H${left}Z`);
  }
  return paths;
}

export function strip(values, axis, top, height, middle, reach, first, last, colours) {
  const parts = [];
  for (const [shade, d] of stripPaths(values, axis, top, height, middle, reach, first, last)) {
    parts.push(
      s("path", {
        d,
        fill: shade === "missing" ? colours.missing : around(colours, shade / SHADES),
        "shape-rendering": "crispEdges",
      }),
    );
  }
  return parts;
}
