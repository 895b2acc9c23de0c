// The page Compare: agreement between models and between explanations.

import { h, name } from "./dom.js";
import { count, fixed, short } from "./numbers.js";
import { matrix } from "./charts.js";
import { around, isLight } from "./colours.js";

function table(heads, rows, label) {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": label },
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
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            row.map((cell, i) => h("td", { class: i ? "number" : null }, i ? cell : name(cell, 120))),
          ),
        ),
      ),
    ),
  );
}

export function comparePage(head, colours) {
  const { compare } = head;
  if (!compare)
    return h(
      "article",
      { class: "page" },
      h("h2", { tabindex: -1 }, "Compare"),
      h("p", {}, "This report has no explanations of sequences."),
    );
  const runs = head.runs.filter((run) => run.place !== null).sort((a, b) => a.place - b.place);
  const labels = runs.map((run) => run.label);
  const shade = (share) => {
    const fill = around(colours, share * 0.8);
    return { fill, light: isLight(fill) };
  };
  const cards = [];
  if (runs.length > 1) {
    cards.push(
      h(
        "section",
        { class: "card wide" },
        h("h3", {}, "Similarity of explanations at each base"),
        h(
          "p",
          { class: "note" },
          `Mean over the ${count(compare.sequences)} sequences in this report, where both runs have values. Compares magnitudes: of attributions, of a trace's change (forward, backward) or value (other channels), and of a map's row and column.`,
        ),
        h(
          "div",
          { class: "charts" },
          matrix(labels, compare.rank, "Rank correlation (Spearman)", (value) => fixed(value, 2), shade),
          matrix(
            labels,
            compare.overlap,
            `Overlap of the ${compare.strongest} strongest positions (chance: ${short(compare.chance, 2)})`,
            (value) => fixed(value, 2),
            shade,
          ),
        ),
      ),
    );
  }
  const recovered = runs.map((run, i) => [run, compare.sites[i]]).filter(([, found]) => found);
  if (recovered.length) {
    cards.push(
      h(
        "section",
        { class: "card" },
        h("h3", {}, "Recovery of known sites"),
        h(
          "p",
          { class: "note" },
          "AUROC of attribution magnitude over the bases of a sequence, against its known site. Mean over sequences with a site, without negatives. 0.5 is chance.",
        ),
        table(
          ["run", "AUROC", "95 % CI", "sequences"],
          recovered.map(([run, found]) => [
            run.label,
            fixed(found.mean),
            `${fixed(found.low)} – ${fixed(found.high)}`,
            count(found.n),
          ]),
          "site recovery",
        ),
      ),
    );
  }
  if (compare.models.length) {
    cards.push(
      h(
        "section",
        { class: "card" },
        h("h3", {}, "Agreement of predictions"),
        h("p", { class: "note" }, "All sequences that both models explained."),
        table(
          ["models", "correlation of predictions", "same side of 0.5", "sequences"],
          compare.models.map((pair) => [
            `${pair.models.join(" and ")}: ${pair.output}`,
            fixed(pair.pearson),
            pair.same === null ? "–" : `${fixed(100 * pair.same, 1)} %`,
            count(pair.n),
          ]),
          "agreement of models",
        ),
      ),
    );
  }
  const sums = head.runs.filter((run) => run.addsUp);
  cards.push(
    h(
      "section",
      { class: "card" },
      h("h3", {}, "Completeness"),
      sums.length
        ? h(
            "dl",
            { class: "facts rows" },
            sums.map((run) => h("div", {}, h("dt", {}, name(run.label, 120)), h("dd", {}, run.facts.completeness))),
          )
        : h("p", { class: "note" }, "None of these methods guarantees completeness: values need not sum to the output difference."),
    ),
  );
  return h("article", { class: "page" }, h("h2", { tabindex: -1 }, "Compare"), h("div", { class: "cards" }, cards));
}
