// The table of sequences. Only visible rows are in the page, so its size does not matter.

import { h, clean, name } from "./dom.js";
import { counted, fixed, short } from "./numbers.js";
import { columns, matching, sorted, PRESETS } from "./order.js";

const ROW = 27;
const SPARE = 8;

export class Table {
  constructor(head, choose) {
    this.head = head;
    this.choose = choose;
    this.columns = columns(head);
    this.filter = { text: "", label: "", calls: "", motif: "" };
    this.sort = null;
    this.preset = null;
    this.chosen = -1;
    this.element = this.build();
    this.update();
  }

  build() {
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite" });
    this.body = h("tbody", {});
    this.heads = this.columns.map((column) => {
      const button = h(
        "button",
        {
          type: "button",
          title: column.about ? `sort by ${column.about}` : `sort by ${column.title}`,
          on: { click: () => this.sortBy(column) },
        },
        name(column.title, 24),
      );
      return h("th", { scope: "col", class: column.numeric ? "number" : null, "data-key": column.key }, button);
    });
    this.grid = h(
      "table",
      {
        role: "grid",
        tabindex: 0,
        "aria-label": "Sequences: up and down choose one",
        on: { keydown: (event) => this.key(event) },
      },
      h("thead", {}, h("tr", { "aria-rowindex": 1 }, this.heads)),
      this.body,
    );
    this.box = h("div", { class: "rows", on: { scroll: () => this.render() } }, this.grid);
    return h("section", { class: "table", "aria-label": "Find a sequence" }, this.controls(), this.box, this.status);
  }

  controls() {
    const search = h("input", {
      type: "search",
      placeholder: "id, interval or motif",
      "aria-label": "Search",
      on: { input: (event) => this.filterBy({ text: event.target.value }) },
    });
    const picks = [search];
    const click = () => this.clearFilters();
    this.clear = h("button", { type: "button", class: "chip", hidden: true, on: { click } }, "clear filters");
    const pick = (label, key, options) =>
      picks.push(
        h(
          "select",
          { "aria-label": label, on: { change: (event) => this.filterBy({ [key]: event.target.value }) } },
          options.map(([value, text]) => h("option", { value }, text)),
        ),
      );
    const { outputs, views } = this.head.table;
    if (outputs[0]?.labels.some((label) => label !== null) && views[0].logistic) {
      const any = outputs.length > 1 ? `any label of ${clean(outputs[0].name, 20)}` : "any label";
      pick("Label", "label", [
        ["", any],
        ["1", "positive"],
        ["0", "negative"],
        ["none", "no label"],
      ]);
    }
    if (this.columns.some((column) => column.key === "right"))
      pick("Predictions", "calls", [
        ["", "any prediction"],
        ["right", "all models right"],
        ["wrong", "a model is wrong"],
      ]);
    const motifs = [...new Set(this.head.table.hits.flatMap((hits) => Object.keys(hits)))].sort();
    if (motifs.length) pick("Motif", "motif", [["", "any motif"], ...motifs.map((motif) => [motif, motif])]);
    this.buttons = Object.entries(PRESETS)
      .filter(([, preset]) => this.head.table.ids.some((_, i) => preset.value(this.head)(i) !== null))
      .map(([key, preset]) =>
        h(
          "button",
          {
            type: "button",
            class: "chip",
            "data-preset": key,
            "aria-pressed": "false",
            on: { click: () => this.usePreset(key) },
          },
          preset.title,
        ),
      );
    return h(
      "div",
      { class: "controls" },
      h("div", { class: "picks" }, picks),
      h("div", { class: "chips", role: "group", "aria-label": "Order" }, this.buttons, this.clear),
    );
  }

  usePreset(key) {
    this.preset = this.preset === key ? null : key;
    this.sort = null;
    this.update();
    this.box.scrollTop = 0;
    if (this.preset && this.order.length) this.select(this.order[0]);
  }

  sortBy(column) {
    const same = this.sort?.column === column;
    this.sort =
      same && this.sort.descending !== Boolean(column.numeric || column.most)
        ? null
        : { column, descending: same ? !this.sort.descending : Boolean(column.numeric || column.most) };
    this.preset = null;
    this.update();
    this.box.scrollTop = 0;
    this.render();
  }

