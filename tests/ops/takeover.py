"""tests/ops/takeover.py - a second instance takes the sockets over."""

import os
import signal
import socket
import threading
import time

from tests.lib.backend import answer_well
from tests.lib.proc import free_port
from tests.lib.wire import BadAnswer, Client, Closed
from tests.ops.stage import (SLOW, Gate, Stage, Stream, body, check, post,
                             policy, wait_until)


class Hammer:
    """Clients that ask without a pause: some on a new connection each time,
    some on one that they keep. A kept one that ends before the first byte of
    an answer is what HTTP calls idle: they ask again, once, on a new one."""

    def __init__(self, port, key):
        self.port, self.key = port, key
        self.stopped = False
        self.wrong = []
        self.served = self.again = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(6)]
        for thread in self.threads:
            thread.start()

    def once(self, client, number):
        client.deadline = time.monotonic() + 10 * SLOW
        client.send(post(self.key, body(stream=number % 2 == 0)))
        answer = client.read_answer()
        if answer.status != 200 or not answer.complete:
            raise BadAnswer("%d %r" % (answer.status, answer.body[:200]))
        return answer

    def run(self, thread):
        keep = thread % 2 == 0
        client, used, number = None, False, 0
        while not self.stopped:
            number += 1
            try:
                if client is None:
                    client, used = Client(self.port), False
                try:
                    answer = self.once(client, number)
                except Closed:
                    if not used:
                        raise
                    with self.lock:
                        self.again += 1
                    client.close()
                    client = Client(self.port)
                    answer = self.once(client, number)
                with self.lock:
                    self.served += 1
                used = True
                if not keep or answer.get("connection") == "close":
                    client.close()
                    client = None
            except Exception as error:  # pylint: disable=broad-except
                with self.lock:
                    self.wrong.append("%s %r" % (type(error).__name__,
                                                 str(error)[:200]))
                client = None
        if client:
            client.close()

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join(15 * SLOW)


def case_two_take_overs_in_a_row_fail_no_request(stages):
    s = Stage("workers: 2\ndrain: 15s\nclient: { keepalive: 10s }\n")
    stages.append(s)
    gate = Gate()

    def script(peer, request):
        if request.json()["model"] == "slow":
            return gate(peer, request)
        return answer_well(peer, request)
    s.backend.script = script
    hammer = Hammer(s.port, s.key)
    try:
        for number in (1, 2):
            time.sleep(0.5)
            stream = Stream(s.port, s.key, body(model="slow", stream=True))
            peer = gate.wait(number)
            gate.say(peer, "begin ")
            check(stream.read_until("begin"), "no stream")
            old = s.gateway
            s.gateway = s.start("--take-over", name="gateway%d" % number)
            time.sleep(0.7)
            check(old.alive(), "the old one left its stream")
            check(s.bench.admin("/readyz")[0] == 200,
                  "the admin address is the old one's")
            gate.say(peer, "and on ")
            gate.end(peer)
            check(stream.read_until(None), "the stream was cut")
            s.ends_with(0, old)
        time.sleep(0.3)
    finally:
        hammer.stop()
    check(not hammer.wrong, "%d of %d failed: %s" % (
        len(hammer.wrong), hammer.served, hammer.wrong[:5]))
    check(hammer.again <= 2, "busy connections were closed:", hammer.again)
    check(hammer.served > 50, "too few to show anything:", hammer.served)
    s.term()
    s.ends_with(0)
    closes = s.check_records()
    complete = [r for r in closes.values() if r["outcome"] == "complete"]
    check(len(complete) == hammer.served + 2, len(complete), "on record,",
          hammer.served + 2, "served;", hammer.again, "asked again")
    instances = [r for r in s.records() if r["type"] == "log.started"]
    check(len(instances) == 3, "log.started:", len(instances))


