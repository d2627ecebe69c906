"""tests/ops/drain.py - SIGTERM: what is under way ends, nothing begins."""

import signal
import socket
import time

from tests.lib.wire import Client
from tests.lib import backend as scripted
from tests.ops.stage import (SLOW, Gate, Stage, Stream, body, check, post,
                             wait_until)


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except OSError:
        return True
    return False


def case_a_drain_lets_exchanges_end(stages):
    s = Stage("drain: 20s\n")
    stages.append(s)
    gate = Gate()

    def script(peer, request):
        if request.json().get("stream"):
            return gate(peer, request)
        time.sleep(1.0)
        return peer.send(scripted.whole(scripted.chat("late but whole")))
    s.backend.script = script
    idle = Client(s.port, 20 * SLOW)
    idle.send(post(None))
    check(idle.read_answer().status == 401, "idle connection")
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    whole = Client(s.port, 20 * SLOW)
    whole.send(post(s.key))
    wait_until(lambda: len(s.backend.requests) == 2, 5 * SLOW, "both asked")
    check(s.bench.admin("/readyz")[0] == 200, "not ready at first")
    s.term()
    wait_until(lambda: refused(s.port), 3 * SLOW, "connections are refused")
    check(idle.is_closed(2 * SLOW), "the idle connection stays open")
    check(s.bench.admin("/readyz")[0] == 503, "ready while draining")
    check(s.bench.admin("/healthz")[0] == 200, "not healthy")
    answer = whole.read_answer()
    check(answer.complete and answer.status == 200, "the whole answer")
    check(answer.get("connection") == "close", "it does not say close")
    gate.say(peer, "and on ")
    gate.end(peer)
    check(stream.read_until(None), "the stream was cut:", stream.text)
    check(b"[DONE]" in stream.text, "no end of the stream")
    s.ends_with(0)
    closes = s.check_records()
    check(sorted(r["outcome"] for r in closes.values()) ==
          ["complete", "complete", "error"], closes)
    check([(r["by"], r["reason"]) for r in closes.values() if "by" in r] ==
          [("gateway", "invalid_api_key")], closes)


def case_a_drain_breaks_off_what_does_not_end(stages):
    s = Stage("drain: 1s\nclient: { head: { total: 60s } }\n")
    stages.append(s)
    gate = s.backend.script = Gate()
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    half = Client(s.port, 20 * SLOW)
    half.send(b"POST /v1/chat")
    admin = Client(s.admin_port, 20 * SLOW)
    admin.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    check(admin.read_answer().status == 200, "admin")
    time.sleep(0.2)
    began = time.monotonic()
    s.term()
    # The backend goes on: nothing may be written to who is gone.
    while s.gateway.alive() and time.monotonic() - began < 6 * SLOW:
        gate.say(peer, "on ")
        time.sleep(0.02)
    took = time.monotonic() - began
    s.ends_with(0, seconds=1)
    check(0.9 < took < 4 * SLOW, "it took %.1f s" % took)
    check(not stream.read_until(None), "the stream looks whole")
    gate.drop(peer)
    closes = s.check_records()
    check([(r.get("outcome"), r.get("by"), r.get("reason")) for r in
           closes.values()] == [("aborted", "shutdown", "drained")], closes)


def case_a_second_SIGTERM_ends_at_once(stages):
    s = Stage("drain: 60s\n")
    stages.append(s)
    gate = Gate()

    def script(peer, request):
        if request.json().get("stream"):
            return gate(peer, request)
        peer.gone_within(20)
        return False
    s.backend.script = script
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    whole = Client(s.port, 20 * SLOW)
    whole.send(post(s.key))
    wait_until(lambda: len(s.backend.requests) == 2, 5 * SLOW, "both asked")
    s.term()
    time.sleep(0.5)
    check(s.gateway.alive(), "it did not wait")
    began = time.monotonic()
    s.term()
    s.ends_with(0, seconds=4)
    check(time.monotonic() - began < 2 * SLOW, "that took",
          time.monotonic() - began)
    gate.drop(peer)
    closes = s.check_records()
    check([r.get("outcome") for r in closes.values()] == ["aborted"] * 2,
          closes)


def case_an_idle_gateway_ends_at_once(stages):
    s = Stage()
    stages.append(s)
    s.serves()
    began = time.monotonic()
    s.term()
    s.ends_with(0)
    check(time.monotonic() - began < 2.5 * SLOW, "that took",
          time.monotonic() - began)
    last = s.records()[-1]
    check(last["type"] == "log.stopped", "the last record is", last)


def case_a_stray_signal_does_not_hurt(stages):
    s = Stage()
    stages.append(s)
    for number in (signal.SIGUSR2, signal.SIGUSR1, signal.SIGPIPE):
        s.gateway.child.send_signal(number)
        time.sleep(0.2)
        check(s.gateway.alive(), number)
        check(s.bench.admin("/healthz")[0] == 200, "healthz after", number)
        s.serves()
    s.term()
    s.ends_with(0)
