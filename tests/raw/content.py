"""tests/raw/content.py - every string is read, and what cannot be is refused."""

import gzip
import json

from tests.lib import backend as b
from tests.raw.case import (CANARY, CHAT, END, GOOD, Case, chunked, dump, get,
                            messages, one_chunk, request)

COMPLETIONS = b"/v1/completions"
ZH = "禁语朱砂"


def escaped(text):
    """Every character as \\uXXXX."""
    return "".join("\\u%04x" % ord(c) for c in text)


def text_body(prompt, **more):
    return dict({"model": "good", "prompt": prompt}, **more)


def unread_cases():
    """What no rule can look into."""
    for name, body in (
            ("token ids", text_body([1, 2, 3])),
            ("lists of token ids", text_body([[1, 2], [3]])),
            ("text and token ids", text_body(["a", 1])),
            ("text and lists of token ids", text_body(["a", [1]])),
            ("prompt_embeds", text_body("a", prompt_embeds="AAAA"))):
        yield Case("%s are refused" % name,
                   request(body, target=COMPLETIONS), code="unsupported_input",
                   upstream=0)
    yield Case("an image by URL is refused", request(
        {"model": "good", "messages": [{"role": "user", "content": [
            {"type": "text", "text": "hi"},
            {"type": "image_url", "image_url":
             {"url": "http://127.0.0.1/x.png"}}]}]}),
        code="unsupported_input", upstream=0)
    for name, body in (
            ("a key twice", GOOD[:-1] + b',"model":"good"}'),
            ("a key twice, once escaped", GOOD[:-1] + b',"mod\\u0065l":"a"}'),
            ("messages twice", GOOD[:-1] + b',"messages":[]}'),
            ("a key twice, deep down", dump(
                '{"model":"good","messages":[{"role":"user",'
                '"content":"a","content":"b"}]}')),
            ("a byte that is no UTF-8", GOOD.replace(b"hello", b"he\xffo")),
            ("an overlong form", GOOD.replace(b"hello", b"\xc0\xaf")),
            ("a surrogate in UTF-8", GOOD.replace(b"hello", b"\xed\xa0\x80")),
            ("a code point beyond Unicode", GOOD.replace(
                b"hello", b"\xf4\x90\x80\x80")),
            ("a cut character", GOOD.replace(b"hello", b"\xe6\x98")),
            ("a high surrogate alone", GOOD.replace(b"hello", b"\\ud83d")),
            ("a low surrogate alone", GOOD.replace(b"hello", b"\\ude00")),
            ("surrogates in the wrong order", GOOD.replace(
                b"hello", b"\\ude00\\ud83d")),
            ("a lone surrogate in a key", GOOD[:-1] + b',"\\ud83d":1}'),
            ("an escaped NUL", GOOD.replace(b"hello", b"\\u0000"))):
        yield Case("JSON with %s is refused" % name, request(body),
                   upstream=0)
    for kind in (b"multipart/form-data; boundary=x",
                 b"application/x-www-form-urlencoded"):
        yield Case("a body of %s" % kind.decode(),
                   request(b"model=good", kind=kind), want=(400, 415),
                   upstream=0)


