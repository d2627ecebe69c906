"""tests/ops/record.py - no record, no answer; and what a full disk does."""

import os
import subprocess

from tests.lib import backend as scripted
from tests.ops.stage import (BLOCKED, SLOW, Gate, Stage, Stream, body, check,
                             wait_until)


def case_strict_nothing_leaves_before_the_record(stages):
    s = Stage("audit: { durability: strict }\n")
    stages.append(s)
    gate = s.backend.script = Gate()
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    for i in range(20):
        gate.say(peer, "piece %d " % i)
    check(not stream.client.readable(0.5), "bytes before the record")
    check(len([r for r in s.records() if r["type"] == "exchange.open"]) == 1,
          "it was forwarded before its opening was on record")
    gate.end(peer)
    check(stream.read_until(None), "the stream was cut")
    check(stream.text.count(b"piece") == 20 and b"[DONE]" in stream.text,
          stream.text[-200:])
    closes = s.check_records()
    check(len(closes) == 1, "no close on record")


def case_commit_the_end_waits_for_the_record(stages):
    """When a client has the last byte, its close is on disk."""
    s = Stage("audit: { durability: commit }\n")
    stages.append(s)
    for n in range(1, 6):
        s.backend.script = scripted.answer_well
        check(s.ask(body(stream=n % 2 == 0)).complete, "cut")
        closes = s.check_records()
        check(len(closes) == n, n, "answers,", len(closes), "records")


def case_async_is_on_record_within_a_second(stages):
    s = Stage("audit: { durability: async }\n")
    stages.append(s)
    for n in range(10):
        check(s.ask(body(stream=n % 2 == 0)).complete, "cut")
    wait_until(lambda: len([r for r in s.records() if r["type"] ==
                            "exchange.close"]) == 10, 3 * SLOW,
               "all are on record")
    s.term()
    s.ends_with(0)
    check(len(s.check_records()) == 10, "lost")


class SmallDisk:
    """A tmpfs of 8 MiB on FOLDER/state; needs root."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "state")
        os.makedirs(self.path, exist_ok=True)
        self.mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "none", self.path],
            stderr=subprocess.DEVNULL, check=False).returncode == 0

    def fill(self):
        """Leaves nothing."""
        with open(os.path.join(self.path, "ballast"), "wb") as f:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        f.write(b"x" * size)
                        f.flush()
                except OSError:
                    pass
            try:
                f.close()
            except OSError:
                pass

    def free(self):
        os.unlink(os.path.join(self.path, "ballast"))

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], check=False)


def case_a_full_disk_refuses_and_recovers(stages):
    s = Stage(start=False)
    stages.append(s)
    disk = SmallDisk(s.bench.folder)
    if not disk.mounted:
        limited_file_size(s)
        return
    try:
        full_disk(s, disk)
    finally:
        for server in s.bench.servers:
            server.stop()
        disk.close()


def full_disk(s, disk):
    s.configure("audit: { min_free: 1MiB, segment: 64KiB }\n")
    s.key = s.bench.add_key("full")
    s.gateway = s.start()
    gate = Gate()

    def script(peer, request):
        if request.json()["model"] == "slow":
            return gate(peer, request)
        return scripted.answer_well(peer, request)
    s.backend.script = script
    s.serves()
    stream = Stream(s.port, s.key, body(model="slow", stream=True))
    peer = gate.wait(1)
    gate.say(peer, "begin ")
    check(stream.read_until("begin"), "no stream")
    disk.fill()
    wait_until(lambda: s.ask().status == 503, 8 * SLOW, "503")
    seen = len(s.backend.requests)
    for _ in range(5):
        answer = s.ask()
        check(answer.status == 503 and b'"audit_unavailable"' in answer.body,
              answer.status, answer.body[:300])
    check(len(s.backend.requests) == seen, "the backend was asked")
    check(s.bench.admin("/readyz")[0] == 503, "ready")
    check(s.bench.admin("/healthz")[0] == 200, "not healthy")
    m = s.metrics()
    check(m["modgate_audit_accepts"] == 0, "accepts")
    check(m["modgate_audit_refused_total"] >= 5, "refused")
    # What is open ends as it should, and is on record.
    gate.say(peer, "and on ")
    gate.end(peer)
    check(stream.read_until(None) and b"[DONE]" in stream.text,
          "the open stream was cut:", stream.text)
    disk.free()
    wait_until(lambda: s.ask().status == 200, 10 * SLOW, "it recovers")
    check(s.bench.admin("/readyz")[0] == 200, "not ready again")
    closes = s.check_records()
    done = [r for r in closes.values() if r["outcome"] == "complete"]
    check(len(done) >= 3, len(done), "complete on record")
    s.term()
    s.ends_with(0)


def limited_file_size(s):
    """Without a disk of our own: files may not grow past a size. What a disk
    does to the last byte is shown by test_audit."""
    import resource
    s.configure("audit: { segment: 16MiB }\n")
    s.gateway = s.start()
    s.serves()
    pid = s.gateway.child.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    wait_until(lambda: s.ask().status == 503, 8 * SLOW, "503")
    check(s.gateway.alive(), "it died of SIGXFSZ")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (
        resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: s.ask().status == 200, 10 * SLOW, "it recovers")


def case_a_file_size_limit_does_not_kill(stages):
    s = Stage(start=False)
    stages.append(s)
    limited_file_size(s)
    s.check_records()


def case_a_blocked_stream_is_on_record(stages):
    s = Stage()
    stages.append(s)
    gate = s.backend.script = Gate()
    stream = Stream(s.port, s.key)
    peer = gate.wait(1)
    gate.say(peer, "so " + BLOCKED + " it is")
    gate.drop(peer)
    stream.read_until(None)
    closes = s.check_records()
    check([r["outcome"] for r in closes.values()] == ["blocked"], closes)
