# SPDX-License-Identifier: LGPL-2.1-or-later
"""Associations with several paths: all that is told of them is what their owner and ss(8) are told; a link that fails
and comes back."""

import re

import pytest

import inside
from seen import by_ports, eventually, listed, row_is, source

IN_PEER = "ip netns exec peer"
# Of sctpi_peer_capable (net/sctp/socket.c), from the lowest bit. One has no name: it has meant two things.
CAPABILITIES = ["auth", "prsctp", "asconf", "", "ipv6", "ipv4", "ecn"]

# Both ends of associations with several addresses, and what the owner is told about each one (RFC 6458 section 8), as
# one object in each line. Arguments: "server" or "client" and, for each association, PORT/PEER_PORT/ADDRESS,…/PEER,…
ENDS = r"""
import ctypes, json, socket, struct, sys
SCTP, BINDX, CONNECTX, STATUS, PEER_INFO, PARAMETERS, PEERS = 132, 100, 110, 14, 15, 9, 108
libc = ctypes.CDLL(None, use_errno=True)

def packed(text, port):
    if ":" in text:
        return struct.pack("=HHI16sI", socket.AF_INET6, socket.htons(port), 0, socket.inet_pton(socket.AF_INET6, text), 0)
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(text))

def unpacked(data):
    family = struct.unpack_from("=H", data)[0]
    if family == socket.AF_INET6:
        text = socket.inet_ntop(family, data[8:24])
        return text.removeprefix("::ffff:") if "." in text else text
    return socket.inet_ntoa(data[4:8])

def option(s, name, size, *start):
    length, data = ctypes.c_int(size), ctypes.create_string_buffer(b"".join(start), size)
    if libc.getsockopt(s.fileno(), SCTP, name, data, ctypes.byref(length)) < 0:
        raise OSError(ctypes.get_errno(), name)
    return data.raw[:length.value]

def peers(s, number):
    data = option(s, PEERS, 4096, struct.pack("=ii", number, 0))
    at, result = 8, []
    for _ in range(struct.unpack_from("=i", data, 4)[0]):
        size = 28 if struct.unpack_from("=H", data, at)[0] == socket.AF_INET6 else 16
        result.append(data[at:at + size])
        at += size
    return result

def path(s, number, address):
    start = struct.pack("=i128s", number, address)
    _, _, state, cwnd, srtt, rto, mtu = struct.unpack("=i128siIIII", option(s, PEER_INFO, 152, start))
    _, _, interval, retransmissions, _, delay, flags, _, _ = struct.unpack(
        "=i128sIHIIIIBx", option(s, PARAMETERS, 156, start))
    return {
        "address": unpacked(address), "state": ["inactive", "pf", "active", "unconfirmed"][state], "cwndBytes": cwnd,
        "srtt": srtt, "rtoMs": rto, "mtuBytes": mtu, "heartbeatIntervalMs": interval,
        "maxRetransmissions": retransmissions, "sackDelayMs": delay, "heartbeats": bool(flags & 1),
    }

def told(s, number, port, peer_port):
    identity, state, rwnd, unacknowledged, pending, in_streams, out_streams, fragmentation, primary = struct.unpack(
        "=iiIHHHHI152s", option(s, STATUS, 176, struct.pack("=i", number)))
    paths = [path(s, number, address) for address in peers(s, number)]
    return {
        "associationId": identity, "localPort": port, "peerPort": peer_port, "statusState": state,
        "peerReceiveWindowBytes": rwnd, "unacknowledgedChunks": unacknowledged, "pendingChunks": pending,
        "inStreams": in_streams, "outStreams": out_streams, "fragmentationPointBytes": fragmentation,
        "primaryAddress": unpacked(primary[4:]), "paths": sorted(paths, key=lambda path: path["address"]),
    }

def bound(addresses, port, kind):
    s = socket.socket(socket.AF_INET6 if any(":" in a for a in addresses) else socket.AF_INET, kind, SCTP)
    s.setsockopt(SCTP, BINDX, b"".join(packed(address, port) for address in addresses))
    return s

role, ends = sys.argv[1], []
for argument in sys.argv[2:]:
    port, peer_port, addresses, to = argument.split("/")
    port, peer_port, to = int(port), int(peer_port), to.split(",")
    # Every other server has one socket for all of its associations.
    many = role == "server" and port % 2
    s = bound(addresses.split(","), port, socket.SOCK_SEQPACKET if many else socket.SOCK_STREAM)
    if role == "server":
        s.listen()
    else:
        # Returns the association's number.
        length = sum(28 if ":" in address else 16 for address in to)
        data = b"".join(packed(address, peer_port) for address in to)
        if libc.setsockopt(s.fileno(), SCTP, CONNECTX, data, length) < 0:
            raise OSError(ctypes.get_errno(), argument)
        s.send(b"good morning")
    ends.append([s, port, peer_port, many])
print("ready", flush=True)
if role == "server":
    for end in ends:
        if end[3]:
            end[0].recv(100)
        else:
            end.append(end[0])
            end[0] = end[0].accept()[0]
            end[0].recv(100)
    print("connected", flush=True)

for line in sys.stdin:
    report = []
    for s, port, peer_port, many, *_ in ends:
        number = struct.unpack_from("=Ii", option(s, 29, 100))[1] if many else 0
        report.append(told(s, number, port, peer_port))
    print(json.dumps(report), flush=True)
"""

