# SPDX-License-Identifier: LGPL-2.1-or-later
"""What has been told can be read again: from the journal, from the daemon's memory, and by scripts that wait or check."""

import json

import pytest

import inside
import journal
import load
import sctppeer
from seen import eventually, listed, status
from varlink import Connection


def start(machine, settings=""):
    load.install(machine)
    sctppeer.install(machine)
    machine.put(
        "/etc/sctpmond.conf.d/20-test.conf",
        f"[Monitor]\nInterval=100ms\nCpuShare=100%\n{settings}\n[Peer hlr1]\nAddress=127.0.0.2\n",
    )
    machine.run("modprobe sctp && systemctl start sctpmond && sctpctl eps")


def log(machine, options="", check=True):
    done = machine.run(f"sctpctl log --json=short {options}", check=False)
    assert done.returncode == 0 or not check, done.output()
    return [json.loads(line) for line in done.stdout.splitlines()]


def ports(changes):
    return [(change["association"]["localPort"], change["association"]["peerPort"])
            for change in changes if "association" in change]


def of(change):
    thing = change.get("association") or change.get("endpoint")
    return change["type"], change["at"], thing["localPort"]


def history(since):
    replies = Connection().list("GetHistory", {"since": since} if since else {})
    assert all("change" in reply["parameters"] for reply in replies[:-1]), replies[:3]
    return [reply["parameters"]["change"] for reply in replies[:-1]], replies[-1]["parameters"]["historySince"]


@pytest.mark.kernel("6.12")
def test_log(machine):
    start(machine)
    server = sctppeer.start(machine, "serve", ["127.0.0.1"], 5000)
    other_server = sctppeer.start(machine, "serve", ["127.0.0.2"], 5001)
    first = sctppeer.start(machine, "connect", ["127.0.0.1"], 5000, ["127.0.0.1"], local_port=6000)
    second = sctppeer.start(machine, "connect", ["127.0.0.1"], 5001, ["127.0.0.2"], local_port=6001)
    for port in 6000, 6001:
        journal.wait_for_state(machine, "established", port, port - 1000)
    sctppeer.tell(first, "close", "closed")
    journal.wait_for_state(machine, "closed", 6000, 5000)
    between = machine.run("date +'%F %T.%N'").stdout.strip()
    machine.run("sleep 1")
    sctppeer.tell(second, "abort", "aborted")
    journal.wait_for_state(machine, "closed", 6001, 5001)

    entries = journal.entries(machine)
    told = log(machine)
    assert [change["type"] for change in told] == journal.kinds(entries)
    kept, _ = inside.run(machine, history, None)
    assert [of(change) for change in kept] == [of(change) for change in told]
    # Its name stands wherever the peer is, and is as good as its address.
    named = [change for change in told if change.get("association", {}).get("peerName") == "hlr1"]
    assert named and set(ports(named)) == {(6001, 5001)}
    assert log(machine, "--peer=hlr1") == log(machine, "--peer=127.0.0.2:5001") == named
    assert "hlr1" in entries[next(i for i, e in enumerate(entries) if e.get("SCTP_LOCAL_PORT") == "6001")]["MESSAGE"]

    assert set(ports(log(machine, "--port=6000"))) == {(6000, 5000), (5000, 6000)}
    later = log(machine, f"--since='{between}'")
    assert later and {port for pair in ports(later) for port in pair} == {5001, 6001}
    sooner = log(machine, f"--until='{between}'")
    assert sooner + later == told
    assert log(machine, "--lines=2") == told[-2:]
    assert log(machine, "--boot") == told
    assert log(machine, "--port=9", check=False) == []
    text = machine.run("sctpctl log --no-pager").stdout.splitlines()
    # That SCTP is there is a line, too.
    assert len([line for line in text if "SCTP is available" not in line]) == len(told)
    assert any("aborted" in line and "hlr1" in line for line in text)

    # Without the daemon, and from a copy of the journal that nobody else reads.
    machine.run("systemctl stop sctpmond.socket sctpmond; journalctl --flush; journalctl --sync; mkdir /root/copy;"
                " cp -r /var/log/journal/*/* /root/copy/ 2>/dev/null || cp -r /run/log/journal/*/* /root/copy/")
    assert log(machine) == told
    assert log(machine, "--directory=/root/copy") == told
    missing = machine.run("sctpctl log --directory=/root/nowhere", check=False)
    assert missing.returncode == 1 and "/root/nowhere" in missing.stderr

    # It follows, and what comes next is there at once.
    follower = machine.spawn("exec sctpctl log --follow --lines=0 --json=short")
    machine.run("systemctl start sctpmond.socket sctpmond && sctpctl eps")
    third = sctppeer.start(machine, "connect", ["127.0.0.1"], 5000, ["127.0.0.1"], local_port=6002)
    follower.wait_for_output('"localPort":6002')
    for process in server, other_server, third, follower:
        process.kill()


