"""tests/clients/stage.py - the gateway that the client suites talk to.

The built-in backend behind, the default policy's place taken by a small one of
our own. The suites get addresses and keys through the environment, so that
Python and Node read them alike.
"""

import os

from tests.lib.proc import Bench

POEM_PROMPT = "请用诗歌描述春天的美好"

POLICY = """modgate_policy: 1
name: clients
rules:
  - id: bombs
    on: prompt
    match: { words: ["制造炸弹", "build a bomb"] }
    action: block
    severity: high
  - id: recipes
    on: answer
    match: { words: ["祖传秘方"] }
    action: block
    severity: high
  - id: phones
    on: prompt
    match: { regex: "1[3-9][0-9]{9}" }
    action: pseudonymize
    as: PHONE
"""

CONFIG = """upstreams:
  - name: builtin
    url: http://127.0.0.1:%d
    models: ["gpt-*", "text-*"]
  - name: slow
    url: http://127.0.0.1:%d
    models: [slow]
policies:
  - policy: policy.yaml
limits:
  tenant: %s
drain: 1s
"""


class ClientStage:
    """Two gateways: one without limits, one of one request a second, for
    retry-after. Behind both a backend that recites, and one that is slow."""

    def __init__(self):
        self.free = Bench()
        self.tight = Bench()
        self.backend = self.free.start_backend("--event-delay", "2")
        self.slow = self.tight.start_backend("--delay", "3000")
        env = {"BACKEND_URL": "http://127.0.0.1:%d/v1" % self.backend.port}
        for name, bench, limits in (("GATEWAY", self.free, "none"),
                                    ("TIGHT", self.tight,
                                     "{ requests: 1/s }")):
            bench.write("policy.yaml", POLICY)
            bench.start_gateway(CONFIG % (self.backend.port,
                                         self.slow.port, limits))
            env[name + "_URL"] = "http://127.0.0.1:%d/v1" % bench.gateway.port
            env[name + "_KEY"] = bench.add_key("clients")
        self.env = dict(os.environ, **env)
        # No proxy of the machine's may stand between.
        for name in list(self.env):
            if name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
                del self.env[name]

    def close(self):
        return self.tight.close() + self.free.close()
