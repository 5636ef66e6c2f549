// The stress test: many calls at once, of which a share fails.

import { byId, showResult } from "../dom.js";
import { duration, plural } from "../text/format.js";

export class StressTest {
  constructor(controls) {
    this.controls = controls;
    this.rate = byId("stress-rate");
    this.rate.addEventListener("input", () => this.showRate());
    this.showRate();
    byId("stress").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.running) this.running.abort();
      else this.run();
    });
  }

  showRate() {
    byId("stress-value").textContent = `${this.rate.value} %`;
    this.rate.setAttribute("aria-valuetext", `${this.rate.value} percent`);
  }

  async run() {
    const { controls } = this;
    this.running = new AbortController();
    controls.inFlight++;
    const begin = performance.now();
    const count = Number(byId("stress-count").value);
    byId("stress-run").textContent = "Stop";
    showResult("stress-result", `${plural(count, "call")} in flight …`);
    try {
      const plan = { num_requests: count, failure_rate: Number(this.rate.value) / 100 };
      const result = await controls.api.change("POST", "api/stress-test", plan, this.running.signal);
      const statuses = Object.entries(result.summary.by_status).map(([status, n]) => `${n} × ${status}`);
      const time = duration((performance.now() - begin) / 1000);
      const state = result.final_circuit_breaker_state;
      showResult("stress-result", `${statuses.join(", ")} in ${time}; the circuit is ${state}.`);
    } catch (error) {
      if (error.name === "AbortError") showResult("stress-result", "Stopped.");
      controls.failed("stress-result", error);
    } finally {
      this.running = null;
      controls.inFlight--;
      byId("stress-run").textContent = "Run";
      controls.changed();
    }
  }
}
