#!/usr/bin/env python3
"""tests/raw/run.py - raw-socket cases against a gateway and a scripted backend.

usage: tests/raw/run.py [-v] [-l] [WORD ...]

Runs all cases, or those whose name contains a word; -l lists them. After each
case the gateway must still serve a good request. MODGATE names the binary.
"""

import json
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, TOP)

from tests.lib import backend as scripted                     # noqa: E402
from tests.lib.proc import Bench, free_port                   # noqa: E402
from tests.lib.wire import BadAnswer, Client, Closed          # noqa: E402
from tests.raw import (bounds, content, framing, routes,      # noqa: E402
                       slow, spend, upstream)
from tests.raw.case import (CANARY, GOOD, OTHER, dump,        # noqa: E402
                            messages, request)

POLICY = """modgate_policy: 1
name: raw-cases
rules:
  - id: canary
    on: [prompt, answer]
    match: { words: ["%s", "禁语朱砂"] }
    action: block
    severity: high
""" % CANARY

CONFIG = """upstreams:
  - name: scripted
    url: http://127.0.0.1:%d
    models: ["good*", "allowed-*"]
    timeouts: { connect: 1s, first_byte: 1s, idle: 1s, total: 4s }
    eject: { after: 1000 }
    answer: 1MiB
  - name: dead
    url: http://127.0.0.1:%d
    models: ["dead-*"]
    eject: { after: 1000 }
policies:
  - policy: policy.yaml
drain: 1s
"""

# Small and quick, so that every cap can be reached.
CAPS = """client:
  head: { bytes: 16KiB, count: 30, total: 1s }
  body: { bytes: 1MiB, decoded: 4MiB, idle: 1s, total: 2s }
  keepalive: 2s
  max_tokens: 100000
workers: 2
"""


class Stage:
    """A gateway with its scripted backend and a key."""

    def __init__(self, config):
        self.bench = Bench()
        self.backend = scripted.Backend()
        self.bench.write("policy.yaml", POLICY)
        config = CONFIG % (self.backend.port, free_port()) + config
        self.port = self.bench.start_gateway(config).port
        self.key = self.bench.add_key("raw")
        self.scoped = self.bench.add_key("scoped", "--models", "allowed-*")
        self.revoked = self.bench.add_key("revoked")
        self.bench.modgate("keys", "revoke", "revoked")

    def wait_for_keys(self):
        """A running gateway learns of a key within a second."""
        for key in (self.key, self.scoped):
            self.ask(messages(model="allowed-1"), key, wait=True)

    def fill(self, data, key=None):
        for mark, value in ((b"@KEY@", self.key if key is None else key),
                            (b"@SCOPED@", self.scoped),
                            (b"@REVOKED@", self.revoked)):
            data = data.replace(mark, value.encode())
        return data

    def ask(self, body=None, key=None, wait=False):
        """One good request on a connection of its own. wait: for up to three
        seconds, as long as the key is not known."""
        end = time.monotonic() + (3 if wait else 0)
        body = GOOD if body is None else dump(body)
        while True:
            client = Client(self.port)
            try:
                client.send(self.fill(request(body), key))
                answer = client.read_answer()
            finally:
                client.close()
            if answer.status != 401 or time.monotonic() > end:
                return answer
            time.sleep(0.1)

    def close(self):
        problems = self.bench.close()
        self.backend.stop()
        return problems


class Seen:
    """What a case saw, for its check()."""

    def __init__(self, stage, client):
        self.backend = stage.backend
        self.client = client
        self.key = stage.key.encode()
        self.answers = []
        self.error = None

    @property
    def requests(self):
        return self.backend.requests


def read_answers(case, seen):
    """Reads as many answers as the case expects, noting what went wrong."""
    for _ in case.want:
        try:
            seen.answers.append(seen.client.read_answer(case.head_only))
        except (Closed, BadAnswer, TimeoutError, OSError) as error:
            seen.error = error
            return


def complaints(case, seen, stage, took):
    """What is not as the case wants it."""
    statuses = [a.status for a in seen.answers]
    for i, want in enumerate(case.want):
        allowed = want if isinstance(want, tuple) else (want,)
        got = statuses[i] if i < len(statuses) else None
        if got is None and not (None in allowed and
                                isinstance(seen.error, Closed)):
            return "answer %d: %s" % (i + 1, seen.error or "none came")
        if got is not None and got not in allowed:
            return "answer %d has status %d %r" % (
                i + 1, got, seen.answers[i].body[:300])
    if case.within and not case.within[0] <= took <= case.within[1]:
        return "it took %.1f s" % took
    return (last_complaint(case, seen) or
            upstream_complaint(case, seen) or
            (case.check and case.check(seen)) or
            closing_complaint(case, seen, stage))


