// The timeline as text, for screen readers.

import { TIMELINE } from "../data/model.js";
import { plural } from "../text/format.js";
import { PARTS } from "../text/words.js";

/** Named only if there are any. */
const RARE = ["fallback", "other"];

const STATES = 8;

export function describeTimeline(model, now) {
  const since = now - TIMELINE;
  const calls = (kind) => {
    const summary = model.summary(kind, since);
    const parts = PARTS.filter(([part]) => !RARE.includes(part) || summary[part] > 0);
    return [plural(summary.count, "call"), ...parts.map(([part, word]) => `${summary[part]} ${word}`)].join(", ");
  };
  const spans = model.spans(since, now).slice(-STATES);
  const states = spans.map(({ state, from, to }) => `${state} for ${Math.round((to - from) / 1000)} s`);
  return (
    "Timeline of the last two minutes. " +
    `With breaker and retries: ${calls("resilient")}. ` +
    (model.hasBaseline ? `Baseline: ${calls("baseline")}. ` : "") +
    `States, oldest first: ${states.join(", ") || "unknown"}.`
  );
}
