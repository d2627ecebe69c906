"""tests/ops/log.py - the log as an outsider verifies it: by our own commands,
and by another implementation."""

import json
import os
import signal
import subprocess

from tests.lib.proc import MODGATE
from tests.ops.stage import BLOCKED, SLOW, Stage, body, check, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))


def node(*args):
    """The other implementation: (status, output)."""
    done = subprocess.run(["node", os.path.join(HERE, "log_second.mjs")] +
                          list(args), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def folder(s):
    return os.path.join(s.bench.folder, "state", "audit")


def key_file(s):
    return s.bench.write("vkey", s.bench.modgate("audit", "key"))


def verify(s, *args, status=0):
    """What `modgate audit verify` says, as JSON."""
    done = subprocess.run([MODGATE, "audit", "verify", "-c",
                           s.bench.config, "--json"] + list(args),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    check(done.returncode == status, "verify ended with", done.returncode,
          done.stdout, done.stderr)
    return json.loads(done.stdout)


def published(s):
    return s.metrics()["modgate_audit_log_published"]


def case_another_implementation_reads_the_log(stages):
    s = Stage("audit: { checkpoint: 200ms }\n")
    stages.append(s)
    for n in range(140):        # more than one tile of 256
        s.ask(body("poem %d" % n if n % 3 else BLOCKED))
    wait_until(lambda: published(s) >= 281, 5 * SLOW, "all are published")
    status, text = node(os.path.join(folder(s), "log"), key_file(s))
    check(status == 0, text[-500:])
    records = [json.loads(line) for line in text.splitlines()]
    check(len(records) == published(s), len(records), published(s))
    check(records == s.records()[:len(records)], "other records")


def case_a_proof_stands_alone(stages):
    s = Stage("audit: { checkpoint: 200ms }\n")
    stages.append(s)
    for _ in range(5):
        s.serves()
    wait_until(lambda: published(s) >= 11, 5 * SLOW, "all are published")
    key = key_file(s)
    closes = [line for line in s.bench.modgate("audit", "cat").splitlines()
              if '"exchange.close"' in line]
    for line in closes:
        xid = json.loads(line)["xid"]
        proof = s.bench.write("proof", s.bench.modgate("audit", "prove", xid))
        record = s.bench.write("record", line + "\n")
        status, text = node(folder(s), key, proof, record)
        check(status == 0, text)
        text = s.bench.modgate("audit", "verify", "--key", key, "--proof",
                               proof, "--record", record)
        check(text.startswith("good:"), text)
        s.bench.write("record", line.replace('"status":200', '"status":201'))
        status, text = node(folder(s), key, proof, record)
        check(status != 0, "another record is proved")


def case_a_log_verifies_after_a_crash(stages):
    s = Stage("audit: { checkpoint: 100ms }\n")
    stages.append(s)
    for turn in range(3):
        for _ in range(20):
            s.serves()
        s.gateway.child.send_signal(signal.SIGKILL)
        s.ends_with(-signal.SIGKILL)
        s.gateway.status = 0        # as we wished
        s.gateway = s.start(name="gateway%d" % turn)
        wait_until(lambda: published(s) > 0, 5 * SLOW, "a checkpoint")
        said = verify(s)
        check(said["good"] and said["closed"] >= 20 * turn, said)
    s.term()
    s.ends_with(0)
    said = verify(s, "--key", key_file(s))
    check(said["good"] and said["closed"] == 60 and said["more"] == 0, said)


def case_a_log_verifies_after_a_take_over(stages):
    s = Stage("audit: { checkpoint: 100ms }\n")
    stages.append(s)
    for _ in range(10):
        s.serves()
    old, s.gateway = s.gateway, s.start("--take-over", name="successor")
    s.ends_with(0, old)
    for _ in range(10):
        s.serves()
    wait_until(lambda: published(s) >= 43, 5 * SLOW, "all are published")
    said = verify(s)
    check(said["good"] and said["closed"] == 20, said)


def case_a_log_that_was_cut_back_does_not_start(stages):
    s = Stage("audit: { checkpoint: 100ms }\n")
    stages.append(s)
    for _ in range(10):
        s.serves()
    s.term()
    s.ends_with(0)
    key = key_file(s)
    older = s.bench.write("older", open(os.path.join(
        folder(s), "log", "checkpoint"), encoding="utf-8").read())
    segment = [name for name in os.listdir(folder(s))
               if name.endswith(".seg")][0]
    path = os.path.join(folder(s), segment)
    kept = open(path, "rb").read()
    os.unlink(path)
    said = verify(s, "--key", key, status=1)
    check("the last ones are missing" in said["problem"], said)
    status, text = s.run()
    check(status != 0 and "records are missing" in text, status, text)
    with open(path, "wb") as f:
        f.write(kept)
    s.gateway = s.start()
    s.serves()
    s.term()
    s.ends_with(0)
    check(verify(s, "--key", key, "--since", older)["good"], "older")


def case_checkpoints_may_be_switched_off(stages):
    s = Stage("audit: { checkpoint: none }\n")
    stages.append(s)
    s.serves()
    check("modgate_audit_log_published" not in s.metrics(), "a metric")
    check(not os.path.exists(os.path.join(folder(s), "log")), "a folder")
