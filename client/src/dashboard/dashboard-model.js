// What the page knows, and how it is put into words. Pure: no DOM, no network, and the time is an
// argument. Times are milliseconds since 1970 on the server's clock; durations in events are seconds.

/** How far back the timeline goes. */
export const TIMELINE = 120_000;
/** What success rates and latencies are taken over. */
export const WINDOW = 60_000;
/** More calls than the server sends in that time (100 a second). */
const MAX_CALLS = 13_000;

export const STATES = ["closed", "half-open", "open"];

export class Model {
  constructor() {
    /** The last `GET /api/circuit-breaker`, kept up to date by events; null until one came. */
    this.breaker = null;
    /** When the circuit turns half-open; null unless it is open and will. */
    this.halfOpenAt = null;
    this.calls = [];
    /** When calls were made that the server did not tell one by one: {time, count}. */
    this.skipped = [];
    /** Changes of state: {time, from, to, mode, seen}; `seen`: not told, but found out. */
    this.changes = [];
    /** When nothing was heard: {from, to}; `to` is null while that lasts. */
    this.outages = [];
    this.known = new Set();
  }

  /** Takes an event; false if it is known already. What is not `live` says nothing about now. */
  take(event, live) {
    const key = `${event.sequence} ${event.time}`;
    if (this.known.has(key)) return false;
    this.known.add(key);
    if (this.known.size > 20_000) this.known.delete(this.known.values().next().value);
    const time = Date.parse(event.time);
    switch (event.type) {
      case "call":
        insert(this.calls, { ...event, time, kind: kindOf(event) });
        break;
      case "calls-skipped":
        if (event.of !== "retry") insert(this.skipped, { time, count: event.count });
        break;
      case "transition":
        this.change({ time, from: event.from, to: event.to });
        break;
    }
    if (live) this.follow(event, time);
    return true;
  }

  /** What an event that happens now says about the breaker. */
  follow(event, time) {
    if (!this.breaker) return;
    const breaker = this.breaker;
    if (event.type === "transition") {
      breaker.state = event.to;
      breaker.epoch = event.epoch ?? breaker.epoch;
      breaker.trials_in_flight = 0;
      breaker.trials_succeeded = 0;
      // A window begins with each closed epoch.
      breaker.current_failure_rate = breaker.current_slow_rate = null;
      breaker.buffered_calls = 0;
      if (event.to === "closed") breaker.fail_counter = 0;
      if (event.to === "open" && event.from === "closed") breaker.fail_counter = breaker.fail_max;
      this.halfOpenAt = null;
      if (event.to === "open" && event.half_open_in_seconds != null) {
        this.halfOpenAt = time + event.half_open_in_seconds * 1000;
        breaker.open_time = event.half_open_in_seconds;
      }
    } else if (event.type === "mode") {
      breaker.mode = event.to;
      if (event.to !== "auto") this.halfOpenAt = null;
    }
  }

  /** Takes what `GET /api/circuit-breaker` said at `now`. */
  observe(breaker, now) {
    this.breaker = { mode: "auto", ...breaker };
    const counting = breaker.state === "open" && this.breaker.mode === "auto" && breaker.half_open_in != null;
    this.halfOpenAt = counting ? now + breaker.half_open_in * 1000 : null;
    const last = this.changes.at(-1);
    if (!last || last.to !== breaker.state) {
      this.change({ time: now, from: last?.to ?? breaker.state, to: breaker.state, seen: true });
    }
  }

  change(change) {
    if (!change.seen) {
      const same = (other) => other.seen && other.to === change.to && Math.abs(other.time - change.time) < 3000;
      this.changes = this.changes.filter((other) => !same(other));
    }
    insert(this.changes, change);
  }

  /** The server was not heard from `now` on. */
  lost(now) {
    if (this.outages.at(-1)?.to !== null || this.outages.length === 0) this.outages.push({ from: now, to: null });
  }

  /** The server is heard again. */
  found(now) {
    const last = this.outages.at(-1);
    if (last && last.to === null) last.to = now;
  }

