"""tests/ops/keys.py - keys on a running gateway, and secrets that stay so."""

import os
import time

from tests.lib import backend as scripted
from tests.lib.wire import Client
from tests.ops.stage import (BLOCKED, SLOW, Stage, body, check, policy,
                             post,
                             wait_until)

PROMPT = "prompt-secret-7f3a"
ANSWER = "answer-secret-91c2"
BACKEND_KEY = "sk-backend-secret-5d5d5d5d5d5d"


def within_a_second(s, key, status, what):
    began = time.monotonic()
    wait_until(lambda: s.ask(body(model="good"), key=key).status == status,
               5 * SLOW, what)
    took = time.monotonic() - began
    check(took < 1.3 * SLOW, what, "took %.1f s" % took)


def case_keys_change_under_a_running_gateway(stages):
    s = Stage()
    stages.append(s)
    s.serves()
    added = s.bench.add_key("later")
    within_a_second(s, added, 200, "a new key")
    kept = Client(s.port, 60)
    kept.send(post(added))
    check(kept.read_answer().status == 200, "on a kept connection")
    s.bench.modgate("keys", "revoke", "later")
    within_a_second(s, added, 401, "a revoked key")
    kept.send(post(added))
    check(kept.read_answer().status == 401, "a kept connection outlives it")
    kept.close()
    fresh = s.bench.modgate("keys", "rotate", "ops", "--overlap",
                            "2s").strip()
    within_a_second(s, fresh, 200, "a rotated key")
    check(s.ask().status == 200, "the old secret, in its overlap")
    wait_until(lambda: s.ask().status == 401, 5 * SLOW, "the overlap ends")
    short = s.bench.add_key("short", "--expires", "3s")
    within_a_second(s, short, 200, "a short key")
    wait_until(lambda: s.ask(key=short).status == 401, 6 * SLOW, "it expires")
    check(b"expired" in s.ask(key=short).body, "it does not say so")


def case_keys_have_scopes(stages):
    s = Stage(start=False)
    stages.append(s)
    models = s.bench.add_key("models", "--models", "good-*,other")
    chat = s.bench.add_key("chat", "--endpoints", "chat*")
    s.gateway = s.start()
    for key, data, path, status in (
            (models, body(model="good-1"), None, 200),
            (models, body(model="other"), None, 200),
            (models, body(model="good"), None, 404),
            (models, body(model="others"), None, 404),
            (chat, body(), None, 200),
            (chat, {"model": "good", "prompt": "x"}, "/v1/completions", 403)):
        client = Client(s.port, 10 * SLOW)
        client.send(post(key, data, path or "/v1/chat/completions"))
        answer = client.read_answer()
        client.close()
        check(answer.status == status, data, "got", answer.status,
              answer.body[:200])


def places(s):
    """Everything that an operator can read: (where, text)."""
    for server in s.bench.servers:
        yield server.name + "'s log", server.log()
    yield "/metrics", s.bench.admin("/metrics")[1]
    yield "records", s.bench.modgate("audit", "cat")
    yield "excerpts", s.bench.modgate("audit", "cat", "--excerpts")
    yield "keys list", s.bench.modgate("keys", "list", "--json")
    for folder, _, names in os.walk(s.bench.folder + "/state"):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    yield path, f.read().decode("latin-1")


