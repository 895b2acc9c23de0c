// Menu of tracks and their order.

import { h, name, clean } from "./dom.js";

// `settings` has the `order` of runs and those `hidden`; `set` changes them and redraws.
export function trackMenu(head, settings, set) {
  const list = h("ul", { class: "tracks" });
  const fill = () => list.replaceChildren(...settings.order.map((place, at) => item(place, at)));

  function move(at, by) {
    const order = [...settings.order];
    [order[at], order[at + by]] = [order[at + by], order[at]];
    set({ order });
    fill();
    list.children[at + by].querySelector(by < 0 ? ".up" : ".down").focus();
  }

  function show(places, shown) {
    const others = settings.hidden.filter((place) => !places.includes(place));
    set({ hidden: shown ? others : [...others, ...places] });
    fill();
  }

  function arrow(at, by, label) {
    const way = by < 0 ? "up" : "down";
    const last = by < 0 ? at === 0 : at === settings.order.length - 1;
    const attributes = { type: "button", class: way, "aria-label": `move ${label} ${way}`, disabled: last };
    return h("button", { ...attributes, on: { click: () => move(at, by) } }, by < 0 ? "↑" : "↓");
  }

  function item(place, at) {
    const { label } = head.runs[place];
    const change = (event) => {
      show([place], event.target.checked);
      list.children[at].querySelector("input").focus();
    };
    const box = h("input", { type: "checkbox", checked: !settings.hidden.includes(place), on: { change } });
    const arrows = h("span", {}, arrow(at, -1, clean(label, 80)), arrow(at, 1, clean(label, 80)));
    return h("li", { "data-run": label }, h("label", {}, box, " ", name(label, 80)), arrows);
  }

  // switch all tracks of a model, an explainer or a target
  function group(key) {
    const names = [...new Set(settings.order.map((place) => head.runs[place][key]))];
    if (names.length < 2) return null;
    const chips = names.map((one) => {
      const click = () => {
        const mine = settings.order.filter((place) => head.runs[place][key] === one);
        show(mine, !mine.some((place) => !settings.hidden.includes(place)));
      };
      const label = `show or hide all of ${clean(one, 80)}`;
      const attributes = { type: "button", class: "chip", "data-group": `${key}:${one}`, "aria-label": label };
      return h("button", { ...attributes, on: { click } }, name(one, 40));
    });
    return h("div", { class: "chips", role: "group", "aria-label": `tracks by ${key}` }, `${key} `, chips);
  }

  fill();
  const groups = ["model", "explainer", "target"].map(group);
  const panel = h("div", { class: "panel" }, groups, list);
  const menu = h("details", { class: "menu" }, h("summary", {}, "tracks"), panel);
  menu.addEventListener("toggle", () => {
    panel.classList.remove("turned");
    if (menu.open) panel.classList.toggle("turned", panel.getBoundingClientRect().right > window.innerWidth - 8);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  return menu;
}
