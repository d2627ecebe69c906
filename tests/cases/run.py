#!/usr/bin/env python3
"""tests/cases/run.py - whole exchanges as data.

usage: tests/cases/run.py [-v] [-l] [WORD ...]

Runs all cases, or those whose name contains a word; -l lists them. MODGATE
names the binary. Each folder beside this file is one exchange; its name says
what it shows, README.md what may stand in it. Each exchange must leave exactly
one open and one close record, and the backend must have got exactly what the
case says.
"""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FIXTURES = os.path.join(TOP, "tests", "fixtures")
sys.path.insert(0, TOP)

from tests.lib import backend as scripted                     # noqa: E402
from tests.lib.proc import Bench                              # noqa: E402
from tests.lib.wire import BadAnswer, Client, Closed          # noqa: E402

ANY = "*"
KNOWN = {"shows", "method", "path", "fields", "key", "request", "upstream",
         "forwarded", "status", "answer_fields", "answer", "broken", "lacks",
         "free", "open", "close", "excerpts"}

CONFIG = """upstreams:
  - name: scripted
    url: http://127.0.0.1:%d
    timeouts: { connect: 2s, first_byte: 5s, idle: 5s, total: 20s }
    retries: 0
    eject: { after: 1000 }
drain: 1s
policies:
"""


class Wrong(Exception):
    """What is not as the case wants it."""