def last_complaint(case, seen):
    if not seen.answers:
        return None
    last = seen.answers[-1]
    if last.complete == case.broken:
        return "the answer is %s" % (
            "whole" if case.broken else "cut: %r" % last.body[-200:])
    everything = "".join("%s: %s\n" % (n, v.decode("latin-1"))
                         for n, v in last.fields)
    everything += last.body.decode("utf-8", "replace")
    for text in case.has:
        if text not in everything:
            return "%r is not in %r" % (text, everything[-600:])
    for text in case.lacks:
        if text in everything:
            return "%r is in %r" % (text, everything[-600:])
    if last.status < 400 or case.head_only:
        return None
    return error_complaint(case, last)


def error_complaint(case, answer):
    """An error must have the shape that every SDK can read."""
    try:
        error = json.loads(answer.body)["error"]
        if not isinstance(error["message"], str):
            return "error.message is no text"
        if not {"type", "param", "code"} <= set(error):
            return "the error lacks a member: %r" % error
    except (ValueError, KeyError, TypeError):
        return "no error in the API's shape: %r" % answer.body[:300]
    if case.code is not OTHER and error["code"] != case.code:
        return "error.code is %r" % error["code"]
    return None


def upstream_complaint(case, seen):
    if case.upstream is not None and len(seen.requests) != case.upstream:
        return "the backend saw %d requests" % len(seen.requests)
    return None


def closing_complaint(case, seen, stage):
    if case.closed is True and not seen.client.is_closed(3):
        return "the connection stayed open, or said more: %r" % \
            seen.client.have[:200]
    if case.closed is False:
        seen.client.deadline = time.monotonic() + 5
        seen.backend.clear()
        try:
            seen.client.send(stage.fill(request()))
            status = seen.client.read_answer().status
        except (Closed, BadAnswer, TimeoutError, OSError) as error:
            return "the connection is of no more use: %r" % error
        if status != 200:
            return "the next request got %d" % status
    return None


def run_case(case, stage):
    """Runs one case; returns a complaint or None."""
    stage.backend.clear(case.script)
    client = Client(stage.port, case.seconds)
    seen = Seen(stage, client)
    began = time.monotonic()
    try:
        client.send(*[fill_step(stage, step) for step in case.steps])
        if case.want:
            read_answers(case, seen)
        wrong = complaints(case, seen, stage, time.monotonic() - began)
    finally:
        client.close()
    if wrong:
        return wrong
    stage.backend.clear()
    if not stage.bench.gateway.alive():
        return "the gateway has ended"
    try:
        status = stage.ask().status
    except (Closed, BadAnswer, TimeoutError, OSError) as error:
        return "afterwards: %r" % error
    return None if status == 200 else "afterwards: status %d" % status


def fill_step(stage, step):
    if isinstance(step, bytes):
        return stage.fill(step)
    if hasattr(step, "data"):
        return type(step)(stage.fill(step.data), step.seconds)
    return step


class Report:
    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = self.failed = 0

    def add(self, name, wrong):
        if wrong:
            self.failed += 1
            print("FAIL %s: %s" % (name, wrong), flush=True)
        else:
            self.passed += 1
            if self.verbose:
                print("ok   %s" % name, flush=True)


def run_cases(cases, report):
    stage = Stage(CAPS)
    stage.wait_for_keys()
    for case in cases:
        try:
            wrong = run_case(case, stage)
        except (OSError, Closed, BadAnswer) as error:
            wrong = "%r" % error
        report.add(case.name, wrong)
        if not stage.bench.gateway.alive():
            for problem in stage.close():
                report.add("the gateway", problem)
            stage = Stage(CAPS)
            stage.wait_for_keys()
    for problem in stage.close():
        report.add("the gateway", problem)


def run_scenario(scenario, report):
    stage = Stage(scenario.config)
    stage.backend.clear()
    try:
        wrong = scenario(fresh(stage))
    except (OSError, Closed, BadAnswer, ValueError, KeyError,
            RuntimeError) as error:
        wrong = "%r" % error
    problems = stage.close()
    report.add(scenario.title, wrong or (problems and problems[0]))


def fresh(stage):
    """Keys whose limits nothing has touched."""
    stage.key = stage.bench.add_key("fresh")
    time.sleep(1.1)
    return stage


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    modules = (framing, bounds, routes, content, slow, upstream)
    cases = [c for m in modules for c in m.cases()]
    names = [c.name for c in cases] + [s.title for s in spend.SCENARIOS]
    assert len(set(names)) == len(names), "a name stands twice"
    if "-l" in sys.argv:
        print("\n".join(names))
        return 0
    wanted = [c for c in cases
              if not words or any(w in c.name for w in words)]
    report = Report("-v" in sys.argv)
    if wanted:
        run_cases(wanted, report)
    for scenario in spend.SCENARIOS:
        if not words or any(w in scenario.title for w in words):
            run_scenario(scenario, report)
    print("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
