"""tests/raw/upstream.py - backends that lie, break off, talk without end.

The gateway of these cases runs with first_byte 1 s, idle 1 s, total 4 s and
answers of at most 1 MiB. What cannot be read whole is never passed on as if it
were whole.
"""

import gzip
import json
import socket
import struct
import time

from tests.lib import backend as b
from tests.raw.case import CANARY, Case, messages, request

ASK = request()
STREAM = request(messages(stream=True))
BODY = json.dumps(b.chat("ok")).encode()
STOP = b.event(finish="stop")


def says(data, then_close=True, hold=0.0):
    """Sends these bytes, whatever they are."""
    def script(peer, request):
        peer.send(data)
        time.sleep(hold)
        return not then_close
    return script


def repeats(first, data, times=100000, name="gone"):
    """Sends data again and again until the gateway has had enough."""
    def script(peer, request):
        peer.send(first)
        for _ in range(times):
            if not peer.send(data):
                peer.backend.note(name, True)
                return
        peer.backend.note(name, peer.gone_within(5) is not None)
    return script


def resets(peer, request):
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))


def was_cut(seen):
    return None if seen.backend.wait_note("gone", 4) else \
        "the backend was never cut off"


def head(*fields, status="200 OK"):
    return ("HTTP/1.1 %s\r\nContent-Type: application/json\r\n" % status +
            "".join(f + "\r\n" for f in fields) + "\r\n").encode("latin-1")


LEN = "Content-Length: %d" % len(BODY)
CHUNKED = "Transfer-Encoding: chunked"


def broken(name, script, want=502, **more):
    more.setdefault("has", '"error"')
    return Case("backend: " + name, ASK, want=want, script=script, **more)


