// Sites as arrows in lanes; overlapping sites are in different lanes.

import { s, clean } from "./dom.js";

// Assign a lane to each site, in order of their starts; at most `most` lanes.
export function lanes(sites, most = 6) {
  const ends = [];
  return sites.map((site) => {
    let lane = ends.findIndex((end) => end <= site.start);
    if (lane < 0) lane = ends.length < most ? ends.length : most - 1;
    ends[lane] = Math.max(ends[lane] ?? 0, site.end);
    return lane;
  });
}

// An arrow along the strand, or a box without a strand.
export function arrowPath(left, right, top, height, strand) {
  const head = Math.min(height * 0.6, (right - left) / 2);
  const bottom = top + height;
  const middle = top + height / 2;
  if (strand > 0) return `M${left} ${top}H${right - head}L${right} ${middle}L${right - head} ${bottom}H${left}Z`;
  if (strand < 0) return `M${right} ${top}H${left + head}L${left} ${middle}L${left + head} ${bottom}H${right}Z`;
  return `M${left} ${top}H${right}V${bottom}H${left}Z`;
}

export function siteShapes(sites, axis, top, height, colour, colours, labelled) {
  const lane = lanes(sites);
  const shapes = [];
  sites.forEach((site, i) => {
    // not clipped here, so that an arrow's head stays at the end of its site
    const left = Math.max(axis.left, axis.x(site.start));
    const right = Math.min(axis.right, axis.x(site.end));
    if (right <= left) return;
    const y = top + lane[i] * (height + 2);
    shapes.push(
      s("path", {
        d: arrowPath(axis.x(site.start), axis.x(site.end), y, height, site.strand),
        fill: colour,
        "fill-opacity": 0.9,
      }),
    );
    const text = clean(site.label, 24);
    if (labelled && text.length * 6 < right - left - 8) {
      shapes.push(
        s(
          "text",
          {
            x: (left + right) / 2,
            y: y + height - 2.5,
            "text-anchor": "middle",
            "font-size": Math.min(10, height - 2),
            fill: colours.page,
          },
          text,
        ),
      );
    }
  });
  return shapes;
}

export function heightOf(sites, height) {
  return sites.length ? (Math.max(...lanes(sites)) + 1) * (height + 2) : 0;
}
