"""tests/raw/bounds.py - whatever a client can make grow has a cap.

The gateway of these cases runs with head 16 KiB, 30 fields, body 1 MiB.
"""

import gzip
import zlib

from tests.raw.case import (END, GOOD, Case, chunked, dump, get,
                            messages, one_chunk, request)

MAGIC = b"\x28\xb5\x2f\xfd"


def zstd_runs(n_blocks):
    """A zstd frame (RFC 8878) of RLE blocks, 128 KiB of spaces each."""
    out = MAGIC + b"\x00\x58"       # no size, no checksum; window 2 MiB
    for i in range(n_blocks):
        last = 1 if i == n_blocks - 1 else 0
        out += (last | 1 << 1 | (128 * 1024) << 3).to_bytes(3, "little")
        out += b" "
    return out


def zstd_raw(data):
    """The same with one raw block: any bytes below 128 KiB."""
    return (MAGIC + b"\x00\x58" +
            (1 | 0 << 1 | len(data) << 3).to_bytes(3, "little") + data)


def raw_deflate(data):
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return coder.compress(data) + coder.flush()


def coded(coding, body, **how):
    return request(body, b"Content-Encoding: " + coding, **how)


def head_cases():
    for name, data, status, code, has in (
            ("too long a line", get(b"/v1/models?" + b"a" * 9000), 414,
             "uri_too_long", "longer than 8192 bytes"),
            ("too large a head", request(GOOD, b"X-A: " + b"a" * 20000), 431,
             "headers_too_large", "and 16384 bytes"),
            ("too many fields", request(
                GOOD, *[b"X-%d: a" % i for i in range(31)]), 431,
             "headers_too_large", "at most 30 fields"),
            ("a broken line", b"GET nonsense\r\n\r\n", 400, "invalid_http",
             "The request cannot be read: "),
            ("a head that stops", b"GET /v1/models HT", 408,
             "request_timeout", "longer than 1 s"),
            ("HTTP/9.9", b"GET / HTTP/9.9\r\n\r\n", 505,
             "http_version_not_supported", "HTTP/1.1")):
        yield Case("the answer to %s has a code, the cap and an id" % name,
                   data, want=status, closed=True, upstream=0, code=code,
                   has=[has, "x-request-id: req_", "request-id: req_"])
    yield Case("a request line over its cap",
               get(b"/v1/models?" + b"a" * 9000), want=414, closed=True,
               upstream=0)
    yield Case("a request line that never ends", b"GET /" + b"a" * 100000,
               want=414, closed=True, upstream=0)
    yield Case("a field over the cap of the head",
               request(GOOD, b"X-A: " + b"a" * 20000), want=431, closed=True,
               upstream=0)
    yield Case("a field that never ends",
               request()[:-len(GOOD) - 2] + b"X-A: " + b"a" * 100000,
               want=431, closed=True, upstream=0)
    yield Case("a field's name that never ends",
               b"GET / HTTP/1.1\r\n" + b"a" * 100000, want=431, closed=True,
               upstream=0)
    yield Case("many small fields",
               request(GOOD, *[b"X-%d: a" % i for i in range(31)]), want=431,
               closed=True, upstream=0)
    yield Case("fields up to the count",
               request(GOOD, *[b"X-%d: a" % i for i in range(26)]), want=200,
               closed=False)
    yield Case("a head almost as large as the cap",
               request(GOOD, b"X-A: " + b"a" * 15000), want=200,
               closed=False)


