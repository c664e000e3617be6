# SPDX-License-Identifier: LGPL-2.1-or-later
"""varlinkctl, the client that comes with systemd, against the daemon: it goes by the protocol alone."""

import json
import re
import subprocess

import pytest

import peers
import seen
from varlink import ADDRESS

MONITOR = "io.sctpmon.Monitor"
SERVICE = "org.varlink.service"
# With 257 it has all that is used here; where the host's own release has an older one, trixie's.
SYSTEMD = int(re.match(r"systemd (\d+)", subprocess.check_output(["systemctl", "--version"], text=True))[1])
USERLAND = None if SYSTEMD >= 257 else "trixie"
pytestmark = [pytest.mark.machine(userland=USERLAND), pytest.mark.kernel("6.12")]

# What stays the same from look to look, of associations, endpoints and network namespaces.
LASTING = [
    "netns", "localPort", "peerPort", "localAddresses", "peerAddresses", "primaryAddress", "state", "inode", "uid",
    "own", "sctpAvailable", "endpoints", "associations",
]


def start(machine):
    """Until there is something to list: varlinkctl does not ask again."""
    machine.run("systemctl start sctpmond")
    seen.eventually(lambda: seen.status(machine), lambda status: "scan" in status)


def varlinkctl(machine, verb, *arguments, options=""):
    quoted = " ".join(f"'{argument}'" for argument in arguments)
    return machine.run(f"varlinkctl {verb} {options} {ADDRESS} {quoted}", check=False)


def ask(machine, verb, *arguments):
    process = varlinkctl(machine, verb, *arguments)
    assert (process.returncode, process.stderr) == (0, ""), process.output()
    return process.stdout


def replies(text):
    """Of one or several: then it is a JSON text sequence (RFC 7464), whose record separators end a line for Python."""
    return [json.loads(line) for line in text.splitlines() if line]


def call(machine, method, parameters=None, options=""):
    """All replies. A method without a dot is ours."""
    process = try_to_call(machine, method, parameters, options)
    assert (process.returncode, process.stderr) == (0, ""), process.output()
    return replies(process.stdout)


def try_to_call(machine, method, parameters, options=""):
    method = method if "." in method else f"{MONITOR}.{method}"
    return varlinkctl(machine, "call", method, json.dumps(parameters or {}), options=options)


def members(interface):
    """Of an interface's text, with their comments: varlinkctl sorts them and has blanks of its own."""
    return sorted("".join(member.split()) for member in interface.split("\n\n"))


def connect(machine):
    """One association, with the server in this namespace."""
    machine.run("modprobe sctp && /usr/local/lib/lab/two-namespaces")
    peers.server(machine, "sctp_darn", "10.0.1.1", 5000)
    peers.wait_for_listeners(machine, 5000)
    peers.client(machine, "sctp_darn", "10.0.1.2", 6000, "10.0.1.1", 5000, where="ip netns exec peer")
    peers.wait_for_association(machine, 5000, 6000)


def lasting(rows):
    return sorted(({name: row[name] for name in LASTING if name in row} for row in rows), key=str)


def test_what_it_says_of_itself(machine):
    start(machine)
    version = seen.status(machine)["version"]
    assert ask(machine, "info").split() == [
        "Vendor:", "sctpmon", "Product:", "sctpmond", "Version:", version, "URL:", "Interfaces:", MONITOR, SERVICE,
    ]
    assert ask(machine, "list-interfaces").split() == [MONITOR, SERVICE]
    for interface in MONITOR, SERVICE:
        description, = call(machine, f"{SERVICE}.GetInterfaceDescription", {"interface": interface})
        assert members(ask(machine, "introspect", interface)) == members(description["description"])
    file = f"/usr/share/varlink/{MONITOR}.varlink"
    valid = machine.run(f"varlinkctl validate-idl {file}")
    assert (valid.stderr, members(valid.stdout)) == ("", members(machine.get(file).decode()))


