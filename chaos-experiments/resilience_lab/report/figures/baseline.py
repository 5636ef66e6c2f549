"""Success and latency, with and without resilience."""

from pathlib import Path

from matplotlib.axes import Axes

from .. import formatting
from ..findings.baseline import Part, Side
from . import style

ROWS = (("resilient", "breaker\nand retries"), ("baseline", "without"))
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
COLOURS = {"resilient": style.BLUE, "baseline": style.VERMILION}


def draw(path: Path, found: dict) -> None:
    figure = style.new(4.35)
    resilient, baseline = found["resilient"], found["baseline"]
    style.title(
        figure,
        f"Retries raise success from {formatting.percent(baseline.success)} "
        f"to {formatting.percent(resilient.success)}, and add waiting time",
        f"{resilient.success.total} calls of each kind at the same time, {found['rate']:g} of each start every second",
    )
    bars = figure.add_axes((0.125, 0.645, 0.855, 0.17))
    outcomes(bars, found)
    curves = figure.add_axes((0.125, 0.115, 0.855, 0.40))
    good_by_then(curves, found)
    style.save(figure, path)


def outcomes(panel: Axes, found: dict) -> None:
    """Stacked bars of the outcomes, with a whisker for the confidence interval of the success."""
    for row, (name, _) in enumerate(ROWS):
        side: Side = found[name]
        begin = 0.0
        for part in sorted(side.parts, key=lambda part: part.status or 999):
            stack(panel, row, begin, part)
            begin += part.share.value
        low, high = side.success.low, side.success.high
        panel.plot([low, high], [row, row], color=style.INK, lw=1.2)
        for x in (low, high):
            panel.plot([x, x], [row - 0.12, row + 0.12], color=style.INK, lw=1.2)
    panel.set_yticks(range(len(ROWS)), [label for _, label in ROWS])
    panel.invert_yaxis()
    panel.set_xlim(0, 1)
    panel.set_xticks([])
    panel.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        panel.spines[side].set_visible(False)
    style.remark(panel, 1.0, -0.08, "whisker: 95 % confidence interval of the success")


def stack(panel: Axes, row: int, begin: float, part: Part) -> None:
    """One part of a bar, with its name if there is room."""
    text, colour = style.outcome(part.status)
    value = part.share.value
    panel.barh(row, value, 0.62, begin, color=colour, lw=0)
    if value < 0.11:
        return
    good = part.status == 200
    panel.text(
        begin + (0.02 if good else value / 2),
        row,
        f"{text}  {formatting.percent(value)}" if value > 0.22 else f"{part.status}: {formatting.percent(value)}",
        ha="left" if good else "center",
        va="center",
        fontsize=8.5,
        color="white" if part.status in (200, 500, 503) else style.INK,
    )


def good_by_then(panel: Axes, found: dict) -> None:
    """The share of all calls with a good answer within a time: it ends at the success rate, not at 1."""
    limit = max(max(found[name].seconds) for name, _ in ROWS) * 1.6
    for name, _ in ROWS:
        side: Side = found[name]
        ordered = sorted(side.answered_seconds)
        total = len(side.seconds)
        x = [ordered[0], *ordered, limit]
        y = [0.0, *((rank + 1) / total for rank in range(len(ordered))), len(ordered) / total]
        panel.step(x, y, where="post", color=COLOURS[name], lw=2)
        text = "with breaker and retries" if name == "resilient" else "without"
        text = f"{text}: {formatting.percent(y[-1])}"
        panel.text(limit, y[-1] + 0.025, text, color=COLOURS[name], ha="right", va="bottom", bbox=WHITE)
    panel.set_xscale("log")
    style.log_time(panel.xaxis)
    panel.set_xlim(min(min(found[name].answered_seconds) for name, _ in ROWS) * 0.8, limit)
    panel.set_ylim(0, 1.08)
    panel.yaxis.set_major_formatter(lambda value, _: f"{value * 100:.0f} %")
    panel.set_yticks([0, 0.25, 0.5, 0.75, 1])
    panel.grid(axis="y", color=style.PALE, lw=0.5)
    panel.set_xlabel("time since the call began")
    panel.set_title("calls that have a good answer by then", loc="left", fontsize=9, color=style.INK, pad=6)
