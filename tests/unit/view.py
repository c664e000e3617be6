# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `sctpctl assocs --watch` shows on a terminal of what a made-up daemon tells.

The screens are compared with tests/data/view/*.txt; UPDATE_GOLDEN=1 writes them anew: look at the difference before
you commit it.
"""

import codecs
import contextlib
import difflib
import fcntl
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import sys
import tempfile
import termios
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "load"), str(HERE.parent / "vm")]

from fakemonitor import FakeMonitor, association, change, encode, samples, scan  # noqa: E402
from screen import Screen  # noqa: E402

GOLDEN = pathlib.Path(os.environ.get("TEST_DATA", HERE.parent / "data")) / "view"
UPDATE = os.environ.get("UPDATE_GOLDEN")
SCTPCTL = os.environ.get("SCTPCTL", f"{os.getcwd()}/sctpctl")
TIMEOUT = 60
UP, DOWN, END, HOME, NEXT, ENTER, ESCAPE = "\x1bOA", "\x1bOB", "\x1bOF", "\x1bOH", "\x1b[6~", "\r", "\x1b"


class Terminal:
    """A program on a terminal of its own, as Screen wants to see it."""

    def __init__(self, arguments, rows, columns, **environment):
        self.channel = self
        self.text = ""
        self.changed = threading.Condition()
        self.returncode = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            time.sleep(0.1)
            for name in "NO_COLOR", "COLUMNS", "LINES":
                os.environ.pop(name, None)
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8", "TZ": "UTC", **environment})
            os.execvp(arguments[0], arguments)
        self.resize(rows, columns)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            with self.changed:
                self.text += decoder.decode(data)
                self.changed.notify_all()
        with self.changed:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self.changed.notify_all()

    def output(self):
        return self.text

    def write(self, text):
        os.write(self.fd, text.encode())

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, condition, timeout, what):
        with self.changed:
            self.changed.wait_for(lambda: condition() or self.returncode is not None, timeout)
            if not condition():
                raise TimeoutError(f"waited for {what}; ended: {self.returncode}")

    def end(self):
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)
        self.reader.join()
        os.close(self.fd)


@contextlib.contextmanager
def daemon(present=(), answer=None):
    folder = tempfile.mkdtemp()
    monitor = FakeMonitor(f"{folder}/socket", present, answer)
    try:
        yield monitor
    finally:
        with contextlib.suppress(OSError):
            monitor.stop()
        shutil.rmtree(folder)


@contextlib.contextmanager
def view(monitor, rows=24, columns=80, *options, **environment):
    terminal = Terminal([SCTPCTL, "assocs", "--watch", f"--socket={monitor.path}", *options], rows, columns,
                        **environment)
    try:
        yield Screen(terminal, rows, columns)
    finally:
        terminal.end()


def press(screen, *keys):
    for key in keys:
        screen.process.write(key)
        if key == ESCAPE:
            # What follows at once would make another key of it.
            time.sleep(0.2)


def escape(screen, *keys):
    """Once what it leaves is gone: what follows at once would make another key of it."""
    before = steady(screen.text())
    screen.process.write(ESCAPE)
    screen.wait_for(lambda text: steady(text) != before, TIMEOUT)
    press(screen, *keys)


def steady(text):
    """Without what is different each time."""
    text = re.sub(r"^(.*)\d\d:\d\d:\d\d$", r"\1HH:MM:SS", text, count=1, flags=re.MULTILINE)
    text = re.sub(r"last look (just now|\S+ ago)", "last look AGE", text)
    return re.sub(r"(for|Z,) \S+( ago)?$", r"\1 AGE", text, flags=re.MULTILINE) + "\n"


def assert_shows(screen, name):
    """Until the screen is this golden file."""
    path = GOLDEN / f"{name}.txt"
    if UPDATE:
        screen.wait_for(lambda text: text.strip(), TIMEOUT)
        before = None
        while before != (now := steady(screen.text())):
            before = now
            time.sleep(1.5)
        path.write_text(before)
        return
    golden = path.read_text()
    try:
        screen.wait_for(lambda text: steady(text) == golden, TIMEOUT)
    except TimeoutError:
        raise AssertionError("\n".join(difflib.unified_diff(golden.splitlines(), steady(screen.text()).splitlines(),
                                                            path.name, "screen", lineterm=""))) from None


def assert_ends(screen, status=0):
    screen.process.wait_for(lambda: screen.process.returncode is not None, TIMEOUT, "its end")
    assert screen.process.returncode == status
    screen.text()
    assert not screen.alternate


def impaired(i):
    one = association(i)
    one["paths"][1].update(state="inactive", errorCount=6)
    one.update(impaired=True, impairedReasons=["path_inactive"], flaps=2, lastChange=one["observedSince"],
               peerName="hss-east", netnsName="core")
    return one


def some(n):
    return [impaired(i) if i % 4 == 2 else association(i) for i in range(n)]


def test_screens():
    with daemon(some(12), samples()) as monitor, view(monitor) as screen:
        assert_shows(screen, "80x24")
        press(screen, DOWN, DOWN, ENTER)
        assert_shows(screen, "80x24-detail")
        escape(screen, "?")
        assert_shows(screen, "80x24-help")
        press(screen, "x", ">", ">", ">", ">", "r")
        assert_shows(screen, "80x24-sorted")
        press(screen, "/mme")
        assert_shows(screen, "80x24-typing")
        press(screen, "x\x7f 8", ENTER)
        assert_shows(screen, "80x24-filter")
        escape(screen, "r", "<", "<", "<", "<")
        assert_shows(screen, "80x24")
        screen.resize(5, 40)
        assert_shows(screen, "40x5")
        screen.resize(80, 300)
        assert_shows(screen, "300x80")
        press(screen, ENTER)
        assert_shows(screen, "300x80-detail")
        press(screen, ENTER, "q")
        assert_ends(screen)


def test_many_rows():
    with daemon(some(10000)) as monitor, view(monitor) as screen:
        screen.wait_for("10000 associations")
        press(screen, END)
        assert_shows(screen, "10000-end")
        press(screen, HOME, *[">"] * 3, *[DOWN] * 30, "r")
        assert_shows(screen, "10000-sorted")
        press(screen, "/hss 99", ENTER)
        assert_shows(screen, "10000-filter")
        screen.resize(80, 300)
        assert_shows(screen, "10000-300x80")
        press(screen, "q")
        assert_ends(screen)


def test_what_happens_is_marked():
    with daemon(some(4)) as monitor, view(monitor) as screen:
        screen.wait_for("1-4 of 4")
        monitor.tell(change("association_up", association(9), oldState="cookie_echoed", newState="established"))
        screen.wait_for(lambda text: re.search(r"^\+ +10 .* established", text, re.MULTILINE)
                        and "5 associations: 5 established" in text)
        monitor.tell(change("impaired", impaired(0), reasons=["path_inactive"]))
        screen.wait_for(lambda text: re.search(r"^~ +1 .* established, impaired", text, re.MULTILINE)
                        and "2 impaired" in text)
        monitor.tell(change("association_down", association(1), oldState="established", newState="closed"))
        screen.wait_for(lambda text: re.search(r"^- +2 .* closed", text, re.MULTILINE)
                        and "4 associations: 4 established" in text)
        assert "\x1b[31m" in screen.process.output() or ";31m" in screen.process.output()
        # And then it is not any more.
        screen.wait_for(lambda text: not re.search(r"^[-+~] ", text, re.MULTILINE) and "1-4 of 4" in text)
        monitor.tell({"change": {"type": "unobserved", "at": "2026-01-31T12:00:30.000Z", "certainty": "low",
                                 "netns": 1, "established": 2, "failed": 1}})
        screen.wait_for("3 came and went unobserved")


def test_details_follow_what_happens():
    with daemon(some(2)) as monitor, view(monitor) as screen:
        screen.wait_for("1-2 of 2")
        press(screen, ENTER)
        screen.wait_for("State: established")
        # This daemon has no samples: that is no error, and it is asked once.
        assert "SRTT:" not in screen.text() and "reconnecting" not in screen.text()
        one = association(0)
        one["paths"][0]["srttMs"] = 4711
        monitor.tell({"association": one})
        screen.wait_for("4711ms")
        monitor.tell(change("association_down", one, oldState="established", newState="closed"))
        screen.wait_for("State: closed; gone")
        # It stays when its row goes.
        press(screen, ESCAPE)
        screen.wait_for("1-1 of 1")
        assert [call["method"] for call in monitor.calls].count("io.sctpmon.Monitor.GetSamples") == 1


def test_samples_are_asked_for_again():
    answer = samples(40)
    with daemon(some(2), answer) as monitor, view(monitor) as screen:
        screen.wait_for("1-2 of 2")
        press(screen, ENTER)
        screen.wait_for("SRTT:")
        answer["samples"].append({**answer["samples"][-1], "at": "2026-01-31T12:00:40.000Z", "cwndBytes": 98765})
        screen.wait_for("98765, max 98765 bytes")
        call = monitor.calls[-1]["parameters"]
        assert call == {"associationId": 1, "netns": "inode:4026531840"}, call


def test_without_utf8():
    with daemon(some(3), samples()) as monitor, view(monitor, LC_ALL="C") as screen:
        screen.wait_for("1-3 of 3")
        press(screen, ENTER)
        assert_shows(screen, "80x24-detail-ascii")
        escape(screen, ">", "/b\u00fccher")
        screen.wait_for("ID^")
        screen.wait_for("0-0 of 0 (3)")


def test_without_colour():
    with daemon(some(4)) as monitor:
        for options, environment in ([], {"NO_COLOR": "1"}), (["--color=never"], {}):
            with view(monitor, 24, 80, *options, **environment) as screen:
                screen.wait_for("1-4 of 4")
                monitor.tell(change("association_down", association(1), oldState="established", newState="closed"))
                screen.wait_for(lambda text: re.search(r"^- +2 .* closed", text, re.MULTILINE))
                assert not re.search(r"\x1b\[(\d+;)*[34][0-9](;\d+)*m", screen.process.output())
                press(screen, "q")
                assert_ends(screen)


def test_hostile_text():
    """Neither control characters nor wide ones nor too many do anything to the terminal."""
    evil = "\x1b]0;x\x07\x1b[2J\n\u202e\u200f" + "\u6f22" * 40 + "\U0001f600" * 40
    one = association(0)
    for member in "container", "peerName", "netnsName", "state", "primaryAddress", "observedSince", "lastChange":
        one[member] = evil
    one["owners"][0].update(command=evil, unit=evil)
    one["localAddresses"] = one["peerAddresses"] = [evil]
    one["paths"] = [{"address": evil, "primary": True, "state": evil, "stateSince": evil}] * 30
    one["associationId"] = 2 ** 63 - 1
    other = association(1)
    other.update(dict.fromkeys(other, "wrong"), associationId=-5)
    third = dict.fromkeys(association(2), [[{}]])
    with daemon([one, other, third, {}], {"intervalMs": -1, "samples": [evil, {"at": evil}, 5]}) as monitor:
        with view(monitor) as screen:
            screen.wait_for("4 associations")
            for keys in [ENTER, NEXT, END, ESCAPE], [DOWN, ENTER, ESCAPE], [DOWN, ENTER, ESCAPE], [DOWN, ENTER, ESCAPE]:
                press(screen, *keys)
            for key in [">"] * 30 + ["r"]:
                press(screen, key)
            press(screen, "/" + "\u6f22" * 60 + "x" * 200, ESCAPE)
            screen.wait_for("1-4 of 4")
            assert len(screen.text().splitlines()) == 24
            assert "q quit" in screen.text().splitlines()[-1]
            assert not re.search("\x1b\\]|\x07|\u202e|\u200f", screen.process.output())
            press(screen, "q")
            assert_ends(screen)


def test_flood():
    """However much a daemon tells, keys are obeyed: at once, or before all is told."""
    class Flood(FakeMonitor):
        def _answer(self, connection, call):
            i = 0
            if self.ready:
                connection.sendall(encode({"parameters": {"ready": True, "scan": scan()}, "continues": True}))
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(b"".join(encode({"parameters": {"association": association(j)},
                                                        "continues": True}) for j in range(i, i + 50)))
                    i += 50

    folder = tempfile.mkdtemp()
    try:
        monitor = Flood(f"{folder}/socket")
        monitor.ready = True
        with view(monitor) as screen:
            screen.wait_for(lambda text: re.search(r"\d{3,} associations", text))
            press(screen, "?")
            screen.wait_for("sort by the column")
            press(screen, "q")
            assert_ends(screen)
        monitor.ready = False
        with view(monitor) as screen:
            time.sleep(1)
            press(screen, "\x03")
            assert_ends(screen)
    finally:
        shutil.rmtree(folder)


def test_it_comes_back_with_the_daemon():
    with daemon(some(3)) as monitor, view(monitor) as screen:
        screen.wait_for("1-3 of 3")
        press(screen, "/amf", ENTER)
        screen.wait_for("1-1 of 1 (3)")
        monitor.stop()
        screen.wait_for("reconnecting")
        monitor.present = [association(0), association(3)]
        monitor.listen()
        screen.wait_for(lambda text: "2 associations: 2 established" in text and "reconnecting" not in text
                        and re.search(r"^\+ +4 ", text, re.MULTILINE)
                        # The filter holds.
                        and "1-2 of 2 (" in text)


def test_without_sctp():
    with daemon() as monitor:
        monitor.absence = {"reason": "the module is not loaded", "advice": "Load it."}
        with view(monitor) as screen:
            screen.wait_for("SCTP is not available")
            assert "0 associations" in screen.text() and "reconnecting" not in screen.text()
            press(screen, ENTER, DOWN, END, UP, ">", "/x", ESCAPE, ENTER)
            monitor.tell(change("association_up", association(0), oldState="cookie_echoed", newState="established"))
            screen.wait_for(lambda text: "1 association: 1 established" in text and "not available" not in text)


def test_suspended():
    with daemon(some(3)) as monitor:
        terminal = Terminal(["bash", "--norc", "--noediting", "-i"], 24, 80, PS1="ready> ")
        screen = Screen(terminal, 24, 80)
        try:
            screen.wait_for("ready>")
            press(screen, f"{SCTPCTL} assocs --watch --socket={monitor.path}\n")
            screen.wait_for("1-3 of 3")
            press(screen, "\x1a")
            screen.wait_for(lambda text: not screen.alternate)
            press(screen, "echo ended with $?.\n")
            screen.wait_for("ended with 148.")
            monitor.tell(change("association_up", association(9), oldState="cookie_echoed", newState="established"))
            press(screen, "fg\n")
            screen.wait_for(lambda text: screen.alternate and "4 associations" in text)
            press(screen, "q")
            screen.wait_for(lambda text: not screen.alternate)
            press(screen, "echo ended with $?.\n")
            screen.wait_for("ended with 0.")
        finally:
            terminal.end()


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    chosen = sys.argv[1:]
    failed = 0
    GOLDEN.mkdir(exist_ok=True)
    print(f"1..{len(tests)}", flush=True)
    for i, (name, test) in enumerate(tests, 1):
        if chosen and name not in chosen:
            print(f"ok {i} - {name} # SKIP")
            continue
        try:
            test()
            print(f"ok {i} - {name}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {i} - {name}")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