def prompt_cases():
    """A blocked phrase is found wherever it stands."""
    c = CANARY
    asst = {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function":
         {"name": "f", "arguments": json.dumps({"q": c})}}]}
    for name, more, param in (
            ("the user's text", messages(c), "messages"),
            ("a later message", {"model": "good", "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": c}]}, "messages"),
            ("a system message", {"model": "good", "messages": [
                {"role": "system", "content": c},
                {"role": "user", "content": "a"}]}, "messages"),
            ("a tool's result", {"model": "good", "messages": [
                {"role": "tool", "tool_call_id": "1", "content": c}]},
             "messages"),
            ("a part of a content", {"model": "good", "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "a"},
                    {"type": "text", "text": c}]}]}, "messages"),
            ("a message's name", {"model": "good", "messages": [
                {"role": "user", "name": c, "content": "a"}]}, "messages"),
            ("a tool call's arguments", {"model": "good", "messages": [asst]},
             "messages"),
            ("a tool's description", messages(tools=[
                {"type": "function", "function":
                 {"name": "f", "description": c}}]), "tools"),
            ("a schema's description", messages(response_format={
                "type": "json_schema", "json_schema":
                {"name": "s", "schema": {"description": c}}}),
             "response_format"),
            ("a stop sequence", messages(stop=["a", c]), "stop"),
            ("metadata", messages(metadata={"a": c}), "metadata"),
            ("a key of metadata", messages(metadata={c: "a"}), "metadata"),
            ("the user field", messages(user=c), "user"),
            ("an unknown field", messages(frobnicate=c), "frobnicate"),
            ("an unknown field, deep down",
             messages(frobnicate={"a": [[{"b": c}]]}), "frobnicate"),
            ("a chat template", messages(chat_template=c), "chat_template"),
            ("a prediction", messages(prediction={
                "type": "content", "content": c}), "prediction")):
        yield Case("a blocked phrase in %s" % name, request(more),
                   code="content_filter", upstream=0, has=param, lacks=c)
    for name, more in (
            ("a prompt", text_body(c)), ("one of many prompts",
                                         text_body(["a", "b", c])),
            ("a suffix", text_body("a", suffix=c))):
        yield Case("a blocked phrase in %s" % name,
                   request(more, target=COMPLETIONS), code="content_filter",
                   upstream=0, lacks=c)
    asked = dump(messages(c))
    yield Case("a blocked phrase in escapes", request(asked.replace(
        c.encode(), escaped(c).encode())), code="content_filter", upstream=0)
    yield Case("a blocked phrase in Chinese", request(messages(
        "请说" + ZH + "吧")), code="content_filter", upstream=0, lacks=ZH)
    yield Case("a blocked phrase in Chinese escapes", request(dump(
        messages(ZH)).replace(ZH.encode(), escaped(ZH).encode())),
        code="content_filter", upstream=0)
    yield Case("a blocked phrase in arguments escaped twice", request(
        {"model": "good", "messages": [{
            "role": "assistant", "content": None, "tool_calls": [
                {"id": "1", "type": "function", "function":
                 {"name": "f", "arguments":
                  '{"q":"%s"}' % escaped(ZH)}}]}]}),
        code="content_filter", upstream=0)
    yield Case("a blocked phrase cut by chunks", chunked(
        *[one_chunk(asked[i:i + 3]) for i in range(0, len(asked), 3)], END),
        code="content_filter", upstream=0)
    yield Case("a blocked phrase in gzip", request(
        gzip.compress(asked), b"Content-Encoding: gzip"),
        code="content_filter", upstream=0)
    yield Case("a blocked phrase on HTTP/1.0", request(
        asked, version=b"HTTP/1.0"), code="content_filter", upstream=0)
    yield Case("a blocked phrase in a request for a stream", request(
        messages(c, stream=True)), code="content_filter", upstream=0,
        has="application/json")
    yield Case("a blocked prompt says not to try again", request(asked),
               code="content_filter", upstream=0,
               has=["x-should-retry: false", "x-request-id: ",
                    "invalid_request_error"])
    yield Case("what was judged is what is sent", request(
        dump(messages("春\\u5929 1.10", x=[1.10, 1e400 > 0]))[:-1] +
        b',"big":12345678901234567890.10}'), want=200,
        check=lambda seen: None if b"12345678901234567890.10" in
        seen.requests[0].body else "a number was changed")


def say(answer, **how):
    """A backend that answers this."""
    data = b.whole(answer, **how)
    return lambda peer, request: peer.send(data)


def stream_of(*events, **how):
    data = b.stream(*events, **how)
    return lambda peer, request: peer.send(data)


