"""Trains the demo model on freshly generated dialogues for a given time.

    python train.py --minutes 75 --out work/model.pt [--resume work/model.pt]
"""
import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch._inductor.config
from torch import Tensor
from torch.nn import functional as F

from corpus import dialogues, openings
from model import DemoModel, Shape
from spare_cores import SpareCores
from vocabulary import Encoder, learn_vocabulary, load_vocabulary

SHORT_ROW, LONG_ROW = 256, 1024


class Muon(torch.optim.Optimizer):
    """Momentum whose update of a matrix is made nearly orthogonal (Newton-Schulz); learns faster per token than AdamW."""

    def __init__(self, matrices: list[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.05):
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "decay": decay})

    @staticmethod
    def orthogonal(g: Tensor, rounds: int = 5) -> Tensor:
        flip = g.shape[0] > g.shape[1]
        x = (g.T if flip else g) / (g.norm() + 1e-7)
        for _ in range(rounds):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        return x.T if flip else x

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                speed = self.state[p].setdefault("speed", torch.zeros_like(p))
                speed.lerp_(p.grad, 1 - group["momentum"])
                update = self.orthogonal(p.grad.lerp(speed, group["momentum"]))
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(update, alpha=-group["lr"] * 0.2 * max(p.shape) ** 0.5)


class Row:
    """A row of several conversations; each sees only itself."""

    def __init__(self, length: int):
        self.length, self.used = length + 1, 0
        self.tokens = torch.zeros(self.length, dtype=torch.long)
        self.weights = torch.zeros(self.length)
        self.owner = torch.full((self.length,), -1)
        self.count = 0

    def add(self, tokens: list[int], weights: list[float]) -> None:
        place = slice(self.used, self.used + len(tokens))
        self.tokens[place], self.weights[place] = torch.tensor(tokens), torch.tensor(weights)
        self.owner[place] = self.count
        # The first token of a conversation is given, never guessed.
        self.weights[self.used] = 0.0
        self.used, self.count = self.used + len(tokens), self.count + 1


def packed_rows(source: Iterator[tuple[list[int], list[float]]], length: int, open_rows: int = 24) -> Iterator[Row]:
    """First fit over a few open rows, so that little room is wasted."""
    rows: list[Row] = []
    for tokens, weights in source:
        row = next((row for row in rows if row.used + len(tokens) <= row.length), None)
        if row is None:
            if len(rows) >= open_rows:
                fullest = max(range(len(rows)), key=lambda i: rows[i].used)
                yield rows.pop(fullest)
            row = Row(length)
            rows.append(row)
        row.add(tokens, weights)


