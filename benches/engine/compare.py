#!/usr/bin/env python3
"""Measure this house's engine against llama-server: the same machine, the same model file, in turn
in one run, medians of several rounds. Prints one line for each figure that docs/BENCHMARKS.md has.

    python compare.py --model MODEL.gguf --chatelaine target/release/chatelaine \\
        --llama-server PATH/llama-server [--rounds 3] [--only shared,distinct,intruder,reopen,adapters] \\
        [--peer-arguments="-fa off"]

Needs aiohttp, and for `adapters` also gguf and numpy. Servers are started anew for every round and
listen on loopback alone. Times of a busy machine say nothing: leave it alone meanwhile.
"""
import argparse
import asyncio
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import load  # noqa: E402

PASSWORD = "correct horse battery staple"
PORT = 8391


def call(path, body=None, key=None, method=None, raw=None):
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", method=method)
    if key:
        request.add_header("authorization", f"Bearer {key}")
    data = raw
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    elif raw is not None:
        request.add_header("content-type", "application/octet-stream")
    with urllib.request.urlopen(request, data, timeout=300) as response:
        return json.loads(response.read() or b"null")


def wait_for(path, key=None, holds=lambda answer: True):
    for _ in range(600):
        try:
            if holds(call(path, key=key)):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{path} does not come")


class Server:
    """A process that is ended with the block."""

    key = ""

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, env=self.environment())
        self.ready()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def environment(self):
        return os.environ.copy()

    def measure(self, *argv):
        argv = [f"http://127.0.0.1:{PORT}", *map(str, argv)]
        if self.key:
            argv += ["--key", self.key]
        return asyncio.run(load.Load(load.arguments(argv)).run())


class Peer(Server):
    def __init__(self, args, slots, context):
        self.args, self.slots, self.context = args, slots, context

    def command(self):
        return [self.args.llama_server, "-m", self.args.model, "-c", str(self.slots * self.context),
                "-np", str(self.slots), "-t", str(self.args.threads), "--port", str(PORT), *self.args.peer_arguments]

    def ready(self):
        wait_for("/health")


class Ours(Server):
    def __init__(self, args, slots, context, folder=None, saved_mib=0):
        self.args, self.slots, self.context, self.saved_mib = args, slots, context, saved_mib
        self.own = None if folder else tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(folder or self.own.name)
        models = self.folder / "models"
        if not models.exists():
            models.mkdir(parents=True)
            (models / "bench.gguf").symlink_to(pathlib.Path(args.model).resolve())
            subprocess.run([args.chatelaine, "user", "add", "admin", "--role", "admin", "--password-stdin",
                            "--data", self.folder], input=PASSWORD.encode(), check=True, stdout=subprocess.DEVNULL)

    def command(self):
        return [self.args.chatelaine, "serve", "--data", self.folder, "--listen", f"127.0.0.1:{PORT}"]

    def environment(self):
        return os.environ | {
            "CHATELAINE_ENGINE__PARALLEL_REPLIES": str(self.slots),
            "CHATELAINE_ENGINE__CONTEXT_TOKENS": str(self.context),
            "CHATELAINE_ENGINE__THREADS": str(self.args.threads),
            "CHATELAINE_ENGINE__SAVED_MIB": str(self.saved_mib),
        }

    def ready(self):
        wait_for("/health")
        login = call("/api/v1/auth/login", {"login": "admin", "password": PASSWORD})
        self.key = login["access_token"]
        usable = lambda answer: any(model["id"] == "bench" and model["state"] in ("available", "loaded")
                                    for model in answer["items"])
        wait_for("/api/v1/models", self.key, usable)


def median(reports, *path):
    values = []
    for report in reports:
        for name in path:
            report = report[name]
        values.append(report)
    # A client of one token has no gaps.
    return None if None in values else statistics.median(values)


