"""tests/lib/proc.py - starts a gateway and its backend, and stops them again.

Servers listen on free loopback ports, keep their state in a temporary folder
and are stopped by their process id. A server that ends with a bad status, or
leaves a sanitizer's report in its log, is a failure of the suite that ran it:
ask problem() after stop().
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
MODGATE = os.environ.get("MODGATE", os.path.join(TOP, "build", "modgate"))
REPORT = re.compile(r"(ERROR|WARNING): (Address|Thread|Leak)Sanitizer|"
                    r"runtime error:|Assertion .* failed|SUMMARY: \w+Sanitizer")


def free_port():
    """A port that nothing listens on at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, seconds, alive=lambda: True):
    """Waits until something accepts on the port; False if nothing does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive():
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


class Server:
    """A modgate process with its log."""

    def __init__(self, name, argv, port, folder):
        self.name = name
        self.port = port
        self.log_path = os.path.join(folder, name + ".log")
        self.status = None
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen([MODGATE] + argv, stdout=log,
                                          stderr=log,
                                          stdin=subprocess.DEVNULL)
        if not wait_for_port(port, 20, lambda: self.child.poll() is None):
            self.stop()
            raise RuntimeError("%s did not start:\n%s" % (name, self.log()))

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def alive(self):
        return self.child.poll() is None

    def stop(self, seconds=15):
        """Asks it to end, kills it if it will not."""
        if self.status is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.status = self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                self.status = "did not end on SIGTERM"

    def problem(self):
        """What is wrong with how it ran, or None. After stop()."""
        match = REPORT.search(self.log())
        if match:
            at = match.start()
            return "%s: %s" % (self.name, self.log()[at:at + 3000])
        if self.status not in (0, -signal.SIGTERM):
            return "%s: ended with %s\n%s" % (self.name, self.status,
                                             self.log()[-2000:])
        return None


class Bench:
    """A folder with a configuration, and the servers that use it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="modgate-test-")
        self.config = os.path.join(self.folder, "modgate.yaml")
        self.servers = []
        self.gateway = None

    def write(self, name, text):
        """Writes a file into the folder; returns its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def modgate(self, *argv):
        """Runs a subcommand under our configuration; returns its output."""
        done = subprocess.run([MODGATE] + list(argv) + ["-c", self.config],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60, cwd=self.folder)
        if done.returncode != 0:
            raise RuntimeError("modgate %s: status %d\n%s" % (
                " ".join(argv), done.returncode,
                done.stderr.decode(errors="replace")))
        return done.stdout.decode()

    def add_key(self, name, *options):
        return self.modgate("keys", "add", name, *options).strip()

    def start_backend(self, *options):
        """The built-in model server."""
        port = free_port()
        server = Server("backend", ["backend", "--listen",
                                    "127.0.0.1:%d" % port] + list(options),
                        port, self.folder)
        self.servers.append(server)
        return server

    def start_gateway(self, config, port=None):
        """Starts a gateway; `listen`, `admin` and `state` are ours."""
        port = port or free_port()
        self.admin_port = free_port()
        self.write("modgate.yaml", (
            "modgate: 1\nlisten: 127.0.0.1:%d\nadmin: 127.0.0.1:%d\n"
            "state: state\n" % (port, self.admin_port)) + config)
        self.gateway = Server("gateway", ["serve", "-c", self.config], port,
                              self.folder)
        self.servers.append(self.gateway)
        return self.gateway

    def admin(self, path):
        """GET from the admin address: (status, text)."""
        conn = http.client.HTTPConnection("127.0.0.1", self.admin_port,
                                          timeout=10)
        try:
            conn.request("GET", path)
            answer = conn.getresponse()
            return answer.status, answer.read().decode()
        finally:
            conn.close()

    def close(self):
        """Stops everything; returns the list of problems."""
        for server in reversed(self.servers):
            server.stop()
        problems = [p for p in (s.problem() for s in self.servers) if p]
        if problems and os.environ.get("KEEP"):
            print("kept: " + self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        return problems
