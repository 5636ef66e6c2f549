// The data of the page, without DOM and network. Times are milliseconds since 1970 on the server's clock. Durations in
// events are seconds.

/** The timeline shows this many milliseconds. */
export const TIMELINE = 120_000;
/** Success rates and latencies cover this many milliseconds. */
export const WINDOW = 60_000;
/** Bounds the stored calls. The server sends at most 100 a second, which is fewer in the time of the timeline. */
const MAX_CALLS = 13_000;
/** Bounds the keys that detect repeated events. */
const MAX_KNOWN = 20_000;

export class Model {
  constructor() {
    this.clear(true);
  }

  /** Forgets everything, for another upstream. `hasBaseline`: it is also called without breaker and retries. */
  clear(hasBaseline) {
    this.hasBaseline = hasBaseline;
    /** The last answer of `GET /api/circuit-breaker`, updated by events; null before the first answer. */
    this.breaker = null;
    /** The time at which an open circuit becomes half-open; null if no timer runs. */
    this.halfOpenAt = null;
    this.calls = [];
    /** Calls that the server reported only by number: {time, count}. */
    this.skipped = [];
    /** Changes of state: {time, from, to, observed}. `observed` marks a change found by polling, without an event. */
    this.changes = [];
    /** Times without a connection: {from, to}. `to` is null while the connection is lost. */
    this.outages = [];
    this.known = new Set();
  }

  /** Stores an event. Returns false if it is a repetition. Only `live` events change the current state. */
  take(event, live) {
    const key = `${event.sequence} ${event.time}`;
    if (this.known.has(key)) return false;
    this.known.add(key);
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.values().next().value);
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

  /** Updates the current state of the breaker. */
  follow(event, time) {
    if (!this.breaker) return;
    const breaker = this.breaker;
    if (event.type === "transition") {
      breaker.state = event.to;
      breaker.epoch = event.epoch ?? breaker.epoch;
      breaker.trials_in_flight = 0;
      breaker.trials_succeeded = 0;
      // Every closed epoch starts with an empty window.
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

  /** Stores the answer of `GET /api/circuit-breaker` from the time `now`. */
  observe(breaker, now) {
    this.breaker = { mode: "auto", ...breaker };
    const counting = breaker.state === "open" && this.breaker.mode === "auto" && breaker.half_open_in != null;
    this.halfOpenAt = counting ? now + breaker.half_open_in * 1000 : null;
    const last = this.changes.at(-1);
    if (!last || last.to !== breaker.state) {
      this.change({ time: now, from: last?.to ?? breaker.state, to: breaker.state, observed: true });
    }
  }

  change(change) {
    if (!change.observed) {
      const same = (other) => other.observed && other.to === change.to && Math.abs(other.time - change.time) < 3000;
      this.changes = this.changes.filter((other) => !same(other));
    }
    insert(this.changes, change);
  }

  /** Records that the connection is lost since `now`. */
  lost(now) {
    if (this.outages.at(-1)?.to !== null || this.outages.length === 0) this.outages.push({ from: now, to: null });
  }

  /** Records that the connection is back. */
  found(now) {
    const last = this.outages.at(-1);
    if (last && last.to === null) last.to = now;
  }

  /** Drops data that is too old for every view. */
  forget(now) {
    const old = (entry) => entry.time < now - TIMELINE - 5000;
    dropWhile(this.calls, old);
    if (this.calls.length > MAX_CALLS) this.calls.splice(0, this.calls.length - MAX_CALLS);
    dropWhile(this.skipped, old);
    while (this.changes.length > 1 && old(this.changes[1])) this.changes.shift();
    dropWhile(this.outages, ({ to }) => to !== null && to < now - TIMELINE);
  }

  /** The states between two times, oldest first: {state, from, to}. */
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

  /** Counts, success rate and latencies of the calls of one kind to one endpoint (or to all) since `since`. */
  summary(kind, since, endpoint) {
    const counts = { success: 0, failure: 0, rejected: 0, fallback: 0, abandoned: 0, other: 0 };
    const times = [];
    let count = 0;
    for (let i = this.calls.length - 1; i >= 0 && this.calls[i].time >= since; i--) {
      const call = this.calls[i];
      if (call.kind !== kind || (endpoint && call.endpoint !== endpoint)) continue;
      counts[Object.hasOwn(counts, call.outcome) ? call.outcome : "other"]++;
      count++;
      // An abandoned call has no answer, so it has no latency.
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

  /** The number of calls since `since` that the server reported only by number. */
  skippedSince(since) {
    return this.skipped.reduce((sum, entry) => (entry.time >= since ? sum + entry.count : sum), 0);
  }
}

/** "baseline" for calls without breaker and retries, "resilient" for all others. */
export function kindOf(call) {
  return call.protection === "none" || call.endpoint === "baseline" ? "baseline" : "resilient";
}

// Inserts in order of time. Searches from the end, because events arrive almost in order.
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

/** A percentile of sorted values by the nearest-rank method; null without values. */
export function percentile(sorted, percent) {
  if (sorted.length === 0) return null;
  return sorted[Math.max(1, Math.ceil((sorted.length * percent) / 100)) - 1];
}
