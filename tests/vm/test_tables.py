# SPDX-License-Identifier: LGPL-2.1-or-later
"""What sctpctl lists equals the kernel's own tables, with the daemon and without, field by field."""

import json
import time
from datetime import datetime

import pytest

import kernel_table
from kernel_table import look
from peers import PROGRAMS, SHUTDOWN_PENDING, Peer, client, server, wait_for_association, wait_for_listeners
from seen import eventually

WITHOUT_DAEMON = "--socket=/nowhere"
AS_NOBODY = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
# What the daemon knows besides the tables, and what sctpctl finds out without it.
FROM_SOCK_DIAG = {"localTag", "peerTag"}
FROM_HISTORY = {"observedSince", "lastChange", "flaps"}
FROM_ELSEWHERE = FROM_SOCK_DIAG | FROM_HISTORY | {
    "attachment", "owners", "netnsName", "container", "impaired", "impairedReasons", "originalAddress", "originalPort",
    "sockDiagAt", "receiveWindowBytes", "peerReceiveWindowBytes", "unacknowledgedChunks", "pendingChunks",
    "inQueueChunks", "outQueueChunks", "overallErrorCount", "maxBurst", "fragmentationPointBytes", "peerCapabilities",
    "sackNeeded", "peerZeroWindow", "retransmissionTimerMs", "interfaceIndex", "receiveMemoryBytes",
    "sendMemoryBytes", "forwardMemoryBytes", "optionMemoryBytes", "backlogBytes", "drops", "sacksSent",
    "sacksReceived", "packetsSent", "packetsReceived", "chunksRetransmitted", "tsnsOutOfOrder",
    "duplicateChunksReceived", "gapAcksReceived", "unorderedChunksSent", "unorderedChunksReceived",
    "orderedChunksSent", "orderedChunksReceived", "controlChunksSent", "controlChunksReceived", "socketOptionsAt",
    # Of paths
    "stateSince", "srttMs", "srttJiffies", "cwndBytes", "ssthreshBytes", "partialBytesAcked", "flightSizeBytes",
    "errorCount", "mtuBytes", "heartbeatIntervalMs", "heartbeats", "sackDelayMs",
}


def start_daemon(machine):
    machine.run("systemctl start sctpmond")
    return int(machine.run("stat --dereference --format=%i /proc/self/ns/net").stdout)


def listed(seen):
    assert seen.returncode == 0, seen.stderr
    return json.loads(seen.stdout)


def of_tables(objects, names):
    """What the tables say of them; `names` are in an association's part, too, but come from elsewhere in a path."""
    return [
        {name: value for name, value in one.items() if name in names or name not in FROM_ELSEWHERE} for one in objects
    ]


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def endpoints(seen):
    return sorted(of_tables(listed(seen), ()), key=lambda e: (e["localPort"], e["inode"]))


def associations(seen, besides):
    """The listed ones; what they have besides the tables is there, and left out."""
    objects = kernel_table.by_ends(listed(seen))
    for one in objects:
        assert besides <= one.keys()
        one["paths"] = of_tables(one["paths"], ())
    return of_tables(objects, {"heartbeatIntervalMs"})


def look_at_associations(machine, command, netns, besides):
    """What is listed equals the tables. A figure may change, and change back, between the reads before and after."""
    for _ in range(4):
        seen = look(machine, command)
        expected = kernel_table.associations(seen.assocs, seen.remaddr, netns)
        if associations(seen, besides) == expected:
            break
    assert associations(seen, besides) == expected
    return seen, expected


def assert_raw_is_what_cat_shows(machine, table, user=""):
    machine.run(f"{user} sctpctl {table} --raw >/run/raw && {user} cat /proc/net/sctp/{table} | cmp - /run/raw")


def say_why_they_read_themselves(seen):
    """The command told on standard error that there is no daemon, or no right to use it."""
    return "reading this host without it" in seen.stderr


