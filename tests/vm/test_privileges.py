# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is missing without one of the daemon's capabilities or sources: that and nothing else, and the status says why."""

import re

import pytest

from peers import client, server, wait_for_listeners
from seen import by_port, by_ports, eventually, listed, row_is, status

# systemd-analyze(1)
EXPOSURE_MAX, LEAST_EXPOSURE_MAX = 2.5, 1.5

IN_PEER = "ip netns exec peer"
IN_POD = "ip netns exec pod"

# A port of the host, 300, is 302 of a namespace behind it; the client comes from another one.
PUBLISH = """
/usr/local/lib/lab/two-namespaces
ip netns add pod
ip link add veth3 type veth peer name veth3 netns pod
ip addr add 10.0.3.1/24 dev veth3
ip link set veth3 up
ip -n pod addr add 10.0.3.2/24 dev veth3
ip -n pod link set veth3 up
ip -n pod route add default via 10.0.3.1
sysctl -q net.ipv4.ip_forward=1
nft -f - <<END
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip daddr 10.0.1.1 sctp dport 300 dnat to 10.0.3.2:302
  }
}
END
"""

# What can be told, and of which ends.
HOST, FOREIGN, TRANSLATED = (5000, 6000), (5001, 6001), (302, 6002)
EVERYTHING = {
    "rows": {HOST, FOREIGN, TRANSLATED},
    "named": {FOREIGN, TRANSLATED},
    "owners": {HOST, FOREIGN, TRANSLATED},
    "sock_diag": {HOST, FOREIGN, TRANSLATED},
    "socket_options": {HOST, FOREIGN, TRANSLATED},
    "original": {TRANSLATED},
}
NOTHING = set()

# Without this capability, what else is told; and the sources that say so.
CAPABILITIES = {
    # Nobody's descriptors, and no namespace by its processes; those that are mounted are entered by their names.
    "CAP_SYS_PTRACE": (
        {"owners": NOTHING, "socket_options": NOTHING},
        {"owners", "socket_options"},
    ),
    # Other users' descriptors: all of these.
    "CAP_DAC_READ_SEARCH": (
        {"owners": NOTHING, "socket_options": NOTHING},
        {"owners", "socket_options"},
    ),
    # No way into other namespaces but the tables of their processes.
    "CAP_SYS_ADMIN": (
        {"sock_diag": {HOST}},
        {"sock_diag"},
    ),
    "CAP_NET_ADMIN": (
        {"original": NOTHING},
        {"conntrack"},
    ),
}
SWITCHES = {
    "SockDiag": ({"sock_diag": NOTHING}, {"sock_diag"}),
    "SocketOptions": ({"socket_options": NOTHING}, {"socket_options"}),
    # Without owners nobody's options can be asked for.
    "Owners": ({"owners": NOTHING, "socket_options": NOTHING}, {"owners", "socket_options"}),
    "Conntrack": ({"original": NOTHING}, {"conntrack"}),
}


def start_peers(machine):
    machine.run(f"modprobe sctp\n{PUBLISH}")
    server(machine, "ncat", "127.0.0.1", 5000)
    wait_for_listeners(machine, 5000)
    client(machine, "ncat", "127.0.0.1", 6000, "127.0.0.1", 5000)
    for port, address, where, to, to_port in (
        (5001, "127.0.0.1", IN_PEER, "127.0.0.1", 5001), (302, "10.0.3.2", IN_POD, "10.0.1.1", 300),
    ):
        server(machine, "ncat", address, port, where=where)
        machine.wait_until(f"{where} grep -qw {port} /proc/net/sctp/eps")
        own_port, own = (6001, "127.0.0.1") if port == 5001 else (6002, "10.0.1.2")
        client(machine, "ncat", own, own_port, to, to_port, where=IN_PEER)
        machine.wait_until(f"{where} grep -qw {own_port} /proc/net/sctp/assocs")


def told(machine):
    """Of which associations what is told. Only the servers' ends: the clients' are the same again."""
    rows = {ends: row for ends, row in by_ports(listed(machine, "assocs")).items() if ends in EVERYTHING["rows"]}

    def those_with(*names):
        return {ends for ends, row in rows.items() if all(name in row for name in names)}

    return {
        "rows": those_with("state", "peerAddresses"),
        "named": those_with("netnsName"),
        "owners": those_with("owners"),
        "sock_diag": those_with("localTag", "sockDiagAt"),
        "socket_options": those_with("fragmentationPointBytes", "socketOptionsAt"),
        "original": those_with("originalAddress", "originalPort"),
    }


def reasons(machine):
    return {source["name"]: source["reason"] for source in status(machine)["sources"]
            if source.get("reason") and not source["name"].startswith("bpf")}


def wait_for_looks(machine, count=3):
    serial = status(machine)["scan"]["serial"]
    eventually(lambda: (listed(machine, "eps"), status(machine)["scan"]["serial"])[1], lambda now: now >= serial + count)


