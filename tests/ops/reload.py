"""tests/ops/reload.py - SIGHUP, and files that change on disk: all of the new,
or all of the old."""

import json
import os
import signal
import time

from tests.lib import backend as scripted
from tests.lib.proc import free_port
from tests.lib.wire import Client
from tests.ops.stage import (BLOCKED, SLOW, Gate, Stage, Stream, TlsClient,
                             body, check, make_certificates, policy, post,
                             wait_until)


def case_a_changed_policy_takes_effect(stages):
    s = Stage()
    stages.append(s)
    check(s.blocks(BLOCKED), "not blocked at first")
    check(not s.blocks("ultramarine"), "blocked too early")
    s.write_policy(policy("ultramarine"))
    s.reload()
    check(s.blocks("ultramarine"), "the new word is not blocked")
    check(not s.blocks(BLOCKED), "the old word is still blocked")
    loaded = [r for r in s.records() if r["type"] == "policy.loaded"]
    check(len(loaded) == 2, "policy.loaded:", len(loaded))
    check(loaded[0] != loaded[1], "the same policy twice")
    check(s.metrics()["modgate_reloads_total"] == 1, "not counted")


def bad_files(s):
    """(what, file to write, its text, what the log must name)"""
    good = policy()
    yield "bad YAML", "policy.yaml", good + "  - id: [\n", "policy.yaml:"
    yield ("an unknown key", "policy.yaml", good.replace("action:", "acton:"),
           "policy.yaml:7:5: ")
    yield ("a failing test", "policy.yaml",
           good.replace('pass: ["nothing"]', 'pass: ["a %s"]' % BLOCKED),
           "policy.yaml:10:")
    yield ("a missing list", "policy.yaml", good.replace(
        "rules:", "lists:\n  more: { file: no-such.txt }\nrules:"),
        "policy.yaml:4:")
    good = open(s.bench.config, encoding="utf-8").read()
    yield ("an unknown setting", "modgate.yaml", good + "wrokers: 1\n",
           "modgate.yaml:12:1: ")
    yield ("a missing policy file", "modgate.yaml",
           good.replace("policy.yaml", "gone.yaml"), "gone.yaml")


def case_a_bad_file_leaves_the_old_one_in_force(stages):
    s = Stage()
    stages.append(s)
    n = 0
    for what, name, text, place in bad_files(s):
        path = os.path.join(s.bench.folder, name)
        with open(path, encoding="utf-8") as f:
            before = f.read()
        s.bench.write(name, text)
        line = s.reload(refused=True)
        n += 1
        check(place in line, what, "names no place:", line)
        check(" error " in line, what, "is no error:", line)
        check(s.blocks(BLOCKED), what, ": the old policy is not in force")
        s.serves()
        check(s.metrics()["modgate_reload_failures_total"] == n, what,
              "is not counted")
        s.bench.write(name, before)
    s.reload()
    check(s.metrics()["modgate_reload_failures_total"] == n, "miscounted")


def case_a_stream_ends_under_the_policy_it_began_under(stages):
    s = Stage()
    stages.append(s)
    gate = s.backend.script = Gate()
    old = Stream(s.port, s.key)
    first = gate.wait(1)
    gate.say(first, "begin ")
    check(old.read_until("begin"), "the stream did not begin")
    s.write_policy(policy("ultramarine"))
    s.reload()
    gate.say(first, "and ultramarine ")
    gate.say(first, "and on ")
    check(old.read_until("and on"), "the old stream was cut:", old.text)
    check(b"ultramarine" in old.text, "the new rule took the old stream")
    new = Stream(s.port, s.key)
    second = gate.wait(2)
    gate.say(second, "begin ultramarine ")
    gate.say(second, "and on ")
    gate.end(second)
    new.read_until(None)
    check(b"ultramarine" not in new.text and b"content_filter" in new.text,
          "the new stream was not cut:", new.text)
    # The old rule is still the old stream's.
    gate.say(first, BLOCKED + " ")
    gate.end(first)
    old.read_until(None)
    check(BLOCKED.encode() not in old.text and b"content_filter" in old.text,
          "the old rule let go:", old.text[-300:])


def case_upstreams_limits_and_log_level_change(stages):
    s = Stage()
    stages.append(s)
    s.serves()
    other = scripted.Backend()
    try:
        s.upstream = s.upstream.replace(":%d" % s.backend.port,
                                        ":%d" % other.port)
        s.configure("limits: { key: { requests: 2/h } }\n"
                    "log: { level: debug }\n")
        s.reload()
        seen = len(s.backend.requests)
        s.serves()
        check(len(other.requests) == 1 and len(s.backend.requests) == seen,
              "the old backend is still asked")
        check(" debug " in s.gateway.log(), "no debug line")
        s.serves()
        check(s.ask().status == 429, "the new limit is not in force")
        s.configure("limits: none_such\n")
        s.reload(refused=True)
        check(s.ask().status == 429, "a refused reload took limits away")
        s.configure("log: { level: error, format: json }\n")
        s.gateway.child.send_signal(signal.SIGHUP)
        wait_until(lambda: s.ask().status == 200, 5 * SLOW,
                   "limits are lifted")
        at = len(s.gateway.log())
        s.serves()
        line = wait_until(lambda: s.gateway.log()[at:], 3 * SLOW, "a line")
        check("debug" not in line, "still debug lines:", line)
        check(json.loads(line)["status"] == 200, "no JSON:", line)
        check(s.metrics()["modgate_reload_failures_total"] == 1, "failures")
    finally:
        other.stop()


