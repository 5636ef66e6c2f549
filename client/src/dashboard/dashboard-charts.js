// The pictures: the timeline, the comparison, the waterfall.

import {
  TIMELINE, WINDOW, ENDPOINTS, attemptClass, attemptResult, callResult, duration, kindOf, mostTelling, number, outcomeWords,
  percent, plural,
} from "./dashboard-model.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** What a CSS colour variable comes to in the present theme. */
function colours(names) {
  const probe = document.createElement("span");
  document.body.append(probe);
  const found = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** Where a latency is on a log scale from 0.3 ms to 30 s: 0 to 1. */
function logScale(seconds) {
  const [low, high] = [Math.log10(0.0003), Math.log10(30)];
  return Math.min(1, Math.max(0, (Math.log10(Math.max(seconds, 1e-9)) - low) / (high - low)));
}

const DECADES = [
  [0.001, "1 ms"],
  [0.01, "10 ms"],
  [0.1, "0.1 s"],
  [1, "1 s"],
  [10, "10 s"],
];

// ---- timeline ------------------------------------------------------------------------------------

/** State bands over the calls: time to the right, latency upwards; a lane for each kind of call. */
export class Timeline {
  constructor(canvas, readout, model, now) {
    Object.assign(this, { canvas, readout, model, now });
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("pointermove", (event) => (this.pointer = { x: event.offsetX, y: event.offsetY }));
    canvas.addEventListener("pointerleave", () => (this.pointer = null));
    this.restyle();
  }

  /** Takes the theme's colours; call it when the theme changes. */
  restyle() {
    this.colour = colours([
      "ink", "soft", "line", "card", "closed", "open", "half-open", "on-closed", "on-open", "on-half-open",
      "success", "failure", "rejected", "abandoned", "lost",
    ]);
    this.sprites = null;
    this.patterns = null;
    this.drawn = 0;
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.font = getComputedStyle(document.body).fontFamily;
    this.sprites = null;
    this.patterns = null;
    this.drawn = 0;
  }

  /** Draws, if it is time: about 20 times a second; once where motion is not wanted; and never for
   *  more than a tenth of the time. */
  draw(frame) {
    const pause = calm.matches ? 1000 : Math.max(48, (this.cost ?? 0) * 10);
    if (!this.ratio || frame - this.drawn < pause) return;
    this.drawn = frame;
    const begin = performance.now();
    this.paint();
    this.cost = performance.now() - begin;
  }

  paint() {
    const { context, rem, ratio, model, colour } = this;
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    const to = this.now();
    const from = to - TIMELINE;
    const left = Math.round(rem * 3.5);
    const right = width - rem * 0.25;
    const x = (time) => left + ((time - from) / TIMELINE) * (right - left);
    this.x = x;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.textBaseline = "middle";

    const strip = { top: 0, height: Math.round(rem * 1.5) };
    const foot = Math.round(rem * 1.35);
    const title = Math.round(rem * 1.5);
    const free = height - strip.height - foot - title * 2;
    const lanes = {
      resilient: { top: strip.height + title, height: Math.round(free * 0.55), title: "with breaker and retries", refusals: true },
      baseline: { top: 0, height: 0, title: "baseline, without" },
    };
    lanes.baseline.top = lanes.resilient.top + lanes.resilient.height + title;
    lanes.baseline.height = height - foot - lanes.baseline.top;
    this.lanes = lanes;

    this.drawStates(x, from, to, strip, lanes, left, right);
    for (const lane of Object.values(lanes)) this.drawLane(lane, left, right);
    this.drawTime(x, to, left, right, height - foot, foot);
    this.drawOutages(x, from, to, strip.height, height - foot);
    this.drawCalls(x, from, lanes, left, right);
    this.drawPointed();
  }

  drawStates(x, from, to, strip, lanes, left, right) {
    const { context, colour, rem } = this;
    const bottom = lanes.baseline.top + lanes.baseline.height;
    this.patterns ??= { open: this.hatch("on-open"), "half-open": this.dots("on-half-open") };
    for (const span of this.model.spans(from, to)) {
      const begin = Math.max(left, x(span.from));
      const width = Math.min(right, x(span.to)) - begin;
      context.fillStyle = colour[span.state];
      context.globalAlpha = span.state === "closed" ? 0.07 : 0.13;
      context.fillRect(begin, strip.height, width, bottom - strip.height);
      context.globalAlpha = 1;
      context.fillRect(begin, strip.top, Math.max(1, width - 1), strip.height);
      if (this.patterns[span.state]) {
        context.fillStyle = this.patterns[span.state];
        context.globalAlpha = 0.28;
        context.fillRect(begin, strip.top, Math.max(1, width - 1), strip.height);
        context.globalAlpha = 1;
      }
      context.font = `600 ${rem * 0.85}px ${this.font}`;
      const text = span.state;
      const needed = context.measureText(text).width;
      if (width > needed + rem) {
        if (this.patterns[span.state]) {
          context.fillStyle = colour[span.state];
          context.fillRect(begin + rem * 0.25, strip.top, needed + rem * 0.5, strip.height);
        }
        context.fillStyle = colour[`on-${span.state}`];
        context.textAlign = "left";
        context.fillText(text, begin + rem * 0.5, strip.top + strip.height / 2 + 0.5);
      }
    }
    context.font = `${rem * 0.75}px ${this.font}`;
    context.textAlign = "right";
    context.fillStyle = colour.soft;
    context.fillText("state", left - rem * 0.5, strip.top + strip.height / 2);
  }

  drawLane(lane, left, right) {
    const { context, colour, rem } = this;
    context.textAlign = "right";
    context.font = `${rem * 0.75}px ${this.font}`;
    const between = this.height(lane, 0.1) - this.height(lane, 1);
    DECADES.forEach(([value, label], index) => {
      const y = Math.round(this.height(lane, value)) + 0.5;
      context.strokeStyle = colour.line;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(right, y);
      context.stroke();
      if (between < rem * 0.95 && index % 3 !== 0) return;
      context.fillStyle = colour.soft;
      context.fillText(label, left - rem * 0.5, y);
    });
    if (lane.refusals) {
      context.fillStyle = colour.soft;
      context.fillText("refused", left - rem * 0.4, this.refusals(lane));
    }
    context.textAlign = "left";
    context.font = `600 ${rem * 0.8}px ${this.font}`;
    context.fillStyle = colour.ink;
    context.fillText(lane.title, left + rem * 0.5, lane.top - rem * 0.65);
  }

  height(lane, seconds) {
    const foot = lane.refusals ? this.rem * 1.4 : this.rem * 0.3;
    const head = this.rem * 0.4;
    return lane.top + head + (1 - logScale(seconds)) * (lane.height - foot - head);
  }

  refusals(lane) {
    return lane.top + lane.height - this.rem * 0.65;
  }

  drawTime(x, to, left, right, top, height) {
    const { context, colour, rem } = this;
    const step = right - left < rem * 30 ? 60 : 30;
    context.font = `${rem * 0.75}px ${this.font}`;
    context.fillStyle = colour.soft;
    for (let ago = 120; ago >= 0; ago -= step) {
      context.textAlign = ago === 0 ? "right" : ago === 120 ? "left" : "center";
      const text = ago === 0 ? "now" : ago % 60 === 0 ? `${ago / 60} min ago` : `${ago} s`;
      context.fillText(text, x(to - ago * 1000), top + height * 0.6);
    }
  }

  drawOutages(x, from, to, top, bottom) {
    const { context, colour, rem } = this;
    for (const outage of this.model.outages) {
      const end = outage.to ?? to;
      if (end < from) continue;
      const begin = x(Math.max(from, outage.from));
      const width = Math.max(2, x(Math.min(end, to)) - begin);
      this.patterns.lost ??= this.hatch("lost");
      context.fillStyle = colour.card;
      context.globalAlpha = 0.72;
      context.fillRect(begin, 0, width, bottom);
      context.fillStyle = this.patterns.lost;
      context.globalAlpha = 0.35;
      context.fillRect(begin, 0, width, bottom);
      context.globalAlpha = 1;
      context.font = `600 ${rem * 0.8}px ${this.font}`;
      const text = "no connection";
      const needed = context.measureText(text).width;
      if (width > needed + rem) {
        const y = top + rem * 4;
        context.fillStyle = colour.card;
        context.fillRect(begin + width / 2 - needed / 2 - rem * 0.4, y - rem * 0.75, needed + rem * 0.8, rem * 1.5);
        context.fillStyle = colour.ink;
        context.textAlign = "center";
        context.fillText(text, begin + width / 2, y);
      }
    }
  }

  drawCalls(x, from, lanes, left, right) {
    const { context } = this;
    this.sprites ??= this.makeSprites();
    this.positions = [];
    const calls = this.model.calls;
    for (const call of calls) {
      if (call.time < from) continue;
      const lane = lanes[call.kind];
      const sprite = this.sprites[call.kind][call.outcome] ?? this.sprites[call.kind].abandoned;
      const px = Math.min(x(call.time), right);
      const py = call.outcome === "rejected" && lane.refusals ? this.refusals(lane) : this.height(lane, call.elapsed_seconds);
      if (px < left) continue;
      context.drawImage(sprite.image, px - sprite.size / 2, py - sprite.size / 2, sprite.size, sprite.size);
      if (this.pointer) this.positions.push({ px, py, call });
    }
  }

  /** Each marker, drawn once: success a disc, failure a cross, refused a triangle, others a square; hollow: baseline. */
  makeSprites() {
    const size = Math.max(7.5, Math.min(this.rem * 0.62, this.canvas.clientWidth / 38));
    const make = (draw) => {
      const image = document.createElement("canvas");
      image.width = image.height = Math.ceil((size + 2) * this.ratio);
      const pen = image.getContext("2d");
      pen.scale(this.ratio, this.ratio);
      pen.translate(size / 2 + 1, size / 2 + 1);
      draw(pen, size / 2);
      return { image, size: size + 2 };
    };
    const disc = (colour, hollow) =>
      make((pen, r) => {
        pen.beginPath();
        pen.arc(0, 0, r * (hollow ? 0.68 : 0.78), 0, 7);
        pen.fillStyle = pen.strokeStyle = this.colour[colour];
        pen.lineWidth = r * 0.38;
        if (hollow) pen.stroke();
        else pen.fill();
      });
    const cross = (colour) =>
      make((pen, r) => {
        const end = r * 0.72;
        pen.beginPath();
        pen.moveTo(-end, -end);
        pen.lineTo(end, end);
        pen.moveTo(end, -end);
        pen.lineTo(-end, end);
        pen.lineCap = "round";
        for (const [style, width] of [[this.colour.card, 0.95], [this.colour[colour], 0.5]]) {
          pen.strokeStyle = style;
          pen.lineWidth = r * width;
          pen.stroke();
        }
      });
    const triangle = (colour) =>
      make((pen, r) => {
        pen.beginPath();
        pen.moveTo(-r * 0.9, -r * 0.6);
        pen.lineTo(r * 0.9, -r * 0.6);
        pen.lineTo(0, r * 0.85);
        pen.closePath();
        pen.fillStyle = this.colour[colour];
        pen.fill();
      });
    const square = (colour, hollow) =>
      make((pen, r) => {
        const half = r * 0.6;
        pen.fillStyle = pen.strokeStyle = this.colour[colour];
        pen.lineWidth = r * 0.38;
        if (hollow) pen.strokeRect(-half, -half, half * 2, half * 2);
        else pen.fillRect(-half, -half, half * 2, half * 2);
      });
    const markers = (hollow) => ({
      success: disc("success", hollow),
      failure: cross("failure"),
      rejected: triangle("rejected"),
      abandoned: square("abandoned", hollow),
    });
    return { resilient: markers(false), baseline: markers(true) };
  }

  hatch(colour) {
    return this.pattern(8, (pen, size) => {
      pen.strokeStyle = this.colour[colour];
      pen.lineWidth = 2;
      for (const shift of [-size, 0, size]) {
        pen.moveTo(shift - 2, size + 2);
        pen.lineTo(shift + size + 2, -2);
      }
      pen.stroke();
    });
  }

  dots(colour) {
    return this.pattern(7, (pen, size) => {
      pen.fillStyle = this.colour[colour];
      pen.arc(size / 2, size / 2, 1.3, 0, 7);
      pen.fill();
    });
  }

  pattern(size, draw) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = size;
    draw(tile.getContext("2d"), size);
    return this.context.createPattern(tile, "repeat");
  }

  /** The call under the pointer, in words. */
  drawPointed() {
    let nearest = null;
    let best = this.rem * 1.2;
    if (this.pointer) {
      for (const { px, py, call } of this.positions) {
        const distance = Math.hypot(px - this.pointer.x, py - this.pointer.y);
        if (distance <= best) [best, nearest] = [distance, { px, py, call }];
      }
    }
    this.readout.hidden = !nearest;
    if (!nearest) return;
    const { px, py, call } = nearest;
    this.context.strokeStyle = this.colour.ink;
    this.context.lineWidth = 1.5;
    this.context.beginPath();
    this.context.arc(px, py, this.rem * 0.5, 0, 7);
    this.context.stroke();
    this.readout.textContent = `${ENDPOINTS[call.endpoint] ?? call.endpoint} ${call.call} ${callResult(call)}`;
    const width = this.readout.offsetWidth;
    this.readout.style.left = `${Math.max(0, Math.min(px - width / 2, this.canvas.clientWidth - width))}px`;
    this.readout.style.top = `${py + this.rem}px`;
  }

  /** The picture in words, for those who do not see it. */
  describe() {
    const to = this.now();
    const spans = this.model.spans(to - TIMELINE, to);
    const states = spans.map((span) => `${span.state} for ${Math.round((span.to - span.from) / 1000)} s`);
    const kinds = [["resilient", "With breaker and retries"], ["baseline", "Baseline"]].map(([kind, name]) => {
      const summary = this.model.summary(kind, to - TIMELINE);
      const rest = PARTS.slice(1).map(([part, word]) => (summary[part] > 0 || part !== "other" ? `, ${summary[part]} ${word}` : ""));
      return `${name}: ${plural(summary.count, "call")}, ${summary.success} succeeded${rest.join("")}.`;
    });
    const text = `Timeline of the last two minutes. ${kinds.join(" ")} States, oldest first: ${states.slice(-8).join(", ") || "unknown"}.`;
    this.canvas.setAttribute("aria-label", text);
  }
}