@pytest.mark.kernel("6.1")
def test_listening_endpoints(machine):
    netns = start_daemon(machine)
    for port, program in enumerate(PROGRAMS, 5000):
        server(machine, program, "127.0.0.1", port)
        server(machine, program, "::1", port + 100)
    server(machine, "ncat", "0.0.0.0", 5200, where=AS_NOBODY)
    wait_for_listeners(machine, *range(5000, 5004), *range(5100, 5104), 5200)

    seen = look(machine, "sctpctl eps --json=short")
    expected = kernel_table.endpoints(seen.eps, netns)
    assert endpoints(seen) == expected and seen.stderr == ""
    assert {e["localPort"] for e in expected} == {*range(5000, 5004), *range(5100, 5104), 5200}
    assert {e["uid"] for e in expected} == {0, 65534}
    assert {e["style"] for e in expected} == {"one_to_many", "one_to_one"}

    seen = look(machine, f"sctpctl eps --json=short {WITHOUT_DAEMON}")
    assert endpoints(seen) == expected
    assert "sctpmond is not running (/nowhere: No such file or directory)" in seen.stderr
    assert say_why_they_read_themselves(seen)

    seen = look(machine, f"{AS_NOBODY} sctpctl eps --json=short")
    assert endpoints(seen) == expected
    assert "You may not use sctpmond's socket" in seen.stderr
    assert "--groups sctpmon USER" in seen.stderr
    assert say_why_they_read_themselves(seen)

    # However the kernel's pointers are shown to whom
    machine.run("sysctl -q kernel.kptr_restrict=2")
    assert endpoints(look(machine, "sctpctl eps --json=short")) == expected
    for restricted in 0, 1, 2:
        machine.run(f"sysctl -q kernel.kptr_restrict={restricted}")
        for user in "", AS_NOBODY:
            assert_raw_is_what_cat_shows(machine, "eps", user)

    listing = machine.run("sctpctl eps").stdout.splitlines()
    assert listing[0].split()[:3] == ["LOCAL", "PORT", "STATE"] and len(listing) == 1 + len(expected)


@pytest.mark.kernel("6.12")
def test_associations(machine):
    netns = start_daemon(machine)
    started = time.time()
    # Who sends to a program that does not read would give up in the end.
    machine.run("sysctl -q net.sctp.hb_interval=7000 net.sctp.association_max_retrans=1000")
    pairs = [
        (program, address, port + family)
        for port, program in enumerate(PROGRAMS, 5000) for family, address in ((0, "127.0.0.1"), (100, "::1"))
    ]
    servers = {port: server(machine, program, address, port) for program, address, port in pairs}
    wait_for_listeners(machine, *servers)
    for port in 5002, 5102:
        # sctp_status ends by itself otherwise. So its queue fills up and its client waits.
        servers[port].freeze()
    clients = {
        port: client(machine, program, address, port + 1000, address, port) for program, address, port in pairs
    }
    for port, peer in clients.items():
        wait_for_association(machine, port, port + 1000)
        peer.freeze()
    # A client whose data nobody takes ends: its association does not, and has no socket any more.
    clients[5102].end()
    wait_for_association(machine, 6102, 5102, state=SHUTDOWN_PENDING)

    # Without BPF the kernel is asked for each by itself, in turns.
    eventually(
        lambda: json.loads(machine.run("sctpctl assocs --json=short").stdout),
        lambda rows: all(FROM_SOCK_DIAG <= row.keys() for row in rows),
    )
    seen, expected = look_at_associations(
        machine, "sctpctl assocs --json=short", netns, FROM_SOCK_DIAG | FROM_HISTORY
    )
    assert seen.stderr == ""
    assert len(expected) == 4 * len(PROGRAMS)
    assert {a["heartbeatIntervalMs"] for a in expected} == {7000}
    assert {a["state"] for a in expected} == {"established", "shutdown_pending"}
    assert {a["style"] for a in expected} == {"one_to_many", "one_to_one"}
    assert any(a["transmitQueueBytes"] > 0 for a in expected) and any(a["receiveQueueBytes"] > 0 for a in expected)
    assert any(a["inode"] == 0 for a in expected)

    # Both ends are here, and each knows the other's tag.
    by_ports = {(a["localPort"], a["peerPort"]): a for a in listed(seen)}
    for (local, peer), one in by_ports.items():
        assert one["peerTag"] == by_ports[peer, local]["localTag"] > 0
        assert started - 1 < seconds(one["observedSince"]) < time.time() + 1

    for command, reason in (
        (f"sctpctl assocs --json=short {WITHOUT_DAEMON}", "sctpmond is not running"),
        (f"{AS_NOBODY} sctpctl assocs --json=short", "You may not use sctpmond's socket"),
    ):
        seen, _ = look_at_associations(machine, command, netns, FROM_SOCK_DIAG)
        assert reason in seen.stderr and say_why_they_read_themselves(seen)

    assert_the_same_of_a_saved_tree(machine)


def save_tree(machine, root):
    machine.run(f"mkdir -p {root}/proc/net && cp -r /proc/net/sctp {root}/proc/net && cp /proc/version {root}/proc")
    return {name: machine.get(f"{root}/proc/net/sctp/{name}").decode() for name in ("eps", "assocs", "remaddr")}


