# SPDX-License-Identifier: LGPL-2.1-or-later
"""All network namespaces of the host, seen by one daemon that keeps none of them alive."""


import pytest

import inside
import journal
from peers import client, server
from seen import by_port, by_ports, eventually, listed, row_is, source, status

WITHOUT_DAEMON = "--socket=/nowhere"

# Makes a listener and an association to it in a namespace, and leaves for the host's: in the other one no process is.
LEFT_BEHIND = """
import ctypes, os, socket, sys, time
path, port = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
for where in (path, "/proc/1/ns/net"):
    fd = os.open(where, os.O_RDONLY)
    assert libc.setns(fd, 0) == 0
    os.close(fd)
    if where == path:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
        server.bind(("127.0.0.1", port))
        server.listen()
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
        client.bind(("127.0.0.1", port + 1000))
        client.connect(("127.0.0.1", port))
        accepted = server.accept()
print("left", flush=True)
time.sleep(1000)
"""


def inode(machine, path):
    return int(machine.run(f"stat --dereference --format=%i {path}").stdout)


def talk(machine, port, where=""):
    """One listener, and an association with it from port + 1000."""
    listener = server(machine, "ncat", "127.0.0.1", port, where=where)
    machine.wait_until(f"{where} grep -qw {port} /proc/net/sctp/eps")
    one = client(machine, "ncat", "127.0.0.1", port + 1000, "127.0.0.1", port, where=where)
    machine.wait_until(f"{where} grep -qw {port + 1000} /proc/net/sctp/assocs")
    return listener, one


@pytest.mark.kernel("6.1")
def test_every_namespace_is_shown_and_can_be_asked_for(machine):
    machine.run("systemctl start sctpmond")
    machine.run("ip netns add red && ip -n red link set lo up")
    unnamed = machine.spawn("exec unshare --net sh -c 'ip link set lo up && echo up && exec sleep 1000'")
    unnamed.wait_for_output("up\n")
    machine.run("mkdir /srv/places && touch /srv/places/here && unshare --net=/srv/places/here ip link set lo up")

    talk(machine, 5000)
    talk(machine, 5001, "ip netns exec red")
    talk(machine, 5002, f"nsenter --net --target {unnamed.pid}")
    machine.put("/root/left-behind.py", LEFT_BEHIND)
    machine.spawn("exec python3 /root/left-behind.py /srv/places/here 5003").wait_for_output("left\n")

    wanted = {
        5000: ("host", "/proc/self/ns/net", None),
        5001: ("red", "/run/netns/red", "red"),
        5002: (f"pid:{unnamed.pid}", f"/proc/{unnamed.pid}/ns/net", None),
        5003: (f"inode:{inode(machine, '/srv/places/here')}", "/srv/places/here", None),
    }
    # Who has what is in a namespace without a process is found, too.
    rows = eventually(lambda: by_port(listed(machine, "eps")), lambda rows: all("owners" in row for row in rows.values()))
    assert rows.keys() == wanted.keys()
    assert [rows[port]["owners"][0]["command"] for port in wanted] == ["ncat", "ncat", "ncat", "python3"]
    for port, (_, path, name) in wanted.items():
        assert row_is(rows[port], netns=inode(machine, path), netnsName=name, state="listening")

    for options in "", WITHOUT_DAEMON:
        for port, (text, path, name) in wanted.items():
            row, = listed(machine, "eps", f"--netns={text} {options}")
            assert row_is(row, localPort=port, netns=inode(machine, path), netnsName=name)
            row, = listed(machine, "eps", f"--netns=inode:{inode(machine, path)} {options}")
            assert row["localPort"] == port
            ends = by_ports(listed(machine, "assocs", f"--netns={text} {options}"))
            assert ends.keys() == {(port, port + 1000), (port + 1000, port)}
            assert all(row_is(row, netns=inode(machine, path), netnsName=name) for row in ends.values())
        assert by_port(listed(machine, "eps", f"--netns=all {options}")).keys() == wanted.keys()
        assert len(by_ports(listed(machine, "assocs", f"--netns=all {options}"))) == 8

    for wrong in "blue", "inode:1", "pid:999999":
        seen = machine.run(f"sctpctl eps --netns={wrong}", check=False)
        assert seen.returncode == 4 and wrong in seen.stderr


