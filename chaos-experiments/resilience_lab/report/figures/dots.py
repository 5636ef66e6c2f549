"""A row for each setting, with a dot for each number."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.ticker import LogLocator, NullLocator

from ..tables import thousands
from . import style

# Name, colour and a value for each row.
Series = tuple[str, str, Sequence[float]]


def draw(
    path: Path, titles: tuple[str, str], rows: Sequence[str], series: Sequence[Series], label: str, log: bool = False
) -> None:
    """Titles: the finding, and what is measured. A row's name may have two lines."""
    head = 0.62 + 0.21 * titles[0].count("\n") + 0.17 * titles[1].count("\n")
    foot, legend, tall = 0.5, 0.3, 0.42
    height = head + legend + tall * len(rows) + foot
    figure = style.new(height)
    style.title(figure, *titles)
    style.legend(figure, head, [(name, colour) for name, colour, _ in series])
    panel = figure.add_axes((0.25, foot / height, 0.72, tall * len(rows) / height))
    for row in range(len(rows)):
        values = [values[row] for _, _, values in series]
        panel.plot([min(values), max(values)], [row, row], color=style.PALE, lw=3, zorder=1)
        # A dot below an equal one is larger, so that it shows as a ring.
        for number, (_, colour, _) in enumerate(series):
            size = 7 + 3.5 * values[:number].count(values[number])
            panel.plot(values[number], row, "o", ms=size, color=colour, mew=0, clip_on=False, zorder=9 - number)
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.tick_params(axis="y", length=0, pad=8)
    panel.spines["left"].set_visible(False)
    panel.grid(axis="x", color=style.PALE, lw=0.5)
    panel.set_axisbelow(True)
    if log:
        panel.set_xscale("log")
        numbers = [value for _, _, values in series for value in values]
        few = max(numbers) > 1000 * min(numbers)
        panel.xaxis.set_major_locator(LogLocator(10, subs=(1,) if few else (1, 2, 5)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(lambda value, _: thousands(value) if value >= 1 else f"{value:g}")
    else:
        panel.set_xlim(left=0)
    panel.set_xlabel(label, labelpad=3)
    style.save(figure, path)
