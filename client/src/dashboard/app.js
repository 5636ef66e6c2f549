// The dashboard: stores what the server reports in the model, and updates the views.

import { Comparison } from "./charts/comparison.js";
import { Timeline } from "./charts/timeline.js";
import { Waterfall } from "./charts/waterfall.js";
import { Controls } from "./controls/controls.js";
import { Api, ApiError } from "./data/api.js";
import { Clock } from "./data/clock.js";
import { Model } from "./data/model.js";
import { Stream } from "./data/stream.js";
import { byId, setText } from "./dom.js";
import { Announcer } from "./panels/announcer.js";
import { Counters } from "./panels/counters.js";
import { EventLog } from "./panels/event-log.js";
import { Lamp } from "./panels/lamp.js";
import { Policies } from "./panels/policies.js";
import { setUpTheme } from "./theme.js";

/** Milliseconds between two refreshes, after an event and without events. */
const BUSY = 500;
const IDLE = 3000;
/** Milliseconds between two refreshes of the fault plan. */
const FAULTS = 5000;
/** If no event came for this many milliseconds, requests that time out make the stream suspect. */
const SILENCE = 6000;
/** For this many milliseconds after a connection opens, the server may repeat old events. */
const REPLAY = 1000;

const clock = new Clock();
const now = () => clock.now(Date.now());
const model = new Model();
const api = new Api();
api.onDate = (header) => clock.estimate(header, Date.now());

const lamp = new Lamp(model, now);
const timeline = new Timeline(model, now);
const comparison = new Comparison(model, now);
const waterfall = new Waterfall();
const counters = new Counters();
const policies = new Policies();
const log = new EventLog();
const announcer = new Announcer();
const controls = new Controls(api, refreshSoon);

// ---- events --------------------------------------------------------------------------------------

function take(event, live) {
  if (live) clock.refine(Date.parse(event.time), Date.now());
  if (!model.take(event, live)) return;
  log.add(event);
  if (event.type === "call") waterfall.add(event);
  refreshSoon();
  if (!live) return;
  if (event.type === "transition") {
    stateEventAt = performance.now();
    announcer.say(`Circuit ${event.to}: ${event.cause}`);
    lamp.update();
  } else if (event.type === "mode") {
    stateEventAt = performance.now();
    announcer.say(`Breaker mode: ${event.to}`);
    lamp.update();
  }
}

let openedAt = 0;

/** False for an old event that the server repeats after a reconnect. */
function isLive(event) {
  return performance.now() - openedAt > REPLAY || Math.abs(Date.parse(event.time) - now()) < 1000;
}

const stream = new Stream("api/events", {
  open() {
    openedAt = lastEventAt = performance.now();
    if (model.outages.at(-1)?.to === null) announcer.say("Connected again");
    model.found(now());
    showConnection("live");
    refresh();
    controls.faults.refresh();
  },
  lost() {
    if (document.body.dataset.connection === "lost") return;
    model.lost(now());
    announcer.say("Connection lost");
    showConnection("lost");
  },
  hello(hello) {
    model.observe(hello.circuit_breaker, now());
    stateEventAt = performance.now();
    lamp.update();
    loadHistory();
  },
  gap(gap) {
    log.add({ ...gap, type: "gap", sequence: `gap ${gap.missed_from}`, time: new Date(now()).toISOString() });
    loadHistory();
  },
  event(event) {
    lastEventAt = performance.now();
    take(event, isLive(event));
  },
});

/** Loads the events from before the page was opened or while it had no connection. */
async function loadHistory() {
  try {
    for (const query of ["limit=200&type=transition,mode,reset", "limit=1000"]) {
      const { events } = await api.get(`api/events/history?${query}`);
      for (const event of events) take(event, false);
    }
    waterfall.update(performance.now());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

// ---- connection ----------------------------------------------------------------------------------

let lostAt = 0;

function showConnection(state) {
  document.body.dataset.connection = state;
  byId("connection").textContent = state;
  byId("banner").hidden = state !== "lost";
  if (state === "lost") lostAt = performance.now();
}

function showOutage(at) {
  if (document.body.dataset.connection !== "lost") return;
  const seconds = Math.round((at - lostAt) / 1000);
  setText(byId("banner-text"), `The data is ${seconds < 2 ? "less than 2" : seconds} s old. Reconnecting.`);
}

// ---- polling -------------------------------------------------------------------------------------

let stateEventAt = 0;
let refreshing = false;
let refreshedAt = 0;
let wanted = false;
let failures = 0;
let lastEventAt = 0;

function refreshSoon() {
  wanted = true;
}

/** Reads the state and the counters. Ignores the state if an event has changed it since the request. */
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  wanted = false;
  refreshedAt = performance.now();
  try {
    const asked = performance.now();
    const breaker = await api.get("api/circuit-breaker");
    if (stateEventAt < asked) model.observe(breaker, now());
    const stats = await api.get("api/stats");
    counters.update(stats);
    policies.update(stats);
    failures = 0;
    lamp.update();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // EventSource does not notice a dead connection. A second failure excludes a browser without a free connection.
    if (error.status === 0 && performance.now() - lastEventAt > SILENCE && ++failures >= 2) stream.reconnect();
    wanted = true;
  } finally {
    refreshing = false;
  }
}

let faultsAt = performance.now();

function tick() {
  const at = performance.now();
  const due = at - refreshedAt > (wanted ? BUSY : IDLE);
  if (due && !document.hidden && document.body.dataset.connection === "live") refresh();
  if (at - faultsAt > FAULTS && !document.hidden && document.body.dataset.connection === "live") {
    faultsAt = at;
    controls.faults.refresh();
  }
  lamp.update();
  waterfall.update(at);
  log.update();
  announcer.update(at);
  showOutage(at);
}

function slowTick() {
  model.forget(now());
  comparison.update();
  timeline.describe();
}

function frame(at) {
  timeline.draw(at);
  requestAnimationFrame(frame);
}

setUpTheme(() => timeline.restyle());
setInterval(tick, 100);
setInterval(slowTick, 1000);
requestAnimationFrame(frame);