@pytest.mark.kernel("6.1")
@pytest.mark.machine(bpf=False)
def test_a_namespace_with_the_inode_of_one_that_is_gone(machine):
    machine.run("systemctl start sctpmond")

    def make(name, port):
        machine.run(f"ip netns add {name} && ip -n {name} link set lo up")
        peers = talk(machine, port, f"ip netns exec {name}")
        number = inode(machine, f"/run/netns/{name}")
        rows = by_ports(listed(machine, "assocs"))
        assert rows.keys() == {(port, port + 1000), (port + 1000, port)}
        for row in rows.values():
            assert row_is(row, netns=number, netnsName=name, state="established")
        row, = listed(machine, "eps")
        assert row_is(row, localPort=port, netns=number, netnsName=name)
        return number, peers

    # The daemon does not look in between: the new one may be all that it sees.
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nInterval=1h\n")
    machine.run("systemctl reload sctpmond")
    numbers = []
    for port in range(5000, 5005):
        number, peers = make(f"n{port}", port)
        numbers.append(number)
        for peer in reversed(peers):
            peer.end()
        machine.run(f"ip netns del n{port} && until ! ip netns | grep -q .; do :; done; sleep 0.1")
    assert len(set(numbers)) < len(numbers), "no inode was used twice"
    assert listed(machine, "assocs") == []

    entries = journal.entries(machine)
    for port, number in zip(range(5000, 5005), numbers):
        for ends in (port, port + 1000), (port + 1000, port):
            up, down = journal.of(entries, *ends)
            assert (up["kind"], down["kind"]) == ("association_up", "association_down")
            for entry in up, down:
                assert row_is(entry, SCTP_NETNS=str(number), SCTP_NETNS_NAME=f"n{port}")


def descriptors(machine):
    """Of server and scanner, by kind."""
    now = status(machine)
    machine.run("until [ $(sctpctl status --json=short | sed -nE 's/.*\"connected\":([0-9]+).*/\\1/p') -le 1 ]; do :; done")
    return {
        name: sorted(machine.run(f"readlink /proc/{now[name]}/fd/* | sed 's/:.*/:/'", check=False).stdout.split("\n"))
        for name in ("pid", "scannerPid")
    }


# Namespaces that come and go: number N has a listener on port N, every third one none; every second one has a name, nN.
# What is printed: the inode of each.
COME_AND_GO = """
import ctypes, json, os, socket, sys, time
first, count, lanes = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
libc = ctypes.CDLL(None, use_errno=True)
NEW_NETWORK, BIND, DETACH = 0x40000000, 0x1000, 2
os.makedirs("/run/netns", exist_ok=True)

def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def live(number, out):
    check(libc.unshare(NEW_NETWORK))
    path = f"/run/netns/n{number}".encode()
    if number % 2:
        open(path, "w").close()
        check(libc.mount(b"/proc/self/ns/net", path, None, BIND, None))
    if number % 3:
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
        s.bind(("", number))
        s.listen()
        # Only what is there for longer than a look is sure to be seen.
        time.sleep(0.05 if number % 25 else 3)
        s.close()
    os.write(out, f"{number} {os.stat('/proc/self/ns/net').st_ino}\\n".encode())
    if number % 2:
        check(libc.umount2(path, DETACH))
        os.unlink(path)

def lane(numbers):
    for number in numbers:
        child = os.fork()
        if child == 0:
            live(number, 1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0, number

children = []
for i in range(lanes):
    child = os.fork()
    if child == 0:
        lane(range(first + i, first + count, lanes))
        os._exit(0)
    children.append(child)
failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
sys.exit(len(failed))
"""


