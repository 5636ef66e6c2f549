// Steady traffic: resilient and baseline calls in turn, at a constant rate.

import { byId, showResult } from "../dom.js";
import { percent } from "../text/format.js";

/** The maximum number of calls in flight of each kind. Separate limits keep slow calls of one kind from stopping the
 *  other. Resilient calls get more, because their waits make them slower. */
const LIMITS = { resilient: 3, baseline: 1 };

export class SteadyTraffic {
  constructor(controls, paths) {
    this.controls = controls;
    this.paths = { resilient: paths.call, baseline: paths.baseline };
    this.inFlight = { resilient: 0, baseline: 0 };
    this.rate = byId("steady-rate");
    this.rate.addEventListener("input", () => {
      this.showRate();
      if (this.timer) this.start();
    });
    this.showRate();
    byId("steady").addEventListener("click", () => (this.timer ? this.stop() : this.start()));
  }

  showRate() {
    const text = `${this.rate.value} a second`;
    byId("steady-value").textContent = text;
    this.rate.setAttribute("aria-valuetext", text);
  }

  start() {
    this.stop();
    this.sent = this.missed = 0;
    byId("steady").setAttribute("aria-checked", "true");
    let kind = "baseline";
    this.timer = setInterval(() => {
      kind = kind === "baseline" ? "resilient" : "baseline";
      this.call(kind);
    }, 500 / Number(this.rate.value));
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    byId("steady").setAttribute("aria-checked", "false");
    showResult("steady-result", "");
  }

  async call(kind) {
    if (this.inFlight[kind] >= LIMITS[kind] || !this.controls.hasRoom()) {
      this.missed++;
    } else {
      this.sent++;
      await this.send(kind);
    }
    if (!this.timer) return;
    const share = this.missed / (this.sent + this.missed);
    const note = `The browser limits concurrent calls. It sends ${percent(1 - share)} of this rate.`;
    showResult("steady-result", share > 0.05 ? note : "");
  }

  async send(kind) {
    this.inFlight[kind]++;
    this.controls.inFlight++;
    try {
      await this.controls.api.answer(this.paths[kind]);
    } catch {
      // The banner reports a lost connection.
    } finally {
      this.inFlight[kind]--;
      this.controls.inFlight--;
    }
  }
}