def assert_the_same_of_a_saved_tree(machine):
    """Of which neither the tick of its kernel is known, nor the namespace."""
    tables = save_tree(machine, "/srv/saved")

    seen = machine.run("sctpctl eps --json=short --root=/srv/saved")
    assert endpoints(seen) == kernel_table.endpoints(tables["eps"]) != []
    seen = machine.run("sctpctl assocs --json=short --root=/srv/saved")
    expected = kernel_table.associations(tables["assocs"], tables["remaddr"], hz=None)
    assert associations(seen, set()) == expected != []
    assert {a["heartbeatIntervalJiffies"] for a in expected} == {1750}
    assert seen.stderr == ""
    assert machine.run("sctpctl assocs --raw --root=/srv/saved").stdout == tables["assocs"]


# A server that sends heartbeats every 5.2 s, and to the second address of its peer what there is to send.
OWN_SETTINGS = """
import socket, struct, time
SCTP_PRIMARY_ADDR, SCTP_PEER_ADDR_PARAMS, SPP_HB_ENABLE = 6, 9, 1

def address(text, port):
    return struct.pack("=HH4s120x", socket.AF_INET, socket.htons(port), socket.inet_aton(text))

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
server.bind(("10.0.1.1", 5003))
server.setsockopt(socket.IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS,
                  struct.pack("=i128sIHIIIIBx", 0, b"", 5200, 0, 0, 0, SPP_HB_ENABLE, 0, 0))
server.listen()
connection, _ = server.accept()
connection.recv(100)
connection.setsockopt(socket.IPPROTO_SCTP, SCTP_PRIMARY_ADDR, struct.pack("=i128s", 0, address("10.0.2.2", 6003)))
time.sleep(1000)
"""
IN_PEER = "ip netns exec peer"


@pytest.mark.kernel("6.12")
def test_multi_homed_associations(machine):
    """Between two network namespaces joined by two paths, seen from the daemon's."""
    netns = start_daemon(machine)
    machine.run("/usr/local/lib/lab/two-namespaces")
    for where in "", IN_PEER:
        machine.run(f"{where} sysctl -q net.sctp.hb_interval=1200 net.sctp.rto_min=300 net.sctp.rto_initial=400 "
                    "net.sctp.rto_max=600 net.sctp.path_max_retrans=1 net.sctp.addr_scope_policy=0")
    machine.put("/srv/own-settings.py", OWN_SETTINGS)
    server(machine, "sctp_darn", "10.0.1.1", 5000, ["10.0.2.1"])
    server(machine, "sctp_test", "fd00:1::1", 5001, ["fd00:2::1"])
    server(machine, "sctp_darn", "fd00:1::1", 5002, ["10.0.2.1"])
    Peer(machine, "python3 /srv/own-settings.py")
    wait_for_listeners(machine, 5000, 5001, 5002, 5003)
    clients = [
        client(machine, "sctp_darn", "10.0.1.2", 6000, "10.0.1.1", 5000, ["10.0.2.2"], IN_PEER),
        client(machine, "sctp_test", "fd00:1::2", 6001, "fd00:1::1", 5001, ["fd00:2::2"], IN_PEER),
        # Both families in one association
        client(machine, "sctp_darn", "fd00:1::2", 6002, "fd00:1::1", 5002, ["10.0.2.2"], IN_PEER),
        client(machine, "sctp_darn", "10.0.1.2", 6003, "10.0.1.1", 5003, ["10.0.2.2"], IN_PEER),
    ]
    for port, peer in enumerate(clients, 5000):
        wait_for_association(machine, port, port + 1000)
        peer.freeze()
    machine.wait_until("grep -wq '10.0.1.2 [*]10.0.2.2' /proc/net/sctp/assocs")

    def compare():
        _, expected = look_at_associations(
            machine, "sctpctl assocs --netns=host --json=short", netns, FROM_SOCK_DIAG | FROM_HISTORY
        )
        assert_raw_is_what_cat_shows(machine, "assocs")
        return {a["localPort"]: a for a in expected}

    # remaddr, state 2: active
    machine.wait_until("! awk 'NR > 1 && $8 != 2' /proc/net/sctp/remaddr | grep -q .")
    by_port = compare()
    assert {port: set(a["peerAddresses"]) for port, a in by_port.items()} == {
        5000: {"10.0.1.2", "10.0.2.2"},
        5001: {"fd00:1::2", "fd00:2::2"},
        5002: {"fd00:1::2", "10.0.2.2"},
        5003: {"10.0.1.2", "10.0.2.2"},
    }
    assert {port: a["heartbeatIntervalMs"] for port, a in by_port.items()} == {
        5000: 1200, 5001: 1200, 5002: 1200, 5003: 5200,
    }
    assert by_port[5000]["primaryAddress"] == "10.0.1.2" and by_port[5003]["primaryAddress"] == "10.0.2.2"

    machine.run("ip link set veth2 down")
    machine.wait_until("awk '$1 == \"10.0.2.2\" && $8 == 0' /proc/net/sctp/remaddr | grep -q .")
    assert "inactive" in {path["state"] for a in compare().values() for path in a["paths"]}


