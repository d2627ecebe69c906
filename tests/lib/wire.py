"""tests/lib/wire.py - HTTP as bytes: what a case sends, what came back.

Nothing is repaired here: an answer that a strict reader would not take raises
BadAnswer. Deadlines are absolute, so no case can hang.
"""

import re
import select
import socket
import struct
import time

STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) [\x20-\x7e]*$")
FIELD = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$")


class BadAnswer(Exception):
    """Bytes that are no HTTP answer."""


class Closed(Exception):
    """The connection ended before an answer began."""


class Pause:
    """Sends nothing for so many seconds."""

    def __init__(self, seconds):
        self.seconds = seconds


class Trickle:
    """Sends bytes one at a time with a pause after each."""

    def __init__(self, data, seconds):
        self.data = data
        self.seconds = seconds


class Half:
    """Closes our sending side."""


class Leave:
    """Closes the connection."""


class Reset:
    """Breaks the connection with a RST."""


class Answer:
    def __init__(self, status, fields):
        self.status = status
        self.fields = fields
        self.body = b""
        self.complete = False
        self.interim = []
        self.until_close = False

    def get(self, name):
        """The value of a field, None if it is not there."""
        values = [v for n, v in self.fields if n == name.lower()]
        return values[0].decode("latin-1") if values else None

    def all(self, name):
        return [v.decode("latin-1") for n, v in self.fields
                if n == name.lower()]

    def events(self):
        """The data of each event of a stream."""
        return [line[5:].strip() for line in self.body.split(b"\n")
                if line.startswith(b"data:")]


class Client:
    """One connection."""

    def __init__(self, port, seconds=10):
        self.deadline = time.monotonic() + seconds
        self.sock = socket.create_connection(("127.0.0.1", port), 5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.have = b""
        self.ended = False

    def left(self):
        return max(0.0, self.deadline - time.monotonic())

    def send(self, *steps):
        """Sends bytes and does what the steps say. Returns False once the
        server has closed: it may do so before all is sent."""
        for step in steps:
            try:
                if not self.send_step(step):
                    return False
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def send_step(self, step):
        if isinstance(step, bytes):
            self.sock.settimeout(self.left() + 0.01)
            self.sock.sendall(step)
        elif isinstance(step, Pause):
            time.sleep(step.seconds)
        elif isinstance(step, Trickle):
            for i in range(len(step.data)):
                self.sock.sendall(step.data[i:i + 1])
                if step.seconds and self.readable(step.seconds):
                    return False
        elif isinstance(step, Half):
            self.sock.shutdown(socket.SHUT_WR)
        elif isinstance(step, Leave):
            self.close()
        elif isinstance(step, Reset):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
            self.close()
        return True

    def readable(self, seconds):
        return bool(select.select([self.sock], [], [], seconds)[0])

    def fill(self):
        """Reads more; False at the end of the connection."""
        if self.ended:
            return False
        if not self.readable(self.left()):
            raise TimeoutError("no answer in time; have %r" % self.have[:200])
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.have += data
        return True

    def take(self, n):
        while len(self.have) < n:
            if not self.fill():
                return None
        data, self.have = self.have[:n], self.have[n:]
        return data

    def take_line(self):
        """A line without its CRLF; None at the end."""
        while b"\r\n" not in self.have:
            if len(self.have) > 1 << 20:
                raise BadAnswer("endless line")
            if not self.fill():
                return None
        line, self.have = self.have.split(b"\r\n", 1)
        if b"\n" in line or b"\r" in line:
            raise BadAnswer("bare CR or LF in %r" % line[:200])
        return line

    def read_head(self):
        line = self.take_line()
        if line is None:
            if self.have:
                raise BadAnswer("cut head %r" % self.have[:200])
            raise Closed()
        match = STATUS.match(line)
        if not match:
            raise BadAnswer("status line %r" % line[:200])
        fields = []
        while True:
            line = self.take_line()
            if line is None:
                raise BadAnswer("cut head")
            if line == b"":
                return Answer(int(match[1]), fields)
            field = FIELD.match(line)
            if not field:
                raise BadAnswer("field %r" % line[:200])
            fields.append((field[1].decode().lower(), field[2]))

    def read_answer(self, head_only=False):
        """One answer with what came before it (1xx)."""
        answer = self.read_head()
        interim = []
        while 100 <= answer.status < 200:
            interim.append(answer.status)
            answer = self.read_head()
        answer.interim = interim
        self.read_body(answer, head_only)
        return answer

    def read_body(self, answer, head_only):
        lengths = answer.all("content-length")
        codings = answer.all("transfer-encoding")
        if len(lengths) > 1 or (lengths and codings):
            raise BadAnswer("ambiguous framing of the answer")
        if head_only or answer.status in (204, 304):
            answer.complete = True
        elif codings:
            if codings != ["chunked"]:
                raise BadAnswer("coding %r" % codings)
            self.read_chunks(answer)
        elif lengths:
            data = self.take(int(lengths[0]))
            answer.complete = data is not None
            answer.body = self.have if data is None else data
        else:
            answer.until_close = True
            while self.fill():
                pass
            answer.body, self.have = self.have, b""
            answer.complete = True

    def read_chunks(self, answer):
        while True:
            line = self.take_line()
            if line is None:
                return
            if not re.match(rb"^[0-9A-Fa-f]{1,8}$", line):
                raise BadAnswer("chunk size %r" % line[:100])
            size = int(line, 16)
            data = self.take(size + 2)
            if data is None:
                answer.body += self.have
                return
            if data[-2:] != b"\r\n":
                raise BadAnswer("no CRLF after a chunk")
            answer.body += data[:-2]
            if size == 0:
                answer.complete = True
                return

    def is_closed(self, seconds):
        """True if the server ends the connection in time and says no more."""
        self.deadline = time.monotonic() + seconds
        try:
            while self.fill():
                pass
        except TimeoutError:
            return False
        return not self.have

    def close(self):
        self.sock.close()
        self.ended = True
