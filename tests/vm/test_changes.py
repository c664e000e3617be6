# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happened, and why: each kind of end and of trouble, told alike by the journal, `sctpctl log`, `sctpctl monitor`
and the method Monitor, at both ends."""

import json
import signal

import pytest

import journal
import sctppeer
from seen import by_ports, eventually, listed, row_is, source, status

IN_PEER = "ip netns exec peer"
# Gives up after some seconds what it gives up after minutes by default.
IMPATIENT = (
    "for run in '' 'ip netns exec peer'; do $run sysctl -q net.sctp.rto_min=200 net.sctp.rto_initial=300"
    " net.sctp.rto_max=600 net.sctp.max_init_retransmits=3 net.sctp.association_max_retrans=4"
    " net.sctp.path_max_retrans=2 net.sctp.hb_interval=500; done"
)
MONITOR = "/run/monitor"


def watch_all(machine, bpf):
    """Two namespaces with two links between them, the daemon, and somebody who follows it. With `bpf` the kernel tells
    what happens, without it two looks do."""
    machine.run(f"modprobe sctp && /usr/local/lib/lab/two-namespaces && {IMPATIENT}")
    sctppeer.install(machine)
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nInterval=100ms\nCpuShare=100%\nDamping=no\n"
                f"Bpf={'yes' if bpf else 'no'}\n")
    machine.run("systemctl start sctpmond && sctpctl eps")
    eventually(lambda: source(machine, "bpf_events"), lambda now: now["result"] == ("read" if bpf else "skipped"))
    follower = machine.spawn(f"exec sctpctl monitor --json=short >{MONITOR}")
    eventually(lambda: status(machine)["clients"]["monitors"], lambda n: n == 1)
    return follower


def link(machine, number, works):
    """Frames into a link that does not work are lost, and nobody is told."""
    for run, device in ("", f"veth{number}"), (IN_PEER, f"veth{number}"):
        machine.run(f"{run} tc qdisc {'del' if works else 'add'} dev {device} root" + (" netem loss 100%" * (not works)))


def join(machine, port, paths=1, **options):
    """A server there and its client here, connected, and seen by the daemon."""
    there, here = ([f"10.0.{n}.{end}" for n in range(1, paths + 1)] for end in (2, 1))
    server = sctppeer.start(machine, "serve", there, port, where=IN_PEER, **options)
    client = sctppeer.start(machine, "connect", here, port, there, local_port=port + 1000, **options)
    wait_for(machine, port, "association_up")
    # Whose they are is found out a little later.
    eventually(lambda: listed(machine, "assocs", f"--port={port}"),
               lambda rows: len(rows) == 2 and all("owners" in row and "sockDiagAt" in row for row in rows))
    return server, client


def wait_for(machine, port, kind, where=""):
    """Until the journal tells this of both ends."""
    value = next(value for value, name in journal.NAMES.items() if name == kind)
    for ends in f"SCTP_LOCAL_PORT={port + 1000} SCTP_PEER_PORT={port}", f"SCTP_LOCAL_PORT={port} SCTP_PEER_PORT={port + 1000}":
        machine.wait_until(f"journalctl --quiet MESSAGE_ID={value} {ends} {where} | grep -q .", timeout=90)


def same_everywhere(machine):
    """All that the journal tells, after it was compared with what everybody else is told."""
    def brief(change):
        thing = change.get("association") or change.get("endpoint") or {}
        port = thing.get("localPort")
        return change["type"], change["at"], port and str(port)

    def everywhere():
        entries = journal.entries(machine)
        told = [(entry["kind"], entry["SCTP_SEEN_AT"], entry.get("SCTP_LOCAL_PORT")) for entry in entries]
        followed = [brief(json.loads(line)) for line in machine.get(MONITOR).splitlines()]
        logged = [brief(json.loads(line)) for line in machine.run("sctpctl log --json=short").stdout.splitlines()]
        return entries, told, followed, logged

    # The follower writes a moment later, and paths go on to change: at some moment all say the same.
    return eventually(everywhere, lambda now: now[1] == now[2] == now[3])[0]


def story(entries, port, client=True):
    """What one end is told of its association: kinds, with what tells them apart."""
    ends = (port + 1000, port) if client else (port, port + 1000)
    result = []
    for entry in journal.of(entries, *ends):
        kind = entry["kind"]
        if kind == "association_state":
            result.append(f"{entry['SCTP_OLD_STATE']} -> {entry['SCTP_NEW_STATE']}")
        elif kind == "association_down":
            result.append(f"down: {entry['SCTP_CAUSE']}")
        elif kind == "path_state":
            result.append(f"{entry['SCTP_PATH']} {entry['SCTP_PATH_NEW_STATE']}")
        elif kind in ("impaired", "recovered"):
            result.append(kind)
        else:
            result.append(kind.removeprefix("association_"))
    return result


def without_steps(story):
    """A look may have met the short steps of a setup or of a shutdown, or not; of a path before it is confirmed, too."""
    return [line for line in story if " -> " not in line and not line.endswith(" active")]


def down(entries, port, client=True):
    ends = (port + 1000, port) if client else (port, port + 1000)
    return next(entry for entry in journal.of(entries, *ends) if entry["kind"] == "association_down")


def triggers(entries, port, client=True):
    """What made each thing happen that one end is told of: kind and name, and the error cause."""
    ends = (port + 1000, port) if client else (port, port + 1000)
    assert all(entry["SCTP_CERTAINTY"] == "exact" for entry in journal.of(entries, *ends) if "SCTP_REASONS" not in entry)
    return [
        " ".join(entry[name] for name in ("SCTP_TRIGGER", "SCTP_TRIGGER_NAME", "SCTP_ERROR_CAUSE") if name in entry)
        for entry in journal.of(entries, *ends) if "SCTP_REASONS" not in entry
    ]


# What happens when one end connects, and the other is connected to.
CONNECTS = ["closed -> cookie_wait", "cookie_wait -> cookie_echoed", "up"]
CONNECTED_BY = ["primitive ASSOCIATE", "chunk INIT ACK", "chunk COOKIE ACK"]


@pytest.mark.kernel("6.12")
def test_ends(machine):
    check_ends(machine, bpf=True)


@pytest.mark.kernel("6.1")
def test_ends_without_bpf(machine):
    check_ends(machine, bpf=False)


def wait_for_owners(machine, port):
    """Afterwards nobody has the socket any more."""
    eventually(lambda: listed(machine, "assocs", f"--port={port}"),
               lambda rows: len(rows) == 2 and all(row.get("owners") for row in rows))


def check_ends(machine, bpf):
    watch_all(machine, bpf)

    # A client that closes: SHUTDOWN.
    server, client = join(machine, 5000)
    sctppeer.tell(client, "close", "closed")
    wait_for(machine, 5000, "association_down")
    # One that is killed: the kernel closes for it.
    killed_server, killed = join(machine, 5001)
    wait_for_owners(machine, 5001)
    killed.kill(signal.SIGKILL)
    wait_for(machine, 5001, "association_down")
    # One that aborts, and keeps its socket: a look may fall between the close of a descriptor and what that brings about.
    abort_server, aborting = join(machine, 5002, many=True)
    wait_for_owners(machine, 5002)
    sctppeer.tell(aborting, "abort", "aborted")
    wait_for(machine, 5002, "association_down")
    # One that nobody answers.
    machine.run("ip neigh add 10.0.1.77 lladdr 02:00:00:00:00:77 dev veth1")
    sctppeer.start(machine, "connect", ["10.0.1.1"], 5003, ["10.0.1.77"], local_port=6003, wait="failed")
    machine.wait_until("journalctl --quiet SCTP_NEW_STATE=closed SCTP_PEER_PORT=5003 | grep -q .")

    entries = same_everywhere(machine)
    for port, cause in (5000, "graceful"), (5001, "graceful"), (5002, "aborted"):
        for client_end in True, False:
            assert without_steps(story(entries, port, client_end)) == ["up", f"down: {cause}"]
            entry = down(entries, port, client_end)
            assert entry["SCTP_CAUSE_CERTAINTY"] == ("exact" if bpf else "high")
            assert int(entry["SCTP_DURATION_MS"]) >= 0
            assert entry.get("SCTP_NETNS_NAME") == (None if client_end else "peer")
            # Of one that was closed before its end nobody has the socket any more; what came before may have been told
            # before its owner was known.
            owned = [e for e in journal.of(entries, *((port + 1000, port) if client_end else (port, port + 1000)))
                     if "SCTP_COMM" in e]
            assert owned or (port, client_end) == (5000, True)
            assert all(e["SCTP_COMM"] == "sctppeer" and e["SCTP_PID"] for e in owned)
    assert without_steps(story(entries, 5003)) == ["down: init_timeout"]
    if bpf:
        check_triggers_of_ends(entries)

    # Refused by a closed port, nearly each in less time than from one look to the next.
    machine.run("for i in {1..20}; do ncat --sctp -s 10.0.1.1 -p 6004 10.0.1.2 5004 </dev/null || true; done 2>&1")

    def refused():
        """How many are told of, and how many are counted as not observed."""
        entries = journal.entries(machine)
        rest = [entry for entry in entries if entry["kind"] == "unobserved"]
        assert all(entry["SCTP_ESTABLISHED"] == "0" for entry in rest)
        told = [entry for entry in journal.of(entries, 6004, 5004) if entry["kind"] == "association_down"]
        return len(told), sum(int(entry["SCTP_FAILED"]) for entry in rest)

    if bpf:
        assert eventually(refused, lambda found: found[0] >= 20) == (20, 0)
        assert triggers(journal.entries(machine), 5004) == ["primitive ASSOCIATE", "chunk ABORT"] * 20
    else:
        # Of one that was seen before it ended the counters do not tell how: then one less is counted, to be sure.
        told, counted = eventually(refused, lambda found: found[1] >= 20 - 2 * found[0])
        assert 10 <= told + counted <= 20
    same_everywhere(machine)
    for process in server, killed_server, abort_server:
        process.kill()


def check_triggers_of_ends(entries):
    for port in 5000, 5001:
        assert story(entries, port) == [
            *CONNECTS, "established -> shutdown_pending", "shutdown_pending -> shutdown_sent", "down: graceful",
        ] or story(entries, port) == [*CONNECTS, "established -> shutdown_sent", "down: graceful"]
        assert triggers(entries, port)[-1] == "chunk SHUTDOWN ACK"
        assert set(triggers(entries, port)[3:-1]) <= {"primitive SHUTDOWN", "chunk SACK"}
        assert story(entries, port, client=False) == ["up", "established -> shutdown_ack_sent", "down: graceful"]
        assert triggers(entries, port, client=False) == ["chunk COOKIE ECHO", "chunk SHUTDOWN", "chunk SHUTDOWN COMPLETE"]
    assert triggers(entries, 5002) == [*CONNECTED_BY, "primitive ABORT 12"]
    assert triggers(entries, 5002, client=False) == ["chunk COOKIE ECHO", "chunk ABORT 12"]
    assert triggers(entries, 5003) == ["primitive ASSOCIATE", "timer T1-init"]
    entry = down(entries, 5003)
    assert int(entry["SCTP_TRIES"]) >= int(entry["SCTP_TRIES_MAX"]) == 3
    assert "no answer to INIT after " in entry["MESSAGE"]
    assert "user-initiated ABORT" in down(entries, 5002, client=False)["MESSAGE"]


@pytest.mark.kernel("6.1")
def test_links_that_fail(machine):
    check_links_that_fail(machine, bpf=True)


@pytest.mark.kernel("6.12")
def test_links_that_fail_without_bpf(machine):
    check_links_that_fail(machine, bpf=False)


def check_links_that_fail(machine, bpf):
    watch_all(machine, bpf)

    # One of two paths fails, and comes back.
    two_server, two = join(machine, 5000, paths=2)
    link(machine, 2, works=False)
    wait_for(machine, 5000, "impaired")
    for verb in "assocs", "paths":
        rows = listed(machine, verb, "--port=5000 --impaired")
        assert rows, verb
    machine.wait_until("journalctl --quiet SCTP_PATH=10.0.2.2 SCTP_PATH_NEW_STATE=inactive | grep -q .")
    machine.wait_until("journalctl --quiet SCTP_PATH=10.0.2.1 SCTP_PATH_NEW_STATE=inactive | grep -q .")
    link(machine, 2, works=True)
    wait_for(machine, 5000, "recovered")

    # The only link fails: with data to send, and idle.
    busy_server, busy = join(machine, 5001)
    idle_server, idle = join(machine, 5002)
    # Killed while nobody can be told: SHUTDOWN is not answered.
    silent_server, silent = join(machine, 5003)
    link(machine, 1, works=False)
    sctppeer.tell(busy, "send 1", "sent")
    silent.kill(signal.SIGKILL)
    for port in 5001, 5002, 5003:
        wait_for(machine, port, "association_down")
    link(machine, 1, works=True)
    entries = same_everywhere(machine)

    for client_end, path in (True, "10.0.2.2"), (False, "10.0.2.1"):
        told = story(entries, 5000, client_end)
        seen = [line for line in told if line.startswith(path)]
        assert seen[-1] == f"{path} active" and f"{path} inactive" in seen
        assert told[0] == "up" or " -> " in told[0]
        rest = [line for line in without_steps(told) if line in ("impaired", "recovered")]
        assert rest[0] == "impaired" and rest[-1] == "recovered"
    for port in 5001, 5002, 5003:
        for client_end in True, False:
            told = without_steps(story(entries, port, client_end))
            assert (told[0], told[-1]) == ("up", "down: retransmissions_exhausted"), told
    assert "shutdown_sent" in " ".join(story(entries, 5003))
    if bpf:
        assert triggers(entries, 5001)[-1] == "timer T3-rtx"
        assert triggers(entries, 5002)[-1] == triggers(entries, 5002, client=False)[-1] == "timer heartbeat"
        assert triggers(entries, 5003)[-1] == "timer T2-shutdown"
        entry = down(entries, 5001)
        assert int(entry["SCTP_TRIES"]) >= int(entry["SCTP_TRIES_MAX"]) == 4
    for process in two, two_server, busy_server, idle_server, silent_server:
        process.kill()


@pytest.mark.kernel("6.12")
def test_the_same_association_goes_on(machine):
    check_the_same_association_goes_on(machine, bpf=True)


@pytest.mark.kernel("6.1")
def test_the_same_association_goes_on_without_bpf(machine):
    check_the_same_association_goes_on(machine, bpf=False)


def check_the_same_association_goes_on(machine, bpf):
    watch_all(machine, bpf)

    # The peer begins anew without having said farewell. A HEARTBEAT in between would be answered by an ABORT.
    server, client = join(machine, 5000, heartbeat=0)
    link(machine, 1, works=False)
    sctppeer.tell(client, "abort", "aborted")
    machine.wait_until("! grep -qw 6000 /proc/net/sctp/assocs")
    link(machine, 1, works=True)
    again = sctppeer.start(machine, "connect", ["10.0.1.1"], 5000, ["10.0.1.2"], local_port=6000)
    machine.wait_until("journalctl --quiet --output=cat SCTP_LOCAL_PORT=5000 | grep -q 'restart'", timeout=60)

    # The primary path is another one: nothing else has happened.
    other_server, other = join(machine, 5001, paths=2)
    before = by_ports(listed(machine, "assocs", "--port=5001"))[6001, 5001]["primaryAddress"]
    after = {"10.0.1.2": "10.0.2.2", "10.0.2.2": "10.0.1.2"}[before]
    sctppeer.tell(other, f"primary {after}", "set")
    machine.wait_until(f"journalctl --quiet SCTP_OLD_PRIMARY={before} SCTP_PRIMARY={after} | grep -q .")
    assert row_is(by_ports(listed(machine, "assocs", "--port=5001"))[6001, 5001], primaryAddress=after)

    entries = same_everywhere(machine)
    at_server = without_steps(story(entries, 5000, client=False))
    assert at_server == ["up", "restart"]
    restart = next(entry for entry in journal.of(entries, 5000, 6000) if entry["kind"] == "association_restart")
    for tag in "LOCAL_TAG", "PEER_TAG":
        assert 0 < int(restart[f"SCTP_OLD_{tag}"]) != int(restart[f"SCTP_{tag}"]) > 0
    [logged] = [
        change for change in map(json.loads, machine.run("sctpctl log --json=short").stdout.splitlines())
        if change.get("type") == "association_restart"
    ]
    assert str(logged["oldLocalTag"]) == restart["SCTP_OLD_LOCAL_TAG"]
    assert str(logged["association"]["peerTag"]) == restart["SCTP_PEER_TAG"]
    assert without_steps(story(entries, 5000)) == ["up", "down: aborted", "up"]
    assert without_steps(story(entries, 5001)) == ["up", "primary_changed"]
    assert without_steps(story(entries, 5001, client=False)) == ["up"]
    for process in server, again, other, other_server:
        process.kill()
