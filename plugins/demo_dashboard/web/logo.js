// Logos of signed heights: the largest next to the axis, negative ones below it. One path for each letter.

import { s } from "./dom.js";
import { glyph } from "./glyphs.js";

// The highest and lowest stack between two positions, [low, high] with 0 between.
export function reach(rows, first, last) {
  let low = 0;
  let high = 0;
  for (let i = first; i < last; i++) {
    let up = 0;
    let down = 0;
    for (const row of rows) {
      const value = row[i];
      if (value > 0) up += value;
      else if (value < 0) down += value;
    }
    if (up > high) high = up;
    if (down < low) low = down;
  }
  return [low, high];
}

// Paths by letter. `axis` gives x; `y` converts a height to pixels.
export function logoPaths(rows, letters, axis, y, first, last) {
  const paths = {};
  const width = axis.step * 0.96;
  const stack = [];
  for (let i = first; i < last; i++) {
    stack.length = 0;
    for (let row = 0; row < rows.length; row++) {
      const value = rows[row][i];
      if (value > 0 || value < 0) stack.push([Math.abs(value), value > 0, letters[row]]);
    }
    stack.sort((a, b) => a[0] - b[0]);
    let up = 0;
    let down = 0;
    const x = axis.x(i) + axis.step * 0.02;
    for (let k = stack.length - 1; k >= 0; k--) {
      const [size, positive, letter] = stack[k];
      const top = positive ? y(up + size) : y(-down);
      const bottom = positive ? y(up) : y(-down - size);
      if (positive) up += size;
      else down += size;
      if (bottom - top > 0.05) paths[letter] = (paths[letter] ?? "") + glyph(letter, x, top, width, bottom - top);
    }
  }
  return paths;
}

export function logo(rows, letters, axis, y, first, last, colours) {
  const paths = logoPaths(rows, letters, axis, y, first, last);
  return Object.entries(paths).map(([letter, d]) =>
    s("path", { d, fill: colours.letters[letter] ?? colours.unknown, "fill-rule": "evenodd" }),
  );
}

// Heights in bits of letter probabilities, without correction for small samples (Schneider & Stephens 1990).
export function bits(ppm) {
  const length = ppm[0].length;
  const found = ppm.map(() => new Float64Array(length));
  for (let i = 0; i < length; i++) {
    let information = Math.log2(ppm.length);
    for (const row of ppm) if (row[i] > 0) information += row[i] * Math.log2(row[i]);
    ppm.forEach((row, letter) => (found[letter][i] = row[i] * Math.max(information, 0)));
  }
  return found;
}