def case_a_smaller_send_buffer_does_not_stop_an_old_connection(stages):
    """The connection has the caps that it began with; its exchange those of
    the configuration in force. They must agree on when to wait."""
    s = Stage("client: { send: { buffer: 4MiB } }\n")
    stages.append(s)
    client = Client(s.port, 20 * SLOW)
    client.send(post(s.key))
    check(client.read_answer().status == 200, "the first")
    s.configure("client: { send: { buffer: 4KiB } }\n")
    s.reload()
    s.backend.script = lambda peer, request: peer.send(scripted.stream(
        *[scripted.event("x" * 2000) for _ in range(2000)]))
    client.send(post(s.key, body(stream=True)))
    time.sleep(0.5)
    answer = client.read_answer()
    client.close()
    check(answer.complete and answer.body.count(b"data:") == 2001,
          "the stream stopped at", len(answer.body))


def case_a_reordered_listen_keeps_each_port_as_it_is(stages):
    s = Stage(start=False)
    stages.append(s)
    at = make_certificates(s.bench)
    secure = free_port()
    plain = "{ address: 127.0.0.1:%d }" % s.port
    tls = ("{ address: 127.0.0.1:%d, tls: { cert: %sserver.pem, key: "
           "%sserver.key } }" % (secure, at, at))
    s.listen = "[ %s, %s ]" % (plain, tls)
    s.configure("")
    s.gateway = s.start()

    def both(when):
        check(s.ask().status == 200, "plain", when)
        client = TlsClient(secure, at)
        client.send(post(s.key))
        check(client.read_answer().status == 200, "TLS", when)
        client.close()
    both("at first")
    s.listen = "[ %s, %s ]" % (tls, plain)
    s.configure("")
    s.reload()
    both("in another order")
    s.listen = "[ %s ]" % tls
    s.configure("")
    s.reload()
    check("stay" in s.gateway.log(), "no warning that listen stays")
    both("with one left out")


# ---- files that change on disk ----

LISTED = """modgate_policy: 1
name: ops
lists:
  words: { file: words.txt }
rules:
  - id: banned
    on: [prompt, answer]
    match: { words: words }
    action: block
    tests: { pass: [nothing] }
"""


def listed(config=""):
    """A stage whose policy has a list in a file."""
    s = Stage(config, start=False)
    s.bench.write("words.txt", BLOCKED + "\n")
    s.write_policy(LISTED)
    s.gateway = s.start()
    return s


def lines(s, word):
    return [x for x in s.gateway.log().splitlines() if word in x]


def case_a_list_that_changes_on_disk_takes_effect(stages):
    s = listed()
    stages.append(s)
    s.bench.write("words.txt", "ultramarine\n")
    wait_until(lambda: s.blocks("ultramarine"), 10 * SLOW, "the new word")
    check(not s.blocks(BLOCKED), "the old word is still blocked")
    told = lines(s, " reloaded ")
    check(len(told) == 1 and "words.txt has changed" in told[0], told)
    # By rename, as editors write.
    new = s.bench.write("words.new", BLOCKED + "\n")
    os.rename(new, os.path.join(s.bench.folder, "words.txt"))
    wait_until(lambda: s.blocks(BLOCKED), 10 * SLOW, "the renamed file")
    s.write_policy(policy("sepia"))
    wait_until(lambda: s.blocks("sepia"), 10 * SLOW, "the new policy")
    time.sleep(2.5)
    check(len(lines(s, " reloaded ")) == 3, "reloaded too often:",
          lines(s, " reloaded "))
    check(s.metrics()["modgate_reloads_total"] == 3, "not counted")


def case_a_bad_file_on_disk_is_refused_once_and_mended(stages):
    s = listed()
    stages.append(s)
    s.bench.write("words.txt", "nothing\n")         # its own test fails
    wait_until(lambda: lines(s, "reload refused"), 10 * SLOW, "a refusal")
    check(s.blocks(BLOCKED), "the old list is not in force")
    time.sleep(2.5)
    check(len(lines(s, "reload refused")) == 1, "refused again and again")
    s.bench.write("words.txt", "ultramarine\n")
    wait_until(lambda: s.blocks("ultramarine"), 10 * SLOW, "the mended list")
    # A list that the policy names before it is there.
    s.write_policy(LISTED.replace("words.txt", "late.txt"))
    wait_until(lambda: len(lines(s, "reload refused")) == 2, 10 * SLOW,
               "a missing list")
    s.bench.write("late.txt", "sepia\n")
    wait_until(lambda: s.blocks("sepia"), 10 * SLOW, "the late list")


def case_a_file_that_is_still_written_is_not_read(stages):
    s = listed()
    stages.append(s)
    path = os.path.join(s.bench.folder, "words.txt")
    with open(path, "w", encoding="utf-8") as f:
        last = time.monotonic()
        for n in range(30):
            f.write("word%d\n" % n)
            f.flush()
            time.sleep(0.1)
            if time.monotonic() - last > 0.9:
                return      # the machine stood still: nothing is shown
            last = time.monotonic()
            check(not lines(s, " reloaded "), "half of a list was read")
        f.write("ultramarine\n")
    wait_until(lambda: s.blocks("ultramarine"), 10 * SLOW, "the whole list")
    check(len(lines(s, " reloaded ")) == 1, lines(s, " reloaded "))


def case_watch_false_leaves_files_to_sighup(stages):
    s = listed("watch: false\n")
    stages.append(s)
    s.bench.write("words.txt", "ultramarine\n")
    time.sleep(3)
    check(s.blocks(BLOCKED) and not lines(s, " reloaded "), "reloaded")
    s.reload()
    check(s.blocks("ultramarine"), "SIGHUP did not read the list")
