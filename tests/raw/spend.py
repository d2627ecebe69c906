"""tests/raw/spend.py - limits of requests, tokens, exchanges, connections.

These need a gateway of their own each, as they use it up. A scenario is a
function of a Stage; it returns a complaint or None. Its `config` and the
options of its key are attributes.
"""

import json
import re
import signal
import time

from tests.lib import backend as b
from tests.lib.wire import Client, Closed
from tests.raw.case import messages, request

GO_DURATION = re.compile(r"^(\d+h)?(\d+m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?$")


def scenario(config, name):
    def mark(function):
        function.config = config
        function.title = name
        SCENARIOS.append(function)
        return function
    return mark


SCENARIOS = []


def limited(answer):
    """A complaint if this is no proper 429."""
    if answer.status != 429:
        return "status %d" % answer.status
    error = json.loads(answer.body)["error"]
    if error["code"] != "rate_limit_exceeded":
        return "code %r" % error["code"]
    if not answer.get("retry-after"):
        return "no retry-after"
    return None


@scenario("limits: { key: { requests: 5/m } }\n",
          "the sixth request of five a minute gets 429 and its headers")
def requests_run_out(stage):
    for i in range(5):
        answer = stage.ask()
        if answer.status != 200:
            return "request %d got %d" % (i + 1, answer.status)
        left = answer.get("x-ratelimit-remaining-requests")
        if left != str(4 - i):
            return "request %d: remaining is %r" % (i + 1, left)
    answer = stage.ask()
    wrong = limited(answer)
    if wrong:
        return wrong
    if not 1 <= float(answer.get("retry-after")) <= 60:
        return "retry-after %s" % answer.get("retry-after")
    if answer.get("x-ratelimit-limit-requests") != "5":
        return "limit %r" % answer.get("x-ratelimit-limit-requests")
    if answer.get("x-ratelimit-remaining-requests") != "0":
        return "remaining is not 0"
    reset = answer.get("x-ratelimit-reset-requests") or ""
    if not reset or not GO_DURATION.match(reset):
        return "reset %r is no Go duration" % reset
    if len(stage.backend.requests) != 5:
        return "the backend saw %d" % len(stage.backend.requests)
    return None


@scenario("limits: { key: { requests: 1/s } }\n",
          "after retry-after a request is served again")
def waits_and_is_served(stage):
    stage.ask()
    answer = stage.ask()
    wrong = limited(answer)
    if wrong:
        return wrong
    time.sleep(min(3.0, float(answer.get("retry-after")) + 0.1))
    answer = stage.ask()
    return None if answer.status == 200 else "status %d" % answer.status


@scenario("limits: { key: { requests: 5/m } }\n",
          "one key's limit is not another's")
def keys_apart(stage):
    for _ in range(6):
        answer = stage.ask()
    if answer.status != 429:
        return "the first key was not limited"
    answer = stage.ask(key=stage.bench.add_key("second"), wait=True)
    return None if answer.status == 200 else "status %d" % answer.status


@scenario("limits: { key: { tokens: 2000/h } }\n",
          "tokens are reserved before and settled after")
def tokens_settle(stage):
    for i in range(5):      # 900 reserved each, 5 used
        answer = stage.ask(messages(max_tokens=900))
        if answer.status != 200:
            return "request %d got %d: not settled" % (i + 1, answer.status)
    if not answer.get("x-ratelimit-limit-tokens") == "2000":
        return "limit %r" % answer.get("x-ratelimit-limit-tokens")
    return None


@scenario("limits: { key: { tokens: 2000/h } }\n",
          "a request larger than the token limit is refused at once")
def tokens_too_many(stage):
    answer = stage.ask(messages(max_tokens=5000))
    error = json.loads(answer.body)["error"]
    if (answer.status, error["code"], error["param"]) != (
            400, "request_too_large", "max_tokens"):
        return "status %d %r" % (answer.status, error)
    # Here it is the prompt that is too much, and not what it asks for.
    answer = stage.ask(messages("long " * 4000, max_tokens=5))
    error = json.loads(answer.body)["error"]
    if (answer.status, error["code"], error["param"]) != (
            400, "request_too_large", None):
        return "status %d %r" % (answer.status, error)
    if "the whole limit of tokens for your key" not in error["message"]:
        return error["message"]
    return "the backend saw it" if stage.backend.requests else None


