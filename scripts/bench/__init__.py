"""Measures the cost of a request: of our services, and of other proxies and libraries. Started by scripts/bench.sh.

| module | role |
|---|---|
| `load` | runs the load generator wrk |
| `services` | starts our two services |
| `contenders` | the programs that are measured, and how each is started |
| `rounds` | warm-up, rounds in random order, and the checks of each round |
| `stats` | medians with confidence intervals |
| `limits` | the limits of the figures, and verdicts |
| `runtime` | the figures of the runtime alone, from criterion |
| `arguments` | the command line |
| `tables` | the results as text, and as Markdown in a document |
"""
