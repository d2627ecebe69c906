"""tests/raw/framing.py - messages that two servers might read differently."""

from tests.lib.wire import Half, Pause, Trickle
from tests.raw.case import (CHAT, END, GOOD, Case, chunked, dump, get, lines,
                            messages, one_chunk, request)

LEN = b"Content-Length: %d" % len(GOOD)
TE = b"Transfer-Encoding: chunked"
CHUNKS = one_chunk() + END
# What a smuggler hides behind a first request: it must never be answered.
HIDDEN = request(messages("hidden"))
DIGITS = b"%d" % len(GOOD)


def bad(name, data, **more):
    """Refused with 400, closed, and the backend hears nothing."""
    more.setdefault("want", 400)
    return Case(name, data, closed=True, upstream=0, **more)


def plain(*fields, body=GOOD):
    """Framing only by what is given."""
    return request(b"", b"Content-Type: application/json", *fields,
                   length=False) + body


def length_cases():
    yield bad("length and chunked together", plain(LEN, TE, body=CHUNKS))
    yield bad("chunked and length together", plain(TE, LEN, body=CHUNKS))
    yield bad("zero length and chunked", plain(b"Content-Length: 0", TE,
                                               body=CHUNKS))
    yield bad("two equal lengths", plain(LEN, LEN))
    yield bad("two different lengths", plain(LEN, b"Content-Length: 5"))
    yield bad("a list of lengths", plain(LEN + b", " + DIGITS))
    for name, value in (
            ("a plus", b"+" + DIGITS), ("a minus", b"-" + DIGITS),
            ("hexadecimal", b"0x40"), ("two numbers", DIGITS + b" 5"),
            ("nothing", b""), ("an exponent", b"1e2"),
            ("a fraction", DIGITS + b".0"), ("a letter", DIGITS + b"x"),
            ("an underscore", b"1_0"), ("quotes", b'"' + DIGITS + b'"'),
            ("a full-width digit", "６０".encode())):
        yield bad("a length with %s" % name, plain(b"Content-Length: " +
                                                   value))
    for name, value in (("2^64", b"18446744073709551616"),
                        ("2^63", b"9223372036854775808"),
                        ("30 digits", b"1" * 30)):
        yield bad("a length of %s" % name, plain(b"Content-Length: " + value),
                  want=(400, 413))
    yield bad("a length after a space", plain(b"Content-Length : " + DIGITS))
    yield bad("a length after a tab", plain(b"Content-Length\t: " + DIGITS))
    yield bad("a folded length", plain(b"Content-Length:\r\n " + DIGITS))
    yield Case("a length shorter than the body leaves no second request",
               plain(b"Content-Length: 5", body=b'{"a":1}\r\n\r\n'),
               want=[400, 400], closed=True, upstream=0)
    yield Case("a length longer than the body is waited for in vain",
               plain(b"Content-Length: %d" % (len(GOOD) + 9)), Half(),
               want=(400, None), closed=True, upstream=0)
    yield Case("a POST without a body", plain(body=b""), want=(400, 411),
               upstream=0)
    yield Case("a POST of length zero",
               plain(b"Content-Length: 0", body=b""), upstream=0)


def coding_cases():
    for name, value in (
            ("gzip, chunked", b"gzip, chunked"), ("gzip", b"gzip"),
            ("chunked twice", b"chunked, chunked"),
            ("chunked, identity", b"chunked, identity"),
            ("identity", b"identity"), ("an unknown word", b"xchunked"),
            ("a parameter", b"chunked;q=1"), ("quotes", b'"chunked"'),
            ("a vertical tab", b"chunked\x0b"), ("nothing", b""),
            ("a comma before", b", chunked"),
            ("a comma after", b"chunked,")):
        yield bad("transfer coding: %s" % name,
                  plain(b"Transfer-Encoding: " + value, body=CHUNKS),
                  want=(400, 501))
    yield bad("two transfer codings", plain(TE, TE, body=CHUNKS),
              want=(400, 501))
    yield bad("a transfer coding on HTTP/1.0",
              request(b"", TE, version=b"HTTP/1.0", length=False) + CHUNKS,
              want=(400, 501))
    yield bad("a folded transfer coding",
              plain(b"Transfer-Encoding:\r\n chunked", body=CHUNKS))
    yield bad("a transfer coding after a space",
              plain(b"Transfer-Encoding : chunked", body=CHUNKS))
    yield Case("chunked in capitals is chunked",
               plain(b"Transfer-Encoding: Chunked", body=CHUNKS), want=200,
               closed=False)


