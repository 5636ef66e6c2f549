"""The waits of a retried call, and all waits compared with the formula."""

from pathlib import Path

from matplotlib.axes import Axes

from .. import formatting
from ..attempts import planned_wait
from . import style


def draw(path: Path, found: dict, calls: list[dict]) -> None:
    figure = style.new(4.55)
    example = found["example"]
    attempts = example["attempts"]
    working = sum(attempt.end - attempt.begin for attempt in attempts)
    style.title(
        figure,
        f"A call of {len(attempts)} attempts takes {example['seconds']:.1f} s, "
        f"of which the attempts take {formatting.seconds(working)}",
        f"waits double, plus jitter; above one call, below all waits of {found['calls']} calls",
    )
    waterfall(figure.add_axes((0.14, 0.52, 0.845, 0.31)), example, found["retry"])
    against_formula(figure.add_axes((0.14, 0.115, 0.845, 0.245)), found, calls)
    style.save(figure, path)


def waterfall(panel: Axes, example: dict, retry: dict) -> None:
    """A row for each attempt: its answer, and the wait after it, planned part and jitter."""
    for row, attempt in enumerate(example["attempts"]):
        _, colour = style.outcome(attempt.status)
        if attempt.wait is not None:
            plan = planned_wait(attempt.number, retry)
            panel.barh(row, plan, 0.5, attempt.end, color=style.PALE, lw=0)
            panel.barh(row, attempt.wait - plan, 0.5, attempt.end + plan, color=style.ORANGE, lw=0)
            inside = plan > 1.8
            panel.text(
                attempt.end + (plan / 2 if inside else attempt.wait + 0.08),
                row,
                f"waits {attempt.wait:.3f} s",
                va="center",
                ha="center" if inside else "left",
                fontsize=8.5,
            )
        panel.plot([attempt.begin], [row], "o", ms=8, color=colour, mew=0, clip_on=False, zorder=3)
        # The status is left of its dot if there is room.
        room = attempt.begin > 0.9
        side = attempt.begin + (-0.12 if room else 0.12)
        panel.text(side, row, str(attempt.status), ha="right" if room else "left", va="center", fontsize=8.5)
    last = example["attempts"][-1]
    panel.set_xlim(-0.1, last.end * 1.04)
    panel.set_ylim(-0.5, len(example["attempts"]) - 0.35)
    panel.set_yticks(range(len(example["attempts"])), [f"attempt {a.number}" for a in example["attempts"]])
    panel.invert_yaxis()
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("seconds since the call began", labelpad=2)
    style.remark(panel, 1.0, 0.98, "grey: the formula's wait   orange: jitter")


def against_formula(panel: Axes, found: dict, calls: list[dict]) -> None:
    """Each wait minus the formula's: it should be uniform between 0 and the jitter."""
    percent = found["retry"]["jitter"] * 100
    rows = found["waits"]
    panel.axvspan(0, percent, color="#FBF1DC", lw=0)
    for row, wait in enumerate(rows):
        waits = [call["log"][wait["retry"] - 1]["wait"] for call in calls if len(call["log"]) > wait["retry"]]
        beyond = [100 * (value / wait["planned"] - 1) for value in waits]
        # Spread over the row's height without randomness: the same data must give the same file.
        height = [row + ((number * 0.618034) % 1 - 0.5) * 0.5 for number in range(len(beyond))]
        panel.plot(beyond, height, "o", ms=3, mew=0, alpha=0.8, color=style.ORANGE)
    panel.set_yticks(range(len(rows)), [f"{w['planned']:g} s ({w['count']} waits)" for w in rows])
    panel.invert_yaxis()
    panel.set_xlim(-percent * 0.25, percent * 1.25)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:+g} %" if value else "0")
    panel.set_xlabel("measured wait, relative to the formula", labelpad=2)
    strayed = any(wait["late"] > 0.001 * wait["planned"] or wait["too_short"] for wait in rows)
    text = "all waits, against the jitter's band" if strayed else f"all waits lie within the jitter of {percent:g} %"
    panel.set_title(text, loc="left", fontsize=9, pad=5)
