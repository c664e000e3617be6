# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients of all kinds, speaking plain Varlink: good ones are served whatever bad ones do at the same time."""

import json

import pytest

import inside
import journal
import load
from varlink import Connection

MONITOR = "io.sctpmon.Monitor"
SERVICE = "org.varlink.service"


def exchange(messages):
    """Writes all at once and reads as many replies."""
    connection = Connection()
    connection.write("".join(json.dumps(message) + "\0" for message in messages).encode())
    return [connection.receive() for message in messages if not message.get("oneway")]


def test_the_protocol(machine):
    machine.run("systemctl start sctpmond && sctpctl eps")

    def call(method, parameters=None, **flags):
        return {"method": method, "parameters": parameters or {}} | flags

    def error(name, **parameters):
        return {"error": name, "parameters": parameters}

    wanted = [
        (call(f"{SERVICE}.GetInterfaceDescription", {"interface": "org.example.Other"}),
         error(f"{SERVICE}.InterfaceNotFound", interface="org.example.Other")),
        (call("org.example.Other.Do"), error(f"{SERVICE}.InterfaceNotFound", interface="org.example.Other")),
        (call(f"{MONITOR}.Do"), error(f"{SERVICE}.MethodNotFound", method=f"{MONITOR}.Do")),
        (call(f"{MONITOR}.ListEndpoints"), error(f"{SERVICE}.ExpectedMore")),
        (call(f"{MONITOR}.GetCounters", {"maxAgeMs": "new"}), error(f"{SERVICE}.InvalidParameter", parameter="maxAgeMs")),
        (call(f"{MONITOR}.GetCounters", {"maxAgeMs": -1}), error(f"{SERVICE}.InvalidParameter", parameter="maxAgeMs")),
        (call(f"{MONITOR}.GetCounters", {"other": 1}), error(f"{SERVICE}.InvalidParameter", parameter="other")),
        (call(f"{MONITOR}.ListAssociations", {"filter": {"port": 70000}}, more=True),
         error(f"{SERVICE}.InvalidParameter", parameter="filter.port")),
        (call(f"{MONITOR}.ListAssociations", {"filter": {"peerAddress": "here"}}, more=True),
         error(f"{SERVICE}.InvalidParameter", parameter="filter.peerAddress")),
        (call(f"{MONITOR}.ListEndpoints", {"filter": {"netns": "nowhere"}}, more=True),
         error(f"{MONITOR}.NamespaceNotFound", netns="nowhere")),
        (call(f"{MONITOR}.ListEndpoints", {"filter": {"netns": "inode:1"}}, more=True),
         error(f"{MONITOR}.NamespaceNotFound", netns="inode:1")),
    ]
    replies = inside.run(machine, exchange, [message for message, _ in wanted])
    # An error without parameters may come with an empty object or none.
    assert [{"parameters": {}} | reply for reply in replies] == [{"parameters": {}} | reply for _, reply in wanted]

    # Pipelined calls are answered in their order, and those with oneway not at all.
    description = call(f"{SERVICE}.GetInterfaceDescription", {"interface": MONITOR})
    info = call(f"{SERVICE}.GetInfo")
    answers = inside.run(machine, exchange, [info, description | {"oneway": True}] * 10 + [description, info])
    assert len(answers) == 12
    assert [set(answer["parameters"]) == {"description"} for answer in answers] == [False] * 10 + [True, False]
    assert set(answers[0]["parameters"]["interfaces"]) == {SERVICE, MONITOR}
    assert answers[0]["parameters"]["version"] in machine.run("sctpctl --version").stdout
    installed = machine.get(f"/usr/share/varlink/{MONITOR}.varlink").decode()
    assert answers[10]["parameters"]["description"] == installed


def hundred():
    """A hundred clients ask before any of them reads: each tenth for all associations, the others for one."""
    asker = Connection()
    ports = [
        reply["parameters"]["association"]["localPort"]
        for reply in asker.list("ListAssociations", {"filter": {"peerPort": 7000}})[:-1]
    ]
    connections = [Connection() for _ in range(99)] + [asker]
    for number, connection in enumerate(connections):
        connection.send("ListAssociations", {"filter": {"port": ports[number]}} if number % 10 else {}, more=True)
    lists = [connection.replies() for connection in connections]
    right = [
        len(replies) - 1 == 2 * len(ports) if number % 10 == 0 else
        sorted(reply["parameters"]["association"]["localPort"] for reply in replies[:-1]) == sorted([ports[number], 7000])
        for number, replies in enumerate(lists)
    ]
    return {
        "right": right.count(True),
        "serials": len({replies[-1]["parameters"]["scan"]["serial"] for replies in lists}),
        "connected": asker.call("GetStatus")["parameters"]["clients"]["connected"],
    }


