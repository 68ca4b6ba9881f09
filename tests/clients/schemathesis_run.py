"""Makes up requests from the API's description and checks every answer against it.

schemathesis_run.py BINARY SECONDS [OPTION…]

Starts the real binary with the scripted engine in a folder of its own, sets it up, and lets
schemathesis ask as an administrator. Further options are schemathesis's own, e.g. --seed 7.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

binary, seconds, *options = sys.argv[1:]
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
# A house without a model, or too busy, says so with 503.
CONFIGURATION = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503"]
"""
# These would end the session that asks.
EXCLUDED = ["sign_out", "end_session", "delete_profile"]
# Nothing is asked of other machines: there is no name to be found, and no hub.
NOWHERE = "http://127.0.0.1:9"


def start(folder):
    script = folder / "script.json"
    script.write_text(json.dumps({"models": ["scripted"], "rules": []}))
    log = open(folder / "log.txt", "w")
    house = subprocess.Popen(
        [binary, "serve", "--listen", "127.0.0.1:0", "--data", folder / "data"],
        env={
            "PATH": os.environ.get("PATH", ""),
            "CHATELAINE_ENGINE__SCRIPT": str(script),
            "CHATELAINE_LIMITS__REQUESTS_PER_MINUTE": "0",
            "CHATELAINE_LIMITS__ANONYMOUS_REQUESTS_PER_MINUTE": "0",
            "CHATELAINE_MODELS__HUB": NOWHERE,
            "CHATELAINE_MODELS__RETRIES": "0",
            "http_proxy": NOWHERE,
            "https_proxy": NOWHERE,
        },
        stdout=subprocess.PIPE, stderr=log, text=True,
    )
    base = house.stdout.readline().removeprefix("Listening on ").strip()
    token = house.stdout.readline().rsplit("token=", 1)[1].strip()
    return house, base, token


def post(base, path, body):
    request = urllib.request.Request(
        f"{base}/api/v1{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def description(base):
    """As the house gives it, but for the shape of streams: OpenAPI 3.0 can only say an array, which
    is not what an event looks like here. What is in events is tested elsewhere."""
    with urllib.request.urlopen(f"{base}/api/v1/openapi.json") as answer:
        document = json.load(answer)
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                response.get("content", {}).get("text/event-stream", {}).pop("schema", None)
    return document


os.environ["NO_PROXY"] = "127.0.0.1"
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    house, base, token = start(folder)
    try:
        person = {"token": token, "username": "ada", "password": "brass keys on a chain"}
        access_token = post(base, "/setup", person)["access_token"]
        configuration = folder / "schemathesis.toml"
        configuration.write_text(CONFIGURATION)
        described = folder / "openapi.json"
        described.write_text(json.dumps(description(base)))
        command = [
            Path(sys.executable).with_name("schemathesis"),
            "--config-file", configuration, "run", described,
            "--header", f"Authorization: Bearer {access_token}",
            "--url", f"{base}/api/v1",
            "--checks", ",".join(CHECKS),
            "--max-time", seconds,
            "--request-timeout", "30",
            "--generation-with-security-parameters", "false",
            "--suppress-health-check", "all",
            "--warnings", "off",
            "--continue-on-failure",
            *[part for name in EXCLUDED for part in ("--exclude-operation-id", name)],
            *options,
        ]
        outcome = subprocess.run(command, cwd=folder)
        assert house.poll() is None, "the house ended"
        log = (folder / "log.txt").read_text()
        assert "panicked" not in log, log[-5000:]
    finally:
        house.kill()
        house.wait()
    sys.exit(outcome.returncode)
