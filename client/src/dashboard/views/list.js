// The list of all upstreams, with the states of their circuits.

import { byId, element, setText } from "../dom.js";
import { number } from "../text/format.js";
import { MODES } from "../text/words.js";

/** The address of the page of an upstream. */
export const pageOf = (name) => `#${encodeURIComponent(name)}`;

export class List {
  constructor(upstreams, announcer) {
    Object.assign(this, { upstreams, announcer });
    this.body = byId("upstreams");
    /** The rows by the names of their upstreams. */
    this.rows = new Map();
    this.title = "Resilience lab";
    this.path = "api/events?type=transition,mode";
  }

  /** `missing` is a name that no upstream has. */
  show(missing) {
    byId("missing").hidden = !missing;
    setText(byId("missing"), missing ? `There is no upstream “${missing}”.` : "");
    this.update();
  }

  take(event, live) {
    if (!live) return;
    const upstream = this.upstreams.follow(event, performance.now());
    if (!upstream) return;
    const mode = event.type === "mode";
    this.announcer.say(`${upstream.name}: ${mode ? `breaker mode ${event.to}` : `circuit ${event.to}`}`);
    this.update();
  }

  update() {
    setText(byId("upstreams-note"), this.upstreams.summary());
    document.title = `${this.upstreams.summary()} · ${this.title}`;
    const sorted = this.upstreams.sorted();
    for (const upstream of sorted) {
      if (!this.rows.has(upstream.name)) this.rows.set(upstream.name, new Row(upstream.name));
      this.rows.get(upstream.name).update(upstream);
    }
    for (const name of this.rows.keys()) if (!this.upstreams.find(name)) this.rows.delete(name);
    const rows = sorted.map(({ name }) => this.rows.get(name).element);
    const same = rows.length === this.body.children.length && rows.every((row, at) => row === this.body.children[at]);
    if (same) return;
    // An element that moves loses the focus.
    const focused = document.activeElement;
    this.body.replaceChildren(...rows);
    if (this.body.contains(focused)) focused.focus({ preventScroll: true });
  }
}

class Row {
  constructor(name) {
    this.element = element("tr");
    this.state = element("td", "circuit");
    this.badge = element("span", "badge");
    this.mode = element("span", "mode");
    this.state.append(this.badge, this.mode);
    const heading = element("th");
    heading.scope = "row";
    const link = element("a", "", name);
    link.href = pageOf(name);
    this.url = element("span", "url");
    this.ejected = element("span", "ejected");
    heading.append(link, this.url, this.ejected);
    this.cells = ["all", "failed", "refused", "in-flight"].map((part) => element("td", part));
    this.element.append(this.state, heading, ...this.cells);
  }

  update({ state, mode, url, calls, endpoints = [] }) {
    this.element.dataset.circuit = state;
    setText(this.badge, state);
    setText(this.mode, mode === "auto" ? "" : MODES[mode] ?? mode);
    setText(this.url, url);
    const ejected = endpoints.filter((endpoint) => endpoint.ejected).length;
    setText(this.ejected, ejected ? `${ejected} of ${endpoints.length} endpoints ejected` : "");
    const { total_requests, failed_requests, rejected_requests, calls_in_flight } = calls;
    [total_requests, failed_requests, rejected_requests, calls_in_flight].forEach((count, at) => {
      setText(this.cells[at], number(count));
    });
  }
}
