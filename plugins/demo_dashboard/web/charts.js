// Small charts of the pages of models and comparison.

import { s, h, name } from "./dom.js";
import { Axis } from "./scale.js";
import { short, ticks, count } from "./numbers.js";
import { logo, bits } from "./logo.js";

const FONT = { "font-family": "system-ui, sans-serif", "font-size": 10 };

// A logo of letter probabilities, in bits.
export function logoChart(ppm, letters, colours, { width = 320, height = 60, label }) {
  const length = ppm[0].length;
  const axis = new Axis({ from: 0, to: length }, 24, width);
  const y = (value) => 4 + (1 - value / Math.log2(letters.length)) * (height - 8);
  return s(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "chart", ...FONT },
    [0, 2].map((value) =>
      s("text", { x: 18, y: y(value) + 3, "text-anchor": "end", fill: colours.faint, "font-size": 9 }, String(value)),
    ),
    s("line", { x1: 24, x2: width, y1: y(0), y2: y(0), stroke: colours.faint, "stroke-width": 0.7 }),
    logo(bits(ppm), letters, axis, y, 0, length, colours),
  );
}

// Histograms of predictions, one row for each group, on one axis.
export function histogram(output, colours) {
  const groups = Object.entries(output.histogram);
  const [width, row, left, bottom] = [360, 44, 70, 28];
  const height = groups.length * (row + 8) + bottom;
  const { edges } = output;
  const x = (value) => left + ((value - edges[0]) / (edges[edges.length - 1] - edges[0])) * (width - left - 8);
  const tints = { positive: colours.high, negative: colours.low };
  const parts = groups.map(([group, counts], k) => {
    const base = (k + 1) * (row + 8) - 4;
    const most = Math.max(...counts, 1);
    return [
      s("text", { x: left - 6, y: base - row / 2, "text-anchor": "end", fill: colours.ink }, group),
      s(
        "text",
        { x: left - 6, y: base - row / 2 + 12, "text-anchor": "end", fill: colours.faint, "font-size": 9 },
        count(counts.reduce((a, b) => a + b, 0)),
      ),
      counts.map((n, i) => {
        const tall = n ? Math.max(1, (n / most) * row) : 0;
        return s(
          "rect",
          {
            x: x(edges[i]) + 0.5,
            y: base - tall,
            width: Math.max(0.5, x(edges[i + 1]) - x(edges[i]) - 1),
            height: tall,
            fill: tints[group] ?? colours.faint,
          },
          s("title", {}, `${short(edges[i])} to ${short(edges[i + 1])}: ${count(n)}`),
        );
      }),
      s("line", { x1: left, x2: width - 8, y1: base, y2: base, stroke: colours.line }),
    ];
  });
  const foot = height - bottom + 14;
  const marks = ticks(edges[0], edges[edges.length - 1], 5).map((value) =>
    s("text", { x: x(value), y: foot, "text-anchor": "middle", fill: colours.faint }, short(value)),
  );
  const title = s(
    "text",
    { x: (left + width - 8) / 2, y: foot + 12, "text-anchor": "middle", fill: colours.faint },
    output.logistic ? "predicted probability" : "prediction",
  );
  return s(
    "svg",
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": `Predictions of ${output.name}: number of sequences`,
      class: "chart",
      ...FONT,
    },
    parts,
    marks,
    title,
  );
}

// Lines over epochs; the kept epoch is marked.
export function trainingChart(training, keys, title, colours) {
  const epochs = training.curve.epoch;
  const lines = keys
    .map(([key, label, colour, dash]) => ({ values: training.curve[key], label, colour, dash }))
    .filter((line) => line.values.some((value) => value !== null));
  if (!lines.length || !epochs.length) return null;
  const all = lines.flatMap((line) => line.values).filter((value) => value !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const [width, height, left, bottom, top] = [320, 170, 46, 30, 20];
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const x = (value) => left + (last > first ? (value - first) / (last - first) : 0.5) * (width - left - 12);
  const y = (value) =>
    height - bottom - (high > low ? (value - low) / (high - low) : 0.5) * (height - bottom - top - 8);
  const paths = lines.map((line) => {
    const d = line.values
      .map((value, i) => (value === null ? null : `${x(epochs[i]).toFixed(1)} ${y(value).toFixed(1)}`))
      .filter(Boolean)
      .join("L");
    return s("path", {
      d: `M${d}`,
      fill: "none",
      stroke: line.colour,
      "stroke-width": 1.6,
      "stroke-dasharray": line.dash,
    });
  });
  const legend =
    lines.length < 2
      ? null
      : lines.map((line, i) => [
          s("line", {
            x1: left + 110 * i,
            x2: left + 110 * i + 18,
            y1: 10,
            y2: 10,
            stroke: line.colour,
            "stroke-width": 2,
            "stroke-dasharray": line.dash,
          }),
          s("text", { x: left + 110 * i + 24, y: 13, fill: colours.ink }, line.label),
        ]);
  const late = training.best !== null && x(training.best) > width - 70;
  const kept =
    training.best === null
      ? null
      : [
          s("line", {
            x1: x(training.best),
            x2: x(training.best),
            y1: top,
            y2: height - bottom,
            stroke: colours.faint,
            "stroke-dasharray": "2 3",
          }),
          s(
            "text",
            {
              x: x(training.best) + (late ? -4 : 4),
              "text-anchor": late ? "end" : "start",
              y: top + 6,
              fill: colours.faint,
              "font-size": 9,
            },
            `kept: ${training.best}`,
          ),
        ];
  return s(
    "svg",
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": `${title} over epochs, from ${short(lines[0].values[0])} to ${short(lines[0].values[lines[0].values.length - 1])}`,
      class: "chart",
      ...FONT,
    },
    kept,
    paths,
    legend,
    ticks(low, high, 4)
      .filter((value) => value >= low && value <= high)
      .map((value) =>
        s("text", { x: left - 6, y: y(value) + 3, "text-anchor": "end", fill: colours.faint }, short(value)),
      ),
    ticks(first, last, 5)
      .filter(Number.isInteger)
      .map((value) =>
        s(
          "text",
          { x: x(value), y: height - bottom + 14, "text-anchor": "middle", fill: colours.faint },
          String(value),
        ),
      ),
    s("line", { x1: left, x2: width - 12, y1: height - bottom, y2: height - bottom, stroke: colours.line }),
    s(
      "text",
      { x: (left + width) / 2, y: height - 4, "text-anchor": "middle", fill: colours.faint },
      `epoch · ${title}`,
    ),
  );
}

// A table of pairs with coloured cells; `tint` returns a colour and whether it is light.
export function matrix(labels, values, caption, show, tint) {
  const rows = labels.map((label, i) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name(label, 60)),
      values[i].map((value, j) => {
        const cell = h("td", { title: `${labels[i]} and ${labels[j]}` }, show(value));
        const colour = value === null ? null : tint(value);
        if (colour) {
          cell.style.backgroundColor = colour.fill;
          cell.style.color = colour.light ? "#000000" : "#ffffff";
        }
        return cell;
      }),
    ),
  );
  const heads = labels.map((label, i) =>
    h(
      "th",
      { scope: "col", title: label },
      h("span", { class: "hidden" }, label),
      h("span", { "aria-hidden": "true" }, String(i + 1)),
    ),
  );
  labels = labels.map((label, i) => `${i + 1}  ${label}`);
  rows.forEach((row, i) => row.firstChild.replaceChildren(name(labels[i], 70)));
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    h(
      "table",
      { class: "matrix" },
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, h("td", {}), heads)),
      h("tbody", {}, rows),
    ),
  );
}
