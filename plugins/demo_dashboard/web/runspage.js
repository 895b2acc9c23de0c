// How each run came about, in full, and the command that makes the report again.

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
      h("details", {}, h("summary", {}, "everything the file says"), h("pre", { tabindex: 0 }, run.metadata)),
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
        "Values are kept in 65,535 equal steps for each sequence and run: none is off by more than a 65,534th of the largest. This command makes it again:",
      ),
      h("pre", { class: "command", tabindex: 0 }, head.command),
    ),
    h("div", { class: "cards" }, cards),
  );
}
