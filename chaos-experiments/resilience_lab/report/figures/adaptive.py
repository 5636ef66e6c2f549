"""A fixed and an adaptive concurrency limit while an upstream loses half of its capacity."""

from pathlib import Path

from matplotlib.axes import Axes

from . import style

COLOURS = {"fixed": style.ORANGE, "adaptive": style.BLUE}


def draw(path: Path, rows: list[dict[str, str]]) -> None:
    """Two panels with one axis of time: the limits, and the latencies."""
    head, height = 1.12, 4.8
    figure = style.new(height)
    style.title(
        figure,
        "The adaptive limit follows the capacity, so the median latency stays",
        "500 calls a second, of which the upstream can answer 400, and 200 in the shaded time",
    )
    style.legend(figure, 0.62, [(f"{name} limit", colour) for name, colour in COLOURS.items()])
    tall = (height - head - 0.45 - 0.45) / 2 / height
    limits = figure.add_axes((0.09, 0.45 / height + tall + 0.45 / height, 0.89, tall))
    latency = figure.add_axes((0.09, 0.45 / height, 0.89, tall), sharex=limits)
    for name, colour in COLOURS.items():
        of_limit = [row for row in rows if row["limit"] == name]
        line(limits, of_limit, "max_in_flight", colour, "-")
        line(latency, of_limit, "p50_ms", colour, "-")
        line(latency, of_limit, "p99_ms", colour, ":")
    finish(limits, rows, "attempts in flight, at most")
    finish(latency, rows, "latency in ms: median (line) and p99 (dotted)")
    limits.tick_params(labelbottom=False)
    latency.set_xlabel("seconds", labelpad=3)
    style.save(figure, path)


def line(panel: Axes, rows: list[dict[str, str]], column: str, colour: str, dash: str) -> None:
    seconds = [float(row["second"]) for row in rows]
    panel.plot(seconds, [float(row[column]) for row in rows], dash, lw=1.5, color=colour)


def finish(panel: Axes, rows: list[dict[str, str]], title: str) -> None:
    """The title, the axes, and a shade over the time with less capacity."""
    full = max(int(row["capacity"]) for row in rows)
    less = [int(row["second"]) for row in rows if int(row["capacity"]) < full]
    panel.axvspan(min(less) - 1, max(less), color="#EEEEEE", lw=0, zorder=0)
    panel.set_title(title, loc="left", fontsize=9, pad=5)
    panel.set_xlim(0, max(int(row["second"]) for row in rows))
    panel.set_ylim(0, panel.get_ylim()[1] * 1.08)
    panel.grid(axis="y", color=style.PALE, lw=0.5)
