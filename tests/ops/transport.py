"""tests/ops/transport.py - TLS in front."""

import json
import ssl
import time

from tests.lib.wire import Client
from tests.ops.stage import (SLOW, Gate, Stage, TlsClient, body, check,
                             make_certificates, post, wait_until)


def secure_stage(stages, more="", config=""):
    """A stage whose gateway speaks TLS; and where its certificates are."""
    s = Stage(start=False)
    stages.append(s)
    at = make_certificates(s.bench)
    s.listen = ("{ address: 127.0.0.1:%d, tls: { cert: %sserver.pem, "
                "key: %sserver.key%s } }" % (
                    s.port, at, at, more.replace("@", at)))
    s.configure(config)
    s.gateway = s.start()
    return s, at


def exchange(s, at, data=None, **how):
    client = TlsClient(s.port, at, **how)
    try:
        client.send(post(s.key, data))
        return client.read_answer(), client.subject()
    finally:
        client.close()


def case_TLS_1_2_and_1_3(stages):
    s, at = secure_stage(stages)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for stream in (False, True):
            answer, name = exchange(s, at, body(stream=stream),
                                    version=version)
            check(answer.status == 200 and answer.complete, version, answer)
            check(name == "a-server", name)
    # Large bodies in both directions.
    answer, _ = exchange(s, at, body("long " * 200000))
    check(answer.status in (200, 429), "a large body:", answer.status,
          answer.body[:200])
    try:
        exchange(s, at, version=ssl.TLSVersion.TLSv1_1)
    except (ssl.SSLError, OSError, ValueError):
        pass
    else:
        check(False, "TLS 1.1 is accepted")


def case_a_handshake_that_fails_is_told(stages):
    s, at = secure_stage(stages)
    figure = "modgate_handshakes_failed_total"
    time.sleep(1.2)     # since the start asked whether the port is open
    before = s.metrics()[figure]
    client = Client(s.port, 5 * SLOW)
    client.send(post(s.key))
    answer = client.read_answer()
    check(answer.status == 400 and b"This port speaks TLS" in answer.body and
          json.loads(answer.body)["error"]["code"] == "tls_required",
          answer.status, answer.body)
    check(client.is_closed(2 * SLOW), "it stays open")
    client.close()
    wait_until(lambda: "TLS with 127.0.0.1 came to nothing: plain HTTP on a "
               "TLS port" in s.gateway.log(), 3 * SLOW, "the log tells")
    for _ in range(20):
        client = Client(s.port, 5 * SLOW)
        client.send(b"\x16\x03\x01\x00\x05nonsense")
        client.is_closed(2 * SLOW)
        client.close()
    wait_until(lambda: s.metrics()[figure] - before == 21, 3 * SLOW,
               "all are counted, once")
    lines = s.gateway.log().count("came to nothing")
    check(1 <= lines <= 12, lines, "lines for 21 of them")
    check(exchange(s, at)[0].status == 200, "afterwards")


def case_client_certificates_optional(stages):
    s, at = secure_stage(stages, ", client_ca: @ca.pem")
    other = make_certificates(s.bench, "b")
    check(exchange(s, at)[0].status == 200, "without")
    check(exchange(s, at, client=at)[0].status == 200, "with")
    check(not passes(s, at, client=other), "one of another CA passes")
    check(exchange(s, at)[0].status == 200, "afterwards")


def passes(s, at, **how):
    """In TLS 1.3 a client learns of its refusal when it reads."""
    try:
        return exchange(s, at, **how)[0].status == 200
    except Exception:                   # pylint: disable=broad-except
        return False


def case_client_certificates_required(stages):
    s, at = secure_stage(stages,
                         ", client_ca: @ca.pem, client_required: true")
    other = make_certificates(s.bench, "b")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        check(passes(s, at, client=at, version=version), "with", version)
        check(not passes(s, at, version=version), "without", version)
        check(not passes(s, at, client=other, version=version), "another's")
    check(s.metrics()["modgate_exchanges_in_flight"] == 0, "left over")


