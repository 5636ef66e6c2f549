// The upstreams of the client and the states of their circuits, without DOM and network.

/** A list is sorted by these states. */
const ORDER = ["open", "half-open", "closed"];

export class Upstreams {
  constructor() {
    /** The entries of `GET /api/upstreams`, updated by events. The first is the lab's backend. */
    this.all = [];
    /** When an event has changed the state of an upstream, by its name. */
    this.changedAt = new Map();
  }

  /** Stores an answer of `GET /api/upstreams` to a request from the time `asked`. A state that an event has changed
   *  since then stays. */
  observe(list, asked) {
    const known = new Map(this.all.map((upstream) => [upstream.name, upstream]));
    this.all = list.map((upstream) => {
      const newer = (this.changedAt.get(upstream.name) ?? 0) >= asked && known.get(upstream.name);
      return newer ? { ...upstream, state: newer.state, mode: newer.mode } : upstream;
    });
    const names = new Set(list.map(({ name }) => name));
    for (const name of this.changedAt.keys()) if (!names.has(name)) this.changedAt.delete(name);
  }

  /** Takes an event from the time `at`. Returns the upstream if its state or mode has changed. */
  follow(event, at) {
    const upstream = this.find(event.breaker);
    const key = { transition: "state", mode: "mode" }[event.type];
    if (!upstream || !key) return null;
    upstream[key] = event.to;
    this.changedAt.set(upstream.name, at);
    return upstream;
  }

  find(name) {
    return this.all.find((upstream) => upstream.name === name);
  }

  /** True for the lab's backend, which has a baseline, fault plans and endpoints of its own. */
  isLab(upstream) {
    return upstream === this.all[0];
  }

  /** The upstreams whose circuits are not closed first. */
  sorted() {
    const rank = ({ state }) => ORDER.indexOf(state);
    return [...this.all].sort((a, b) => rank(a) - rank(b));
  }

  /** "1 open, 4 closed". */
  summary() {
    const count = (state) => this.all.filter((upstream) => upstream.state === state).length;
    const parts = ORDER.map((state) => [count(state), state]).filter(([number]) => number > 0);
    return parts.map(([number, state]) => `${number} ${state}`).join(", ");
  }
}