GARBAGE = [b"garbage\n", b"\n", b"\x00\xff\x1b[31m \xc3\x28\n", b"1 2 3 99 99\n", b"x" * 100000 + b"\n"]
# By column, what the kernel would never print there
WRONG = {
    "eps": {2: b"9", 3: b"99", 5: b"port"},
    "assocs": {2: b"9", 4: b"99", 6: b"-1"},
    "remaddr": {0: b"300.1.1.1", 1: b"port", 7: b"4"},
}


def with_garbage(name, table):
    """Puts rows between the good ones that are none; tells how many."""
    header, first, *others = table.splitlines(keepends=True)
    words = first.split()
    bad = [*GARBAGE, first[:len(first) // 2] + b"\n"]
    for column, wrong in WRONG[name].items():
        bad.append(b" ".join([*words[:column], wrong, *words[column + 1:]]) + b"\n")
    return b"".join([header, *bad[:4], first, *bad[4:], *others]), len(bad)


def test_garbage_in_the_tables(machine):
    """Good rows are served and the others told of, by the daemon and without it."""
    machine.put("/etc/sctpmond.conf.d/20-tables.conf", "[Monitor]\nBpf=no\n")
    netns = start_daemon(machine)
    server(machine, "ncat", "127.0.0.1", 5000)
    server(machine, "ncat", "127.0.0.1", 5001)
    wait_for_listeners(machine, 5000, 5001)
    client(machine, "ncat", "127.0.0.1", 6000, "127.0.0.1", 5000)
    wait_for_association(machine, 5000, 6000)
    wait_for_association(machine, 6000, 5000)
    good, bad_rows = save_tree(machine, "/srv/bad"), {}
    for table in WRONG:
        text, bad_rows[table] = with_garbage(table, good[table].encode())
        machine.put(f"/srv/bad/proc/net/sctp/{table}", text)
    tables = good["assocs"], good["remaddr"]

    seen = machine.run("sctpctl eps --json=short --root=/srv/bad")
    assert endpoints(seen) == kernel_table.endpoints(good["eps"])
    assert "eps, line 2, is left out: " in seen.stderr and "more rows are left out." in seen.stderr
    assert all(character == "\n" or character.isprintable() for character in seen.stderr)
    seen = machine.run("sctpctl assocs --json=short --root=/srv/bad")
    assert associations(seen, set()) == kernel_table.associations(*tables, hz=None)
    assert "assocs, line 2, is left out: " in seen.stderr and "eps" not in seen.stderr

    # The daemon's scanner, and nobody else, sees these tables in the place of the kernel's.
    scanner = json.loads(machine.run("sctpctl status --json=short").stdout)["scannerPid"]
    machine.run(f"nsenter --target={scanner} --mount mount --bind /srv/bad/proc/net /proc/{scanner}/task/{scanner}/net")
    seen = machine.run("sctpctl eps --json=short")
    assert endpoints(seen) == kernel_table.endpoints(good["eps"], netns)
    seen = machine.run("sctpctl assocs --json=short")
    assert associations(seen, FROM_SOCK_DIAG | FROM_HISTORY) == kernel_table.associations(*tables, netns)

    status = json.loads(machine.run("sctpctl status --json=short").stdout)
    assert {source["name"]: source["malformed"] for source in status["sources"]}.items() >= bad_rows.items()
    assert ("eps", 2) in {(complaint["source"], complaint["line"]) for complaint in status["complaints"]}
    assert "eps, line 2: " in machine.run("sctpctl status").stdout
    machine.wait_until("journalctl --unit=sctpmond | grep -q '/proc/net/sctp/eps line 2 passed over: '")


def test_exit_codes(machine):
    start_daemon(machine)
    server(machine, "ncat", "127.0.0.1", 5000)
    wait_for_listeners(machine, 5000)
    for arguments, code, said in (
        ("eps --port=5000", 0, ""),
        ("assocs", 0, ""),
        ("eps --port=5001", 4, "No endpoint matches."),
        (f"eps --port=5001 {WITHOUT_DAEMON}", 4, "No endpoint matches."),
        ("assocs --peer=192.0.2.1", 4, "No association matches."),
        ("eps --netns=inode:1", 4, "inode:1"),
        ("eps --state=nonsense", 2, "expected one of"),
        ("eps --root=/nowhere", 1, "No such file or directory"),
        ("eps --root=/srv", 3, "not available"),
        ("assoc", 2, 'Did you mean "assocs"?'),
        ("eps --raw --json=short", 2, "not together"),
    ):
        done = machine.run(f"sctpctl {arguments}", check=False)
        assert (arguments, done.returncode) == (arguments, code), done.output()
        assert said in done.stderr and bool(done.stderr) == bool(said)
