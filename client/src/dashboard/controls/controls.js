// What a user can do on the page. This file has single calls, the manual control of the breaker and the admin token.

import { ApiError } from "../data/api.js";
import { byId, showResult } from "../dom.js";
import { duration } from "../text/format.js";
import { Faults } from "./faults.js";
import { SteadyTraffic } from "./steady-traffic.js";
import { StressTest } from "./stress-test.js";

/** The maximum number of calls in flight. A browser opens six connections to a server. The event stream needs one, and
 *  one stays free for the page's own requests while the backend hangs. */
const MAX_IN_FLIGHT = 4;

const PATHS = {
  call: "api/call-backend",
  baseline: "api/call-backend-without-resilience",
  "test-retry": "api/test-retry",
};

export class Controls {
  /** `changed` is called after each action that may change state or counters. */
  constructor(api, changed) {
    Object.assign(this, { api, changed });
    this.inFlight = 0;
    this.setUpToken();
    this.setUpCalls();
    this.setUpBreaker();
    this.steady = new SteadyTraffic(this, PATHS);
    new StressTest(this);
    this.faults = new Faults(this);
  }

  /** Controls the circuit at another path. Ends what only the lab's backend has, unless `lab`. */
  show(circuit, lab) {
    this.circuit = circuit;
    showResult("breaker-result", "");
    if (!lab) this.steady.stop();
  }

  hasRoom() {
    return this.inFlight < MAX_IN_FLIGHT;
  }

  /** Shows an error beside the control that caused it. */
  failed(id, error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      showResult(id, "401: unauthorized. Enter the admin token below “Breaker control”.", true);
      this.refuseToken();
    } else {
      showResult(id, error.status ? `${error.status}: ${error.message}` : error.message, true);
    }
  }

  setUpToken() {
    const note = byId("token-note").textContent;
    byId("token-form").addEventListener("submit", (event) => event.preventDefault());
    byId("token").addEventListener("input", () => {
      this.api.token = byId("token").value.trim();
      byId("token").removeAttribute("aria-invalid");
      byId("token-form").classList.remove("refused");
      byId("token-note").textContent = note;
    });
  }

  refuseToken() {
    byId("token").setAttribute("aria-invalid", "true");
    byId("token-form").classList.add("refused");
    byId("token-note").textContent = this.api.token
      ? "401: the server does not accept this token."
      : "401: the server requires its admin token. Enter it and try again.";
  }

  setUpCalls() {
    for (const [id, path] of Object.entries(PATHS)) {
      byId(id).addEventListener("click", () => this.callOnce(byId(id), path));
    }
  }

  async callOnce(button, path) {
    if (!this.hasRoom()) {
      showResult("call-result", `${MAX_IN_FLIGHT} calls are in flight. Wait until one ends.`, true);
      return;
    }
    const begin = performance.now();
    const show = (text, wrong) => showResult("call-result", `${button.textContent}: ${text}`, wrong);
    this.count(button, 1);
    show("in flight …");
    try {
      const { response, body } = await this.api.answer(path);
      const seconds = body?.elapsed_time_seconds ?? (performance.now() - begin) / 1000;
      const attempts = body?.attempts > 1 ? `, ${body.attempts} attempts` : "";
      const reason = response.ok ? "" : ` · ${reasonOf(body)}`;
      show(`${response.status} in ${duration(seconds)}${attempts}${reason}`, !response.ok);
    } catch (error) {
      this.failed("call-result", error);
    } finally {
      this.count(button, -1);
      this.changed();
    }
  }

  count(button, change) {
    this.inFlight += change;
    const count = Number(button.dataset.inFlight ?? 0) + change;
    button.dataset.inFlight = String(count);
    button.setAttribute("aria-busy", String(count > 0));
  }

  setUpBreaker() {
    for (const action of ["reset", "force-open", "disable", "enable"]) {
      byId(action).addEventListener("click", async () => {
        try {
          const answer = await this.api.change("POST", `${this.circuit}/${action}`);
          showResult("breaker-result", sentence(answer.message ?? `now ${answer.state}`));
        } catch (error) {
          this.failed("breaker-result", error);
        }
        this.changed();
      });
    }
  }
}

function reasonOf(body) {
  return body?.backend_response?.message ?? body?.message ?? body?.backend_response?.error ?? "";
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
