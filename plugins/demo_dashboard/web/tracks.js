// The tracks of a sequence: drawing, height, and values at a position.

import { s, clean } from "./dom.js";
import { short } from "./numbers.js";
import { logo, reach } from "./logo.js";
import { strip } from "./strip.js";
import { curves } from "./curve.js";
import { map } from "./map.js";
import { glyph } from "./glyphs.js";
import { siteShapes, heightOf } from "./sites.js";

const LANE = 13;
const SMALL_LANE = 11;

// Contributions of the bases that are present: [letter][position], zero elsewhere.
export function actual(rows, bases, letters) {
  const found = rows.map((row) => new Float64Array(row.length));
  for (let i = 0; i < bases.length; i++) {
    const letter = letters.indexOf(bases[i]);
    if (letter >= 0) found[letter][i] = rows[letter][i];
  }
  return found;
}

export function summed(rows) {
  const total = new Float64Array(rows[0].length);
  for (const row of rows) for (let i = 0; i < row.length; i++) total[i] += row[i];
  return total;
}

export function largest(values) {
  let found = 0;
  for (const value of values) if (Math.abs(value) > found) found = Math.abs(value);
  return found;
}

function bare(values) {
  return values.map((row) => row.map((value) => (Number.isFinite(value) ? value : 0)));
}

// The limits of a run's axis over the positions [first, last).
export function limits(run, values, bases, letters, how, first, last) {
  if (run.kind === "attribution") {
    const shown = how === "hypothetical" && run.hypothetical ? values : actual(values, bases, letters);
    return reach(bare(shown), first, last);
  }
  if (run.kind === "trace" && run.unit === "probability") return [0, 1];
  const size = run.kind === "interaction" ? basesOfCell(bases, values) : 1;
  const most = Math.max(...values.map((row) => largest(row.slice(Math.floor(first / size), Math.ceil(last / size)))));
  return [-most, most];
}

// Number of positions of each cell of a map.
function basesOfCell(bases, values) {
  return Math.ceil(bases.length / values.length);
}

function letterRow(context, top) {
  const { bases, axis, first, last, colours } = context;
  const paths = {};
  const height = 15;
  const tall = axis.step >= 4;
  for (let i = first; i < last; i++) {
    const width = Math.min(axis.step * 0.82, 16);
    const d = tall
      ? glyph(bases[i], axis.x(i) + (axis.step - width) / 2, top + 2, width, height)
      : `M${axis.x(i).toFixed(2)} ${top + 2}h${axis.step.toFixed(2)}v${height}h-${axis.step.toFixed(2)}Z`;
    paths[bases[i]] = (paths[bases[i]] ?? "") + d;
  }
  return lettersOf(paths, colours);
}

function lettersOf(paths, colours) {
  return Object.entries(paths).map(([letter, d]) =>
    s("path", { d, fill: colours.letters[letter] ?? colours.unknown, "fill-rule": "evenodd" }),
  );
}

function scaleMarks(low, high, y, axis, colours, unit) {
  const marks = [];
  for (const value of low < 0 && high > 0 ? [low, 0, high] : [low, high]) {
    const at = y(value);
    marks.push(s("line", { x1: axis.left - 4, x2: axis.left, y1: at, y2: at, stroke: colours.faint }));
    if (value !== 0 || low === 0 || Math.min(y(low) - at, at - y(high)) > 9) {
      marks.push(
        s(
          "text",
          { x: axis.left - 6, y: at + 3, "text-anchor": "end", "font-size": 9, fill: colours.faint },
          short(value, 2),
        ),
      );
    }
  }
  marks.push(
    s("line", { x1: axis.left, x2: axis.left, y1: y(low), y2: y(high), stroke: colours.faint, "stroke-width": 0.7 }),
  );
  if (unit)
    marks.push(
      s(
        "text",
        { x: axis.left - 6, y: (y(low) + y(high)) / 2 + 3, "text-anchor": "end", "font-size": 9, fill: colours.faint },
        unit,
      ),
    );
  return marks;
}

function zeroLine(value, y, axis, colours, dash = null) {
  return s("line", {
    x1: axis.left,
    x2: axis.right,
    y1: y(value),
    y2: y(value),
    stroke: colours.faint,
    "stroke-width": 0.7,
    "stroke-dasharray": dash,
  });
}