def chunk_cases():
    for name, size in (
            ("no number", b"zz"), ("0x", b"0x%x" % len(GOOD)),
            ("a plus", b"+%x" % len(GOOD)), ("a minus", b"-1"),
            ("a space before", b" %x" % len(GOOD)),
            ("a space after", b"%x " % len(GOOD)),
            ("nothing", b""), ("a full stop", b"%x.0" % len(GOOD)),
            ("only an extension", b";a=b")):
        yield bad("a chunk size with %s" % name,
                  chunked(size + b"\r\n" + GOOD + b"\r\n" + END))
    for name, size in (("of 16 f", b"f" * 16), ("of 17 digits", b"1" + b"0" *
                                               16), ("of 2^32", b"100000000"),
                       ("of 1000 zeros", b"0" * 1000)):
        yield bad("a chunk size %s" % name,
                  chunked(size + b"\r\n" + GOOD + b"\r\n" + END),
                  want=(400, 413))
    one = one_chunk()
    yield bad("chunk data without its CRLF", chunked(one[:-2] + END))
    yield bad("chunk data that ends with LF",
              chunked(one[:-2] + b"\n" + END))
    yield bad("a chunk size that ends with LF",
              chunked(one.replace(b"\r\n", b"\n", 1) + END))
    yield bad("chunk data longer than its size",
              chunked(b"5\r\n" + GOOD + b"\r\n" + END))
    yield bad("a bare CR in a chunk extension",
              chunked(b"%x;a\rb\r\n" % len(GOOD) + GOOD + b"\r\n" + END))
    yield bad("a NUL in a chunk extension",
              chunked(b"%x;a\0b\r\n" % len(GOOD) + GOOD + b"\r\n" + END))
    yield bad("a chunk extension of 64 KB",
              chunked(b"%x;" % len(GOOD) + b"a" * 65536 + b"\r\n" + GOOD +
                      b"\r\n" + END), want=(400, 413, 431))
    yield bad("a trailer without a colon", chunked(one, b"0\r\nabc\r\n\r\n"))
    yield bad("a folded trailer", chunked(one, b"0\r\na: b\r\n c\r\n\r\n"))
    yield bad("a NUL in a trailer", chunked(one, b"0\r\na: b\0c\r\n\r\n"))
    yield bad("a trailer of 64 KB",
              chunked(one, b"0\r\na: " + b"b" * 65536 + b"\r\n\r\n"),
              want=(400, 413, 431))
    yield bad("trailers without number",
              chunked(one, b"0\r\n" + b"a: b\r\n" * 5000 + b"\r\n"),
              want=(400, 413, 431))
    yield Case("a chunked body that is cut", chunked(one), Half(),
               want=(400, None), closed=True, upstream=0)
    yield Case("a chunked body without a byte", chunked(END), upstream=0)
    for name, data in (
            ("capital digits", b"0%X\r\n" % len(GOOD) + GOOD + b"\r\n" + END),
            ("leading zeros", b"000%x\r\n" % len(GOOD) + GOOD + b"\r\n" +
             END),
            ("an extension", b"%x;name=value\r\n" % len(GOOD) + GOOD +
             b"\r\n" + END),
            ("a trailer", one + b"0\r\nx-check: 1\r\n\r\n"),
            ("one chunk a byte", b"".join(one_chunk(GOOD[i:i + 1])
                                          for i in range(len(GOOD))) + END)):
        yield Case("a chunked body with %s is read" % name, chunked(data),
                   want=200, closed=False)
    yield Case("a trailer does not reach the backend",
               chunked(one, b"0\r\nx-secret: 1\r\n\r\n"), want=200,
               check=lambda seen: "it did" if b"x-secret" in
               seen.requests[0].head.lower() else None)
    yield Case("a chunked body arrives with a length",
               chunked(one, END), want=200,
               check=lambda seen: None if seen.requests[0].get(
                   "content-length") == str(len(GOOD)) else "it does not")


