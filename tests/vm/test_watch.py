# SPDX-License-Identifier: LGPL-2.1-or-later
"""`sctpctl assocs --watch`: a live view on a terminal, a line for each change into a pipe."""

import json
import re

import pytest

from peers import client, server, wait_for_association, wait_for_listeners
from screen import Screen

TWO, FOUR = "2 associations: 2 established", "4 associations: 4 established"


def start_with_an_association(machine):
    """Both of its ends are here, so it is listed twice."""
    machine.run("systemctl start sctpmond")
    server(machine, "ncat", "127.0.0.1", 5000)
    wait_for_listeners(machine, 5000)
    connect(machine, 6000)
    # The daemon has seen it.
    assert len(json.loads(machine.run("sctpctl assocs --json=short").stdout)) == 2


def connect(machine, port):
    peer = client(machine, "ncat", "127.0.0.1", port, "127.0.0.1", 5000)
    wait_for_association(machine, 5000, port)
    wait_for_association(machine, port, 5000)
    return peer


class Shell:
    """A person at a terminal, in an interactive shell."""

    def __init__(self, machine, rows=24, columns=80):
        self.machine = machine
        self.process = machine.terminal("TERM=xterm PS1='ready> ' exec bash --norc --noediting -i", rows, columns)
        self.screen = Screen(self.process, rows, columns)
        self.screen.wait_for("ready>")
        self.settings = self.stty()

    def stty(self):
        return self.machine.run(f"stty -g --file={self.process.tty}").stdout

    def type(self, text):
        self.process.write(text)

    def watch(self, shown):
        self.type("sctpctl assocs --watch\n")
        self.screen.wait_for(shown)
        assert self.screen.alternate
        assert self.stty() != self.settings

    def assert_restored(self, status):
        """The shell has its terminal back as it was, with what stood there before."""
        self.screen.wait_for(lambda text: not self.screen.alternate)
        self.type("echo ended with $?.\n")
        self.screen.wait_for(f"ended with {status}.")
        assert self.screen.text().startswith("ready> sctpctl assocs --watch")
        assert self.stty() == self.settings
        written = self.process.output()
        for cursor_keys_and_cursor in ("\x1b[?1l", "\x1b[?1h"), ("\x1b[?25h", "\x1b[?25l"):
            as_before, otherwise = map(written.rfind, cursor_keys_and_cursor)
            assert as_before > otherwise


def rows(text, port):
    return [line for line in text.splitlines() if f":{port} " in line]


def both_ends(port, mark, state, totals):
    """A condition for a screen: each end has a row with this mark and state, and the totals are these."""
    def hold(text):
        ends = rows(text, port)
        return len(ends) == 2 and totals in text and all(row.startswith(mark) and state in row for row in ends)
    return hold


@pytest.mark.kernel("6.12")
def test_the_live_view(machine):
    start_with_an_association(machine)
    shell = Shell(machine)
    screen = shell.screen
    shell.watch(TWO)
    screen.wait_for(both_ends(6000, "", "established", TWO))
    lines = screen.text().splitlines()
    assert re.search(r"\d\d:\d\d:\d\d$", lines[0])
    assert lines[2].split()[:4] == ["ID", "LOCAL", "PEER", "STATE"]

    # A new one is marked, and counted.
    peer = connect(machine, 6001)
    screen.wait_for(both_ends(6001, "+ ", "established", FOUR))
    # One that has ended stays a while.
    peer.end()
    screen.wait_for(both_ends(6001, "- ", "closed", TWO))

    # Other sizes: more columns, and few lines.
    assert "INODE" not in screen.text()
    screen.resize(40, 132)
    screen.wait_for(lambda text: "INODE" in text and "q quit" in text.splitlines()[-1] and len(text.splitlines()) == 40)
    screen.resize(5, 40)
    screen.wait_for(lambda text: "INODE" not in text and "q quit" in text.splitlines()[-1] and TWO in text)
    screen.resize(24, 80)
    screen.wait_for(lambda text: len(text.splitlines()) == 24 and not rows(text, 6001))

    # Suspended it lets the shell work; continued it shows what is.
    shell.type("\x1a")
    shell.assert_restored(148)
    connect(machine, 6002)
    shell.type("fg\n")
    screen.wait_for(both_ends(6002, "", "established", FOUR))
    assert screen.alternate and shell.stty() != shell.settings

    shell.type("q")
    shell.assert_restored(0)

    for end in (lambda: shell.type("\x03"), lambda: machine.run("kill $(pidof sctpctl)")):
        shell.type("clear\n")
        screen.wait_for(lambda text: text.strip() == "ready>")
        shell.watch(FOUR)
        end()
        shell.assert_restored(0)


