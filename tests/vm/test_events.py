# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel tells as it does it: rarer beginnings and ends, step by step, each with what made it so, at both
ends."""

import json
import os
import signal

import pytest

import journal
import load
from seen import eventually, source

# Plays one scene after the other between the namespaces `here` and `there`, each with a port of its own: the server's,
# and 1000 above it the client's. Arguments: scenes as NAME:PORT.
SCENES = r"""
import contextlib, ctypes, os, signal, socket, struct, subprocess, sys, time

SCTP, ASSOCINFO, AUTOCLOSE, BINDX_ADD, BINDX_REMOVE = 132, 1, 4, 100, 101
libc = ctypes.CDLL(None, use_errno=True)
HERE, THERE, OTHER = "10.0.1.1", "10.0.1.2", "10.0.2.1"

def run(command):
    subprocess.run(command, shell=True, check=True)

def sysctl(**settings):
    for where in "", "ip netns exec peer":
        for name, value in settings.items():
            run(f"{where} sysctl -q net.sctp.{name}={value}")

def packed(address, port):
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(address))

namespaces = {place: os.open(path, os.O_RDONLY) for place, path in
              (("here", "/proc/self/ns/net"), ("there", "/run/netns/peer"))}

def opened(place, address, port, kind=socket.SOCK_STREAM):
    assert libc.setns(namespaces[place], 0) == 0
    s = socket.socket(socket.AF_INET, kind, SCTP)
    assert libc.setns(namespaces["here"], 0) == 0
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    return s

def server(port, kind=socket.SOCK_STREAM):
    s = opened("there", THERE, port, kind)
    s.listen(5)
    return s

def client(port, kind=socket.SOCK_STREAM):
    return opened("here", HERE, port + 1000, kind)

def pair(port):
    listener, c = server(port), client(port)
    c.connect((THERE, port))
    s, _ = listener.accept()
    listener.close()
    return c, s

@contextlib.contextmanager
def filtered(rule, *places):
    for place in places:
        run(f"{place} nft 'add table ip f; add chain ip f i {{ type filter hook input priority 0; }}; "
            f"add rule ip f i {rule}'")
    yield
    for place in places:
        run(f"{place} nft delete table ip f")

IN_HERE, IN_THERE = "", "ip netns exec peer"

