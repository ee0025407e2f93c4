"""Runs pytest again and again, in children of a process that has imported what is slow to import.

For each run it reads a line of JSON, {"folder", "environment", "arguments", "output", "seconds"},
and answers with the exit status. The binding is not imported here: its library reads the
environment once.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback

import pytest

for name in ("numpy.testing", "hypothesis.strategies", "hypothesis.extra.numpy", "ml_dtypes"):
    importlib.import_module(name)


def _run(request: dict[str, object]) -> int:
    signal.alarm(int(str(request["seconds"])))  # ends it: that is a failure too
    os.chdir(str(request["folder"]))
    output = os.open(str(request["output"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    environment, arguments = request["environment"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    for path in reversed(environment.get("PYTHONPATH", "").split(os.pathsep)):
        sys.path.insert(0, path)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    os.environ.clear()
    os.environ.update(environment)
    return int(pytest.main([*arguments, "-W", "ignore::pytest.PytestAssertRewriteWarning"]))


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = _run(json.loads(line))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
