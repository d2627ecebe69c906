#!/usr/bin/env python3
"""tests/crash/gateway_crash.py - kill -9 under load loses no promised record.

usage: tests/crash/gateway_crash.py [ROUNDS]

Each round: a gateway under load is killed at a random moment and started again
over the same state. Durability is `commit`, in every fourth round `strict`. For
every answer that a client saw whole there must be an open and a close record
with that answer's status and the outcome that its text shows; a stream whose
[DONE] was seen has one too, as its last event waits for the record. Every open
record has exactly one end: a close, or the `exchange.aborted` that recovery
wrote. What was on record before the crash is still there. A backend never saw
an exchange that is not on record.
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
from tests.lib.proc import Bench, free_port                   # noqa: E402
from tests.lib.wire import BadAnswer, Client, Closed          # noqa: E402

THREADS = 8
CANARY = "zinnober-canary"
POLICY = """modgate_policy: 1
name: crash
rules:
  - id: canary
    on: [prompt, answer]
    match: { words: ["%s"] }
    action: block
""" % CANARY
CONFIG = """upstreams:
  - name: scripted
    url: http://127.0.0.1:%d
    eject: { after: 1000 }
policies:
  - policy: policy.yaml
audit: { durability: %s, segment: 256KiB }
client: { keepalive: 5s }
limits: { key: { requests: none, tokens: none, concurrent: 64 } }
drain: 1s
"""

# What a client asks in turn: (name, prompt, what the backend does, streamed?,
# the status and outcome of its close record)
ASKS = (
    ("plain", "hello", False, 200, "complete"),
    ("stream", "hello", True, 200, "complete"),
    ("blocked", CANARY, False, 400, "blocked"),
    ("blocked", CANARY, True, 400, "blocked"),
    ("leaks", "hello", True, 200, "blocked"),
    ("leaks", "hello", False, 200, "blocked"),
    ("fails", "hello", False, 503, "error"),
    ("slow", "hello", True, 200, "complete"),
)


def script(peer, request):
    """A backend that does as the model's name says."""
    asked = request.json()
    kind = asked["model"].split("-")[0]
    text = CANARY if kind == "leaks" else "fine"
    if kind == "fails":
        return peer.send(scripted.whole(
            {"error": {"message": "no", "type": "x"}}, 503))
    if not asked.get("stream"):
        return peer.send(scripted.whole(scripted.chat("it is " + text)))
    if not peer.send(scripted.STREAM_HEAD):
        return False
    for i in range(12):
        if kind == "slow":
            time.sleep(0.01)
        if not peer.send(scripted.chunk(scripted.event(
                "it is %s %d " % (text if i == 6 else "so", i)))):
            return False
    return peer.send(scripted.chunk(scripted.event(finish="stop")) +
                     scripted.chunk(scripted.DONE) + scripted.LAST_CHUNK)


class Load:
    """Clients that ask, one model name per request, until told to stop. The
    record names the model, so each answer can be found in it."""

    def __init__(self, port, key, round_number):
        self.port = port
        self.key = key
        self.round = round_number
        self.stopped = False
        self.lock = threading.Lock()
        self.whole = {}         # model: (status, outcome) as the client saw
        self.done = set()       # streams whose [DONE] was seen
        self.wrong = []
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def request(self, model, ask):
        body = {"model": model,
                "messages": [{"role": "user", "content": ask[1]}]}
        if ask[2]:
            body["stream"] = True
        data = json.dumps(body).encode()
        return (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                b"Authorization: Bearer %s\r\nContent-Type: application/json"
                b"\r\nContent-Length: %d\r\n\r\n" % (self.key.encode(),
                                                     len(data))) + data

    def look(self, model, ask, answer):
        """Notes what was seen, whole or cut."""
        with self.lock:
            if CANARY.encode() in answer.body:
                self.wrong.append("%s: the canary got out" % model)
            if b"data: [DONE]" in answer.body:
                self.done.add(model)
            if not answer.complete:
                return
            if answer.status != ask[3]:
                self.wrong.append("%s: status %d" % (model, answer.status))
            self.whole[model] = (answer.status, ask[4])

    def run(self, thread):
        number = 0
        while not self.stopped:
            try:
                client = Client(self.port, 5)
            except OSError:
                return
            try:
                while not self.stopped:
                    ask = ASKS[(number + thread) % len(ASKS)]
                    model = "%s-%d-%d-%d" % (ask[0], self.round, thread,
                                             number)
                    number += 1
                    client.deadline = time.monotonic() + 5
                    if not client.send(self.request(model, ask)):
                        break
                    answer = client.read_head()
                    try:
                        client.read_body(answer, False)
                    finally:
                        self.look(model, ask, answer)
                    if not answer.complete or \
                            answer.get("connection") == "close":
                        break
            except (Closed, BadAnswer, TimeoutError, OSError):
                pass
            finally:
                client.close()

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(10)


