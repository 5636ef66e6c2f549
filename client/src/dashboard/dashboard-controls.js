// What a user can do: calls, steady traffic, stress test, the breaker by hand, the backend's faults.

import { duration, percent, plural } from "./dashboard-model.js";
import { element } from "./dashboard-charts.js";
import { ApiError } from "./dashboard-connection.js";

const $ = (id) => document.getElementById(id);

/** A browser opens six connections to a server. One is the stream's and one is kept for what the page
 *  asks and does, so that steady traffic against a hanging backend blocks neither. */
const CONNECTIONS = 4;
/** So that both kinds of steady traffic move on: a resilient call with its waits takes longer. */
const STEADY = { resilient: 3, baseline: 1 };

const PATHS = {
  call: "api/call-backend",
  baseline: "api/call-backend-without-resilience",
  "test-retry": "api/test-retry",
};

function show(id, text, wrong = false) {
  const target = $(id);
  target.classList.toggle("wrong", wrong);
  if (target.textContent !== text) target.textContent = text;
}

export class Controls {
  /** `changed` is called after whatever may have changed something. */
  constructor(api, changed) {
    Object.assign(this, { api, changed });
    this.flying = 0;
    this.setUpToken();
    this.setUpCalls();
    this.setUpSteady();
    this.setUpStress();
    this.setUpBreaker();
    this.faults = new Faults(this);
  }

  /** Shows what went wrong, where it was asked for. */
  failed(id, error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    const unauthorized = error.status === 401;
    const said = error.status ? `${error.status}: ${error.message}` : error.message;
    show(id, unauthorized ? "401: not allowed. This needs the admin token, below “Breaker, by hand”." : said, true);
    if (unauthorized) this.refuseToken();
  }

  // ---- admin token

  setUpToken() {
    $("token-form").addEventListener("submit", (event) => event.preventDefault());
    $("token").addEventListener("input", () => {
      this.api.token = $("token").value.trim();
      $("token").removeAttribute("aria-invalid");
      $("token-form").classList.remove("refused");
      $("token-note").textContent = this.note;
    });
    this.note = $("token-note").textContent;
  }

  refuseToken() {
    $("token").setAttribute("aria-invalid", "true");
    $("token-form").classList.add("refused");
    $("token-note").textContent = this.api.token ? "401: the server does not accept this token." : "401: the server asks for its admin token. Enter it, and try again.";
  }

  // ---- calls

  setUpCalls() {
    for (const [id, path] of Object.entries(PATHS)) {
      $(id).addEventListener("click", () => this.callOnce(id, path));
    }
  }

  async callOnce(id, path) {
    if (this.flying >= CONNECTIONS) {
      show("call-result", `${CONNECTIONS} calls are under way: wait for one of them.`, true);
      return;
    }
    const button = $(id);
    const begin = performance.now();
    this.fly(button, 1);
    show("call-result", `${button.textContent}: under way …`);
    try {
      const { response, body } = await this.api.answer(path);
      const seconds = body?.elapsed_time_seconds ?? (performance.now() - begin) / 1000;
      const attempts = typeof body?.attempts === "number" && body.attempts > 1 ? `, ${body.attempts} attempts` : "";
      const why = response.ok ? "" : ` · ${body?.backend_response?.message ?? body?.message ?? body?.backend_response?.error ?? ""}`;
      show("call-result", `${button.textContent}: ${response.status} in ${duration(seconds)}${attempts}${why}`, !response.ok);
    } catch (error) {
      this.failed("call-result", error);
    } finally {
      this.fly(button, -1);
      this.changed();
    }
  }

  fly(button, change) {
    this.flying += change;
    const count = Number(button.dataset.flying ?? 0) + change;
    button.dataset.flying = String(count);
    button.setAttribute("aria-busy", String(count > 0));
  }

  // ---- steady traffic

  setUpSteady() {
    this.steady = { resilient: 0, baseline: 0 };
    const rate = $("steady-rate");
    const label = () => {
      const text = `${rate.value} a second`;
      $("steady-value").textContent = text;
      rate.setAttribute("aria-valuetext", text);
    };
    rate.addEventListener("input", () => {
      label();
      if (this.clock) this.startSteady();
    });
    label();
    $("steady").addEventListener("click", () => (this.clock ? this.stopSteady() : this.startSteady()));
  }

