# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's end of the guest's agent: processes in the guest."""

import base64
import json
import signal
import threading
import time


class MachineDied(Exception):
    """The guest ended (a panic, a crash of the emulator) while somebody waited for it."""


class CommandFailed(Exception):
    pass


class Channel:
    """Sends the agent lines, and sorts what it answers by process."""

    def __init__(self, socket):
        self.socket = socket
        self.changed = threading.Condition()
        self.processes = {}
        self.ready = 0
        self.closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, **message):
        try:
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise MachineDied() from error

    def start(self, command, terminal=None):
        with self.changed:
            number = len(self.processes) + 1
            process = self.processes[number] = Process(self, number, command)
        self.send(id=number, start=command, terminal=terminal)
        self.wait_for(lambda: process.pid is not None, 60, f"the start of: {command}")
        return process

    def set_clock(self):
        """Tells a guest that comes out of a saved state what time it is."""
        answers = self.ready
        self.send(clock=time.time())
        self.wait_for(lambda: self.ready > answers, 60, "the guest's clock to be set")

    def wait_for(self, condition, timeout, what):
        with self.changed:
            self.changed.wait_for(lambda: self.closed or condition(), timeout)
            if condition():
                return
            if self.closed:
                raise MachineDied()
            raise TimeoutError(f"waited {timeout} s for {what}")

    def _read(self):
        received = b""
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except OSError:
                data = b""
            *lines, received = (received + data).split(b"\n")
            with self.changed:
                for line in lines:
                    self._take(json.loads(line))
                self.closed = not data
                self.changed.notify_all()
            if not data:
                return

    def _take(self, message):
        if "ready" in message:
            self.ready += 1
            return
        process = self.processes[message["id"]]
        if "pid" in message:
            process.pid = message["pid"]
            process.tty = message["terminal"]
        elif "stream" in message:
            process.pieces.append((message["stream"], base64.b64decode(message["data"])))
        else:
            process.returncode = message["status"]


class Process:
    """A process in the guest, the leader of a session of its own."""

    def __init__(self, channel, number, command):
        self.channel = channel
        self.number = number
        self.command = command
        self.pid = None
        self.tty = None
        self.pieces = []
        self.returncode = None

    @property
    def stdout(self):
        return self._text("stdout")

    @property
    def stderr(self):
        return self._text("stderr")

    def output(self):
        """Everything written so far, in the order in which it came."""
        return self._text("stdout", "stderr")

    def _text(self, *streams):
        with self.channel.changed:
            data = b"".join(piece for stream, piece in self.pieces if stream in streams)
        return data.decode(errors="replace")

    def data(self):
        """Standard output as bytes."""
        with self.channel.changed:
            return b"".join(piece for stream, piece in self.pieces if stream == "stdout")

    def follow(self):
        """Yields (stream, bytes) as they come, until the process ends."""
        taken = 0
        while True:
            with self.channel.changed:
                self.channel.changed.wait_for(
                    lambda: self.channel.closed or self.returncode is not None or len(self.pieces) > taken
                )
                new = self.pieces[taken:]
                if not new and self.returncode is None:
                    raise MachineDied()
            if not new:
                return
            taken += len(new)
            yield from new

    def write(self, data):
        if isinstance(data, str):
            data = data.encode()
        for start in range(0, len(data), 1 << 16):
            piece = base64.b64encode(data[start:start + (1 << 16)])
            self.channel.send(id=self.number, input=piece.decode())

    def close_input(self):
        self.channel.send(id=self.number, end=True)

    def resize(self, rows, columns):
        self.channel.send(id=self.number, size=[rows, columns])

    def kill(self, number=signal.SIGTERM):
        self.channel.send(id=self.number, signal=int(number))

    def wait(self, timeout=60):
        """The exit status; negative: the signal that ended it."""
        try:
            self.channel.wait_for(
                lambda: self.returncode is not None, timeout, f"the end of: {self.command}"
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.output()}") from None
        return self.returncode

    def wait_for_output(self, text, timeout=60):
        """Waits until this text was written; an end without it is a failure."""
        def settled():
            return text in self.output() or self.returncode is not None
        self.channel.wait_for(settled, timeout, f"{text!r} from: {self.command}")
        if text not in self.output():
            raise CommandFailed(f"{self.command}\nended with {self.returncode} without {text!r}\n{self.output()}")
