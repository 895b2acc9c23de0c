// Source of the page's data: this file.

const NOT_A_NUMBER = -32768;

export function decoded(coded) {
  const text = atob(coded.q);
  const values = new Float64Array(text.length >> 1);
  for (let i = 0; i < values.length; i++) {
    const code = ((text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8)) << 16) >> 16;
    values[i] = code === NOT_A_NUMBER ? NaN : code * coded.s;
  }
  return values;
}

// Rows (letters, channels or positions) of a run's values of one sequence.
export function rows(coded, length) {
  const flat = decoded(coded);
  const found = [];
  for (let start = 0; start < flat.length; start += length) found.push(flat.subarray(start, start + length));
  return found;
}

export class FileSource {
  constructor(root) {
    this.head = JSON.parse(root.getElementById("head").textContent);
    this.lines = JSON.parse(root.getElementById("sequences").textContent);
  }

  async sequence(index) {
    const { bases, truth, sites, runs } = this.lines[index];
    return {
      bases,
      truth,
      sites,
      runs: runs.map((run) =>
        run === null ? null : { rows: rows(run, run.cells ?? bases.length), target: run.target, gap: run.gap, step: run.s },
      ),
    };
  }
}