// ---- comparison ----------------------------------------------------------------------------------

/** What a bar of calls is made of, and its words. */
const PARTS = [
  ["success", "succeeded"],
  ["failure", "failed"],
  ["rejected", "refused"],
  ["abandoned", "abandoned"],
  ["other", "other"],
];

/** Success and latency of the same call with and without resilience, over a sliding window. Stress tests
 *  fail on purpose, and test-retry calls something else: neither would be a fair comparison. */
export class Comparison {
  constructor(root, model, now) {
    Object.assign(this, { root, model, now });
    const scale = root.querySelector("#latency-scale");
    for (const [value, label] of DECADES) {
      const tick = document.createElement("span");
      tick.textContent = label;
      tick.style.left = `${logScale(value) * 100}%`;
      scale.append(tick);
    }
    for (const kind of ["resilient", "baseline"]) {
      root.querySelector(`#side-${kind} .share`).append(...PARTS.map(([part]) => element("span", part)));
      const span = root.querySelector(`#latency-${kind} .span`);
      for (const part of ["line", "p50", "p99"]) {
        const mark = document.createElement("span");
        mark.className = part;
        span.append(mark);
      }
    }
  }

  update() {
    const since = this.now() - WINDOW;
    this.show("resilient", this.model.summary("resilient", since, "call-backend"));
    this.show("baseline", this.model.summary("baseline", since, "baseline"));
    const skipped = this.model.skippedSince(since);
    const note = skipped ? `last 60 s, a sample: ${plural(skipped, "call")} not in it` : "last 60 s";
    set(this.root.querySelector("#compare-note"), note);
  }