def restart(machine, unit="", settings="", bpf="no"):
    machine.put("/etc/systemd/system/sctpmond.service.d/20-test.conf", f"[Service]\n{unit}")
    machine.put("/etc/sctpmond.conf.d/20-test.conf", f"[Monitor]\nInterval=200ms\nCpuShare=100%\nBpf={bpf}\n{settings}")
    machine.run("systemctl daemon-reload && systemctl restart sctpmond")


def assert_told(machine, wanted):
    eventually(lambda: told(machine), lambda now: now == wanted)
    # And what is absent does not come later.
    wait_for_looks(machine)
    assert told(machine) == wanted
    # What is listed of it is right in any case.
    rows = by_ports(listed(machine, "assocs"))
    for ends in wanted["rows"]:
        assert row_is(rows[ends], state="established", style="one_to_one", uid=0)
    assert row_is(rows[TRANSLATED], originalPort=300 if wanted["original"] else None)
    assert by_port(listed(machine, "eps")).keys() == {5000, 5001, 302}


@pytest.mark.kernel("6.12")
def test_each_capability_is_for_one_thing(machine):
    start_peers(machine)
    restart(machine)
    assert_told(machine, EVERYTHING)
    assert reasons(machine) == {}

    for capability, (less, sources) in CAPABILITIES.items():
        restart(machine, unit=f"AmbientCapabilities=~{capability}\nCapabilityBoundingSet=~{capability}\n")
        assert_told(machine, EVERYTHING | less)
        now = reasons(machine)
        for name in sources:
            assert capability in now[name], (capability, now)

    # With none at all there is what the tables of all processes' namespaces show to everybody.
    restart(machine, unit="AmbientCapabilities=\nCapabilityBoundingSet=\n")
    eventually(lambda: told(machine)["rows"], lambda now: now == EVERYTHING["rows"])
    now = told(machine)
    assert now["owners"] == now["socket_options"] == now["original"] == NOTHING
    assert now["sock_diag"] == {HOST}
    assert {"owners", "socket_options", "conntrack"} <= reasons(machine).keys()


def filters(machine, name):
    """How many filters of system calls the process obeys."""
    text = machine.get(f"/proc/{status(machine)[name]}/status").decode()
    return int(re.search(r"^Seccomp_filters:\t(\d+)$", text, re.MULTILINE)[1])


def exposure(machine):
    """What systemd makes of the unit: 0 is none, 10 all there is."""
    return float(machine.run("systemd-analyze security --no-pager sctpmond | sed -n 's/.*exposure level.*: \\([0-9.]*\\).*/\\1/p'").stdout)


@pytest.mark.kernel("6.12")
def test_least_privilege(machine):
    start_peers(machine)
    restart(machine, bpf="yes")
    # Beside the unit's, the server has one of its own.
    assert filters(machine, "pid") == filters(machine, "scannerPid") + 1 > 1
    # Neither gets worse unnoticed.
    assert exposure(machine) <= EXPOSURE_MAX
    machine.run("cp /usr/share/doc/sctpmon/examples/least-privilege.conf /etc/systemd/system/sctpmond.service.d/90-least.conf")
    machine.run("systemctl daemon-reload && systemctl restart sctpmond")
    assert exposure(machine) <= LEAST_EXPOSURE_MAX

    # What the kernel tells everybody; and why there is no more.
    eventually(lambda: told(machine), lambda now: now["rows"] == EVERYTHING["rows"] and now["sock_diag"] == {HOST})
    wait_for_looks(machine)
    now = told(machine)
    assert now["rows"] == EVERYTHING["rows"] and now["sock_diag"] == {HOST}
    assert now["owners"] == now["socket_options"] == now["original"] == NOTHING
    sources = {source["name"]: source.get("reason", "") for source in status(machine)["sources"]}
    for name in "owners", "socket_options", "conntrack", "bpf_events", "bpf_listing":
        assert "CAP_" in sources[name], (name, sources)
    # From inside: no capability in either process, and what is filtered fails.
    for pid in status(machine)["pid"], status(machine)["scannerPid"]:
        text = machine.get(f"/proc/{pid}/status").decode()
        for name in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
            assert f"{name}:\t0000000000000000\n" in text, text
        assert "NoNewPrivs:\t1\n" in text and "Seccomp:\t2\n" in text


@pytest.mark.kernel("6.1")
def test_each_source_can_be_switched_off(machine):
    start_peers(machine)
    for setting, (less, sources) in SWITCHES.items():
        restart(machine, settings=f"{setting}=no\n")
        assert_told(machine, EVERYTHING | less)
        now = {source["name"]: source for source in status(machine)["sources"]}
        for name in sources:
            assert now[name]["result"] == "skipped" and setting in now[name]["reason"], now[name]
