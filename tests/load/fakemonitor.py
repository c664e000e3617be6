#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon for clients' tests: serves Monitor and GetSamples of made-up associations on a Unix socket.

As a program it changes some of them all the time:

    fakemonitor.py SOCKET --rows=10000 --changes=10 [--updates=N] [--seconds=60]
"""

import argparse
import contextlib
import json
import os
import random
import socket
import threading
import time

TIME = "2026-01-31T12:00:%02d.000Z"
INTERFACE = "io.sctpmon.Monitor."


def path(address, primary, i):
    return {
        "address": address, "primary": primary, "state": "active", "stateSince": TIME % 0, "rtoMs": 200 + i % 300,
        "heartbeatPending": True, "maxRetransmissions": 5, "srttMs": 10 + i % 90, "cwndBytes": 4380 + i % 1000,
        "ssthreshBytes": 65535, "partialBytesAcked": 0, "flightSizeBytes": i % 1500, "errorCount": 0,
        "mtuBytes": 1500, "heartbeatIntervalMs": 30000, "heartbeats": True, "sackDelayMs": 200,
    }


def association(i):
    """The i-th one: always the same."""
    peers = [f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}", f"10.{128 + (i >> 16 & 127)}.{i >> 8 & 255}.{i & 255}"]
    made = {
        "associationId": i + 1, "netns": 4026531840, "localPort": 36412, "peerPort": 30000 + i % 30000,
        "localAddresses": ["192.0.2.1", "192.0.2.129"], "peerAddresses": peers, "primaryAddress": peers[0],
        "state": "established", "socketState": "established", "attachment": "socket", "style": "one_to_many",
        "inode": 100000 + i, "uid": 0,
        "owners": [{"pid": 1000 + i % 7, "command": ["amf", "mme", "hlr"][i % 3], "uid": 0, "unit": "core.service"}],
        "heartbeatIntervalMs": 30000, "inStreams": 10, "outStreams": 10, "transmitQueueBytes": i * 37 % 5000,
        "receiveQueueBytes": 0, "maxRetransmissions": 10, "initRetransmissions": 0, "shutdownRetransmissions": 0,
        "retransmittedChunks": i % 11, "writeQueueBytes": 1, "sendBufferBytes": 212992, "receiveBufferBytes": 212992,
        "observedSince": TIME % 0, "flaps": 0, "impaired": False, "sockDiagAt": TIME % 0, "localTag": 7 * i,
        "peerTag": 11 * i, "receiveWindowBytes": 106496, "peerReceiveWindowBytes": 106496, "unacknowledgedChunks": 0,
        "pendingChunks": 0, "inQueueChunks": 0, "outQueueChunks": 0, "overallErrorCount": 0, "maxBurst": 4,
        "fragmentationPointBytes": 1452, "peerCapabilities": ["asconf", "ipv4"], "packetsSent": 100 + i,
        "packetsReceived": 90 + i, "sacksSent": i, "sacksReceived": i, "chunksRetransmitted": 0,
        "paths": [path(peers[0], True, i), path(peers[1], False, i + 1)],
    }
    if i % 3 == 0:
        made["container"] = f"epc-{i % 5}"
    return made


def scan():
    return {"serial": 1, "startedAt": TIME % 30, "ageMs": 0, "durationUs": 900, "stale": False}


def change(kind, of, **more):
    return {"change": {"type": kind, "at": TIME % 30, "certainty": "high", "association": of, **more}}


def samples(n=60):
    """A minute; three of them are missing, and of two the round trip is not known."""
    made = []
    for i in range(n):
        sample = {"at": TIME % i, "srttMs": 10 + abs(i % 20 - 10), "cwndBytes": 4380 + i * 100,
                  "transmitQueueBytes": 1500 if 40 <= i < 45 else 0, "retransmittedChunks": 7 + (i > 42) + (i > 44)}
        if i in (30, 31):
            del sample["srttMs"]
        if i not in (20, 21, 22):
            made.append(sample)
    return {"intervalMs": 1000, "samples": made}


class FakeMonitor:
    """`present` are the associations that a new subscriber is told; `samples` is None or what GetSamples answers."""

    def __init__(self, socket_path, present=(), samples=None):
        self.present = list(present)
        self.samples = samples
        # What comes with `ready`
        self.absence = {}
        self.calls = []
        self.subscribers = []
        self.lock = threading.Lock()
        self.path = socket_path
        self.listen()

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self._accept, args=[self.listener], daemon=True).start()

    def stop(self):
        """Ends all conversations; listen() begins anew."""
        os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        with self.lock:
            for connection in self.subscribers:
                connection.shutdown(socket.SHUT_RDWR)
            self.subscribers.clear()

    def tell(self, parameters):
        message = encode({"parameters": parameters, "continues": True})
        with self.lock:
            for connection in list(self.subscribers):
                try:
                    connection.sendall(message)
                except OSError:
                    self.subscribers.remove(connection)

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        received = b""
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                received += data
                while b"\0" in received:
                    message, received = received.split(b"\0", 1)
                    self._answer(connection, json.loads(message))

    def _answer(self, connection, call):
        self.calls.append(call)
        method = call["method"].removeprefix(INTERFACE)
        if method == "Monitor":
            with self.lock:
                for one in self.present:
                    if one.get("state") == "closed":
                        continue
                    connection.sendall(encode({"parameters": {"association": one}, "continues": True}))
                connection.sendall(encode({"parameters": {"ready": True, "scan": scan(), **self.absence},
                                           "continues": True}))
                self.subscribers.append(connection)
        elif method == "GetSamples" and self.samples:
            connection.sendall(encode({"parameters": self.samples}))
        else:
            connection.sendall(encode({"error": "org.varlink.service.MethodNotFound",
                                       "parameters": {"method": call["method"]}}))


def encode(message):
    return json.dumps(message, separators=(",", ":")).encode() + b"\0"


def change_something(monitor, chance):
    """One of an up, a down, another state of a path, and the way back."""
    i = chance.randrange(len(monitor.present))
    one = monitor.present[i]
    other = association(i)
    kind = chance.choice(["down", "path", "path", "path"])
    if one["state"] == "closed":
        told = change("association_up", other, oldState="cookie_echoed", newState="established")
    elif one["impaired"]:
        told = change("recovered", other)
    elif kind == "down":
        other["state"] = "closed"
        told = change("association_down", other, oldState="established", newState="closed")
    else:
        other["paths"][1]["state"] = "inactive"
        other.update(impaired=True, impairedReasons=["path_inactive"], flaps=1)
        told = change("impaired", other, reasons=["path_inactive"])
    monitor.present[i] = other
    monitor.tell(told)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--changes", type=int, default=10, help="a second")
    parser.add_argument("--updates", type=int, default=0, help="associations a second whose figures change")
    parser.add_argument("--seconds", type=int, default=600)
    arguments = parser.parse_args()
    monitor = FakeMonitor(arguments.socket, map(association, range(arguments.rows)), samples())
    chance = random.Random(1)
    began = time.monotonic()
    done = looks = 0
    while (passed := time.monotonic() - began) < arguments.seconds:
        if looks < passed:
            looks += 1
            for _ in range(arguments.updates):
                i = chance.randrange(arguments.rows)
                if monitor.present[i]["state"] != "closed":
                    monitor.present[i]["transmitQueueBytes"] = chance.randrange(10000)
                    monitor.tell({"association": monitor.present[i]})
            monitor.tell({"scan": scan()})
        while done < passed * arguments.changes:
            done += 1
            change_something(monitor, chance)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