def body_cases():
    yield Case("a length over the cap is refused before the body",
               request(b"", b"Content-Length: 1048577",
                       b"Content-Type: application/json", length=False),
               want=413, closed=True, upstream=0)
    yield Case("a chunked body over the cap",
               chunked(one_chunk(b" " * 65536) * 20 + END), want=413,
               closed=True, upstream=0)
    yield Case("one chunk announced over the cap",
               chunked(b"110000\r\n" + b" " * 1000), want=413, closed=True,
               upstream=0)
    yield Case("a body as large as the cap",
               request(GOOD[:-1] + b" " * ((1 << 20) - len(GOOD)) + b"}"),
               want=200, closed=False)
    yield Case("the text of a refusal is an API error",
               request(b"", b"Content-Length: 1048577",
                       b"Content-Type: application/json", length=False),
               want=413, closed=True, upstream=0, code="request_too_large",
               has="larger than 1048576 bytes")
    yield Case("a body that decodes to too much is told the cap",
               coded(b"gzip", gzip.compress(b" " * (5 << 20))), want=413,
               upstream=0, code="request_too_large",
               has="larger than 4194304 bytes")
    yield Case("a chunk that cannot be read", chunked(b"zz\r\n"),
               want=400, closed=True, upstream=0, code="invalid_http",
               has="The request body cannot be read: ")


def coding_cases():
    for name, coding, body in (
            ("gzip", b"gzip", gzip.compress(GOOD)),
            ("GZIP in capitals", b"GZIP", gzip.compress(GOOD)),
            ("gzip of two members", b"gzip", gzip.compress(GOOD[:20]) +
             gzip.compress(GOOD[20:])),
            ("deflate with its zlib frame", b"deflate", zlib.compress(GOOD)),
            ("deflate without a frame", b"deflate", raw_deflate(GOOD)),
            ("zstd", b"zstd", zstd_raw(GOOD)),
            ("zstd of two frames", b"zstd", zstd_raw(GOOD[:20]) +
             zstd_raw(GOOD[20:])),
            ("identity", b"identity", GOOD)):
        yield Case("a body in %s is read" % name, coded(coding, body),
                   want=200, closed=False)
    yield Case("a decoded body goes on without its coding",
               coded(b"gzip", gzip.compress(GOOD)), want=200,
               check=lambda seen: None if
               seen.requests[0].get("content-encoding") is None and
               seen.requests[0].json() == messages() else "it does not")
    big = b" " * (40 << 20)
    for name, coding, body in (
            ("gzip", b"gzip", gzip.compress(big)),
            ("deflate", b"deflate", zlib.compress(big)),
            ("deflate without a frame", b"deflate", raw_deflate(big)),
            ("zstd", b"zstd", zstd_runs(320)),
            ("gzip of many members", b"gzip",
             gzip.compress(b" " * (4 << 20)) * 10)):
        yield Case("a bomb of %s" % name, coded(coding, body), want=413,
                   upstream=0)
    whole = gzip.compress(GOOD)
    for name, coding, body in (
            ("gzip that is cut", b"gzip", whole[:-4]),
            ("gzip with a wrong checksum", b"gzip",
             whole[:-8] + b"\0\0\0\0" + whole[-4:]),
            ("gzip with junk behind", b"gzip", whole + b"junk"),
            ("gzip that is none", b"gzip", GOOD),
            ("deflate that is none", b"deflate", b"\xff" * 20),
            ("zstd that is none", b"zstd", GOOD),
            ("zstd that is cut", b"zstd", zstd_raw(GOOD)[:-3]),
            ("zstd with junk behind", b"zstd", zstd_raw(GOOD) + b"junk"),
            ("gzip without a byte", b"gzip", b"")):
        yield Case("a body in %s" % name, coded(coding, body), upstream=0)
    for coding in (b"br", b"compress", b"gzip, gzip", b"gzip, br",
                   b"unheard-of", b"gzip;q=1"):
        yield Case("a body in %s cannot be read" % coding.decode(),
                   coded(coding, gzip.compress(GOOD)), want=415, upstream=0)
    yield Case("two content codings in two fields",
               request(whole, b"Content-Encoding: gzip",
                       b"Content-Encoding: gzip"), want=(400, 415),
               upstream=0)


