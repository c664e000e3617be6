# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to the daemon's processes is the daemon's affair: clients are answered, and no change is lost."""

import pytest

import journal
import load
import programs
import seen

# Who asks while nobody is there is answered all the same; where processes take long to start it is told so, and asks
# again.
ASK = """
ask() {
    until sctpctl "$@" --json=short 2>/run/said; do
        grep -q "sctpmond has not answered within" /run/said || { cat /run/said; return 1; }
    done
}
"""
OVERRIDE = "/etc/sctpmond.conf.d/test.conf"


def configure(machine, *lines):
    machine.put(OVERRIDE, "\n".join(["[Monitor]", *lines, ""]))


def service(machine, name):
    return machine.run(f"systemctl show --value --property={name} sctpmond").stdout.strip()


def pids(machine):
    status = journal.status(machine)
    return status["pid"], status["scannerPid"]


def wait_for_others(machine, old):
    """Until the service is up again with two new processes."""
    machine.wait_until("sctpctl status --json=short")
    new = pids(machine)
    assert not set(new) & set(old)
    assert machine.run(f"ps --no-headers --pid={old[0]},{old[1]}", check=False).stdout == ""
    return new


def wait_for_programs(machine):
    """All that belong to the daemon, and what was there before."""
    seen.eventually(lambda: seen.source(machine, "bpf_events"),
                    lambda one: one["result"] == "read" or "Bpf=no" in one.get("reason", ""))
    return programs.loaded(machine)


def of_server(entries, port):
    """By kind, how many rows of loopback are told of; an association has two."""
    return journal.kinds([e for e in entries if str(port) in (e.get("SCTP_LOCAL_PORT"), e.get("SCTP_PEER_PORT"))])


@pytest.mark.kernel("6.12")
def test_processes_that_are_killed(machine):
    load.install(machine)
    machine.run("modprobe -a sctp sctp_diag")
    before = programs.loaded(machine)
    untouched = load.hold(machine, 5, port=7000)
    ending = load.hold(machine, 5, port=7001)
    machine.run("systemctl start sctpmond")
    assert journal.entries(machine) == []
    now = pids(machine)
    on = wait_for_programs(machine)

    for number, victim in enumerate(["server", "scanner"]):
        # What changes while the scanner stands still is seen by the next one only.
        machine.run(f"kill -STOP {now[1]}")
        ending.kill(9)
        beginning = load.hold(machine, 5, port=7002 + number)
        machine.run(f"{ASK} kill -9 {now[victim == 'scanner']}; ask eps | grep {7002 + number}")
        now = wait_for_others(machine, now)

        told = journal.entries(machine)
        assert of_server(told, 7000) == []
        assert sorted(of_server(told, 7001 + number)[-11:]) == 10 * ["association_down"] + ["endpoint_removed"]
        assert sorted(of_server(told, 7002 + number)) == 10 * ["association_up"] + ["endpoint_added"]
        assert len(told) == 22 * (number + 1)
        ending = beginning

    # However often, systemd starts it again, and nothing is said twice.
    for number in range(6):
        machine.run(f"{ASK} kill -9 {now[number % 2]}; ask assocs >/dev/null && ask status >/dev/null")
        now = wait_for_others(machine, now)
    assert journal.entries(machine) == told
    assert service(machine, "ActiveState") == "active"
    assert int(service(machine, "NRestarts")) == 8
    # Of all the programs in the kernel the last ones are there, and then none.
    seen.eventually(lambda: programs.loaded(machine), lambda there: there == on)
    machine.run("systemctl stop sctpmond.socket sctpmond")
    seen.eventually(lambda: programs.loaded(machine), lambda there: there == before)
    untouched.kill()
    ending.kill()


def test_a_clean_stop(machine):
    machine.run("systemctl start sctpmond")
    old = pids(machine)
    machine.run("systemctl stop sctpmond")
    assert (service(machine, "ActiveState"), service(machine, "Result")) == ("inactive", "success")
    assert machine.run(f"ps --no-headers --pid={old[0]},{old[1]}", check=False).stdout == ""
    # The next client starts it.
    machine.run("sctpctl status")
    assert service(machine, "ActiveState") == "active"
    assert not set(pids(machine)) & set(old)


@pytest.mark.kernel("6.12")
def test_settings_are_reloaded(machine):
    machine.run("systemctl start sctpmond")
    old = pids(machine)
    assert journal.status(machine)["intervalMs"] == 1000

    configure(machine, "Interval=250ms")
    machine.run("systemctl reload sctpmond")
    machine.wait_until("sctpctl status --json=short | grep -q '\"intervalMs\":250,'")

    # What is wrong is told by file and line, and nothing of that file counts.
    for lines, number, word in [
        (["Interval=2s", "ScanWait=soon"], 3, "ScanWait"),
        (["Interval=2s", "", "Colour=blue"], 4, "Colour"),
        (["Interval=0"], 2, "Interval"),
    ]:
        configure(machine, *lines)
        machine.run("systemctl reload sctpmond")
        machine.wait_until(
            f"journalctl --unit=sctpmond --output=cat | grep --fixed-strings --after-context=4 '{OVERRIDE}:{number}:'"
            f" | tr '\n' ' ' | grep -q '{word}.*settings in force are kept'"
        )
        assert journal.status(machine)["intervalMs"] == 250

    configure(machine, "Interval=3s")
    machine.run("systemctl reload sctpmond")
    machine.wait_until("sctpctl status --json=short | grep -q '\"intervalMs\":3000,'")
    assert pids(machine) == old
    assert service(machine, "ActiveState") == "active"


@pytest.mark.kernel("6.1")
@pytest.mark.machine(bpf=False)
def test_a_scanner_that_is_stuck(machine):
    load.install(machine)
    configure(machine, "ScanWait=300ms", "ScanTimeout=2s")
    machine.run("modprobe sctp")
    held = load.hold(machine, 5, port=7000)
    machine.run("systemctl start sctpmond")
    assert journal.entries(machine) == []
    now = pids(machine)
    serial = journal.status(machine)["scan"]["serial"]

    machine.run(f"kill -STOP {now[1]}")
    beginning = load.hold(machine, 5, port=7001)
    # The last look is served, and said to be that.
    list_port = "timeout 20 sctpctl eps --json=short --port={}"
    answer = machine.run(f"{list_port.format(7000)}; {list_port.format(7001)}", check=False)
    assert '"localPort":7000' in answer.stdout
    assert '"localPort":7001' not in answer.stdout
    assert "old" in answer.stderr
    machine.wait_until("sctpctl status --json=short | grep -q '\"notice\":\"[^\"]*more than 2s'", timeout=20)
    stuck = journal.status(machine)
    assert stuck["scan"]["stale"] and stuck["scan"]["serial"] <= serial + 1
    assert pids(machine) == now

    machine.run(f"kill -CONT {now[1]}")
    machine.wait_until("sctpctl eps --json=short --port=7001 | grep -q '\"localPort\":7001'", timeout=20)
    healed = journal.status(machine)
    assert "more than 2s" not in healed.get("notice", "") and not healed["scan"]["stale"]
    told = journal.entries(machine)
    assert sorted(of_server(told, 7001)) == 10 * ["association_up"] + ["endpoint_added"]
    assert len(told) == 11
    held.kill()
    beginning.kill()