def case_certificates_are_reloaded(stages):
    s, at = secure_stage(stages)
    old = TlsClient(s.port, at, seconds=30)
    check(old.subject() == "a-server", old.subject())
    other = make_certificates(s.bench, "b")
    # In the place of the old ones, as tools that renew them do.
    for what in ("server.key", "server.pem"):
        with open(other + what, encoding="ascii") as f:
            s.bench.write("a-" + what, f.read())
        if what == "server.key":
            line = s.reload(refused=True)
            check("a-server.pem" in line and "belong" in line, line)
            answer, name = exchange(s, at)
            check(answer.status == 200 and name == "a-server", name)
    s.reload()
    answer, name = exchange(s, other)
    check(answer.status == 200 and name == "b-server", name)
    # Who was there already stays.
    old.send(post(s.key))
    check(old.read_answer().status == 200, "an old connection broke")
    old.close()
    s.bench.write("a-server.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n")
    line = s.reload(refused=True)
    check("a-server.pem" in line, line)
    check(exchange(s, other)[0].status == 200, "after a bad certificate")


def case_the_admin_address_may_speak_TLS(stages):
    s = Stage(start=False)
    stages.append(s)
    at = make_certificates(s.bench)
    s.admin = ("{ address: 127.0.0.1:%d, tls: { cert: %sserver.pem, key: "
               "%sserver.key } }" % (s.admin_port, at, at))
    s.configure("")
    s.gateway = s.start()
    get = b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"
    client = TlsClient(s.admin_port, at)
    client.send(get)
    check(client.read_answer().status == 200, "TLS")
    client.close()
    client = Client(s.admin_port, 10 * SLOW)
    client.send(get)
    check(client.is_closed(3 * SLOW) or b" 200 " not in client.have, "plain")
    client.close()


def case_plain_HTTP_to_a_TLS_port(stages):
    s, at = secure_stage(stages)
    for data in (post(s.key), b"\x00" * 100, b"\x16\x03\x01\xff\xff" * 50,
                 b"GET / HTTP/1.0\r\n\r\n"):
        client = Client(s.port, 10 * SLOW)
        client.send(data)
        try:
            while client.fill():
                pass
        except TimeoutError:
            check(data[0] == 0x16, "not closed:", data[:20])
        check(b" 200 " not in client.have, client.have[:100])
        client.close()
    check(exchange(s, at)[0].status == 200, "afterwards")
    check(len(s.backend.requests) == 1, "something passed")


def case_a_handshake_that_never_ends_is_cut(stages):
    s, at = secure_stage(stages, config="client: { head: { total: 1s } }\n")
    silent = Client(s.port, 20)
    # A ClientHello's beginning, byte by byte: it never stops, nor ends.
    slow = Client(s.port, 20)
    began = time.monotonic()
    slow.send(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03")
    end = None
    while time.monotonic() - began < 6 * SLOW:
        if slow.readable(0.1):
            end = time.monotonic() - began
            break
        slow.send(b"x")
    check(end is not None and 0.6 < end < 4 * SLOW, "cut after", end)
    check(silent.is_closed(4 * SLOW), "a silent one stays")
    slow.close()
    silent.close()
    # One that has shaken hands, and then says nothing.
    client = TlsClient(s.port, at)
    began = time.monotonic()
    client.sock.settimeout(6 * SLOW)
    try:
        check(client.sock.recv(10) == b"", "it answers")
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    check(time.monotonic() - began < 4 * SLOW, "a silent one stays")
    wait_until(lambda: s.metrics()["modgate_connections_open"] == 0,
               3 * SLOW, "all are gone")


def case_a_client_that_leaves_TLS_frees_the_backend(stages):
    s, at = secure_stage(stages)
    gate = s.backend.script = Gate()
    client = TlsClient(s.port, at)
    client.send(post(s.key, body(stream=True)))
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(client.read_head().status == 200, "no stream")
    client.close()
    took = peer.gone_within(5)
    gate.drop(peer)
    check(took is not None and took < 1 * SLOW, "the backend waited", took)
