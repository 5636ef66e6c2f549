// The timeline: a band for each state and a marker for each call. Time runs to the right, latency upwards. Resilient
// and baseline calls have a lane each.

import { TIMELINE } from "../data/model.js";
import { byId } from "../dom.js";
import { callName, callResult } from "../text/words.js";
import { dots, hatch, makeMarkers, readColours } from "./markers.js";
import { DECADES } from "./scale.js";
import { describeTimeline } from "./timeline-description.js";
import { layOut } from "./timeline-layout.js";

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Milliseconds between two drawings; with reduced motion, one drawing a second. */
const PAUSE = 48;
const PAUSE_REDUCED = 1000;
/** Drawing takes at most one part in this many of the time. */
const LOAD = 10;

const COLOURS = [
  "ink", "soft", "line", "card", "closed", "open", "half-open", "on-closed", "on-open", "on-half-open",
  "success", "failure", "rejected", "abandoned", "lost",
];

export class Timeline {
  constructor(model, now) {
    const canvas = byId("timeline");
    Object.assign(this, { canvas, readout: byId("readout"), model, now });
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => (this.pointer = { x: event.offsetX, y: event.offsetY }));
    canvas.addEventListener("pointerleave", () => (this.pointer = null));
    this.restyle();
  }

  /** Reads the theme's colours again. */
  restyle() {
    this.colour = readColours(COLOURS);
    this.discardImages();
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.family = getComputedStyle(document.body).fontFamily;
    this.discardImages();
  }

  discardImages() {
    this.markers = this.patterns = null;
    this.drawnAt = 0;
  }

  makeImages() {
    const { context, colour, rem, canvas } = this;
    const size = Math.max(7.5, Math.min(rem * 0.62, canvas.clientWidth / 38));
    this.markers ??= makeMarkers(size, this.ratio, colour);
    this.patterns ??= {
      open: hatch(context, colour["on-open"]),
      "half-open": dots(context, colour["on-half-open"]),
      lost: hatch(context, colour.lost),
    };
  }

  /** Draws, unless the last drawing is too recent. */
  draw(frame) {
    const pause = reducedMotion.matches ? PAUSE_REDUCED : Math.max(PAUSE, (this.cost ?? 0) * LOAD);
    if (!this.ratio || frame - this.drawnAt < pause) return;
    this.drawnAt = frame;
    const begin = performance.now();
    this.paint();
    this.cost = performance.now() - begin;
  }

  paint() {
    const { context, ratio, canvas } = this;
    const area = layOut(canvas.clientWidth, canvas.clientHeight, this.rem, this.now(), this.model.hasBaseline);
    this.makeImages();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, area.width, area.height);
    context.textBaseline = "middle";
    for (const span of this.model.spans(area.from, area.to)) this.drawState(span, area);
    this.write("state", area.left - this.rem * 0.5, area.strip / 2, { align: "right", colour: "soft", size: 0.75 });
    for (const lane of Object.values(area.lanes)) this.drawLane(lane, area);
    this.drawTimes(area);
    this.drawOutages(area);
    this.drawCalls(area);
    this.drawReadout();
  }

  write(text, x, y, { align = "left", colour = "ink", size = 0.8, bold = false }) {
    const { context } = this;
    context.font = `${bold ? "600 " : ""}${this.rem * size}px ${this.family}`;
    context.textAlign = align;
    context.fillStyle = this.colour[colour];
    context.fillText(text, x, y);
  }

  fill(style, alpha, x, y, width, height) {
    const { context } = this;
    context.fillStyle = style;
    context.globalAlpha = alpha;
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
  }

  drawState({ state, from, to }, { x, left, right, strip, bottom }) {
    const { rem } = this;
    const begin = Math.max(left, x(from));
    const width = Math.min(right, x(to)) - begin;
    const colour = this.colour[state];
    const pattern = this.patterns[state];
    this.fill(colour, state === "closed" ? 0.07 : 0.13, begin, strip, width, bottom - strip);
    this.fill(colour, 1, begin, 0, Math.max(1, width - 1), strip);
    if (pattern) this.fill(pattern, 0.28, begin, 0, Math.max(1, width - 1), strip);
    const needed = this.measure(state, 0.85);
    if (width <= needed + rem) return;
    if (pattern) this.fill(colour, 1, begin + rem * 0.25, 0, needed + rem * 0.5, strip);
    this.write(state, begin + rem * 0.5, strip / 2 + 0.5, { colour: `on-${state}`, size: 0.85, bold: true });
  }

  /** The width of a bold text. */
  measure(text, size) {
    this.context.font = `600 ${this.rem * size}px ${this.family}`;
    return this.context.measureText(text).width;
  }

  drawLane(lane, { left, right }) {
    const { context, rem } = this;
    const soft = { align: "right", colour: "soft", size: 0.75 };
    const spacing = lane.y(0.1) - lane.y(1);
    DECADES.forEach(([value, label], index) => {
      const y = Math.round(lane.y(value)) + 0.5;
      context.strokeStyle = this.colour.line;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(right, y);
      context.stroke();
      // Narrow lanes have room for every third label only.
      if (spacing >= rem * 0.95 || index % 3 === 0) this.write(label, left - rem * 0.5, y, soft);
    });
    if (lane.refusals) this.write("refused", left - rem * 0.4, lane.refusedY(), soft);
    this.write(lane.title, left + rem * 0.5, lane.top - rem * 0.65, { bold: true });
  }

  drawTimes({ x, to, left, right, height, bottom }) {
    const step = right - left < this.rem * 30 ? 60 : 30;
    const longest = TIMELINE / 1000;
    for (let ago = longest; ago >= 0; ago -= step) {
      const align = ago === 0 ? "right" : ago === longest ? "left" : "center";
      const text = ago === 0 ? "now" : ago % 60 === 0 ? `${ago / 60} min ago` : `${ago} s`;
      const y = bottom + (height - bottom) * 0.6;
      this.write(text, x(to - ago * 1000), y, { align, colour: "soft", size: 0.75 });
    }
  }

  drawOutages({ x, from, to, strip, bottom }) {
    const { colour, rem } = this;
    for (const outage of this.model.outages) {
      const end = outage.to ?? to;
      if (end < from) continue;
      const begin = x(Math.max(from, outage.from));
      const width = Math.max(2, x(Math.min(end, to)) - begin);
      this.fill(colour.card, 0.72, begin, 0, width, bottom);
      this.fill(this.patterns.lost, 0.35, begin, 0, width, bottom);
      const text = "no connection";
      const needed = this.measure(text, 0.8);
      if (width <= needed + rem) continue;
      const [middle, y] = [begin + width / 2, strip + rem * 4];
      this.fill(colour.card, 1, middle - needed / 2 - rem * 0.4, y - rem * 0.75, needed + rem * 0.8, rem * 1.5);
      this.write(text, middle, y, { align: "center", bold: true });
    }
  }

  drawCalls({ x, from, left, right, lanes }) {
    this.positions = [];
    for (const call of this.model.calls) {
      if (call.time < from) continue;
      const lane = lanes[call.kind];
      const markers = this.markers[call.kind];
      const { image, size } = markers[call.outcome] ?? markers.abandoned;
      const refused = call.outcome === "rejected" && lane.refusals;
      const px = Math.min(x(call.time), right);
      const py = refused ? lane.refusedY() : lane.y(call.elapsed_seconds);
      if (px < left) continue;
      this.context.drawImage(image, px - size / 2, py - size / 2, size, size);
      if (this.pointer) this.positions.push({ px, py, call });
    }
  }

  /** Describes the call nearest to the pointer. */
  drawReadout() {
    const { context, readout, rem } = this;
    const nearest = this.nearestCall();
    readout.hidden = !nearest;
    if (!nearest) return;
    const { px, py, call } = nearest;
    context.strokeStyle = this.colour.ink;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(px, py, rem * 0.5, 0, 7);
    context.stroke();
    readout.textContent = `${callName(call)} ${callResult(call)}`;
    const width = readout.offsetWidth;
    readout.style.left = `${Math.max(0, Math.min(px - width / 2, this.canvas.clientWidth - width))}px`;
    readout.style.top = `${py + rem}px`;
  }

  nearestCall() {
    let nearest = null;
    let best = this.rem * 1.2;
    if (!this.pointer) return nearest;
    for (const position of this.positions) {
      const distance = Math.hypot(position.px - this.pointer.x, position.py - this.pointer.y);
      if (distance <= best) [best, nearest] = [distance, position];
    }
    return nearest;
  }

  /** Updates the description for screen readers. */
  describe() {
    this.canvas.setAttribute("aria-label", describeTimeline(this.model, this.now()));
  }
}
