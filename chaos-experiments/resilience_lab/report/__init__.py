"""The lab's report: runs the lab, stores the data, and generates documents from them.

- `collect`: a command for each phase; makes the calls, writes the data
- `findings`: numbers from the data: pure functions
- `figures`: plots of the findings
- `templates`: the documents, with a placeholder for each number
- `render`: generates documents and figures from the data
- `trips`: figures and tables of docs/trips.md, which has its own data (`scripts/curves.sh`)
- `policies`: figures and tables of docs/experiments.md, which has its own data (`scripts/curves.sh`)
- `stats`, `attempts`, `store`, `tables`, `formatting`, `machine`: helpers of the others

`scripts/lab-report.sh` runs all but `trips` and `policies`.
"""
