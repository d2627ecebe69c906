"""tests/ops/admin.py - health and metrics."""

import json
import re
import signal
import time

from tests.lib import backend as scripted
from tests.lib.proc import Server
from tests.lib.wire import Client
from tests.ops.stage import (BLOCKED, SLOW, Gate, Stage, Stream, body, check,
                             policy, post, wait_until)

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(r"^(%s)(\{(?:%s)(?:,%s)*\})? "
                    r"(-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)$" % (
                        NAME, LABEL, LABEL))


def complaints(text):
    """What Prometheus would not like."""
    types, helps, seen, current = {}, set(), set(), None
    if not text.endswith("\n"):
        yield "no line end at the end"
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            if name in helps:
                yield "HELP twice: " + name
            if len(line.split(" ", 3)) < 4 or not line.split(" ", 3)[3]:
                yield "an empty HELP: " + name
            helps.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in types:
                yield "TYPE twice: " + name
            if name not in helps:
                yield "no HELP before TYPE: " + name
            if kind == "counter" and not name.endswith("_total"):
                yield "a counter without _total: " + name
            types[name] = kind
            current = name
        else:
            match = SAMPLE.match(line)
            if not match:
                yield "no sample: " + line
                continue
            if match[1] != current:
                yield "%s among %s" % (match[1], current)
            series = line.rsplit(" ", 1)[0]
            if series in seen:
                yield "twice: " + series
            seen.add(series)
    for name in helps - set(types):
        yield "HELP without TYPE: " + name


def case_metrics_are_Prometheus_text(stages):
    s = Stage(start=False, upstream=(
        "upstreams:\n  - name: main\n"
        "    url: http://127.0.0.1:%d\n"
        "policies:\n"
        "  - policy: policy.yaml\n    when: { tenants: [one] }\n"
        "  - policy: policy.yaml\n"))
    stages.append(s)
    # One policy for two tenants is one series.
    s.write_policy('modgate_policy: 1\nname: q\nrules:\n'
                   '  - id: all\n    on: [prompt]\n'
                   '    match: { words: [carmine] }\n'
                   '    action: flag\n'
                   '  - id: folded\n    on: [answer]\n'
                   '    match: { words: [carmine] }\n'
                   '    action: flag\n'
                   '  - id: seen\n    on: [prompt]\n'
                   '    match: { regex: "ver[a-z]+lion" }\n'
                   '    action: flag\n')
    one = s.bench.add_key("one", "--tenant", "one")
    s.gateway = s.start()
    for _ in range(2):
        status, text = s.bench.admin("/metrics")
        check(status == 200, status)
        wrong = list(complaints(text))
        check(not wrong, len(wrong), "complaints:", "; ".join(wrong[:5]))
        for key in (s.key, one):
            s.ask(body("carmine and vermillion"), key=key)
    hits = 'modgate_rule_hits_total{policy="q",rule="%s",how="enforced"}'
    wait_until(lambda: s.metrics()[hits % "all"] == 4 and
               s.metrics()[hits % "seen"] == 4, 3 * SLOW,
               "hits of both are one figure")


def case_what_rules_in_shadow_would_have_done_is_counted(stages):
    s = Stage("audit: { capture: none }\n")
    stages.append(s)
    s.write_policy('modgate_policy: 1\nname: ops\nrules:\n'
                   '  - id: stop\n    on: [prompt]\n'
                   '    match: { words: [cinnabar] }\n    action: block\n'
                   '  - id: would\n    on: [prompt, answer]\n'
                   '    match: { words: [carmine] }\n    action: block\n'
                   '    mode: shadow\n'
                   '  - id: hide\n    on: [prompt]\n'
                   '    match: { words: [scarlet] }\n    action: redact\n'
                   '    mode: shadow\n'
                   '  - id: some\n    on: [prompt]\n'
                   '    match: { words: [canary] }\n    action: flag\n'
                   '    sample: 50%\n')
    s.reload()
    name = 'modgate_rule_shadow_exchanges_total{policy="ops",rule="%s",' \
        'action="%s"}'
    seen = 'modgate_rule_hits_total{policy="ops",rule="some",how="enforced"}'
    for text in ("carmine, carmine", "scarlet carmine", "cinnabar carmine"):
        s.ask(body(text))
    for _ in range(40):
        s.ask(body("canary"))
    # Exchanges, not findings; not the one that was blocked anyway.
    wait_until(lambda: s.metrics()[name % ("would", "block")] == 2 and
               s.metrics()[name % ("hide", "redact")] == 1, 3 * SLOW,
               "exchanges that would not have passed")
    check(not any("shadow_exchanges" in key and "stop" in key
                  for key in s.metrics()), "only rules in shadow are told")
    # 1 in 2^40 that all 40 exchanges, or none, are in the sample.
    check(0 < s.metrics()[seen] < 40, "the sample:", s.metrics()[seen])


