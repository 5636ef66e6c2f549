"""The lab's report: plays the lab, writes down what was observed, and says what it means.

- `collect`: one command for each phase; makes the calls, writes the data
- `findings`: what the data says, as numbers: pure functions of the data
- `figures`: the same as pictures
- `templates`: the documents, with a placeholder for each number
- `render`: puts them together; needs the data only
- `trips`: figures and tables of docs/trips.md, which has data of its own (`scripts/trip-curves.sh`)
- `stats`, `attempts`, `store`: statistics, the story of an attempt log, files

`scripts/lab-report.sh` runs all but `trips`.
"""
