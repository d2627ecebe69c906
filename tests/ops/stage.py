"""tests/ops/stage.py - a gateway as an operator has it, and clients before it.

Each case has a stage of its own, so that cases can run beside one another.
"""

import json
import os
import signal
import ssl
import subprocess
import time

from tests.lib import backend as scripted
from tests.lib.proc import MODGATE, Bench, Server, free_port
from tests.lib.wire import Client

# Sanitizers make everything slower, and memory grow.
SLOW = 3 if "san" in os.path.basename(os.path.dirname(MODGATE)) else 1

BLOCKED = "zinnober-canary"
POLICY = """modgate_policy: 1
name: ops
rules:
  - id: canary
    on: [prompt, answer]
    match: { words: [%s] }
    action: block
    tests:
      block: ["so %s it is"]
      pass: ["nothing"]
"""


def policy(*words):
    words = words or (BLOCKED,)
    return POLICY % (", ".join('"%s"' % w for w in words), words[0])


UPSTREAM = """upstreams:
  - name: scripted
    url: http://127.0.0.1:%d
    timeouts: { connect: 1s, first_byte: 20s, idle: 20s, total: 60s }
    eject: { after: 1000 }
policies:
  - policy: policy.yaml
"""


class Wrong(Exception):
    """What a case found."""


def check(fact, *text):
    if not fact:
        raise Wrong(" ".join(str(t) for t in text))


def wait_until(fact, seconds, what):
    """Waits until fact() is true and returns it; else the case fails."""
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        check(time.monotonic() < end, "not within %s s: %s" % (seconds, what))
        time.sleep(0.02)


def body(text="hello", model="good", **more):
    return dict({"model": model,
                 "messages": [{"role": "user", "content": text}]}, **more)


def post(key, data=None, path="/v1/chat/completions", fields=()):
    data = json.dumps(body() if data is None else data,
                      ensure_ascii=False).encode()
    lines = ["POST %s HTTP/1.1" % path, "Host: a",
             "Content-Type: application/json",
             "Content-Length: %d" % len(data)]
    if key:
        lines.append("Authorization: Bearer " + key)
    return ("\r\n".join(lines + list(fields)) + "\r\n\r\n").encode() + data


class Gate:
    """A script that streams: each send() of the case is one event, end()
    finishes. `gone` is how long the gateway took to leave, once it did."""

    def __init__(self):
        self.peers = []

    def __call__(self, peer, request):
        peer.send(scripted.STREAM_HEAD)
        self.peers.append(peer)
        peer.open = True
        while peer.open:
            time.sleep(0.02)
        return peer.kept

    def wait(self, n, seconds=10):
        wait_until(lambda: len(self.peers) >= n, seconds,
                   "%d streams at the backend" % n)
        return self.peers[n - 1]

    @staticmethod
    def say(peer, text):
        return peer.send(scripted.chunk(scripted.event(text)))

    @staticmethod
    def end(peer):
        peer.send(scripted.chunk(scripted.event(finish="stop")) +
                  scripted.chunk(scripted.DONE) + scripted.LAST_CHUNK)
        peer.kept, peer.open = True, False

    @staticmethod
    def drop(peer):
        peer.kept, peer.open = False, False


class Stream:
    """A client that reads a stream piece by piece."""

    def __init__(self, port, key, data=None, seconds=30):
        self.client = Client(port, seconds)
        self.client.send(post(key, data or body(stream=True)))
        self.text = b""
        self.complete = False
        self.head = None

    def read_until(self, text, seconds=8):
        """Reads until text was seen, or (None) to the end."""
        self.client.deadline = time.monotonic() + seconds * SLOW
        if self.head is None:
            self.head = self.client.read_head()
        while text is None or text.encode() not in self.text:
            line = self.client.take_line()
            if line is None:
                return False
            size = int(line, 16)
            data = self.client.take(size + 2)
            if data is None:
                return False
            if size == 0:
                self.complete = True
                return text is None
            self.text += data[:-2]
        return True

    def close(self):
        self.client.close()


