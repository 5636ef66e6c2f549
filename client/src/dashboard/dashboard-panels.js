// What is said in words and numbers: the lamp, the counters, the event log, the announcements.

import { TYPES, MODES, clockTime, describe, number, plural, rates } from "./dashboard-model.js";
import { element } from "./dashboard-charts.js";

const $ = (id) => document.getElementById(id);

function set(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

// ---- lamp ----------------------------------------------------------------------------------------

/** The circuit's state as shape, colour and words, with the countdown to half-open. */
export class Lamp {
  constructor(model, now) {
    Object.assign(this, { model, now });
  }

  /** Shows the state; call it when it may have changed, and a few times a second for the countdown. */
  update() {
    const { breaker, halfOpenAt } = this.model;
    if (!breaker) return;
    const left = halfOpenAt === null ? null : Math.max(0, halfOpenAt - this.now()) / 1000;
    if (document.body.dataset.state !== breaker.state) {
      document.body.dataset.state = breaker.state;
      setIcon(breaker.state);
    }
    document.body.dataset.mode = breaker.mode;
    set($("state"), breaker.state);
    set($("pill-state"), breaker.state);
    set($("mode"), breaker.mode === "auto" ? "" : MODES[breaker.mode] ?? breaker.mode);
    set($("meaning"), meaning(breaker));
    set($("countdown"), left === null ? "" : left === 0 ? "half-open any moment" : `half-open in ${left.toFixed(left < 10 ? 1 : 0)} s`);
    const share = left === null || !breaker.open_time ? 0 : Math.min(1, left / breaker.open_time);
    $("ring").setAttribute("stroke-dasharray", `${share.toFixed(4)} 1`);
    this.showStreak(breaker);
    this.showRates(rates(breaker));
    document.title = `${breaker.state} · Resilience lab`;
  }

  showStreak(breaker) {
    const [filled, of, text] = streak(breaker);
    set($("streak"), text);
    const key = `${filled}/${of}`;
    if (this.pips === key) return;
    this.pips = key;
    // More than a dozen are not counted by eye.
    const pips = of > 12 ? [] : Array.from({ length: of }, (_, index) => element("span", index < filled ? "pip on" : "pip"));
    $("pips").replaceChildren(...pips);
  }

  showRates(lines) {
    const key = lines.join("\n");
    if (this.rates === key) return;
    this.rates = key;
    $("rates").hidden = lines.length === 0;
    $("rates").replaceChildren(...lines.map((line) => element("li", "", line)));
  }
}

function meaning(breaker) {
  if (breaker.mode === "forced-open") return "Every call is refused until the breaker is enabled again.";
  if (breaker.mode === "disabled") return "Every call passes; results change nothing until the breaker is enabled again.";
  switch (breaker.state) {
    case "closed":
      return "Calls reach the backend.";
    case "open":
      return "Calls are refused at once; the backend is left alone.";
    default:
      return `${plural(breaker.half_open_max_calls ?? 1, "trial call")} at a time ${breaker.half_open_max_calls > 1 ? "decide" : "decides"}; others are refused.`;
  }
}

function streak(breaker) {
  if (breaker.state === "half-open") {
    const [done, of] = [breaker.trials_succeeded ?? 0, breaker.success_threshold ?? 1];
    const flying = breaker.trials_in_flight ? `, ${breaker.trials_in_flight} in flight` : "";
    return [done, of, `${done} of ${plural(of, "good trial")}${flying}`];
  }
  if (breaker.mode !== "auto") return [0, 0, ""];
  const [failed, of] = [breaker.fail_counter ?? 0, breaker.fail_max ?? 0];
  if (breaker.state === "open") return [0, 0, `${plural(breaker.open_count ?? 0, "opening")} so far`];
  return of === 0 ? [0, 0, ""] : [failed, of, `${failed} of ${plural(of, "failure")} in a row`];
}

const ICONS = {
  closed: "<circle cx='8' cy='8' r='7' fill='%23009E73'/>",
  open: "<path d='M5 1h6l4 4v6l-4 4H5l-4-4V5z' fill='%23D55E00'/>",
  "half-open": "<path d='M8 0l8 8-8 8-8-8z' fill='%23E69F00'/>",
};

function setIcon(state) {
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>${ICONS[state] ?? ""}</svg>`;
  $("icon").href = `data:image/svg+xml,${svg}`;
}

// ---- counters ------------------------------------------------------------------------------------

const ROWS = [
  ["total_requests", "all"],
  ["successful_requests", "succeeded"],
  ["failed_requests", "failed"],
  ["rejected_requests", "refused"],
  ["abandoned_requests", "abandoned"],
  ["retry_attempts", "retries"],
];

/** `GET /api/stats`. */
export class Counters {
  constructor() {
    this.cells = ROWS.map(([key, name]) => {
      const row = element("tr", key);
      const heading = element("th", "", name);
      heading.scope = "row";
      const [resilient, baseline] = [element("td", "", "–"), element("td", "", "–")];
      row.append(heading, resilient, baseline);
      $("counters").append(row);
      return { key, resilient, baseline };
    });
  }

  update({ statistics }) {
    for (const { key, resilient, baseline } of this.cells) {
      set(resilient, number(statistics[key]));
      set(baseline, key === "rejected_requests" || key === "retry_attempts" ? "–" : number(statistics.baseline?.[key]));
    }
    set($("opens"), number(statistics.circuit_breaker_open_count));
    set($("in-flight"), number(statistics.calls_in_flight));
    set($("waiting"), number(statistics.calls_waiting));
  }
}

// ---- event log -----------------------------------------------------------------------------------

const KEPT = 2000;
const SHOWN = 150;
/** Calls come by the dozen: they are shown on demand. */
const QUIET = ["call", "calls-skipped"];

/** The events, newest first; filtered by type, and still while it is paused. */
export class Log {
  constructor() {
    this.events = [];
    this.unseen = 0;
    this.shown = new Set(Object.keys(TYPES).filter((type) => !QUIET.includes(type)));
    this.paused = false;
    for (const [type, name] of Object.entries(TYPES)) {
      if (type === "gap") continue;
      const label = element("label", `chip ${type}`);
      const box = element("input");
      box.type = "checkbox";
      box.value = type;
      box.checked = this.shown.has(type);
      box.addEventListener("change", () => {
        if (box.checked) this.shown.add(type);
        else this.shown.delete(type);
        this.stale = true;
        this.update(true);
      });
      label.append(box, element("span", "", name));
      $("filters").append(label);
    }
    $("pause").addEventListener("click", () => this.pause(!this.paused));
  }

  pause(paused) {
    this.paused = paused;
    this.unseen = 0;
    $("pause").setAttribute("aria-pressed", String(paused));
    set($("pause"), paused ? "Resume" : "Pause");
    if (!paused) {
      this.stale = true;
      this.update(true);
    }
  }

  /** Takes an event; it is shown at the next update. */
  add(event) {
    const time = Date.parse(event.time);
    let at = this.events.length;
    while (at > 0 && this.events[at - 1].at > time) at--;
    this.events.splice(at, 0, { ...event, at: time });
    if (this.events.length > KEPT) this.events.shift();
    if (this.paused && this.shown.has(event.type)) this.unseen++;
    if (this.shown.has(event.type)) this.stale = true;
  }

  /** Shows what came; call it a few times a second. */
  update(evenPaused = false) {
    if (!this.stale) return;
    if (this.paused && !evenPaused) {
      set($("pause"), this.unseen ? `Resume (${number(this.unseen)} new)` : "Resume");
      return;
    }
    this.stale = false;
    const events = [];
    for (let at = this.events.length - 1; at >= 0 && events.length < SHOWN; at--) {
      if (this.shown.has(this.events[at].type)) events.push(this.events[at]);
    }
    const list = $("log");
    const old = new Map([...list.children].map((item) => [item.dataset.key, item]));
    list.replaceChildren(...events.map((event) => old.get(keyOf(event)) ?? entry(event)));
    $("log-empty").hidden = events.length > 0;
  }
}

function keyOf(event) {
  return `${event.sequence} ${event.time}`;
}

function entry(event) {
  const item = element("li", event.type === "call" ? `call ${event.outcome}` : event.type === "transition" ? `transition to-${event.to}` : event.type);
  item.dataset.key = keyOf(event);
  const time = element("time", "", clockTime(event.at));
  time.dateTime = event.time;
  item.append(time, element("span", "type", TYPES[event.type] ?? event.type), element("span", "words", describe(event)));
  return item;
}

// ---- announcements -------------------------------------------------------------------------------

/** What a screen reader says by itself: only what matters, and at most one thing every two seconds. */
export class Announcer {
  constructor() {
    this.waiting = [];
    this.last = 0;
  }

  say(text) {
    this.waiting.push(text);
  }

  update(at) {
    if (this.waiting.length === 0 || at - this.last < 2000) return;
    this.last = at;
    // Of many, the last ones are what holds now.
    $("announcement").textContent = this.waiting.slice(-2).join(". ");
    this.waiting = [];
  }
}
