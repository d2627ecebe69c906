"""tests/ops/flow.py - what a client may stretch: connections, time, memory."""

import socket
import time

from tests.lib import backend as scripted
from tests.lib.wire import Client
from tests.ops.stage import (SLOW, Gate, Stage, Stream, body, check, post,
                             wait_until)


def is_refused(port, host="127.0.0.1", source=None):
    """A connection that is closed without a word."""
    sock = socket.create_connection((host, port), 5, source_address=source)
    sock.settimeout(0.4 * SLOW)
    try:
        return sock.recv(1) == b""
    except socket.timeout:
        return False
    except ConnectionResetError:
        return True
    finally:
        sock.close()


def case_connections_are_capped(stages):
    s = Stage("workers: 2\nclient: { connections: { all: 6, per_address: 4 }, "
              "head: { total: 20s } }\n")
    stages.append(s)
    wait_until(lambda: s.metrics()["modgate_connections_open"] == 0,
               5 * SLOW, "the probe is gone")
    first = [Client(s.port, 30) for _ in range(4)]
    wait_until(lambda: s.metrics()["modgate_connections_open"] == 4,
               5 * SLOW, "four are open")
    check(is_refused(s.port), "a fifth of one address")
    others = [socket.create_connection(("127.0.0.1", s.port), 5,
                                       source_address=("127.0.0.2", 0))
              for _ in range(2)]
    wait_until(lambda: s.metrics()["modgate_connections_open"] == 6,
               5 * SLOW, "six are open")
    check(is_refused(s.port, source=("127.0.0.3", 0)), "a seventh")
    m = s.metrics()
    check(m["modgate_connections_refused_total"] == 2, "refused:",
          m["modgate_connections_refused_total"])
    first[0].close()
    wait_until(lambda: s.metrics()["modgate_connections_open"] == 5,
               5 * SLOW, "five are open")
    s.serves()
    # A reload changes the caps for those who come.
    s.configure("workers: 2\nclient: { connections: { all: 100, "
                "per_address: 50 }, head: { total: 20s } }\n")
    s.reload()
    check(not is_refused(s.port), "the new cap is not in force")
    for sock in others + first[1:]:
        sock.close()


