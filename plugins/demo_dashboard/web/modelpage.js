// A page for each model: predictions, training, optimised inputs, motifs.

import { h, name, clean } from "./dom.js";
import { count, counted, fixed, short } from "./numbers.js";
import { histogram, logoChart, trainingChart } from "./charts.js";

function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([key, value]) =>
        h("div", {}, h("dt", {}, key), h("dd", {}, value instanceof Node ? value : name(value, 400))),
      ),
  );
}

function predictions(output, colours) {
  const measures = Object.entries(output.measures).map(([key, value]) => [
    key,
    value === null ? (output.logistic ? "– (needs positives and negatives)" : "– (nothing varies)") : fixed(value),
  ]);
  return h(
    "section",
    { class: "card" },
    h("h3", {}, "Predictions of ", name(output.name, 80)),
    h("p", { class: "note" }, `Of the ${counted(output.sequences)} in the explanation files: ${output.about}.`),
    facts(measures),
    histogram(output, colours),
  );
}

function training(model, colours) {
  const record = model.training;
  const metrics = Object.entries(model.metrics).flatMap(([split, measures]) =>
    Object.entries(measures).map(([key, value]) => [`${key}, ${split}`, short(value, 4)]),
  );
  if (!record && !metrics.length) return null;
  const charts = record
    ? [
        trainingChart(
          record,
          [
            ["train_loss", "training", colours.faint, null],
            ["validation_loss", "validation", colours.cursor, "5 2"],
          ],
          "loss",
          colours,
        ),
        trainingChart(
          record,
          [["validation_score", "validation", colours.cursor, null]],
          `validation ${record.score}`,
          colours,
        ),
      ].filter(Boolean)
    : [];
  const settings = record ? Object.entries(record.settings) : [];
  return h(
    "section",
    { class: "card" },
    h("h3", {}, "Training"),
    facts([...metrics, ...Object.entries(record?.facts ?? {}).map(([key, value]) => [key.replace(/_/g, " "), value])]),
    h("div", { class: "charts" }, charts),
    settings.length ? h("details", {}, h("summary", {}, "settings"), facts(settings)) : null,
  );
}

// Unit of a target.
function unit(one) {
  return one.logit ? "logit " : "";
}

function pattern(one, colours) {
  return h(
    "section",
    { class: "card wide" },
    h("h3", {}, "Optimised inputs: ", name(one.label, 80)),
    h(
      "p",
      { class: "note" },
      `The ${one.restarts.length} of ${one.of} restarts with the highest target (${clean(one.target, 60)}) of their best letters, as logos in bits.${one.note ? ` ${one.note}.` : ""} They are optimised inputs and need not resemble DNA.`,
    ),
    one.restarts.map((restart) =>
      h(
        "figure",
        {},
        h(
          "figcaption",
          {},
          name(restart.name, 60),
          `: ${unit(one)}${short(restart.reached)}; best letters: ${unit(one)}${short(restart.letters)}`,
        ),
        h(
          "div",
          { class: "scroll", tabindex: 0, role: "group", "aria-label": `logo of ${clean(restart.name, 60)}` },
          logoChart(restart.ppm, one.letters, colours, {
            width: Math.max(320, restart.ppm[0].length * 9),
            height: 64,
            label: `Logo of ${clean(restart.name, 60)} of ${clean(one.label, 80)}`,
          }),
        ),
      ),
    ),
  );
}

function motifs(list, colours, searched) {
  const rows = list.map((motif) => {
    const [best, ...others] = motif.matches;
    return h(
      "tr",
      {},
      h(
        "td",
        {},
        logoChart(motif.ppm, "ACGT", colours, {
          width: 24 + Math.max(motif.ppm[0].length, 6) * 10,
          height: 44,
          label: `Logo of ${motif.consensus}`,
        }),
      ),
      h(
        "td",
        {},
        h("strong", {}, name(motif.name || "no match", 60)),
        h("br", {}),
        h("span", { class: "faint" }, name(motif.motif, 80)),
      ),
      h("td", { class: "number" }, count(motif.seqlets)),
      h("td", { class: "number" }, count(motif.sequences)),
      h("td", { class: "number" }, !motif.sites ? "–" : `${count(motif.sites_pointed_at)} of ${count(motif.sites)}`),
      h("td", { class: "number" }, short(motif.p_pointed_at, 2)),
      h("td", {}, best ? name(`${best.match_name} (${best.match_id}, ${best.strand})`, 80) : "–"),
      h("td", { class: "number" }, best ? short(best.q, 2) : "–"),
      h(
        "td",
        {},
        others
          .slice(0, 2)
          .map((match) =>
            h("div", { class: "faint" }, name(`${match.match_name} (${match.match_id}), q ${short(match.q, 2)}`, 60)),
          ),
      ),
    );
  });
  const heads = [
    "motif",
    "name",
    "seqlets",
    "sequences",
    "sites under seqlets",
    "p",
    "best match",
    "q",
    "further matches",
  ];
  return h(
    "section",
    { class: "card wide" },
    h("h3", {}, "Motifs found in its explanations"),
    list.length
      ? h(
          "div",
          { class: "scroll", tabindex: 0, role: "group", "aria-label": "motifs" },
          h(
            "table",
            { class: "plain" },
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                heads.map((head) => h("th", { scope: "col" }, head)),
              ),
            ),
            h("tbody", {}, rows),
          ),
        )
      : h(
          "p",
          { class: "note" },
          searched ? "No motif was found." : "This report was made without --motifs (a folder of demo motifs find).",
        ),
    list.length
      ? h(
          "p",
          { class: "note" },
          "p: probability of at least as many sites under seqlets by chance. q: false discovery rate of the best database match (Tomtom). A motif is named if q is at most 0.05.",
        )
      : null,
  );
}

export function modelPage(model, colours, searched) {
  return h(
    "article",
    { class: "page" },
    h("h2", { tabindex: -1 }, name(model.name, 80)),
    facts([
      ["architecture", model.architecture],
      ["digest", clean(model.digest, 16)],
      ["input", `${model.length} bases`],
      [
        "options",
        Object.entries(model.options)
          .map(([key, value]) => `${key} = ${value}`)
          .join(", "),
      ],
    ]),
    h(
      "div",
      { class: "cards" },
      model.outputs.map((output) => predictions(output, colours)),
      training(model, colours),
      model.patterns.map((one) => pattern(one, colours)),
      motifs(model.motifs, colours, searched),
    ),
  );
}
