// Estimates the server's clock.

/** The difference between the clocks of this computer and of the server. Every live event arrives late, so the smallest
 *  difference among recent events is the best estimate. Old samples are dropped because clocks drift. */
export class Clock {
  constructor() {
    this.offset = 0;
    this.samples = [];
  }

  /** Sets a first estimate from the Date header of an answer, which has whole seconds. */
  estimate(dateHeader, local) {
    if (this.samples.length > 0 || !dateHeader) return;
    const offset = local - (Date.parse(dateHeader) + 500);
    this.offset = Math.abs(offset) > 1500 ? offset : 0;
  }

  /** Refines the estimate with the time of a live event. */
  refine(eventTime, local) {
    this.samples.push(local - eventTime);
    if (this.samples.length > 50) this.samples.shift();
    this.offset = Math.min(...this.samples);
  }

  now(local) {
    return local - this.offset;
  }
}
