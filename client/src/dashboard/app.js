// The dashboard: what the server tells goes into the model, and the views show the model.

import { Clock, Model } from "./dashboard-model.js";
import { Api, ApiError, Stream } from "./dashboard-connection.js";
import { Comparison, Timeline, Waterfall } from "./dashboard-charts.js";
import { Announcer, Counters, Lamp, Log } from "./dashboard-panels.js";
import { Controls } from "./dashboard-controls.js";

const $ = (id) => document.getElementById(id);

/** Between two refreshes: when something happens, and when nothing does. */
const BUSY = 500;
const IDLE = 3000;
const FAULTS = 5000;
/** Without an event for so long, a question without an answer makes the stream doubtful. */
const SILENCE = 6000;

const clock = new Clock();
const now = () => clock.now(Date.now());
const model = new Model();
const api = new Api();
api.onDate = (header) => clock.roughly(header, Date.now());

const lamp = new Lamp(model, now);
const timeline = new Timeline($("timeline"), $("readout"), model, now);
const comparison = new Comparison(document.querySelector(".compare"), model, now);
const waterfall = new Waterfall($("waterfall"), $("waterfall-empty"), $("waterfall-axis"), $("retried-only"));
const counters = new Counters();
const log = new Log();
const announcer = new Announcer();
const controls = new Controls(api, () => refreshSoon());

// ---- events --------------------------------------------------------------------------------------

function take(event, live) {
  if (live) clock.exactly(Date.parse(event.time), Date.now());
  if (!model.take(event, live)) return;
  log.add(event);
  if (event.type === "call") waterfall.add(event);
  refreshSoon();
  if (!live) return;
  if (event.type === "transition") {
    stateHeard = performance.now();
    announcer.say(`Circuit ${event.to}: ${event.cause}`);
    lamp.update();
  } else if (event.type === "mode") {
    stateHeard = performance.now();
    announcer.say(`Breaker mode: ${event.to}`);
    lamp.update();
  }
}

// After a reconnect the first events are old ones, and say nothing about the clock.
let openedAt = 0;
const isFresh = (event) => performance.now() - openedAt > 1000 || Math.abs(Date.parse(event.time) - now()) < 1000;

const stream = new Stream("api/events", {
  open() {
    openedAt = heardAt = performance.now();
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
    stateHeard = performance.now();
    lamp.update();
    fillIn();
  },
  gap(gap) {
    log.add({ ...gap, type: "gap", sequence: `gap ${gap.missed_from}`, time: new Date(now()).toISOString() });
    fillIn();
  },
  event(event) {
    heardAt = performance.now();
    take(event, isFresh(event));
  },
});

/** What happened before the page was there, or while it was cut off. */
async function fillIn() {
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
  $("connection").textContent = state;
  $("banner").hidden = state !== "lost";
  if (state === "lost") lostAt = performance.now();
}

function showOutage(at) {
  if (document.body.dataset.connection !== "lost") return;
  const seconds = Math.round((at - lostAt) / 1000);
  const text = `What you see is ${seconds < 2 ? "what was last heard" : `${seconds} s old`}. Trying again.`;
  if ($("banner-text").textContent !== text) $("banner-text").textContent = text;
}

// ---- what is asked -------------------------------------------------------------------------------

let stateHeard = 0;
let refreshing = false;
let refreshedAt = 0;
let wanted = false;
let failures = 0;
let heardAt = 0;

function refreshSoon() {
  wanted = true;
}

/** Asks for state and counters. What was asked before an event came does not overrule the event. */
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  wanted = false;
  refreshedAt = performance.now();
  try {
    const asked = performance.now();
    const breaker = await api.get("api/circuit-breaker");
    if (stateHeard < asked) model.observe(breaker, now());
    counters.update(await api.get("api/stats"));
    failures = 0;
    lamp.update();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // A connection can be dead without EventSource knowing; or the browser has none free for us.
    if (error.status === 0 && performance.now() - heardAt > SILENCE && ++failures >= 2) stream.doubt();
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

// ---- theme ---------------------------------------------------------------------------------------

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").value = theme;
  timeline.restyle();
}

function setUpTheme() {
  let theme = "auto";
  try {
    theme = localStorage.getItem("theme") ?? "auto";
  } catch {
    // Storage may be forbidden: then the choice holds for this page.
  }
  setTheme(["light", "dark"].includes(theme) ? theme : "auto");
  $("theme").addEventListener("change", () => {
    setTheme($("theme").value);
    try {
      localStorage.setItem("theme", $("theme").value);
    } catch {
      // As above.
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => timeline.restyle());
}

setUpTheme();
setInterval(tick, 100);
setInterval(slowTick, 1000);
requestAnimationFrame(frame);
