// Downloads of the view: pictures, values, sites.

import { h, clean } from "./dom.js";
import { genomic } from "./scale.js";

export function fileName(id, ending) {
  const plain = clean(id, 60)
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "");
  return `${plain || "sequence"}.${ending}`;
}

export function save(blob, file) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: file });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

export function svgText(svg) {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;
}

export async function png(svg, scale) {
  const url = URL.createObjectURL(new Blob([svgText(svg)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = h("canvas", {});
    canvas.width = Number(svg.getAttribute("width")) * scale;
    canvas.height = Number(svg.getAttribute("height")) * scale;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}

function cell(text) {
  return clean(text, 10000).replace(/[\t\n\r]/g, " ");
}

function number(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(9))) : "";
}

// One row per visible position; positions are 0-based, as in BED.
export function valuesTable(viewer) {
  const { head, drawn, index } = viewer;
  const interval = head.table.intervals[index];
  const columns = drawn.places
    .filter((track) => track.values)
    .flatMap((track) => track.values().map(([of, values]) => [`${track.run.label}${of ? ` ${of}` : ""}`, values]));
  const lines = [
    ["id", "position", "base", "chrom", "chrom_position", ...columns.map(([title]) => title)].map(cell).join("\t"),
  ];
  for (let i = drawn.axis.first; i < drawn.axis.last(drawn.bases.length); i++) {
    const there = interval ? [head.table.chroms[interval[0]], genomic(interval, i) - 1] : ["", ""];
    lines.push(
      [
        cell(head.table.ids[index]),
        i,
        drawn.bases[i],
        cell(there[0]),
        there[1],
        ...columns.map(([, values]) => number(values[i])),
      ].join("\t"),
    );
  }
  return lines.join("\n") + "\n";
}

// Sites of the sequence: genomic if it has an interval, otherwise on the sequence itself, by its id.
export function sitesBed(viewer) {
  const { head, data, index } = viewer;
  const interval = head.table.intervals[index];
  const truth = data.truth.map(([start, end]) => ({ start, end, strand: 0, name: "known-site", p: null }));
  const lines = [...truth, ...data.sites].map((site) => {
    let [chrom, start, end, strand] = [cell(head.table.ids[index]), site.start, site.end, site.strand];
    if (interval) {
      chrom = cell(head.table.chroms[interval[0]]);
      const minus = interval[3] === "-";
      [start, end] = minus
        ? [interval[2] - site.end, interval[2] - site.start]
        : [interval[1] + site.start, interval[1] + site.end];
      if (minus) strand = -strand;
    }
    const label = cell(site.name || site.motif) + (site.of ? `|${cell(site.of)}` : "");
    const score = Number.isFinite(site.p) ? Math.min(1000, Math.round(-100 * Math.log10(Math.max(site.p, 1e-300)))) : 0;
    return [
      chrom.replace(/ /g, "_"),
      start,
      end,
      label.replace(/ /g, "_"),
      score,
      strand > 0 ? "+" : strand < 0 ? "-" : ".",
    ].join("\t");
  });
  return lines.length ? lines.join("\n") + "\n" : "";
}
