# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether sctpmond loads the kernel's SCTP module, and what is said where it may not."""

import json

import pytest

from peers import Peer

BLACKLIST = "/etc/modprobe.d/local.conf"


def loaded(machine):
    return "sctp" in machine.run("lsmod | awk '{ print $1 }'").stdout.split()


def test_the_service_loads_it(machine):
    assert not loaded(machine)
    assert machine.run("cat /proc/net/sctp/eps", check=False).returncode != 0

    machine.run("systemctl start sctpmond")
    assert loaded(machine)
    assert machine.run("sctpctl eps --json=short").stdout == "[]\n"
    assert "LPORT" in machine.run("cat /proc/net/sctp/eps").stdout
    said = machine.run("journalctl --unit=sctpmond-module --output=cat").stdout
    assert "The kernel module sctp was loaded; it cannot be unloaded again until the next boot." in said
    # The daemon itself has no right to load modules: the server none at all, the scanner CAP_DAC_READ_SEARCH,
    # CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_SYS_ADMIN.
    pids = json.loads(machine.run("sctpctl status --json=short").stdout)
    for process, kept in (("pid", 0), ("scannerPid", 1 << 2 | 1 << 12 | 1 << 19 | 1 << 21)):
        status = machine.run(f"cat /proc/{pids[process]}/status").stdout
        for name, value in ("CapPrm", kept), ("CapEff", kept), ("CapInh", 0), ("CapAmb", 0):
            assert f"{name}:\t{value:016x}\n" in status


def start_without(machine, reason, advice):
    """Starts the service anew: it runs, has not loaded the module, and says why and what to do."""
    machine.run("systemctl restart sctpmond")
    assert not loaded(machine)
    assert machine.run("systemctl is-active sctpmond").stdout == "active\n"

    machine.wait_until("sctpctl status --json=short | grep -q '\"scan\":'")
    done = machine.run("sctpctl eps", check=False)
    assert done.returncode == 3, done.output()
    assert done.stdout == "" and reason in done.stderr and advice in done.stderr
    status = machine.run("sctpctl status").stdout
    assert "not available" in status and reason in status and advice in status
    # So does the unit that was to load it.
    said = machine.run("journalctl --output=cat --unit=sctpmond-module").stdout
    assert reason in said and advice in said


@pytest.mark.kernel("6.1")
def test_a_rule_against_it_is_honoured_and_told(machine):
    machine.put(BLACKLIST, "blacklist sctp\n")
    start_without(
        machine,
        f"The kernel module sctp is blacklisted in {BLACKLIST}.",
        'remove the line "blacklist sctp" there and restart sctpmond',
    )

    for verb in "assocs", "stats", "eps --socket=/nowhere":
        assert machine.run(f"sctpctl {verb}", check=False).returncode == 3

    for command in "/bin/false", "/bin/true", "/bin/touch /run/was-run":
        machine.put(BLACKLIST, f"install sctp {command}\n")
        start_without(
            machine,
            f"A rule in {BLACKLIST} runs a command in place of loading the kernel module sctp; sctpmond never runs "
            f"such commands ({command}).",
            'remove the line "install sctp ..." there and restart sctpmond',
        )
    assert machine.run("test -e /run/was-run", check=False).returncode == 1

    # One who loads it all the same is not in the way, and need not restart the daemon.
    pid = machine.run("systemctl show --property=MainPID sctpmond").stdout
    machine.run("modprobe --ignore-install sctp")
    machine.wait_until("sctpctl eps")
    assert '"sctpAvailable":true' in machine.run("sctpctl status --json=short").stdout
    assert machine.run("systemctl show --property=MainPID sctpmond").stdout == pid
    machine.wait_until("journalctl --output=cat --unit=sctpmond | grep -q '^SCTP is available'")


def test_a_missing_file_is_told(machine):
    path = machine.run("modinfo --field=filename sctp").stdout.strip()
    machine.run(f"mv {path} /root")
    start_without(
        machine,
        f"The module file {path} is listed in modules.dep but cannot be read: No such file or directory.",
        "Reinstall the modules of the running kernel.",
    )

    # A kernel without it, as far as its own list of modules tells
    machine.run("depmod $(uname -r) $(modinfo --field=filename virtio_blk)")
    start_without(machine, "There is no module sctp among those in /lib/modules/", "linux-modules-extra-")


RAW_SOCKET = (
    "python3 -c 'import socket, time; "
    "stack = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132); time.sleep(1000)'"
)


@pytest.mark.kernel("6.12")
def test_it_is_not_loaded_beside_a_userspace_stack(machine):
    """The kernel's would ABORT that stack's associations."""
    reason = "A program of user 0 runs an SCTP stack of its own (a raw socket for protocol 132,"
    advice = "stop it and restart sctpmond, or keep it and set LoadModule=no."

    stack = Peer(machine, RAW_SOCKET)
    machine.wait_until("grep -q :0084 /proc/net/raw")
    start_without(machine, reason, advice)
    stack.end()

    # In another network namespace it is in danger, too.
    machine.run("ip netns add elsewhere")
    stack = Peer(machine, RAW_SOCKET, where="ip netns exec elsewhere")
    machine.wait_until("ip netns exec elsewhere grep -q :0084 /proc/net/raw")
    start_without(machine, reason, advice)
    stack.end()

    machine.run("systemctl restart sctpmond && sctpctl eps")
    assert loaded(machine)


def test_it_is_not_loaded_where_the_settings_say_no(machine):
    machine.put("/etc/sctpmond.conf.d/module.conf", "[Monitor]\nLoadModule=no\n")
    machine.run("systemctl start sctpmond")
    assert not loaded(machine)
    assert machine.run("sctpctl eps", check=False).returncode == 3
    machine.run("systemctl stop sctpmond sctpmond.socket && rm /etc/sctpmond.conf.d/module.conf")


def test_started_by_hand(machine):
    daemon = "sctpmond --socket=/run/by-hand/socket --state=/run/by-hand-state"
    machine.run("mkdir -p /run/by-hand")

    process = Peer(machine, f"{daemon} --load-module=no")
    machine.wait_until("sctpctl status --socket=/run/by-hand/socket | grep 'The kernel module sctp is not loaded.'")
    done = machine.run("sctpctl eps --socket=/run/by-hand/socket", check=False)
    assert done.returncode == 3 and "The kernel module sctp is not loaded." in done.stderr
    assert not loaded(machine)
    process.end()

    Peer(machine, f"{daemon}")
    machine.wait_until("sctpctl status --socket=/run/by-hand/socket && sctpctl eps --socket=/run/by-hand/socket")
    assert loaded(machine)
