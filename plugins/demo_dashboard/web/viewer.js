// The viewer of one sequence: tracks, zoom and pan, readout, export.

import { h, name, clean } from "./dom.js";
import { fixed, short } from "./numbers.js";
import { whole, isWhole, zoomed, moved, genomic } from "./scale.js";
import { drawSequence } from "./drawing.js";
import { intervalText } from "./order.js";
import { palette } from "./colours.js";
import { trackMenu } from "./trackmenu.js";
import { save, png, svgText, valuesTable, sitesBed, fileName } from "./download.js";

export class Viewer {
  constructor(source, settings) {
    this.source = source;
    this.head = source.head;
    this.settings = settings;
    this.index = -1;
    this.cursor = -1;
    this.length = this.head.length;
    this.shown = whole(this.length);
    this.element = this.build();
  }

  build() {
    this.notice = h("p", { class: "notice", role: "alert" });
    this.title = h("h2", { tabindex: -1 });
    this.facts = h("p", { class: "facts" });
    this.readout = h("div", { class: "readout", "aria-live": "polite" }, this.hint());
    this.canvas = h("div", {
      class: "canvas",
      tabindex: 0,
      role: "group",
      "aria-label": "Tracks of the sequence. Left and right move along it, plus and minus zoom, 0 shows all.",
      on: {
        keydown: (event) => this.key(event),
        pointerdown: (event) => this.grab(event),
        pointermove: (event) => this.hover(event),
        pointerleave: () => this.point(-1),
        wheel: (event) => this.wheel(event),
        dblclick: (event) => this.zoom(event.shiftKey ? 2 : 0.5, this.positionOf(event)),
      },
    });
    this.line = h("div", { class: "cursor", hidden: true });
    const frame = h("div", { class: "frame" }, this.canvas, this.line);
    this.tools = this.toolbar();
    return h(
      "section",
      { class: "viewer", "aria-label": "Read a sequence" },
      this.notice,
      this.title,
      this.facts,
      this.tools,
      this.readout,
      frame,
    );
  }

  hint() {
    return window.matchMedia("(pointer: coarse)").matches
      ? "Tap the tracks to read values; drag them to move, once they are zoomed."
      : "Point at the tracks, or focus them and use the arrow keys, to read values. Drag to move; +, − or Ctrl and the wheel to zoom.";
  }

  toolbar() {
    const button = (text, label, action) =>
      h("button", { type: "button", "aria-label": label, title: label, on: { click: action } }, text);
    const pick = (label, key, options) =>
      h(
        "label",
        {},
        `${label} `,
        h(
          "select",
          { "data-setting": key, on: { change: (event) => this.set({ [key]: event.target.value }) } },
          options.map(([value, text]) => h("option", { value, selected: this.settings[key] === value }, text)),
        ),
      );
    const kinds = new Set(this.head.runs.map((run) => run.kind));
    return h(
      "div",
      { class: "tools" },
      h(
        "span",
        { class: "group", role: "group", "aria-label": "Zoom" },
        button("−", "Zoom out", () => this.zoom(2)),
        button("+", "Zoom in", () => this.zoom(0.5)),
        button("◂", "Move left", () => this.pan(-0.25)),
        button("▸", "Move right", () => this.pan(0.25)),
        button("all", "Show the whole sequence", () => this.reset()),
      ),
      kinds.has("attribution")
        ? pick("attributions", "attribution", [
            ["logo", "logo"],
            ["hypothetical", "hypothetical"],
            ["strip", "strip"],
          ])
        : null,
      kinds.has("trace")
        ? pick("traces", "trace", [
            ["curve", "curves"],
            ["strip", "strips"],
          ])
        : null,
      pick("scales", "scale", [
        ["own", "per track"],
        ["same", "the same"],
        ["view", "fit to the view"],
      ]),
      trackMenu(this.head, this.settings, (change) => this.set(change)),
      h(
        "span",
        { class: "group", role: "group", "aria-label": "Export" },
        button("SVG", "Save the view as SVG", () => this.saveSvg()),
        button("PNG", "Save the view as PNG", () => this.savePng()),
        button("TSV", "Save the values of the view as TSV", () => this.saveTsv()),
        button("BED", "Save the sites of this sequence as BED", () => this.saveBed()),
      ),
    );
  }

  // Report that the address names no sequence of this report; '' otherwise.
  lost(address) {
    const asked = clean(address, 60);
    this.notice.textContent = asked ? `Sequence ${asked} is not in this report. Showing instead:` : "";
  }

  set(change) {
    Object.assign(this.settings, change);
    this.draw();
  }

  async show(index) {
    this.index = index;
    const data = await this.source.sequence(index);
    if (index !== this.index) return;
    this.data = data;
    this.cursor = -1;
    this.readout.textContent = this.hint();
    const { table } = this.head;
    const place = intervalText(this.head, index);
    this.title.replaceChildren(name(table.ids[index], 120));
    const labels = table.outputs
      .filter((output) => output.labels[index] !== null)
      .map((output) => `${output.name}: ${short(output.labels[index])}`);
    const parts = [place === table.ids[index] ? "" : place, ...labels, `${data.bases.length} bases`].filter(Boolean);
    this.facts.replaceChildren(...parts.map((part) => h("span", {}, name(part, 200))));
    this.draw();
  }

  get runs() {
    return this.settings.order
      .filter((place) => !this.settings.hidden.includes(place))
      .map((place) => this.head.runs[place]);
  }

  prediction(run) {
    const view = this.head.table.views[this.head.table.view_of_run[run.place]];
    const value = view.values[this.index];
    if (value === null || value === undefined) return "";
    return view.logistic ? `P = ${fixed(value)}` : `predicted ${short(value)}`;
  }

