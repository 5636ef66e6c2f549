// The stream of events from the client-service (Server-Sent Events).

const TYPES = [
  "transition", "rejection-burst", "retry", "retry-refused", "release", "reset", "lease-expired", "mode",
  "reconfigured", "call", "calls-skipped",
];
/** Milliseconds before a new EventSource, after the browser has closed one for good. */
const RECONNECT_DELAY = 2000;

/** A stream that always reconnects. EventSource reconnects by itself after most failures, with Last-Event-ID. This
 *  class replaces an EventSource that the browser has closed, or that delivers nothing. */
export class Stream {
  /** `on` has the methods `event(event)`, `gap(gap)`, `hello(hello)`, `open()` and `lost()`. */
  constructor(on) {
    this.on = on;
    this.live = false;
  }

  /** Receives the events of this URL, in place of those of another one. */
  open(url) {
    if (url === this.url) return;
    this.url = url;
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
      // The browser does not retry after an answer that is no stream, such as 503 for too many streams.
      if (source.readyState === EventSource.CLOSED) {
        this.timer = setTimeout(() => this.connect(), RECONNECT_DELAY);
      }
    });
    source.addEventListener("hello", (message) => this.on.hello(JSON.parse(message.data)));
    source.addEventListener("gap", (message) => this.on.gap(JSON.parse(message.data)));
    for (const type of TYPES) {
      source.addEventListener(type, (message) => this.on.event(JSON.parse(message.data)));
    }
  }

  /** Opens a new connection if the current one seems open but delivers nothing. */
  reconnect() {
    if (!this.live) return;
    this.lose();
    this.connect();
  }

  lose() {
    this.live = false;
    this.on.lost();
  }
}
