"""Runs a command on terminals and checks what a person sees of it: `terminal.py COMMAND…` draws a tree until a signal ends it."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

ANSWER_SECONDS = 15
# The most bytes of output in an error.
SHOWN_MAX = 2000
CTRL_Z, CTRL_BACKSLASH = b"\x1a", b"\x1c"
# The command is a job of a shell with job control. Its standard input is not the terminal.
JOB = 'set -m; "$@" < /dev/null; echo "stopped $?"; stty -a; fg; echo "ended $?"'


class Terminal:
    def __init__(self, command):
        self.output, self.read = b"", 0
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
                os.execvp(command[0], command)
            finally:
                os._exit(127)

    def until(self, what, condition):
        end = time.monotonic() + ANSWER_SECONDS
        while not condition():
            assert time.monotonic() < end, (what, self.output[-SHOWN_MAX:])
            if select.select([self.file], [], [], 0.02)[0]:
                try:
                    self.output += os.read(self.file, 65536)
                except OSError:
                    assert condition(), (what, self.output[-SHOWN_MAX:])
                    return

    def shows(self, pattern):
        """Waits for what follows the last match. Returns what precedes the new one."""
        self.until(pattern, lambda: re.search(pattern, self.output[self.read:]))
        found = re.search(pattern, self.output[self.read:])
        before = self.output[self.read:self.read + found.start()]
        self.read += found.end()
        return before

    def echoes(self, wanted):
        echo = lambda: bool(termios.tcgetattr(self.file)[3] & termios.ECHO)
        self.until(f"echo is {wanted}", lambda: echo() == wanted)

    def ends(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def types(self, keys):
        os.write(self.file, keys)


def stops_and_continues(command):
    terminal = Terminal(["sh", "-c", JOB, "sh", *command])
    terminal.shows(b"RUNNING")
    terminal.echoes(False)
    terminal.types(CTRL_Z)
    terminal.shows(rb"stopped 14[89]")
    modes = terminal.shows(b"RUNNING")
    assert b" echo " in modes, modes
    terminal.echoes(False)
    terminal.types(CTRL_BACKSLASH)
    terminal.shows(b"flow: stopped")
    after = terminal.shows(rb"ended 131")
    assert b"RUNNING" not in after, after
    terminal.echoes(True)
    terminal.ends()


def draws_in_place_where_nothing_can_stop(command):
    terminal = Terminal(command)
    terminal.shows(b"RUNNING")
    terminal.types(CTRL_Z)
    # The first of them may be drawn before the signal arrives.
    for _ in range(3):
        terminal.shows(b"RUNNING")
    # Only a tree that is not drawn over an earlier one clears its first line completely.
    assert terminal.output.count(b"\x1b[2K") == 1, terminal.output[-SHOWN_MAX:]
    terminal.types(CTRL_BACKSLASH)
    terminal.shows(b"flow: stopped")
    assert terminal.ends() == 131


def writes_no_events_into_a_drawing(command):
    terminal = Terminal([*command, "-o", "json", "--events-file", "/dev/tty"])
    terminal.shows(b"standard output has the JSON lines")
    assert terminal.ends() == 2


stops_and_continues(sys.argv[1:])
draws_in_place_where_nothing_can_stop(sys.argv[1:])
writes_no_events_into_a_drawing(sys.argv[1:])
