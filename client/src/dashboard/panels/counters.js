// The counters of `GET /api/stats`.

import { byId, element, setText } from "../dom.js";
import { number } from "../text/format.js";

const ROWS = [
  ["total_requests", "all"],
  ["successful_requests", "succeeded"],
  ["failed_requests", "failed"],
  ["rejected_requests", "refused"],
  ["abandoned_requests", "abandoned"],
  ["retry_attempts", "retries"],
];
/** Rows that the baseline, without breaker and retries, cannot have. */
const RESILIENT_ONLY = ["rejected_requests", "retry_attempts"];

export class Counters {
  constructor() {
    this.cells = ROWS.map(([key, name]) => {
      const row = element("tr", key);
      const heading = element("th", "", name);
      heading.scope = "row";
      const [resilient, baseline] = [element("td", "", "–"), element("td", "of-lab", "–")];
      row.append(heading, resilient, baseline);
      byId("counters").append(row);
      return { key, resilient, baseline };
    });
  }

  update({ statistics }) {
    for (const { key, resilient, baseline } of this.cells) {
      setText(resilient, number(statistics[key]));
      setText(baseline, RESILIENT_ONLY.includes(key) ? "–" : number(statistics.baseline?.[key]));
    }
    setText(byId("opens"), number(statistics.circuit_breaker_open_count));
    setText(byId("in-flight"), number(statistics.calls_in_flight));
    setText(byId("waiting"), number(statistics.calls_waiting));
  }
}
