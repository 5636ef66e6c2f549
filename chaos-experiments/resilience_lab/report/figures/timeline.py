"""The circuit's state over time, and the outcomes of the calls."""

from collections import Counter
from math import ceil, floor, log10
from pathlib import Path

from matplotlib.axes import Axes

from .. import formatting
from ..findings.timeline import spans
from ..stats import bins
from . import style

# Lengths in inches, from the top.
HEAD, ROW, STRIP, GAP, BARS, DOTS, FOOT = 0.96, 0.16, 0.22, 0.10, 0.85, 1.75, 0.50


def draw(path: Path, data: dict, text: str, below: str) -> None:
    """`data` is a record with calls, states and events."""
    end = max(data["ended_after"], max(call["at"] for call in data["calls"]))
    names = place(data["events"], end)
    titled = 0.21 * text.count("\n")
    head = HEAD + titled + ROW * (1 + max((row for _, row, _ in names), default=0))
    height = head + STRIP + BARS + DOTS + 3 * GAP + FOOT
    figure = style.new(height)
    style.title(figure, text, below)
    legend(figure, 0.62 + titled, data["calls"])

    def axes(top: float, tall: float) -> Axes:
        return figure.add_axes((0.112, 1 - (top + tall) / height, 0.875, tall / height))

    top = head
    strip = axes(top, STRIP)
    top += STRIP + GAP
    bars = axes(top, BARS)
    top += BARS + 2 * GAP
    dots = axes(top, DOTS)
    states(strip, data["states"], end)
    per_second(bars, data["calls"], end)
    latency(dots, data["calls"])
    events([bars, dots], data["events"])
    name_events(strip, names)
    for panel in (strip, bars, dots):
        panel.set_xlim(0, end)
    dots.set_xlabel("seconds since the first call")
    style.save(figure, path)


def legend(figure, top: float, calls: list[dict]) -> None:
    counts = Counter(call.get("status") for call in calls)
    order = [status for status in style.OUTCOMES if status in counts]
    style.legend(figure, top, [(f"{style.outcome(s)[0]}: {counts[s]}", style.outcome(s)[1]) for s in order])


def states(panel: Axes, seen: list[dict], end: float) -> None:
    panel.set_ylim(0, 1)
    panel.axis("off")
    for begin, until, state in spans(seen, end):
        panel.axvspan(begin, until, color=style.STATES.get(state, style.PALE), lw=0)
        if (until - begin) / end > 0.0125 * len(str(state)) + 0.01:
            panel.text((begin + until) / 2, 0.46, state or "?", ha="center", va="center", fontsize=8.5)
    panel.text(-0.012, 0.46, "circuit", transform=panel.transAxes, ha="right", va="center", fontsize=8.5)


def per_second(panel: Axes, calls: list[dict], end: float) -> None:
    """Stacked bars: the calls that started in each second, by outcome."""
    floor = [0] * len(bins([], 1.0, 0.0, end))
    for status in style.OUTCOMES:
        counts = bins([call["at"] for call in calls if call.get("status") == status], 1.0, 0.0, end)
        if any(counts):
            panel.bar(range(len(counts)), counts, 0.86, floor, align="edge", color=style.outcome(status)[1], lw=0)
            floor = [low + count for low, count in zip(floor, counts, strict=True)]
    panel.set_ylabel("calls / s", labelpad=4)
    panel.yaxis.set_label_coords(-0.092, 0.5)
    panel.set_xticklabels([])
    panel.tick_params(axis="x", length=0)
    panel.spines["bottom"].set_visible(False)


def latency(panel: Axes, calls: list[dict]) -> None:
    for status in style.OUTCOMES:
        chosen = [call for call in calls if call.get("status") == status]
        x, y = [call["at"] for call in chosen], [call["seconds"] for call in chosen]
        panel.plot(x, y, "o", ms=3, mew=0, alpha=0.75, color=style.outcome(status)[1])
    panel.set_yscale("log")
    style.log_time(panel.yaxis)
    # Whole decades, so that there are always ticks.
    times = [max(1e-5, call["seconds"]) for call in calls]
    panel.set_ylim(10 ** floor(log10(min(times)) - 0.05), 10 ** ceil(log10(max(times)) + 0.05))
    panel.grid(axis="y", color=style.PALE, lw=0.5)
    panel.set_axisbelow(True)
    panel.set_ylabel("time to answer")
    panel.yaxis.set_label_coords(-0.092, 0.5)


def marks(seen: list[dict]) -> list[dict]:
    return [event for event in seen if event["kind"] in ("fault", "heal")]


def colour(event: dict) -> str:
    return style.VERMILION if event["kind"] == "fault" else style.GREEN


def events(panels: list[Axes], seen: list[dict]) -> None:
    """Lines at the start and end of faults."""
    for event in marks(seen):
        for panel in panels:
            panel.axvline(event["at"], color=colour(event), lw=0.9, ls=(0, (3, 2)), zorder=0.5)


def place(seen: list[dict], end: float) -> list[tuple[dict, int, bool]]:
    """The names above the strip, with their rows, and whether each is left of its mark.

    A name that would overlap moves up a row. Without room in three rows, the line has no name.
    """
    placed, free = [], [-1.0, -1.0, -1.0]
    for event in marks(seen):
        wide = (0.0112 * len(short(event["what"])) + 0.03) * end
        left = event["at"] + wide > end
        begin = event["at"] - wide if left else event["at"]
        row = next((number for number, until in enumerate(free) if begin >= until), None)
        if row is not None:
            free[row] = begin + wide
            placed.append((event, row, left))
    return placed


def name_events(strip: Axes, names: list[tuple[dict, int, bool]]) -> None:
    for event, row, left in names:
        name = short(event["what"])
        strip.annotate(
            f"{name} ▾" if left else f"▾ {name}",
            (event["at"], 1.0),
            xytext=(3.6 if left else -3.6, 2 + 72 * ROW * row),
            textcoords="offset points",
            ha="right" if left else "left",
            va="bottom",
            fontsize=8.5,
            color=colour(event),
            annotation_clip=False,
        )


def short(what: str) -> str:
    return what if len(what) <= 40 else what[:37].rstrip() + "..."


def cycle_events(seen: list[dict], found: dict) -> list[dict]:
    """The events of the breaker's phase, and the trial."""
    return [*seen, {"at": found["half_open"], "kind": "heal", "what": "half-open: a trial"}]


def titles(found: dict) -> tuple[str, str]:
    """The title of an experiment's figure, and the line below."""
    during = found["during_share"]
    below = f"{found['title'][0].lower()}{found['title'][1:]}; callers make {found['rate']:g} calls a second"
    if found["opened_after"] is None:
        served = f"{formatting.percent(during.value)} of the calls are served"
        return f"{nice(found['name'])}: the circuit stays closed, and {served}", below
    if found["recovered_after"] is None:
        return f"{nice(found['name'])}: the circuit opens, and does not close", below
    return (
        f"{nice(found['name'])}: the circuit opens after {formatting.seconds(found['opened_after'])}, "
        f"and closes {formatting.seconds(found['recovered_after'])}\nafter the backend's return"
    ), below


def nice(name: str) -> str:
    return name.replace("-", " ").capitalize()