def field_cases():
    for name, field in (
            ("a folded field", b"X-A: b\r\n c"),
            ("a field that begins with a space", b" X-A: b"),
            ("a field without a colon", b"X-A"),
            ("a field without a name", b": b"),
            ("a space in a field's name", b"X A: b"),
            ("a NUL in a field's name", b"X\0A: b"),
            ("a NUL in a value", b"X-A: b\0c"),
            ("a bare CR in a value", b"X-A: b\rc"),
            ("a bare CR at a value's end", b"X-A: b\r\r\n"[:-2]),
            ("a bare LF in a value", b"X-A: b\nc: d"),
            ("a control character in a value", b"X-A: b\x01c"),
            ("a parenthesis in a name", b"X(A): b"),
            ("a slash in a name", b"X/A: b"),
            ("a quote in a name", b'X"A: b'),
            ("an at sign in a name", b"X@A: b"),
            ("a brace in a name", b"X{A: b"),
            ("Chinese in a name", "头: b".encode())):
        yield bad(name, request(GOOD, field))
    yield bad("bare LF everywhere", request().replace(b"\r\n", b"\n"))
    yield bad("one bare LF", request().replace(b"\r\nAuth", b"\nAuth"))
    yield bad("a head that ends with LF",
              request().replace(b"\r\n\r\n", b"\r\n\n"))
    yield Case("Chinese in a value", request(GOOD, "X-A: 春天".encode()),
               want=200, closed=False)
    yield Case("white space around a value",
               request(GOOD, b"X-A: \t b \t"), want=200, closed=False)
    yield Case("an empty value", request(GOOD, b"X-A:"), want=200,
               closed=False)