def case_metrics_move_as_they_should(stages):
    s = Stage("audit: { capture: none }\n")
    stages.append(s)
    hits = 'modgate_rule_hits_total{policy="ops",rule="canary",' \
        'how="enforced"}'
    calls = 'modgate_upstream_calls_total{upstream="scripted"}'
    spent = 'modgate_rule_seconds_total{policy="ops",rule="canary"}'
    before = wait_until(
        lambda: (lambda m: m if m["modgate_audit_records_total"] >= 2
                 else None)(s.metrics()), 3 * SLOW, "the start is recorded")
    began = time.monotonic()
    s.serves()
    check(s.ask(body(BLOCKED)).status == 400, "not blocked")
    for _ in range(17):         # one text side in so many is timed
        s.ask(body("a poem, please"))
    check(s.metrics()[spent] > 0, "a rule's time")
    s.backend.script = lambda peer, request: peer.send(scripted.whole(
        scripted.chat("it is " + BLOCKED)))
    s.ask()
    s.ask(key="mg-nobody")
    s.backend.script = lambda peer, request: False
    check(s.ask().status == 502, "a backend that is gone")
    m = wait_until(lambda: (lambda m: m if m[calls] - before[calls] >= 3
                            else None)(s.metrics()), 5 * SLOW,
                   "the backend's calls are counted")

    def moved(name):
        return m[name] - before[name]
    for name, by in (("modgate_exchanges_complete_total", 18),
                     ("modgate_exchanges_blocked_total", 2),
                     ("modgate_exchanges_refused_total", 1),
                     ("modgate_exchanges_error_total", 1),
                     ("modgate_auth_failures_total", 1),
                     (hits, 2)):
        check(moved(name) == by, name, "moved by", moved(name))
    check(moved('modgate_upstream_failures_total{upstream="scripted"}') >= 1,
          "failures")
    check(moved("modgate_audit_records_total") == 44, "records:",
          moved("modgate_audit_records_total"))
    check(moved("modgate_audit_syncs_total") >= 1, "syncs")
    # One exchange after the other: no time is longer than ours.
    took = time.monotonic() - began
    for name in ("exchange", "judge_prompt", "judge_answer", "upstream_wait",
                 "audit_sync"):
        value = moved("modgate_%s_seconds_total" % name)
        check(0 < value < took, name, value, "of", took, "seconds")
    check(m["modgate_exchanges_in_flight"] == 0, "in flight")
    check(m["modgate_audit_lag_seconds"] < 5, "lag")
    check(m["modgate_audit_accepts"] == 1, "accepts")
    check(m["modgate_audit_free_bytes"] > 0, "free bytes")


def case_a_backend_that_fails_is_left_alone_and_told_of(stages):
    backend = ("  - name: %s\n    url: http://127.0.0.1:%%d\n"
               "    eject: { after: 1, time: 1s }\n")
    s = Stage(start=False, upstream="upstreams:\n" + backend % "one" +
              "policies:\n  - policy: policy.yaml\n")
    stages.append(s)
    s.upstream = s.upstream.replace(
        "policies:", backend % "two" % s.backend.port + "policies:")
    s.configure("workers: 1\n")
    s.gateway = s.start()
    s.backend.script = lambda peer, request: False
    for _ in range(2):
        check(s.ask().status == 502, "a backend that breaks off")
    # Both rest now; the figures know it at once.
    m = s.metrics()
    for name in ("one", "two"):
        for figure in ("ejections_total", "ejected", "failures_total"):
            check(m['modgate_upstream_%s{upstream="%s"}' % (figure, name)] ==
                  1, figure, "of", name)
        check("backend %s: fails, and is left alone for " % name in
              s.gateway.log(), s.gateway.log()[-600:])
    answer = s.ask()
    check((answer.status, answer.get("retry-after")) == (503, "1"),
          answer.status, answer.fields)
    check(b"upstream_unavailable" in answer.body, answer.body)
    s.backend.script = scripted.answer_well
    wait_until(lambda: s.ask().status == 200, 5 * SLOW, "it is tried again")
    wait_until(lambda: ": answers again" in s.gateway.log(), 2 * SLOW,
               "the log tells of its return")