@scenario("limits: { tenant: { daily: 2000 } }\n",
          "a request larger than the day's tokens is told so in words")
def daily_too_many(stage):
    error = json.loads(stage.ask(messages(max_tokens=5000)).body)["error"]
    return None if "the whole limit of tokens per day for your organ" in \
        error["message"] else error["message"]


@scenario("limits: { tenant: { requests: 3/m } }\n",
          "keys of one tenant share its limit")
def tenants_share(stage):
    other = stage.bench.add_key("second", "--tenant", "t1")
    first = stage.bench.add_key("third", "--tenant", "t1")
    statuses = [stage.ask(key=k, wait=True).status
                for k in (other, first, other, first)]
    return None if statuses == [200, 200, 200, 429] else str(statuses)


@scenario("limits: { model: { requests: 2/m } }\n",
          "a model's limit is its own")
def models_apart(stage):
    statuses = [stage.ask(messages(model=m)).status
                for m in ("good", "good", "good", "allowed-1")]
    return None if statuses == [200, 200, 429, 200] else str(statuses)


@scenario("limits: { address: { requests: 2/m } }\n",
          "an address's limit counts all its keys")
def addresses_share(stage):
    other = stage.bench.add_key("second")
    statuses = [stage.ask(key=k, wait=True).status
                for k in (stage.key, other, other)]
    return None if statuses == [200, 200, 429] else str(statuses)


@scenario("limits: { key: { concurrent: 2 } }\n",
          "a third exchange at once is refused, later ones are not")
def concurrency(stage):
    def slowly(peer, request_):
        peer.send(b.STREAM_HEAD + b.chunk(b.event("a")))
        time.sleep(1.0)
        return peer.send(b.chunk(b.event(finish="stop")) + b.chunk(b.DONE) +
                         b.LAST_CHUNK)
    stage.backend.clear(slowly)
    asked = stage.fill(request(messages(stream=True)))
    first, second = Client(stage.port), Client(stage.port)
    try:
        first.send(asked)
        second.send(asked)
        first.read_head()
        second.read_head()
        answer = stage.ask()
        if answer.status != 429:
            return "the third got %d" % answer.status
        time.sleep(1.5)
        stage.backend.clear()
        answer = stage.ask()
        return None if answer.status == 200 else "later: %d" % answer.status
    finally:
        first.close()
        second.close()


@scenario("limits: { key: { concurrent: 1 } }\n",
          "a client that leaves gives its place back")
def leaving_gives_back(stage):
    stage.backend.clear(lambda peer, r: peer.gone_within(5))
    client = Client(stage.port)
    client.send(stage.fill(request()))
    time.sleep(0.4)
    client.close()
    time.sleep(1.0)
    stage.backend.clear()
    answer = stage.ask()
    return None if answer.status == 200 else "status %d" % answer.status


@scenario("client: { connections: { per_address: 4 } }\n",
          "connections of one address are capped, and come back")
def connections_capped(stage):
    clients = [Client(stage.port) for _ in range(4)]
    try:
        for client in clients:
            client.send(stage.fill(request()))
            if client.read_answer().status != 200:
                return "a connection below the cap was refused"
        over = Client(stage.port, 3)
        try:
            over.send(stage.fill(request()))
            if over.read_answer().status not in (429, 503):
                return "a fifth connection was served"
        except (Closed, TimeoutError):
            pass
        finally:
            over.close()
    finally:
        for client in clients:
            client.close()
    time.sleep(0.3)
    answer = stage.ask()
    return None if answer.status == 200 else "status %d" % answer.status


@scenario("client: { connections: { all: 6 } }\n",
          "connections in all are capped, and come back")
def all_connections_capped(stage):
    clients = []
    served = 0
    for _ in range(9):
        try:
            client = Client(stage.port, 2)
            clients.append(client)
            client.send(stage.fill(request()))
            served += client.read_answer().status == 200
        except (Closed, TimeoutError, OSError):
            pass
    for client in clients:
        client.close()
    time.sleep(0.3)
    if served != 6:
        return "%d were served" % served
    answer = stage.ask()
    return None if answer.status == 200 else "status %d" % answer.status


