"""Measures what a request costs: ours, and others of the same trade. Started by scripts/bench.sh, which see.

| module | role |
|---|---|
| `processes` | starts and stops processes, and reads the CPU time that they have used |
| `load` | the load generator, and what it saw |
| `services` | our two services, as they are measured |
| `contenders` | all that is measured, and how each is started |
| `rounds` | warm-up, rounds in random order, and what has to hold in each |
| `stats` | medians, and how sure they are |
| `limits` | the figures that have a limit, and whether it is kept |
| `runtime` | the figures of the runtime alone, from criterion |
| `arguments` | what users may say, and what they are told if it is wrong |
| `tables` | the results as text, and as Markdown in a document |
"""
