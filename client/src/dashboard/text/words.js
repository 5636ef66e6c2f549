// Names and sentences for what the server reports. A name that this page does not know is shown as it is.

import { duration, number, percent, plural } from "./format.js";

const OUTCOMES = {
  success: "succeeded",
  failure: "failed",
  rejected: "refused",
  fallback: "stale answer",
  abandoned: "abandoned",
};

/** The parts of a number of calls, in the order of the bars. */
export const PARTS = [...Object.entries(OUTCOMES), ["other", "other"]];

export const ENDPOINTS = {
  "call-backend": "call",
  baseline: "baseline",
  "test-retry": "test-retry",
  "stress-test": "stress test",
  gateway: "call",
};

export const MODES = { auto: "automatic", "forced-open": "forced open by hand", disabled: "disabled by hand" };

/** Short names for the types of events. */
export const TYPES = {
  transition: "transition",
  mode: "mode",
  reset: "reset",
  "rejection-burst": "rejections",
  retry: "retry",
  "retry-refused": "no retry",
  release: "release",
  "lease-expired": "lease expired",
  reconfigured: "settings",
  call: "call",
  "calls-skipped": "not listed",
  gap: "gap",
};

const REJECTIONS = {
  "circuit-open": "the circuit is open",
  "trial-limit": "all trials are in use",
  overloaded: "too many calls in flight",
  stopped: "the breaker has stopped",
  "concurrency-limit": "too many attempts in flight",
  "rate-limit": "too many attempts in the period",
  throttle: "the backend refuses many calls",
  "quiet-period": "the backend asked to wait",
  gate: "a gate refused them",
};

/** How an attempt is coloured, by its outcome. Neutral attempts do not count as failures. */
const ATTEMPTS = {
  success: "success",
  client_error: "neutral",
  throttled: "neutral",
  transient: "neutral",
  local_shortage: "neutral",
  deadline_exceeded: "neutral",
  cancelled: "neutral",
  unsupported: "failure",
  server_error: "failure",
  unusable: "failure",
  redirect: "failure",
  timed_out: "failure",
  unreachable: "failure",
  panicked: "failure",
};

export function attemptClass(attempt) {
  return Object.hasOwn(ATTEMPTS, attempt.outcome) ? ATTEMPTS[attempt.outcome] : "unknown";
}

/** "attempt 1: 200 success in 12 ms". */
export function attemptResult(attempt) {
  const status = attempt.status_code == null ? "" : `${attempt.status_code} `;
  return `attempt ${attempt.attempt}: ${status}${spaced(attempt.outcome)} in ${duration(attempt.elapsed_seconds)}`;
}

export function outcomeWords(outcome) {
  return Object.hasOwn(OUTCOMES, outcome) ? OUTCOMES[outcome] : spaced(outcome);
}

function spaced(name) {
  return String(name).replaceAll("_", " ");
}

/** "call 12". */
export function callName(call) {
  return `${ENDPOINTS[call.endpoint] ?? call.endpoint} ${call.call}`;
}

/** "succeeded with 200 after 2 attempts, in 1.05 s", and "of the 2.00 s that its caller had" if it had a deadline. */
export function callResult(call) {
  const status = call.status == null ? "" : ` with ${call.status}`;
  const attempts = call.attempts?.length ?? 0;
  const after = attempts > 1 ? ` after ${attempts} attempts,` : "";
  const time = duration(call.elapsed_seconds);
  const had = call.deadline_seconds == null ? "" : ` of the ${duration(call.deadline_seconds)} that its caller had`;
  return `${outcomeWords(call.outcome)}${status}${after} in ${time}${had}`;
}

/** The rates that can open the circuit, each with its threshold. Empty if no rate can open it now. */
export function rates(breaker) {
  if (breaker.state !== "closed" || breaker.mode !== "auto") return [];
  const { failure_rate: failures, slow_rate: slow, min_calls: least, buffered_calls: calls } = breaker;
  const lines = [];
  if (failures != null) lines.push(`failed: ${percent(breaker.current_failure_rate)}, opens at ${percent(failures)}`);
  if (slow != null) {
    lines.push(`over ${duration(breaker.slow_call)}: ${percent(breaker.current_slow_rate)}, opens at ${percent(slow)}`);
  }
  if (lines.length === 0) return [];
  const count = calls < least ? `${number(calls)} of at least ${plural(least, "call")}` : plural(calls, "call");
  const time = breaker.window?.seconds == null ? "" : ` in ${duration(breaker.window.seconds)}`;
  return [...lines, count + time];
}

const DESCRIPTIONS = {
  transition(event) {
    const parts = [`${event.from} → ${event.to}`, event.cause];
    if (event.half_open_in_seconds != null) parts.push(`half-open in ${duration(event.half_open_in_seconds)}`);
    if (event.after_seconds != null) parts.push(`${event.from} for ${duration(event.after_seconds)}`);
    if (event.rejected) parts.push(`${plural(event.rejected, "call")} refused`);
    return parts.filter(Boolean).join(" · ");
  },
  "rejection-burst"(event) {
    const time = event.seconds > 0 ? `, within ${duration(event.seconds)}` : "";
    return `${plural(event.count, "call")} refused: ${REJECTIONS[event.rejection] ?? event.rejection}${time}`;
  },
  retry: (event) =>
    `call ${event.call}, attempt ${event.attempt} of ${event.max_attempts}: ${event.cause}; ` +
    `next attempt in ${duration(event.wait_seconds)}`,
  "retry-refused": (event) => `call ${event.call}: ${event.cause}; not retried, the retry budget is spent`,
  release: (event) =>
    `${plural(event.calls, "waiting call")} answered at once: ${event.cause ?? "the circuit opened"}`,
  reset: (event) => `reset by hand, epoch ${event.epoch}`,
  "lease-expired": (event) =>
    `a trial did not report a result within ${duration(event.lease_seconds)} and counts as failed`,
  mode: (event) => `${MODES[event.from] ?? event.from} → ${MODES[event.to] ?? event.to}`,
  reconfigured(event) {
    const parts = [event.changes.join(", ")];
    if (event.epoch != null) parts.push("windows begin empty");
    if (event.half_open_in_seconds != null) parts.push(`half-open in ${duration(event.half_open_in_seconds)}`);
    return parts.join(" · ");
  },
  call: (event) => `${callName(event)} ${callResult(event)}`,
  "calls-skipped"(event) {
    const skipped = event.of === "retry" ? plural(event.count, "retry", "retries") : plural(event.count, "call");
    return `${skipped} not listed, because there were too many`;
  },
  gap: (event) => `events ${event.missed_from} to ${event.missed_to} were missed`,
};

/** One event as a sentence. */
export function describe(event) {
  return Object.hasOwn(DESCRIPTIONS, event.type) ? DESCRIPTIONS[event.type](event) : JSON.stringify(event);
}