@scenario("keys: none\n", "a gateway without keys asks for none")
def no_keys(stage):
    answer = stage.ask(key="")
    return None if answer.status == 200 else "status %d" % answer.status


@scenario("unread: { token_ids: allow }\n",
          "token ids pass where the operator says so")
def token_ids_allowed(stage):
    client = Client(stage.port)
    client.send(stage.fill(request({"model": "good", "prompt": [1, 2]},
                                   target=b"/v1/completions")))
    answer = client.read_answer()
    client.close()
    return None if answer.status == 200 else "status %d" % answer.status


@scenario("ping: 300ms\n", "a silent stream gets comment lines")
def silent_streams_ping(stage):
    def late(peer, request_):
        peer.send(b.STREAM_HEAD)
        time.sleep(1.0)
        return peer.send(b.chunk(b.event("a")) + b.chunk(b.DONE) +
                         b.LAST_CHUNK)
    stage.backend.clear(late)
    answer = stage.ask(messages(stream=True))
    return None if b": ping\n\n" in answer.body else \
        "no ping in %r" % answer.body[:100]


@scenario("", "a key is good within a second of its making and no longer "
          "within a second of its end")
def key_takes_effect(stage):
    key = stage.bench.add_key("fleeting")
    if stage.ask(key=key, wait=True).status != 200:
        return "the new key is not known"
    stage.bench.modgate("keys", "revoke", "fleeting")
    time.sleep(1.2)
    status = stage.ask(key=key).status
    return None if status == 401 else "revoked: %d" % status


@scenario("client: { send: { idle: 1s, buffer: 64KiB } }\n",
          "a client that takes nothing is cut, and its backend freed")
def stalled_client(stage):
    def flood(peer, request_):
        peer.send(b.STREAM_HEAD)
        data = b.chunk(b.event("x" * 8000))
        end = time.monotonic() + 8
        while time.monotonic() < end:
            if not peer.send(data):
                peer.backend.note("gone", True)
                return
        peer.backend.note("gone", False)
    stage.backend.clear(flood)
    client = Client(stage.port)
    client.send(stage.fill(request(messages(stream=True))))
    gone = stage.backend.wait_note("gone", 9)
    client.close()
    return None if gone else "the backend talked on"


@scenario("limits: { key: { tokens: 2000/m } }\n",
          "a sum of tokens that no integer holds is larger than the limit")
def tokens_do_not_wrap(stage):
    body = messages(n=2)
    body["max_tokens"] = 2 ** 63 - 1
    answer = stage.ask(body)
    return None if answer.status == 400 else "status %d" % answer.status


@scenario("limits: { key: { tokens: 2000/m } }\n",
          "who leaves before the answer pays for the prompt")
def leaving_is_not_free(stage):
    def slow(peer, request_):
        peer.backend.note("asked", True)
        return peer.gone_within(5) is None
    body = messages(max_tokens=1)
    body["messages"][0]["content"] = "word " * 400
    stage.backend.clear(slow)
    client = Client(stage.port)
    client.send(stage.fill(request(body)))
    stage.backend.wait_note("asked", 5)
    client.close()
    time.sleep(0.5)
    stage.backend.clear()
    left = int(stage.ask(messages(max_tokens=1)).get(
        "x-ratelimit-remaining-tokens"))
    return None if left < 1800 else "%d are left" % left


@scenario("", "the model of the path cannot choose the policy for that of "
          "the body")
def two_models_two_policies(stage):
    bench = stage.bench
    bench.write("open.yaml", """modgate_policy: 1
name: open
rules:
  - { id: x, on: prompt, match: { words: [x] }, action: flag }
""")
    with open(bench.config, encoding="utf-8") as f:
        text = f.read()
    bench.write("modgate.yaml", text.replace("policies:\n", """policies:
  - policy: open.yaml
    when: { models: [good-open] }
"""))
    bench.gateway.child.send_signal(signal.SIGHUP)
    time.sleep(1.5)
    for model, want in (("good", 400), ("good-open", 200)):
        client = Client(stage.port)
        client.send(stage.fill(request(
            {"model": model, "prompt": "hello"},
            target=b"/v1/engines/good-open/completions")))
        status = client.read_answer().status
        client.close()
        if status != want:
            return "%s: status %d" % (model, status)
    return None
