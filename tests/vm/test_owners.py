# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whose socket it is: one process, several, one that has not accepted yet, none; and names that lie in wait."""

import json

import pytest

import load
from peers import wait_for_listeners
from seen import by_port, by_ports, eventually, listed, row_is, source

MANY = 500

# Servers of every kind, and what the peers above do not do: peel off, fork, not accept, keep sockets to be shown.
SERVERS = r"""
import ctypes, os, socket, struct, sys, time
SCTP, ASSOC_ID_LIST, PEELOFF = 132, 29, 102
libc = ctypes.CDLL(None, use_errno=True)

def listener(kind, port):
    s = socket.socket(socket.AF_INET, kind, SCTP)
    s.bind(("127.0.0.1", port))
    s.listen(600)
    return s

def connect(port, own_port=0):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP)
    s.bind(("127.0.0.1", own_port))
    s.connect(("127.0.0.1", port))
    return s

def option(s, name, data):
    length = ctypes.c_int(len(data))
    data = ctypes.create_string_buffer(data, len(data))
    # PEELOFF returns the new descriptor.
    if libc.getsockopt(s.fileno(), SCTP, name, data, ctypes.byref(length)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return data.raw[:length.value]

many = listener(socket.SOCK_SEQPACKET, 7000)
print("many", flush=True)

forked = listener(socket.SOCK_STREAM, 7001)
for_children = connect(7001, 8001)
accepted, _ = forked.accept()
children = []
for _ in range(2):
    child = os.fork()
    if child == 0:
        for s in many, for_children:
            s.close()
        time.sleep(1000)
    children.append(child)
print("forked", os.getpid(), *children, flush=True)

unaccepted = listener(socket.SOCK_STREAM, 7002)
waiting = connect(7002, 8002)
print("waiting", flush=True)

deaf = listener(socket.SOCK_STREAM, 7003)
sender = connect(7003, 8003)
heard, _ = deaf.accept()
sender.setblocking(False)
try:
    while True:
        sender.send(b"x" * 10000)
except BlockingIOError:
    sender.close()
print("orphaned", flush=True)

if sys.stdin.readline():
    ids = option(many, ASSOC_ID_LIST, bytes(4 + 4 * 600))
    ids = struct.unpack(f"={len(ids) // 4}I", ids)[1:]
    peeled = [struct.unpack("=Ii", option(many, PEELOFF, struct.pack("=Ii", number, 0))) for number in ids[:3]]
    print("peeled", *(number for number, _ in peeled), flush=True)
if sys.stdin.readline():
    hostile = listener(socket.SOCK_STREAM, 7004)
    libc.prctl(15, b'\x1b[31m"\n\\ \xff\xe2', 0, 0, 0)
    print("hostile", flush=True)
sys.stdin.read()
"""


# A child that has nothing is handed a listening socket, and is the only one to have it in the end.
HANDED = r"""
import os, socket, sys
ours, theirs = socket.socketpair()
child = os.fork()
if child == 0:
    data, descriptors, *_ = socket.recv_fds(theirs, 1, 1)
    theirs.recv(1)
    os._exit(0)
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
s.bind(("127.0.0.1", 7005))
s.listen()
print("parent", os.getpid(), child, flush=True)
sys.stdin.readline()
socket.send_fds(ours, [b"x"], [s.fileno()])
sys.stdin.readline()
s.close()
sys.stdin.read()
"""


def pids(row):
    return [owner["pid"] for owner in row.get("owners", [])]


def words(process, first):
    """What was printed behind this word."""
    process.wait_for_output(f"{first}")
    line = next(line for line in process.stdout.splitlines() if line.startswith(first))
    return [int(word) for word in line.split()[1:]]


@pytest.mark.kernel("6.1")
def test_whose_socket_it_is(machine):
    check_whose_socket_it_is(machine)
    assert source(machine, "owners").get("reason") is None


@pytest.mark.kernel("6.12")
@pytest.mark.machine(bpf=False)
def test_whose_socket_it_is_without_bpf(machine):
    check_whose_socket_it_is(machine)


