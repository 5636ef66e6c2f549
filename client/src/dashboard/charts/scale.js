// The logarithmic scale of latencies, from 0.3 ms to 30 s.

const [LOW, HIGH] = [Math.log10(0.0003), Math.log10(30)];

/** The position of a latency on the scale, from 0 to 1. */
export function logScale(seconds) {
  return Math.min(1, Math.max(0, (Math.log10(Math.max(seconds, 1e-9)) - LOW) / (HIGH - LOW)));
}

/** The labelled latencies in seconds. */
export const DECADES = [
  [0.001, "1 ms"],
  [0.01, "10 ms"],
  [0.1, "0.1 s"],
  [1, "1 s"],
  [10, "10 s"],
];