def against_peer(args, title, slots, context, argv, figures):
    """Rounds in turn, so that what else the machine does hits both."""
    ours, peers = [], []
    for _ in range(args.rounds):
        with Ours(args, slots, context) as server:
            ours.append(server.measure(*argv))
        with Peer(args, slots, context) as server:
            peers.append(server.measure(*argv))
    for name, path in figures:
        mine, theirs = median(ours, *path), median(peers, *path)
        if mine is None or theirs is None:
            continue
        print(f"{title}: {name}: {mine:g} here, {theirs:g} there, ratio {mine / theirs:.2f}", flush=True)


RATE = ("tok/s", ("tok_s",))
FIRST = ("first token p50 ms", ("ttft_ms", "p50"))
FIRST_99 = ("first token p99 ms", ("ttft_ms", "p99"))
GAP_99 = ("gap p99 ms", ("gap_ms", "p99"))


def shared(args):
    argv = ["--clients", 16, "--turns", 2, "--shared-system", 300]
    against_peer(args, "16 clients, one system prompt", 16, 1024, argv, [RATE, FIRST, FIRST_99, GAP_99])


def distinct(args):
    for clients in (1, 8):
        argv = ["--clients", clients, "--turns", 2, "--tokens", 64]
        against_peer(args, f"{clients} with distinct prompts", clients, 1024, argv, [RATE, FIRST, FIRST_99])


def intruder(args):
    argv = ["--clients", 6, "--turns", 3, "--interference", 1500]
    figures = [GAP_99, ("the intruder's first token ms", ("intruder_ttft_ms",)), RATE]
    against_peer(args, "6 decoding, 1,500 words come in", 7, 4096, argv, figures)


def reopen(args):
    """A conversation of 2,000 tokens, after a restart of the server."""
    argv = ["--clients", 1, "--turns", 1, "--words", 2000, "--tokens", 4]
    computed, restored = [], []
    for round_ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            with Ours(args, 2, 4096, folder, 4096) as server:
                computed.append(server.measure(*argv, "--seed", round_ + 1))
                saved = lambda: any((pathlib.Path(folder) / "kv").glob("*.kv"))
                for _ in range(300):
                    if saved():
                        break
                    time.sleep(0.1)
            with Ours(args, 2, 4096, folder, 4096) as server:
                restored.append(server.measure(*argv, "--seed", round_ + 1))
    mine, theirs = median(restored, "ttft_ms", "p50"), median(computed, "ttft_ms", "p50")
    print(f"2,000 tokens after a restart: first token ms: {mine:g}, computed {theirs:g}, ratio {mine / theirs:.2f}")


def adapters(args):
    """Four adapters used by eight clients at once, against none."""
    with_, without = [], []
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for seed in range(4):
            path = pathlib.Path(folder) / f"{seed}.gguf"
            writer = pathlib.Path(__file__).parent / "random_lora.py"
            subprocess.run([sys.executable, writer, args.model, path, "--seed", str(seed)], check=True)
            files.append(path)
        argv = ["--clients", 8, "--turns", 2, "--texts"]
        for _ in range(args.rounds):
            with Ours(args, 8, 1024) as server:
                without.append(server.measure(*argv))
            with Ours(args, 8, 1024) as server:
                ids = [call(f"/api/v1/admin/adapters?name=bench{at}&base=bench", key=server.key,
                            raw=path.read_bytes())["id"] for at, path in enumerate(files)]
                with_.append(server.measure(*argv, "--adapters", *ids))
    mine, theirs = median(with_, "tok_s"), median(without, "tok_s")
    print(f"8 clients, 4 adapters: tok/s: {mine:g}, without {theirs:g}, ratio {mine / theirs:.2f}")


SCENARIOS = {scenario.__name__: scenario for scenario in (shared, distinct, intruder, reopen, adapters)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--chatelaine", required=True)
    parser.add_argument("--llama-server", default="llama-server")
    parser.add_argument("--peer-arguments", type=shlex.split, default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default=",".join(SCENARIOS))
    args = parser.parse_args()
    for name in args.only.split(","):
        SCENARIOS[name](args)


if __name__ == "__main__":
    main()