def framing_cases():
    yield broken("closes without a word", says(b""))
    yield broken("resets", resets)
    yield broken("closes in its status line", says(b"HTTP/1.1 20"))
    yield broken("closes in its head", says(head(LEN)[:-2]))
    yield broken("closes before its body", says(head(LEN)))
    yield broken("closes in its body", says(head(LEN) + BODY[:20]))
    yield broken("announces more than it sends", says(
        head("Content-Length: %d" % (len(BODY) + 10)) + BODY))
    yield broken("announces less than it sends", says(
        head("Content-Length: 20") + BODY))
    yield broken("closes before the last chunk", says(
        head(CHUNKED) + b.chunk(BODY)))
    yield broken("closes in a chunk", says(
        head(CHUNKED) + b"%x\r\n" % len(BODY) + BODY[:10]))
    yield broken("sends a bad chunk size", says(
        head(CHUNKED) + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"))
    yield broken("sends a chunk size of 17 digits", says(
        head(CHUNKED) + b"1" + b"0" * 16 + b"\r\n" + BODY +
        b"\r\n0\r\n\r\n"))
    yield broken("sends two different lengths", says(
        head(LEN, "Content-Length: 5") + BODY))
    yield broken("sends a length and chunks", says(
        head(LEN, CHUNKED) + b.chunk(BODY) + b.LAST_CHUNK))
    yield broken("sends a length of letters", says(
        head("Content-Length: abc") + BODY))
    yield broken("sends a negative length", says(
        head("Content-Length: -5") + BODY))
    yield broken("sends an unknown transfer coding", says(
        head("Transfer-Encoding: xyz") + BODY))
    yield broken("sends garbage", says(bytes(range(256)) * 4))
    yield broken("speaks HTTP/0.9", says(BODY))
    yield broken("sends a status of letters", says(head(status="abc OK")))
    yield broken("sends a status of four digits", says(
        head(LEN, status="2000 OK") + BODY))
    yield broken("sends status 99", says(head(LEN, status="99 Low") + BODY))
    yield broken("sends a NUL in a field", says(
        head(LEN, "X-A: b\0c") + BODY))
    yield broken("sends a bare CR in a field", says(
        head(LEN, "X-A: b\rc") + BODY))
    yield broken("sends a field without a colon", says(
        head(LEN, "nonsense") + BODY))
    yield broken("sends fields without end", repeats(
        b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 1000 + b"\r\n"),
        check=was_cut)
    yield broken("sends one field without end", repeats(
        b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 4096), check=was_cut)
    yield broken("sends 5,000 small fields", says(
        head(LEN, *["X-%d: a" % i for i in range(5000)]) + BODY))
    yield broken("sends a body without end", repeats(
        head(CHUNKED), b.chunk(b" " * 65536), times=2000), check=was_cut)
    yield broken("announces a body over the cap", says(
        head("Content-Length: 999999999") + BODY, hold=0.2))
    yield broken("switches protocols", says(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
        b"Connection: Upgrade\r\n\r\n" + BODY), lacks="101 Switching")
    yield broken("sends 100 Continue without end", repeats(
        b"", b"HTTP/1.1 100 Continue\r\n\r\n"), check=was_cut)
    yield Case("backend: two early hints, then an answer", ASK, want=200,
               script=says(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2
                           + b.whole(b.chat("ok"))), has='"ok"')
    yield Case("backend: bytes behind its answer are not relayed", ASK,
               want=200, script=says(b.whole(b.chat("ok")) +
                                     b"HTTP/1.1 200 OK\r\n\r\nsmuggled"),
               closed=False, lacks="smuggled")
    yield Case("backend: closes after each answer", ASK + ASK,
               want=[200, 200], closed=False,
               script=says(b.whole(b.chat("ok"))))


def time_cases():
    def silent(peer, request):
        peer.backend.note("gone", peer.gone_within(6) is not None)
    yield broken("never answers", silent, want=504, check=was_cut,
                 within=(0.7, 4))

    def stalls(peer, request):
        peer.send(head(LEN) + BODY[:20])
        peer.backend.note("gone", peer.gone_within(6) is not None)
    yield broken("stops in its body", stalls, want=(502, 504), check=was_cut,
                 within=(0.7, 5))

    def drips(peer, request):
        peer.send(head("Content-Length: 100000"))
        for _ in range(100):
            if not peer.send(b" "):
                break
            time.sleep(0.1)
        peer.backend.note("gone", peer.gone_within(1) is not None)
    yield broken("drips over its total", drips, want=(502, 504),
                 check=was_cut, within=(3, 8), seconds=12)

    def stops(peer, request):
        peer.send(b.STREAM_HEAD + b.chunk(b.event("begun")))
        peer.backend.note("gone", peer.gone_within(6) is not None)
    yield Case("backend: a stream that stops is cut visibly", STREAM,
               want=200, script=stops, broken=True, has="begun",
               check=was_cut)


def content_cases():
    def answers(body, *fields, status="200 OK"):
        return says(head("Content-Length: %d" % len(body), *fields,
                         status=status) + body)
    yield broken("answers no JSON", answers(b"<html>hello</html>"))
    yield broken("answers nothing", answers(b""))
    yield broken("answers cut JSON", answers(BODY[:-1]))
    yield broken("answers a key twice", answers(
        BODY[:-1] + b',"choices":[]}'))
    yield broken("answers bad UTF-8", answers(
        BODY.replace(b'"ok"', b'"\xff"')))
    yield broken("answers JSON 1,000 deep", answers(
        b"[" * 1000 + b"]" * 1000))
    yield broken("answers in an unknown coding", answers(
        BODY, "Content-Encoding: xyz"))
    yield broken("compresses unasked", answers(
        gzip.compress(json.dumps(b.chat(CANARY)).encode()),
        "Content-Encoding: gzip"), want=(200, 502), has=(), lacks=CANARY)
    yield broken("redirects", says(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
        b"Content-Length: 0\r\n\r\n"), lacks="127.0.0.1:1")
    yield Case("backend: its cookies and secrets are kept back", ASK,
               want=200, script=answers(
                   BODY, "Set-Cookie: secret=1", "Authorization: secret",
                   "Server: secret/1.0", "X-Internal: secret",
                   "WWW-Authenticate: secret", "Location: /secret"),
               lacks="secret")
    # It did not know our key, and says which: not the client's matter.
    refused = b'{"error":{"message":"Incorrect API key: secret"}}'
    yield broken("does not take our key", answers(
        refused, status="401 Unauthorized"), has="x-should-retry: false",
        lacks="secret")
    yield broken("does not take our key, and says try again", answers(
        refused, "x-should-retry: true", status="401 Unauthorized"),
        has="x-should-retry: false", lacks="x-should-retry: true")
    yield Case("backend: hop-by-hop fields stay where they are", ASK,
               want=200, script=answers(
                   BODY, "Connection: keep-alive, x-hop", "X-Hop: secret",
                   "Keep-Alive: timeout=77"), lacks=["secret", "timeout=77"])


def error_cases():
    def error(status, message, *fields, code="backend_code"):
        body = json.dumps({"error": {
            "message": message, "type": "invalid_request_error",
            "param": None, "code": code}}).encode()
        return says(head("Content-Length: %d" % len(body), *fields,
                         status="%d Error" % status) + body)
    for status in (400, 404, 422, 429, 500, 503):
        yield Case("backend: its error %d is passed on" % status, ASK,
                   want=status, script=error(status, "what went wrong"),
                   has="what went wrong", code="backend_code")
    yield Case("backend: its retry-after is passed on", ASK, want=429,
               script=error(429, "slow down", "Retry-After: 7"),
               has="retry-after: 7")
    yield Case("backend: an error that repeats a blocked phrase", ASK,
               want=(200, 400, 502), script=error(400, "no " + CANARY),
               lacks=CANARY)
    yield Case("backend: an error page in HTML", ASK, want=(500, 502),
               script=says(b"HTTP/1.1 500 Oops\r\nContent-Type: text/html"
                           b"\r\nContent-Length: 15\r\n\r\n<h1>secret</h1>"),
               has='"error"')
    yield Case("backend: nothing listens",
               request(messages(model="dead-1")), want=502, upstream=0,
               has="server_error")
    yield Case("backend: a model that nobody serves",
               request(messages(model="unheard-of")), want=(400, 404),
               upstream=0)


def stream_cases():
    def st(name, *events, end=b.DONE, **more):
        more.setdefault("want", 200)
        return Case("stream: " + name, STREAM,
                    script=says(b.stream(*events, end=end)), **more)
    a = b.event("alpha")
    yield st("is passed on whole", a, STOP, has=["alpha", "[DONE]"])
    yield Case("stream: a cut is visible", STREAM, want=200, broken=True,
               script=says(b.STREAM_HEAD + b.chunk(a)), has="alpha")
    yield Case("stream: a cut inside an event is visible", STREAM, want=200,
               broken=True, script=says(b.STREAM_HEAD + b.chunk(a) +
                                        b.chunk(a[:30])), lacks="[DONE]")
    yield st("ends well without [DONE]", a, STOP, end=b"", has="alpha")
    yield st("says nothing after [DONE]", a, STOP, b.DONE + b.event("late"),
             end=b"", lacks="late")
    yield st("its id and retry lines are dropped",
             b"id: 7\nretry: 100\n" + a, STOP, lacks=["id: 7", "retry:"],
             has="alpha")
    yield st("comments are harmless", b": hello\n\n", a, STOP, has="alpha")
    yield st("CRLF is understood", a.replace(b"\n", b"\r\n"), STOP,
             has="alpha")
    yield st("CR is understood", a.replace(b"\n", b"\r"), STOP, has="alpha")
    yield st("a BOM is understood", b"\xef\xbb\xbf" + a, STOP, has="alpha")
    yield st("no space after data:", a.replace(b"data: ", b"data:"), STOP,
             has="alpha")
    yield st("two data lines leave as one", a.replace(
        b'"choices"', b'\ndata: "choices"'), STOP, has="alpha",
        check=lambda seen: None if all(
            e == b"[DONE]" or json.loads(e) for e in
            seen.answers[-1].events()) else "a line alone is no JSON")
    yield st("an error event is passed on", a,
             b'data: {"error":{"message":"went wrong","type":"x",'
             b'"code":"c"}}\n\n', has=["alpha", "went wrong"])
    yield st("an error field is translated", a,
             b'error: {"code":500,"message":"went wrong","type":"x"}\n\n',
             end=b"", has=['data: {"error"', "went wrong"])
    yield st("an event that is no JSON is never passed on",
             a, b"data: not json " + CANARY.encode() + b"\n\n", STOP,
             lacks=CANARY, broken=True)
    yield st("an event with a key twice is never passed on", a,
             b'data: {"choices":[],"choices":[{"index":0,"delta":{"content":'
             b'"sneaky"}}]}\n\n', STOP, lacks="sneaky", broken=True)
    yield Case("stream: an event without end", STREAM, want=200,
               script=repeats(b.STREAM_HEAD + b.chunk(a) +
                              b.chunk(b"data: "), b.chunk(b"x" * 65536),
                              times=2000), broken=True, check=was_cut)
    yield Case("stream: characters cut by chunks", STREAM, want=200,
               script=says(b.STREAM_HEAD + b"".join(
                   b.chunk(x) for x in single("春天来了")) + b.chunk(b.DONE)
                   + b.LAST_CHUNK), has="春天来了")
    yield Case("stream: a length instead of chunks", STREAM, want=200,
               script=says(b.whole(a + STOP + b.DONE,
                                   content_type="text/event-stream")),
               has=["alpha", "[DONE]"])
    yield Case("stream: to the end of the connection", STREAM,
               want=200, script=says(
                   b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                   b"Connection: close\r\n\r\n" + a + STOP + b.DONE),
               has=["alpha", "[DONE]"])
    yield Case("stream: an error before it begins", STREAM, want=429,
               script=says(b.whole({"error": {
                   "message": "slow down", "type": "x", "param": None,
                   "code": "y"}},
                   status=429)), has="slow down")


def single(text):
    data = b.event(text)
    return [data[i:i + 1] for i in range(len(data))]


def cases():
    for group in (framing_cases, time_cases, content_cases, error_cases,
                  stream_cases):
        yield from group()