def refused(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        print(f"({error})")

def cookie_unanswered(port):
    listener, c = server(port), client(port)
    with filtered("ip protocol sctp sctp chunk cookie-echo exists drop", IN_THERE):
        refused(c.connect, (THERE, port))
    c.close(), listener.close()

def shutdown_unanswered(port):
    # So often as T5 takes to expire: five times the greatest RTO.
    sysctl(association_max_retrans=30, path_max_retrans=20)
    c, s = pair(port)
    with filtered("ip protocol sctp sctp chunk shutdown-ack exists drop", IN_HERE):
        c.close()
        time.sleep(5)
    s.close()
    sysctl(association_max_retrans=4, path_max_retrans=2)

def idle(port):
    listener, c = server(port, socket.SOCK_SEQPACKET), client(port, socket.SOCK_SEQPACKET)
    c.setsockopt(SCTP, AUTOCLOSE, struct.pack("i", 1))
    c.connect((THERE, port))
    time.sleep(2.5)
    c.close(), listener.close()

def unreachable(port):
    c = client(port)
    with filtered("ip protocol sctp reject with icmp type prot-unreachable", IN_THERE):
        refused(c.connect, (THERE, port))
    c.close()

def another_address(port):
    c, s = pair(port)
    c.setsockopt(SCTP, BINDX_ADD, packed(OTHER, port + 1000))
    time.sleep(2)
    c.setsockopt(SCTP, BINDX_REMOVE, packed(OTHER, port + 1000))
    time.sleep(1)
    c.close(), s.close()

def unread(port):
    listener, ready = server(port), os.pipe()
    child = os.fork()
    if child == 0:
        s, _ = listener.accept()
        listener.close()
        os.write(ready[1], b"x")
        time.sleep(1000)
    c = client(port)
    c.connect((THERE, port))
    c.send(b"nobody reads this")
    os.read(ready[0], 1)
    time.sleep(0.5)
    listener.close()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    time.sleep(0.5)
    c.close()

def cookies_live(s, milliseconds):
    s.setsockopt(SCTP, ASSOCINFO, struct.pack("=iHHIII", 0, 0, 0, 0, 0, milliseconds))

# However long rules take to go, nobody gives up meanwhile.
def patient(scene):
    def play(port):
        sysctl(max_init_retransmits=100)
        scene(port)
        sysctl(max_init_retransmits=3)
    return play

@patient
def late_cookie(port):
    listener, c = server(port), client(port)
    cookies_live(listener, 50)
    c.setblocking(False)
    with filtered("ip protocol sctp sctp chunk cookie-echo exists drop", IN_THERE):
        refused(c.connect, (THERE, port))
        time.sleep(0.2)
        # The second one is good.
        cookies_live(listener, 60000)
    time.sleep(3)
    c.close(), listener.close()

@patient
def both_at_once(port):
    c, s = client(port), opened("there", THERE, port)
    with filtered("ip protocol sctp drop", IN_HERE, IN_THERE):
        for end, to in (c, (THERE, port)), (s, (HERE, port + 1000)):
            end.setblocking(False)
            refused(end.connect, to)
    time.sleep(2)
    c.close()
    time.sleep(0.3)
    s.close()

for scene in sys.argv[1:]:
    name, port = scene.split(":")
    globals()[name](int(port))
    time.sleep(0.3)
    print(f"played {name}", flush=True)
"""

CONNECTS = [
    "closed -> cookie_wait: primitive ASSOCIATE",
    "cookie_wait -> cookie_echoed: chunk INIT ACK",
    "up: chunk COOKIE ACK",
]
CONNECTED = ["up: chunk COOKIE ECHO"]
CLOSES = ["established -> shutdown_sent: primitive SHUTDOWN", "down, graceful: chunk SHUTDOWN ACK"]
CLOSED = ["established -> shutdown_ack_sent: chunk SHUTDOWN", "down, graceful: chunk SHUTDOWN COMPLETE"]
AT_ONCE = [CONNECTS[0], CONNECTS[1], "up: chunk COOKIE ECHO"]

# What the client's end is told, and the server's.
EXPECTED = {
    "cookie_unanswered": ([*CONNECTS[:2], "down, init_timeout: timer T1-cookie"], []),
    "shutdown_unanswered": (
        [*CONNECTS, CLOSES[0], "down, aborted: timer T5-shutdown-guard"],
        [*CONNECTED, CLOSED[0], "down, aborted: chunk ABORT"],
    ),
    "idle": ([*CONNECTS, "established -> shutdown_sent: timer autoclose", CLOSES[1]], [*CONNECTED, *CLOSED]),
    "unreachable": ([CONNECTS[0], "down, unreachable: icmp protocol unreachable"], []),
    "another_address": (
        [*CONNECTS, *CLOSES],
        [*CONNECTED, "path_added 10.0.2.1: chunk ASCONF", "path_state 10.0.2.1 active: chunk HEARTBEAT ACK",
         "path_removed 10.0.2.1: chunk ASCONF", *CLOSED],
    ),
    "unread": (
        [*CONNECTS, "down, aborted: chunk ABORT 12"], [*CONNECTED, "down, aborted: primitive ABORT 12"],
    ),
    "late_cookie": (
        [*CONNECTS[:2], "cookie_echoed -> cookie_wait: chunk ERROR 3", *CONNECTS[1:], *CLOSES], [*CONNECTED, *CLOSED],
    ),
    "both_at_once": ([*AT_ONCE, *CLOSES], [*AT_ONCE, *CLOSED]),
}
# Beside these, paths fail where nothing is answered.
QUIET = ("shutdown_unanswered", "late_cookie", "both_at_once")


def told(entries, local_port, peer_port):
    result = []
    for entry in journal.of(entries, local_port, peer_port):
        kind = entry["kind"]
        if kind in ("impaired", "recovered"):
            continue
        assert entry["SCTP_CERTAINTY"] == "exact", entry
        what = kind.removeprefix("association_")
        if kind == "association_state":
            what = f"{entry['SCTP_OLD_STATE']} -> {entry['SCTP_NEW_STATE']}"
        elif kind == "association_down":
            what += f", {entry['SCTP_CAUSE']}"
        elif "SCTP_PATH" in entry:
            what += f" {entry['SCTP_PATH']}"
            if kind == "path_state":
                what += f" {entry['SCTP_PATH_NEW_STATE']}"
        because = [entry[name] for name in ("SCTP_TRIGGER", "SCTP_TRIGGER_NAME", "SCTP_ERROR_CAUSE") if name in entry]
        result.append(f"{what}: {' '.join(because)}")
    return result


@pytest.fixture
def stage(machine):
    machine.run("modprobe sctp && /usr/local/lib/lab/two-namespaces")
    machine.run(
        "for run in '' 'ip netns exec peer'; do $run sysctl -q net.sctp.rto_min=100 net.sctp.rto_initial=200"
        " net.sctp.rto_max=500 net.sctp.hb_interval=500 net.sctp.path_max_retrans=2 net.sctp.association_max_retrans=4"
        " net.sctp.max_init_retransmits=3 net.sctp.addip_enable=1 net.sctp.addip_noauth_enable=1; done"
    )
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nDamping=no\nCpuShare=100%\n")
    machine.run("systemctl start sctpmond && sctpctl eps")
    eventually(lambda: source(machine, "bpf_events"), lambda now: now["result"] == "read")
    return machine


@pytest.mark.kernel("6.1")
@pytest.mark.machine(bpf=True)
def test_scenes(stage):
    stage.put("/root/scenes.py", SCENES)
    ports = {name: 5100 + number for number, name in enumerate(EXPECTED)}
    scenes = " ".join(f"{name}:{port}" for name, port in ports.items())
    played = stage.run(f"python3 /root/scenes.py {scenes}", timeout=180)
    assert played.stdout.count("played") == len(EXPECTED)

    entries = journal.entries(stage)
    for name, port in ports.items():
        for end, expected in zip(((port + 1000, port), (port, port + 1000)), EXPECTED[name]):
            lines = told(entries, *end)
            if name in QUIET:
                lines = [line for line in lines if not line.startswith("path_state")]
            assert lines == expected, (name, end)
    assert not [entry for entry in entries if entry["kind"] == "unobserved"]

    # In plain words, too.
    log = stage.run("sctpctl log").stdout
    for words in (
        "closed after 1 s of idleness (autoclose)", "the network says that the peer has no SCTP",
        "we gave up: no answer to COOKIE ECHO after ", "peer aborted: user-initiated ABORT",
        "peer asked for it (ASCONF)", "stale cookie",
    ):
        assert words in log, (words, log)


# Counts what is told, as fast as it comes: of each end an up and then a down; all else is wrong. What has been counted so
# far is in /run/counted.
COUNT = r"""
import collections, json, os, socket, threading
told, open_, wrong, ended = collections.Counter(), {}, [], 0

def write():
    with open("/run/counted.new", "w") as file:
        json.dump({"told": told, "ended": ended, "open": len(open_), "wrong": wrong[:5]}, file)
    os.rename("/run/counted.new", "/run/counted")
    threading.Timer(0.5, write).start()

def replies():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("/run/sctpmon/io.sctpmon.Monitor")
    connection.sendall(b'{"method":"io.sctpmon.Monitor.Monitor","more":true}\0')
    rest = b""
    while data := connection.recv(1 << 20):
        *whole, rest = (rest + data).split(b"\0")
        yield from whole

KINDS = b"association_up", b"association_down", b"association_restart", b"unobserved", b"error"
COUNTED = [b'"%s"' % kind for kind in KINDS]
write()
for line in replies():
    # Most are steps between.
    if not any(name in line for name in COUNTED):
        continue
    parameters = json.loads(line)["parameters"]
    change = parameters.get("change")
    if not change:
        wrong.append(parameters)
        continue
    told[f"{change['type']} {change['certainty']}"] += 1
    association = change.get("association")
    if not association:
        wrong.append(change)
        continue
    key = association["netns"], association["localTag"], association["localPort"], association["peerPort"]
    seen = open_.pop(key, None)
    if change["type"] == "association_up" and not seen:
        open_[key] = True
    elif change["type"] == "association_down" and seen:
        ended += 1
    else:
        wrong.append((key, change["type"]))
"""

# `./quickstart soak` asks for a hundred thousand associations, of which each connection makes two. An emulated machine
# has the time for so many a second.
CONNECTIONS = int(os.environ.get("SCTPMON_SOAK_CONNECTIONS", 500))
RATE = int(os.environ.get("SCTPMON_SOAK_RATE", 25))


@pytest.mark.kernel("6.12")
@pytest.mark.machine(bpf=True)
def test_none_is_missed(stage):
    load.install(stage)
    stage.put("/root/count.py", COUNT)
    # Who is too slow to read what is told is not told on.
    counter = stage.spawn("exec nice -n -15 python3 /root/count.py")
    eventually(lambda: journal.status(stage)["clients"]["monitors"], lambda n: n == 1)
    churn = stage.run(f"sctpload -p 7001 churn {RATE} {CONNECTIONS // RATE}", timeout=120 + CONNECTIONS)
    made = CONNECTIONS // RATE * RATE
    assert f"made {made} " in churn.stdout
    ends = 2 * made

    def counted():
        return json.loads(stage.get("/run/counted"))

    eventually(counted, lambda now: now["ended"] >= ends or now["wrong"] or counter.returncode is not None, timeout=300)
    # Nothing more comes.
    journal.settle(stage)
    stage.run("sleep 1")
    result = counted()
    print(f"{churn.stdout.strip()}; {result}; {journal.status(stage)['journal']}")
    assert result == {
        "told": {"association_up exact": ends, "association_down exact": ends}, "ended": ends, "open": 0, "wrong": [],
    }
    assert (counter.returncode, counter.stderr) == (None, "")
    assert source(stage, "bpf_events").get("reason") is None


# A client that says hello, and one to whom nobody listens.
TRACED = r"""
exec(open("/root/scenes.py").read().split("for scene in")[0])
c, s = pair(5300)
c.send(b"hello")
assert s.recv(10) == b"hello"
c.close()
assert s.recv(10) == b""
s.close()
c = client(5301)
refused(c.connect, (THERE, 5301))
c.close()
kept = pair(5302)
print("done", flush=True)
time.sleep(1000)
"""

# What both ends are called for, in this order; heartbeats and timers come as they like.
STEPS = {
    (6300, 5300): [
        "primitive ASSOCIATE: closed > cookie_wait", "chunk INIT ACK: cookie_wait > cookie_echoed",
        "chunk COOKIE ACK: cookie_echoed > established", "primitive SEND: established > established",
        "chunk SACK: established > established", "primitive SHUTDOWN: established > shutdown_sent",
        "chunk SHUTDOWN ACK: shutdown_sent > closed",
    ],
    (5300, 6300): [
        "chunk INIT: closed > closed", "chunk COOKIE ECHO: closed > established",
        "chunk DATA: established > established", "chunk SHUTDOWN: established > shutdown_ack_sent",
        "chunk SHUTDOWN COMPLETE: shutdown_ack_sent > closed",
    ],
    (6301, 5301): ["primitive ASSOCIATE: closed > cookie_wait", "chunk ABORT: cookie_wait > closed"],
    (5301, 6301): ["chunk INIT: closed > closed"],
}


def traced(output):
    """Steps by their ports, as STEPS has them; with the changes between them that are about an association's state."""
    steps = {}
    for change in map(json.loads, output.splitlines()):
        association, trigger = change.get("association"), change.get("trigger", {})
        if change["type"] != "step" or trigger["kind"] == "timer" or trigger["name"].startswith("HEARTBEAT"):
            continue
        if (association["localPort"], association["peerPort"]) not in STEPS:
            continue
        assert change["certainty"] == "exact"
        if trigger["kind"] == "chunk":
            assert change["path"] == association["peerAddresses"][0], change
        else:
            assert trigger["command"] == "python3", change
        steps.setdefault((association["localPort"], association["peerPort"]), []).append(
            f"{trigger['kind']} {trigger['name']}: {change['oldState']} > {change['newState']}")
    return steps


@pytest.mark.kernel("6.12")
@pytest.mark.machine(bpf=True)
def test_trace(stage):
    """Each chunk, timer and request, for those who ask."""
    stage.put("/root/scenes.py", SCENES)
    stage.put("/root/traced.py", TRACED)
    followers = [stage.spawn(f"exec sctpctl {verb}") for verb in (
        "trace --json=short", "trace --json=short --peer=10.0.1.2:5300", "trace --port=5300", "monitor --json=short")]
    eventually(lambda: journal.status(stage)["clients"]["monitors"], lambda n: n == len(followers))
    stage.spawn("exec python3 /root/traced.py").wait_for_output("done\n")
    every, one, lines, changes = followers
    eventually(lambda: traced(every.stdout), lambda now: now.get((5301, 6301)) == STEPS[5301, 6301])
    assert traced(every.stdout) == STEPS
    assert traced(one.stdout) == {(6300, 5300): STEPS[6300, 5300]}
    # The changes stand between them, and who asked for nothing else gets them alone.
    eventually(lambda: [[change for change in map(json.loads, follower.stdout.splitlines()) if change["type"] != "step"]
                        for follower in (every, changes)], lambda told: told[0] == told[1])
    for words in ("chunk COOKIE ACK from 10.0.1.2; cookie_echoed -> established", "request SEND (python3, pid ",
                  "chunk INIT from 10.0.1.1; no association", "association_up"):
        assert words in lines.stdout, (words, lines.stdout)
    assert not [follower.stderr for follower in followers if follower.stderr]
    assert "step" not in stage.run("sctpctl log").stdout

    # When nobody asks any more the kernel tells steps no longer, of heartbeats for instance; nor those of other ports.
    for follower in followers:
        follower.kill(signal.SIGTERM)
    told = None
    for command, grows in (None, False), ("sctpctl trace", True), ("sctpctl trace --port=1", False):
        follower = command and stage.spawn(f"exec {command}")
        eventually(lambda: journal.status(stage)["clients"]["monitors"], lambda n: n == bool(command))
        journal.settle(stage)
        told = source(stage, "bpf_events")["rows"]
        if grows:
            eventually(lambda: source(stage, "bpf_events")["rows"], lambda now: now > told)
        else:
            stage.run("sleep 2 && sctpctl eps")
            assert source(stage, "bpf_events")["rows"] == told
        if follower:
            follower.kill(signal.SIGTERM)

    stage.put("/etc/sctpmond.conf.d/30-test.conf", "[Monitor]\nBpf=no\n")
    stage.run("systemctl reload sctpmond && sctpctl eps")
    refusal = stage.run("sctpctl trace", check=False)
    assert refusal.returncode == 1 and "Bpf=no" in refusal.stderr and "sctpctl monitor" in refusal.stderr