def case_the_access_log_has_a_line_for_each(stages):
    s = Stage("log: { format: json }\n")
    stages.append(s)
    s.serves()
    s.ask(body(model="sk-perhaps-a-key"), key="mg-nobody")
    answer = s.ask(body(model="a \n\"b\" " + "c" * 200))
    check(answer.status == 200, answer.body)
    client = Client(s.port, 10 * SLOW)
    client.send(b"GET nonsense\r\n\r\n")
    refused = client.read_answer()
    client.close()
    lines = wait_until(lambda: (lambda x: x if len(x) == 4 else None)([
        json.loads(x) for x in s.gateway.log().splitlines()
        if '"access"' in x]), 3 * SLOW, "four lines")
    check([(x["route"], x["model"], x["status"], x["outcome"])
           for x in lines] == [
        ("chat", "good", 200, "complete"), ("chat", "-", 401, "refused"),
        ("chat", "a??" + "?b??" + "c" * 57, 200, "complete"),
        ("unreadable", "-", 400, "refused")], lines)
    check("req_" + lines[-1]["xid"] == refused.get("x-request-id"),
          refused.fields)


def case_SIGUSR1_lists_what_is_under_way(stages):
    s = Stage("workers: 1\nlog: { level: error, format: json }\n",
              start=False)
    stages.append(s)
    server = Server("gateway", ["serve", "-c", s.bench.config], s.port,
                    s.bench.folder)
    s.bench.servers.append(server)
    wait_until(lambda: s.bench.admin("/healthz")[0] == 200, 10 * SLOW, "up")

    def told(n):
        server.child.send_signal(signal.SIGUSR1)
        line = "worker 0: exchanges under way: %d" % n
        wait_until(lambda: line in server.log(), 3 * SLOW, line)
        return [json.loads(x) for x in server.log().splitlines()]
    told(0)
    gate = s.backend.script = Gate()
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    lines = told(1)
    check(any("RELAY" in x.get("message", "") and
              x["message"].endswith("waits for backend") for x in lines),
          lines)
    gate.end(peer)
    check(stream.read_until(None), "the stream was cut")


def admin_answer(s, data):
    client = Client(s.admin_port, 10 * SLOW)
    try:
        client.send(data)
        return client.read_answer(head_only=data.startswith(b"HEAD"))
    finally:
        client.close()


def case_the_admin_address_is_strict(stages):
    s = Stage()
    stages.append(s)
    for data, status in (
            (b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            (b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            (b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
             b"{}", 405),
            (b"DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            (b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 200),
            (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
            (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
            (b"nonsense\r\n\r\n", 400)):
        answer = admin_answer(s, data)
        check(answer.status == status, data[:30], "got", answer.status)
        if status == 405:
            check(answer.get("allow"), "405 without Allow")
    many = [Client(s.admin_port, 20) for _ in range(400)]
    try:
        check(sum(c.is_closed(0.02) for c in many[:40] + many[-40:]) > 10,
              "the admin address takes any number of connections")
    finally:
        for client in many:
            client.close()
    check(s.bench.admin("/healthz")[0] == 200, "afterwards")
    check(s.ask(port=s.admin_port).status in (404, 405),
          "an exchange on the admin address")
    check(b"metrics" not in s.ask(body()).body, "admin on the data address")


def case_no_admin_address_is_possible(stages):
    s = Stage(admin="none")
    stages.append(s)
    s.serves()