  startSteady() {
    clearInterval(this.clock);
    this.sent = this.missed = 0;
    $("steady").setAttribute("aria-checked", "true");
    let baseline = false;
    // Taking turns.
    this.clock = setInterval(() => {
      this.steadyCall(baseline ? "baseline" : "resilient");
      baseline = !baseline;
    }, 500 / Number($("steady-rate").value));
    show("steady-result", "");
  }

  stopSteady() {
    clearInterval(this.clock);
    this.clock = null;
    $("steady").setAttribute("aria-checked", "false");
    show("steady-result", "");
  }

  async steadyCall(kind) {
    if (this.steady[kind] >= STEADY[kind] || this.flying >= CONNECTIONS) {
      this.missed++;
    } else {
      this.sent++;
      this.steady[kind]++;
      this.flying++;
      try {
        await this.api.answer(kind === "baseline" ? PATHS.baseline : PATHS.call);
      } catch {
        // The banner says so.
      } finally {
        this.steady[kind]--;
        this.flying--;
      }
    }
    if (!this.clock) return;
    const share = this.missed / (this.sent + this.missed);
    show("steady-result", share > 0.05 ? `A browser keeps few calls in flight: ${percent(1 - share)} of these are sent.` : "");
  }

  // ---- stress test

  setUpStress() {
    const rate = $("stress-rate");
    const label = () => {
      $("stress-value").textContent = `${rate.value} %`;
      rate.setAttribute("aria-valuetext", `${rate.value} percent`);
    };
    rate.addEventListener("input", label);
    label();
    $("stress").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.stress) this.stress.abort();
      else this.runStress();
    });
  }

  async runStress() {
    this.stress = new AbortController();
    this.flying++;
    const begin = performance.now();
    const count = Number($("stress-count").value);
    $("stress-run").textContent = "Stop";
    show("stress-result", `${plural(count, "call")} under way …`);
    try {
      const plan = { num_requests: count, failure_rate: Number($("stress-rate").value) / 100 };
      const result = await this.api.change("POST", "api/stress-test", plan, this.stress.signal);
      const statuses = Object.entries(result.summary.by_status).map(([status, n]) => `${n} × ${status}`);
      const time = duration((performance.now() - begin) / 1000);
      show("stress-result", `${statuses.join(", ")} in ${time}; the circuit is ${result.final_circuit_breaker_state}.`);
    } catch (error) {
      if (error.name === "AbortError") show("stress-result", "Stopped.");
      this.failed("stress-result", error);
    } finally {
      this.stress = null;
      this.flying--;
      $("stress-run").textContent = "Run";
      this.changed();
    }
  }

  // ---- the breaker by hand

  setUpBreaker() {
    for (const action of ["reset", "force-open", "disable", "enable"]) {
      $(action).addEventListener("click", async () => {
        try {
          const answer = await this.api.change("POST", `api/circuit-breaker/${action}`);
          show("breaker-result", capital(answer.message ?? `now ${answer.state}`));
        } catch (error) {
          this.failed("breaker-result", error);
        }
        this.changed();
      });
    }
  }
}

