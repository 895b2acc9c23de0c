// Sorting and filtering the sequences of a report.

import { clean } from "./dom.js";
import { short } from "./numbers.js";

export function intervalText(head, index) {
  const found = head.table.intervals[index];
  if (!found) return "";
  const [chrom, start, end, strand] = found;
  return `${head.table.chroms[chrom]}:${start}-${end}${strand === "." ? "" : `(${strand})`}`;
}

// Number of models whose prediction agrees with the label, and number of models; null without a label.
export function right(head, index) {
  let good = 0;
  let all = 0;
  for (const view of head.table.views) {
    const label = head.table.outputs[view.output].labels[index];
    const value = view.values[index];
    if (!view.logistic || label === null || value === null) continue;
    all += 1;
    if (value >= 0.5 === label > 0.5) good += 1;
  }
  return all ? [good, all] : null;
}

// Columns: a key, a head, and the value that is sorted by (null last).
export function columns(head) {
  const { table } = head;
  const found = [{ key: "id", title: "id", value: (i) => table.ids[i] }];
  const several = table.outputs.length > 1;
  for (const { name, labels } of table.outputs) {
    if (labels.some((label) => label !== null)) {
      found.push({
        key: `label:${name}`,
        title: several ? `label ${name}` : "label",
        value: (i) => labels[i],
        numeric: true,
        places: 0,
        about: `the label of ${name}`,
      });
    }
  }
  table.views.forEach((view, k) => {
    const { name } = table.outputs[view.output];
    const title = several ? `${view.model} ${name}` : view.model;
    found.push({
      key: `view:${k}`,
      title,
      value: (i) => view.values[i],
      numeric: true,
      view,
      about: `what ${view.model} predicts of ${name}`,
    });
  });
  if (table.ids.some((_, i) => right(head, i))) {
    found.push({
      key: "right",
      title: "correct",
      value: (i) => {
        const pair = right(head, i);
        return pair && pair[0] / pair[1];
      },
      text: (i) => {
        const pair = right(head, i);
        return pair ? `${pair[0]} of ${pair[1]}` : "";
      },
      numeric: true,
      about: "number of models whose prediction agrees with the label (threshold 0.5)",
    });
  }
  if (table.disagreement.some((value) => value !== null)) {
    found.push({
      key: "spread",
      title: "difference",
      value: (i) => table.disagreement[i],
      numeric: true,
      about: "largest difference between two models",
    });
  }
  table.extras.forEach((extra, k) =>
    found.push({
      key: `extra:${k}`,
      title: extra.title,
      value: (i) => extra.values[i],
      text: (i) => (extra.values[i] === null ? "" : short(extra.values[i])),
      numeric: true,
      about: extra.about,
    }),
  );
  if (table.hits.some((hits) => Object.keys(hits).length)) {
    found.push({
      key: "motifs",
      title: "motif sites",
      value: (i) => Object.values(table.hits[i]).reduce((a, b) => a + b, 0),
      text: (i) =>
        Object.entries(table.hits[i])
          .map(([motif, n]) => (n > 1 ? `${motif} ×${n}` : motif))
          .join(", "),
      most: true,
    });
  }
  if (table.intervals.some(Boolean)) {
    found.push({
      key: "interval",
      title: "interval",
      value: (i) => (table.intervals[i] ? intervalText(head, i) : null),
      text: (i) => intervalText(head, i),
    });
  }
  return found;
}

function compare(a, b) {
  if (a === b) return 0;
  return typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
}

export function sorted(indices, value, descending) {
  const known = indices.filter((i) => value(i) !== null && value(i) !== undefined);
  const unknown = indices.filter((i) => value(i) === null || value(i) === undefined);
  known.sort((a, b) => (descending ? compare(value(b), value(a)) : compare(value(a), value(b))) || a - b);
  return [...known, ...unknown];
}

// `filter`: text, label ("", "1", "0", "none"), calls ("", "right", "wrong"), motif.
export function matching(head, filter) {
  const wanted = filter.text.trim().toLowerCase();
  const first = head.table.outputs[0]?.labels;
  const found = [];
  for (let i = 0; i < head.table.ids.length; i++) {
    if (filter.label) {
      const label = first ? first[i] : null;
      const mine = label === null ? "none" : label > 0.5 ? "1" : "0";
      if (mine !== filter.label) continue;
    }
    if (filter.calls) {
      const pair = right(head, i);
      if (!pair || (pair[0] === pair[1]) !== (filter.calls === "right")) continue;
    }
    if (filter.motif && !Object.hasOwn(head.table.hits[i], filter.motif)) continue;
    if (wanted) {
      const text = `${clean(head.table.ids[i], 20000)} ${intervalText(head, i)} ${Object.keys(head.table.hits[i]).join(" ")}`;
      if (!text.toLowerCase().includes(wanted)) continue;
    }
    found.push(i);
  }
  return found;
}

// Buttons that sort the table, and their keys.
export const PRESETS = {
  confident: { title: "most confident", value: (head) => (i) => head.table.rank[i], descending: false },
  wrong: { title: "most wrong", value: (head) => (i) => head.table.wrongness[i], descending: true },
  disagree: { title: "models disagree most", value: (head) => (i) => head.table.disagreement[i], descending: true },
};