// The value of a strip's strongest colour.
function reachText(most, y, axis, colours) {
  return s(
    "text",
    { x: axis.left - 6, y, "text-anchor": "end", "font-size": 9, fill: colours.faint },
    `±${short(most, 2)}`,
  );
}

function attributionTrack(run, values, context) {
  const { bases, letters, axis, first, last, colours, settings } = context;
  const here = actual(values, bases, letters);
  const line = summed(here);
  const strips = settings.attribution === "strip";
  const drawn = settings.attribution === "hypothetical" && run.hypothetical ? values : here;
  const [low, high] = context.limitsOf(run);
  const most = Math.max(-low, high, largest(line.slice(...context.span).filter(Number.isFinite))) || 1;
  const tall = strips ? 16 : 66;
  return {
    height: strips ? tall : tall + 14,
    draw(top) {
      if (strips)
        return [
          reachText(most, top + tall / 2 + 3, axis, colours),
          ...strip(line, axis, top, tall, 0, most, first, last, colours),
        ];
      const span = high - low || 1;
      const y = (value) => top + ((high - value) / span) * tall;
      return [
        ...scaleMarks(low, high, y, axis, colours),
        zeroLine(0, y, axis, colours),
        ...logo(drawn, letters, axis, y, first, last, colours),
        ...strip(line, axis, top + tall + 4, 8, 0, most, first, last, colours),
      ];
    },
    read(i) {
      const all = run.hypothetical
        ? " (" + Array.from(letters, (letter, k) => `${letter} ${short(values[k][i])}`).join(", ") + ")"
        : "";
      return `${short(line[i])}${all}`;
    },
    values: () => [
      ["", line],
      ...(run.hypothetical ? Array.from(letters, (letter, k) => [`if ${letter}`, values[k]]) : []),
    ],
  };
}

function traceTrack(run, values, context) {
  const { axis, first, last, colours, settings } = context;
  const [low, high] = context.limitsOf(run);
  const middle = run.unit === "probability" ? 0.5 : 0;
  const strips = settings.trace === "strip";
  const tall = strips ? 0 : 56;
  return {
    height: tall + values.length * 12 + (strips ? 0 : 4),
    legend: strips ? null : run.channels,
    draw(top) {
      const parts = [];
      if (!strips) {
        const span = high - low || 1;
        const y = (value) => top + ((high - value) / span) * tall;
        parts.push(
          ...scaleMarks(low, high, y, axis, colours),
          zeroLine(middle, y, axis, colours, "2 3"),
          ...curves(values, axis, y, first, last, colours),
        );
      }
      values.forEach((channel, k) => {
        const at = top + tall + (strips ? 0 : 4) + k * 12;
        parts.push(
          ...strip(channel, axis, at, 10, middle, Math.max(high - middle, middle - low), first, last, colours),
        );
        parts.push(
          s(
            "text",
            { x: axis.left - 6, y: at + 8, "text-anchor": "end", "font-size": 9, fill: colours.faint },
            clean(run.channels[k], 9),
          ),
        );
      });
      return parts;
    },
    read: (i) => values.map((channel, k) => `${clean(run.channels[k], 20)} ${short(channel[i])}`).join(", "),
    values: () => values.map((channel, k) => [run.channels[k], channel]),
  };
}

// The bases from top to bottom, on the left of a map.
function lettersBeside(context, top, height) {
  const { bases, axis, first, last, colours } = context;
  const [tall, width, left] = [height / (last - first), 6, axis.left - 9];
  const paths = {};
  for (let i = first; i < last; i++) {
    const y = top + (i - first) * tall;
    const d =
      tall >= 4
        ? glyph(bases[i], left, y, width, tall * 0.9)
        : `M${left} ${y.toFixed(2)}h${width}v${tall.toFixed(2)}h-${width}Z`;
    paths[bases[i]] = (paths[bases[i]] ?? "") + d;
  }
  const letters = lettersOf(paths, colours);
  letters.forEach((letter) => letter.setAttribute("class", "beside"));
  return letters;
}

