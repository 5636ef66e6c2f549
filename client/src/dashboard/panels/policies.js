// The optional policies that are on: `policies` of `GET /api/stats`. One line for each, and a banner for fault
// injection.

import { byId, element, setText } from "../dom.js";
import { describeFaults, describePolicy } from "../text/policies.js";

export class Policies {
  constructor() {
    this.list = byId("policies");
    this.shown = "";
  }

  update({ policies = {} }) {
    const { chaos } = policies;
    byId("chaos").hidden = !chaos;
    setText(byId("chaos-text"), chaos ? describeFaults(chaos) : "");
    const lines = Object.entries(policies).map(([name, state]) => describePolicy(name, state));
    const text = lines.join("\n");
    // An equal text would still notify screen readers.
    if (text === this.shown) return;
    this.shown = text;
    byId("policies-part").hidden = lines.length === 0;
    this.list.replaceChildren(...lines.map((line) => element("li", "", line)));
  }
}