def check_whose_socket_it_is(machine):
    load.install(machine)
    machine.run("systemctl start sctpmond")
    # Who sends to a program that does not read would give up in the end.
    machine.run("sysctl -q net.sctp.association_max_retrans=1000")
    machine.put("/root/servers.py", SERVERS)
    servers = machine.spawn("exec python3 /root/servers.py")
    servers.wait_for_output("orphaned\n")
    parent, *children = words(servers, "forked")
    wait_for_listeners(machine, 7000, 7001, 7002, 7003)
    clients = machine.spawn(f"exec sctpload -p 7000 -c hold {MANY}")
    clients.wait_for_output(f"holding {MANY}\n", timeout=120)

    def known(rows):
        return len(rows) == 4 and all("owners" in row for row in rows.values())

    # A child of a server that is known already is found a look or two later.
    rows = eventually(lambda: by_port(listed(machine, "eps")), lambda rows: known(rows) and len(pids(rows[7001])) == 3)
    assert {port: pids(row) for port, row in rows.items()} == {
        7000: [parent], 7001: [parent, *children], 7002: [parent], 7003: [parent],
    }
    assert {owner["command"] for row in rows.values() for owner in row["owners"]} == {"python3"}
    assert all(row_is(owner, uid=0, unit="lab-agent.service", container=None) for row in rows.values()
               for owner in row["owners"])
    assert {port: row["style"] for port, row in rows.items()} == {
        7000: "one_to_many", 7001: "one_to_one", 7002: "one_to_one", 7003: "one_to_one",
    }

    def all_known(rows):
        return len(rows) == 2 * MANY + 6 and all("owners" in row for row in rows.values() if row["inode"] != 0)

    rows = eventually(lambda: by_ports(listed(machine, "assocs")), all_known)
    many = [row for (port, _), row in rows.items() if port == 7000]
    assert len(many) == MANY and len({row["inode"] for row in many}) == 1
    assert all(pids(row) == [parent] and row_is(row, style="one_to_many", attachment="socket") for row in many)
    held = [row for (_, port), row in rows.items() if port == 7000]
    assert all(pids(row) == [clients.pid] and row_is(row, style="one_to_one", attachment="socket") for row in held)
    assert held[0]["owners"][0]["command"] == "sctpload"
    assert pids(rows[7001, 8001]) == [parent, *children] and pids(rows[8001, 7001]) == [parent]

    unaccepted = rows[7002, 8002]
    assert row_is(unaccepted, attachment="unaccepted", state="established")
    assert unaccepted["inode"] == by_port(listed(machine, "eps"))[7002]["inode"] and pids(unaccepted) == [parent]
    assert row_is(rows[8002, 7002], attachment="socket")
    assert row_is(rows[8003, 7003], attachment="orphan", inode=0, owners=None, state="shutdown_pending")
    assert row_is(rows[7003, 8003], attachment="socket")

    # Three of the many get sockets of their own.
    servers.write("\n")
    peeled = words(servers, "peeled")
    assert len(peeled) == 3
    rows = eventually(
        lambda: {row["associationId"]: row for row in listed(machine, "assocs", "--local=127.0.0.1:7000")},
        lambda rows: len(rows) == MANY and all("owners" in row for row in rows.values()),
    )
    assert {number for number, row in rows.items() if row["style"] == "peeled_off"} == set(peeled)
    assert len({rows[number]["inode"] for number in peeled}) == 3
    assert all(pids(rows[number]) == [parent] and rows[number]["attachment"] == "socket" for number in peeled)

    # The parent ends: the forked server's sockets are the children's now, and the others go.
    machine.run(f"kill -KILL {parent}")
    rows = eventually(
        lambda: by_port(listed(machine, "eps")), lambda rows: [pids(row) for row in rows.values()] == [children]
    )
    assert rows.keys() == {7001}
    machine.run(f"kill -KILL {children[0]}")
    eventually(lambda: listed(machine, "eps"), lambda rows: [pids(row) for row in rows] == [children[1:]])
    machine.run(f"kill -KILL {children[1]}")
    assert eventually(lambda: listed(machine, "eps"), lambda rows: rows == []) == []


@pytest.mark.kernel("6.1")
@pytest.mark.machine(bpf=True)
def test_a_socket_that_is_handed_on(machine):
    machine.run("modprobe sctp && systemctl start sctpmond")
    eventually(lambda: source(machine, "bpf_listing"), lambda now: now["result"] == "read")
    machine.put("/root/handed.py", HANDED)
    process = machine.spawn("exec python3 /root/handed.py")
    parent, child = words(process, "parent")

    def owners():
        return pids(by_port(listed(machine, "eps")).get(7005, {}))

    eventually(owners, lambda now: now == [parent])
    process.write("\n")
    eventually(owners, lambda now: now == [parent, child], timeout=15)
    process.write("\n")
    eventually(owners, lambda now: now == [child], timeout=15)


def test_a_name_that_would_write_on_the_terminal(machine):
    machine.run("systemctl start sctpmond")
    machine.put("/root/servers.py", SERVERS)
    servers = machine.spawn("exec python3 /root/servers.py")
    servers.wait_for_output("orphaned\n")
    servers.write("\n\n")
    servers.wait_for_output("hostile\n")
    row = eventually(
        lambda: by_port(listed(machine, "eps")).get(7004, {}),
        # No more than 15 bytes is kept by the kernel.
        lambda row: any(owner["command"] != "python3" for owner in row.get("owners", [])),
    )
    assert row["owners"][0]["command"] == r'\x1b[31m"\x0a\x5c \xff\xe2'

    # Neither a terminal nor a pipe, nor the journal gets any of it raw.
    for command in "eps", "eps --all", "assocs", "eps --json=pretty":
        raw = machine.run(f"sctpctl {command}").data()
        assert not {byte for byte in raw if byte < 32} - {ord("\n")}, command
        raw.decode()
    terminal = machine.terminal("sctpctl eps --no-pager; sleep 1", columns=200)
    terminal.wait()
    assert "7004" in terminal.output() and "\x1b[31m\"" not in terminal.output()
    told = machine.run("journalctl --output=json --unit=sctpmond").data()
    for line in told.splitlines():
        for value in json.loads(line).values():
            # A field of several owners has several values.
            values = value if isinstance(value, list) else [value]
            assert all(isinstance(value, str) for value in values), "journald met bytes that are no text"
