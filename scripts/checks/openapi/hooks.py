"""Keeps requests short that schemathesis makes up: a stress test of ten minutes is a valid one."""

import schemathesis

# The outcomes of a fault plan that are no answers.
NO_ANSWERS = {"hang", "reset"}


@schemathesis.hook
def filter_case(_context, case):
    body = case.body
    if not isinstance(body, dict):
        return True
    if case.path == "/api/stress-test":
        numbers = [body.get("num_requests", 10), body.get("interval_seconds", 0)]
        return all(not isinstance(number, int | float) or number <= 10 for number in numbers) and (
            not isinstance(numbers[1], int | float) or numbers[1] <= 0.1
        )
    if case.path.endswith("/faults"):
        sequence = body.get("sequence")
        return not (isinstance(sequence, list) and any(one in NO_ANSWERS for one in sequence if isinstance(one, str)))
    return True
