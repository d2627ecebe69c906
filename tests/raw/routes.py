"""tests/raw/routes.py - paths are read one way only, and keys in three."""

from tests.raw.case import CHAT, GOOD, KEY, Case, dump, get, request

TEXT = dump({"prompt": "hello", "max_tokens": 5})
WITH_MODEL = dump({"model": "good", "prompt": "hello"})


def path_cases():
    for target, body in (
            (CHAT, GOOD), (CHAT + b"/", GOOD), (CHAT + b"?x=1", GOOD),
            (CHAT + b"?", GOOD), (b"/v1/%63hat/completions", GOOD),
            (b"//v1/chat//completions", GOOD), (CHAT + b"//", GOOD),
            (b"/v1/completions", WITH_MODEL),
            (b"/v1/engines/good/completions", TEXT),
            (b"/openai/deployments/good/chat/completions"
             b"?api-version=2024-02-01", GOOD),
            (b"/openai/deployments/good/completions"
             b"?api-version=2024-02-01", TEXT)):
        yield Case("%s is served" % target.decode(),
                   request(body, target=target), want=200, closed=False)
    yield Case("/v1/models is served", get(), want=200, has="good",
               upstream=None)
    for target in (
            b"/v1/./chat/completions", b"/v1/x/../chat/completions",
            b"/v1/%2e/chat/completions", b"/v1/x/%2e%2e/chat/completions",
            b"/v1/x/%2E%2e/chat/completions", b"/v1%2fchat%2fcompletions",
            b"/v1/chat%2Fcompletions", b"/v1/chat%5ccompletions",
            b"/v1/chat\\completions", b"/v1/chat/completions%00",
            b"/v1/chat/completions%0a", b"/v1/chat/completions%zz",
            b"/v1/chat/completions%6", b"/v1/chat/completions%",
            b"/v1/chat/completions;a=b", b"/v1/chat/completions%3fa",
            b"/v1/chat/completions%20", b"/v1/%2563hat/completions"):
        yield Case("%s is refused" % target.decode(),
                   request(target=target), want=(400, 404), upstream=0)
    for target in (
            b"/", b"/v1", b"/v1/", b"/v2/chat/completions",
            b"/V1/chat/completions", b"/v1/Chat/completions",
            b"/v1/chat", b"/v1/chat/completions/extra",
            b"/v1/embeddings", b"/v1/responses", b"/v1/messages",
            b"/v1/images/generations", b"/v1/audio/speech", b"/v1/files",
            b"/v1/engines//completions", b"/v1/engines/a/b/completions",
            b"/openai/deployments/chat/completions", b"/completion",
            b"/infill", b"/v1/modelsx", b"/healthz", b"/readyz",
            b"/metrics", b"/admin", b"/.env", b"/index.php"):
        yield Case("%s is not there" % target.decode(),
                   request(target=target),
                   want=(400, 404) if b"//" in target else 404, upstream=0)
    yield Case("an unknown path gets the API's error",
               get(b"/v1/nothing"), want=404, upstream=0,
               has='"invalid_request_error"')
    yield Case("the engine of the path is the model",
               request(TEXT, target=b"/v1/engines/good/completions"),
               want=200, check=lambda seen: None if b"good" in
               seen.requests[0].path + seen.requests[0].body else "no")


def key_cases():
    def keyed(*fields, **how):
        return request(GOOD, *fields, auth=False, **how)
    no_key = dict(want=401, upstream=0, code="invalid_api_key")
    yield Case("no key", keyed(), want=401, upstream=0)
    yield Case("a wrong key", keyed(b"Authorization: Bearer mg-wrong"),
               **no_key)
    yield Case("a key that is nearly right",
               keyed(b"Authorization: Bearer " + KEY + b"x"), **no_key)
    yield Case("an empty Bearer", keyed(b"Authorization: Bearer"), want=401,
               upstream=0)
    yield Case("an empty Authorization", keyed(b"Authorization:"), want=401,
               upstream=0)
    yield Case("another scheme", keyed(b"Authorization: Basic " + KEY),
               want=401, upstream=0)
    yield Case("the key without a scheme", keyed(b"Authorization: " + KEY),
               want=401, upstream=0)
    yield Case("two keys in one field",
               keyed(b"Authorization: Bearer " + KEY + b", Bearer x"),
               want=(400, 401), upstream=0)
    yield Case("two Authorization fields",
               keyed(b"Authorization: Bearer " + KEY,
                     b"Authorization: Bearer wrong"), want=(400, 401),
               upstream=0)
    yield Case("a key of 8 KB", keyed(b"Authorization: Bearer " +
                                      b"k" * 8000), want=401, upstream=0)
    yield Case("a key with quotes, as SQL would like it",
               keyed(b"Authorization: Bearer ' OR '1'='1"), want=401,
               upstream=0)
    yield Case("a key in the query", keyed(
        target=CHAT + b"?api_key=" + KEY + b"&api-key=" + KEY), want=401,
        upstream=0)
    for field in (b"Authorization: Bearer ", b"authorization: bearer ",
                  b"AUTHORIZATION: BEARER ", b"api-key: ", b"x-api-key: ",
                  b"X-API-Key: "):
        yield Case("a key in '%s'" % field.decode().strip(),
                   keyed(field + KEY), want=200, closed=False)
    yield Case("a refused key is not repeated",
               keyed(b"Authorization: Bearer mg-looks-secret"), want=401,
               lacks="mg-looks-secret", upstream=0)
    yield Case("a body that is too large, and no key", request(
        b"", b"Content-Length: 99999999", b"Content-Type: application/json",
        auth=False, length=False), want=(401, 413), closed=True, upstream=0)
    yield Case("the key is asked for before the body is read", request(
        b"", b"Content-Length: 500", b"Content-Type: application/json",
        auth=False, length=False), want=401, upstream=0, within=(0, 0.6))
    yield Case("a model outside the key's scope", request(
        GOOD, b"Authorization: Bearer @SCOPED@", auth=False),
        want=(403, 404), upstream=0)
    yield Case("a model inside the key's scope", request(
        dump({"model": "allowed-1", "messages": []}),
        b"Authorization: Bearer @SCOPED@", auth=False), want=200)
    yield Case("the engine's name is held to the key's scope", request(
        TEXT, b"Authorization: Bearer @SCOPED@", auth=False,
        target=b"/v1/engines/good/completions"), want=(403, 404),
        upstream=0)
    yield Case("models outside the key's scope are not listed",
               get(b"/v1/models", b"Authorization: Bearer @SCOPED@",
                   auth=False), want=200, has="allowed-1", lacks='"good"',
               upstream=None)
    yield Case("a revoked key", keyed(b"Authorization: Bearer @REVOKED@"),
               **no_key)


def cases():
    yield from path_cases()
    yield from key_cases()
