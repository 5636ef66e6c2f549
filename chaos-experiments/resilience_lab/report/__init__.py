"""The lab's report: runs the lab, stores the data, and generates documents from them.

- `collect`: a command for each phase; makes the calls, writes the data
- `findings`: numbers from the data: pure functions
- `figures`: plots of the findings
- `templates`: the documents, with a placeholder for each number
- `render`: generates documents and figures from the data
- `trips`, `policies`: figures and tables of docs/trips.md and docs/experiments.md, from data of `scripts/curves.sh`
- `curves`: writes both
- `stats`, `attempts`, `store`, `tables`, `formatting`, `machine`: helpers of the others

`scripts/lab-report.sh` runs all but these three.
"""