def rss(server):
    with open("/proc/%d/status" % server.child.pid, encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def case_a_slow_reader_costs_little_memory(stages):
    s = Stage("workers: 1\nclient: { send: { buffer: 64KiB, idle: 20s } }\n")
    stages.append(s)
    sent = {"bytes": 0}
    block = scripted.chunk(scripted.event("x" * 4000)) * 16

    def flood(peer, request):
        peer.send(scripted.STREAM_HEAD)
        peer.sock.settimeout(30)
        for _ in range(800):            # 50 MB
            if not peer.send(block):
                return False
            sent["bytes"] += len(block)
        peer.send(scripted.chunk(scripted.DONE) + scripted.LAST_CHUNK)
        return True
    s.serves()
    s.backend.script = flood
    before = rss(s.gateway)
    client = Client(s.port, 60)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.send(post(s.key, body(stream=True)))
    check(client.read_head().status == 200, "no stream")
    most = 0
    for _ in range(20):
        time.sleep(0.1)
        most = max(most, rss(s.gateway) - before)
    stalled = sent["bytes"]
    time.sleep(0.3)
    check(sent["bytes"] == stalled, "the backend is not held back")
    check(stalled < 20e6, "the backend wrote", stalled)
    # Now it reads, and gets it all.
    total = 0
    while client.fill():
        total += len(client.have)
        if client.have.endswith(b"0\r\n\r\n"):
            break
        client.have = client.have[-8:]
        most = max(most, rss(s.gateway) - before) if total % 50 == 0 else most
    check(client.have.endswith(b"0\r\n\r\n"), "it broke off at", total)
    check(total > 50e6, "it is", total, "bytes")
    client.close()
    check(most < (8e6 if SLOW == 1 else 80e6), "it grew by", most)


def case_a_client_that_takes_nothing_is_cut(stages):
    s = Stage("client: { send: { buffer: 64KiB, idle: 1s } }\n")
    stages.append(s)
    noted = {}

    def flood(peer, request):
        peer.send(scripted.STREAM_HEAD)
        peer.sock.settimeout(15)
        began = time.monotonic()
        while peer.send(scripted.chunk(scripted.event("x" * 4000))):
            pass
        noted["gone"] = time.monotonic() - began
        return False
    s.backend.script = flood
    client = Client(s.port, 60)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.send(post(s.key, body(stream=True)))
    wait_until(lambda: "gone" in noted, 8 * SLOW, "the backend is let go")
    check(0.8 < noted["gone"] < 6 * SLOW, "after", noted["gone"])
    client.close()
    wait_until(lambda: s.metrics()["modgate_exchanges_aborted_total"] == 1,
               3 * SLOW, "it counts as aborted")
    # One that takes a little all the time is none of those.
    s.backend.script = lambda peer, request: peer.send(scripted.stream(
        *[scripted.event("x" * 4000)] * 100))
    client = Client(s.port, 60)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    client.send(post(s.key, body(stream=True)))
    began = time.monotonic()
    while time.monotonic() - began < 2.5:
        client.sock.settimeout(5)
        client.have += client.sock.recv(2048)
        time.sleep(0.02)
    check(client.read_answer().complete, "one that reads slowly is cut")
    client.close()


def case_a_client_that_leaves_frees_the_backend(stages):
    s = Stage()
    stages.append(s)
    gate = Gate()

    def script(peer, request):
        if request.json().get("stream"):
            return gate(peer, request)
        peer.backend.note("whole", peer.gone_within(10))
        return False
    s.backend.script = script
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    whole = Client(s.port, 20)
    whole.send(post(s.key))
    wait_until(lambda: len(s.backend.requests) == 2, 5 * SLOW, "both asked")
    stream.close()
    took = peer.gone_within(5)
    check(took is not None and took < 1 * SLOW, "a silent stream:", took)
    began = time.monotonic()
    whole.close()
    check(s.backend.wait_note("whole", 5) is not None, "a whole one")
    check(time.monotonic() - began < 1 * SLOW, "a whole one: late")
    gate.drop(peer)
    closes = wait_until(lambda: len([r for r in s.records() if r["type"] ==
                                     "exchange.close"]) == 2 and
                        s.check_records(), 3 * SLOW, "two records")
    check([(r["outcome"], r["by"], r["reason"]) for r in closes.values()] ==
          [("aborted", "client", "client_gone")] * 2, closes)


def case_a_silent_stream_is_pinged(stages):
    s = Stage("ping: 1s\n")
    stages.append(s)
    gate = s.backend.script = Gate()
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    began = time.monotonic()
    check(stream.read_until(": ping\n\n", 5), "no ping")
    took = time.monotonic() - began
    check(0.95 <= took < 2.5 * SLOW, "a ping after %.2f s" % took)
    # While events come more often than that, there is none.
    pings = stream.text.count(b": ping")
    for i in range(20):
        gate.say(peer, "<no %d> " % i)
        check(stream.read_until("<no %d>" % i), "no event", i)
        time.sleep(0.1)
    check(stream.text.count(b": ping") == pings, "a ping before it is due")
    gate.end(peer)
    check(stream.read_until(None), "the stream was cut")


def case_a_ping_that_is_not_due_does_not_come(stages):
    s = Stage("ping: 3s\n")
    stages.append(s)
    gate = s.backend.script = Gate()
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    time.sleep(2.5)
    gate.say(peer, "later ")
    check(stream.read_until("later"), "no event")
    check(b": ping" not in stream.text, "a ping before it is due")
    gate.end(peer)
    check(stream.read_until(None), "the stream was cut")
