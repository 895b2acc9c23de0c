// All tracks of a sequence as one picture, on one axis.

import { s } from "./dom.js";
import { Axis, genomic } from "./scale.js";
import { count, ticks } from "./numbers.js";
import { tracksOf, limits } from "./tracks.js";
import { DASHES } from "./curve.js";

const LEFT = 54;
const RIGHT = 10;

// One scale for all attributions of a target, if chosen: [low, high] of each run.
function limitsFor(context) {
  const { attribution } = context.settings;
  const own = new Map();
  for (const run of context.runs) {
    const one = context.data.runs[run.place];
    if (one) own.set(run, limits(run, one.rows, context.bases, context.letters, attribution, ...context.span));
  }
  if (context.settings.scale !== "same") return (run) => own.get(run);
  return (run) => {
    const alike = [...own]
      .filter(([other]) => other.kind === run.kind && other.unit === run.unit && other.target === run.target)
      .map(([, pair]) => pair);
    return [Math.min(...alike.map((pair) => pair[0])), Math.max(...alike.map((pair) => pair[1]))];
  };
}

// `context`: data, runs, settings, shown (the window), width, colours, letters, owners, interval, chrom, prediction, title.
export function drawSequence(given) {
  const context = { ...given, bases: given.data.bases };
  const { width, colours, bases } = context;
  context.axis = new Axis(context.shown, LEFT, width - RIGHT);
  context.first = context.axis.first;
  context.last = context.axis.last(bases.length);
  // over the whole sequence, so that zooming does not change heights, unless chosen
  context.span = context.settings.scale === "view" ? [context.first, context.last] : [0, bases.length];
  context.limitsOf = limitsFor(context);
  const tracks = tracksOf(context);
  const body = [];
  const places = [];
  let y = 6;
  if (context.heading) {
    y = 24;
    body.push(s("text", { x: LEFT, y: 15, "font-size": 13, "font-weight": 700, fill: colours.ink }, context.heading));
  }
  for (const track of tracks) {
    if (track.label) {
      y += 12;
      body.push(caption(track, y - 1, context));
      y += 4;
    }
    places.push({ ...track, top: y, bottom: y + track.height });
    const parts = track.draw(y);
    body.push(
      s(
        "g",
        { "clip-path": "url(#within)" },
        parts.filter((part) => !outside(part)),
      ),
      parts.filter(outside),
    );
    y += track.height + 6;
  }
  const bottom = y;
  const frame = context.data.truth.map(([start, end]) => truthBox(start, end, context, bottom));
  const axis = positionAxis(context, bottom);
  const height = bottom + 34;
  const svg = s(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      "font-family": "system-ui, sans-serif",
      role: "img",
      "aria-label": context.title,
    },
    s("title", {}, context.title),
    s("defs", {}, s("clipPath", { id: "within" }, s("rect", { x: LEFT, y: 0, width: width - LEFT - RIGHT, height }))),
    s("rect", { width, height, fill: colours.page }),
    s("g", { "clip-path": "url(#within)" }, frame),
    body,
    axis,
  );
  return { svg, places, axis: context.axis, bottom, height, bases };
}

// Axis numbers and the letters beside a map are left of the axis, outside the clipped area.
function outside(part) {
  if (part.getAttribute("class") === "beside") return true;
  return part.tagName === "text"
    ? part.getAttribute("text-anchor") === "end"
    : part.tagName === "line" && Number(part.getAttribute("x2")) <= LEFT;
}

function caption(track, y, { colours, axis }) {
  const text = s("text", { x: LEFT, y, "font-size": 11, fill: colours.ink, "font-weight": 600 }, track.label);
  const parts = [text];
  if (track.doubt)
    parts.push(
      s("text", { x: axis.right, y, "font-size": 11, fill: colours.high, "text-anchor": "end" }, `⚠ ${track.doubt}`),
    );
  if (track.legend) {
    track.legend.forEach((channel, i) => {
      const x = axis.right - 78 * (track.legend.length - i);
      const dash = DASHES[i % DASHES.length];
      if (axis.right - axis.left > 420) {
        parts.push(
          s("line", {
            x1: x,
            x2: x + 18,
            y1: y - 3,
            y2: y - 3,
            stroke: colours.channels[i % colours.channels.length],
            "stroke-width": 2,
            "stroke-dasharray": dash,
          }),
        );
        parts.push(s("text", { x: x + 22, y, "font-size": 10, fill: colours.faint }, channel));
      }
    });
  }
  return s("g", {}, parts);
}

function truthBox(start, end, { axis, colours }, bottom) {
  const x = axis.x(start);
  return s("rect", {
    x,
    y: 2,
    width: axis.x(end) - x,
    height: bottom - 2,
    fill: colours.truth,
    "fill-opacity": 0.08,
    stroke: colours.truth,
    "stroke-opacity": 0.7,
  });
}

function positionAxis({ axis, colours, interval, chrom, bases }, top) {
  const parts = [s("line", { x1: axis.left, x2: axis.right, y1: top, y2: top, stroke: colours.faint })];
  const room = interval ? 90 : 55;
  const wanted = Math.max(2, Math.floor((axis.right - axis.left) / room));
  for (const at of ticks(axis.shown.from + 1, axis.shown.to, wanted)) {
    const position = Math.round(at) - 1;
    if (Math.abs(at - Math.round(at)) > 1e-9 || position < 0 || position >= bases.length) continue;
    const x = axis.x(position) + axis.step / 2;
    const end = x > axis.right - 22;
    const label = interval ? count(genomic(interval, position)) : String(position + 1);
    parts.push(s("line", { x1: x, x2: x, y1: top, y2: top + 4, stroke: colours.faint }));
    parts.push(
      s(
        "text",
        {
          x: end ? axis.right : x,
          y: top + 15,
          "text-anchor": end ? "end" : "middle",
          "font-size": 10,
          fill: colours.faint,
        },
        label,
      ),
    );
  }
  const what = interval ? `position on ${chrom} (from 1)` : "position in the sequence (from 1)";
  parts.push(
    s(
      "text",
      { x: (axis.left + axis.right) / 2, y: top + 29, "text-anchor": "middle", "font-size": 10, fill: colours.faint },
      what,
    ),
  );
  return s("g", {}, parts);
}
