#!/usr/bin/env python3
"""tests/clients/run.py - the official clients against a gateway.

usage: tests/clients/run.py [SUITE ...]

Starts gateway and backend, runs each client's suite in its own environment
(see tests/setup), adds up what they counted.
"""

import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, TOP)

from tests.clients.stage import ClientStage       # noqa: E402

VENV = os.path.join(TOP, ".venv")
SUITES = {
    "python-0.28": [os.path.join(VENV, "py028", "bin", "python"),
                    "client_python_028.py"],
    "python": [os.path.join(VENV, "current", "bin", "python"),
               "client_python.py"],
    "node": ["node", "client_node.mjs"],
    "node-3": ["node", "client_node_3.mjs"],
}
COUNT = re.compile(r"(\d+) passed, (\d+) failed")


def run_suite(name, env):
    """Returns (passed, failed) of one suite."""
    print("--- %s" % name, flush=True)
    try:
        done = subprocess.run(SUITES[name], cwd=HERE, env=env, timeout=180,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        print("FAIL %s: %s" % (name, error))
        return 0, 1
    output = done.stdout.decode(errors="replace")
    print(output, end="", flush=True)
    lines = output.strip().splitlines()
    match = COUNT.search(lines[-1]) if lines else None
    if not match or (done.returncode != 0 and match[2] == "0"):
        print("FAIL %s: ended with %d" % (name, done.returncode))
        return 0, 1
    return int(match[1]), int(match[2])


def main():
    stage = ClientStage()
    time.sleep(1.1)     # a running gateway learns of a key within a second
    passed = failed = 0
    try:
        for name in sys.argv[1:] or SUITES:
            ok, bad = run_suite(name, stage.env)
            passed, failed = passed + ok, failed + bad
            time.sleep(1.1)     # the tight gateway's limit is full again
    finally:
        problems = stage.close()
    for problem in problems:
        print("FAIL " + problem)
    print("%d passed, %d failed" % (passed, failed + len(problems)))
    return 1 if failed or problems else 0


if __name__ == "__main__":
    sys.exit(main())
