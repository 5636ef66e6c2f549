"""How soon each trip opens the circuit, over the share of calls that meet a fault."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.axes import Axes

from . import style

COLOURS = (style.BLUE, style.GREEN, style.ORANGE, style.PURPLE, style.VERMILION)
TITLES = {
    "steady": "steady: each call fails with this probability",
    "bursts": "in bursts: all calls of a bad period fail",
    "hang": "calls hang, and fail after 3 s",
    "slow": "calls are answered after 2 s",
}


def draw(path: Path, points: list[dict], faults: tuple[str, str], text: str, below: str) -> None:
    """Two panels side by side, one a fault."""
    head, height = 1.6, 4.8
    figure = style.new(height)
    style.title(figure, text, below)
    shown = [point for point in points if point["fault"] in faults and point["rate"] >= 0.1]
    trips = list(dict.fromkeys(point["trip"] for point in shown))
    colours = dict(zip(trips, COLOURS, strict=True))
    rows = [trips[:3], trips[3:]]
    for number, row in enumerate(rows):
        style.legend(figure, 0.86 + 0.2 * number, [(trip, colours[trip]) for trip in row])
    shortest = min(point["seconds_median"] for point in shown if point["seconds_median"] is not None)
    longest = max(point["seconds_q90"] or point["seconds_median"] or 0 for point in shown)
    for column, fault in enumerate(faults):
        panel = figure.add_axes((0.085 + 0.46 * column, 0.11, 0.425, 1 - 0.11 - head / height))
        for trip, colour in colours.items():
            # Dashes let a line below show: the last trip is one of the others with a second rule.
            dash = "--" if trip == trips[-1] else "-"
            curve(panel, [point for point in shown if (point["fault"], point["trip"]) == (fault, trip)], colour, dash)
        panel.set_title(TITLES[fault], loc="left", fontsize=9, pad=6)
        panel.set_yscale("log")
        panel.set_ylim(shortest * 0.7, longest * 1.3)
        style.log_time(panel.yaxis)
        panel.set_xlim(0.07, 1.03)
        panel.set_xticks([0.1, 0.4, 0.7, 1.0], ["10 %", "40 %", "70 %", "100 %"])
        if column > 0:
            panel.set_yticklabels([])
        panel.grid(axis="y", color=style.PALE, lw=0.5)
        panel.set_xlabel("share of calls that meet the fault", labelpad=3)
    style.save(figure, path)


def curve(panel: Axes, points: Iterable[dict], colour: str, dash: str) -> None:
    """The median, and a band from it up to the 90 % quantile where there is one."""
    opened = [point for point in points if point["seconds_median"] is not None]
    rates = [point["rate"] for point in opened]
    medians = [point["seconds_median"] for point in opened]
    high = [point["seconds_q90"] for point in opened]
    known = [value is not None for value in high]
    high = [value or 0 for value in high]
    panel.fill_between(rates, medians, high, where=known, color=colour, alpha=0.15, lw=0)
    panel.plot(rates, medians, "o" + dash, ms=3.5, lw=1.3, color=colour, mew=0)