# Ports of both ends, and their addresses.
PAIRS = [
    (5000, 6000, "10.0.1.1,10.0.2.1", "10.0.1.2,10.0.2.2"),
    (5001, 6001, "10.0.1.1,10.0.2.1", "10.0.1.2,10.0.2.2"),
    (5002, 6002, "fd00:1::1,fd00:2::1", "fd00:1::2,fd00:2::2"),
    (5003, 6003, "fd00:1::1,fd00:2::1", "fd00:1::2,fd00:2::2"),
    (5004, 6004, "fd00:1::1,10.0.2.1", "fd00:1::2,10.0.2.2"),
    (5005, 6005, "fd00:1::1,10.0.2.1", "fd00:1::2,10.0.2.2"),
]


class End:
    def __init__(self, machine, role, pairs, where=""):
        machine.put("/root/ends.py", ENDS)
        arguments = " ".join("/".join(str(word) for word in pair) for pair in pairs)
        self.process = machine.spawn(f"exec {where} python3 /root/ends.py {role} {arguments}")
        self.process.wait_for_output("ready\n")
        self.reports = 0

    def report(self):
        """What it is told of its associations now, by their ports."""
        self.reports += 1
        self.process.write("\n")

        def lines():
            return [line for line in self.process.stdout.split("\n")[:-1] if line.startswith("[")]

        self.process.channel.wait_for(
            lambda: len(lines()) >= self.reports or self.process.returncode is not None, 60, "what the owner is told")
        assert len(lines()) == self.reports, self.process.output()
        return by_ports(inside.json.loads(lines()[-1]))


def connect(machine, pairs):
    """The two ends: servers here, clients in the other namespace."""
    # Private IPv4 addresses are not told to a peer that is reached by a global one, as unique local IPv6 ones are.
    for where in "", IN_PEER:
        machine.run(f"{where} sysctl -q net.sctp.addr_scope_policy=0")
    server = End(machine, "server", pairs)
    client = End(machine, "client", [(peer, port, to, own) for port, peer, own, to in pairs], IN_PEER)
    server.process.wait_for_output("connected\n")
    return server, client


def as_the_owner(row, hz):
    """A listed association in the words of what the owner is told."""
    paths = [
        {name: value for name, value in path.items() if name in PATH_FIELDS} | {"srttMs": path.get("srttMs")}
        for path in row["paths"]
    ]
    return {name: row.get(name) for name in FIELDS} | {"paths": sorted(paths, key=lambda path: path["address"])}


FIELDS = [
    "associationId", "localPort", "peerPort", "peerReceiveWindowBytes", "unacknowledgedChunks", "pendingChunks",
    "inStreams", "outStreams", "fragmentationPointBytes", "primaryAddress", "state",
]
PATH_FIELDS = {
    "address", "state", "cwndBytes", "rtoMs", "mtuBytes", "heartbeatIntervalMs", "maxRetransmissions", "sackDelayMs",
    "heartbeats",
}


