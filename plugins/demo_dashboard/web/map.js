// Interaction maps: columns and rows (from the top) are positions. A bitmap instead of 10,000 shapes.

import { s } from "./dom.js";
import { around } from "./colours.js";

const MOST_PIXELS = 800;

// `rows`: cells of `bases` positions each; `first` and `last` are positions.
export function map(rows, bases, axis, top, height, reach, first, last, colours) {
  const positions = last - first;
  const side = Math.max(1, Math.min(positions, MOST_PIXELS));
  const cellOf = (pixel) => Math.floor((first + ((pixel + 0.5) * positions) / side) / bases);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const shades = Array.from({ length: 65 }, (_, i) => around(colours, (i - 32) / 32));
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const value = rows[cellOf(row)][cellOf(column)];
      const colour = Number.isNaN(value)
        ? colours.missing
        : shades[32 + Math.round(Math.min(1, Math.max(-1, reach > 0 ? value / reach : 0)) * 32)];
      const at = 4 * (row * side + column);
      for (let part = 0; part < 3; part++)
        picture.data[at + part] = parseInt(colour.slice(1 + 2 * part, 3 + 2 * part), 16);
      picture.data[at + 3] = 255;
    }
  }
  context.putImageData(picture, 0, 0);
  return s("image", {
    href: canvas.toDataURL("image/png"),
    x: axis.x(first),
    y: top,
    width: axis.step * positions,
    height,
    preserveAspectRatio: "none",
    "image-rendering": "pixelated",
  });
}
