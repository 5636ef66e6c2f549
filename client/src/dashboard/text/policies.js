// One line for the state of each optional policy. A policy that this page does not know is shown as it is.

import { duration, number, percent, plural } from "./format.js";

const DESCRIPTIONS = {
  rate: (state) =>
    `rate limit: ${number(state.limit)} in ${duration(state.period_seconds)}, ${number(state.available)} available, ` +
    `${number(state.waiting)} waiting`,
  concurrency: describeConcurrency,
  hedge: (state) =>
    `hedging: ${plural(state.made, "hedge")}, ${number(state.won)} used, after ${duration(state.delay_seconds)}`,
  probes: (state) =>
    `probes: ${number(state.success)} succeeded, ${number(state.failure)} failed, ${number(state.timeout)} timed out`,
  quiet_period: (state) =>
    `quiet period: ${state.left_seconds > 0 ? `${duration(state.left_seconds)} left` : "none now"}, ` +
    `${number(state.periods)} so far`,
  retry_budget: (state) =>
    `retry budget: ${number(Math.floor(Math.max(state.left, 0)))} left, ${number(state.refused)} refused`,
  throttle: (state) => `throttling: rejects ${percent(state.probability)}, ${number(state.rejected)} so far`,
  fallback: (state) => `fallback: ${plural(state.answers, "answer")} kept, ${number(state.bytes)} bytes`,
  chaos: (state) => `fault injection: ${describeFaults(state)}`,
  coalesce: (state) => `coalescing: ${plural(state.in_flight, "shared call")}, ${number(state.coalesced)} saved so far`,
};

/** "concurrency limit: 3 of 10 in flight, 0 queued; 4 to 200 by latency, 12 ms without load". */
function describeConcurrency({ in_flight, max, queued, adaptive, priorities }) {
  const parts = [`concurrency limit: ${number(in_flight)} of ${number(max)} in flight, ${number(queued)} queued`];
  if (adaptive) {
    const range = `${number(adaptive.floor)} to ${number(adaptive.ceiling)}`;
    parts.push(`${range} by latency, ${duration(adaptive.baseline_seconds)} without load`);
  }
  if (priorities) {
    const rejected = priorities.rejected.reduce((sum, count) => sum + count, 0);
    const share = percent(priorities.rejection_share);
    parts.push(`priorities: rejects ${share} without a free place, ${number(rejected)} so far`);
  }
  return parts.join("; ");
}

/** "10 % fail, 0 % are delayed by 1.00 s, 0 % panic; 3 failures, 0 delays, 0 panics so far". */
export function describeFaults(state) {
  return (
    `${percent(state.failure_rate)} fail, ${percent(state.delay_rate)} are delayed by ` +
    `${duration(state.delay_seconds)}, ${percent(state.panic_rate)} panic; ${plural(state.failures, "failure")}, ` +
    `${plural(state.delays, "delay")}, ${plural(state.panics, "panic")} so far`
  );
}

/** "concurrency limit: 3 of 10 in flight, 0 queued". */
export function describePolicy(name, state) {
  return Object.hasOwn(DESCRIPTIONS, name) ? DESCRIPTIONS[name](state) : `${name}: ${JSON.stringify(state)}`;
}