  /** Forgets what no view shows any more. */
  forget(now) {
    const old = (entry) => entry.time < now - TIMELINE - 5000;
    dropWhile(this.calls, old);
    if (this.calls.length > MAX_CALLS) this.calls.splice(0, this.calls.length - MAX_CALLS);
    dropWhile(this.skipped, old);
    while (this.changes.length > 1 && old(this.changes[1])) this.changes.shift();
    dropWhile(this.outages, ({ to }) => to !== null && to < now - TIMELINE);
  }

  /** The states from one time to another, oldest first: {state, from, to}. */
  spans(from, to) {
    const spans = [];
    const add = (state, begin, end) => {
      const [low, high] = [Math.max(begin, from), Math.min(end, to)];
      if (high <= low) return;
      const last = spans.at(-1);
      if (last && last.state === state) last.to = high;
      else spans.push({ state, from: low, to: high });
    };
    let [state, begin] = [this.changes[0]?.from ?? this.breaker?.state, -Infinity];
    if (!state) return spans;
    for (const change of this.changes) {
      add(state, begin, change.time);
      [state, begin] = [change.to, change.time];
    }
    add(state, begin, Infinity);
    return spans;
  }

  /** What became of the calls of one kind since `since`; of those to `endpoint` only, if given. */
  summary(kind, since, endpoint) {
    const counts = { success: 0, failure: 0, rejected: 0, abandoned: 0, other: 0 };
    const times = [];
    let count = 0;
    for (let i = this.calls.length - 1; i >= 0 && this.calls[i].time >= since; i--) {
      const call = this.calls[i];
      if (call.kind !== kind || (endpoint && call.endpoint !== endpoint)) continue;
      counts[Object.hasOwn(OUTCOMES, call.outcome) ? call.outcome : "other"]++;
      count++;
      // A caller that left has no answer.
      if (call.outcome !== "abandoned") times.push(call.elapsed_seconds);
    }
    times.sort((a, b) => a - b);
    return {
      count,
      ...counts,
      rate: count ? counts.success / count : null,
      p50: percentile(times, 50),
      p99: percentile(times, 99),
    };
  }

  /** How many calls since `since` are known by number only. */
  skippedSince(since) {
    return this.skipped.reduce((sum, entry) => (entry.time >= since ? sum + entry.count : sum), 0);
  }
}

/** Whose numbers a call belongs to. */
export function kindOf(call) {
  return call.protection === "none" || call.endpoint === "baseline" ? "baseline" : "resilient";
}

// Almost all come in order of time.
function insert(list, entry) {
  let at = list.length;
  while (at > 0 && list[at - 1].time > entry.time) at--;
  list.splice(at, 0, entry);
}

function dropWhile(list, old) {
  let count = 0;
  while (count < list.length && old(list[count])) count++;
  if (count) list.splice(0, count);
}

/** By nearest rank, of sorted values; null of none. */
export function percentile(sorted, percent) {
  if (sorted.length === 0) return null;
  return sorted[Math.max(1, Math.ceil((sorted.length * percent) / 100)) - 1];
}

// ---- the server's clock --------------------------------------------------------------------------

/** How far this computer's clock is from the server's. Live events arrive a little late at best, so
 *  the least that is seen is the closest; it is forgotten slowly, because clocks drift. */
export class Clock {
  constructor() {
    this.offset = 0;
    this.samples = [];
  }

  /** The Date header of an answer: whole seconds, good enough to begin with. */
  roughly(dateHeader, local) {
    if (this.samples.length > 0 || !dateHeader) return;
    const offset = local - (Date.parse(dateHeader) + 500);
    this.offset = Math.abs(offset) > 1500 ? offset : 0;
  }

  /** A live event arrived. */
  exactly(eventTime, local) {
    this.samples.push(local - eventTime);
    if (this.samples.length > 50) this.samples.shift();
    this.offset = Math.min(...this.samples);
  }

  now(local) {
    return local - this.offset;
  }
}

// ---- the waterfall's choice ----------------------------------------------------------------------

/** Of more calls than can be read: the last, and those with the most attempts, then the slowest; in
 *  their order. */
export function mostTelling(calls, count) {
  if (calls.length <= count) return calls;
  const last = calls.at(-1);
  const rank = (call) => (call === last ? Infinity : (call.attempts?.length ?? 0) * 1000 + call.elapsed_seconds);
  const chosen = new Set([...calls].sort((a, b) => rank(b) - rank(a)).slice(0, count));
  return calls.filter((call) => chosen.has(call));
}

