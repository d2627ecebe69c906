#!/usr/bin/env python3
"""tests/crash/run.py - kill -9 under load loses no record that was promised.

usage: tests/crash/run.py [ROUNDS]

Each round: a gateway under load is killed at a random moment and started again
over the same state. Durability is `commit`: for every answer that a client saw
whole there must be an open and a close record; every open record has exactly
one end (a close, or the `exchange.aborted` that recovery wrote); what was on
record before the crash is still there.
"""

import json
import os
import random
import signal
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, TOP)

from tests.lib import backend as scripted                     # noqa: E402
from tests.lib.proc import Bench, free_port                          # noqa: E402
from tests.lib.wire import BadAnswer, Client, Closed          # noqa: E402

THREADS = 8
POLICY = """modgate_policy: 1
name: crash
rules:
  - id: canary
    on: [prompt, answer]
    match: { words: ["zinnober-canary"] }
    action: block
"""
CONFIG = """upstreams:
  - name: scripted
    url: http://127.0.0.1:%d
policies:
  - policy: policy.yaml
audit: { durability: commit, segment: 256KiB }
client: { keepalive: 5s }
drain: 1s
"""


class Load:
    """Clients that ask, one model name per request, until told to stop. The
    record names the model, so each answer can be found in it."""

    def __init__(self, port, key, round_number):
        self.port = port
        self.key = key
        self.round = round_number
        self.stopped = False
        self.lock = threading.Lock()
        self.whole = set()
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def request(self, model, number):
        body = {"model": model, "messages": [
            {"role": "user", "content": "zinnober-canary" if number % 7 == 3
             else "hello"}]}
        if number % 3 == 1:
            body["stream"] = True
        data = json.dumps(body).encode()
        return (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                b"Authorization: Bearer %s\r\nContent-Type: application/json"
                b"\r\nContent-Length: %d\r\n\r\n" % (self.key.encode(),
                                                     len(data))) + data

    def run(self, thread):
        number = 0
        while not self.stopped:
            try:
                client = Client(self.port, 5)
            except OSError:
                return
            try:
                while not self.stopped:
                    number += 1
                    model = "m-%d-%d-%d" % (self.round, thread, number)
                    if not client.send(self.request(model, number)):
                        break
                    if client.read_answer().complete:
                        with self.lock:
                            self.whole.add(model)
            except (Closed, BadAnswer, TimeoutError, OSError):
                pass
            finally:
                client.close()

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(10)


def read_record(bench):
    """Models by exchange, and how each exchange ended."""
    opened, ends = {}, {}
    for line in bench.modgate("audit", "cat").splitlines():
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        if entry.get("type") == "exchange.open":
            opened[entry["xid"]] = entry.get("model")
        elif entry.get("type") in ("exchange.close", "exchange.aborted"):
            ends.setdefault(entry["xid"], []).append(entry["type"])
    return opened, ends


def complaints(whole, opened, ends, before):
    """What the record lacks, as a list."""
    wrong = []
    closed = {opened.get(x) for x, e in ends.items()
              if "exchange.close" in e}
    lost = whole - closed
    if lost:
        wrong.append("%d whole answers have no close record: %s" % (
            len(lost), sorted(lost)[:3]))
    vanished = [x for x in before if x not in opened]
    if vanished:
        wrong.append("%d earlier records are gone" % len(vanished))
    several = [x for x, e in ends.items() if len(e) != 1]
    if several:
        wrong.append("%d exchanges have several ends: %s" % (
            len(several), several[:3]))
    endless = [x for x in opened if x not in ends]
    if endless:
        wrong.append("%d exchanges have no end: %s" % (len(endless),
                                                       endless[:3]))
    if any(x not in opened for x in ends):
        wrong.append("an end without its beginning")
    return wrong


def run_round(number, bench, port, config, key, whole, before):
    """Returns (complaints, record) of one crash."""
    gateway = bench.start_gateway(config, port)
    if key["value"] is None:
        key["value"] = bench.add_key("crash")
        time.sleep(1.1)
    load = Load(port, key["value"], number)
    time.sleep(random.uniform(0.3, 1.2))
    gateway.child.send_signal(signal.SIGKILL)
    gateway.child.wait()
    gateway.status = 0          # it ended as we wished
    load.stop()
    whole |= load.whole
    gateway = bench.start_gateway(config, port)
    opened, ends = read_record(bench)
    wrong = complaints(whole, opened, ends, before)
    gateway.stop()
    if not load.whole:
        wrong.append("no answer was whole before the crash: nothing shown")
    return wrong, opened


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    bench = Bench()
    backend = scripted.Backend()
    bench.write("policy.yaml", POLICY)
    config = CONFIG % backend.port
    passed = failed = 0
    port = free_port()
    whole, before, key = set(), {}, {"value": None}
    for number in range(rounds):
        wrong, before = run_round(number, bench, port, config, key, whole,
                                  before)
        for text in wrong:
            print("FAIL round %d: %s" % (number + 1, text), flush=True)
        passed += not wrong
        failed += bool(wrong)
        print("round %d: %d answers whole so far, %d exchanges on record" % (
            number + 1, len(whole), len(before)), flush=True)
    problems = bench.close()
    backend.stop()
    for problem in problems:
        print("FAIL " + problem)
    print("%d passed, %d failed" % (passed, failed + len(problems)))
    return 1 if failed or problems else 0


if __name__ == "__main__":
    sys.exit(main())
