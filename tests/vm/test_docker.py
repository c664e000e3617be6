# SPDX-License-Identifier: LGPL-2.1-or-later
"""Published SCTP ports of containers, which the host's own tables show half or not at all.

What is where, by /proc/PID/net/sctp and `conntrack -L -p sctp`, on 6.1 and 6.12 with Docker 20.10:

`docker run -p 200:202/sctp`: the host has two listeners on 200, 0.0.0.0 and ::, one each of
`/usr/sbin/docker-proxy -proto sctp -host-ip 0.0.0.0 -host-port 200 -container-ip 172.17.0.2 -container-port 202`.
The namespace of the container has one on 202.
 - A client on the host that connects to 127.0.0.1:200 reaches docker-proxy: the host has the client's association, the
   one that docker-proxy accepted and the one that it made from a port of its own to 172.17.0.2:202; the container has
   the other end of that one. No tuple is translated.
 - A client in another namespace that connects to 10.0.1.1:200 is translated: the host has no association of it. The
   container has 202 - CLIENT'S PORT, and the host's connection tracking, not the container's,
   src=10.0.1.2 dst=10.0.1.1 sport=6001 dport=200 src=172.17.0.2 dst=10.0.1.2 sport=202 dport=6001.
CNI portmap (a Kubernetes hostPort): translated in the same way, and the host has no endpoint.
"""

import json

import pytest

import containers
import journal
from peers import client, wait_for_listeners
from seen import by_port, by_ports, eventually, listed, row_is

pytestmark = pytest.mark.machine(docker=True)

IN_PEER = "ip netns exec peer"


def netns_of(machine, pid):
    return int(machine.run(f"stat --dereference --format=%i /proc/{pid}/ns/net").stdout)


def container_owner(row, name, command="sctp_darn"):
    """Whether the one process that has it is this container's."""
    owners = row.get("owners", [])
    return len(owners) == 1 and row_is(owners[0], command=command, container=name, runtime="docker")


@pytest.mark.kernel("6.12")
def test_a_port_that_portmap_publishes(machine):
    machine.run("systemctl start sctpmond && /usr/local/lib/lab/two-namespaces")
    pid = containers.run(machine, "hostport", "sctp_darn -H 0 -P 302 -l", "--network none")
    containers.publish(machine, pid, 300, 302)
    client(machine, "sctp_darn", "10.0.1.2", 6002, "10.0.1.1", 300, where=IN_PEER)

    # The host has nothing to show.
    assert listed(machine, "eps", "--netns=host") == []
    assert machine.run("cat /proc/net/sctp/eps").stdout.count("\n") == 1

    endpoint, = eventually(
        lambda: listed(machine, "eps"), lambda rows: len(rows) == 1 and container_owner(rows[0], "hostport")
    )
    assert row_is(endpoint, localPort=302, container="hostport", netns=netns_of(machine, pid), state="listening")
    assert "forwardsToPort" not in endpoint and "netnsName" not in endpoint
    assert listed(machine, "eps", f"--netns=pid:{pid}") == [endpoint]

    rows = eventually(
        lambda: by_ports(listed(machine, "assocs")),
        lambda rows: row_is(rows.get((302, 6002), {}), originalPort=300, state="established")
        and container_owner(rows[302, 6002], "hostport"),
    )
    assert rows.keys() == {(302, 6002), (6002, 300)}
    assert row_is(rows[302, 6002], originalAddress="10.0.1.1", container="hostport", peerAddresses=["10.0.1.2"],
                  localAddresses=["10.22.0.2"], netns=netns_of(machine, pid))
    # The other end is not translated where it is.
    assert row_is(rows[6002, 300], originalAddress=None, originalPort=None, container=None, netnsName="peer")