  clearFilters() {
    for (const control of this.element.querySelectorAll(".picks input, .picks select")) control.value = "";
    this.filterBy({ text: "", label: "", calls: "", motif: "" });
  }

  filterBy(change) {
    Object.assign(this.filter, change);
    this.update();
    this.box.scrollTop = 0;
    this.render();
  }

  update() {
    const found = matching(this.head, this.filter);
    const preset = this.preset && PRESETS[this.preset];
    if (preset) this.order = sorted(found, preset.value(this.head), preset.descending);
    else this.order = this.sort ? sorted(found, this.sort.column.value, this.sort.descending) : found;
    this.columns.forEach((column, i) => {
      const way = this.sort?.column === column ? (this.sort.descending ? "descending" : "ascending") : "none";
      this.heads[i].setAttribute("aria-sort", way);
    });
    for (const button of this.buttons ?? [])
      button.setAttribute("aria-pressed", String(button.dataset.preset === this.preset));
    const all = this.head.table.ids.length;
    this.status.textContent =
      this.order.length === all ? counted(all) : `${this.order.length.toLocaleString("en")} of ${counted(all)}`;
    if (!this.order.length) this.status.textContent = "no sequence matches";
    this.clear.hidden = !Object.values(this.filter).some(Boolean);
    this.grid.setAttribute("aria-rowcount", String(this.order.length + 1));
    this.render();
  }

  select(index, scroll = true) {
    this.chosen = index;
    const place = this.order.indexOf(index);
    if (scroll && place >= 0) {
      const room = this.box.clientHeight - ROW * 2;
      const top = place * ROW;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      else if (top > this.box.scrollTop + room) this.box.scrollTop = top - room;
    }
    this.render();
    this.choose(index);
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    let place = this.order.indexOf(this.chosen);
    if (event.key in steps) place = place < 0 ? 0 : place + steps[event.key];
    else if (event.key === "Home") place = 0;
    else if (event.key === "End") place = this.order.length - 1;
    else return;
    event.preventDefault();
    place = Math.min(Math.max(place, 0), this.order.length - 1);
    if (place >= 0) this.select(this.order[place]);
  }

  render() {
    const height = this.box.clientHeight || 400;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const last = Math.min(this.order.length, first + Math.ceil(height / ROW) + 2 * SPARE);
    const rows = [];
    if (first) rows.push(this.spacer(first));
    for (let place = first; place < last; place++) rows.push(this.row(place));
    if (last < this.order.length) rows.push(this.spacer(this.order.length - last));
    this.body.replaceChildren(...rows);
    const there = this.order.indexOf(this.chosen);
    if (there >= first && there < last) this.grid.setAttribute("aria-activedescendant", `row-${this.chosen}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  spacer(count) {
    const cell = h("td", { colspan: this.columns.length });
    cell.style.height = `${count * ROW}px`;
    return h("tr", { class: "spacer", "aria-hidden": "true" }, cell);
  }

  row(place) {
    const index = this.order[place];
    const cells = this.columns.map((column) => this.cell(column, index));
    const row = h(
      "tr",
      {
        id: `row-${index}`,
        "aria-rowindex": place + 2,
        "aria-selected": String(index === this.chosen),
        on: { click: () => this.select(index, false) },
      },
      cells,
    );
    return row;
  }

  cell(column, index) {
    const value = column.value(index);
    if (column.key === "id")
      return h(
        "td",
        { class: "id" },
        h(
          "a",
          {
            href: `#sequence/${encodeURIComponent(value)}`,
            tabindex: -1,
            on: { click: (event) => event.preventDefault() },
          },
          name(value, 120),
        ),
      );
    if (column.text) return h("td", { class: column.numeric ? "number" : "text" }, name(column.text(index), 120));
    if (!column.view) return h("td", { class: "number" }, column.places === 0 ? short(value) : fixed(value));
    const label = this.head.table.outputs[column.view.output].labels[index];
    const wrong = column.view.logistic && label !== null && value !== null && value >= 0.5 !== label > 0.5;
    return h(
      "td",
      { class: wrong ? "number wrong" : "number", title: wrong ? "prediction disagrees with the label" : null },
      column.view.logistic ? fixed(value) : short(value),
      wrong ? h("span", { class: "hidden" }, " wrong") : null,
    );
  }
}
