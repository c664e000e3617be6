# SPDX-License-Identifier: LGPL-2.1-or-later
"""The list of network namespaces: what is there, what is gone, and what took the place of it."""

import inspect
import json

import pytest

import namespaces

pytestmark = [pytest.mark.machine(bare=True), pytest.mark.kernel("6.12")]

# What the functions below may use.
PRELUDE = f"""
import json, os, socket, subprocess, sys, time
sys.path.insert(0, "{namespaces.WHERE}")
from namespaces import *

def sh(command):
    subprocess.run(command, shell=True, check=True, stderr=subprocess.STDOUT, stdout=subprocess.DEVNULL)

def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)

def sleeper(*command):
    # One that has arrived in the namespace that the command brings it into.
    process = subprocess.Popen([*command, "sleep", "1000"])
    until(lambda: open(f"/proc/{{process.pid}}/comm").read() == "sleep\\n")
    return process

def succeeds(command):
    return subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

def end(process):
    process.kill()
    process.wait()

def listener(port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM, 132)
    s.bind(("", port))
    s.listen(5)
    return s
"""


def inside(machine, function, timeout=120):
    """Runs the function in the guest."""
    namespaces.install(machine)
    program = f"{PRELUDE}\n{inspect.getsource(function)}\nprint(json.dumps({function.__name__}()))\n"
    machine.put("/root/program.py", program)
    return json.loads(machine.run("python3 /root/program.py", timeout=timeout).stdout)


def ways():
    own = inode()
    sh("ip netns add mounted && ip netns add both && ip netns add 'odd name'")
    sh("mkdir -p /run/docker/netns && touch /run/docker/netns/0a1b /run/docker/netns/again")
    sh("unshare --net=/run/docker/netns/0a1b true && mount --bind /run/netns/both /run/docker/netns/again")
    both = sleeper("ip", "netns", "exec", "both")
    alone = sleeper("unshare", "--net")

    l = Namespaces()
    assert l.update() == 0
    result = {
        place.name.decode() or place.path.decode() or ("own" if place.own else "alone"):
        [place.path.decode(), place.pid, place.netns]
        for place in l.places()
    }
    assert result["own"] == ["", os.getpid(), own]
    assert result["alone"] == ["", alone.pid, inode(f"/proc/{alone.pid}/ns/net")]
    assert result["both"] == ["/run/netns/both", both.pid, inode("/run/netns/both")]
    assert result["mounted"] == ["/run/netns/mounted", 0, inode("/run/netns/mounted")]
    assert result["odd name"] == ["/run/netns/odd name", 0, inode("/run/netns/odd name")]
    assert result["/run/docker/netns/0a1b"] == ["/run/docker/netns/0a1b", 0, inode("/run/docker/netns/0a1b")]
    assert len(result) == 6
    assert [place.netns for place in l.places()] == sorted(place.netns for place in l.places())
    assert len({place.generation for place in l.places()}) == 6

    for place in l.places():
        assert l.enter(place) == 0
        assert inode() == place.netns
        l.leave()
        assert inode() == own
        # Nothing of all this loads the module.
        assert l.count(place) == l.open(place) == "ENOENT"
    assert not os.path.exists("/proc/net/sctp")
    return True


def test_every_way_leads_into_a_namespace(machine):
    assert inside(machine, ways)


def sockets():
    sh("modprobe sctp && ip netns add a && ip netns add b")
    process = sleeper("ip", "netns", "exec", "b")
    l = Namespaces()
    assert l.update() == 0
    for name, place in (("own", l.of(inode())), ("a", l.named("a")), ("b", l.named("b"))):
        others = [other for other in l.places() if other.netns != place.netns]
        assert l.count(place) == 0, name
        assert l.enter(place) == 0
        sh("ip link set lo up")
        first = listener(7000)
        assert l.count(place) == 1, name
        l.leave()
        second = None
        assert l.enter(place) == 0
        second = listener(7001, socket.AF_INET6)
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
        client.connect(("127.0.0.1", 7000))
        l.leave()
        # One that is not accepted has no socket yet.
        assert l.count(place) == 3, name
        server, _ = first.accept()
        assert l.count(place) == 4, name
        assert l.ports(place) == [7000, 7001], name
        assert [l.count(other) for other in others] == [0, 0], name
        assert [l.ports(other) for other in others] == [[], []], name
        for s in (first, second, client, server):
            s.close()
        assert l.count(place) == 0, name
    end(process)
    return True


def test_sockets_are_counted_by_namespace(machine):
    assert inside(machine, sockets)


def orphans():
    sh("modprobe sctp && ip netns add a && ip netns add b")
    sh("ip -n a link add va type veth peer name vb netns b")
    for name, address in (("a", "192.0.2.1"), ("b", "192.0.2.2")):
        sh(f"ip -n {name} addr add {address}/24 dev v{name} && ip -n {name} link set v{name} up")
    l = Namespaces()
    assert l.update() == 0
    a, b = l.named("a"), l.named("b")
    assert l.enter(a) == 0
    server = listener(7000)
    l.leave()
    assert l.enter(b) == 0
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
    client.connect(("192.0.2.1", 7000))
    l.leave()
    sh("ip -n a link set va down")
    client.send(b"that nobody gets")
    client.close()
    count, fd = l.count(b), l.open(b)
    with open(f"/proc/self/fd/{fd}/assocs") as file:
        rows = file.readlines()[1:]
    os.close(fd)
    # Without a socket, in SHUTDOWN-PENDING: column ST.
    assert len(rows) == 1 and rows[0].split()[4] == "4", rows
    assert count == 0
    server.close()
    return True


