#!/usr/bin/env python3
"""tests/cases/run.py - whole exchanges as data.

usage: tests/cases/run.py [-u] [WORD ...]

Each folder beside this file is one case:

  policy.yaml         the policy in force
  request.json        the client's body; its path in "path" of case.json
  upstream.json|.sse  what the backend answers; none: it must not be asked
  expected.json|.sse  the body that the client gets, byte for byte but for
                      ids ("req_…" and UUIDs become ID) and times (NOW)
  forwarded.json      what the backend must have been asked; none: the client's
                      body, byte for byte
  case.json           path, status, and `record`: members that the close record
                      must have (a subset)

-u writes what came as expected; read the difference before keeping it.
"""

import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))

from tests.lib import backend as scripted       # noqa: E402
from tests.lib.proc import Bench                # noqa: E402
from tests.lib.wire import Client               # noqa: E402

CONFIG = """upstreams:
  - name: scripted
    url: http://127.0.0.1:%d
policies:
  - policy: policy.yaml
workers: 1
drain: 1s
"""
NOW = re.compile(rb'"created":1[0-9]{9}')
IDS = re.compile(rb"(req_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read(folder, name):
    """A file's bytes, or None."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as f:
        return f.read()


def upstream_script(folder):
    """What the backend sends: a whole body, or a stream, one chunk an event."""
    body = read(folder, "upstream.json")
    if body is not None:
        data = scripted.whole(body)
        return lambda peer, request: peer.send(data)
    body = read(folder, "upstream.sse")
    if body is None:
        return None
    events = [e + b"\n\n" for e in body.split(b"\n\n") if e.strip()]
    data = scripted.stream(*events, end=b"")
    return lambda peer, request: peer.send(data)


def ask(port, key, path, body):
    client = Client(port)
    try:
        client.send(b"POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                    b"%s\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % (
                        path.encode(), key.encode(), len(body)) + body)
        return client.read_answer()
    finally:
        client.close()


def is_subset(part, whole):
    """Everything in part is in whole; lists match item by item."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            k in whole and is_subset(v, whole[k]) for k, v in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(
            is_subset(a, b) for a, b in zip(part, whole))
    return part == whole


def record_complaint(bench, wanted):
    """The exchange has one open and one close record, as wanted."""
    records = [json.loads(line) for line in
               bench.modgate("audit", "cat").splitlines()
               if line.startswith("{")]
    opened = [r for r in records if r.get("type") == "exchange.open"]
    closed = [r for r in records if r.get("type") == "exchange.close"]
    if len(opened) != 1 or len(closed) != 1:
        return "%d open and %d close records" % (len(opened), len(closed))
    if opened[0]["xid"] != closed[0]["xid"]:
        return "the records are of different exchanges"
    if not is_subset(wanted, closed[0]):
        return "the record is %s" % json.dumps(closed[0], ensure_ascii=False)
    return None


def forwarding_complaint(folder, script, requests):
    if not script:
        return "the backend was asked" if requests else None
    want = read(folder, "forwarded.json") or read(folder, "request.json")
    if [r.body for r in requests] != [want]:
        return "the backend was asked %r" % [r.body for r in requests]
    return None


def run_case(folder, update):
    """Returns a complaint or None."""
    case = json.loads(read(folder, "case.json"))
    script = upstream_script(folder)
    backend = scripted.Backend()
    if script:
        backend.script = script
    bench = Bench()
    try:
        bench.write("policy.yaml", read(folder, "policy.yaml").decode())
        port = bench.start_gateway(CONFIG % backend.port).port
        key = bench.add_key("case")
        time.sleep(1.1)     # a running gateway learns of a key in a second
        answer = ask(port, key, case["path"], read(folder, "request.json"))
        body = NOW.sub(b'"created":NOW', IDS.sub(b"ID", answer.body))
        name = "expected.sse" if answer.get("content-type").startswith(
            "text/event-stream") else "expected.json"
        if update:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(body)
        if answer.status != case["status"]:
            return "status %d: %r" % (answer.status, answer.body[:300])
        if not answer.complete:
            return "the answer is cut"
        if body != read(folder, name):
            return "the body is %r" % body
        wrong = forwarding_complaint(folder, script, backend.requests)
        if wrong:
            return wrong
        wrong = record_complaint(bench, case["record"])
    finally:
        problems = bench.close()
        backend.stop()
    return wrong or (problems and problems[0]) or None


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    passed = failed = 0
    for name in sorted(os.listdir(HERE)):
        folder = os.path.join(HERE, name)
        if not os.path.exists(os.path.join(folder, "case.json")):
            continue
        if words and not any(w in name for w in words):
            continue
        wrong = run_case(folder, "-u" in sys.argv)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        if wrong:
            print("FAIL %s: %s" % (name, wrong), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
