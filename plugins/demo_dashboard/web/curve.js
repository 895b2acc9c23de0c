// Curves over positions; missing values are gaps.

import { s } from "./dom.js";

export function curvePath(values, axis, y, first, last) {
  let path = "";
  let drawing = false;
  for (let i = first; i < last; i++) {
    const value = values[i];
    if (Number.isNaN(value)) {
      drawing = false;
      continue;
    }
    const x = Math.round((axis.x(i) + axis.step / 2) * 100) / 100;
    path += `${drawing ? "L" : "M"}${x} ${Math.round(y(value) * 100) / 100}`;
    drawing = true;
  }
  return path;
}

const DASHES = [null, "5 2", "1.5 2", "6 2 1.5 2"];

export function curves(channels, axis, y, first, last, colours) {
  return channels.map((values, i) =>
    s("path", {
      d: curvePath(values, axis, y, first, last),
      fill: "none",
      stroke: colours.channels[i % colours.channels.length],
      "stroke-width": 1.6,
      "stroke-dasharray": DASHES[i % DASHES.length],
    }),
  );
}

export { DASHES };
