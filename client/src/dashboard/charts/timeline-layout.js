// The layout of the timeline. Lengths are CSS pixels.

import { TIMELINE } from "../data/model.js";
import { logScale } from "./scale.js";

/** Places the strip of states, the lanes and the time axis. `x` maps a time to its place. Without a baseline, there is
 *  one lane. */
export function layOut(width, height, rem, now, hasBaseline) {
  const from = now - TIMELINE;
  const [left, right] = [Math.round(rem * 3.5), width - rem * 0.25];
  const x = (time) => left + ((time - from) / TIMELINE) * (right - left);
  const strip = Math.round(rem * 1.5);
  const title = Math.round(rem * 1.5);
  const bottom = height - Math.round(rem * 1.35);
  const upper = strip + title;
  const upperHeight = hasBaseline ? Math.round((bottom - upper - title) * 0.55) : bottom - upper;
  const lower = upper + upperHeight + title;
  const lanes = { resilient: new Lane("with breaker and retries", upper, upperHeight, rem, true) };
  if (hasBaseline) lanes.baseline = new Lane("baseline: no breaker, no retries", lower, bottom - lower, rem, false);
  return { width, height, from, to: now, left, right, x, strip, bottom, lanes };
}

/** The part of the timeline for one kind of call. `refusals` reserves a line for refused calls at its bottom. */
class Lane {
  constructor(title, top, height, rem, refusals) {
    Object.assign(this, { title, top, height, rem, refusals });
  }

  y(seconds) {
    const foot = this.rem * (this.refusals ? 1.4 : 0.3);
    const head = this.rem * 0.4;
    return this.top + head + (1 - logScale(seconds)) * (this.height - foot - head);
  }

  refusedY() {
    return this.top + this.height - this.rem * 0.65;
  }
}
