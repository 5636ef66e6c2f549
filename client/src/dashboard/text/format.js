// Numbers, durations and times as text.

/** "0.45 ms", "12 ms", "1.04 s", "–". */
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0.000995) return `${(seconds * 1000).toFixed(2)}\u00a0ms`;
  if (seconds < 0.00995) return `${(seconds * 1000).toFixed(1)}\u00a0ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)}\u00a0ms`;
  if (seconds < 9.995) return `${seconds.toFixed(2)}\u00a0s`;
  if (seconds < 120) return `${seconds.toFixed(1)}\u00a0s`;
  return `${Math.round(seconds / 60)}\u00a0min`;
}

/** "96.2 %", "100 %", "–". */
export function percent(rate) {
  if (rate == null) return "–";
  const value = rate * 100;
  return `${value === 0 || value === 100 ? value : value.toFixed(1)}\u00a0%`;
}

/** "1 call", "2 calls". */
export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

export function number(count) {
  return count == null ? "–" : Number(count).toLocaleString("en-US").replaceAll(",", "\u202f");
}

/** "14:03:27.123", in the local time zone. */
export function clockTime(time) {
  const date = new Date(time);
  const pad = (value, digits = 2) => String(value).padStart(digits, "0");
  const whole = [date.getHours(), date.getMinutes(), date.getSeconds()].map((value) => pad(value)).join(":");
  return `${whole}.${pad(date.getMilliseconds(), 3)}`;
}