def test_a_closed_socket_is_not_counted_while_its_association_lives(machine):
    assert inside(machine, orphans)


def reuse():
    l = Namespaces()
    reused = 0
    sh("ip netns add stays")
    l.update()
    stays = l.named("stays").generation
    generations, inodes = set(), []
    for _ in range(10):
        sh("ip netns add x")
        assert l.update() == 0
        place = l.named("x")
        place.was_empty, place.skipped = True, 7
        old = Place.from_buffer_copy(place)
        generations.add(place.generation)
        inodes.append(place.netns)
        sh("ip netns del x")
        time.sleep(0.1)
        # Between two updates another one gets the inode, the mount its id, and the line of mountinfo is the same.
        sh("ip netns add x")
        assert l.enter(old) == "ESTALE"
        assert l.update() == 0
        place = l.named("x")
        reused += place.netns == old.netns
        assert place.generation != old.generation
        assert (place.was_empty, place.skipped) == (False, 0)
        assert l.enter(old) == "ESTALE" and l.count(old) == "ESTALE" and l.open(old) == "ESTALE"
        assert l.enter(place) == 0
        l.leave()
        generations.add(place.generation)
        sh("ip netns del x")
        assert l.update() == 0
        assert l.named("x") is None
        assert l.named("stays").generation == stays
        time.sleep(0.1)
    assert len(generations) == 20
    return reused


@pytest.mark.kernel("6.12")
def test_a_namespace_with_the_inode_of_one_that_is_gone_is_another_one(machine):
    assert inside(machine, reuse) > 0