// ---- words ---------------------------------------------------------------------------------------

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

export const OUTCOMES = { success: "succeeded", failure: "failed", rejected: "refused", abandoned: "abandoned" };
/** What an attempt counts as. */
const ATTEMPTS = {
  success: "success",
  client_error: "neutral",
  throttled: "neutral",
  transient: "neutral",
  local_shortage: "neutral",
  deadline_exceeded: "neutral",
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
  return `attempt ${attempt.attempt}: ${status}${words(attempt.outcome)} in ${duration(attempt.elapsed_seconds)}`;
}

export function outcomeWords(outcome) {
  return Object.hasOwn(OUTCOMES, outcome) ? OUTCOMES[outcome] : words(outcome);
}

/** A name of the server's that this page does not know is shown as it is. */
function words(name) {
  return String(name).replaceAll("_", " ");
}
export const REJECTIONS = {
  "circuit-open": "the circuit is open",
  "trial-limit": "no trial was free",
  overloaded: "too many calls",
  stopped: "the breaker has stopped",
};
export const ENDPOINTS = {
  "call-backend": "call",
  baseline: "baseline",
  "test-retry": "test-retry",
  "stress-test": "stress test",
};
export const MODES = { auto: "automatic", "forced-open": "forced open by hand", disabled: "disabled by hand" };

/** The rates that can open the circuit, each with its threshold; none where no trip looks at a rate. */
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

/** What the log calls each type of event. */
export const TYPES = {
  transition: "transition",
  mode: "mode",
  reset: "reset",
  "rejection-burst": "rejections",
  retry: "retry",
  release: "release",
  "lease-expired": "lease expired",
  call: "call",
  "calls-skipped": "not shown",
  gap: "gap",
};

/** One event as a sentence. */
export function describe(event) {
  switch (event.type) {
    case "transition": {
      const parts = [`${event.from} → ${event.to}`, event.cause];
      if (event.half_open_in_seconds != null) parts.push(`half-open in ${duration(event.half_open_in_seconds)}`);
      if (event.after_seconds != null) parts.push(`${event.from} for ${duration(event.after_seconds)}`);
      if (event.rejected) parts.push(`${plural(event.rejected, "call")} refused`);
      return parts.filter(Boolean).join(" · ");
    }
    case "rejection-burst":
      return `${plural(event.count, "call")} refused: ${REJECTIONS[event.rejection] ?? event.rejection}${
        event.seconds > 0 ? `, within ${duration(event.seconds)}` : ""
      }`;
    case "retry":
      return `call ${event.call}, attempt ${event.attempt} of ${event.max_attempts}: ${event.cause}; again in ${duration(event.wait_seconds)}`;
    case "release":
      return `${plural(event.calls, "waiting call")} answered at once: ${event.cause ?? "the circuit opened"}`;
    case "reset":
      return `reset by hand, epoch ${event.epoch}`;
    case "lease-expired":
      return `a trial did not report within ${duration(event.lease_seconds)}: it counts as failed`;
    case "mode":
      return `${MODES[event.from] ?? event.from} → ${MODES[event.to] ?? event.to}`;
    case "call":
      return `${ENDPOINTS[event.endpoint] ?? event.endpoint} ${event.call} ${callResult(event)}`;
    case "calls-skipped":
      return `${number(event.count)} more ${event.of === "retry" ? (event.count === 1 ? "retry" : "retries") : event.count === 1 ? "call" : "calls"}, not told one by one`;
    case "gap":
      return `events ${event.missed_from} to ${event.missed_to} were missed`;
    default:
      return JSON.stringify(event);
  }
}

/** "succeeded with 200 after 2 attempts, in 1.05 s". */
export function callResult(call) {
  const status = call.status == null ? "" : ` with ${call.status}`;
  const attempts = call.attempts?.length ?? 0;
  const after = attempts > 1 ? ` after ${attempts} attempts,` : "";
  return `${outcomeWords(call.outcome)}${status}${after} in ${duration(call.elapsed_seconds)}`;
}

/** "14:03:27.123", in this computer's time zone. */
export function clockTime(time) {
  const date = new Date(time);
  const pad = (value, digits = 2) => String(value).padStart(digits, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}
