# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab itself: real kernels, real peers, and failures that are told."""

import time

import pytest

from guest import CommandFailed, MachineDied

pytestmark = [pytest.mark.machine(bare=True), pytest.mark.kernel("6.12")]


def test_a_fresh_machine_runs_this_kernel_without_sctp(machine, kernel):
    assert machine.run("uname -r").stdout.startswith(kernel + ".")
    assert machine.run("systemctl is-system-running").stdout == "running\n"
    assert machine.run("cat /proc/net/sctp/eps", check=False).returncode != 0
    assert abs(float(machine.run("date +%s.%N").stdout) - time.time()) < 5


def test_two_peers_talk(machine):
    machine.run("modprobe sctp && /usr/local/lib/lab/two-namespaces")
    machine.spawn("sctp_darn -H 0 -P 5000 -l")
    machine.wait_until("grep -qw 5000 /proc/net/sctp/eps")
    client = machine.spawn("ip netns exec peer sctp_darn -H 10.0.1.2 -B 10.0.2.2 -P 6000 -h 10.0.1.1 -p 5000 -s")
    client.write("snd=10\n")
    machine.wait_until("grep -w 5000 /proc/net/sctp/assocs | grep -w 6000 | grep -w 10.0.2.2")

    client.kill()
    client.wait()
    machine.wait_until("! grep -w 6000 /proc/net/sctp/assocs")


def test_ipv6_peers_talk(machine):
    machine.run("modprobe sctp && /usr/local/lib/lab/two-namespaces")
    server = machine.spawn("ncat --sctp -6 -l fd00:2::1 5000")
    machine.wait_until("grep -qw 5000 /proc/net/sctp/eps")
    client = machine.spawn("ip netns exec peer ncat --sctp fd00:2::1 5000")
    client.write("good morning\n")
    server.wait_for_output("good morning")


def test_a_command_that_fails_is_told_with_its_output(machine):
    with pytest.raises(CommandFailed, match="(?s)ended with 3.*on stdout.*on stderr"):
        machine.run("echo on stdout; echo on stderr >&2; exit 3")
    with pytest.raises(TimeoutError, match="before"):
        machine.run("echo before; sleep 1000", timeout=1)


def test_files_go_in_and_out(machine):
    data = bytes(range(256)) * 10000
    machine.put("/srv/with space/data", data, mode=0o600)
    assert machine.get("/srv/with space/data") == data
    assert machine.run("stat -c %a '/srv/with space/data'").stdout == "600\n"


def test_a_terminal_is_one(machine):
    cat = machine.terminal("tty && stty size && read -r && stty size && read -r", rows=30, columns=100)
    cat.wait_for_output("30 100")
    cat.resize(40, 120)
    cat.write("\n")
    cat.wait_for_output("40 120")
    assert cat.tty in cat.output()
    before = machine.run(f"stty -g --file={cat.tty}").stdout
    machine.run(f"stty -echo --file={cat.tty}")
    cat.kill()
    assert cat.wait() < 0
    assert machine.run(f"stty -g --file={cat.tty}").stdout != before


def test_a_death_is_told_with_the_console(machine):
    with pytest.raises(MachineDied, match="(?s)machine died.*sysrq"):
        machine.run("echo c > /proc/sysrq-trigger")


def test_machines_do_not_see_each_other(machine):
    machine.run("test ! -e /etc/touched && touch /etc/touched && sync")