class Case:
    """One folder, read."""

    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(HERE, name)
        with open(os.path.join(self.folder, "case.json"),
                  encoding="utf-8") as f:
            self.data = json.load(f)
        unknown = set(self.data) - KNOWN
        if unknown:
            raise Wrong("%s: case.json: unknown %s" % (name, unknown))
        self.config = self.text("config.yaml") or ""
        self.policy = os.path.join(self.folder, "policy.yaml")
        if not os.path.exists(self.policy):
            self.policy = os.path.join(HERE, "policy.yaml")

    def get(self, name, default=None):
        return self.data.get(name, default)

    def bytes(self, name):
        """A file of the case, or "fixture:NAME"; None if there is none."""
        if name.startswith("fixture:"):
            path = os.path.join(FIXTURES, name[len("fixture:"):])
        else:
            path = os.path.join(self.folder, name)
            if not os.path.exists(path):
                return None
        with open(path, "rb") as f:
            return f.read()

    def text(self, name):
        data = self.bytes(name)
        return None if data is None else data.decode()

    def request(self, key):
        """The request as bytes: request.http as it stands (@KEY@ is filled
        in), else made around request.json."""
        raw = self.bytes("request.http")
        if raw is not None:
            return raw.replace(b"@KEY@", key.encode())
        body = self.bytes(self.get("request", "request.json")) or b""
        lines = ["%s %s HTTP/1.1" % (self.get("method", "POST"),
                                     self.get("path",
                                              "/v1/chat/completions")),
                 "Host: gateway.test", "Authorization: Bearer " + key]
        if body:
            lines += ["Content-Type: application/json",
                      "Content-Length: %d" % len(body)]
        lines += ["%s: %s" % f for f in self.get("fields", {}).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def upstream(self):
        """What the backend answers: (status, content type, fields, body,
        offsets to cut at); None: it must not be asked."""
        told = self.get("upstream", {})
        if told is None:
            return None
        if "error" in told:
            error = json.loads(self.bytes("fixture:errors/%s.json" %
                                          told["error"]))
            body = error["body"]
            if not isinstance(body, str):
                body = json.dumps(body, ensure_ascii=False)
            fields = [(n, v) for n, v in error.get("headers", {}).items()
                      if n.lower() not in ("content-length", "content-type")]
            return (error["status"], "application/json", fields,
                    body.encode(), [])
        names = [told["body"]] if "body" in told else [
            "upstream.sse", "upstream.json"]
        for name in names:
            body = self.bytes(name)
            if body is not None:
                kind = "text/event-stream" if name.endswith(".sse") else \
                    "application/json"
                return (told.get("status", 200), told.get("type", kind),
                        list(told.get("fields", {}).items()), body,
                        told.get("cuts", []))
        return None


def script_for(upstream):
    """A backend's script that answers so; a stream goes out in chunks, with a
    turn of the loop between two of them."""
    status, kind, fields, body, cuts = upstream
    streamed = kind.startswith("text/event-stream")

    def script(peer, _):
        if not streamed:
            return peer.send(scripted.whole(body, status, kind, fields))
        peer.send(scripted.head(status, [
            ("Content-Type", kind), ("Transfer-Encoding", "chunked")] +
            fields))
        ends = sorted(set(c for c in cuts if 0 < c < len(body))) + [len(body)]
        at = 0
        for end in ends:
            if not peer.send(scripted.chunk(body[at:end])):
                return False
            at = end
            if len(ends) > 1:
                time.sleep(0.002)
        return peer.send(scripted.LAST_CHUNK)
    return script


# ---- comparing ----

def differs(want, got, where, exact):
    """Where got is not as wanted, or None. "*" stands for anything. exact:
    objects have no member more."""
    if want == ANY:
        return None
    if isinstance(want, dict) and isinstance(got, dict):
        if exact and set(want) != set(got):
            return "%s has %s, not %s" % (where, sorted(got), sorted(want))
        for name, value in want.items():
            if name not in got:
                return "%s has no %r: %s" % (where, name, short(got))
            found = differs(value, got[name], where + "." + name, exact)
            if found:
                return found
        return None
    if isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return "%s has %d elements, not %d: %s" % (
                where, len(got), len(want), short(got))
        for i, pair in enumerate(zip(want, got)):
            found = differs(pair[0], pair[1], "%s[%d]" % (where, i), exact)
            if found:
                return found
        return None
    if type(want) is not type(got) or want != got:
        return "%s is %s, not %s" % (where, short(got), short(want))
    return None


def freed(value, names):
    """The value with members of these names, at any depth, left open."""
    if isinstance(value, dict):
        return {n: ANY if n in names else freed(v, names)
                for n, v in value.items()}
    if isinstance(value, list):
        return [freed(v, names) for v in value]
    return value


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 600 else text[:600] + "…"


def events(body):
    """The data of each event: JSON, or the text itself. What is not plainly
    framed is an error: old SDKs read no other way."""
    text = body.decode()
    if text and not text.endswith("\n\n"):
        raise Wrong("the stream's last event has no end: %r" % text[-200:])
    found = []
    for block in text.split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        if not block.startswith("data: ") or "\n" in block:
            raise Wrong("an event that old SDKs cannot read: %r" % block)
        data = block[len("data: "):]
        found.append(data if data == "[DONE]" else json.loads(data))
    return found


def check(found):
    if found:
        raise Wrong(found)


def check_answer(case, answer, upstream):
    check(differs(case.get("status", 200), answer.status, "the status " +
                  repr(answer.body[:400]), True))
    if answer.complete == bool(case.get("broken")):
        raise Wrong("the answer is %s" % (
            "whole" if case.get("broken") else "cut"))
    for name, value in case.get("answer_fields", {}).items():
        check(differs(value, answer.get(name), "field " + name, True))
    for text in case.get("lacks", []):
        if text.encode() in answer.body:
            raise Wrong("%r is in %r" % (text, answer.body[-600:]))
        if json.dumps(text)[1:-1].encode() in answer.body:
            raise Wrong("%r, escaped, is in the answer" % text)
    how = case.get("answer")
    if how == "verbatim":
        if answer.body != upstream[3]:
            raise Wrong("the answer is not the backend's, byte for byte: %r"
                        % answer.body[:600])
        return
    if how is None:
        how = "answer.sse" if case.bytes("answer.sse") else "answer.json"
    want = case.bytes(how)
    if want is None:
        raise Wrong("the case says nothing of its answer")
    read = events if how.endswith(".sse") else json.loads
    check(differs(freed(read(want), case.get("free", [])), read(answer.body),
                  "answer", True))


def check_forwarded(case, requests, sent, upstream):
    if upstream is None:
        if requests:
            raise Wrong("the backend was asked: %r" % requests[0].body[:300])
        return
    if len(requests) != 1:
        raise Wrong("the backend was asked %d times" % len(requests))
    want = case.bytes("forwarded.json")
    if want is None:
        want = sent.partition(b"\r\n\r\n")[2]
    if requests[0].body != want:
        raise Wrong("the backend got %r, not %r" % (
            requests[0].body[:900], want[:900]))
    if want and requests[0].get("content-type") != "application/json":
        raise Wrong("the backend was not told that it gets JSON: %r" %
                    requests[0].head)
    for name in ("authorization", "api-key", "x-api-key", "cookie"):
        if requests[0].get(name) is not None:
            raise Wrong("the client's %s went to the backend" % name)


# Times, ids and digests: any few digits stand in one of them by chance.
CHANCE = {"t", "ts", "xid", "sha256", "subj", "ip", "key_id"}


def without_chance(value):
    if isinstance(value, dict):
        return {k: without_chance(v) for k, v in value.items()
                if k not in CHANCE}
    if isinstance(value, list):
        return [without_chance(v) for v in value]
    return value


def check_records(case, records, xid):
    mine = [r for r in records if r.get("xid") == xid]
    opens = [r for r in mine if r.get("type") == "exchange.open"]
    closes = [r for r in mine if r.get("type") == "exchange.close"]
    rest = [r for r in mine if r not in opens and r not in closes]
    if len(opens) != 1 or len(closes) != 1:
        raise Wrong("%d open and %d close records" % (
            len(opens), len(closes)))
    for text in case.get("lacks", []):
        if text in json.dumps(without_chance(opens + closes),
                              ensure_ascii=False):
            raise Wrong("%r, a text of a client, is in a record: %s" % (
                text, short(closes[0])))
    check(differs(case.get("open", {}), opens[0], "open", False))
    check(differs(case.get("close", {}), closes[0], "close", False))
    check(differs(case.get("excerpts", []), rest, "excerpts", False))


# ---- running ----

class Stage:
    """A gateway for all cases of one configuration. Each case has a key of
    its own, whose tenant is the case's name: that binds its policy."""

    def __init__(self, config, cases):
        self.bench = Bench()
        self.backend = scripted.Backend()
        self.bench.write("policy.yaml", "")
        config = CONFIG % self.backend.port + "".join(
            '  - policy: "%s"\n    when: { tenants: ["%s"] }\n' % (
                c.policy, c.name) for c in cases) + config
        self.bench.write("modgate.yaml", "modgate: 1\nstate: state\n" +
                         config)
        self.keys = {c.name: self.bench.add_key(
            c.name, "--tenant", c.name, *c.get("key", [])) for c in cases}
        self.port = self.bench.start_gateway(config).port

    def run(self, case):
        """Sends the request, checks the answer; returns the exchange's id."""
        upstream = case.upstream()
        self.backend.clear(script_for(upstream) if upstream else None)
        sent = case.request(self.keys[case.name])
        client = Client(self.port, 20)
        try:
            client.send(sent)
            answer = client.read_answer()
        finally:
            client.close()
        check_answer(case, answer, upstream)
        check_forwarded(case, self.backend.requests, sent, upstream)
        return (answer.get("x-request-id") or "")[len("req_"):]

    def records(self):
        return [json.loads(line) for line in self.bench.modgate(
            "audit", "cat", "--excerpts").splitlines()]

    def close(self):
        problems = self.bench.close()
        self.backend.stop()
        return problems


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


def run_group(config, cases, report):
    stage = Stage(config, cases)
    seen = {}
    for case in cases:
        try:
            seen[case.name] = stage.run(case)
        except (Wrong, Closed, BadAnswer, OSError, ValueError) as error:
            report.add(case.name, "%s" % (error or repr(error)))
    # A record is safe before its answer is complete, but for a broken one.
    if any(c.get("broken") for c in cases):
        time.sleep(0.3)
    records = stage.records()
    for case in cases:
        if case.name not in seen:
            continue
        try:
            check_records(case, records, seen[case.name])
            report.add(case.name, None)
        except Wrong as error:
            report.add(case.name, error)
    for problem in stage.close():
        report.add("the gateway", problem)


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    names = sorted(n for n in os.listdir(HERE)
                   if os.path.exists(os.path.join(HERE, n, "case.json")))
    if "-l" in sys.argv:
        for name in names:
            print("%s: %s" % (name, Case(name).get("shows")))
        return 0
    groups = {}
    for name in names:
        if not words or any(w in name for w in words):
            case = Case(name)
            groups.setdefault(case.config, []).append(case)
    report = Report("-v" in sys.argv)
    for config, cases in groups.items():
        run_group(config, cases, report)
    print("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
