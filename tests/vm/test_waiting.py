# SPDX-License-Identifier: LGPL-2.1-or-later
"""Associations that wait for a peer which does not answer: they have no id to be told apart by."""

import json
import time

import pytest

import journal

PEER = "192.0.2.9"
LOCAL = ["192.0.2.1", "192.0.2.2"]
PORT = 2905
# More than are asked for their verification tags in one scan.
MANY = 2300

# Connects from each ADDRESS:PORT of its arguments, says so, and lets go of the first when it reads a line.
CLIENT = f"""
import resource, socket, sys

resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
held = []
for end in sys.argv[1:]:
    address, port = end.split(":")
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
    s.setblocking(False)
    s.bind((address, int(port)))
    try:
        s.connect(("{PEER}", {PORT}))
    except BlockingIOError:
        pass
    held.append(s)
print("waiting", flush=True)
sys.stdin.readline()
held.pop(0).close()
sys.stdin.read()
"""

ESTABLISHED = """
import socket, sys

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
listener.bind(("127.0.0.1", 7000))
listener.listen(1)
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
client.connect(("127.0.0.1", 7000))
print("connected", flush=True)
sys.stdin.read()
"""


def start(machine, ends):
    machine.run(
        "ip link add dummy0 type dummy && ip link set dummy0 up"
        + "".join(f" && ip address add {address}/24 dev dummy0" for address in LOCAL)
        + " && systemctl start sctpmond"
    )
    machine.put("/root/client.py", CLIENT)
    process = machine.spawn("exec python3 /root/client.py " + " ".join(ends))
    process.wait_for_output("waiting\n", timeout=60)
    return process


def listed(machine):
    return json.loads(machine.run("sctpctl assocs --json=short").stdout)


@pytest.mark.kernel("6.12")
def test_same_ports_from_two_addresses(machine):
    process = start(machine, [f"{address}:{PORT}" for address in LOCAL])
    rows = listed(machine)
    assert sorted(row["localAddresses"] for row in rows) == [[address] for address in LOCAL]
    assert all(row["state"] == "cookie_wait" and "associationId" not in row for row in rows)
    process.write("\n")
    deadline = time.monotonic() + 30
    while len(rows := listed(machine)) > 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [row["localAddresses"] for row in rows] == [[LOCAL[1]]]
    ends = [entry for entry in journal.entries(machine) if entry["kind"] == "association_down"]
    assert [entry["SCTP_LOCAL_ADDRS"] for entry in ends] == [LOCAL[0]]
    assert ends[0]["SCTP_CERTAINTY"] in ("high", "exact")


@pytest.mark.kernel("6.1")
def test_tags_behind_many_that_wait(machine):
    start(machine, [f"{LOCAL[0]}:{10000 + i}" for i in range(MANY)])
    machine.put("/root/established.py", ESTABLISHED)
    machine.spawn("exec python3 /root/established.py").wait_for_output("connected\n", timeout=60)

    # Scans follow the questions.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        rows = [row for row in listed(machine) if row["state"] == "established"]
        if len(rows) == 2 and all("localTag" in row and "peerTag" in row for row in rows):
            return
    raise AssertionError(f"no tags yet: {rows}")
