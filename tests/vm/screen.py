# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a terminal shows: as much of one as a program for TERM=xterm needs."""

import re

SEQUENCE = re.compile(
    r"\x1b\[(?P<private>\??)(?P<numbers>[0-9;]*)(?P<command>[A-Za-z@])"
    r"|\x1b[()][A-Z0-9]|\x1b[=>78M]|[\x00-\x1f]|[^\x00-\x1f]"
)
UNFINISHED = re.compile(r"\x1b(\[\??[0-9;]*|[()])?$")
ALTERNATE = "1049"


class Screen:
    def __init__(self, process, rows, columns):
        self.process = process
        self.taken = 0
        self.rows, self.columns = rows, columns
        self.alternate = False
        self.kept = None
        self._clear()

    def resize(self, rows, columns):
        self._update()
        self.process.resize(rows, columns)
        self.rows, self.columns = rows, columns
        self.top, self.bottom = 0, rows
        self.lines = [line[:columns].ljust(columns) for line in self.lines[:rows]]
        self.lines += [" " * columns] * (rows - len(self.lines))

    def text(self):
        self._update()
        return "\n".join(line.rstrip() for line in self.lines)

    def wait_for(self, condition, timeout=60):
        """A text that must be on it, or a function of all of it; fails with what there is."""
        holds = condition if callable(condition) else lambda text: condition in text
        try:
            self.process.channel.wait_for(lambda: holds(self.text()), timeout, condition)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.text()}") from None

    def _clear(self):
        self.lines = [" " * self.columns] * self.rows
        self.row = self.column = 0
        # What scrolls: from this line up to, not including, that one
        self.top, self.bottom = 0, self.rows
        self.last = " "

    def _scroll(self, top, count):
        """Moves the lines from there to the end of what scrolls upwards; with a negative count downwards."""
        region = self.lines[top:self.bottom]
        blank = [" " * self.columns] * min(abs(count), len(region))
        region = region[count:] + blank if count > 0 else blank + region[:len(region) - len(blank)]
        self.lines[top:self.bottom] = region

    def _update(self):
        text = self.process.output()[self.taken:]
        unfinished = UNFINISHED.search(text)
        if unfinished:
            text = text[:unfinished.start()]
        self.taken += len(text)
        position = 0
        while position < len(text):
            match = SEQUENCE.match(text, position)
            assert match, f"what does a terminal do with {text[position:position + 20]!r}?"
            position = match.end()
            if match["command"]:
                numbers = match["numbers"].split(";")
                if match["private"]:
                    self._mode(numbers, match["command"])
                else:
                    self._obey(match["command"], [int(number or 0) for number in numbers])
            elif match[0] == "\x1bM":
                if self.row == self.top:
                    self._scroll(self.top, -1)
                else:
                    self.row = max(self.row - 1, 0)
            elif len(match[0]) == 1:
                self._put(match[0])

    def _mode(self, numbers, command):
        if ALTERNATE not in numbers or self.alternate == (command == "h"):
            return
        self.alternate = command == "h"
        if self.alternate:
            self.kept = self.lines, self.row, self.column
            self._clear()
        else:
            self.lines, self.row, self.column = self.kept

    def _put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character == "\n":
            if self.row == self.bottom - 1:
                self._scroll(self.top, 1)
            else:
                self.row = min(self.row + 1, self.rows - 1)
        elif character >= " ":
            if self.column >= self.columns:
                self._put("\r")
                self._put("\n")
            line = self.lines[self.row]
            self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
            self.column += 1
            self.last = character

    def _obey(self, command, numbers):
        first = numbers[0]
        count = first or 1
        line = self.lines[self.row] if self.row < len(self.lines) else ""
        blank = " " * self.columns
        if command == "H":
            self.row = min(count, self.rows) - 1
            self.column = min(numbers[1] or 1, self.columns) - 1 if len(numbers) > 1 else 0
        elif command == "G":
            self.column = min(count, self.columns) - 1
        elif command == "d":
            self.row = min(count, self.rows) - 1
        elif command == "A":
            self.row = max(self.row - count, 0)
        elif command == "B":
            self.row = min(self.row + count, self.rows - 1)
        elif command == "C":
            self.column = min(self.column + count, self.columns - 1)
        elif command == "D":
            self.column = max(self.column - count, 0)
        elif command == "J":
            # 3: what has been scrolled away, which is not kept here
            assert first in (0, 2, 3), f"what does a terminal do with CSI {numbers} J?"
            if first == 3:
                return
            if first == 0:
                self._obey("K", [0])
            start = self.row + 1 if first == 0 else 0
            self.lines[start:] = [blank] * (self.rows - start)
        elif command == "K":
            self.lines[self.row] = {
                0: line[:self.column] + blank[self.column:],
                1: blank[:self.column + 1] + line[self.column + 1:],
                2: blank,
            }[first]
        elif command in "LM":
            if self.top <= self.row < self.bottom:
                self._scroll(self.row, count if command == "M" else -count)
        elif command == "P":
            self.lines[self.row] = line[:self.column] + line[self.column + count:] + " " * count
        elif command == "@":
            self.lines[self.row] = (line[:self.column] + " " * count + line[self.column:])[:self.columns]
        elif command == "X":
            self.lines[self.row] = line[:self.column] + " " * count + line[self.column + count:]
        elif command in "ST":
            self._scroll(self.top, count if command == "S" else -count)
        elif command == "b":
            for _ in range(count):
                self._put(self.last)
        elif command == "r":
            self.top = count - 1
            self.bottom = numbers[1] if len(numbers) > 1 and numbers[1] else self.rows
            self.row = self.column = 0
        else:
            # Colours, the window's title
            assert command in "mlht", f"what does a terminal do with CSI {numbers} {command}?"
