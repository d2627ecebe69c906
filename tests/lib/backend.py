"""tests/lib/backend.py - a backend that does as a case says, well or badly.

Each connection has a thread; each request is kept as it came and given to the
script in force, which answers with raw bytes. Without a script it answers as
a model would.
"""

import json
import socket
import threading
import time


def head(status=200, fields=(), reason="OK"):
    lines = ["HTTP/1.1 %s %s" % (status, reason)]
    lines += ["%s: %s" % f for f in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def whole(body, status=200, content_type="application/json", fields=()):
    """A whole answer with its length."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
    if isinstance(body, str):
        body = body.encode()
    return head(status, [("Content-Type", content_type),
                         ("Content-Length", len(body))] + list(fields)) + body


def chat(text, **more):
    """A chat completion that says text."""
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
              "model": "good", "choices": [
                  {"index": 0, "finish_reason": "stop", "message":
                   {"role": "assistant", "content": text}}],
              "usage": {"prompt_tokens": 3, "completion_tokens": 2,
                        "total_tokens": 5}}
    answer.update(more)
    return answer


def completion(text):
    return {"id": "cmpl-1", "object": "text_completion", "created": 1,
            "model": "good", "choices": [
                {"index": 0, "finish_reason": "stop", "text": text,
                 "logprobs": None}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2,
                      "total_tokens": 5}}


def event(text=None, finish=None, index=0):
    """The bytes of one chat event."""
    delta = {} if text is None else {"content": text}
    return ("data: " + json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
        "model": "good", "choices": [
            {"index": index, "delta": delta, "finish_reason": finish}]},
        ensure_ascii=False) + "\n\n").encode()


STREAM_HEAD = head(fields=[("Content-Type", "text/event-stream"),
                           ("Transfer-Encoding", "chunked")])
DONE = b"data: [DONE]\n\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def stream(*events, end=DONE):
    """A whole streamed answer, one chunk per event."""
    return STREAM_HEAD + b"".join(chunk(e) for e in events) + (
        chunk(end) if end else b"") + LAST_CHUNK


class Request:
    def __init__(self, head_bytes, body):
        self.head = head_bytes
        self.body = body
        line = head_bytes.split(b"\r\n", 1)[0].split(b" ")
        self.method, self.path = line[0], line[1]

    def get(self, name):
        for line in self.head.split(b"\r\n")[1:]:
            field, _, value = line.partition(b":")
            if field.lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return None

    def json(self):
        # Python refuses numbers of many digits; they are not our subject.
        return json.loads(self.body, parse_int=lambda s: int(s[:30]))


class Peer:
    """The gateway's side of a connection, for scripts."""

    def __init__(self, sock, backend):
        self.sock = sock
        self.backend = backend

    def send(self, data):
        """False once the gateway has gone."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def gone_within(self, seconds):
        """Waits for the gateway to close; the seconds it took, or None."""
        began = time.monotonic()
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
        except socket.timeout:
            return None
        except OSError:
            pass
        return time.monotonic() - began


def answer_well(peer, request):
    """What a model does. Scripts return True if the connection goes on."""
    if request.path.startswith(b"/v1/models"):
        return peer.send(whole({"object": "list", "data": [
            {"id": "good", "object": "model"},
            {"id": "allowed-1", "object": "model"}]}))
    asked = request.json()
    if request.path.split(b"?")[0].endswith(b"/chat/completions"):
        if asked.get("stream"):
            return peer.send(stream(event("o"), event("k"),
                                    event(finish="stop")))
        return peer.send(whole(chat("ok")))
    return peer.send(whole(completion("ok")))


class Backend:
    """Listens until stop(). `script` may be changed at any time; `requests`
    holds what came since clear()."""

    def __init__(self):
        self.script = answer_well
        self.requests = []
        self.lock = threading.Lock()
        self.noted = {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.sockets = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def clear(self, script=None):
        with self.lock:
            self.requests = []
            self.noted = {}
        self.script = script or answer_well

    def note(self, name, value):
        """A script's message to its case."""
        with self.lock:
            self.noted[name] = value

    def wait_note(self, name, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.lock:
                if name in self.noted:
                    return self.noted[name]
            time.sleep(0.01)
        return None

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,),
                             daemon=True).start()

    def serve(self, sock):
        have = b""
        self.sockets.add(sock)
        try:
            while True:
                sock.settimeout(60)
                while b"\r\n\r\n" not in have:
                    data = sock.recv(65536)
                    if not data:
                        return
                    have += data
                head_bytes, _, have = have.partition(b"\r\n\r\n")
                request = Request(head_bytes, b"")
                length = int(request.get("content-length") or 0)
                while len(have) < length:
                    data = sock.recv(65536)
                    if not data:
                        return
                    have += data
                request.body, have = have[:length], have[length:]
                with self.lock:
                    self.requests.append(request)
                if not self.script(Peer(sock, self), request):
                    return
        except (OSError, ValueError):
            pass
        finally:
            self.sockets.discard(sock)
            sock.close()

    def stop(self):
        self.listener.close()
        for sock in list(self.sockets):
            sock.close()
