# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asking the kernel by BPF: it tells the same as the kernel's tables and sockets, what those do not show besides, and
says what it lacks where it cannot be done."""

import pytest

from peers import client, server, wait_for_listeners
from seen import by_ports, eventually, listed, row_is, source, status

IN_PEER = "ip netns exec peer"

# A socket in a namespace that no process is in, and that has lost its name.
HIDDEN = """
import ctypes, os, socket, subprocess, time
libc = ctypes.CDLL(None, use_errno=True)
home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/run/netns/hidden", os.O_RDONLY)
assert libc.setns(there, 0) == 0
server, client = (socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132) for _ in range(2))
server.bind(("127.0.0.1", 5009))
server.listen()
client.bind(("127.0.0.1", 6009))
client.connect(("127.0.0.1", 5009))
accepted = server.accept()[0]
number = os.fstat(there).st_ino
assert libc.setns(home, 0) == 0
os.close(there)
subprocess.run(["ip", "netns", "delete", "hidden"], check=True)
print("hidden", number, flush=True)
time.sleep(1000)
"""

# Connects to where nobody answers, and never gives up.
WAITING = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
s.bind(("10.0.2.1", 6003))
s.setblocking(False)
try:
    s.connect(("10.0.2.2", 5003))
except BlockingIOError:
    time.sleep(1000)
"""

# When a row was seen and asked about, and for how long a timer still runs, is another time each time.
CHANGING = {"observedSince", "lastChange", "sockDiagAt", "socketOptionsAt", "retransmissionTimerMs", "flaps"}


def settings(machine, bpf):
    machine.put("/etc/sctpmond.conf.d/20-test.conf", f"[Monitor]\nInterval=200ms\nCpuShare=100%\nBpf={bpf}\n")


def restart(machine, unit="", bpf="yes"):
    settings(machine, bpf)
    machine.put("/etc/systemd/system/sctpmond.service.d/20-test.conf", f"[Service]\n{unit}")
    machine.run("systemctl daemon-reload && systemctl restart sctpmond")


def wait_for_source(machine, result, name="bpf_listing"):
    return eventually(lambda: source(machine, name), lambda now: now["result"] == result)


def same_words(rows):
    def path(row):
        return {name: value for name, value in row.items() if name != "stateSince"}

    return {
        ports: {name: value for name, value in row.items() if name not in CHANGING | {"paths"}}
        | {"paths": sorted((path(one) for one in row["paths"]), key=lambda one: one["address"])}
        for ports, row in by_ports(rows).items()
    }


def start_peers(machine):
    machine.run("modprobe sctp && /usr/local/lib/lab/two-namespaces")
    for where in "", IN_PEER:
        machine.run(f"{where} sysctl -q net.sctp.hb_interval=3600000 net.sctp.max_init_retransmits=1000")
    for port, where, address in (5000, "", "127.0.0.1"), (5001, IN_PEER, "10.0.1.2"):
        server(machine, "ncat", address, port, where=where)
        machine.wait_until(f"{where} grep -qw {port} /proc/net/sctp/eps")
    client(machine, "ncat", "127.0.0.1", 6000, "127.0.0.1", 5000)
    client(machine, "ncat", "10.0.1.1", 6001, "10.0.1.2", 5001)
    # Two associations of one_to_many sockets, and one that nobody answers.
    server(machine, "sctp_test", "127.0.0.1", 5002)
    wait_for_listeners(machine, 5002)
    machine.spawn("exec sctp_darn -H 127.0.0.1 -P 6002 -h 127.0.0.1 -p 5002 -s").write("snd=10\n")
    machine.run("nft add table ip t; nft add chain ip t o '{ type filter hook output priority 0; }'; "
                "nft add rule ip t o ip daddr 10.0.2.2 drop")
    machine.put("/root/waiting.py", WAITING)
    machine.spawn("exec python3 /root/waiting.py")
    machine.wait_until("grep -qw 5002 /proc/net/sctp/assocs && grep -qw 6003 /proc/net/sctp/assocs")


