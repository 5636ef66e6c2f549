// The fault plan of all replicas of the backend.

import { ApiError } from "../data/api.js";
import { byId, element, setText, showResult } from "../dom.js";
import { plural } from "../text/format.js";

const RATES = ["failure_rate", "slow_response_rate", "transient_failure_rate"];
const FIELDS = [...RATES, "slow_response_delay"];
/** Milliseconds without a change before a slider's value is sent. A key that is held down makes many changes. */
const SETTLE = 250;

const PRESETS = {
  healthy: { failure_rate: 0, slow_response_rate: 0, slow_response_delay: 5, transient_failure_rate: 0 },
  lab: { failure_rate: 0.3, slow_response_rate: 0.2, slow_response_delay: 5, transient_failure_rate: 0.6 },
  failing: { failure_rate: 1, slow_response_rate: 0, slow_response_delay: 5, transient_failure_rate: 1 },
  slow: { failure_rate: 0, slow_response_rate: 1, slow_response_delay: 5, transient_failure_rate: 0.6 },
};

export class Faults {
  constructor(controls) {
    this.controls = controls;
    /** Counts the plans sent, so that answers to older requests are ignored. */
    this.changes = 0;
    for (const field of FIELDS) this.setUpSlider(field);
    for (const button of document.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => this.put(PRESETS[button.dataset.preset]));
    }
    this.label();
  }

  setUpSlider(field) {
    byId(field).addEventListener("input", () => {
      this.touched = true;
      this.keepSumValid(field);
      this.label();
    });
    byId(field).addEventListener("change", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.put(this.plan()), SETTLE);
    });
  }

  /** Reads the plan in force. */
  async refresh() {
    const { changes } = this;
    try {
      const { replicas } = await this.controls.api.get("api/backend/faults");
      if (changes === this.changes) this.show(replicas);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(byId("faults-note"), error.status ? `${error.status}: ${error.message}` : "");
      if (error.body?.replicas) this.show(error.body.replicas);
    }
  }

  /** The plan that the sliders show. */
  plan() {
    const value = (field) => Number(byId(field).value) / (RATES.includes(field) ? 100 : 1);
    return Object.fromEntries(FIELDS.map((field) => [field, value(field)]));
  }

  async put(plan) {
    const change = ++this.changes;
    try {
      const { replicas } = await this.controls.api.change("PUT", "api/backend/faults", plan);
      if (change !== this.changes) return;
      this.touched = false;
      this.show(replicas);
      showResult("faults-result", `In force on ${plural(replicas.length, "replica")}.`);
    } catch (error) {
      this.touched = false;
      this.controls.failed("faults-result", error);
      if (error.body?.replicas) this.show(error.body.replicas);
      else this.refresh();
    }
  }

  show(replicas) {
    const plans = replicas.filter((replica) => replica.plan).map((replica) => replica.plan);
    setText(byId("faults-note"), summary(replicas.length, plans));
    byId("replicas").replaceChildren(...replicas.map(replicaRow));
    // Does not move a slider that the user is moving.
    if (plans.length === 0 || this.touched) return;
    for (const field of FIELDS) {
      const isRate = RATES.includes(field);
      const value = isRate ? plans[0][field] * 100 : plans[0][field];
      byId(field).max = String(Math.max(isRate ? 100 : 10, Math.ceil(value)));
      byId(field).value = String(value);
    }
    this.label();
  }

  /** A request either fails or is slow, so both rates together are at most 100 %. */
  keepSumValid(moved) {
    const other = { failure_rate: "slow_response_rate", slow_response_rate: "failure_rate" }[moved];
    if (!other) return;
    const room = 100 - Number(byId(moved).value);
    if (Number(byId(other).value) > room) byId(other).value = String(room);
  }

  label() {
    for (const field of FIELDS) {
      const slider = byId(field);
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

function summary(count, plans) {
  const rates = (plan) => JSON.stringify(FIELDS.map((field) => plan[field]));
  const notes = [plural(count, "replica")];
  if (plans.length < count) notes.push(`${count - plans.length} without an answer`);
  if (plans.some((plan) => rates(plan) !== rates(plans[0]))) notes.push("different plans");
  if (plans[0]?.sequence) notes.push("a sequence precedes the rates");
  return notes.join(", ");
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
    cell.colSpan = FIELDS.length;
    row.append(cell);
    return row;
  }
  const share = (rate) => `${Math.round(rate * 100)} %`;
  const { failure_rate: failing, slow_response_rate: slow, slow_response_delay: delay } = plan;
  for (const text of [share(failing), share(slow), `${delay} s`, share(plan.transient_failure_rate)]) {
    row.append(element("td", "", text));
  }
  return row;
}