def answer_cases():
    c = CANARY
    yield Case("a blocked answer is withheld", request(), want=200,
               script=say(b.chat("one %s two" % c)),
               has="content_filter", lacks=[c, "two"])
    yield Case("a blocked answer in escapes is withheld", request(),
               want=200, script=say(json.dumps(b.chat("X")).replace(
                   "X", escaped(c))), has="content_filter",
               lacks=[c, escaped(c)])
    yield Case("a blocked completion is withheld", request(
        text_body("a"), target=COMPLETIONS), want=200,
        script=say(b.completion("one %s two" % c)),
        has='"content_filter"', lacks=[c, "two"])
    two = b.chat(c)
    two["choices"].append({"index": 1, "finish_reason": "stop", "message":
                           {"role": "assistant", "content": "the good one"}})
    yield Case("only the choice that was hit is withheld", request(
        messages(n=2)), want=200, script=say(two),
        has=["content_filter", "the good one"], lacks=c)
    for name, message in (
            ("reasoning", {"content": "a", "reasoning_content": c}),
            ("a refusal", {"content": None, "refusal": c}),
            ("an unknown field", {"content": "a", "frobnicate": c}),
            ("tool arguments", {"content": None, "tool_calls": [
                {"id": "1", "type": "function", "function":
                 {"name": "f", "arguments": json.dumps({"q": c})}}]})):
        answer = b.chat("")
        answer["choices"][0]["message"] = dict(message, role="assistant")
        yield Case("a blocked phrase in an answer's %s" % name, request(),
                   want=200, script=say(answer), lacks=c,
                   has="content_filter")
    asked = request(messages(stream=True))
    stop = b.event(finish="stop")
    for cut in (1, 5, 8, len(c) - 1):
        yield Case("a stream with a phrase cut after %d" % cut, asked,
                   want=200, script=stream_of(
                       b.event("good "), b.event(c[:cut]), b.event(c[cut:]),
                       b.event(" never"), stop),
                   has=['"content_filter"', "[DONE]"],
                   check=lambda seen: None if said(seen.answers[-1]) ==
                   "good " else "it says " + said(seen.answers[-1]))
    yield Case("a stream with a phrase in single letters", asked, want=200,
               script=stream_of(b.event("good "),
                                *[b.event(x) for x in c], stop),
               has=["good ", "content_filter"], check=lambda seen: None if
               "z" not in said(seen.answers[-1]) else "a letter leaked")
    yield Case("a stream that nearly says it is whole", asked, want=200,
               script=stream_of(b.event(c[:-1]), b.event("x"), stop),
               check=lambda seen: None if said(seen.answers[-1]) ==
               c[:-1] + "x" else "it says " + said(seen.answers[-1]))
    yield Case("a stream in Chinese is cut in time", asked, want=200,
               script=stream_of(b.event("春天"), b.event(ZH[:2]),
                                b.event(ZH[2:]), b.event("之后"), stop),
               has=["春天", "content_filter"], lacks=["朱", "之后"])
    yield Case("one choice of a stream is cut, the other runs on", request(
        messages(stream=True, n=2)), want=200, script=stream_of(
            b.event("a ", index=0), b.event("b", index=1),
            b.event(c, index=0), b.event(" still", index=1),
            b.event(finish="stop", index=1)),
        has=[" still", "content_filter", "[DONE]"], lacks=c)
    yield Case("events without text for a rule pass as they are", asked,
               want=200, script=stream_of(b.event("a"), stop),
               check=lambda seen: None if b.event("a") in
               seen.answers[-1].body else "the event was rewritten")


def head_is(*fields, line=b"POST /v1/chat/completions HTTP/1.1"):
    """What the backend got, but for the body, is this and nothing else."""
    def check(seen):
        got = seen.requests[0].head
        want = b"\r\n".join((
            line, b"Host: 127.0.0.1:%d" % seen.backend.port) + fields)
        return None if got.rstrip(b"\r\n") == want else \
            "the backend got %r, not %r" % (got, want)
    return check


JSON = b"content-type: application/json"
OURS = (b"accept: application/json", b"user-agent: modgate/0.1.0",
        b"Accept-Encoding: identity")
LENGTH = b"Content-Length: %d" % len(GOOD)


def head_cases():
    """The head that a backend gets is made by us, whole."""
    yield Case("the backend is told that it gets JSON", request(), want=200,
               check=head_is(JSON, *OURS, LENGTH))
    for name, kind in (("no type", None), ("a form", b"application/x-www-"
                       b"form-urlencoded"), ("text", b"text/plain")):
        yield Case("JSON that a client sends as %s goes on as JSON" % name,
                   request(kind=kind), want=200,
                   check=head_is(JSON, *OURS, LENGTH))
    yield Case("what a client says of itself stays here", request(
        GOOD, b"Accept: text/html", b"User-Agent: client/1.0",
        b"Accept-Encoding: gzip", b"Cookie: a=b", b"X-Forwarded-For: ::1",
        b"X-Stainless-Lang: python", b"OpenAI-Organization: org"), want=200,
        check=head_is(JSON, *OURS, LENGTH))
    yield Case("what a backend may know of a client goes on", request(
        GOOD, b"Idempotency-Key: k1", b"OpenAI-Beta: x=v1",
        b"Traceparent: 00-1-2-03", b"Tracestate: a=1"), want=200,
        check=head_is(b"traceparent: 00-1-2-03", b"tracestate: a=1",
                      b"idempotency-key: k1", b"openai-beta: x=v1",
                      JSON, *OURS, LENGTH))
    stream = messages(stream=True)
    yield Case("a stream is asked for like any answer", request(stream),
               want=200, check=head_is(
                   JSON, *OURS, b"Content-Length: %d" % len(dump(stream))))
    yield Case("a list of models is asked for without a body", get(),
               want=200, check=head_is(
                   *OURS, line=b"GET /v1/models HTTP/1.1"))


def said(answer):
    """All text of a chat stream."""
    out = ""
    for data in answer.events():
        if data != b"[DONE]":
            for choice in json.loads(data).get("choices", []):
                out += choice.get("delta", {}).get("content") or ""
    return out


def cases():
    for group in (unread_cases, prompt_cases, answer_cases,
                  head_cases):
        yield from group()