@pytest.mark.kernel("6.12")
def test_tells_what_the_tables_tell(machine):
    start_peers(machine)
    restart(machine)
    wait_for_source(machine, "read")
    everything = {(5000, 6000), (6000, 5000), (5001, 6001), (6001, 5001), (5002, 6002), (6002, 5002), (6003, 5003)}

    def seen(*names):
        return eventually(
            lambda: listed(machine, "assocs"),
            lambda rows: by_ports(rows).keys() == everything
            and all(set(names) <= row.keys() for row in rows if row["state"] == "established"),
        )

    def both():
        settings(machine, "yes")
        machine.run("systemctl reload sctpmond")
        wait_for_source(machine, "read")
        by_bpf = seen("owners", "sockDiagAt")
        settings(machine, "no")
        machine.run("systemctl reload sctpmond")
        wait_for_source(machine, "skipped")
        assert "Bpf=no" in source(machine, "bpf_listing")["reason"]
        return same_words(by_bpf), same_words(seen("owners", "sockDiagAt", "socketOptionsAt"))

    def differences():
        """But for the one that goes on trying."""
        by_bpf, by_tables = both()
        return {
            ports: (by_bpf[ports], by_tables[ports])
            for ports in everything - {waiting} if by_bpf[ports] != by_tables[ports]
        }

    # Details are asked for in turns where there is no BPF: what does not change is the same at last.
    waiting = (6003, 5003)
    eventually(differences, lambda found: found == {}, timeout=120)
    settings(machine, "yes")
    machine.run("systemctl reload sctpmond")
    wait_for_source(machine, "read")
    assert row_is(by_ports(listed(machine, "assocs"))[waiting], state="cookie_wait")


@pytest.mark.kernel("6.12")
def test_shows_namespaces_without_a_process(machine):
    machine.run("ip netns add hidden && ip -n hidden link set lo up")
    machine.put("/root/hidden.py", HIDDEN)
    restart(machine)
    process = machine.spawn("exec python3 /root/hidden.py")
    process.wait_for_output("hidden ")
    machine.channel.wait_for(lambda: process.stdout.endswith("\n"), 60, "the number")
    number = int(process.stdout.split()[1])

    rows = by_ports(eventually(lambda: listed(machine, "assocs"), lambda rows: len(rows) == 2))
    for ports in (5009, 6009), (6009, 5009):
        assert row_is(rows[ports], netns=number, netnsName=None, state="established", localAddresses=["127.0.0.1"])
        assert rows[ports]["owners"][0]["pid"] == process.pid
    [listener] = listed(machine, "eps")
    assert row_is(listener, netns=number, netnsName=None, localPort=5009, localAddresses=["127.0.0.1"])
    assert listener["owners"][0]["pid"] == process.pid
    assert source(machine, "bpf_listing")["rows"] == 3 and source(machine, "eps")["result"] == "skipped"
    process.kill()
    eventually(lambda: listed(machine, "assocs"), lambda rows: rows == [])


@pytest.mark.kernel("6.1")
def test_says_what_it_lacks(machine):
    machine.run("modprobe sctp")
    server(machine, "ncat", "127.0.0.1", 5000)
    wait_for_listeners(machine, 5000)
    client(machine, "ncat", "127.0.0.1", 6000, "127.0.0.1", 5000)
    restart(machine, "AmbientCapabilities=~CAP_SYS_ADMIN\nCapabilityBoundingSet=~CAP_SYS_ADMIN\n")
    now = wait_for_source(machine, "failed")
    assert "CAP_SYS_ADMIN" in now["reason"], now
    # The tables tell as if there were no BPF.
    assert len(listed(machine, "assocs")) == 2
    assert source(machine, "assocs")["result"] == "read"

    # Without a right, or without BTF, nothing else is missing.
    restart(machine, "InaccessiblePaths=/sys/kernel/btf\n")
    now = wait_for_source(machine, "failed")
    assert "CONFIG_DEBUG_INFO_BTF" in now["reason"], now
    assert len(listed(machine, "assocs")) == 2
