# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal tells how associations and endpoints begin and end: each step once, and nothing else."""

import signal

import pytest

import journal
import peers

# A connection attempt is given up after 0.5 + 1 + 1 s; a shutdown that is not answered, likewise.
IMPATIENT = (
    "sysctl -q net.sctp.rto_min=300 net.sctp.rto_initial=500 net.sctp.rto_max=1000"
    " net.sctp.max_init_retransmits=2 net.sctp.association_max_retrans=2 net.sctp.path_max_retrans=2"
)
THERE = "ip netns exec peer"
NAMED = "SCTP_NETNS_NAME=peer"


def here(machine):
    """What is told of the daemon's own network namespace."""
    return "SCTP_NETNS=" + machine.run("stat --dereference --format=%i /proc/self/ns/net").stdout.strip()


def two_namespaces(machine):
    machine.run(f"modprobe sctp && /usr/local/lib/lab/two-namespaces && {IMPATIENT}")


def server_there(machine, port):
    server = peers.server(machine, "ncat", "10.0.1.2", port, where=THERE)
    machine.wait_until(f"{THERE} grep -qw {port} /proc/net/sctp/eps")
    return server


def assert_ends(entries, local_address, local_port, peer_address, peer_port):
    for entry in entries:
        assert (entry["SCTP_LOCAL_PORT"], entry["SCTP_PEER_PORT"]) == (str(local_port), str(peer_port))
        assert entry["SCTP_LOCAL_ADDRS"] == local_address
        assert entry["SCTP_PEER_ADDRS"] == entry["SCTP_PRIMARY"] == peer_address
        assert entry["SCTP_CERTAINTY"] in ("high", "exact")


def assert_never_answered(entries):
    """A client to an address that does not answer."""
    assert journal.steps(entries) == ["closed", "cookie_wait", "closed"]
    assert_ends(entries, "10.0.1.1", 6001, "10.0.1.77", 5001)
    begun, ended = entries
    assert (begun["PRIORITY"], ended["PRIORITY"]) == ("6", "4")
    assert "SCTP_DURATION_MS" not in begun
    assert 500 <= int(ended["SCTP_DURATION_MS"]) <= 10_000
    assert "10.0.1.77:5001" in ended["MESSAGE"]
    # The id comes with the peer's answer.
    assert "SCTP_ASSOC_ID" not in begun and "SCTP_ASSOC_ID" not in ended


def assert_up_and_down(entries):
    """It was established, and then it was gone; a look may have met one of the short states between."""
    steps = journal.steps(entries)
    assert steps[0] == steps[-1] == "closed"
    up = entries[steps.index("established") - 1]
    down = entries[-1]
    assert up["SCTP_ASSOC_ID"] == down["SCTP_ASSOC_ID"]
    assert (up["PRIORITY"], down["PRIORITY"]) == ("6", "5")
    assert down["SCTP_OLD_STATE"] not in ("cookie_wait", "cookie_echoed")


@pytest.mark.kernel("6.1")
def test_beginnings_and_ends_are_told_once(machine):
    two_namespaces(machine)
    machine.run("systemctl start sctpmond")

    # Frames to it arrive at the other end, and nobody there takes them.
    machine.run("ip neigh add 10.0.1.77 lladdr 02:00:00:00:00:77 dev veth1")
    unanswered = peers.client(machine, "ncat", "10.0.1.1", 6001, "10.0.1.77", 5001)
    there = server_there(machine, 5002)
    killed = peers.client(machine, "sctp_darn", "10.0.1.1", 6002, "10.0.1.2", 5002)
    stopped = peers.server(machine, "ncat", "fd00:1::1", 5003)
    client_there = peers.client(machine, "ncat", "fd00:1::2", 6003, "fd00:1::1", 5003, where=THERE)

    journal.wait_for_state(machine, "established", 6002, 5002)
    journal.wait_for_state(machine, "established", 5003, 6003)
    # Who has them is found out later than that they are there, when there is much to find out.
    for local in "10.0.1.2:5002", "[fd00:1::2]:6003":
        machine.wait_until(f"sctpctl assocs --local={local} --json=short | grep -q '\"command\":\"ncat\"'")
    killed.end(signal.SIGKILL)
    stopped.end(signal.SIGTERM)
    for local_port, peer_port in [(6001, 5001), (6002, 5002), (5003, 6003)]:
        journal.wait_for_state(machine, "closed", local_port, peer_port)

    told = journal.entries(machine, here(machine))
    assert_never_answered(journal.of(told, 6001, 5001))
    assert_up_and_down(journal.of(told, 6002, 5002))
    assert_ends(journal.of(told, 6002, 5002), "10.0.1.1", 6002, "10.0.1.2", 5002)
    assert_up_and_down(journal.of(told, 5003, 6003))
    assert_ends(journal.of(told, 5003, 6003), "fd00:1::1", 5003, "fd00:1::2", 6003)

    # There is no other news of this namespace,
    rest = [entry for entry in told if "SCTP_PEER_PORT" not in entry]
    assert journal.kinds(rest) == ["endpoint_added", "endpoint_removed"]
    for entry in rest:
        assert (entry["SCTP_LOCAL_ADDRS"], entry["SCTP_LOCAL_PORT"]) == ("fd00:1::1", "5003")
        assert "[fd00:1::1]:5003" in entry["MESSAGE"]
    assert len(told) == sum(len(journal.of(told, *ends)) for ends in [(6001, 5001), (6002, 5002), (5003, 6003)]) + 2
    # and of the other one its own: the other end of each, with who has it.
    told = journal.entries(machine, NAMED)
    for ends in (5002, 6002), (6003, 5003):
        assert_up_and_down(journal.of(told, *ends))
    assert {entry["SCTP_COMM"] for entry in told if "SCTP_COMM" in entry} == {"ncat"}
    assert [entry["SCTP_LOCAL_PORT"] for entry in told if "SCTP_PEER_PORT" not in entry] == ["5002"]
    for peer in (unanswered, there, client_there):
        peer.end()


@pytest.mark.kernel("6.12")
def test_what_is_there_at_the_start_is_no_news_but_its_end_is(machine):
    two_namespaces(machine)
    there = server_there(machine, 5001)
    idle = peers.server(machine, "ncat", "10.0.1.1", 5002)
    client = peers.client(machine, "ncat", "10.0.1.1", 6001, "10.0.1.2", 5001)
    peers.wait_for_association(machine, 6001, 5001)
    machine.run("systemctl start sctpmond")
    assert journal.entries(machine) == []
    now = journal.status(machine)
    # Of both namespaces
    assert (now["endpoints"], now["associations"], now["namespaces"]) == (2, 2, 2)

    # Killed while its peer is out of reach, the client leaves an association that nobody answers.
    machine.run("tc qdisc add dev veth1 root netem loss 100%")
    client.end(signal.SIGKILL)
    journal.wait_for_state(machine, "closed", 6001, 5001)
    # Its path fails meanwhile.
    told = [entry for entry in journal.entries(machine, here(machine)) if entry["kind"].startswith("association_")]
    assert journal.steps(told) == ["established", "shutdown_sent", "closed"]
    assert_ends(told, "10.0.1.1", 6001, "10.0.1.2", 5001)
    # How long it had been established before the daemon came is not known, and not said.
    assert "SCTP_DURATION_MS" not in told[0]
    assert int(told[1]["SCTP_DURATION_MS"]) >= 500
    there.end()
    idle.end()