  picture(width, colours, heading = "") {
    const { table } = this.head;
    const interval = table.intervals[this.index];
    return drawSequence({
      data: this.data,
      runs: this.runs,
      settings: this.settings,
      shown: this.shown,
      width,
      colours,
      letters: this.head.letters,
      owners: this.head.owners,
      interval,
      chrom: interval ? table.chroms[interval[0]] : "",
      prediction: (run) => this.prediction(run),
      heading,
      title: `Tracks of ${clean(table.ids[this.index], 120)}`,
    });
  }

  draw(wide = null) {
    if (!this.data) return;
    const width = wide ?? Math.max(280, this.canvas.clientWidth || 800);
    this.drawn = this.picture(width, palette(this.settings.theme, this.settings.palette));
    this.canvas.replaceChildren(this.drawn.svg);
    this.canvas.classList.toggle("zoomed", !isWhole(this.shown, this.length));
    this.mark();
  }

  // Zoom, pan, and the position of the readout.

  zoom(factor, around = null) {
    const middle = around ?? (this.cursor >= 0 ? this.cursor + 0.5 : (this.shown.from + this.shown.to) / 2);
    this.shown = zoomed(this.shown, factor, middle, this.length);
    this.draw();
  }

  pan(share) {
    this.shown = moved(this.shown, share * (this.shown.to - this.shown.from), this.length);
    this.draw();
  }

  reset() {
    this.shown = whole(this.length);
    this.draw();
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) {
      if (Math.abs(event.deltaX) <= Math.abs(event.deltaY) || isWhole(this.shown, this.length)) return;
      event.preventDefault();
      this.pan(event.deltaX / (this.canvas.clientWidth || 800));
      return;
    }
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.positionOf(event));
  }

  key(event) {
    const step = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const from = this.cursor < 0 ? Math.floor(this.shown.from) - (event.key === "ArrowRight" ? 1 : 0) : this.cursor;
      this.point(Math.min(Math.max(from + (event.key === "ArrowRight" ? step : -step), 0), this.length - 1), true);
    } else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else if (event.key === "0") this.reset();
    else if (event.key === "Escape") this.point(-1);
    else return;
    event.preventDefault();
  }

  positionOf(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    const { axis } = this.drawn;
    return axis.shown.from + (Math.min(Math.max(x, axis.left), axis.right) - axis.left) / axis.step;
  }

  grab(event) {
    if (event.button !== 0 || !this.drawn) return;
    const start = { x: event.clientX, shown: this.shown };
    const step = this.drawn.axis.step;
    const move = (one) => {
      this.shown = moved(start.shown, (start.x - one.clientX) / step, this.length);
      if (!this.waiting) {
        this.waiting = requestAnimationFrame(() => {
          this.waiting = 0;
          this.draw();
        });
      }
    };
    const end = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
  }

  hover(event) {
    if (!this.drawn) return;
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    const { axis } = this.drawn;
    this.point(x >= axis.left && x < axis.right ? axis.position(x) : -1);
  }

  point(position, scroll = false) {
    if (!this.drawn || position >= this.drawn.bases.length) return;
    this.cursor = position;
    if (scroll && position >= 0 && (position < this.shown.from || position + 1 > this.shown.to)) {
      this.shown = moved(this.shown, position + 0.5 - (this.shown.from + this.shown.to) / 2, this.length);
      this.draw();
    }
    this.mark();
    // announced only after a key: a pointer passes over many positions
    this.readout.setAttribute("aria-live", scroll ? "polite" : "off");
    this.read();
  }

  mark() {
    const { axis, bottom } = this.drawn;
    const inside = this.cursor >= 0 && this.cursor < axis.shown.to && this.cursor + 1 > axis.shown.from;
    this.line.hidden = !inside;
    if (!inside) return;
    this.line.style.left = `${axis.x(this.cursor)}px`;
    this.line.style.width = `${Math.max(1, axis.step)}px`;
    this.line.style.height = `${bottom}px`;
  }

  read() {
    if (this.cursor < 0) {
      this.readout.textContent = this.hint();
      return;
    }
    const i = this.cursor;
    const interval = this.head.table.intervals[this.index];
    const there = interval
      ? ` ${clean(this.head.table.chroms[interval[0]], 60)}:${genomic(interval, i).toLocaleString("en")}`
      : "";
    const lines = [h("strong", {}, `position ${i + 1}, ${this.drawn.bases[i]}${there}`)];
    for (const track of this.drawn.places) {
      const text = track.read?.(i);
      if (text) lines.push(h("span", {}, h("em", {}, name(track.run ? track.run.label : track.label, 80)), " ", text));
    }
    this.readout.replaceChildren(...lines);
  }

  // Exports are always light, for paper and slides.

  paper() {
    const wide = Math.max(700, this.canvas.clientWidth || 800);
    return this.picture(wide, palette("light", this.settings.palette), this.heading());
  }

  heading() {
    return [...this.element.querySelectorAll("h2, .viewer > .facts > span")]
      .map((one) => clean(one.textContent, 60))
      .join("   ");
  }

  file(ending) {
    return fileName(this.head.table.ids[this.index], ending);
  }

  saveSvg() {
    save(new Blob([svgText(this.paper().svg)], { type: "image/svg+xml" }), this.file("svg"));
  }

  async savePng() {
    save(await png(this.paper().svg, 2), this.file("png"));
  }

  saveTsv() {
    save(new Blob([valuesTable(this)], { type: "text/tab-separated-values" }), this.file("tsv"));
  }

  saveBed() {
    save(new Blob([sitesBed(this)], { type: "text/plain" }), this.file("bed"));
  }
}
