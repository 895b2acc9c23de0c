// Colours for light and dark pages, in two palettes.

const LETTERS = {
  paper: {
    light: { A: "#1a9641", C: "#2b5fd9", G: "#e08a00", T: "#d7191c" },
    dark: { A: "#4cc470", C: "#7da2ff", G: "#f5b041", T: "#ff6b66" },
  },
  safe: {
    light: { A: "#009e73", C: "#0072b2", G: "#e69f00", T: "#cc79a7" },
    dark: { A: "#2fc79a", C: "#5aaee6", G: "#f0b72f", T: "#e39cc4" },
  },
};
const STRIPS = {
  paper: { light: ["#2166ac", "#ffffff", "#b2182b"], dark: ["#5b9bd8", "#22272e", "#e0606f"] },
  safe: { light: ["#2166ac", "#ffffff", "#b35806"], dark: ["#5b9bd8", "#22272e", "#e69a4c"] },
};
const REST = {
  light: {
    ink: "#1f2328",
    faint: "#59636e",
    line: "#d1d9e0",
    page: "#ffffff",
    missing: "#d8dde3",
    truth: "#5e3c99",
    known: "#00695c",
    found: "#7a4b00",
    cursor: "#0969da",
    unknown: "#6e7781",
  },
  dark: {
    ink: "#e6edf3",
    faint: "#9aa5b1",
    line: "#3d444d",
    page: "#151a21",
    missing: "#3d444d",
    truth: "#b79cf0",
    known: "#5fd0bd",
    found: "#e3b063",
    cursor: "#58a6ff",
    unknown: "#9aa5b1",
  },
};
const CHANNELS = {
  light: ["#1b7837", "#b35806", "#2166ac", "#c51b7d"],
  dark: ["#6cc28a", "#f0a35e", "#7fb2ea", "#ee86bd"],
};

export function palette(theme, kind) {
  const [low, middle, high] = STRIPS[kind][theme];
  return { ...REST[theme], letters: LETTERS[kind][theme], channels: CHANNELS[theme], low, middle, high, theme };
}

function channel(colour, at) {
  return parseInt(colour.slice(at, at + 2), 16);
}

export function mixed(one, other, share) {
  const parts = [1, 3, 5].map((at) => Math.round(channel(one, at) + (channel(other, at) - channel(one, at)) * share));
  return "#" + parts.map((part) => part.toString(16).padStart(2, "0")).join("");
}

// From -1 (low) through 0 (middle) to 1 (high).
export function around(colours, share) {
  return share < 0
    ? mixed(colours.middle, colours.low, Math.min(-share, 1))
    : mixed(colours.middle, colours.high, Math.min(share, 1));
}

// Whether dark text is more legible than light text on this colour (WCAG's relative luminance).
export function isLight(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = channel(colour, at) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179;
}
