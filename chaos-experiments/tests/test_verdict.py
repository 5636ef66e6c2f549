"""Verdicts on journals that were made up."""

from resilience_lab.verdict import judge, text


def probe(name: str, met: bool, **output) -> dict:
    activity = {"type": "probe", "name": name, "tolerance": True}
    return {"activity": activity, "status": "succeeded", "tolerance_met": met, "output": {"holds": met, **output}}


def journal(**changes) -> dict:
    method = [probe("the circuit opens", True, seconds=1.5, limit=10)]
    steady = {"steady_state_met": True, "probes": [probe("steady", True)]}
    rollback = {"activity": {"type": "action", "name": "heal"}, "status": "succeeded"}
    return {
        "experiment": {
            "title": "T",
            "steady-state-hypothesis": {"probes": [0]},
            "method": [0],
            "rollbacks": [0],
        },
        "status": "completed",
        "duration": 50.04,
        "steady_states": {"before": steady, "after": steady},
        "run": method,
        "rollbacks": [rollback],
    } | changes


RECORD = {
    "calls": [{"status": 200, "seconds": 0.1}, {"status": 503, "seconds": 0.2}, {"status": 503, "seconds": 0.001}],
    "states": [{"at": 0.0, "state": "closed"}, {"at": 4.26, "state": "open"}],
}


def test_the_verdict_lists_the_findings():
    shown = text(judge(journal(), RECORD))
    for expected in (
        "T: fulfilled (50.0 s)",
        "ok  the circuit opens\n        after 1.5 s, limit 10 s",
        "3 calls: 503 x 2, 200 x 1; slowest 0.2 s",
        "0.0 s closed, 4.3 s open",
    ):
        assert expected in shown


def test_one_failed_check_fails_the_verdict():
    verdict = judge(journal(run=[probe("the circuit opens", False)]), RECORD)
    assert not verdict["fulfilled"]
    assert 'because: probe "the circuit opens" is out of its tolerance' in text(verdict)


def test_a_run_without_users_is_judged():
    steady_states = {"before": None, "after": None}
    verdict = judge(journal(steady_states=steady_states, run=[], rollbacks=[]), {})
    assert not verdict["fulfilled"]
    assert "not checked" in text(verdict)
