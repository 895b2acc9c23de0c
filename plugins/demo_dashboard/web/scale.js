// The visible window [from, to) of positions, and their pixels.

export const FEWEST = 8;

export function whole(length) {
  return { from: 0, to: length };
}

export function isWhole(shown, length) {
  return shown.from <= 0 && shown.to >= length;
}

function within(from, span, length) {
  const wide = Math.min(Math.max(span, Math.min(FEWEST, length)), length);
  const start = Math.min(Math.max(from, 0), length - wide);
  return { from: start, to: start + wide };
}

// Zoom by a factor (below 1: closer), so that the position `around` stays where it is.
export function zoomed(shown, factor, around, length) {
  const span = (shown.to - shown.from) * factor;
  const wide = Math.min(Math.max(span, Math.min(FEWEST, length)), length);
  const share = (around - shown.from) / (shown.to - shown.from);
  return within(around - share * wide, wide, length);
}

export function moved(shown, by, length) {
  return within(shown.from + by, shown.to - shown.from, length);
}

export class Axis {
  constructor(shown, left, right) {
    this.shown = shown;
    this.left = left;
    this.right = right;
    this.step = (right - left) / (shown.to - shown.from);
    this.first = Math.max(0, Math.floor(shown.from));
  }

  // The left edge of a position.
  x(position) {
    return this.left + (position - this.shown.from) * this.step;
  }

  position(x) {
    return Math.floor(this.shown.from + (x - this.left) / this.step);
  }

  last(length) {
    return Math.min(length, Math.ceil(this.shown.to));
  }
}

// Genomic position (from 1) of a position (from 0); null without an interval.
export function genomic(interval, position) {
  if (!interval) return null;
  const [, start, end, strand] = interval;
  return (strand === "-" ? end - 1 - position : start + position) + 1;
}
