#!/usr/bin/env python3
"""tests/ops/run.py - the gateway as its operator meets it.

usage: tests/ops/run.py [-l] [WORD ...]

Reload, drain, take-over, TLS, caps, admin, durability, secrets, keys: one
gateway of its own for each case. Runs all cases, or those whose name contains a
word; -l lists them. A gateway that ends with a bad status or leaves a
sanitizer's report is a failure too. MODGATE names the binary.
"""

import concurrent.futures
import os
import sys
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, TOP)

from tests.ops import (admin, drain, flow, keys, log, record,  # noqa: E402
                       reload, takeover, transport)
from tests.ops.stage import Wrong                             # noqa: E402

AT_ONCE = 4         # cases wait more than they work


def all_cases():
    for module in (takeover, drain, flow, reload, transport, record, keys,
                   log, admin):
        for name, value in vars(module).items():
            if name.startswith("case_"):
                yield name[5:].replace("_", " "), value


def run_case(case):
    """What is wrong, as a text; None if nothing is."""
    stages = []
    text = None
    try:
        case(stages)
    except Wrong as wrong:
        text = str(wrong)
    except Exception:                   # pylint: disable=broad-except
        text = traceback.format_exc()
    for stage in stages:
        if text:
            for server in stage.bench.servers:
                text += "\n--- %s ---\n%s" % (server.name,
                                              server.log()[-1500:])
        problems = stage.close()
        if problems:
            text = (text + "\n" if text else "") + "\n".join(problems)
    return text


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("-")]
    cases = [(n, c) for n, c in all_cases()
             if not words or any(w in n for w in words)]
    if "-l" in sys.argv:
        print("\n".join(n for n, _ in cases))
        return 0
    # What AddressSanitizer keeps back would hide how memory grows.
    os.environ["ASAN_OPTIONS"] = ":".join(filter(None, (
        os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=8")))
    failed = 0
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(run_case, c): n for n, c in cases}
        for done in concurrent.futures.as_completed(running):
            text = done.result()
            failed += bool(text)
            print("%s %s (%.0f s)" % ("FAIL" if text else "ok  ",
                                      running[done],
                                      time.monotonic() - began) +
                  ("\n" + text if text else ""), flush=True)
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
