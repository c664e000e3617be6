# SPDX-License-Identifier: LGPL-2.1-or-later
"""Varlink by hand, with nothing of the project in it: what a stranger's client does. Its text also runs in the guest."""

import collections
import json
import socket

ADDRESS = "/run/sctpmon/io.sctpmon.Monitor"


class Connection:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(ADDRESS)
        self.begun = b""
        self.messages = collections.deque()

    def write(self, data):
        self.socket.sendall(data)

    def send(self, method, parameters=None, **flags):
        """Flags: more=True, oneway=True. A method without a dot is io.sctpmon.Monitor's."""
        if "." not in method:
            method = f"io.sctpmon.Monitor.{method}"
        call = {"method": method} | ({"parameters": parameters} if parameters is not None else {}) | flags
        self.write(json.dumps(call).encode() + b"\0")

    def receive(self):
        """One reply; None when the other end has hung up."""
        while not self.messages:
            try:
                data = self.socket.recv(1 << 18)
            except ConnectionResetError:
                data = b""
            if not data:
                assert self.begun == b"", "it ends within a reply"
                return None
            *messages, self.begun = (self.begun + data).split(b"\0")
            self.messages.extend(messages)
        return json.loads(self.messages.popleft())

    def call(self, method, parameters=None):
        self.send(method, parameters)
        return self.receive()

    def replies(self):
        """All replies to a call with `more`."""
        result = [self.receive()]
        while result[-1] and result[-1].get("continues"):
            result.append(self.receive())
        return result

    def list(self, method, parameters=None):
        self.send(method, parameters, more=True)
        return self.replies()
