# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a duplicate of another process's socket could do to it, and does not: the daemon asks for socket options as often
as it can, and the programs do not notice."""


import pytest

import inside
from seen import by_ports, eventually, listed, source

QUICKEST = "[Monitor]\nInterval=100ms\nCpuShare=100%\n"


def start_daemon(machine):
    machine.put("/etc/sctpmond.conf.d/20-test.conf", QUICKEST)
    machine.run("systemctl start sctpmond")


def wait_for_options(machine, more=2):
    """Until the options of all associations were asked for so many times."""
    seen = {}

    def asked_again(rows):
        for row in rows:
            if "socketOptionsAt" in row:
                seen.setdefault(row["associationId"], set()).add(row["socketOptionsAt"])
        return rows != [] and all(len(seen.get(row.get("associationId"), ())) >= more for row in rows)

    eventually(lambda: listed(machine, "assocs"), asked_again)


def killed_owners(rounds):
    """Kills clients and servers beside a daemon that is always asking: seconds until the kernel had no row of them, each
    time, and how often a server that came right after found its port taken."""
    import os
    import random
    import signal
    import time

    def sctp(kind):
        return socket.socket(socket.AF_INET, kind, 132)

    def rows():
        with open("/proc/net/sctp/assocs") as table:
            return len(table.readlines()) - 1

    def start(function):
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            error = function()
            os.write(writable, json.dumps(error).encode())
            time.sleep(1000)
            os._exit(1)
        os.close(writable)
        said = json.loads(os.read(readable, 100))
        os.close(readable)
        return child, said

    def serve():
        # One-to-many: its associations are asked for by the socket that listens.
        global server
        server = sctp(socket.SOCK_SEQPACKET)
        try:
            server.bind(("127.0.0.1", 7000))
        except OSError as error:
            return error.errno
        server.listen(5)

    def connect():
        global client
        client = sctp(socket.SOCK_STREAM)
        client.connect(("127.0.0.1", 7000))

    def kill(child):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def wait_for(number):
        started = time.monotonic()
        while rows() != number and time.monotonic() < started + 10:
            time.sleep(0.001)
        return time.monotonic() - started if rows() == number else None

    result = {"client": [], "server": [], "taken": 0}
    server_process, _ = start(serve)
    for i in range(rounds):
        client_process, _ = start(connect)
        wait_for(2)
        # At any moment of what the daemon is doing.
        time.sleep(random.random() * 0.15)
        if i % 2:
            kill(client_process)
            result["client"].append(wait_for(0))
        kill(server_process)
        if i % 2 == 0:
            result["server"].append(wait_for(0))
            kill(client_process)
        server_process, error = start(serve)
        result["taken"] += error is not None
        if error is not None:
            kill(server_process)
            server_process, _ = start(serve)
    kill(server_process)
    return result


@pytest.mark.kernel("6.1")
def test_killed_owners_end_their_associations_and_free_their_ports(machine):
    start_daemon(machine)
    asking = machine.spawn("while :; do sctpctl assocs; done >/dev/null")
    result = inside.run(machine, killed_owners, 100, timeout=300)
    assert result["taken"] == 0
    for ended in result["client"], result["server"]:
        assert len(ended) == 50 and None not in ended
    asking.kill()

    asked = source(machine, "socket_options")
    assert asked["result"] == "read" and asked["holdMaxUs"] > 0


# Reads SCTP_GET_ASSOC_STATS whenever a line comes.
STATISTICS = """
import ctypes, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
listener.bind(("127.0.0.1", 7000))
listener.listen()
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
client.bind(("127.0.0.1", 8000))
client.connect(("127.0.0.1", 7000))
server, _ = listener.accept()
# Once round, so that there is an RTO.
client.send(b"x")
server.recv(1)
print("connected", flush=True)
for line in sys.stdin:
    data, length = ctypes.create_string_buffer(264), ctypes.c_int(264)
    if libc.getsockopt(client.fileno(), 132, 112, data, ctypes.byref(length)) != 0:
        raise OSError(ctypes.get_errno())
    # sas_assoc_id, sas_obs_rto_ipaddr, sas_maxrto
    print("maxrto", struct.unpack_from("=Q", data, 136)[0], flush=True)
"""


def test_the_greatest_rto_is_the_programs_to_reset(machine):
    start_daemon(machine)
    machine.put("/root/statistics.py", STATISTICS)
    program = machine.spawn("exec python3 /root/statistics.py")
    program.wait_for_output("connected\n")
    wait_for_options(machine, more=3)
    assert (8000, 7000) in by_ports(listed(machine, "assocs"))

    def read(number):
        program.write("\n")
        program.channel.wait_for(lambda: program.stdout.count("maxrto") == number, 60, "the statistics")
        return int(program.stdout.split()[-1])

    # It was not read before, and each reading starts anew: so the first one tells the most.
    first = read(1)
    wait_for_options(machine, more=3)
    assert first > read(2) > 0