@pytest.mark.kernel("6.1")
def test_wait_and_check(machine):
    start(machine)
    early = machine.run("sctpctl wait --port=5000 --timeout=300ms", check=False)
    assert early.returncode == 5
    waiting = machine.spawn("exec sctpctl wait --peer=hlr1 --state=established --timeout=60s --json=short")
    server = sctppeer.start(machine, "serve", ["127.0.0.2"], 5000)
    client = sctppeer.start(machine, "connect", ["127.0.0.1"], 5000, ["127.0.0.2"], local_port=6000)
    assert waiting.wait() == 0
    assert json.loads(waiting.stdout)["localPort"] == 6000

    fine = machine.run("sctpctl check --peer=hlr1 --min-paths=1")
    assert fine.stdout.startswith("SCTP OK") and "|" in fine.stdout and len(fine.stdout.splitlines()) == 1
    few = machine.run("sctpctl check --peer=hlr1 --min-paths=2", check=False)
    assert few.returncode == 2 and few.stdout.startswith("SCTP CRITICAL")
    gone = machine.spawn("exec sctpctl wait --peer=hlr1 --state=closed --timeout=60s")
    client.kill()
    assert gone.wait() == 0
    none = machine.run("sctpctl check --peer=hlr1", check=False)
    assert none.returncode == 2 and none.stdout.startswith("SCTP CRITICAL")
    machine.run("systemctl stop sctpmond.socket sctpmond")
    unknown = machine.run("sctpctl check --peer=hlr1", check=False)
    assert unknown.returncode == 3 and unknown.stdout.startswith("SCTP UNKNOWN")
    server.kill()


def samples(port):
    return Connection().call("GetSamples", {"filter": {"localPort": port}})


@pytest.mark.kernel("6.1")
def test_history_and_samples(machine):
    start(machine, "HistoryChanges=100\nSampleInterval=1s")
    held = load.hold(machine, 5, port=7000)
    listed(machine, "assocs")
    kept, since = inside.run(machine, history, None)
    assert [change["type"] for change in kept].count("association_up") == 10
    # More than it keeps: the oldest make room, and it says from when on it has every one.
    more = load.hold(machine, 80, port=7001)
    eventually(lambda: status(machine)["history"], lambda now: now["changes"] == 100 and now["dropped"] >= 71)
    kept, later = inside.run(machine, history, None)
    assert len(kept) == 100 and later > since
    # Of the moment of the last one that had to go some may be left.
    assert inside.run(machine, history, later)[0] == [change for change in kept if change["at"] >= later]
    assert inside.run(machine, history, "2100-01-01T00:00:00Z")[0] == []

    row = listed(machine, "assocs", "--port=7000")[0]
    found = eventually(lambda: inside.run(machine, samples, row["localPort"]),
                       lambda reply: "error" in reply or len(reply["parameters"]["samples"]) >= 3)
    if "error" in found:
        assert found["error"] == "io.sctpmon.Monitor.AssociationAmbiguous"
        client = next(row for row in listed(machine, "assocs", "--port=7000") if row["peerPort"] == 7000)
        found = eventually(lambda: inside.run(machine, samples, client["localPort"]),
                           lambda reply: len(reply["parameters"]["samples"]) >= 3)
    assert all({"at", "transmitQueueBytes"} <= sample.keys() for sample in found["parameters"]["samples"])
    assert found["parameters"]["intervalMs"] == 1000
    held.kill()
    more.kill()


def write_much(n):
    """As one of the service's processes, by which journald counts."""
    import os
    import socket

    with open("/sys/fs/cgroup/system.slice/sctpmond.service/cgroup.procs", "w") as processes:
        processes.write(str(os.getpid()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.connect("/run/systemd/journal/socket")
        for i in range(n):
            journal.send(b"MESSAGE=one of many\nSYSLOG_IDENTIFIER=many\n")


@pytest.mark.kernel("6.12")
def test_faults(machine):
    start(machine)
    # More than journald takes of other services: ten thousand in half a minute, some times as much if there is room.
    inside.run(machine, write_much, 60_000)
    machine.run("journalctl --sync", timeout=300)
    assert machine.run("journalctl --quiet --output=cat --identifier=many | wc -l", timeout=300).stdout == "60000\n"

    # The journal is away: nothing waits for it, and nothing is lost.
    machine.run("systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket"
                " systemd-journald")
    held = load.hold(machine, 500, port=7000)
    eventually(lambda: status(machine), lambda now: now["associations"] == 1000)
    eventually(lambda: status(machine)["journal"]["queued"], lambda n: n >= 1000)
    assert len(listed(machine, "assocs")) == 1000
    machine.run("systemctl start systemd-journald.socket systemd-journald-dev-log.socket systemd-journald")
    entries = journal.entries(machine)
    assert journal.kinds(entries).count("association_up") == 1000
    assert status(machine)["journal"] == status(machine)["journal"] | {"lost": 0, "queued": 0}

    # A step of the clock makes nothing last an hour.
    follower = machine.spawn("exec sctpctl monitor --json=short")
    eventually(lambda: status(machine)["clients"]["monitors"], lambda n: n == 1)
    machine.run("date -s '+1 hour'")
    held.kill(9)
    eventually(lambda: status(machine)["associations"], lambda n: n == 0)
    eventually(lambda: follower.stdout.count("association_down"), lambda n: n == 1000)
    for line in follower.stdout.splitlines():
        assert json.loads(line).get("durationMs", 0) < 600_000
    follower.kill()

    # Where there is no room what the next start needs cannot be saved: it is said, and mends by itself.
    machine.run("mount -t tmpfs -o size=64k tmpfs /run/sctpmond && chown sctpmon: /run/sctpmond &&"
                " { dd if=/dev/zero of=/run/sctpmond/full bs=1k status=none || true; }")
    again = load.hold(machine, 50, port=7001)
    eventually(lambda: status(machine)["journal"].get("saveError", ""), lambda text: "space" in text)
    machine.run("rm /run/sctpmond/full")
    again.kill(9)
    eventually(lambda: status(machine)["journal"], lambda now: "saveError" not in now)
    machine.run("umount /run/sctpmond")