@pytest.mark.kernel("6.12")
def test_it_comes_back_with_the_daemon(machine):
    start_with_an_association(machine)
    shell = Shell(machine)
    screen = shell.screen
    shell.watch(TWO)
    machine.run("systemctl stop sctpmond.socket sctpmond")
    screen.wait_for("reconnecting")
    connect(machine, 6001)
    machine.run("systemctl start sctpmond")
    screen.wait_for(lambda text: FOUR in text and "reconnecting" not in text)
    machine.run("systemctl restart sctpmond")
    connect(machine, 6002)
    screen.wait_for(lambda text: "6 associations: 6 established" in text and "reconnecting" not in text)
    shell.type("q")
    shell.assert_restored(0)


@pytest.mark.kernel("6.1")
@pytest.mark.machine(bpf=False)
def test_into_a_pipe(machine):
    start_with_an_association(machine)
    lines = machine.spawn("sctpctl assocs --watch | cat")
    objects = machine.spawn("sctpctl assocs --watch --json=short")
    machine.wait_until("sctpctl status --json=short | grep '\"monitors\":2'")

    def wait_for(changes):
        for process in lines, objects:
            process.channel.wait_for(lambda: process.stdout.count("\n") >= changes, 60, f"{changes} changes")

    peer = connect(machine, 6001)
    wait_for(2)
    peer.end()
    wait_for(4)
    machine.run("systemctl restart sctpmond")
    machine.wait_until("sctpctl status --json=short | grep '\"monitors\":2'")
    connect(machine, 6002)
    wait_for(6)
    assert "reconnecting" in lines.stderr and "reconnecting" in objects.stderr

    # One line for each change, and nothing else: no table at the start, no escape sequences.
    time, owner = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", r"(; ncat\[\d+\])?"
    expected = []
    for port, what in (
        (6001, ("association_up", "closed -> established")),
        (6001, ("association_down", r"established -> closed after [^;\s]+; (probably )?closed \(graceful\)")),
        (6002, ("association_up", "closed -> established")),
    ):
        for local, peer in (port, 5000), (5000, port):
            expected.append(rf"{time} {what[0]} 127.0.0.1:{local} <-> \*127.0.0.1:{peer} {what[1]}{owner}")
    written = lines.stdout.splitlines()
    assert len(written) == len(expected)
    for pattern in expected:
        assert any(re.fullmatch(pattern, line) for line in written), (pattern, written)

    changes = [json.loads(line) for line in objects.stdout.splitlines()]
    assert [change["type"] for change in changes] == [line.split()[2] for line in written]
    # The machine's zone is UTC.
    assert [change["at"] for change in changes] == ["{}T{}Z".format(*line.split()) for line in written]
    assert {change["certainty"] for change in changes} == {"high"}
    assert {change["association"]["localPort"] for change in changes} == {5000, 6001, 6002}

    # It ends with its reader.
    reader = machine.spawn("sctpctl assocs --watch | head -n 1; echo ${PIPESTATUS[0]}")
    machine.wait_until("sctpctl status --json=short | grep '\"monitors\":3'")
    connect(machine, 6003)
    assert reader.wait() == 0
    assert reader.stdout.splitlines()[-1] == "0"
