// Letters as outlines in the unit square: a logo needs no font and can be stretched.
// M and L take a point; E takes an elliptical arc (radii, large, sweep, end). y increases downwards.

const OUTLINES = {
  A: [
    ["M", 0, 1],
    ["L", 0.37, 0],
    ["L", 0.63, 0],
    ["L", 1, 1],
    ["L", 0.77, 1],
    ["L", 0.7, 0.78],
    ["L", 0.3, 0.78],
    ["L", 0.23, 1],
    ["Z"],
    ["M", 0.36, 0.6],
    ["L", 0.5, 0.17],
    ["L", 0.64, 0.6],
    ["Z"],
  ],
  C: [
    ["M", 0.93, 0.245],
    ["E", 0.5, 0.5, 1, 0, 0.93, 0.755],
    ["L", 0.74, 0.66],
    ["E", 0.285, 0.335, 1, 1, 0.74, 0.34],
    ["Z"],
  ],
  G: [
    ["M", 0.93, 0.245],
    ["E", 0.5, 0.5, 1, 0, 0.97, 0.67],
    ["L", 0.97, 0.45],
    ["L", 0.53, 0.45],
    ["L", 0.53, 0.61],
    ["L", 0.75, 0.61],
    ["L", 0.75, 0.66],
    ["E", 0.285, 0.335, 1, 1, 0.74, 0.34],
    ["Z"],
  ],
  T: [
    ["M", 0, 0],
    ["L", 1, 0],
    ["L", 1, 0.17],
    ["L", 0.615, 0.17],
    ["L", 0.615, 1],
    ["L", 0.385, 1],
    ["L", 0.385, 0.17],
    ["L", 0, 0.17],
    ["Z"],
  ],
  N: [
    ["M", 0, 1],
    ["L", 0, 0],
    ["L", 0.24, 0],
    ["L", 0.77, 0.66],
    ["L", 0.77, 0],
    ["L", 1, 0],
    ["L", 1, 1],
    ["L", 0.76, 1],
    ["L", 0.23, 0.34],
    ["L", 0.23, 1],
    ["Z"],
  ],
};
const BLOCK = [["M", 0, 0], ["L", 1, 0], ["L", 1, 1], ["L", 0, 1], ["Z"]];

const round = (value) => Math.round(value * 100) / 100;

// The path of a letter in a box.
export function glyph(letter, x, y, width, height) {
  let path = "";
  for (const part of OUTLINES[letter] ?? BLOCK) {
    const kind = part[0];
    if (kind === "Z") path += "Z";
    else if (kind === "E") {
      path += `A${round(part[1] * width)} ${round(part[2] * height)} 0 ${part[3]} ${part[4]} ${round(x + part[5] * width)} ${round(y + part[6] * height)}`;
    } else path += `${kind}${round(x + part[1] * width)} ${round(y + part[2] * height)}`;
  }
  return path;
}
