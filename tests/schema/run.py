#!/usr/bin/env python3
"""tests/schema/run.py - the JSON Schemas that `modgate schema` prints.

What we ship, and the policies of all cases, must fit; what `modgate check` finds
misspelt must not. Each file is read twice: with scalars as YAML 1.2 types them,
as editors do, and with scalars as texts.
"""

import glob
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
VENV = os.path.join(TOP, ".venv", "current")
if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    python = os.path.join(VENV, "bin", "python")
    os.execv(python, [python] + sys.argv)

import jsonschema       # noqa: E402
import yaml             # noqa: E402

MODGATE = os.environ.get("MODGATE", os.path.join(TOP, "build", "modgate"))


class Core(yaml.SafeLoader):
    """YAML 1.2: `on` and `no` are texts."""


Core.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers
            if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Core.add_implicit_resolver("tag:yaml.org,2002:bool",
                           re.compile("^(?:true|false)$"), list("tf"))


def schema(kind):
    text = subprocess.run([MODGATE, "schema", kind], check=True,
                          stdout=subprocess.PIPE).stdout
    return jsonschema.Draft202012Validator(json.loads(text))


POLICY, CONFIG = schema("policy"), schema("config")


def complaints(validator, text):
    """What is wrong with a document, whichever way it is read."""
    for loader in (Core, yaml.BaseLoader):
        document = yaml.load(text, Loader=loader)
        yield sorted(str(list(e.absolute_path)) + ": " + e.message
                     for e in validator.iter_errors(document))


def fits(validator, text, name="it"):
    for found in complaints(validator, text):
        assert not found, "%s: %s" % (name, "; ".join(found)[:400])


def fails(validator, text):
    for found in complaints(validator, text):
        assert found, "it fits: " + text


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def both_are_sound_schemas():
    for validator in (POLICY, CONFIG):
        jsonschema.Draft202012Validator.check_schema(validator.schema)
        assert validator.schema["$schema"].endswith("2020-12/schema")


def every_policy_that_we_ship_fits():
    files = glob.glob(os.path.join(TOP, "policies", "*.yaml"))
    assert files
    for path in files:
        fits(POLICY, read(path), path)


def so_do_those_of_the_cases():
    files = glob.glob(os.path.join(TOP, "tests", "cases", "**",
                                   "policy.yaml"), recursive=True)
    assert len(files) > 10
    for path in files:
        fits(POLICY, read(path), path)


def the_example_configuration_fits():
    for name in ("modgate.example.yaml", "container/modgate.yaml"):
        path = os.path.join(TOP, "gateway", name)
        fits(CONFIG, read(path), path)


FULL = """modgate_policy: 1
name: 7
include: [a.yaml]
lists: { a: [x, 1, { word: y, severity: low, note: n }], b: { file: b.txt } }
rules:
  - id: r
    on: [prompt, answer]
    match:
      all:
        - { words: a, borders: none, fold: strong, leet: true,
            views: [base64, url], except: { words: [z] } }
        - any: [{ regex: 'x', case: insensitive }]
        - not: { words: [no, 12] }
    score: { add: 2, to: s }
    sample: 10%
    scope: { messages: 3 }
    max_hold: 4KiB
    when: { tenants: [t], models: 'm*', roles: user }
    tests: { flag: x, pass: [y] }
  - { id: off, disabled: true }
  - { id: s2, on: answer, match: { words: [a] }, score: 3, override: true }
  - id: plain
    on: prompt
    match: { words: a }
    except: { words: [b] }
    action: redact
    with: '*'
    max_hold: 512
scores:
  - { id: t, of: s, at_least: 5, per: exchange, action: block, on: answer }
refusal: { prompt: error, message: { en: no, zh: 不 } }
"""


def every_key_may_be_written():
    fits(POLICY, FULL)


def what_is_misspelt_fails():
    fits(POLICY, FULL)
    for right, wrong in (
            ("rules:", "ruels:"), ("match:\n", "mtach:\n"),
            ("borders:", "border:"), ("leet:", "let:"),
            ("base64", "base46"), ("not:", "nor:"), ("all:", "al:"),
            ("case: insens", "case: unsens"), ("redact", "redcat"),
            ("[prompt, answer]", "[promt]"), ("roles: user", "roles: usr"),
            ("messages: 3", "message: 3"), ("10%", "0.1"),
            ("at_least: 5, ", ""), ("per: exchange", "per: day"),
            ("{ add: 2", "{ plus: 2"), ("    action: redact\n", ""),
            ("4KiB", "4KB"), ("file: b.txt", "path: b.txt"), ("word: y", "wrod: y"),
            ("severity: low", "severity: lowly"),
            ("prompt: error", "prompt: eror"), ("modgate_policy: 1",
                                                "modgate_policy: 2"),
            ("{ id: off, disabled: true }", "{ id: off }"),
            ("messages: 3", "messages: 65x"), ("tests: { flag",
                                               "tests: { flagg")):
        assert right in FULL, right
        fails(POLICY, FULL.replace(right, wrong, 1))


def so_does_a_misspelt_configuration():
    good = ("modgate: 1\nlisten: 127.0.0.1:80\nupstreams:\n"
            "  - { name: a, url: 'http://b', key: { env: K }, "
            "timeouts: { idle: 5s } }\npolicies: [{ policy: p.yaml }]\n"
            "limits: { key: { requests: 600/m, concurrent: none } }\n")
    fits(CONFIG, good)
    for right, wrong in (
            ("listen", "lisen"), ("name: a, ", ""), ("idle: 5s", "idle: 5"),
            ("600/m", "600"), ("concurrent: none", "concurrent: no"),
            ("env:", "evn:"), ("policy: p", "polcy: p")):
        fails(CONFIG, good.replace(right, wrong, 1))


def check_and_schema_agree_on_what_a_key_is():
    """Every key of the schema's rule is one that the reader knows."""
    rule = POLICY.schema["properties"]["rules"]["items"]["properties"]
    text = FULL.replace("include: [a.yaml]\n", "").replace(
        "{ file: b.txt }", "[q]").replace(
        "  - { id: off, disabled: true }\n", "").replace(
        ", override: true", "")
    path = os.path.join(TOP, "build", "schema-test.yaml")
    for key in rule:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("    score: {", "    %s-: 1\n    score: {"
                                 % key))
        found = subprocess.run([MODGATE, "check", path], text=True,
                               capture_output=True).stderr
        assert "unknown key '%s-'" % key in found, found
        assert "did you mean '" in found, found
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    done = subprocess.run([MODGATE, "check", path], capture_output=True,
                          text=True)
    os.unlink(path)
    assert done.returncode == 0, done.stderr


def main():
    failed = passed = 0
    for test in (both_are_sound_schemas, every_policy_that_we_ship_fits,
                 so_do_those_of_the_cases, the_example_configuration_fits,
                 every_key_may_be_written, what_is_misspelt_fails,
                 so_does_a_misspelt_configuration,
                 check_and_schema_agree_on_what_a_key_is):
        try:
            test()
            passed += 1
        except (AssertionError, jsonschema.ValidationError) as e:
            failed += 1
            print("FAIL %s: %s" % (test.__name__, e))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


sys.exit(main())
