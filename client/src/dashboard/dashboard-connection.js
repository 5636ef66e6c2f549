// The server: its stream of events, and its endpoints.

const TYPES = [
  "transition", "rejection-burst", "retry", "release", "reset", "lease-expired", "mode", "call", "calls-skipped",
];
/** An answer that takes longer than this counts as none. */
const PATIENCE = 4000;
/** After an end that EventSource takes for final (an answer that is no stream). */
const AGAIN = 2000;

/** What the server answered instead of a 2xx, or why there was no answer. */
export class ApiError extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** The endpoints. The admin token lives here, and nowhere else. */
export class Api {
  constructor() {
    this.token = "";
    /** Told of the Date header of each answer. */
    this.onDate = () => {};
  }

  get(path, signal = AbortSignal.timeout(PATIENCE)) {
    return this.fetch(path, { signal });
  }

  /** A request that changes something; it carries the admin token, if there is one. */
  change(method, path, body, signal) {
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return this.fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  }

  async fetch(path, init) {
    const { response, body } = await this.answer(path, init);
    if (response.ok) return body;
    const reason = body?.message ?? response.statusText;
    throw new ApiError(response.status, reason, body);
  }

  /** Whatever the status: a call's 500 is an answer, too. */
  async answer(path, init = {}) {
    let response;
    try {
      response = await fetch(path, { cache: "no-store", ...init });
    } catch (error) {
      if (init.signal?.aborted && error.name === "AbortError") throw error;
      throw new ApiError(0, error.name === "TimeoutError" ? "no answer in time" : "the server cannot be reached");
    }
    this.onDate(response.headers.get("date"));
    const body = await response.json().catch(() => null);
    return { response, body };
  }
}

/** The stream of events. EventSource connects again by itself, with Last-Event-ID; what it gives up
 *  on, and what only looks alive, is begun anew. */
export class Stream {
  /** `on.event(event, replayed)`, `on.hello(hello)`, `on.open()`, `on.lost()`. */
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.live = false;
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource(this.url);
    this.source = source;
    source.addEventListener("open", () => {
      this.live = true;
      this.on.open();
    });
    source.addEventListener("error", () => {
      this.lose();
      // Refused for good (503: too many streams; a proxy's page): EventSource does not try again.
      if (source.readyState === EventSource.CLOSED) this.timer = setTimeout(() => this.connect(), AGAIN);
    });
    source.addEventListener("hello", (message) => this.on.hello(JSON.parse(message.data)));
    source.addEventListener("gap", (message) => this.on.gap(JSON.parse(message.data)));
    for (const type of TYPES) {
      source.addEventListener(type, (message) => this.on.event(JSON.parse(message.data)));
    }
  }

  /** Begins anew if the stream only looks alive. */
  doubt() {
    if (!this.live) return;
    this.lose();
    this.connect();
  }

  lose() {
    this.live = false;
    this.on.lost();
  }
}