def case_a_second_instance_is_refused(stages):
    s = Stage()
    stages.append(s)
    hammer = Hammer(s.port, s.key)
    try:
        for _ in range(3):
            status, text = s.run()
            check(status == 2, "status", status, text)
            check("--take-over" in text and "another instance" in text, text)
    finally:
        hammer.stop()
    check(not hammer.wrong, "the first lost requests:", hammer.wrong[:5])
    started = [r for r in s.records() if r["type"] == "log.started"]
    check(len(started) == 1, "it wrote into the log before it was refused")


def case_a_port_of_another_state_is_not_shared(stages):
    """SO_REUSEPORT would let two strangers share the clients."""
    s = Stage()
    stages.append(s)
    path = s.bench.config
    with open(path, encoding="utf-8") as f:
        text = f.read()
    s.bench.config = s.bench.write("other.yaml", text.replace(
        "state: state", "state: other"))
    status, text = s.run()
    check(status == 2 and "Address already in use" in text, status, text)
    # Only the admin address is in the way.
    s.bench.config = s.bench.write("other.yaml", open(path).read().replace(
        "state: state", "state: other2").replace(
        "listen: 127.0.0.1:%d" % s.port, "listen: 127.0.0.1:0"))
    status, text = s.run()
    check(status == 2 and "Address already in use" in text, status, text)
    s.bench.config = path
    s.serves()


def case_a_successor_that_dies_changes_nothing(stages):
    s = Stage()
    stages.append(s)
    # It takes the sockets, and dies over a bad state of its own.
    for how in ("bad policy", "killed"):
        if how == "bad policy":
            s.write_policy("nonsense: [")
            status, text = s.run("--take-over")
            check(status == 2 and "policy.yaml:" in text, status, text)
            s.write_policy(policy())
        else:
            take_and_die(s)
        for _ in range(20):
            s.serves()
        check(s.bench.admin("/readyz")[0] == 200, "not ready after", how)
    # It can still be taken over, properly.
    old = s.gateway
    s.gateway = s.start("--take-over", name="gateway1")
    s.ends_with(0, old)
    s.serves()
    s.check_records()


def take_and_die(s):
    """What a successor says, then nothing: it was killed. Then one whose
    socket already stood in the old one's place."""
    path = s.bench.folder + "/state/control.sock"
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect(path)
    link.send(b"modgate take-over 1\n")
    message, fds, _, _ = socket.recv_fds(link, 80, 1)
    check(message and fds, "no sockets were handed over")
    for fd in fds:
        os.close(fd)
    os.unlink(path)
    link.close()
    wait_until(lambda: "successor went away" in s.gateway.log(), 3 * SLOW,
               "the old one notices")
    wait_until(lambda: os.path.exists(path), 3 * SLOW,
               "the old one's control socket is back")


def case_take_over_of_nobody_simply_serves(stages):
    s = Stage(start=False)
    stages.append(s)
    s.gateway = s.start("--take-over")
    s.serves()
    s.gateway.child.send_signal(signal.SIGKILL)
    s.gateway.child.wait()
    s.gateway.status = 0        # as we wished
    s.gateway = s.start("--take-over", name="gateway1")
    s.serves()


def case_a_take_over_may_change_workers_and_listen(stages):
    s = Stage("workers: 3\n")
    stages.append(s)
    hammer = Hammer(s.port, s.key)
    try:
        more = free_port()
        for number, workers in enumerate((1, 4)):
            s.listen = "[ 127.0.0.1:%d, 127.0.0.1:%d ]" % (s.port, more)
            s.configure("workers: %d\n" % workers)
            old = s.gateway
            time.sleep(0.3)
            s.gateway = s.start("--take-over", name="gw%d" % number)
            s.ends_with(0, old, 15)
            check(s.ask(port=more).status == 200, "the new address")
    finally:
        hammer.stop()
    check(not hammer.wrong, "lost:", len(hammer.wrong), hammer.wrong[:5])
    s.term()
    s.ends_with(0)
    s.check_records()