def mischief():
    """All kinds of bad clients, and a good one that is timed after each of them."""
    import time

    good = Connection()
    before = good.call("GetStatus")["parameters"]["clients"]
    open_connections, slowest, hung_up = [], 0, []

    def serve_good_one():
        nonlocal slowest
        start = time.monotonic()
        replies = good.list("ListEndpoints")
        assert replies[-1]["parameters"]["scan"], replies
        slowest = max(slowest, time.monotonic() - start)

    def bad(data, shut=False):
        connection = Connection()
        try:
            connection.write(data)
            if shut:
                connection.socket.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        serve_good_one()
        return connection

    for data in [
        b"\0",
        b"\xff\xfe not json at all\0",
        b'{"method": 5}\0',
        b'[{"method": "org.varlink.service.GetInfo"}]\0',
        b'{"method": "org.varlink.service.GetInfo", "parameters": {"a": "' + b"x" * 10_000_000 + b'"}}\0',
        b'{"method": ' + b"[" * 60_000 + b"\0",
    ]:
        hung_up.append(bad(data).receive() is None)
    # Half a message, and then the end of it.
    hung_up.append(bad(b'{"method": "org.varlink', shut=True).receive() is None)

    # These stay: half a message, and nothing at all.
    open_connections += [bad(b'{"method": "org.varlink') for _ in range(3)]
    open_connections += [bad(b"") for _ in range(3)]
    # They ask again and again for what fills many buffers, and never read.
    for _ in range(4):
        open_connections.append(bad(b'{"method": "io.sctpmon.Monitor.ListAssociations", "more": true}\0' * 100))

    after = good.call("GetStatus")["parameters"]
    return {
        "hung_up": hung_up,
        "refused": after["clients"]["refusedMessages"] - before["refusedMessages"],
        "connected": after["clients"]["connected"],
        "slowest": slowest,
    }


def readers_that_pause(count):
    """Each begins a list of a new look, and reads on when all have begun."""
    connections = []
    for _ in range(count):
        connections.append(Connection())
        connections[-1].send("ListAssociations", {"maxAgeMs": 0}, more=True)
        # Looks are shared by all who ask while one runs.
        first = connections[-1].receive()
        assert "association" in first["parameters"], first
    result = []
    for connection in connections:
        replies = connection.replies()
        rows = 1 + sum("association" in reply.get("parameters", {}) for reply in replies)
        result.append({"rows": rows, "end": replies[-1]})
    return result, Connection().call("GetStatus")["parameters"]["clients"]["overruns"]


def one_user_wants_it_all(attempts, others):
    """A user tries to connect so often, sends what is too long, and then keeps all that it has full of requests, of
    half of which it reads no reply. What it gets, and what others get meanwhile."""
    import grp
    import os
    import select
    import signal

    group = grp.getgrnam("sctpmon").gr_gid

    def start(uid, function):
        """In a process of that user, which says one thing."""
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setresgid(group, group, group)
            os.setresuid(uid, uid, uid)
            function(lambda result: os.write(writable, json.dumps(result).encode()))
            os._exit(0)
        os.close(writable)
        return child, readable

    def hear(readable):
        said = os.read(readable, 65536)
        assert said, "it failed"
        return json.loads(said)

    def is_answered(connection):
        try:
            return connection.call("org.varlink.service.GetInfo") is not None
        except BrokenPipeError:
            return False

    def hog(say):
        connections = [connection for connection in (Connection() for _ in range(attempts)) if is_answered(connection)]
        accepted, ended = len(connections), 0
        for _ in range(2):
            connection = connections.pop()
            try:
                connection.write(b"x" * 100_000)
                ended += connection.receive() is None
            except BrokenPipeError:
                ended += 1
        # They make room.
        connections += [Connection() for _ in range(2)]
        requests = b"".join(
            json.dumps({"method": f"io.sctpmon.Monitor.{method}", "more": more}).encode() + b"\0"
            for method, more in [("GetStatus", False), ("ListAssociations", True)]
        )
        poll = select.poll()
        by_fd = {}
        for number, connection in enumerate(connections):
            connection.socket.setblocking(False)
            poll.register(connection.socket, select.POLLOUT | select.POLLIN * (number % 2))
            by_fd[connection.socket.fileno()] = connection.socket
        say({"accepted": accepted, "ended": ended})
        while True:
            for fd, events in poll.poll():
                try:
                    if events & select.POLLIN:
                        by_fd[fd].recv(1 << 18)
                    if events & select.POLLOUT:
                        by_fd[fd].send(requests)
                except BlockingIOError:
                    pass

    def other(say):
        connection = Connection()
        answered, rows = 0, []
        for number in range(20):
            answered += "version" in connection.call("GetStatus")["parameters"]
            if number % 10 == 0:
                rows.append(len(connection.list("ListAssociations")) - 1)
        say({"answered": answered, "rows": rows})

    hog_child, hog_says = start(3000, hog)
    hog_result = hear(hog_says)
    children = [start(3001 + number, other) for number in range(others)]
    results = [hear(readable) for _, readable in children]
    asker = Connection()
    while (clients := asker.call("GetStatus")["parameters"]["clients"])["connected"] > hog_result["accepted"] + 1:
        pass
    os.kill(hog_child, signal.SIGKILL)
    return hog_result, results, clients


