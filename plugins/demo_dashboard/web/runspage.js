// The page Runs: provenance of each run, and the command that made the report.

import { h, name } from "./dom.js";

export function runsPage(head) {
  const cards = head.runs.map((run) =>
    h(
      "section",
      { class: "card" },
      h("h3", {}, name(run.label, 120)),
      run.doubts.map((doubt) => h("p", { class: "doubt" }, h("strong", {}, "⚠ "), name(doubt, 400))),
      h(
        "dl",
        { class: "facts rows" },
        Object.entries(run.facts).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, name(value, 2000)))),
      ),
      h("details", {}, h("summary", {}, "full record"), h("pre", { tabindex: 0 }, run.metadata)),
    ),
  );
  return h(
    "article",
    { class: "page" },
    h("h2", { tabindex: -1 }, "Runs"),
    h(
      "section",
      { class: "card wide" },
      h("h3", {}, "This report"),
      h("p", {}, name(`${head.said} Made ${head.made} by ${head.by}.`, 2000)),
      h(
        "p",
        { class: "note" },
        "Values are stored in 65,535 equal steps per sequence and run. The rounding error is at most 1/65,534 of the largest value. Command that makes this report:",
      ),
      h("pre", { class: "command", tabindex: 0 }, head.command),
    ),
    h("div", { class: "cards" }, cards),
  );
}