def line_cases():
    for name, line in (
            ("no version", b"GET /v1/models"),
            ("HTTP/1.1 in small letters", b"GET /v1/models http/1.1"),
            ("a space after the version", b"GET /v1/models HTTP/1.1 "),
            ("two spaces after the method", b"GET  /v1/models HTTP/1.1"),
            ("two spaces after the target", b"GET /v1/models  HTTP/1.1"),
            ("tabs for spaces", b"GET\t/v1/models\tHTTP/1.1"),
            ("a space before the method", b" GET /v1/models HTTP/1.1"),
            ("a space in the target", b"GET /v1/mo dels HTTP/1.1"),
            ("a NUL in the target", b"GET /v1/models\0 HTTP/1.1"),
            ("a control character in the target",
             b"GET /v1/mod\x07els HTTP/1.1"),
            ("raw Chinese in the target",
             "GET /v1/春 HTTP/1.1".encode()),
            ("a fragment", b"GET /v1/models#a HTTP/1.1"),
            ("a method that is no token", b"G(T /v1/models HTTP/1.1"),
            ("no method", b"/v1/models HTTP/1.1"),
            ("a target without a slash", b"GET v1/models HTTP/1.1"),
            ("a star for a target", b"GET * HTTP/1.1"),
            ("only a method", b"GET"),
            ("a comma in the version", b"GET /v1/models HTTP/1,1"),
            ("a long version", b"GET /v1/models HTTP/1.10")):
        yield bad("request line: %s" % name,
                  lines(line, b"Host: gateway.test") + b"\r\n",
                  want=(400, 505))
    for version in (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.0", b"HTTP/1.2"):
        yield bad("request line: %s" % version.decode(),
                  get(version=version), want=(400, 505))
    yield bad("the preface of HTTP/2",
              b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", want=(400, 505))
    yield bad("a TLS greeting on a plain port",
              b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x55" * 64 +
              b"\r\n\r\n", want=(400, None))
    yield bad("bytes that mean nothing",
              bytes(range(128, 256)) + b"\r\n\r\n", want=(400, None))
    yield bad("two empty lines first", b"\r\n\r\n" + get())
    yield Case("one empty line first", b"\r\n" + request(), want=200,
               closed=False)


def method_cases():
    for method in (b"BREW", b"PUT", b"DELETE", b"PATCH", b"post"):
        yield Case("method %s" % method.decode(), request(method=method),
                   want=(400, 404, 405, 501), upstream=0)
    for method in (b"TRACE", b"CONNECT"):
        yield Case("method %s is refused" % method.decode(),
                   get(method=method) if False else
                   lines(method + b" /v1/models HTTP/1.1",
                         b"Host: gateway.test") + b"\r\n",
                   want=(400, 405, 501), upstream=0)
    yield Case("CONNECT to a host", lines(
        b"CONNECT gateway.test:443 HTTP/1.1", b"Host: gateway.test:443") +
        b"\r\n", want=(400, 405, 501), closed=True, upstream=0)
    yield Case("GET on an endpoint that wants POST", get(CHAT),
               want=(404, 405), upstream=0)
    yield Case("a HEAD has no body", request(
        b"", method=b"HEAD", target=b"/v1/models"), want=(200, 404, 405),
        head_only=True, closed=False, upstream=None)
    yield Case("a HEAD on an endpoint that wants POST", request(
        b"", method=b"HEAD"), want=(404, 405), head_only=True, upstream=0)


def host_cases():
    for name, fields in (
            ("no Host", []), ("two Hosts", [b"Host: a", b"Host: a"]),
            ("two different Hosts", [b"Host: a", b"Host: b"]),
            ("a Host with a path", [b"Host: a/b"]),
            ("a Host with a space", [b"Host: a b"]),
            ("a Host with a user", [b"Host: u@a"]),
            ("a Host with a port of letters", [b"Host: a:9x"]),
            ("a Host with two ports", [b"Host: a:1:2"]),
            ("a Host with an open bracket", [b"Host: [::1"]),
            ("a Host of bare IPv6", [b"Host: ::1"]),
            ("a Host with Chinese", ["Host: 网关".encode()]),
            ("a Host with a query", [b"Host: a?b"]),
            ("a Host with a backslash", [b"Host: a\\b"]),
            ("a Host with a bad escape", [b"Host: a%zz"]),
            ("a Host after a space", [b"Host : a"])):
        yield bad(name, request(GOOD, *fields, host=None))
    for host in (b"[::1]:8080", b"127.0.0.1", b"a.b-c.example:80"):
        yield Case("Host %s" % host.decode(), request(host=host), want=200,
                   closed=False)
    yield Case("an absolute target that equals Host", request(
        target=b"http://gateway.test" + CHAT), want=200)
    yield bad("an absolute target that differs from Host", request(
        target=b"http://other.test" + CHAT))
    yield bad("an absolute target with a user", request(
        target=b"http://u@gateway.test" + CHAT))
    yield bad("an absolute target of another scheme", request(
        target=b"file://gateway.test" + CHAT))
    yield bad("an absolute target without an authority", request(
        target=b"http://" + CHAT))


def pipeline_cases():
    yield Case("two requests at once are answered in order",
               request() + get(), want=[200, 200], closed=False)
    yield Case("ten requests at once", request() * 10, want=[200] * 10,
               closed=False)
    yield Case("a bad request after a good one",
               request() + request(GOOD, b"X A: b"), want=[200, 400],
               closed=True, upstream=1)
    yield Case("nothing is read after a bad request",
               request(GOOD, b"X A: b") + HIDDEN, want=400, closed=True,
               upstream=0)
    yield Case("nothing is read after Connection: close",
               request(GOOD, b"Connection: close") + HIDDEN, want=200,
               closed=True, upstream=1)
    yield Case("a refused body does not become a request",
               request(HIDDEN, target=b"/v1/nothing"), want=404, upstream=0,
               lacks="chatcmpl")
    yield Case("a body of a GET does not become a request", request(
        HIDDEN, method=b"GET", target=b"/v1/models"), want=(200, 400),
        upstream=None, check=lambda seen: "the hidden one was" if any(
            b"hidden" in r.body for r in seen.requests) else None)
    yield Case("a chunked body then another request",
               chunked(one_chunk(), END) + request(), want=[200, 200],
               closed=False)
    yield Case("a refused prompt then another request",
               request(b"{") + request(), want=[400, 200], closed=False,
               upstream=1)


def connection_cases():
    yield Case("Connection: close closes", request(GOOD, b"Connection: close"),
               want=200, closed=True)
    yield Case("close among others closes", request(
        GOOD, b"Connection: x-a, Close"), want=200, closed=True)
    yield Case("HTTP/1.0 closes and is not chunked", request(
        version=b"HTTP/1.0"), want=200, closed=True, lacks="chunked")
    yield Case("a stream for HTTP/1.0 ends with the connection", request(
        messages(stream=True), version=b"HTTP/1.0"), want=200, closed=True,
        lacks="chunked", has="[DONE]")
    yield Case("Connection has no power over credentials", request(
        GOOD, b"Connection: authorization, content-type"), want=200)
    for name in (b"websocket", b"h2c"):
        yield Case("Upgrade: %s is refused or ignored" % name.decode(),
                   get(b"/v1/models", b"Connection: Upgrade",
                       b"Upgrade: " + name), want=(200, 400, 426, 501),
                   upstream=None)
    yield Case("hop-by-hop fields go no further", request(
        GOOD, b"Connection: x-hop", b"X-Hop: secret-hop",
        b"Proxy-Authorization: Basic c2VjcmV0", b"TE: trailers",
        b"Cookie: secret-cookie", b"Keep-Alive: timeout=secret"),
        want=200, check=lambda seen: next(
            ("%s was forwarded" % s for s in (
                "secret", "c2VjcmV0", "trailers") if s.encode() in
             seen.requests[0].head), None))
    yield Case("the client's key goes no further", request(), want=200,
               check=lambda seen: "it was forwarded" if seen.key in
               seen.requests[0].head else None)


def expect_cases():
    want = b"Expect: 100-continue"
    no_interim = (lambda seen: "100 was sent" if seen.answers[-1].interim
                  else None)
    yield Case("100 Continue comes before the body is sent",
               request(GOOD, want)[:-len(GOOD)], Pause(0.3), GOOD, want=200,
               closed=False, check=lambda seen: None if
               seen.answers[-1].interim == [100] else "no 100 was sent")
    yield Case("a body that does not wait for 100 Continue",
               request(GOOD, want), want=200)
    yield Case("no 100 Continue for an unknown path", request(
        GOOD, want, target=b"/v1/nothing")[:-len(GOOD)], want=404,
        check=no_interim)
    yield Case("no 100 Continue for a wrong key", request(
        GOOD, want, b"Authorization: Bearer wrong",
        auth=False)[:-len(GOOD)], want=401, check=no_interim)
    yield Case("no 100 Continue for a body that is too large", request(
        b"", want, b"Content-Length: 99999999", b"Content-Type: "
        b"application/json", length=False), want=413, closed=True,
        check=no_interim)
    yield Case("no 100 Continue for HTTP/1.0", request(
        GOOD, want, version=b"HTTP/1.0"), want=(200, 417),
        upstream=None, check=no_interim)
    yield Case("another expectation", request(GOOD, b"Expect: a-miracle"),
               want=417, upstream=0)


def split_cases():
    good = request()
    for at in range(1, len(good), max(1, len(good) // 12)):
        yield Case("a good request cut at byte %d" % at, good[:at],
                   Pause(0.03), good[at:], want=200, closed=False)
    yield Case("a good request byte by byte", Trickle(good, 0), want=200,
               closed=False)
    yield Case("a chunked request byte by byte",
               Trickle(chunked(one_chunk(), b"0\r\nA: b\r\n\r\n"), 0),
               want=200, closed=False)
    yield Case("a bad request byte by byte",
               Trickle(request(GOOD, b"X A: b"), 0), want=400, closed=True)
    yield Case("a body larger than a buffer", request(dump(messages(
        "long " * 60000))), want=200, closed=False)


def cases():
    for group in (length_cases, coding_cases, chunk_cases, field_cases,
                  line_cases, method_cases, host_cases, pipeline_cases,
                  connection_cases, expect_cases, split_cases):
        yield from group()