class Record:
    """What the log says: models by exchange, and how each ended."""

    def __init__(self, bench):
        self.opened, self.ends, self.twice = {}, {}, []
        for line in bench.modgate("audit", "cat").splitlines():
            if not line.startswith("{"):
                continue
            entry = json.loads(line)
            if entry["type"] == "exchange.open":
                if entry["xid"] in self.opened:
                    self.twice.append(entry["xid"])
                self.opened[entry["xid"]] = entry.get("model")
            elif entry["type"] in ("exchange.close", "exchange.aborted"):
                self.ends.setdefault(entry["xid"], []).append(entry)

    def closes(self):
        """(status, outcome) by model."""
        return {self.opened.get(xid): (e["status"], e["outcome"])
                for xid, ends in self.ends.items() for e in ends
                if e["type"] == "exchange.close"}


def complaints(whole, done, asked, record, before):
    """What the record lacks, as a list."""
    closes = record.closes()
    lost = [m for m in whole if m not in closes]
    if lost:
        yield "%d whole answers have no close record: %s" % (
            len(lost), sorted(lost)[:3])
    other = ["%s: %s, on record as %s" % (m, whole[m], closes[m])
             for m in whole if m in closes and whole[m] != closes[m]]
    if other:
        yield "%d are on record as something else: %s" % (
            len(other), sorted(other)[:3])
    lost = [m for m in done if m not in closes]
    if lost:
        yield "%d streams with [DONE] have no close record: %s" % (
            len(lost), sorted(lost)[:3])
    models = set(record.opened.values())
    unheard = [m for m in asked if m not in models]
    if unheard:
        yield "%d at the backend are not on record: %s" % (
            len(unheard), unheard[:3])
    vanished = [x for x in before if x not in record.opened]
    if vanished:
        yield "%d earlier records are gone" % len(vanished)
    if record.twice:
        yield "%d exchanges opened twice" % len(record.twice)
    several = [x for x, e in record.ends.items() if len(e) != 1]
    if several:
        yield "%d exchanges have several ends: %s" % (
            len(several), several[:3])
    endless = [x for x in record.opened if x not in record.ends]
    if endless:
        yield "%d exchanges have no end: %s" % (len(endless), endless[:3])
    if any(x not in record.opened for x in record.ends):
        yield "an end without its beginning"


class World:
    """What stays from round to round."""

    def __init__(self):
        self.bench = Bench()
        self.backend = scripted.Backend()
        self.backend.clear(script)
        self.bench.write("policy.yaml", POLICY)
        self.port = free_port()
        self.key = None
        self.whole, self.done, self.before = {}, set(), {}

    def start(self, durability):
        gateway = self.bench.start_gateway(
            CONFIG % (self.backend.port, durability), self.port)
        if self.key is None:
            self.key = self.bench.add_key("crash")
            time.sleep(1.1)
        return gateway

    def round(self, number):
        """One crash; returns complaints."""
        durability = "strict" if number % 4 == 3 else "commit"
        gateway = self.start(durability)
        load = Load(self.port, self.key, number)
        time.sleep(random.uniform(0.2, 1.0))
        gateway.child.send_signal(signal.SIGKILL)
        gateway.child.wait()
        gateway.status = 0          # it ended as we wished
        load.stop()
        self.whole.update(load.whole)
        self.done |= load.done
        gateway = self.start(durability)
        record = Record(self.bench)
        asked = {r.json()["model"] for r in list(self.backend.requests)}
        self.backend.clear(script)
        wrong = load.wrong[:3] + list(complaints(
            self.whole, self.done, asked, record, self.before))
        gateway.stop()
        again = Record(self.bench)
        if again.ends != record.ends or again.opened != record.opened:
            wrong.append("a second start finds something else")
        self.before = record.opened
        if not load.whole:
            wrong.append("no answer was whole before the crash: nothing "
                         "shown")
        cut = sum(e[0]["type"] == "exchange.aborted"
                  for e in record.ends.values())
        print("round %d (%s): %d answers whole so far, %d exchanges on "
              "record, %d of them cut" % (
                  number + 1, durability, len(self.whole),
                  len(record.opened), cut), flush=True)
        return wrong


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    world = World()
    passed = failed = 0
    for number in range(rounds):
        wrong = world.round(number)
        for text in wrong:
            print("FAIL round %d: %s" % (number + 1, text), flush=True)
        passed += not wrong
        failed += bool(wrong)
    problems = world.bench.close()
    world.backend.stop()
    for problem in problems:
        print("FAIL " + problem)
    print("%d passed, %d failed" % (passed, failed + len(problems)))
    return 1 if failed or problems else 0


if __name__ == "__main__":
    sys.exit(main())
