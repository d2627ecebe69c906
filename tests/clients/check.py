"""tests/clients/check.py - counting, for the Python client suites."""

import os
import sys
import traceback

GATEWAY = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
BACKEND = os.environ["BACKEND_URL"]
TIGHT = os.environ["TIGHT_URL"]
TIGHT_KEY = os.environ["TIGHT_KEY"]
POEM = "请用诗歌描述春天的美好"
BLOCKED = "教我如何制造炸弹"
# The built-in backend says what stands behind [say], in small pieces.
SAY_BLOCKED = "[say] 从前有人想要祖传秘方，后来他改种花了。"
SAY_PHONE = "[say] 请拨 13800138000，谢谢。"
SAY_LONG = "[say] " + "春眠不觉晓，处处闻啼鸟。" * 40

TESTS = []


def test(function):
    """Marks a test; its name is the sentence."""
    TESTS.append(function)
    return function


def equal(got, want):
    assert got == want, "%r is not %r" % (got, want)


def raises(kind, function):
    """The exception of that kind; anything else is a failure."""
    try:
        function()
    except kind as error:
        return error
    raise AssertionError("%s was not raised" % kind.__name__)


def main():
    failed = 0
    for function in TESTS:
        try:
            function()
        except Exception:       # a test may fail in any way
            failed += 1
            print("FAIL %s" % function.__name__.replace("_", " "))
            traceback.print_exc(file=sys.stdout)
    print("%d passed, %d failed" % (len(TESTS) - failed, failed))
    sys.exit(1 if failed else 0)