  show(kind, summary) {
    const side = this.root.querySelector(`#side-${kind}`);
    const row = this.root.querySelector(`#latency-${kind}`);
    const { count, rate, p50, p99 } = summary;
    field(side, "rate", count ? percent(rate) : "–");
    field(side, "of", count ? `of ${plural(count, "call")} succeeded` : "no calls");
    this.showParts(side, summary);
    side.classList.toggle("none", count === 0);
    field(row, "p50", duration(p50));
    field(row, "p99", duration(p99));
    const span = row.querySelector(".span");
    span.hidden = p50 === null;
    if (p50 === null) return;
    const [low, high] = [logScale(p50) * 100, logScale(p99) * 100];
    span.querySelector(".line").style.left = `${low}%`;
    span.querySelector(".line").style.width = `${high - low}%`;
    span.querySelector(".p50").style.left = `${low}%`;
    span.querySelector(".p99").style.left = `${high}%`;
  }

  /** The bar, and in words what of it is no success, each beside its colour. */
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

function field(root, name, text) {
  set(root.querySelector(`[data-field="${name}"]`), text);
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ---- waterfall -----------------------------------------------------------------------------------

/** New rows a second at most: of more calls, the most telling are shown. */
const ROWS_A_SECOND = 2;
const ROWS = 8;

export class Waterfall {
  constructor(list, empty, axis, retriedOnly) {
    Object.assign(this, { list, empty, axis, retriedOnly });
    this.pending = [];
    this.all = [];
    this.retried = [];
    this.last = 0;
    retriedOnly.addEventListener("change", () => this.render());
  }

  add(call) {
    if (kindOf(call) === "baseline") return;
    this.pending.push(call);
    if (this.pending.length > 1000) this.pending.shift();
  }

  /** Takes what came; call it a few times a second. */
  update(at) {
    if (this.pending.length === 0 || at - this.last < 1000) return;
    this.last = at;
    const retried = this.pending.filter((call) => call.attempts?.length > 1);
    this.retried = [...mostTelling(retried, ROWS).reverse(), ...this.retried].slice(0, ROWS);
    const many = this.list.childElementCount < ROWS ? ROWS : ROWS_A_SECOND;
    const chosen = mostTelling(this.pending, many);
    this.all = [...chosen.reverse(), ...this.all].slice(0, ROWS);
    this.pending = [];
    this.render();
  }

  render() {
    const calls = this.retriedOnly.checked ? this.retried : this.all;
    const longest = Math.max(0.01, ...calls.map(extent));
    const [end, step] = niceScale(longest);
    this.list.replaceChildren(...calls.map((call) => row(call, end)));
    this.empty.hidden = calls.length > 0;
    this.empty.textContent = this.retriedOnly.checked ? "No retried calls yet. Try “Test retry”." : "No calls yet. Try “Test retry”.";
    this.axis.hidden = calls.length === 0;
    const ticks = [];
    for (let value = 0; value <= end + 1e-9; value += step) {
      const tick = document.createElement("span");
      tick.textContent = tickLabel(value);
      tick.style.left = `${(value / end) * 100}%`;
      ticks.push(tick);
    }
    const inner = document.createElement("div");
    inner.append(...ticks);
    this.axis.replaceChildren(inner);
  }
}

function extent(call) {
  return Math.max(call.elapsed_seconds, ...(call.attempts ?? []).map((one) => (one.start_seconds ?? 0) + one.elapsed_seconds));
}

// The scale's end and the step between ticks: at most five.
function niceScale(longest) {
  for (let power = -3; power < 4; power++) {
    for (const base of [1, 2, 5]) {
      const step = base * 10 ** power;
      if (step * 4 >= longest) return [Math.ceil(longest / step) * step, step];
    }
  }
  return [longest, longest];
}

function tickLabel(value) {
  if (value === 0) return "0";
  const [shown, unit] = value < 1 ? [value * 1000, "ms"] : [value, "s"];
  return `${Number(shown.toPrecision(3))}\u00a0${unit}`;
}

const WITHOUT_ATTEMPT = { rejected: "refused at once", abandoned: "its caller left" };

function row(call, end) {
  const item = document.createElement("li");
  const name = element("span", "name", `${ENDPOINTS[call.endpoint] ?? call.endpoint} ${call.call}`);
  const bars = element("span", "bars");
  bars.setAttribute("aria-hidden", "true");
  let at = 0;
  for (const attempt of call.attempts ?? []) {
    at = attempt.start_seconds ?? at;
    const bar = element("span", `attempt ${attemptClass(attempt)}`);
    place(bar, at / end, attempt.elapsed_seconds / end);
    bar.title = attemptResult(attempt);
    at += attempt.elapsed_seconds;
    bars.append(bar);
    if (attempt.wait_seconds != null) {
      const waited = Math.min(attempt.wait_seconds, Math.max(0, extent(call) - at));
      const wait = element("span", "wait");
      place(wait, at / end, waited / end);
      wait.title = `waited ${duration(waited)}`;
      bars.append(wait);
      at += waited;
    }
  }
  if (!call.attempts?.length) bars.append(element("span", `none ${call.outcome}`, WITHOUT_ATTEMPT[call.outcome] ?? "no attempt"));
  const status = call.status ?? outcomeWords(call.outcome);
  const result = element("span", `end ${call.outcome}`);
  result.append(element("b", "", String(status)), " ", element("span", "", duration(call.elapsed_seconds)));
  item.append(name, bars, result, element("span", "sr-only", spoken(call)));
  return item;
}

function spoken(call) {
  const attempts = (call.attempts ?? []).map((one) => {
    const wait = one.wait_seconds == null ? "" : `, then a wait of ${duration(one.wait_seconds)}`;
    return `${attemptResult(one)}${wait}`;
  });
  return `; ${outcomeWords(call.outcome)}; ${attempts.join("; ")}`;
}

function place(element, begin, width) {
  element.style.left = `${begin * 100}%`;
  element.style.width = `max(4px, ${width * 100}%)`;
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

