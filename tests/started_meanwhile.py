"""Runs a command on a terminal, and another one before it answers the question of the first: both as lists of words in JSON."""

import json
import os
import pty
import subprocess
import sys

asking, meanwhile = (json.loads(words) for words in sys.argv[1:])
pid, file = pty.fork()
if pid == 0:
    try:
        os.execvp(asking[0], asking)
    finally:
        os._exit(127)
output = b""
while b"[y/N]" not in output:
    output += os.read(file, 65536)
other = subprocess.run(meanwhile, stdin=subprocess.DEVNULL, capture_output=True, check=False)
os.write(file, b"y\n")
try:
    while True:
        output += os.read(file, 65536)
except OSError:
    # The command has ended.
    pass
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps([code, other.returncode, output.decode(errors="replace"), other.stderr.decode(errors="replace")]))
