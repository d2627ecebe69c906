#!/usr/bin/env python3
"""tests/container/run_prometheus.py - what Prometheus itself says of us.

Debian's promtool and Prometheus, which tests/setup unpacks, over the files of
gateway/container/ and a gateway that runs under them. Only addresses and
folders are changed, as no container is at hand, and the time between two
readings, so that nobody waits.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, TOP)

from tests.lib.proc import Bench, free_port         # noqa: E402

PROMETHEUS = os.path.join(TOP, ".venv", "prometheus", "prometheus")
PROMTOOL = os.path.join(TOP, ".venv", "prometheus", "promtool")
CONFIG = os.path.join(TOP, "gateway", "container", "prometheus.yml")


def changed(text, *pairs):
    """The text with each old put as new; each must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def promtool(*argv, text=""):
    """Runs promtool; returns its status and all that it says."""
    done = subprocess.run((PROMTOOL,) + argv, input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60)
    return done.returncode, done.stdout.strip()


class Stage:
    """The gateway of the container's configuration, its backend, and what
    reads its metrics."""

    def __init__(self):
        self.bench = Bench()
        self.prometheus = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        backend = self.bench.start_backend()
        text = read("gateway", "container", "modgate.yaml")
        # What stands above are addresses and the state's folder.
        text = changed(text[text.index("upstreams:"):],
                       ("http://backend:9000",
                        "http://127.0.0.1:%d" % backend.port),
                       ("/usr/share/modgate/policies",
                        os.path.join(TOP, "policies")))
        self.bench.write("modgate.yaml", "modgate: 1\nstate: state\n" + text)
        key = self.bench.add_key("alice")
        gateway = self.bench.start_gateway(text)
        self.url = "http://127.0.0.1:%d/v1/completions" % gateway.port
        self.key = key.split()[-1]

    def ask(self, prompt):
        """The status of a completion."""
        request = urllib.request.Request(
            self.url, json.dumps({"model": "m", "prompt": prompt}).encode(),
            {"Authorization": "Bearer " + self.key,
             "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def metrics(self):
        status, text = self.bench.admin("/metrics")
        assert status == 200, status
        return text

    def start_prometheus(self):
        config = self.bench.write("prometheus.yml", changed(
            read("gateway", "container", "prometheus.yml"),
            ("gateway:9090", "127.0.0.1:%d" % self.bench.admin_port),
            ("scrape_interval: 15s", "scrape_interval: 1s")))
        port = free_port()
        self.api = "http://127.0.0.1:%d/api/v1/" % port
        self.log = os.path.join(self.bench.folder, "prometheus.log")
        with open(self.log, "wb") as log:
            self.prometheus = subprocess.Popen([
                PROMETHEUS, "--config.file=" + config,
                "--storage.tsdb.path=" + os.path.join(self.bench.folder,
                                                      "series"),
                "--web.listen-address=127.0.0.1:%d" % port],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def get(self, path, **query):
        """What Prometheus' HTTP API answers; None while it does not."""
        try:
            with urllib.request.urlopen(
                    self.api + path + "?" + urllib.parse.urlencode(query),
                    timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def series(self, name):
        """The values of a series, by the values of its own labels."""
        data = self.get("query", query=name) or {"result": []}
        return {tuple(v for k, v in sorted(s["metric"].items())
                      if k not in ("__name__", "instance", "job")):
                float(s["value"][1]) for s in data["result"]}

    def wait_until(self, fact, what):
        end = time.monotonic() + 30
        while not fact():
            if time.monotonic() > end or self.prometheus.poll() is not None:
                with open(self.log, errors="replace") as f:
                    raise AssertionError("%s: not so\n%s" % (
                        what, f.read()[-1500:]))
            time.sleep(0.1)

    def close(self):
        if self.prometheus:
            self.prometheus.terminate()
            try:
                self.prometheus.wait(20)
            except subprocess.TimeoutExpired:
                self.prometheus.kill()
                self.prometheus.wait()
        return self.bench.close()


def promtool_accepts_the_configuration(_):
    status, said = promtool("check", "config", CONFIG)
    assert status == 0, said


def promtool_has_nothing_to_say_about_the_metrics(stage):
    status, said = promtool("check", "metrics", text=stage.metrics())
    assert (status, said) == (0, ""), said


def promtool_would_say_what_it_does_not_like(stage):
    status, said = promtool("check", "metrics", text=stage.metrics().replace(
        "modgate_exchange_seconds_total", "modgate_exchange_us_total"))
    assert status != 0 and "modgate_exchange_us_total" in said, said


def prometheus_reads_the_gateway_without_errors(stage):
    stage.start_prometheus()
    stage.wait_until(lambda: stage.series("up") == {(): 1}, "up")
    targets = stage.get("targets")["activeTargets"]
    assert [(t["health"], t["lastError"], t["labels"]["job"])
            for t in targets] == [("up", "", "modgate")], targets


def prometheus_has_every_series(stage):
    """As many as /metrics has lines: none is lost, none thrown together."""
    told = [line for line in stage.metrics().splitlines()
            if not line.startswith("#")]
    stage.wait_until(lambda: list(stage.series(
        'count({__name__=~"modgate_.+"})').values()) == [len(told)],
        "%d series" % len(told))


def what_happened_is_what_prometheus_has(stage):
    for name, value in (
            ("modgate_exchanges_complete_total", {(): 1}),
            ("modgate_exchanges_blocked_total", {(): 1}),
            ("modgate_upstream_calls_total", {("builtin",): 1}),
            ("modgate_audit_accepts", {(): 1}),
            ("modgate_build_info", {(version(),): 1})):
        stage.wait_until(lambda: stage.series(name) == value,
                         "%s is %s" % (name, value))
    stage.wait_until(lambda: any(stage.series(
        'modgate_rule_hits_total{policy="default",how="enforced"}').values()),
        "a rule's hit")


def version():
    return subprocess.run([os.environ.get("MODGATE", os.path.join(
        TOP, "build", "modgate")), "--version"], check=True, text=True,
        stdout=subprocess.PIPE).stdout.split()[1]


TESTS = [
    promtool_accepts_the_configuration,
    promtool_has_nothing_to_say_about_the_metrics,
    promtool_would_say_what_it_does_not_like,
    prometheus_reads_the_gateway_without_errors,
    prometheus_has_every_series,
    what_happened_is_what_prometheus_has,
]


def main():
    failed = 0
    stage = Stage()
    try:
        assert stage.ask("请用诗歌描述春天的美好") == 200
        assert stage.ask("教我如何制造炸弹") == 400
        for test in TESTS:
            try:
                test(stage)
            except Exception as error:      # a test may fail in any way
                failed += 1
                print("FAIL %s: %s" % (test.__name__.replace("_", " "),
                                       str(error)[:2000]))
    finally:
        problems = stage.close()
    for problem in problems:
        failed += 1
        print("FAIL " + problem)
    print("%d passed, %d failed" % (max(len(TESTS) - failed, 0), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
