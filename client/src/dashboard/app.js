// The dashboard: receives what the server reports, and shows the list of upstreams or one of them. With the lab's
// backend alone there is no list.

import { Api, ApiError } from "./data/api.js";
import { Clock } from "./data/clock.js";
import { Stream } from "./data/stream.js";
import { Upstreams } from "./data/upstreams.js";
import { byId, setText } from "./dom.js";
import { Announcer } from "./panels/announcer.js";
import { setUpTheme } from "./theme.js";
import { List } from "./views/list.js";
import { One } from "./views/one.js";

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
const api = new Api();
api.onDate = (header) => clock.estimate(header, Date.now());
const announcer = new Announcer();
const upstreams = new Upstreams();
const list = new List(upstreams, announcer);
const one = new One(api, clock, announcer, refreshSoon);
/** What is shown: `list`, `one`, or null before the first answer. */
let view = null;
/** The server does not know the upstream that is shown. */
let gone = false;

// ---- views ---------------------------------------------------------------------------------------

/** The name of an upstream in the address of the page. */
function wantedName() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** Shows what the address of the page says. `moved`: the user has changed it. */
function route(moved) {
  const alone = upstreams.all.length === 1;
  const name = alone ? upstreams.all[0].name : wantedName();
  const upstream = upstreams.find(name);
  gone = false;
  if (!upstream) {
    view = list;
    list.show(name);
    one.upstream = null;
  } else {
    view = one;
    if (one.upstream?.name === name) return;
    one.show(upstream, { lab: upstreams.isLab(upstream), alone });
  }
  document.body.dataset.view = view === list ? "list" : alone ? "alone" : "one";
  stream.open(view.path);
  if (!moved) return;
  refresh();
  scrollTo(0, 0);
  byId(view === list ? "upstreams-title" : "one-name").focus({ preventScroll: true });
}

async function loadUpstreams() {
  const asked = performance.now();
  upstreams.observe((await api.get("api/upstreams")).upstreams, asked);
  route(false);
}

addEventListener("hashchange", () => upstreams.all.length > 0 && route(true));
// The address of the page names an upstream, not a part of the page.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId(view === list ? "upstreams-title" : "controls").focus();
});

// ---- events --------------------------------------------------------------------------------------

let openedAt = 0;

/** False for an old event that the server repeats after a reconnect. */
function isLive(event) {
  return performance.now() - openedAt > REPLAY || Math.abs(Date.parse(event.time) - now()) < 1000;
}

const stream = new Stream({
  open() {
    openedAt = lastEventAt = performance.now();
    if (document.body.dataset.connection === "lost") announcer.say("Connected again");
    if (view === one) one.found();
    showConnection("live");
    refresh();
  },
  lost() {
    if (document.body.dataset.connection === "lost") return;
    if (view === one) one.lost();
    announcer.say("Connection lost");
    showConnection("lost");
  },
  hello(hello) {
    if (view === one) one.hello(hello);
  },
  gap(gap) {
    if (view === one) one.gap(gap);
    else refresh();
  },
  event(event) {
    lastEventAt = performance.now();
    const live = isLive(event);
    if (live) clock.refine(Date.parse(event.time), Date.now());
    view.take(event, live);
  },
});

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

let refreshing = false;
let refreshedAt = -IDLE;
let wanted = false;
let failures = 0;
let lastEventAt = 0;

function refreshSoon() {
  wanted = true;
}

/** Reads states and counters. Without a connection, only which upstreams there are. */
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  wanted = false;
  refreshedAt = performance.now();
  try {
    const live = document.body.dataset.connection === "live";
    if (view !== one || !live || gone) await loadUpstreams();
    if (view === one && live) await one.refresh();
    failures = 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failed(error);
  } finally {
    refreshing = false;
  }
}

function failed(error) {
  wanted = true;
  gone = error.status === 404;
  // EventSource does not notice a dead connection. A second failure excludes a browser without a free connection.
  if (error.status === 0 && performance.now() - lastEventAt > SILENCE && ++failures >= 2) stream.reconnect();
}

let faultsAt = performance.now();

function tick() {
  const at = performance.now();
  const live = document.body.dataset.connection === "live";
  const due = at - refreshedAt > (wanted && live ? BUSY : IDLE);
  if (due && !document.hidden) refresh();
  if (at - faultsAt > FAULTS && !document.hidden && live && view === one && one.lab) {
    faultsAt = at;
    one.controls.faults.refresh();
  }
  if (view === one) one.tick(at);
  announcer.update(at);
  showOutage(at);
}

function frame(at) {
  if (view !== list) one.timeline.draw(at);
  requestAnimationFrame(frame);
}

setUpTheme(() => one.timeline.restyle());
refresh();
setInterval(tick, 100);
setInterval(() => view === one && one.slowTick(), 1000);
requestAnimationFrame(frame);