def case_secrets_stay_secret(stages):
    s = Stage(start=False)
    stages.append(s)
    s.bench.write("backend.key", BACKEND_KEY + "\n")
    s.upstream = s.upstream.replace(
        "    timeouts:", "    key: { file: backend.key }\n    timeouts:")
    s.configure("audit: { capture: none }\nlog: { level: debug }\n")
    s.gateway = s.start()
    secrets = [s.key, BACKEND_KEY, PROMPT, ANSWER, "nobody-" + "k" * 20]
    bodies = []

    def leaky(peer, request):
        """Gives away what it should not."""
        return peer.send(scripted.whole(
            scripted.chat(ANSWER), fields=[
                ("Set-Cookie", "session=backend-cookie"),
                ("Authorization", "Bearer " + BACKEND_KEY),
                ("X-Api-Key", BACKEND_KEY), ("Server", "backend-server"),
                ("Openai-Organization", "backend-org"),
                ("X-Request-Id", "backend-request")]))

    def broken(peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  b"X-%s: 1\r\nContent-Length: 5000\r\n\r\n{\"%s" % (
                      BACKEND_KEY.encode(), ANSWER.encode()))
        return False

    def garbage(peer, request):
        peer.send(ANSWER.encode() * 20 + b"\r\n\r\n")
        return False

    def bad_stream(peer, request):
        peer.send(scripted.stream(scripted.event("ok"),
                                  b"data: {" + ANSWER.encode() + b"\n\n"))
        return False
    s.backend.script = leaky
    answer = s.ask(body(PROMPT))
    check(answer.status == 200 and ANSWER.encode() in answer.body, "served")
    head = repr(answer.fields).lower()
    for word in ("cookie", "authorization", "backend", "api-key"):
        check(word not in head, word, "came back:", head)
    for script in (broken, garbage, bad_stream):
        s.backend.script = script
        bodies.append(("an error's body", s.ask(body(
            PROMPT, stream=script is bad_stream)).body.decode()))
    s.backend.script = scripted.answer_well
    for data, key in ((body(PROMPT + BLOCKED), None),
                      (body(PROMPT, model="absent"), None),
                      (body(PROMPT, n="many"), None),
                      (dict(body(PROMPT), **{PROMPT: 1, "n": 10 ** 6}), None),
                      ({"model": "good", "messages": PROMPT}, None),
                      ([PROMPT], None),
                      (body(PROMPT), secrets[-1]),
                      (body("x"), s.key + "x")):
        got = s.ask(data, key=key)
        bodies.append(("an error's body", got.body.decode()))
    for target in ("/v1/%s" % PROMPT, "/v1/chat/completions?k=" + PROMPT):
        client = Client(s.port, 10 * SLOW)
        client.send(post(s.key, body(PROMPT), target))
        client.read_answer()    # a client may read its own path in it
        client.close()
    client = Client(s.port, 10 * SLOW)
    client.send(post(s.key)[:-20] + PROMPT.encode() + b"}}}}}}")
    bodies.append(("bad JSON", client.read_answer().body.decode()))
    client.close()
    client = Client(s.port, 10 * SLOW)
    client.send(b"GET /" + PROMPT.encode() + b" HTTP/9.9\r\n\r\n")
    bodies.append(("bad head", client.read_answer().body.decode()))
    client.close()
    s.bench.write("policy.yaml", "x: [")
    s.reload(refused=True)
    s.write_policy(policy())
    for request in s.backend.requests:
        head = request.head.decode("latin-1")
        check(s.key not in head and "api-key" not in head.lower(),
              "the client's key went to the backend")
        check("Bearer " + BACKEND_KEY in head, "the backend's own key", head)
    for where, text in list(places(s)) + bodies:
        for secret in secrets:
            check(secret not in text, "%r in %s: …%s…" % (
                secret, where, text[max(0, text.find(secret) - 150):][:300]))


def case_what_a_client_calls_itself_does_not_go_on(stages):
    s = Stage()
    stages.append(s)
    client = Client(s.port, 10 * SLOW)
    client.send(post(None, fields=(
        "x-api-key: " + s.key, "api-key: " + s.key, "Cookie: client-cookie",
        "OpenAI-Organization: client-org", "X-Forwarded-For: 1.2.3.4",
        "Connection: keep-alive, authorization", "traceparent: 00-" +
        "a" * 32 + "-" + "b" * 16 + "-01")))
    check(client.read_answer().status == 200, "not served")
    client.close()
    head = s.backend.requests[0].head.decode("latin-1").lower()
    for word in (s.key.lower(), "cookie", "api-key", "client-org", "1.2.3.4",
                 "authorization"):
        check(word not in head, word, "went on:", head)
    check("traceparent: 00-" in head, "traceparent did not go on")