def json_size_cases():
    def deep(n):
        return dump('{"model":"good","messages":[],"x":%s1%s}' % (
            "[" * n, "]" * n))
    yield Case("JSON 70 deep", request(deep(70)), upstream=0)
    yield Case("JSON 100,000 deep", request(deep(100000)), upstream=0)
    yield Case("objects 1,000 deep", request(dump(
        '{"model":"good","messages":[],"x":%s1%s}' % (
            '{"a":' * 1000, "}" * 1000))), upstream=0)
    yield Case("JSON 60 deep is read", request(deep(60)), want=200)
    yield Case("more values than the cap", request(dump(
        '{"model":"good","messages":[],"x":[%s1]}' % ("1," * 400000))),
        upstream=0)
    yield Case("40,000 keys in one object take no long time", request(dump(
        messages(x={"k%d" % i: 1 for i in range(40000)}))), want=200,
        within=(0, 5))
    yield Case("a string of 900 KB", request(messages("春" * 300000)),
               want=200, within=(0, 8))
    yield Case("a number of 100,000 digits", request(dump(
        '{"model":"good","messages":[],"x":%s}' % ("1" * 100000))),
        want=(200, 400), upstream=None)


def number_cases():
    for name, more in (
            ("n of 1,000,000", {"n": 1000000}), ("n of -1", {"n": -1}),
            ("n of 0.5", {"n": 0.5}), ("n as text", {"n": "2"}),
            ("n as a list", {"n": [1]}), ("n of 1e30", {"n": 1e30}),
            ("max_tokens over its cap", {"max_tokens": 10 ** 9}),
            ("max_tokens of 1e19", {"max_tokens": 10 ** 19}),
            ("max_tokens of -5", {"max_tokens": -5}),
            ("max_completion_tokens over its cap",
             {"max_completion_tokens": 10 ** 9}),
            ("stream as text", {"stream": "true"}),
            ("stream as a number", {"stream": 1}),
            ("model as a number", {"model": 5}),
            ("model as a list", {"model": ["good"]})):
        yield Case(name, request(messages(**more)), upstream=0)
    yield Case("best_of over its cap", request(
        {"model": "good", "prompt": "a", "best_of": 1000000},
        target=b"/v1/completions"), upstream=0)
    for n in (0, -1):
        yield Case("n of %d is told its range" % n, request(messages(n=n)),
                   upstream=0, code="invalid_value",
                   has="take whole numbers from 1 to 128")
    yield Case("n of 2", request(messages(n=2)), want=200)


def shape_cases():
    """What JSON must be, and what it must not be."""
    for name, body in (
            ("no JSON", b"hello"), ("nothing", b" "),
            ("a list", b"[1]"), ("a string", b'"a"'), ("null", b"null"),
            ("cut", GOOD[:-1]), ("followed by more", GOOD + b"x"),
            ("two values", GOOD + GOOD), ("a BOM first",
                                          b"\xef\xbb\xbf" + GOOD),
            ("single quotes", b"{'model':'good'}"),
            ("a comment", GOOD[:-1] + b"/**/}"),
            ("a comma too many", GOOD[:-1] + b",}"),
            ("a key without quotes", b'{model:"good"}'),
            ("NaN", b'{"model":"good","x":NaN}'),
            ("Infinity", b'{"model":"good","x":-Infinity}'),
            ("a leading zero", b'{"model":"good","x":01}'),
            ("a leading plus", b'{"model":"good","x":+1}'),
            ("hexadecimal", b'{"model":"good","x":0x1}'),
            ("a number that ends with a dot", b'{"model":"good","x":1.}'),
            ("an open string", b'{"model":"good'),
            ("a raw newline in a string", b'{"model":"go\nod"}'),
            ("a raw NUL in a string", b'{"model":"go\0od"}'),
            ("an unknown escape", b'{"model":"go\\xod"}'),
            ("a short escape", b'{"model":"go\\u12"}'),
            ("UTF-16", GOOD.decode().encode("utf-16")),
            ("a NUL behind", GOOD + b"\0")):
        yield Case("JSON: %s" % name, request(body), upstream=0)


def cases():
    for group in (head_cases, body_cases, coding_cases, json_size_cases,
                  number_cases, shape_cases):
        yield from group()
