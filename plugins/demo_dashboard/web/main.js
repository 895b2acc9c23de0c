// The page: chooses the part to show, from the address.

import { h, name, clean } from "./dom.js";
import { palette } from "./colours.js";
import { FileSource } from "./source.js";
import { Table } from "./table.js";
import { Viewer } from "./viewer.js";
import { modelPage } from "./modelpage.js";
import { comparePage } from "./comparepage.js";
import { runsPage } from "./runspage.js";

export class Page {
  constructor(source) {
    this.source = source;
    this.head = source.head;
    const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const places = this.head.runs.map((run, place) => place).filter((place) => this.head.runs[place].place !== null);
    this.settings = {
      theme: dark ? "dark" : "light",
      palette: "paper",
      attribution: "logo",
      trace: "curve",
      scale: "own",
      order: places,
      hidden: [],
    };
    document.documentElement.dataset.theme = this.settings.theme;
    this.main = document.getElementById("main");
    if (this.head.table?.ids.length) {
      this.viewer = new Viewer(source, this.settings);
      this.table = new Table(this.head, (index) => this.chose(index));
      this.sequences = h("div", { class: "sequences" }, this.table.element, this.viewer.element);
    }
    document.getElementById("top").append(this.header());
    window.addEventListener("hashchange", () => this.route());
    window.addEventListener("beforeprint", () => this.onPaper(true));
    window.addEventListener("afterprint", () => this.onPaper(false));
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      this.main.focus();
    });
    let waiting = 0;
    window.addEventListener("resize", () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => {
        if (this.part === "sequence") this.viewer.draw();
        this.table?.render();
      });
    });
    this.route();
  }

  header() {
    const links = [];
    if (this.viewer) links.push(["sequence", "#sequence", "Sequences"]);
    this.head.models.forEach((model, i) => links.push([`model/${i}`, `#model/${i}`, model.name]));
    links.push(["compare", "#compare", "Compare"], ["runs", "#runs", "Runs"]);
    this.links = links.map(([part, href, text]) => h("a", { href, "data-part": part }, name(text, 40)));
    const doubted = this.head.runs.filter((run) => run.doubts.length).length;
    const theme = h(
      "button",
      {
        type: "button",
        "aria-label": "Switch between dark and light colours",
        title: "Switch between dark and light colours",
        on: { click: () => this.look({ theme: this.settings.theme === "dark" ? "light" : "dark" }) },
      },
      "◐",
    );
    const letters = h(
      "select",
      { "aria-label": "Colours", on: { change: (event) => this.look({ palette: event.target.value }) } },
      h("option", { value: "paper" }, "paper’s colours"),
      h("option", { value: "safe" }, "colour-blind safe"),
    );
    return h(
      "div",
      { class: "bar" },
      h("h1", {}, h("span", { class: "brand" }, "DeMo"), name(this.head.title, 100)),
      h("nav", { "aria-label": "Parts of the report" }, this.links),
      h(
        "span",
        { class: "group" },
        doubted
          ? h("a", { href: "#runs", class: "doubt" }, `⚠ ${doubted} run${doubted > 1 ? "s" : ""} to look at`)
          : null,
        letters,
        theme,
      ),
      h("p", { class: "said" }, name(this.head.said, 400)),
    );
  }

  look(change) {
    Object.assign(this.settings, change);
    document.documentElement.dataset.theme = this.settings.theme;
    this.route(false);
  }

  get colours() {
    return palette(document.documentElement.dataset.theme, this.settings.palette);
  }

  chose(index) {
    this.viewer.lost("");
    if (index === this.viewer.index) this.viewer.draw();
    else this.viewer.show(index);
    const address = `#sequence/${encodeURIComponent(this.head.table.ids[index])}`;
    if (location.hash !== address) history.replaceState(null, "", address);
    document.title = `${clean(this.head.table.ids[index], 60)} · DeMo`;
  }

  route(focus = true) {
    const [part, ...rest] = location.hash.slice(1).split("/");
    const known = part === "compare" || part === "runs" || (part === "model" && this.head.models[Number(rest[0])]);
    const here = known ? part : this.viewer ? "sequence" : "model";
    const moved = this.part !== undefined && this.part !== here;
    this.part = here;
    const name_ = here === "model" ? `model/${known ? Number(rest[0]) : 0}` : here;
    for (const link of this.links) {
      if (link.dataset.part === name_) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (here === "sequence") this.routeSequence(rest.join("/"));
    else {
      const page =
        here === "model"
          ? modelPage(this.head.models[Number(name_.split("/")[1])], this.colours, this.head.searched)
          : here === "compare"
            ? comparePage(this.head, this.colours)
            : runsPage(this.head);
      this.main.replaceChildren(page);
      document.title = `${page.querySelector("h2").textContent} · DeMo`;
    }
    if (focus && moved) this.main.querySelector("h2")?.focus();
  }

  routeSequence(address) {
    if (!this.main.contains(this.sequences)) this.main.replaceChildren(this.sequences);
    let index = -1;
    try {
      index = this.head.table.ids.indexOf(decodeURIComponent(address));
    } catch {
      index = -1; // a truncated address
    }
    const missing = index < 0 ? address : "";
    if (index < 0) index = this.viewer.index >= 0 ? this.viewer.index : this.first();
    this.table.select(index);
    this.viewer.lost(missing);
  }

  first() {
    return this.head.table.rank.indexOf(0);
  }

  // Print on white, at the width of the paper.
  onPaper(printing) {
    document.documentElement.dataset.theme = printing ? "light" : this.settings.theme;
    if (this.part === "sequence") {
      const { theme } = this.settings;
      if (printing) this.settings.theme = "light";
      this.viewer.draw(printing ? 700 : null);
      this.settings.theme = theme;
    } else this.route(false);
  }
}

export function start() {
  return new Page(new FileSource(document));
}
