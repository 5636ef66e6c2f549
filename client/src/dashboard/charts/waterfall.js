// The attempts and waits of recent calls, one row per call.

import { kindOf } from "../data/model.js";
import { byId, element, setText } from "../dom.js";
import { duration } from "../text/format.js";
import { attemptClass, attemptResult, callName, outcomeWords } from "../text/words.js";

const ROWS = 8;
/** Rows that a full list gains per second. Of more calls, `selectCalls` picks some. */
const NEW_ROWS = 2;
/** Bounds the calls that wait for the next update. */
const MAX_PENDING = 1000;

export class Waterfall {
  constructor() {
    this.list = byId("waterfall");
    this.empty = byId("waterfall-empty");
    this.axis = byId("waterfall-axis");
    this.retriedOnly = byId("retried-only");
    this.pending = [];
    this.all = [];
    this.retried = [];
    this.updatedAt = 0;
    this.retriedOnly.addEventListener("change", () => this.render());
  }

  /** Forgets everything. */
  clear() {
    this.pending = [];
    this.all = [];
    this.retried = [];
    this.render();
  }

  /** Takes a call. The next update shows it. */
  add(call) {
    if (kindOf(call) === "baseline") return;
    this.pending.push(call);
    if (this.pending.length > MAX_PENDING) this.pending.shift();
  }

  /** Shows new calls, at most once a second. */
  update(at) {
    if (this.pending.length === 0 || at - this.updatedAt < 1000) return;
    this.updatedAt = at;
    const retried = this.pending.filter((call) => call.attempts?.length > 1);
    this.retried = [...selectCalls(retried, ROWS).reverse(), ...this.retried].slice(0, ROWS);
    const count = this.list.childElementCount < ROWS ? ROWS : NEW_ROWS;
    this.all = [...selectCalls(this.pending, count).reverse(), ...this.all].slice(0, ROWS);
    this.pending = [];
    this.render();
  }

  render() {
    const calls = this.retriedOnly.checked ? this.retried : this.all;
    const [end, step] = axisScale(Math.max(0.01, ...calls.map(extent)));
    this.list.replaceChildren(...calls.map((call) => row(call, end)));
    this.empty.hidden = calls.length > 0;
    setText(this.empty.firstElementChild, `No ${this.retriedOnly.checked ? "retried " : ""}calls yet.`);
    this.axis.hidden = calls.length === 0;
    const ticks = element("div");
    for (let value = 0; value <= end + 1e-9; value += step) {
      const tick = element("span", "", tickLabel(value));
      tick.style.left = `${(value / end) * 100}%`;
      ticks.append(tick);
    }
    this.axis.replaceChildren(ticks);
  }
}

/** Selects `count` calls, in their order: the last call, and the calls with most attempts, then the slowest calls. */
function selectCalls(calls, count) {
  if (calls.length <= count) return calls;
  const last = calls.at(-1);
  const rank = (call) => (call === last ? Infinity : (call.attempts?.length ?? 0) * 1000 + call.elapsed_seconds);
  const chosen = new Set([...calls].sort((a, b) => rank(b) - rank(a)).slice(0, count));
  return calls.filter((call) => chosen.has(call));
}

/** The seconds from the start of a call to the end of its last attempt or of the call. */
function extent(call) {
  const ends = (call.attempts ?? []).map((attempt) => (attempt.start_seconds ?? 0) + attempt.elapsed_seconds);
  return Math.max(call.elapsed_seconds, ...ends);
}

/** The end of the axis and the step between its ticks, of which there are at most five. */
function axisScale(longest) {
  for (let power = -3; power < 4; power++) {
    for (const base of [1, 2, 5]) {
      const step = base * 10 ** power;
      if (step * 4 >= longest) return [Math.ceil(longest / step) * step, step];
    }
  }
  return [longest, longest];
}

function tickLabel(value) {
  if (value === 0) return "0";
  const [shown, unit] = value < 1 ? [value * 1000, "ms"] : [value, "s"];
  return `${Number(shown.toPrecision(3))}\u00a0${unit}`;
}

function row(call, end) {
  const status = call.status ?? outcomeWords(call.outcome);
  const result = element("span", `end ${call.outcome}`);
  result.append(element("b", "", String(status)), " ", element("span", "", duration(call.elapsed_seconds)));
  const item = element("li");
  item.append(element("span", "name", callName(call)), bars(call, end), result);
  item.append(element("span", "sr-only", spoken(call)));
  return item;
}

const WITHOUT_ATTEMPT = { rejected: "refused at once", abandoned: "caller disconnected" };

function bars(call, end) {
  const bars = element("span", "bars");
  bars.setAttribute("aria-hidden", "true");
  let at = 0;
  const add = (className, seconds, title) => {
    const bar = element("span", className);
    bar.style.left = `${(at / end) * 100}%`;
    bar.style.width = `max(4px, ${(seconds / end) * 100}%)`;
    bar.title = title;
    bars.append(bar);
    at += seconds;
  };
  for (const attempt of call.attempts ?? []) {
    at = attempt.start_seconds ?? at;
    add(`attempt ${attemptClass(attempt)}`, attempt.elapsed_seconds, attemptResult(attempt));
    if (attempt.wait_seconds == null) continue;
    // The call may have ended before the wait did.
    const waited = Math.min(attempt.wait_seconds, Math.max(0, extent(call) - at));
    add("wait", waited, `waited ${duration(waited)}`);
  }
  if (!call.attempts?.length) {
    bars.append(element("span", `none ${call.outcome}`, WITHOUT_ATTEMPT[call.outcome] ?? "no attempt"));
  }
  return bars;
}

/** What a screen reader adds to the row. */
function spoken(call) {
  const attempts = (call.attempts ?? []).map((attempt) => {
    const wait = attempt.wait_seconds == null ? "" : `, then a wait of ${duration(attempt.wait_seconds)}`;
    return `${attemptResult(attempt)}${wait}`;
  });
  return `; ${outcomeWords(call.outcome)}; ${attempts.join("; ")}`;
}
