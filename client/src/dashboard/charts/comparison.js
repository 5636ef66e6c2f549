// Success rate and latency with and without resilience, side by side.

import { WINDOW } from "../data/model.js";
import { byId, element, setText } from "../dom.js";
import { duration, number, percent, plural } from "../text/format.js";
import { PARTS } from "../text/words.js";
import { DECADES, logScale } from "./scale.js";

/** Compares the same call with and without resilience. Stress tests and test-retry are left out: stress tests request
 *  failures, and test-retry calls another endpoint of the backend. */
export class Comparison {
  constructor(model, now) {
    Object.assign(this, { model, now });
    for (const [value, label] of DECADES) {
      const tick = element("span", "", label);
      tick.style.left = `${logScale(value) * 100}%`;
      byId("latency-scale").append(tick);
    }
    for (const kind of ["resilient", "baseline"]) {
      byId(`side-${kind}`).querySelector(".share").append(...PARTS.map(([part]) => element("span", part)));
      const marks = ["line", "p50", "p99"].map((part) => element("span", part));
      byId(`latency-${kind}`).querySelector(".span").append(...marks);
    }
  }

  update() {
    const since = this.now() - WINDOW;
    this.show("resilient", this.model.summary("resilient", since, this.model.hasBaseline ? "call-backend" : undefined));
    this.show("baseline", this.model.summary("baseline", since, "baseline"));
    const skipped = this.model.skippedSince(since);
    const note = skipped ? `last 60 s, without ${plural(skipped, "call")} not listed` : "last 60 s";
    setText(byId("compare-note"), note);
  }

  show(kind, summary) {
    const side = byId(`side-${kind}`);
    const row = byId(`latency-${kind}`);
    const { count, rate, p50, p99 } = summary;
    setField(side, "rate", count ? percent(rate) : "–");
    setField(side, "of", count ? `of ${plural(count, "call")} succeeded` : "no calls");
    this.showParts(side, summary);
    side.classList.toggle("none", count === 0);
    setField(row, "p50", duration(p50));
    setField(row, "p99", duration(p99));
    const span = row.querySelector(".span");
    span.hidden = p50 === null;
    if (p50 === null) return;
    const [low, high] = [logScale(p50) * 100, logScale(p99) * 100];
    span.querySelector(".line").style.left = `${low}%`;
    span.querySelector(".line").style.width = `${high - low}%`;
    span.querySelector(".p50").style.left = `${low}%`;
    span.querySelector(".p99").style.left = `${high}%`;
  }

  /** Draws the bar and names each part that is not a success. */
  showParts(side, summary) {
    for (const [part] of PARTS) {
      const bar = side.querySelector(`.share .${part}`);
      bar.style.flexGrow = String(summary[part]);
      bar.hidden = summary[part] === 0;
    }
    const rest = PARTS.slice(1).filter(([part]) => summary[part] > 0);
    const list = side.querySelector('[data-field="parts"]');
    const text = rest.map(([part, word]) => `${number(summary[part])} ${word}`);
    if (list.textContent === text.join("")) return;
    list.replaceChildren(...rest.map(([part], index) => element("li", part, text[index])));
  }
}

function setField(root, name, text) {
  setText(root.querySelector(`[data-field="${name}"]`), text);
}
