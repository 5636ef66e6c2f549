// The list of events, newest first.

import { byId, element, setText } from "../dom.js";
import { clockTime, number } from "../text/format.js";
import { TYPES, describe } from "../text/words.js";

const KEPT = 2000;
const SHOWN = 150;
/** Frequent types, hidden at first. */
const HIDDEN_AT_FIRST = ["call", "calls-skipped"];

/** Keeps the last events. Filters select the types to show. While the log is paused, the list does not change. */
export class EventLog {
  constructor() {
    this.events = [];
    this.unseen = 0;
    this.shown = new Set(Object.keys(TYPES).filter((type) => !HIDDEN_AT_FIRST.includes(type)));
    this.paused = false;
    const filters = Object.entries(TYPES).filter(([type]) => type !== "gap");
    byId("filters").append(...filters.map(([type, name]) => this.makeFilter(type, name)));
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
  }

  makeFilter(type, name) {
    const label = element("label", `chip ${type}`);
    const box = element("input");
    box.type = "checkbox";
    box.value = type;
    box.checked = this.shown.has(type);
    box.addEventListener("change", () => {
      if (box.checked) this.shown.add(type);
      else this.shown.delete(type);
      this.render();
    });
    label.append(box, element("span", "", name));
    return label;
  }

  pause(paused) {
    this.paused = paused;
    this.unseen = 0;
    byId("pause").setAttribute("aria-pressed", String(paused));
    setText(byId("pause"), paused ? "Resume" : "Pause");
    if (!paused) this.render();
  }

  clear() {
    this.events = [];
    this.pause(false);
  }

  /** Takes an event. The next update shows it. */
  add(event) {
    const time = Date.parse(event.time);
    let at = this.events.length;
    while (at > 0 && this.events[at - 1].at > time) at--;
    this.events.splice(at, 0, { ...event, at: time });
    if (this.events.length > KEPT) this.events.shift();
    if (!this.shown.has(event.type)) return;
    this.stale = true;
    if (this.paused) this.unseen++;
  }

  /** Shows new events; while paused, only their number. */
  update() {
    if (!this.stale) return;
    if (!this.paused) this.render();
    else setText(byId("pause"), this.unseen ? `Resume (${number(this.unseen)} new)` : "Resume");
  }

  render() {
    this.stale = false;
    const events = [];
    for (let at = this.events.length - 1; at >= 0 && events.length < SHOWN; at--) {
      if (this.shown.has(this.events[at].type)) events.push(this.events[at]);
    }
    const list = byId("log");
    const old = new Map([...list.children].map((item) => [item.dataset.key, item]));
    list.replaceChildren(...events.map((event) => old.get(keyOf(event)) ?? entry(event)));
    byId("log-empty").hidden = events.length > 0;
  }
}

function keyOf(event) {
  return `${event.sequence} ${event.time}`;
}

function entry(event) {
  const item = element("li", className(event));
  item.dataset.key = keyOf(event);
  const time = element("time", "", clockTime(event.at));
  time.dateTime = event.time;
  item.append(time, element("span", "type", TYPES[event.type] ?? event.type));
  item.append(element("span", "words", describe(event)));
  return item;
}

function className(event) {
  if (event.type === "call") return `call ${event.outcome}`;
  return event.type === "transition" ? `transition to-${event.to}` : event.type;
}