function mapTrack(run, values, context) {
  const { axis, first, last, colours, bases } = context;
  const [, high] = context.limitsOf(run);
  const height = Math.min(axis.right - axis.left, 260);
  const size = basesOfCell(bases, values);
  const named = (cell) =>
    size === 1 ? `${cell + 1}` : `${cell * size + 1} to ${Math.min((cell + 1) * size, bases.length)}`;
  return {
    height,
    draw: (top) => [
      ...lettersBeside(context, top, height),
      map(values, size, axis, top, height, high, first, last, colours),
    ],
    read(i) {
      const row = values[Math.floor(i / size)];
      let strongest = -1;
      row.forEach((value, j) => {
        const other = size > 1 || j !== i;
        if (other && Number.isFinite(value) && (strongest < 0 || Math.abs(value) > Math.abs(row[strongest])))
          strongest = j;
      });
      const what = size === 1 ? "position" : "positions";
      return strongest < 0 ? "–" : `strongest with ${what} ${named(strongest)}: ${short(row[strongest])}`;
    },
    values: () =>
      values.map((row, j) => [
        `with ${named(j)}`,
        size === 1 ? row : Float64Array.from(bases, (_, i) => row[Math.floor(i / size)]),
      ]),
  };
}

const KINDS = { attribution: attributionTrack, trace: traceTrack, interaction: mapTrack };

// All tracks of a sequence in order, each with a label, a height, `draw(top)`, `read(position)`.
export function tracksOf(context) {
  const { data, runs, colours, axis } = context;
  const tracks = [{ label: null, height: 19, draw: (top) => letterRow(context, top), read: null }];
  const named = data.sites.map((site) => ({ ...site, label: labelOfSite(site, data.sites) }));
  const known = named.filter((site) => site.known);
  const claimed = new Set(runs.map((run) => run.label));
  const loose = named.filter((site) => !site.known && !claimed.has(context.owners[site.of]));
  const groups = [
    [
      "known sites (from the data)",
      data.truth.map(([start, end]) => ({ start, end, strand: 0, label: "site" })),
      colours.truth,
    ],
    ["sites of known motifs", known, colours.known],
    ["sites of found motifs", loose, colours.found],
  ];
  for (const [label, sites, colour] of groups) {
    if (!sites.length) continue;
    tracks.push({
      label,
      height: heightOf(sites, LANE),
      draw: (top) => siteShapes(sites, axis, top, LANE, colour, colours, true),
      read: (i) => readSites(sites, i),
    });
  }
  for (const run of runs) {
    const one = data.runs[run.place];
    if (!one) {
      tracks.push({ label: `${run.label}: does not have this sequence`, height: 4, draw: () => [], read: null });
      continue;
    }
    const track = KINDS[run.kind](run, one.rows, context);
    const mine = named.filter((site) => !site.known && context.owners[site.of] === run.label);
    const extra = heightOf(mine, SMALL_LANE);
    tracks.push({
      ...track,
      run,
      label: labelOf(run, one, context),
      doubt: run.warnings.length || one.gap ? doubtOf(run, one) : null,
      height: track.height + (extra ? extra + 3 : 0),
      draw: (top) => [
        ...track.draw(top),
        ...siteShapes(mine, axis, top + track.height + 3, SMALL_LANE, colours.found, colours, true),
      ],
      read: (i) => [track.read(i), readSites(mine, i)].filter(Boolean).join("; "),
    });
  }
  return tracks;
}

// A motif's name, with its id if another known motif of that name has a site here.
function labelOfSite(site, all) {
  if (!site.name) return site.motif;
  const alike =
    site.known && all.some((other) => other.known && other.name === site.name && other.motif !== site.motif);
  return alike ? `${site.name} (${site.motif})` : site.name;
}

function readSites(sites, i) {
  const here = sites.filter((site) => site.start <= i && i < site.end);
  return here
    .map(
      (site) =>
        `${clean(site.label, 40)}${site.strand ? (site.strand > 0 ? " +" : " −") : ""}${site.p ? ` p ${short(site.p, 2)}` : ""}`,
    )
    .join(", ");
}

function labelOf(run, one, context) {
  const said = context.prediction(run);
  const of = run.kind === "attribution" && run.logit ? " (logit)" : "";
  return `${run.label}${of}${said ? `   ${said}` : ""}`;
}

function doubtOf(run, one) {
  if (one.gap) return `values sum to ${short(one.gap[0])}, not to ${short(one.gap[1])}`;
  return clean(run.warnings.join("; "), 80); // the page Runs has the whole text
}