def moves():
    l = Namespaces()
    assert l.update() == 0
    count = len(l.places())
    # Seen before it moves.
    process = subprocess.Popen(
        ["python3", "-c", "import ctypes, sys; sys.stdin.readline(); ctypes.CDLL(None).unshare(0x40000000);"
         "print('moved', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert l.update() == 0
    assert process.pid in l.new_pids() and len(l.places()) == count
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "moved\n"
    assert l.update() == 0
    assert process.pid not in l.new_pids()
    assert l.of(inode(f"/proc/{process.pid}/ns/net")).pid == process.pid
    end(process)
    # A zombie until it is waited for, then nothing: no error either way.
    assert l.update() == 0 and len(l.places()) == count

    # Of two that share one the first ends, and it is the same namespace still.
    first = sleeper("unshare", "--net")
    second = sleeper("nsenter", f"--net=/proc/{first.pid}/ns/net")
    assert l.update() == 0
    netns = inode(f"/proc/{first.pid}/ns/net")
    generation = l.of(netns).generation
    assert l.of(netns).pid in (first.pid, second.pid)
    for process, left in ((first, second.pid), (second, None)):
        end(process)
        assert l.update() == 0
        assert (l.of(netns).pid, l.of(netns).generation) == (left, generation) if left else not l.of(netns)

    # More than are remembered; those that are remembered end: found by reading all of /proc, in the same update.
    first = sleeper("unshare", "--net")
    netns = inode(f"/proc/{first.pid}/ns/net")
    others = [sleeper("nsenter", f"--net=/proc/{first.pid}/ns/net") for _ in range(8)]
    assert l.update() == 0
    generation = l.of(netns).generation
    for process in [first, *others[:7]]:
        end(process)
    assert l.update() == 0
    assert (l.of(netns).pid, l.of(netns).generation) == (others[7].pid, generation)

    # It keeps the namespace that is mounted, too.
    sh(f"ip netns attach late {others[7].pid}")
    assert l.update() == 0
    assert l.named("late").netns == netns and l.named("late").generation == generation
    end(others[7])
    assert l.update() == 0
    assert (l.named("late").pid, l.named("late").generation) == (0, generation)
    return True


def test_processes_move_and_end(machine):
    assert inside(machine, moves)


def same_number():
    """A process with the number of one that has ended, in a namespace with the inode of one that is gone."""
    l = Namespaces()
    for _ in range(50):
        process = sleeper("unshare", "--net")
        assert l.update() == 0
        netns = inode(f"/proc/{process.pid}/ns/net")
        old = Place.from_buffer_copy(l.of(netns))
        end(process)
        # The kernel destroys it in its own time.
        time.sleep(0.2)
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(process.pid - 1))
        other = sleeper("unshare", "--net")
        assert l.update() == 0
        now = l.of(inode(f"/proc/{other.pid}/ns/net"))
        assert now.pid == other.pid
        assert now.generation != old.generation
        same = (other.pid, now.netns) == (old.pid, old.netns)
        end(other)
        if same:
            return True
    return False


def test_a_process_with_the_number_of_another_one(machine):
    assert inside(machine, same_number)


def unpinned():
    sh("modprobe sctp && ip netns add a && ip netns add b")
    sh("ip -n a link add va type veth peer name vb netns b")
    l = Namespaces()
    process = sleeper("ip", "netns", "exec", "a")
    assert l.update() == 0
    fd = l.open(l.named("a"))
    assert ports_below(os.dup(fd)) == []
    end(process)
    # The names lead there by the mount that is left.
    assert ports_below(os.dup(fd)) == []
    mounted = l.open(l.named("b"))
    assert l.enter(l.named("b")) == 0
    s = listener(7000)
    l.leave()
    assert ports_below(os.dup(mounted)) == [7000]
    assert ports_below(os.dup(fd)) == []
    s.close()
    # The other end of the pair goes with the namespace.
    assert succeeds("ip -n b link show vb")
    sh("ip netns del a")
    until(lambda: not succeeds("ip -n b link show vb"), 3)
    assert ports_below(os.dup(fd)) in ("ENOENT", "ENXIO")
    until(lambda: ports_below(os.dup(fd)) == "ENOENT", 3)
    # Not another one's that has the same inode either.
    sh("ip netns add a")
    assert l.update() == 0
    assert ports_below(os.dup(fd)) == "ENOENT"
    assert ports_below(l.open(l.named("a"))) == []
    return True


def test_a_descriptor_of_the_tables_keeps_no_namespace_alive(machine):
    assert inside(machine, unpinned)


def unprivileged():
    sh("modprobe sctp && ip netns add mounted")
    process = sleeper("unshare", "--net")
    netns = inode(f"/proc/{process.pid}/ns/net")
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    own = inode()
    l = Namespaces()
    assert l.update() == 0
    places = l.places()
    assert len(places) == 3, [(p.netns, p.pid, p.path) for p in places]
    mounted, unnamed = l.named("mounted"), next(p for p in places if p.netns >= 1 << 63)
    assert (unnamed.pid, unnamed.path, l.of(netns)) == (process.pid, b"", None)
    assert l.enter(l.of(own)) == 0
    l.leave()
    assert l.enter(unnamed) in ("EACCES", "EPERM")
    assert l.enter(mounted) == l.open(mounted) == l.count(mounted) == "EPERM"
    assert l.count(unnamed) == 0 and l.ports(unnamed) == []
    assert l.count(l.of(own)) == 0 and l.ports(l.of(own)) == []
    generations = {p.netns: p.generation for p in places}
    assert l.update(True) == l.update() == 0
    assert {p.netns: p.generation for p in l.places()} == generations
    return True


def test_without_any_right(machine):
    assert inside(machine, unprivileged)


def churn():
    sh("modprobe sctp && ip netns add steady")
    l = Namespaces()
    assert l.update() == 0
    steady = l.named("steady")
    netns, generation = steady.netns, steady.generation
    assert l.enter(steady) == 0
    s = listener(7000)
    l.leave()
    # In each namespace a process listens on a port of its own, which the name tells.
    def make(number):
        name = f"c{number}"
        sh(f"ip netns add {name}")
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
            assert ctypes.CDLL(None).setns(fd, NEW_NETWORK) == 0
            os.close(fd)
            s = listener(number)
            os.write(tell, b".")
            time.sleep(1000)
        if number % 4:
            os.read(told, 1)
        if number % 3:
            os.kill(pid, 9)
        sh(f"ip netns del {name}")
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(told)
        os.close(tell)

    fds = descriptors()
    churner = os.fork()
    if churner == 0:
        for i in range(50):
            make(10000 + i)
        os._exit(0)
    errors, updates, looked, rows = {}, 0, 0, 0
    while (ended := os.waitpid(churner, os.WNOHANG)) == (0, 0):
        assert l.update(updates % 7 == 0) == 0
        updates += 1
        steady = l.named("steady")
        assert (steady.netns, steady.generation) == (netns, generation)
        for place in l.places():
            name = place.name.decode()
            ports, count, entered = l.ports(place), l.count(place), l.enter(place)
            if entered == 0:
                assert inode() == place.netns
                l.leave()
            for what in (ports, count, entered):
                if isinstance(what, str):
                    errors[what] = errors.get(what, 0) + 1
            if name == "steady":
                assert (ports, count, entered) == ([7000], 1, 0)
            elif isinstance(ports, list):
                looked += 1
                rows += len(ports)
                assert len(ports) <= 1 and (not ports or place.own is False)
                if name.startswith("c"):
                    assert ports in ([], [int(name[1:])])
        assert descriptors() == fds, updates
    assert ended == (churner, 0)
    until(lambda: l.update(True) == 0 and len(l.places()) == 2)
    return {"errors": errors, "updates": updates, "looked": looked, "rows": rows}


@pytest.mark.kernel("6.1")
def test_rapid_churn_gives_only_the_errors_that_are_told_of(machine):
    result = inside(machine, churn, timeout=600)
    print(result)
    assert set(result["errors"]) <= {"ESTALE", "ENXIO", "ENOENT"}
    assert result["updates"] > 20 and result["looked"] > 50 and result["rows"] > 5
