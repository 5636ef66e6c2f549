// Announcements for screen readers.

import { byId } from "../dom.js";

/** Milliseconds between two announcements. */
const PAUSE = 2000;

export class Announcer {
  constructor() {
    this.waiting = [];
    this.announcedAt = 0;
  }

  say(text) {
    this.waiting.push(text);
  }

  /** Announces what waits, if the last announcement is long enough ago. Drops all but the two newest texts. */
  update(at) {
    if (this.waiting.length === 0 || at - this.announcedAt < PAUSE) return;
    this.announcedAt = at;
    byId("announcement").textContent = this.waiting.slice(-2).join(". ");
    this.waiting = [];
  }
}
