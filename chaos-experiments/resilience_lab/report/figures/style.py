"""Colours, sizes, titles and output of all figures. Colour-blind readers can distinguish the colours.

Colours: M. Okabe and K. Ito, *Color Universal Design*, 2008.
"""

from pathlib import Path

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

GREEN, VERMILION, ORANGE, SKY, BLUE, PURPLE = "#009E73", "#D55E00", "#E69F00", "#56B4E9", "#0072B2", "#CC79A7"
INK, GREY, PALE = "#222222", "#767676", "#DDDDDD"

# 7.2 inches are about 700 pixels.
WIDTH = 7.2

OUTCOMES: dict[int | None, tuple[str, str]] = {
    200: ("200 answered", GREEN),
    500: ("500 failed", VERMILION),
    504: ("504 timed out", ORANGE),
    502: ("502 unreachable", PURPLE),
    503: ("503 rejected", BLUE),
    429: ("429 throttled", SKY),
    None: ("no answer", INK),
}

STATES = {"closed": "#BFE5D9", "open": "#F3C3A5", "half-open": "#FBE08A", None: "#EEEEEE"}

plt.rcParams.update(
    {
        "svg.hashsalt": "resilience-lab",
        "svg.fonttype": "path",
        "figure.facecolor": "white",
        "axes.facecolor": "white",
        "savefig.facecolor": "white",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": GREY,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.labelsize": 9,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.frameon": False,
    }
)


def outcome(status: int | None) -> tuple[str, str]:
    """The name and colour of a status."""
    return OUTCOMES.get(status, (f"{status}", GREY))


def new(height: float) -> Figure:
    return plt.figure(figsize=(WIDTH, height))


def title(figure: Figure, text: str, below: str = "") -> None:
    """The finding, and a description below. Lengths are in inches, so that all figures look alike."""
    height = figure.get_figheight()
    figure.text(0.012, 1 - 0.12 / height, text, fontsize=11, fontweight="bold", va="top", linespacing=1.25)
    lines = text.count("\n") + 1
    figure.text(0.012, 1 - (0.17 + 0.21 * lines) / height, below, fontsize=8.5, color=GREY, va="top", linespacing=1.3)


def legend(figure: Figure, top: float, parts: list[tuple[str, str]]) -> None:
    """A line of coloured words, in place of a legend; `top` inches below the figure's top."""
    x, y = 0.012, 1 - top / figure.get_figheight()
    for text, colour in parts:
        for part, tint, gap in (("●", colour, 0.006), (text, INK, 0.022)):
            written = figure.text(x, y, part, fontsize=8.5, color=tint, va="top")
            x += written.get_window_extent().width / figure.bbox.width + gap


def remark(panel, x: float, y: float, text: str) -> None:
    """Small print that ends at (x, y) of a panel, in its own coordinates."""
    panel.text(x, y, text, transform=panel.transAxes, fontsize=7.5, color=GREY, ha="right", va="top")


def log_time(axis) -> None:
    """Ticks of a logarithmic axis of seconds."""
    axis.set_major_locator(matplotlib.ticker.LogLocator(10, numticks=12))
    axis.set_minor_locator(matplotlib.ticker.NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value * 1000:g} ms" if value < 0.9 else f"{value:g} s")


def save(figure: Figure, path: Path) -> None:
    """Writes no date: the same figure gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
