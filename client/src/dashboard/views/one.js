// The view of one upstream: stores what the server reports about it in the model, and updates the panels.

import { Comparison } from "../charts/comparison.js";
import { Timeline } from "../charts/timeline.js";
import { Waterfall } from "../charts/waterfall.js";
import { Controls } from "../controls/controls.js";
import { ApiError } from "../data/api.js";
import { Model } from "../data/model.js";
import { byId, setText } from "../dom.js";
import { Counters } from "../panels/counters.js";
import { EventLog } from "../panels/event-log.js";
import { Lamp } from "../panels/lamp.js";
import { Policies } from "../panels/policies.js";

export class One {
  /** `changed` is called after everything that may change state or counters. */
  constructor(api, clock, announcer, changed) {
    const now = () => clock.now(Date.now());
    Object.assign(this, { api, clock, announcer, changed, now });
    const model = new Model();
    this.model = model;
    this.lamp = new Lamp(model, now);
    this.timeline = new Timeline(model, now);
    this.comparison = new Comparison(model, now);
    this.waterfall = new Waterfall();
    this.counters = new Counters();
    this.policies = new Policies();
    this.log = new EventLog();
    this.controls = new Controls(api, changed);
    /** The upstream that is shown; null before the first. */
    this.upstream = null;
  }

  /** Shows an upstream. `lab`: it is the lab's backend. `alone`: the client has no other. */
  show(upstream, { lab, alone }) {
    this.upstream = upstream;
    this.lab = lab;
    const name = encodeURIComponent(upstream.name);
    this.path = `api/events${alone ? "" : `?upstream=${name}`}`;
    this.filter = alone ? "" : `&upstream=${name}`;
    this.circuit = alone ? "api/circuit-breaker" : `api/upstreams/${name}`;
    this.stateEventAt = 0;
    this.model.clear(lab);
    this.log.clear();
    this.waterfall.clear();
    this.lamp.show(lab ? "the backend" : upstream.name, alone ? "Resilience lab" : upstream.name, upstream.state);
    this.counters.update({ statistics: {} });
    this.policies.update({});
    this.controls.show(this.circuit, lab);
    document.body.dataset.kind = lab ? "lab" : "gateway";
    setText(byId("one-name"), upstream.name);
    setText(byId("one-url"), upstream.url);
    this.slowTick();
  }

  hello(hello) {
    this.model.observe(hello.circuit_breaker, this.now());
    this.stateEventAt = performance.now();
    this.lamp.update();
    this.loadHistory();
  }

  gap(gap) {
    const time = new Date(this.now()).toISOString();
    this.log.add({ ...gap, type: "gap", sequence: `gap ${gap.missed_from}`, time });
    this.loadHistory();
  }

  found() {
    this.model.found(this.now());
    if (this.lab) this.controls.faults.refresh();
  }

  lost() {
    this.model.lost(this.now());
  }

  take(event, live) {
    if (!this.model.take(event, live)) return;
    this.log.add(event);
    if (event.type === "call") this.waterfall.add(event);
    this.changed();
    if (!live) return;
    if (event.type === "transition") {
      this.stateEventAt = performance.now();
      this.announcer.say(`Circuit ${event.to}: ${event.cause}`);
      this.lamp.update();
    } else if (event.type === "mode") {
      this.stateEventAt = performance.now();
      this.announcer.say(`Breaker mode: ${event.to}`);
      this.lamp.update();
    }
  }

  /** Loads the events from before the page was opened or while it had no connection. */
  async loadHistory() {
    const { upstream } = this;
    try {
      for (const query of ["limit=200&type=transition,mode,reset", "limit=1000"]) {
        const { events } = await this.api.get(`api/events/history?${query}${this.filter}`);
        if (upstream !== this.upstream) return;
        for (const event of events) this.take(event, false);
      }
      this.waterfall.update(performance.now());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** Reads the state and the counters. Ignores the state if an event has changed it since the request. */
  async refresh() {
    const { upstream } = this;
    const asked = performance.now();
    const breaker = await this.api.get(this.circuit);
    const stats = this.lab ? await this.api.get("api/stats") : { statistics: statistics(breaker), ...breaker };
    if (upstream !== this.upstream) return;
    if (this.stateEventAt < asked) this.model.observe(breaker, this.now());
    this.counters.update(stats);
    this.policies.update(stats);
    this.lamp.update();
  }

  tick(at) {
    this.lamp.update();
    this.waterfall.update(at);
    this.log.update();
  }

  slowTick() {
    this.model.forget(this.now());
    this.comparison.update();
    this.timeline.describe();
  }
}

/** The counters of an upstream in the form of those of the lab. */
function statistics({ calls, open_count }) {
  return { ...calls, circuit_breaker_open_count: open_count };
}