@pytest.mark.kernel("6.12")
def test_a_port_that_docker_publishes(machine):
    machine.run("systemctl start sctpmond && /usr/local/lib/lab/two-namespaces")
    pid = containers.run(machine, "published", "sctp_darn -H 0 -P 202 -l", "-p 200:202/sctp")
    wait_for_listeners(machine, 200)
    host, inside = netns_of(machine, "self"), netns_of(machine, pid)
    container = json.loads(machine.run("docker inspect published").stdout)[0]["Id"]
    unit = f"docker-{container}.scope"

    def right(rows):
        proxies, contained = [row for row in rows if row["localPort"] == 200], rows[-1]
        return len(rows) == 3 and container_owner(contained, "published") and all(
            row_is(row, forwardsToAddress="172.17.0.2", forwardsToPort=202) for row in proxies
        )

    *proxies, contained = eventually(
        lambda: sorted(listed(machine, "eps"), key=lambda row: (row["localPort"], row["localAddresses"])), right
    )
    assert [row["localAddresses"] for row in proxies] == [["0.0.0.0"], ["::"]]
    for row in proxies:
        assert row_is(row, netns=host, localPort=200, container=None)
        owner, = row["owners"]
        assert row_is(owner, command="docker-proxy", uid=0, unit="docker.service", container=None)
        assert int(machine.run(f"pgrep -f 'docker-proxy.*-host-ip {row['localAddresses'][0]} '").stdout) == owner["pid"]
    assert row_is(contained, netns=inside, localPort=202, container="published", forwardsToPort=None)
    assert contained["owners"] == [
        {"pid": pid, "command": "sctp_darn", "uid": 0, "unit": unit, "container": "published", "containerId": container,
         "runtime": "docker"}
    ]
    assert by_port(listed(machine, "eps", f"--netns=inode:{inside}")) == {202: contained}
    for text in "200", "202", "published", "docker-proxy":
        assert text in machine.run("sctpctl eps").stdout

    # Through docker-proxy
    client(machine, "sctp_darn", "127.0.0.1", 6000, "127.0.0.1", 200)
    # By DNAT
    outside = client(machine, "sctp_darn", "10.0.1.2", 6001, "10.0.1.1", 200, where=IN_PEER)

    def both_are_there(rows):
        return len(rows) == 6 and row_is(rows.get((202, 6001), {}), originalPort=200) and all(
            row["state"] == "established" and "owners" in row for row in rows.values()
        )

    rows = eventually(lambda: by_ports(listed(machine, "assocs")), both_are_there)
    by_proxy, = (local for local, peer in rows if peer == 202)
    assert rows.keys() == {(6000, 200), (200, 6000), (by_proxy, 202), (202, by_proxy), (202, 6001), (6001, 200)}
    translated = rows[202, 6001]
    assert row_is(translated, originalAddress="10.0.1.1", netns=inside, container="published", uid=0)
    assert translated["localAddresses"] == ["172.17.0.2"] and translated["peerAddresses"] == ["10.0.1.2"]
    assert container_owner(translated, "published")
    assert row_is(rows[202, by_proxy], netns=inside, container="published")
    for ends in (6000, 200), (200, 6000), (by_proxy, 202):
        assert row_is(rows[ends], netns=host, container=None)
    assert [rows[ends]["owners"][0]["command"] for ends in ((200, 6000), (by_proxy, 202))] == ["docker-proxy"] * 2
    assert [ends for ends, row in rows.items() if "originalPort" in row] == [(202, 6001)]
    assert listed(machine, "assocs", "--port=6001 --netns=host") == []
    shown = json.loads(machine.run(f"sctpctl show {translated['associationId']} --json=short").stdout)
    assert row_is(shown, **{name: translated[name] for name in ("localPort", "container", "originalAddress", "originalPort")})

    # Its end is told with its container.
    outside.end()
    machine.run("docker rm --force published")
    eventually(lambda: by_ports(listed(machine, "assocs")), lambda rows: not any(202 in ends for ends in rows))
    up, *_, down = journal.of(journal.entries(machine), 202, 6001)
    for entry in up, down:
        assert row_is(entry, SCTP_CONTAINER="published", SCTP_NETNS=str(inside))
    assert (up["kind"], down["kind"]) == ("association_up", "association_down")
    assert listed(machine, "eps") == []
