# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers and clients that others wrote, and how far they have got by the kernel's own tables."""

import signal

# Columns of /proc/net/sctp/assocs for awk: ST, ASSOC-ID, LPORT, RPORT.
STATE, LOCAL_PORT, PEER_PORT = "$5", "$12", "$13"
ESTABLISHED, SHUTDOWN_PENDING = 3, 4

PROGRAMS = ["sctp_test", "sctp_darn", "sctp_status", "ncat"]


class Peer:
    """A running program. `where` is a command that puts it somewhere else: `ip netns exec peer`."""

    def __init__(self, machine, command, where=""):
        self.process = machine.spawn(f"exec {where} {command} >/dev/null")

    def freeze(self):
        """From now on it neither reads nor writes, and its sockets stay."""
        self.process.kill(signal.SIGSTOP)

    def write(self, text):
        self.process.write(text)

    def end(self, number=signal.SIGKILL):
        self.process.kill(number)
        self.process.wait()


def server(machine, program, address, port, more=(), where=""):
    """Listens on the address, and with sctp_test and sctp_darn on those in `more` too."""
    bind = "".join(f" -B {other}" for other in more)
    command = {
        "sctp_test": f"sctp_test -H {address} -P {port}{bind} -l",
        "sctp_darn": f"sctp_darn -H {address} -P {port}{bind} -l",
        "sctp_status": f"sctp_status -H {address} -P {port} -l",
        "ncat": f"ncat --sctp --listen --keep-open {'-6' if ':' in address else '-4'} {address} {port}",
    }[program]
    return Peer(machine, command, where)


def wait_for_listeners(machine, *ports):
    """In the guest's own network namespace."""
    everyone = " && ".join(f"grep -qw {port} /proc/net/sctp/eps" for port in ports)
    machine.wait_until(everyone)


def client(machine, program, address, port, to, to_port, more=(), where=""):
    """Connects. sctp_test and sctp_status send all the time, the others what is written to them."""
    bind = "".join(f" -B {other}" for other in more)
    ends = f"-H {address} -P {port} -h {to} -p {to_port} -s"
    command = {
        "sctp_test": f"sctp_test {ends}{bind} -c 5 -x 100000000",
        "sctp_darn": f"sctp_darn {ends}{bind}",
        "sctp_status": f"sctp_status {ends} -x 100000000",
        "ncat": f"ncat --sctp -s {address} -p {port} {to} {to_port}",
    }[program]
    peer = Peer(machine, command, where)
    if program == "sctp_darn":
        peer.write("snd=10\n")
    return peer


def wait_for_association(machine, local_port, peer_port, state=ESTABLISHED, timeout=60):
    machine.wait_until(
        f"awk '{STATE} == {state} && {LOCAL_PORT} == {local_port} && {PEER_PORT} == {peer_port} {{ found = 1 }}"
        " END { exit !found }' /proc/net/sctp/assocs",
        timeout,
    )


def wait_until_gone(machine, port):
    machine.wait_until(f"! awk '{{ print {LOCAL_PORT}, {PEER_PORT} }}' /proc/net/sctp/assocs | grep -qw {port}")
