"""When 100 calls that failed at once are retried."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ..stats import bins
from . import style

NAMES = {1: "first retry", 2: "second retry", 3: "third retry"}


def draw(path: Path, found: dict) -> None:
    rows = list(found["runs"])
    waves = range(1, min(4, min(len(found["runs"][name]["waves"]) for name in rows)))
    head, tall, foot = 1.16, 0.9, 0.6
    height = head + tall * len(rows) + foot
    figure = style.new(height)
    calls = found["runs"][rows[0]]["calls"]
    peaks = {name: found["runs"][name]["peak"] for name in rows}
    style.title(
        figure,
        f"{calls} calls fail at once: {peaks['default']} are retried within 100 ms at the default jitter,\n"
        f"{peaks['wide']} when it spreads them over {found['runs']['wide']['first_spread']:g} s",
        "retries that begin in each 100 ms; the number is the busiest 100 ms, "
        f"the line the {found['claimed']} that were claimed\n"
        "(heights on a square-root scale)",
    )
    for column, wave in enumerate(waves):
        end = max(
            max(found["runs"][name]["waves"][wave]["starts"]) - min(found["runs"][name]["waves"][wave]["starts"])
            for name in rows
        )
        for row, name in enumerate(rows):
            left, wide = 0.165 + column * 0.277, 0.25
            top = head + row * tall
            panel = figure.add_axes((left, 1 - (top + tall * 0.82) / height, wide, tall * 0.7 / height))
            arrivals(panel, found["runs"][name]["waves"][wave], end, found, last=row == len(rows) - 1)
            if row == 0:
                panel.set_title(NAMES.get(wave, f"retry {wave}"), fontsize=9, loc="left", pad=8)
            if column == 0:
                text = describe(found["runs"][name]["retry"], name)
                panel.text(-0.62, 0.5, text, transform=panel.transAxes, fontsize=8.5, va="center", linespacing=1.3)
            else:
                panel.set_yticklabels([])
    figure.text(0.57, 0.2 / height, "seconds since the first of them started", ha="center", fontsize=9)
    style.save(figure, path)


def arrivals(panel: Axes, wave: dict, end: float, found: dict, last: bool) -> None:
    starts = [start - wave["starts"][0] for start in wave["starts"]]
    width = found["window"]
    counts = bins(starts, width, 0.0, end + width)
    calm = wave["peak"] <= found["claimed"]
    colour = style.GREEN if calm else style.VERMILION
    panel.bar([number * width for number in range(len(counts))], counts, width, align="edge", color=colour, lw=0)
    panel.axhline(found["claimed"], color=style.INK, lw=0.6, ls=(0, (1, 2)))
    panel.text(end + width, 96, str(wave["peak"]), fontsize=10, color=colour, fontweight="bold", va="top", ha="right")
    # On a square-root scale both 4 and 100 can be read.
    panel.set_yscale("function", functions=(np.sqrt, np.square))
    panel.set_ylim(0, 108)
    panel.set_yticks([0, found["claimed"], 50, 100])
    panel.set_xlim(-end * 0.015, end + width)
    if not last:
        panel.set_xticklabels([])
        panel.tick_params(axis="x", length=0)


def describe(retry: dict, name: str) -> str:
    text = "no jitter" if retry["jitter"] == 0 else f"jitter {retry['jitter']:g}"
    base = f"\nbase {retry['base_delay']:g} s"
    return text + base + ("\n(default)" if name == "default" else "")
