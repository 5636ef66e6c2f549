// The state of the circuit as shape, colour and words, with the countdown to half-open.

import { byId, element, setText } from "../dom.js";
import { plural } from "../text/format.js";
import { MODES, rates } from "../text/words.js";

/** More marks than this cannot be counted at a glance: then only the text shows the streak. */
const MAX_PIPS = 12;

export class Lamp {
  constructor(model, now) {
    Object.assign(this, { model, now });
  }

  /** Shows another upstream, of which only the state is known: `target` in sentences, `title` in the title of the
   *  page. */
  show(target, title, state) {
    Object.assign(this, { target, title });
    document.body.dataset.state = state;
    setIcon(state);
    setText(byId("state"), state);
    setText(byId("pill-state"), state);
    for (const id of ["mode", "meaning", "countdown"]) setText(byId(id), "");
    byId("ring").setAttribute("stroke-dasharray", "0 1");
    this.showRates([]);
  }

  /** Shows the current state. Call it several times a second while the countdown runs. */
  update() {
    const { breaker, halfOpenAt } = this.model;
    if (!breaker) return;
    if (document.body.dataset.state !== breaker.state) {
      document.body.dataset.state = breaker.state;
      setIcon(breaker.state);
    }
    document.body.dataset.mode = breaker.mode;
    setText(byId("state"), breaker.state);
    setText(byId("pill-state"), breaker.state);
    setText(byId("mode"), breaker.mode === "auto" ? "" : MODES[breaker.mode] ?? breaker.mode);
    setText(byId("meaning"), meaning(breaker, this.target));
    this.showCountdown(halfOpenAt === null ? null : Math.max(0, halfOpenAt - this.now()) / 1000, breaker.open_time);
    this.showStreak(breaker);
    this.showRates(rates(breaker));
    document.title = `${breaker.state} · ${this.title}`;
  }

  showCountdown(left, openTime) {
    const text = left === 0 ? "half-open soon" : `half-open in ${left?.toFixed(left < 10 ? 1 : 0)} s`;
    setText(byId("countdown"), left === null ? "" : text);
    const share = left === null || !openTime ? 0 : Math.min(1, left / openTime);
    byId("ring").setAttribute("stroke-dasharray", `${share.toFixed(4)} 1`);
  }

  showStreak(breaker) {
    const [filled, of, text] = streak(breaker);
    setText(byId("streak"), text);
    const key = `${filled}/${of}`;
    if (this.pips === key) return;
    this.pips = key;
    const count = of > MAX_PIPS ? 0 : of;
    const pips = Array.from({ length: count }, (_, index) => element("span", index < filled ? "pip on" : "pip"));
    byId("pips").replaceChildren(...pips);
  }

  showRates(lines) {
    const key = lines.join("\n");
    if (this.rates === key) return;
    this.rates = key;
    byId("rates").hidden = lines.length === 0;
    byId("rates").replaceChildren(...lines.map((line) => element("li", "", line)));
  }
}

function meaning(breaker, target) {
  if (breaker.mode === "forced-open") return "The breaker refuses every call until it is enabled again.";
  if (breaker.mode === "disabled") return "Every call passes. Results do not count until the breaker is enabled again.";
  if (breaker.state === "closed") return `Calls reach ${target}.`;
  if (breaker.state === "open") return `The breaker refuses every call at once. No call reaches ${target}.`;
  const trials = plural(breaker.half_open_max_calls ?? 1, "trial call");
  return `At most ${trials} at a time. The breaker refuses all other calls.`;
}

/** The filled marks, all marks, and the text. */
function streak(breaker) {
  if (breaker.state === "half-open") {
    const [done, of] = [breaker.trials_succeeded ?? 0, breaker.success_threshold ?? 1];
    const flying = breaker.trials_in_flight ? `, ${breaker.trials_in_flight} in flight` : "";
    return [done, of, `${done} of ${plural(of, "successful trial")}${flying}`];
  }
  if (breaker.mode !== "auto") return [0, 0, ""];
  if (breaker.state === "open") return [0, 0, `${plural(breaker.open_count ?? 0, "opening")} so far`];
  const [failed, of] = [breaker.fail_counter ?? 0, breaker.fail_max ?? 0];
  return of === 0 ? [0, 0, ""] : [failed, of, `${failed} of ${plural(of, "failure")} in a row`];
}

const ICONS = {
  closed: "<circle cx='8' cy='8' r='7' fill='%23009E73'/>",
  open: "<path d='M5 1h6l4 4v6l-4 4H5l-4-4V5z' fill='%23D55E00'/>",
  "half-open": "<path d='M8 0l8 8-8 8-8-8z' fill='%23E69F00'/>",
};

function setIcon(state) {
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>${ICONS[state] ?? ""}</svg>`;
  byId("icon").href = `data:image/svg+xml,${svg}`;
}
