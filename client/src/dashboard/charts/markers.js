// Colours of the theme, markers of calls and patterns of bands for the timeline. Every outcome has its own
// shape and every state its own pattern, so that the picture does not depend on colours.

/** The values of CSS colour variables in the present theme. */
export function readColours(names) {
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

/** Draws each marker once, as an image: {resilient, baseline}, each with an image per outcome. Discs and squares of the
 *  baseline are hollow. */
export function makeMarkers(size, ratio, colour) {
  const make = (draw) => {
    const image = document.createElement("canvas");
    image.width = image.height = Math.ceil((size + 2) * ratio);
    const pen = image.getContext("2d");
    pen.scale(ratio, ratio);
    pen.translate(size / 2 + 1, size / 2 + 1);
    draw(pen, size / 2);
    return { image, size: size + 2 };
  };
  const markers = (hollow) => ({
    success: make((pen, radius) => disc(pen, radius, colour.success, hollow)),
    failure: make((pen, radius) => cross(pen, radius, colour.failure, colour.card)),
    rejected: make((pen, radius) => triangle(pen, radius, colour.rejected)),
    fallback: make((pen, radius) => disc(pen, radius, colour.success, true)),
    abandoned: make((pen, radius) => square(pen, radius, colour.abandoned, hollow)),
  });
  return { resilient: markers(false), baseline: markers(true) };
}

function disc(pen, radius, colour, hollow) {
  pen.beginPath();
  pen.arc(0, 0, radius * (hollow ? 0.68 : 0.78), 0, 7);
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = radius * 0.38;
  if (hollow) pen.stroke();
  else pen.fill();
}

function cross(pen, radius, colour, background) {
  const end = radius * 0.72;
  pen.beginPath();
  pen.moveTo(-end, -end);
  pen.lineTo(end, end);
  pen.moveTo(end, -end);
  pen.lineTo(-end, end);
  pen.lineCap = "round";
  for (const [style, width] of [[background, 0.95], [colour, 0.5]]) {
    pen.strokeStyle = style;
    pen.lineWidth = radius * width;
    pen.stroke();
  }
}

function triangle(pen, radius, colour) {
  pen.beginPath();
  pen.moveTo(-radius * 0.9, -radius * 0.6);
  pen.lineTo(radius * 0.9, -radius * 0.6);
  pen.lineTo(0, radius * 0.85);
  pen.closePath();
  pen.fillStyle = colour;
  pen.fill();
}

function square(pen, radius, colour, hollow) {
  const half = radius * 0.6;
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = radius * 0.38;
  if (hollow) pen.strokeRect(-half, -half, half * 2, half * 2);
  else pen.fillRect(-half, -half, half * 2, half * 2);
}

/** A pattern of diagonal lines for `context`. */
export function hatch(context, colour) {
  return pattern(context, 8, (pen, size) => {
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift - 2, size + 2);
      pen.lineTo(shift + size + 2, -2);
    }
    pen.stroke();
  });
}

/** A pattern of dots for `context`. */
export function dots(context, colour) {
  return pattern(context, 7, (pen, size) => {
    pen.fillStyle = colour;
    pen.arc(size / 2, size / 2, 1.3, 0, 7);
    pen.fill();
  });
}

function pattern(context, size, draw) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  draw(tile.getContext("2d"), size);
  return context.createPattern(tile, "repeat");
}
