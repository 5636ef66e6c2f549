"""`python -m resilience_lab.report.render --data DIR --output DIR`: the documents and figures, from the data alone."""

import argparse
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import formatting, store
from .figures import baseline as baseline_figure
from .figures import herd as herd_figure
from .figures import retry as retry_figure
from .figures import style
from .figures import timeline as timeline_figure
from .findings import baseline, breaker, chaos, claims, detection, herd, retry, timeline

# The report's files in the folder of data, which has those of other measurements too.
DATA = ("machine.json", "baseline.json", "breaker.json", "retry.json", "herd-*.json", "chaos-*.json")
DOCUMENTS = ("baseline-observations", "circuit-breaker-analysis", "retry-analysis", "chaos-experiments", "lab-report")


def load(directory: Path) -> dict[str, dict]:
    """The report's data, by file name without its ending."""
    return {path.stem: timeline.exact(store.load(path)) for name in DATA for path in sorted(directory.glob(name))}


def find(data: dict[str, dict]) -> dict:
    """The findings for the templates and the figures."""
    runs = {name.removeprefix("herd-"): run for name, run in data.items() if name.startswith("herd-")}
    experiments = {run["experiment"]: run for name, run in data.items() if name.startswith("chaos-")}
    found = {
        "lab": data["machine"],
        "load": max(part.get("load", 0.0) for part in data.values()),
        "dates": sorted({part["date"] for part in data.values()}),
        "baseline": baseline.find(data["baseline"], data["machine"]),
        "breaker": breaker.find(data["breaker"]),
        "retry": retry.find(data["retry"]),
        "herd": herd.find(runs),
        "chaos": chaos.find(experiments),
    }
    found["detection"] = detection.find(data["machine"], found["chaos"])
    found["claims"] = claims.judge(found["baseline"], found["breaker"], found["herd"], found["chaos"])
    found["limits"] = claims
    return found


def documents(found: dict) -> dict[str, str]:
    """The documents, by name."""
    environment = Environment(
        loader=PackageLoader("resilience_lab.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters |= {
        "percent": formatting.percent,
        "interval": formatting.interval,
        "seconds": formatting.seconds,
        "number": formatting.number,
        "about": formatting.about,
        "cell": formatting.cell,
        "status": lambda status: style.outcome(status)[0],
        "answer": lambda status: f"a {status}" if status else "no answer",
    }
    return {name: formatting.reflow(environment.get_template(f"{name}.md.j2").render(found)) for name in DOCUMENTS}


def figures(directory: Path, data: dict[str, dict], found: dict) -> None:
    baseline_figure.draw(directory / "baseline.svg", found["baseline"])
    cycle = found["breaker"]
    timeline_figure.draw(
        directory / "circuit-cycle.svg",
        data["breaker"] | {"events": timeline_figure.cycle_events(data["breaker"]["events"], cycle)},
        f"{cycle['stress']['opened_on']} failures open the circuit for {cycle['open_for']:.1f} s: "
        f"{cycle['refused_calls']} calls are rejected,\nthen one trial closes it",
        f"callers make {cycle['rate']:g} calls a second to a healthy backend; only the calls of the stress test fail",
    )
    retry_figure.draw(directory / "retry.svg", found["retry"], data["retry"]["calls"])
    herd_figure.draw(directory / "herd.svg", found["herd"])
    for name, experiment in found["chaos"].items():
        text, below = timeline_figure.titles(experiment)
        timeline_figure.draw(directory / f"chaos-{name}.svg", data[f"chaos-{name}"], text, below)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m resilience_lab.report.render", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    options = parser.parse_args()
    data = load(options.data)
    found = find(data)
    texts = documents(found)
    figures(options.output / "figures", data, found)
    for name, text in texts.items():
        store.write(options.output / f"{name}.md", text)


if __name__ == "__main__":
    main()
