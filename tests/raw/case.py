"""tests/raw/case.py - what a raw case is, and the words to write one with.

A case is data: the steps to send, the statuses to expect, and what must hold
afterwards. @KEY@ stands for a valid key, @CANARY@ for a phrase that the policy
blocks.
"""

import json

KEY = b"@KEY@"
CANARY = "zinnober-canary"
CHAT = b"/v1/chat/completions"
OTHER = object()


class Case:
    """steps      what is sent (see tests/lib/wire.py); @KEY@ is filled in
    want       a status, or several that are right; a list: one per answer;
               None: the connection ends without an answer
    closed     True: the server closes after it; False: it serves on
    has, lacks texts that are (not) in the last answer, head included
    code       error.code of the last answer
    upstream   how many requests the backend may have seen
    script     what the backend does (see tests/lib/backend.py)
    check      more to look at: check(Seen) returns a complaint or None
    broken     the last answer must be visibly cut
    within     (least, most) seconds from the first byte to the end"""

    def __init__(self, name, *steps, want=400, closed=OTHER, has=(), lacks=(),
                 code=OTHER, upstream=OTHER, script=None, check=None,
                 broken=False, within=None, head_only=False, seconds=10):
        self.name = name
        self.steps = steps
        self.want = want if isinstance(want, list) else [want]
        self.closed = closed
        self.has = [has] if isinstance(has, str) else list(has)
        self.lacks = [lacks] if isinstance(lacks, str) else list(lacks)
        self.code = code
        self.script = script
        self.check = check
        self.broken = broken
        self.within = within
        self.head_only = head_only
        self.seconds = seconds
        if upstream is OTHER:
            served = [w for w in self.want if w == 200]
            upstream = len(served) if not script else None
        self.upstream = upstream


def messages(text="hello", model="good", **more):
    """A chat body as Python data."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    body.update(more)
    return body


def dump(value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value, ensure_ascii=False).encode()


GOOD = dump(messages())


def lines(*fields):
    return b"".join(f + b"\r\n" for f in fields)


def request(body=GOOD, *fields, method=b"POST", target=CHAT,
            version=b"HTTP/1.1", host=b"gateway.test", auth=True,
            length=True, kind=b"application/json"):
    """A request as it should be, unless told otherwise."""
    body = dump(body)
    head = [method + b" " + target + b" " + version]
    if host is not None:
        head.append(b"Host: " + host)
    if auth:
        head.append(b"Authorization: Bearer " + KEY)
    if kind and body:
        head.append(b"Content-Type: " + kind)
    head += list(fields)
    if length and (body or method == b"POST"):
        head.append(b"Content-Length: %d" % len(body))
    return lines(*head) + b"\r\n" + body


def get(target=b"/v1/models", *fields, **how):
    return request(b"", *fields, method=b"GET", target=target, **how)


def chunked(*chunks, fields=(), **how):
    """A request whose body is these raw bytes, announced as chunked."""
    return request(b"", b"Transfer-Encoding: chunked",
                   b"Content-Type: application/json", *fields, length=False,
                   **how) + b"".join(chunks)


def one_chunk(data=GOOD):
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"