def two_subscribers():
    """One reads all the time, the other nothing until the daemon has ended it."""
    import subprocess
    import threading

    def brief(change):
        thing = change.get("association") or change.get("endpoint") or {}
        return [change["at"], change["type"], thing.get("associationId"), thing.get("localPort")]

    def follow(connection, changes):
        """Until it is ended, and how."""
        while "change" in (reply := connection.receive()).get("parameters", {}):
            changes.append(brief(reply["parameters"]["change"]))
        return reply

    good, stalled, asker = Connection(), Connection(), Connection()
    for connection in (good, stalled):
        connection.send("Monitor", more=True)
        assert "ready" in connection.receive()["parameters"]
    seen, received = [], []
    threading.Thread(target=follow, args=[good, seen], daemon=True).start()

    def status():
        return asker.call("GetStatus")["parameters"]

    def wait_for(associations):
        while status()["associations"] != associations:
            asker.list("ListEndpoints")

    said_at_the_start = status()["journal"]["sent"]
    while status()["clients"]["overruns"] == 0:
        load = subprocess.Popen(["sctpload", "hold", "200"], stdout=subprocess.PIPE)
        load.stdout.readline()
        wait_for(400)
        load.kill()
        wait_for(0)
    end = follow(stalled, received)
    while (told := status()["journal"])["queued"] > 0 or len(seen) < told["sent"] - said_at_the_start:
        asker.list("ListEndpoints")
    return {"seen": seen, "received": received, "end": end, "clients": status()["clients"]}


def high_water(machine):
    """The most memory that the server has had so far, in KiB."""
    pid = journal.status(machine)["pid"]
    return int(machine.run(f"grep VmHWM /proc/{pid}/status").stdout.split()[1])


@pytest.mark.kernel("6.1")
def test_good_clients_are_served_whatever_others_do(machine):
    load.install(machine)
    machine.run("systemctl start sctpmond")
    held = load.hold(machine, 150)
    at_first = high_water(machine)

    result = inside.run(machine, hundred)
    assert (result["right"], result["connected"]) == (100, 100)
    # They share what is looked at.
    assert result["serials"] <= 10

    result = inside.run(machine, mischief)
    assert result["hung_up"] == [True] * 7
    assert result["refused"] == 7
    assert result["connected"] == 11
    assert result["slowest"] < 10

    # Who is slow gets all of an old look, unless more of them are kept alive than these.
    readers, overruns = inside.run(machine, readers_that_pause, 8)
    assert [(reader["rows"], "scan" in reader["end"]["parameters"]) for reader in readers] == [(300, True)] * 8
    assert overruns == 0

    assert high_water(machine) - at_first < 24 * 1024
    assert machine.run("systemctl show --property=NRestarts sctpmond").stdout == "NRestarts=0\n"
    held.kill()


@pytest.mark.kernel("6.12")
def test_one_user_does_not_stop_the_others(machine):
    load.install(machine)
    machine.run("systemctl start sctpmond")
    held = load.hold(machine, 50)
    hog, others, clients = inside.run(machine, one_user_wants_it_all, 300, 3)

    assert hog == {"accepted": 256, "ended": 2}
    assert others == [{"answered": 20, "rows": [100] * 2}] * 3
    assert clients["refusedConnections"] == 300 - 256
    assert clients["refusedMessages"] == 2
    # What it got back, and the one that asks.
    assert clients["connected"] == 256 + 1
    assert machine.run("systemctl show --property=NRestarts sctpmond").stdout == "NRestarts=0\n"
    held.kill()


@pytest.mark.kernel("6.12")
@pytest.mark.machine(bpf=False)
def test_a_subscriber_that_does_not_read_is_told_what_it_lost(machine):
    load.install(machine)
    # Many addresses make for long changes, so that fewer of them fill the queue.
    machine.run("for i in {1..20}; do ip addr add 10.9.0.$i/32 dev lo; done; systemctl start sctpmond")
    result = inside.run(machine, two_subscribers, timeout=300)

    assert result["end"]["error"] == f"{MONITOR}.Overrun"
    lost = result["end"]["parameters"]["lost"]
    assert lost > 0
    seen, received = result["seen"], result["received"]
    assert received == seen[:len(received)]
    # It is ended after the look in which the first one was lost.
    next_look = next(i for i in range(len(received), len(seen) + 1) if i == len(seen) or seen[i][0] > seen[len(received)][0])
    assert len(received) + lost == next_look
    assert (result["clients"]["overruns"], result["clients"]["monitors"]) == (1, 1)

    # The other one has been told all that the journal was told.
    def brief(entry):
        number, port = entry.get("SCTP_ASSOC_ID"), entry.get("SCTP_LOCAL_PORT")
        return [entry["SCTP_SEEN_AT"], entry["kind"], number and int(number), port and int(port)]

    assert seen == [brief(entry) for entry in journal.entries(machine)]
