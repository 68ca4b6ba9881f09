#!/usr/bin/env python3
"""Load an OpenAI-compatible server with chat traffic and print, as JSON, what its users feel.

Prompts are drawn from a seeded word list: the same seed gives the same prompts, so that two
servers can be measured in turn with the same work. Figures: tok_s completion tokens a second of
all clients; ttft_ms time to the first token; gap_ms time between the tokens of one reply.
Needs aiohttp. Used by compare.py; `--help` lists what can be asked for.
"""
import argparse
import asyncio
import json
import random
import statistics
import time

import aiohttp

WORDS = "one two three four five six seven eight nine ten name list give write read search".split()


def words(seed, count):
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(count))


def quantiles(values):
    if not values:
        return {"p50": None, "p99": None, "max": None}
    ordered = sorted(values)
    at = lambda q: round(ordered[min(len(ordered) - 1, int(q * len(ordered)))] * 1000, 1)
    return {"p50": round(statistics.median(ordered) * 1000, 1), "p99": at(0.99), "max": at(1.0)}


class Load:
    def __init__(self, args):
        self.args = args
        self.session = None

    async def turn(self, messages, adapter=None):
        args = self.args
        body = {"model": args.model, "stream": True, "messages": messages, "max_tokens": args.tokens,
                "temperature": 0, "ignore_eos": True, "seed": 1}
        if adapter:
            body["lora"] = [{"id": adapter, "scale": 1.0}]
        headers = {"Authorization": f"Bearer {args.key}"} if args.key else {}
        start = last = time.perf_counter()
        ttft, gaps, text = None, [], []
        async with self.session.post(args.url + "/v1/chat/completions", json=body, headers=headers) as response:
            if response.status != 200:
                raise SystemExit(f"HTTP {response.status}: {(await response.text())[:300]}")
            async for line in response.content:
                if not line.startswith(b"data: {"):
                    continue
                chunk = json.loads(line[6:])
                if "error" in chunk:
                    raise SystemExit(f"error: {chunk['error']}")
                delta = (chunk.get("choices") or [{}])[0].get("delta", {})
                piece = delta.get("content") or delta.get("reasoning_content")
                if piece:
                    now = time.perf_counter()
                    if ttft is None:
                        ttft = now - start
                    else:
                        gaps.append(now - last)
                    last = now
                    text.append(piece)
        return ttft if ttft is not None else time.perf_counter() - start, gaps, "".join(text)

    async def client(self, number):
        args = self.args
        messages = []
        if args.shared_system:
            messages.append({"role": "system", "content": words(args.seed, args.shared_system)})
        adapter = args.adapters[number % len(args.adapters)] if args.adapters else None
        results = []
        for turn in range(args.turns):
            question = words(args.seed * 1000 + number * 10 + turn, args.words)
            messages.append({"role": "user", "content": question})
            ttft, gaps, text = await self.turn(messages, adapter)
            messages.append({"role": "assistant", "content": text})
            results.append((ttft, gaps, text))
        return results

    async def run(self):
        args = self.args
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(3600)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as self.session:
            await self.turn([{"role": "user", "content": "warm up"}])
            start = time.perf_counter()
            tasks = [asyncio.create_task(self.client(number)) for number in range(args.clients)]
            intruder = None
            if args.interference:
                await asyncio.sleep(args.after)
                prompt = [{"role": "user", "content": words(7, args.interference)}]
                intruder = asyncio.create_task(self.turn(prompt))
            results = [result for group in await asyncio.gather(*tasks) for result in group]
            wall = time.perf_counter() - start
            report = {
                "wall_s": round(wall, 3),
                "tok_s": round(args.clients * args.turns * args.tokens / wall, 1),
                "ttft_ms": quantiles([result[0] for result in results]),
                "gap_ms": quantiles([gap for result in results for gap in result[1]]),
            }
            if intruder:
                report["intruder_ttft_ms"] = round((await intruder)[0] * 1000, 1)
            if args.texts:
                report["texts"] = [result[2] for result in results]
            return report


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--key", default="")
    parser.add_argument("--model", default="bench")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=32, help="of each reply")
    parser.add_argument("--words", type=int, default=60, help="of each question")
    parser.add_argument("--shared-system", type=int, default=0, help="words of a system prompt all begin with")
    parser.add_argument("--interference", type=int, default=0, help="words of one more client's long prompt")
    parser.add_argument("--after", type=float, default=1.0, help="seconds before that one comes")
    parser.add_argument("--adapters", nargs="*", default=[], help="ids; each client uses one of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", action="store_true", help="print the replies as well")
    return parser.parse_args(argv)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(Load(arguments()).run())))
