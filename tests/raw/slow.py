"""tests/raw/slow.py - clients that take their time, and clients that leave.

The gateway of these cases runs with head total 1 s, body idle 1 s, body total
2 s, keep-alive 2 s.
"""

import time

from tests.lib import backend as b
from tests.lib.wire import Half, Leave, Pause, Reset, Trickle
from tests.raw.case import (END, GOOD, Case, chunked, get, messages,
                            one_chunk, request)

GONE = (408, None)


def slow_cases():
    good = request()
    head = good[:-len(GOOD)]
    yield Case("a head that is trickled", Trickle(head, 0.05), want=GONE,
               closed=True, upstream=0, within=(0.7, 4))
    yield Case("a head that stops", head[:30], want=GONE, closed=True,
               upstream=0, within=(0.7, 4))
    yield Case("one byte and no more", b"P", want=GONE, closed=True,
               upstream=0, within=(0.7, 4))
    yield Case("a connection that says nothing", want=GONE, closed=True,
               upstream=0, within=(0.7, 5))
    yield Case("a body that stops", head + GOOD[:10], want=GONE, closed=True,
               upstream=0, within=(0.7, 4))
    yield Case("a body that never begins", head, want=GONE, closed=True,
               upstream=0, within=(0.7, 4))
    yield Case("a body that is trickled over its total", head,
               Trickle(GOOD, 0.1), want=GONE, closed=True, upstream=0,
               within=(1.5, 6))
    yield Case("a chunked body that stops", chunked(one_chunk(GOOD[:9])),
               want=GONE, closed=True, upstream=0, within=(0.7, 4))
    yield Case("a chunked body that is trickled over its total",
               chunked(b""), Trickle(b"".join(
                   one_chunk(GOOD[i:i + 1]) for i in range(len(GOOD))),
                   0.05), want=GONE, closed=True, upstream=0,
               within=(1.5, 6))
    yield Case("a refused request whose body never comes",
               request(GOOD, target=b"/v1/no")[:-len(GOOD)], want=404,
               upstream=0, within=(0, 0.6))
    yield Case("an idle connection is closed after keep-alive", get(),
               want=200, upstream=None, check=idle_is_closed)
    yield Case("a slow body in time is served", head + GOOD[:10],
               Pause(0.5), GOOD[10:20], Pause(0.5), GOOD[20:], want=200)


def idle_is_closed(seen):
    began = time.monotonic()
    if not seen.client.is_closed(6):
        return "it stayed open"
    took = time.monotonic() - began
    return None if took > 1 else "it was closed after %.1f s" % took


def leave_cases():
    head = request()[:-len(GOOD)]
    for name, steps in (
            ("in the middle of a head", [head[:40], Leave()]),
            ("in the middle of a body", [head, GOOD[:9], Leave()]),
            ("in the middle of a chunk", [chunked(b"9\r\nabc"), Leave()]),
            ("before a byte", [Leave()]),
            ("with a RST in the head", [head[:40], Reset()]),
            ("with a RST in the body", [head, GOOD[:9], Reset()])):
        yield Case("a client leaves %s" % name, *steps, want=[],
                   upstream=0)
    yield Case("a client that half-closes after its request has left",
               request(), Half(), want=(200, None), closed=True,
               upstream=None)
    yield Case("unless it speaks HTTP/1.0: then it waits",
               request(version=b"HTTP/1.0"), Half(), want=200, closed=True)
    yield Case("a client half-closes in its head", head[:40], Half(),
               want=(400, None), closed=True, upstream=0, within=(0, 3))
    yield Case("a client half-closes before it says anything", Half(),
               want=None, closed=True, upstream=0, within=(0, 3))
    for name, script in (("before the answer begins", wait_for_leaving),
                         ("in the middle of a stream", stream_for_ever)):
        for how, step in (("leaves", Leave()), ("breaks off", Reset())):
            yield Case("a client %s %s" % (how, name),
                       request(messages(stream=True)), Pause(0.5), step,
                       want=[], script=script, upstream=1,
                       check=backend_was_freed)


def wait_for_leaving(peer, request):
    peer.backend.note("gone", peer.gone_within(8))


def stream_for_ever(peer, request):
    peer.send(b.STREAM_HEAD)
    began = time.monotonic()
    while time.monotonic() - began < 8:
        if not peer.send(b.chunk(b.event("drip "))):
            peer.backend.note("gone", time.monotonic() - began)
            return
        time.sleep(0.02)
    peer.backend.note("gone", None)


def backend_was_freed(seen):
    """The case's client has left already: a second is what is promised, one
    more is for a loaded machine."""
    if seen.backend.wait_note("gone", 2.0) is None:
        return "the backend was not let go within 2 s"
    return None


def cases():
    yield from slow_cases()
    yield from leave_cases()
