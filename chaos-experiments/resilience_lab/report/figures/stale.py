"""What calls are answered with during an outage and after it, by the greatest age of a stale answer."""

from pathlib import Path

from . import style

KINDS = {"good": style.GREEN, "stale": style.ORANGE, "errors": style.VERMILION}
PARTS = {"during": "during the outage", "after": "after it"}


def draw(path: Path, rows: list[dict[str, str]]) -> None:
    ages = list(dict.fromkeys(row["max_age"] for row in rows))
    best = next(row for row in rows if (row["max_age"], row["part"]) == (ages[-1], "during"))
    tall, head, foot = 0.36, 1.12, 0.5
    height = head + tall * len(ages) + foot
    figure = style.new(height)
    style.title(
        figure,
        f"The last good answer, up to {best['max_age']} old, answers {100 * float(best['stale']):.1f} % of the calls "
        "in an outage",
        "share of the calls; an outage of 100 s",
    )
    style.legend(figure, 0.62, list(KINDS.items()))
    for number, (part, title) in enumerate(PARTS.items()):
        panel = figure.add_axes((0.16 + 0.42 * number, foot / height, 0.39, tall * len(ages) / height))
        for row, age in enumerate(ages):
            [found] = [row for row in rows if (row["max_age"], row["part"]) == (age, part)]
            left = 0.0
            for kind, colour in KINDS.items():
                panel.barh(row, 100 * float(found[kind]), 0.62, left, color=colour, lw=0)
                left += 100 * float(found[kind])
        panel.set_title(title, loc="left", fontsize=9, pad=5)
        panel.set_xlim(0, 100)
        panel.set_xlabel("%", labelpad=3)
        panel.set_yticks(range(len(ages)), [f"up to {age}" if age != "none" else "no fallback" for age in ages])
        panel.set_ylim(len(ages) - 0.5, -0.5)
        panel.tick_params(axis="y", length=0, labelleft=number == 0)
        panel.spines["left"].set_visible(False)
    style.save(figure, path)