class Stage:
    """A backend, a gateway and a key."""

    def __init__(self, config="", rules=None, listen=None, start=True,
                 admin=None, upstream=None):
        self.bench = Bench()
        self.backend = scripted.Backend()
        self.port, self.admin_port = free_port(), free_port()
        self.bench.admin_port = self.admin_port
        self.listen = listen or "127.0.0.1:%d" % self.port
        self.admin = admin or "127.0.0.1:%d" % self.admin_port
        self.upstream = (upstream or UPSTREAM) % self.backend.port
        self.write_policy(rules or policy())
        self.configure(config)
        self.key = self.bench.add_key("ops")
        self.gateway = None
        if start:
            self.gateway = self.start()

    def write_policy(self, text, name="policy.yaml"):
        return self.bench.write(name, text)

    def configure(self, config):
        self.config = config
        self.bench.write("modgate.yaml", "modgate: 1\nlisten: %s\nadmin: %s\n"
                         "state: state\n" % (self.listen, self.admin) +
                         self.upstream + config)

    def start(self, *options, name="gateway"):
        """A gateway; waits until its log says that it serves."""
        server = Server(name, ["serve", "-c", self.bench.config] +
                        list(options), self.port, self.bench.folder)
        self.bench.servers.append(server)
        wait_until(lambda: " serves " in server.log() or not server.alive(),
                   10 * SLOW, "it serves")
        check(server.alive(), "it ended:", server.log()[-500:])
        return server

    def run(self, *options):
        """`modgate serve` that is expected to end: (status, output)."""
        done = subprocess.run([MODGATE, "serve", "-c", self.bench.config] +
                              list(options), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20 * SLOW)
        return done.returncode, done.stdout.decode(errors="replace")

    def reload(self, refused=False):
        """SIGHUP, and waits for what the log says of it; returns that."""
        at = len(self.gateway.log())
        self.gateway.child.send_signal(signal.SIGHUP)
        word = "reload refused" if refused else " reloaded "
        other = " reloaded " if refused else "reload refused"

        def told():
            log = self.gateway.log()[at:]
            check(other not in log, "a reload that should%s be refused: %s" % (
                "" if refused else " not", log))
            return [x for x in log.splitlines() if word in x]
        line = wait_until(told, 10 * SLOW, "the log says %r" % word)[0]
        time.sleep(0.1)         # until the workers have it
        return line

    def ask(self, data=None, key=None, port=None, fields=()):
        client = Client(port or self.port, 10 * SLOW)
        try:
            client.send(post(key or self.key, data, fields=fields))
            return client.read_answer()
        finally:
            client.close()

    def serves(self):
        answer = self.ask()
        check(answer.status == 200, "a good request got", answer.status,
              answer.body[:300])

    def blocks(self, text):
        answer = self.ask(body(text))
        return answer.status == 400 and b"content_filter" in answer.body or \
            answer.status == 403

    def metrics(self):
        """Samples by name with labels, as Prometheus' text has them."""
        status, text = self.bench.admin("/metrics")
        check(status == 200, "/metrics:", status)
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines()
                if line and not line.startswith("#")}

    def records(self):
        text = self.bench.modgate("audit", "cat")
        return [json.loads(line) for line in text.splitlines()
                if line.startswith("{")]

    def check_records(self):
        """Every open has exactly one end. Returns the closes by xid."""
        opened, ends, closes = set(), {}, {}
        for r in self.records():
            if r["type"] == "exchange.open":
                check(r["xid"] not in opened, "opened twice:", r)
                opened.add(r["xid"])
            elif r["type"] in ("exchange.close", "exchange.aborted"):
                ends[r["xid"]] = ends.get(r["xid"], 0) + 1
                closes[r["xid"]] = r
        check(set(ends) == opened, "opens and ends differ by",
              sorted(set(ends) ^ opened)[:5])
        check(all(n == 1 for n in ends.values()), "several ends")
        return closes

    def ends_with(self, status, server=None, seconds=10):
        """Waits for a gateway's end."""
        server = server or self.gateway
        try:
            server.status = server.child.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Wrong("%s does not end: %s" % (
                server.name, server.log()[-600:])) from None
        check(server.status == status, server.name, "ended with",
              server.status, server.log()[-1500:])

    def term(self):
        self.gateway.child.send_signal(signal.SIGTERM)

    def close(self):
        problems = self.bench.close()
        self.backend.stop()
        return problems


# ---- TLS ----

def make_certificates(bench, name="a"):
    """A CA, a server's and a client's certificate; returns their paths."""
    at = bench.folder + "/" + name + "-"

    def openssl(*argv):
        subprocess.run(["openssl"] + list(argv), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def signed(who, extension):
        ext = bench.write(name + "-" + who + ".ext", extension)
        openssl("req", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                at + who + ".key", "-out", at + who + ".csr", "-subj",
                "/CN=" + name + "-" + who)
        openssl("x509", "-req", "-in", at + who + ".csr", "-CA",
                at + "ca.pem", "-CAkey", at + "ca.key", "-CAcreateserial",
                "-days", "2", "-out", at + who + ".pem", "-extfile", ext)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", at + "ca.key",
            "-out", at + "ca.pem", "-days", "2", "-subj",
            "/CN=%s-ca" % name)
    signed("server", "subjectAltName=IP:127.0.0.1\n")
    signed("client", "extendedKeyUsage=clientAuth\n")
    return at


class TlsClient(Client):
    """A Client whose bytes go through TLS."""

    def __init__(self, port, at, version=None, client=None, seconds=10,
                 verify=True):
        super().__init__(port, seconds * SLOW)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(at + "ca.pem")
        if version:
            context.minimum_version = context.maximum_version = version
        if client:
            context.load_cert_chain(client + "client.pem",
                                    client + "client.key")
        self.sock.settimeout(5 * SLOW)
        self.sock = context.wrap_socket(self.sock,
                                        server_hostname="127.0.0.1")

    def readable(self, seconds):
        return self.sock.pending() > 0 or super().readable(seconds)

    def subject(self):
        return dict(x[0] for x in self.sock.getpeercert()["subject"])[
            "commonName"]
