// Format numbers.

const MISSING = "–";

export function short(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text =
    size >= 1e5 || size < 1e-3
      ? value.toExponential(Math.max(0, digits - 2))
      : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

export function fixed(value, places = 3) {
  return value === null || value === undefined || !Number.isFinite(value)
    ? MISSING
    : value.toFixed(places).replace("-", "−");
}

export function count(value) {
  return value === null || value === undefined ? MISSING : Math.round(value).toLocaleString("en");
}

export function counted(value, what = "sequence") {
  return `${count(value)} ${what}${value === 1 ? "" : "s"}`;
}

// About `wanted` round numbers from low to high.
export function ticks(low, high, wanted = 5) {
  if (!(high > low) || !Number.isFinite(high - low)) return [low];
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((candidate) => candidate >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}