def in_our_words(told, hz):
    """What the owner is told: its states count from 1, and srtt is in jiffies."""
    result = {name: value for name, value in told.items() if name not in ("statusState", "paths")}
    assert told["statusState"] == 4
    result["state"] = "established"
    result["paths"] = [
        {name: value for name, value in path.items() if name != "srtt"} | {"srttMs": (path["srtt"] * 1000 + hz // 2) // hz}
        for path in told["paths"]
    ]
    return result


def differences(machine, ends, hz):
    """Of all associations between what the owners are told and what is listed."""
    told = {ports: in_our_words(one, hz) for end in ends for ports, one in end.report().items()}
    rows = {ports: as_the_owner(row, hz) for ports, row in by_ports(listed(machine, "assocs")).items()}
    assert rows.keys() == told.keys()
    return [(ports, rows[ports], told[ports]) for ports in told if rows[ports] != told[ports]]


def of_ss(machine, where):
    """The associations that ss lists, by their ports, with what it says of each."""
    text = machine.run(f"{where} ss --sctp --all --numeric --info --options --extended --memory").stdout
    result = {}
    for block in re.split(r"\n(?=\S)", text):
        if block.startswith("`- "):
            ports = [int(end.rpartition(":")[2]) for end in block.split()[4:6]]
            said = dict(re.findall(r"(?<![\w(])(\w+):(\S+)", block))
            result[tuple(ports)] = said
    return result


def as_ss(row):
    """A listed association in the words of ss, which leaves out what is 0."""
    said = {
        "tag": f"{row['localTag']:x}", "ptag": f"{row['peerTag']:x}", "ino": row["inode"], "rwnd": row["receiveWindowBytes"],
        "prwnd": row["peerReceiveWindowBytes"], "unackdata": row["unacknowledgedChunks"], "penddata": row["pendingChunks"],
        "instrms": row["inStreams"], "outstrms": row["outStreams"], "inqueue": row["inQueueChunks"],
        "outqueue": row["outQueueChunks"], "overerr": row["overallErrorCount"], "maxburst": row["maxBurst"],
        "maxseg": row["fragmentationPointBytes"],
        "pcapable": sum(1 << CAPABILITIES.index(name) for name in row["peerCapabilities"]),
    }
    said = {name: str(value) for name, value in said.items() if value != 0}
    memory = {
        "r": row["receiveMemoryBytes"], "rb": row["receiveBufferBytes"], "tb": row["sendBufferBytes"],
        "t": row["sendMemoryBytes"], "f": row["forwardMemoryBytes"], "w": row["writeQueueBytes"],
        "o": row["optionMemoryBytes"], "bl": row["backlogBytes"], "d": row["drops"],
    }
    return said | {
        "skmem": {name: value for name, value in memory.items()},
        "locals": sorted(row["localAddresses"]), "peers": sorted(row["peerAddresses"]),
    }


def comparable(said):
    """What ss said, as as_ss() has it."""
    names = ["tag", "ptag", "ino", "rwnd", "prwnd", "unackdata", "penddata", "instrms", "outstrms", "inqueue", "outqueue",
             "overerr", "maxburst", "maxseg", "pcapable"]
    memory = {name: int(value) for name, value in re.findall(r"([a-z]+)(\d+)", said["skmem"])}
    return {name: said[name] for name in names if said.get(name, "0") != "0"} | {
        "skmem": memory, "locals": sorted(said["locals"].split(",")), "peers": sorted(said["peers"].split(",")),
    }


@pytest.mark.kernel("6.1")
@pytest.mark.parametrize("bpf", ["yes", "no"])
def test_every_source_says_what_the_owner_is_told(machine, bpf):
    machine.put("/etc/sctpmond.conf.d/20-test.conf", f"[Monitor]\nInterval=200ms\nCpuShare=100%\nBpf={bpf}\n")
    machine.run("systemctl start sctpmond && /usr/local/lib/lab/two-namespaces")
    hz = round(1 / float(machine.run("python3 -c 'import time; print(time.clock_getres(6))'").stdout))
    ends = connect(machine, PAIRS)

    # First all paths are confirmed; from then on next to nothing happens.
    eventually(
        lambda: listed(machine, "assocs"),
        lambda rows: len(rows) == 2 * len(PAIRS)
        and all(path["state"] == "active" for row in rows for path in row["paths"])
        and all({"socketOptionsAt", "sockDiagAt", "owners"} <= row.keys() for row in rows),
    )
    assert eventually(lambda: differences(machine, ends, hz), lambda found: found == []) == []
    assert source(machine, "bpf_listing")["result"] == ("read" if bpf == "yes" else "skipped")
    for ports, row in by_ports(listed(machine, "assocs")).items():
        assert len(row["paths"]) == 2 and row_is(row, impaired=False, impairedReasons=None), ports

    def apart():
        listing = by_ports(listed(machine, "assocs"))
        said = {ports: comparable(one) for where in ("", IN_PEER) for ports, one in of_ss(machine, where).items()}
        assert said.keys() == listing.keys()
        return [(ports, one, as_ss(listing[ports])) for ports, one in said.items() if one != as_ss(listing[ports])]

    assert eventually(apart, lambda found: found == []) == []


@pytest.mark.kernel("6.12")
def test_a_link_fails_and_comes_back(machine):
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nInterval=200ms\nCpuShare=100%\n")
    machine.run("systemctl start sctpmond && /usr/local/lib/lab/two-namespaces")
    for where in "", IN_PEER:
        machine.run(f"{where} sysctl -q net.sctp.hb_interval=500 net.sctp.rto_min=300 net.sctp.rto_initial=400 "
                    "net.sctp.rto_max=600 net.sctp.path_max_retrans=2")
    pairs = [PAIRS[0], PAIRS[3], PAIRS[4]]
    # fd00:2:: and 10.0.2.
    second = {5000: "10.0.2.2", 5003: "fd00:2::2", 5004: "10.0.2.2"}
    connect(machine, pairs)

    def servers(condition):
        rows = eventually(
            lambda: {row["localPort"]: row for row in listed(machine, "assocs", "--netns=host")},
            lambda rows: len(rows) == 3 and all(condition(row) for row in rows.values()), timeout=90,
        )
        return rows

    def paths(row):
        return {path["address"]: path for path in row["paths"]}

    servers(lambda row: row.get("impaired") is False and all(path["state"] == "active" for path in row["paths"]))

    machine.run("ip link set veth2 down")
    rows = servers(lambda row: row.get("impaired") and paths(row)[second[row["localPort"]]]["state"] == "inactive")
    for port, row in rows.items():
        assert row["impairedReasons"] == ["path_inactive"] and row["state"] == "established"
        assert {path["state"] for address, path in paths(row).items() if address != second[port]} == {"active"}

    machine.run("ip link set veth2 up")
    # An IPv6 address goes with its link.
    machine.run("ip addr replace fd00:2::1/64 dev veth2 nodad")
    servers(lambda row: row["impaired"] is False and "impairedReasons" not in row)