function capital(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

// ---- faults --------------------------------------------------------------------------------------

const RATES = ["failure_rate", "slow_response_rate", "transient_failure_rate"];
const FIELDS = [...RATES, "slow_response_delay"];

const PRESETS = {
  healthy: { failure_rate: 0, slow_response_rate: 0, slow_response_delay: 5, transient_failure_rate: 0 },
  lab: { failure_rate: 0.3, slow_response_rate: 0.2, slow_response_delay: 5, transient_failure_rate: 0.6 },
  failing: { failure_rate: 1, slow_response_rate: 0, slow_response_delay: 5, transient_failure_rate: 1 },
  slow: { failure_rate: 0, slow_response_rate: 1, slow_response_delay: 5, transient_failure_rate: 0.6 },
};

/** The fault plan of all replicas of the backend, as sliders. */
class Faults {
  constructor(controls) {
    this.controls = controls;
    for (const field of FIELDS) {
      const slider = $(field);
      slider.addEventListener("input", () => {
        this.touched = true;
        this.keepSumValid(field);
        this.label();
      });
      slider.addEventListener("change", () => {
        clearTimeout(this.timer);
        // A key held down changes it many times.
        this.timer = setTimeout(() => this.put(this.plan()), 250);
      });
    }
    for (const button of document.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => this.put(PRESETS[button.dataset.preset]));
    }
    this.label();
  }

  /** Asks for the plan in force. */
  async refresh() {
    const changes = this.changes ?? 0;
    try {
      const { replicas } = await this.controls.api.get("api/backend/faults");
      if (changes === (this.changes ?? 0)) this.show(replicas);
    } catch (error) {
      if (error instanceof ApiError) {
        this.showNote(error.status ? `${error.status}: ${error.message}` : "");
        if (error.body?.replicas) this.show(error.body.replicas);
      } else throw error;
    }
  }

  plan() {
    const value = (field) => Number($(field).value);
    return Object.fromEntries(FIELDS.map((field) => [field, RATES.includes(field) ? value(field) / 100 : value(field)]));
  }

  async put(plan) {
    this.changes = (this.changes ?? 0) + 1;
    const change = this.changes;
    try {
      const { replicas } = await this.controls.api.change("PUT", "api/backend/faults", plan);
      if (change !== this.changes) return;
      this.touched = false;
      this.show(replicas);
      show("faults-result", `In force on ${plural(replicas.length, "replica")}.`);
    } catch (error) {
      this.touched = false;
      this.controls.failed("faults-result", error);
      if (error.body?.replicas) this.show(error.body.replicas);
      else this.refresh();
    }
  }

  show(replicas) {
    const plans = replicas.filter((replica) => replica.plan).map((replica) => replica.plan);
    const first = plans[0];
    const rates = (plan) => JSON.stringify(FIELDS.map((field) => plan[field]));
    const differ = plans.some((plan) => rates(plan) !== rates(first));
    const silent = replicas.length - plans.length;
    const notes = [plural(replicas.length, "replica")];
    if (silent) notes.push(`${silent} without an answer`);
    if (differ) notes.push("their plans differ");
    if (first?.sequence) notes.push("a sequence comes first");
    this.showNote(notes.join(", "));
    $("replicas").replaceChildren(...replicas.map(replicaRow));
    // Not while a hand is on a slider.
    if (!first || this.touched) return;
    for (const field of FIELDS) {
      const value = RATES.includes(field) ? first[field] * 100 : first[field];
      $(field).max = String(Math.max(RATES.includes(field) ? 100 : 10, Math.ceil(value)));
      $(field).value = String(value);
    }
    this.label();
  }

  showNote(text) {
    if ($("faults-note").textContent !== text) $("faults-note").textContent = text;
  }

  // Failed and late answers are shares of the same requests.
  keepSumValid(moved) {
    const other = { failure_rate: "slow_response_rate", slow_response_rate: "failure_rate" }[moved];
    if (!other) return;
    const room = 100 - Number($(moved).value);
    if (Number($(other).value) > room) $(other).value = String(room);
  }

  label() {
    for (const field of FIELDS) {
      const slider = $(field);
      const text = RATES.includes(field) ? `${Math.round(slider.value)} %` : `${Number(slider.value)} s`;
      slider.parentElement.querySelector(".value").textContent = text;
      slider.setAttribute("aria-valuetext", text.replace("%", "percent"));
    }
    const plan = this.plan();
    for (const button of document.querySelectorAll("[data-preset]")) {
      const preset = PRESETS[button.dataset.preset];
      const same = FIELDS.every((field) => Math.abs(preset[field] - plan[field]) < 0.005);
      button.setAttribute("aria-pressed", String(same));
    }
  }
}

function replicaRow({ address, pod, plan, error }) {
  const row = element("tr");
  const name = element("th");
  name.scope = "row";
  name.append(element("span", "address", pod ?? address));
  if (pod) name.append(element("span", "pod", address));
  row.append(name);
  if (!plan) {
    const cell = element("td", "wrong", error ?? "no answer");
    cell.colSpan = 4;
    row.append(cell);
    return row;
  }
  const share = (rate) => `${Math.round(rate * 100)} %`;
  for (const text of [share(plan.failure_rate), share(plan.slow_response_rate), `${plan.slow_response_delay} s`, share(plan.transient_failure_rate)]) {
    row.append(element("td", "", text));
  }
  return row;
}
