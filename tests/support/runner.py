"""Runs scripts one after the other: a line with a script and its arguments comes in, a line with what it printed goes out.

The import of boto3 and the models of AWS's services take more than a second, and are read once for all scripts."""

import contextlib
import io
import json
import sys
import traceback

answers = sys.stdout
for line in sys.stdin:
    request = json.loads(line)
    sys.argv = ["-c", *request["arguments"]]
    printed, error = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(request["script"], "script", "exec"), {"__name__": "__main__"})
        except BaseException:
            error = traceback.format_exc()
    answers.write(json.dumps({"printed": printed.getvalue(), "error": error}) + "\n")
    answers.flush()