def opening_batches(encoder: Encoder, seed: int, tokens_per_batch: int, keep: int = 16) -> Iterator[list[Row]]:
    """Batches of questions with the beginnings of their answers."""
    rows = packed_rows((encoder.opening(talk, keep) for talk in openings(seed)), SHORT_ROW)
    while True:
        yield [next(rows) for _ in range(tokens_per_batch // SHORT_ROW)]


def mixed(first: Iterator[list[Row]], second: Iterator[list[Row]], share: float) -> Iterator[list[Row]]:
    """Batches from two sources, the given share of them from the second."""
    due = 0.0
    while True:
        due += share
        yield next(second) if due >= 1 else next(first)
        due -= due >= 1


def batches(encoder: Encoder, seed: int, tokens_per_batch: int) -> Iterator[list[Row]]:
    """Batches of short rows, and now and then one of long rows, as the dialogues come."""
    waiting: dict[int, list] = {SHORT_ROW: [], LONG_ROW: []}
    source = (encoder.conversation(talk) for talk in dialogues(seed))

    def of_length(length: int) -> Iterator[tuple[list[int], list[float]]]:
        while True:
            while waiting[length]:
                yield waiting[length].pop()
            item = next(source)
            fits = SHORT_ROW if len(item[0]) <= SHORT_ROW else LONG_ROW
            if len(item[0]) <= LONG_ROW:
                waiting[fits].append(item)

    rows = {length: packed_rows(of_length(length), length, 24 if length == SHORT_ROW else 4) for length in waiting}
    while True:
        # Long dialogues pile up while short ones are drawn; take a long batch when there are enough of them.
        piled = sum(len(item[0]) for item in waiting[LONG_ROW])
        length = LONG_ROW if piled > 2 * tokens_per_batch else SHORT_ROW
        yield [next(rows[length]) for _ in range(tokens_per_batch // length)]


def as_tensors(rows: list[Row]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    tokens = torch.stack([row.tokens for row in rows])
    weights = torch.stack([row.weights for row in rows])[:, 1:]
    owner = torch.stack([row.owner for row in rows])[:, :-1]
    length = owner.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    mask = (owner[:, None, :, None] == owner[:, None, None, :]) & causal
    return tokens[:, :-1], tokens[:, 1:], weights, mask


def optimisers(model: DemoModel, matrix_rate: float, other_rate: float) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embedding" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embedding" in name]
    return [Muon(matrices, matrix_rate), torch.optim.AdamW(others, other_rate, betas=(0.9, 0.95), weight_decay=0.0)]


def rate(done: float, warm: float = 0.02) -> float:
    """A short warm-up, then half a cosine down to two hundredths."""
    if done < warm:
        return max(done / warm, 0.02)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))


def loss_of(model, rows: list[Row]) -> Tensor:
    tokens, targets, weights, mask = as_tensors(rows)
    logits = model(tokens, mask=mask)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def save(model: DemoModel, out: Path, notes: dict) -> None:
    part = out.with_suffix(".part")
    torch.save({"shape": model.shape.as_dict(), "weights": model.state_dict(), "notes": notes}, part)
    part.replace(out)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--out", type=Path, default=Path("work/model.pt"))
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--threads", type=int, default=0, help="0: the cores that others leave idle")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--batch", type=int, default=3072, help="tokens in a step")
    parser.add_argument("--rate", type=float, default=0.008, help="learning rate of matrices; others take half")
    parser.add_argument("--openings", type=float, default=0.0, help="share of batches with only the beginnings of answers")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads or 1)
    torch._inductor.config.cpp.dynamic_threads = True
    torch.manual_seed(args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    vocabulary = args.out.with_name("tokenizer.json")
    if not vocabulary.exists():
        learn_vocabulary(Shape.vocabulary).save(str(vocabulary))
    tokenizer = load_vocabulary(vocabulary)
    model = DemoModel(Shape(vocabulary=tokenizer.get_vocab_size()))
    notes = {"tokens": 0, "seconds": 0.0, "steps": 0}
    if args.resume:
        kept = torch.load(args.resume)
        model.load_state_dict(kept["weights"])
        notes = kept["notes"]
    step = train(model, Encoder(tokenizer), args, notes)
    save(model, args.out, notes)
    print(f"done: {step} steps, {model.parameter_count()} parameters, {json.dumps(notes)}", flush=True)


def train(model: DemoModel, encoder: Encoder, args: argparse.Namespace, notes: dict) -> int:
    run = model if args.eager else torch.compile(model, dynamic=False)
    spare = None if args.threads else SpareCores()
    stream = mixed(batches(encoder, args.seed, args.batch), opening_batches(encoder, args.seed + 1, args.batch), args.openings)
    optims = optimisers(model, args.rate, args.rate / 2)
    starts = [group["lr"] for optim in optims for group in optim.param_groups]
    for length in (SHORT_ROW, LONG_ROW):  # compile both shapes before the clock starts
        blank = [Row(length) for _ in range(args.batch // length)]
        blank[0].add([1] * 9, [1.0] * 9)
        loss_of(run, blank).backward()
        model.zero_grad()
    begin, before, shown, average, step = time.time(), notes["seconds"], 0.0, None, 0
    while (done := (time.time() - begin) / (60 * args.minutes)) < 1:
        for group, start in zip((g for optim in optims for g in optim.param_groups), starts, strict=True):
            group["lr"] = start * rate(done)
        rows = next(stream)
        loss = loss_of(run, rows)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
        model.zero_grad()
        step += 1
        if spare and step % 5 == 0:
            spare.adjust()
        notes["tokens"] += sum(row.used for row in rows)
        notes["steps"] += 1
        notes["seconds"] = round(before + time.time() - begin, 1)
        average = loss.item() if average is None else 0.95 * average + 0.05 * loss.item()
        if time.time() - shown > 20:
            speed = step * args.batch / (time.time() - begin)
            print(f"{done:6.1%} step {step} loss {average:.4f} rate {rate(done):.3f} tokens/s {speed:.0f} threads {torch.get_num_threads()}", flush=True)
            shown = time.time()
        if step % 200 == 0:
            save(model, args.out.with_name("checkpoint.pt"), notes)
    return step


if __name__ == "__main__":
    main()