def test_calls(machine):
    connect(machine)
    start(machine)
    for method, member, verb, count in [
        ("ListEndpoints", "endpoint", "eps", 1),
        ("ListAssociations", "association", "assocs", 2),
        ("ListNamespaces", "namespace", "netns", 2),
    ]:
        *rows, last = call(machine, method, options="--more")
        assert len(rows) == count
        assert lasting(row[member] for row in rows) == lasting(seen.listed(machine, verb))
        assert set(last) == {"scan"}
        # The same as one array.
        collected, = call(machine, method, options="--collect")
        assert len(collected) == count + 1

    association = seen.by_ports(seen.listed(machine, "assocs"))[5000, 6000]
    one = {"associationId": association["associationId"], "netns": f"inode:{association['netns']}"}
    alone, = call(machine, "GetAssociation", one)
    assert lasting([alone["association"]]) == lasting([association])
    samples, = call(machine, "GetSamples", one)
    assert samples["intervalMs"] > 0
    counters, = call(machine, "GetCounters")
    assert counters["counters"]["SctpCurrEstab"] == 2
    *_, history = call(machine, "GetHistory", options="--more")
    assert set(history) == {"historySince"}

    # Nothing is said, whatever becomes of it.
    for method in "GetStatus", "ListEndpoints", "Missing":
        assert call(machine, method, options="--oneway") == []

    status, = call(machine, "GetStatus")
    assert status["associations"] == 2
    assert status["clients"] == {
        "connected": 1, "monitors": 0, "refusedConnections": 0, "refusedMessages": 0, "overruns": 0,
    }
    methods = [name.rpartition(".")[2] for name in ask(machine, "list-methods").split() if name.startswith(MONITOR)]
    assert methods == [
        "GetAssociation", "GetCounters", "GetHistory", "GetSamples", "GetStatus", "ListAssociations", "ListEndpoints",
        "ListNamespaces", "Monitor",
    ]


def test_errors(machine):
    start(machine)
    for method, parameters, options, error, told in [
        ("ListAssociations", {}, "", f"{SERVICE}.ExpectedMore", {}),
        ("Monitor", {}, "", f"{SERVICE}.ExpectedMore", {}),
        ("ListAssociations", {"filter": {"port": 70000}}, "--more", f"{SERVICE}.InvalidParameter",
         {"parameter": "filter.port"}),
        ("GetCounters", {"maxAgeMs": "new"}, "", f"{SERVICE}.InvalidParameter", {"parameter": "maxAgeMs"}),
        ("GetStatus", {"other": 1}, "", f"{SERVICE}.InvalidParameter", {"parameter": "other"}),
        ("ListEndpoints", {"filter": {"netns": "nowhere"}}, "--more", f"{MONITOR}.NamespaceNotFound",
         {"netns": "nowhere"}),
        ("GetAssociation", {"associationId": 4294967295}, "", f"{MONITOR}.AssociationNotFound",
         {"associationId": 4294967295}),
        ("Missing", {}, "", f"{SERVICE}.MethodNotFound", {"method": f"{MONITOR}.Missing"}),
        ("org.example.Other.Do", {}, "", f"{SERVICE}.InterfaceNotFound", {"interface": "org.example.Other"}),
    ]:
        process = try_to_call(machine, method, parameters, options)
        assert process.returncode == 1
        assert process.stderr.rstrip().endswith(f"failed: {error}")
        assert replies(process.stdout) == [told]


def test_monitor(machine):
    start(machine)
    monitor = machine.spawn(f"exec varlinkctl call -E {ADDRESS} {MONITOR}.Monitor '{{}}'")

    def told():
        """The last line may not be whole yet."""
        return replies(monitor.stdout.rpartition("\n")[0])

    def established():
        changes = [reply["change"] for reply in told() if "change" in reply]
        return {change["association"]["localPort"] for change in changes if change["type"] == "association_up"}

    seen.eventually(told, lambda told: told and told[0]["ready"])
    assert seen.status(machine)["clients"]["monitors"] == 1
    connect(machine)
    seen.eventually(established, lambda ports: ports == {5000, 6000})
    monitor.kill()
    monitor.wait()
    seen.eventually(lambda: seen.status(machine)["clients"]["monitors"], lambda count: count == 0)