def listers(clients, command):
    """Clients that list again and again while the command runs; every row that they saw, each once."""
    import subprocess
    import threading

    seen, errors, lists = set(), [], [0]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    inodes = {}

    def look():
        connection = Connection()
        while process.poll() is None:
            *rows, last = connection.list("ListEndpoints")
            if "error" in last or "scan" not in last["parameters"]:
                errors.append(last)
                return
            lists[0] += 1
            for reply in rows:
                row = reply["parameters"]["endpoint"]
                seen.add((row["localPort"], row["netns"], row.get("netnsName")))

    threads = [threading.Thread(target=look) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for line in process.stdout:
        number, inode = line.split()
        inodes[number] = int(inode)
    for thread in threads:
        thread.join()
    return {"seen": sorted(seen, key=str), "errors": errors, "lists": lists[0], "inodes": inodes,
            "status": process.wait()}


@pytest.mark.kernel("6.12")
def test_five_hundred_namespaces_come_and_go(machine):
    machine.run("modprobe sctp")
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nInterval=100ms\nCpuShare=100%\n")
    machine.run("systemctl start sctpmond")
    server(machine, "ncat", "127.0.0.1", 7)
    eventually(lambda: listed(machine, "eps"), lambda rows: [row["localPort"] for row in rows] == [7])
    machine.put("/root/come-and-go.py", COME_AND_GO)
    # What the scanner loads is open from then on.
    eventually(lambda: source(machine, "bpf_events"), lambda now: now["result"] == "read" or "Bpf=no" in now.get("reason", ""))
    before = descriptors(machine)

    first, count = 10000, 500
    command = ["python3", "/root/come-and-go.py", str(first), str(count), "8"]
    result = inside.run(machine, listers, 20, command, timeout=300)
    assert result["status"] == 0 and result["errors"] == []
    inodes = {int(number): value for number, value in result["inodes"].items()}
    assert len(inodes) == count

    host = inode(machine, "/proc/self/ns/net")
    came = [row for row in result["seen"] if row[0] != 7]
    assert [row for row in result["seen"] if row[0] == 7] == [[7, host, None]]
    for port, netns, name in came:
        assert port % 3 and inodes[port] == netns, (port, netns, inodes)
        # A name comes after the namespace and goes before it.
        assert name in (None, f"n{port}") and (name is None or port % 2)
    # All those that were there for longer than a look were seen, and by their names.
    ports = {port for port, _, _ in came}
    assert {port for port in inodes if port % 3 and port % 25 == 0} <= ports
    assert {f"n{port}" for port in inodes if port % 3 and port % 25 == 0 and port % 2} <= {name for *_, name in came}

    assert by_port(listed(machine, "eps")).keys() == {7}
    assert eventually(lambda: descriptors(machine), lambda now: now == before) == before
    assert machine.run("systemctl show --property=NRestarts sctpmond").stdout == "NRestarts=0\n"


@pytest.mark.kernel("6.12")
def test_the_daemon_keeps_no_namespace_alive(machine):
    machine.put("/etc/sctpmond.conf.d/20-test.conf", "[Monitor]\nInterval=100ms\nCpuShare=100%\n")
    machine.run("systemctl start sctpmond")
    machine.spawn("while sctpctl assocs; do :; done >/dev/null")
    for number in range(5):
        name = f"n{number}"
        machine.run(
            f"ip netns add {name} && ip -n {name} link set lo up && ip link add out type veth peer name in netns {name}"
        )
        peers = talk(machine, 5000, f"ip netns exec {name}")
        rows = eventually(
            lambda: by_ports(listed(machine, "assocs", f"--netns={name}")),
            lambda rows: len(rows) == 2 and all("owners" in row for row in rows.values()),
        )
        assert {row["netnsName"] for row in rows.values()} == {name}
        # The associations end with their sockets, and a shutdown takes a moment.
        for peer in reversed(peers):
            peer.end()
        machine.wait_until(f"! ip netns exec {name} grep -qw 5000 /proc/net/sctp/assocs")
        machine.run(f"ip netns del {name}")
        # The other end of the pair goes when the namespace does, and not before.
        machine.wait_until("! ip link show out", timeout=5)
    assert eventually(lambda: listed(machine, "eps"), lambda rows: rows == []) == []
