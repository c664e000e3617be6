# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's own tables as what sctpctl's JSON should say of them, read without the project's code."""

import re
from ipaddress import ip_address

HZ = 250  # of Debian's kernels

STYLES = ["one_to_many", "peeled_off", "one_to_one"]
SOCKET_STATES = {1: "established", 2: "establishing", 7: "closed", 8: "closing", 10: "listening"}
ASSOCIATION_STATES = [
    "closed", "cookie_wait", "cookie_echoed", "established",
    "shutdown_pending", "shutdown_sent", "shutdown_received", "shutdown_ack_sent",
]
PATH_STATES = {0: "inactive", 1: "pf", 2: "active", 3: "unconfirmed", 65535: "unknown"}

EPS_HEADER = "ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS"
ASSOCS_HEADER = (
    "ASSOC SOCK STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS "
    "HBINT INS OUTS MAXRT T1X T2X RTXC wmema wmemq sndbuf rcvbuf"
)
REMADDR_HEADER = "ADDR ASSOC_ID HB_ACT RTO MAX_PATH_RTX REM_ADDR_RTX START STATE"

ASSOCS_ROW = re.compile(
    r"\s*\S+\s+\S+\s+(?P<STY>\d+)\s+(?P<SST>\d+)\s+(?P<ST>\d+)\s+\d+\s+(?P<ID>\d+)\s+(?P<TX>\d+)\s+(?P<RX>\d+)"
    r"\s+(?P<UID>\d+)\s+(?P<INODE>\d+)\s+(?P<LPORT>\d+)\s+(?P<RPORT>\d+)\s+(?P<LADDRS>.*?)\s*<->\s*(?P<RADDRS>.*?)"
    r"\s*\t\s*(?P<HBINT>\d+)\s+(?P<INS>\d+)\s+(?P<OUTS>\d+)\s+(?P<MAXRT>\d+)\s+(?P<T1X>\d+)\s+(?P<T2X>\d+)"
    r"\s+(?P<RTXC>\d+)\s+\d+\s+(?P<wmemq>\d+)\s+(?P<sndbuf>\d+)\s+(?P<rcvbuf>\d+)\s*"
)


def _rows(text, header):
    first, *rows = text.splitlines()
    assert first.split() == header.split()
    return rows


def _address(word):
    return str(ip_address(word.lstrip("*")))


def _jiffies(name, number, hz):
    return {f"{name}Ms": number * 1000 // hz} if hz else {f"{name}Jiffies": number}


def endpoints(text, netns=None):
    result = []
    for row in _rows(text, EPS_HEADER):
        _, _, style, state, _, port, uid, inode, *addresses = row.split()
        result.append({
            "localPort": int(port),
            "localAddresses": [_address(word) for word in addresses],
            "state": SOCKET_STATES[int(state)],
            "style": STYLES[int(style)],
            "inode": int(inode),
            "uid": int(uid),
        } | ({"netns": netns} if netns else {}))
    return sorted(result, key=lambda e: (e["localPort"], e["inode"]))


def paths(text, hz=HZ):
    """By association id and address."""
    result = {}
    for row in _rows(text, REMADDR_HEADER):
        address, number, heartbeat, rto, retransmissions, _, _, state = row.split()
        result[int(number), _address(address)] = {
            "state": PATH_STATES[int(state)],
            "heartbeatPending": heartbeat != "0",
            "maxRetransmissions": int(retransmissions),
        } | _jiffies("rto", int(rto), hz)
    return result


def associations(assocs, remaddr, netns=None, hz=HZ):
    known = paths(remaddr, hz)
    result = []
    for line in _rows(assocs, ASSOCS_HEADER):
        row = ASSOCS_ROW.fullmatch(line)
        assert row, line
        text = row.groupdict()
        number = {name: int(value) for name, value in text.items() if not name.endswith("ADDRS")}
        peers = text["RADDRS"].split()
        primary = [_address(word) for word in peers if word.startswith("*")]
        association = {
            "localPort": number["LPORT"],
            "peerPort": number["RPORT"],
            "localAddresses": [_address(word) for word in text["LADDRS"].split()],
            "peerAddresses": [_address(word) for word in peers],
            "primaryAddress": primary[0],
            "state": ASSOCIATION_STATES[number["ST"]],
            "socketState": SOCKET_STATES[number["SST"]],
            "style": STYLES[number["STY"]],
            "inode": number["INODE"],
            "uid": number["UID"],
            "inStreams": number["INS"],
            "outStreams": number["OUTS"],
            "transmitQueueBytes": number["TX"],
            "receiveQueueBytes": number["RX"],
            "maxRetransmissions": number["MAXRT"],
            "initRetransmissions": number["T1X"],
            "shutdownRetransmissions": number["T2X"],
            "retransmittedChunks": number["RTXC"],
            "writeQueueBytes": number["wmemq"],
            "sendBufferBytes": number["sndbuf"],
            "receiveBufferBytes": number["rcvbuf"],
            "paths": [
                {"address": _address(word), "primary": word.startswith("*")} | known[number["ID"], _address(word)]
                for word in peers
            ],
        } | _jiffies("heartbeatInterval", number["HBINT"], hz)
        if number["ID"]:
            association["associationId"] = number["ID"]
        if netns:
            association["netns"] = netns
        result.append(association)
    return by_ends(result)


def by_ends(associations):
    def ends(association):
        return association["localPort"], association["peerPort"], association.get("associationId", 0)
    return sorted(associations, key=ends)


class Look:
    """What a command said, and the kernel's tables at the same time."""

    def __init__(self, parts):
        self.returncode = int(parts[0])
        self.stdout, self.stderr, self.eps, self.assocs, self.remaddr = parts[1:]


LOOK = r"""
dir=$(mktemp -d)
while true; do
	for table in eps assocs remaddr; do cat /proc/net/sctp/$table >$dir/$table; done
	(%s) >$dir/stdout 2>$dir/stderr </dev/null
	echo $? >$dir/status
	same=yes
	for table in eps assocs remaddr; do cat /proc/net/sctp/$table | cmp -s - $dir/$table || same=no; done
	[ $same = no ] || break
done
cd $dir
for part in status stdout stderr eps assocs remaddr; do cat $part; printf '\f'; done
"""


def look(machine, command):
    """Runs the command between two reads of the tables, again and again until both read the same."""
    return Look(machine.run(LOOK % command).stdout.split("\f")[:-1])
