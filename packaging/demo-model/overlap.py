"""Shows how far the held-out questions are from the corpus: for each, the nearest of many generated questions.

    python overlap.py --sample 200000
"""
import argparse
import itertools
import json
import re
from pathlib import Path

from corpus import TITLE_REQUEST, dialogues

HERE = Path(__file__).resolve().parent


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9']+", text.lower()))


def generated(count: int, seed: int) -> set[frozenset[str]]:
    asks = (turn.content for talk in dialogues(seed) for turn in talk if turn.role == "user" and turn.content != TITLE_REQUEST)
    return {words(ask) for ask in itertools.islice(asks, count)}


def nearest(question: str, asks: set[frozenset[str]]) -> tuple[float, frozenset[str]]:
    """The share of words in common (Jaccard) with the most similar generated question."""
    mine = words(question)
    return max(((len(mine & ask) / len(mine | ask), ask) for ask in asks), key=lambda pair: pair[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=100)
    args = parser.parse_args()
    asks = generated(args.sample, args.seed)
    found = []
    for case in json.loads((HERE / "held_out.json").read_text())["questions"]:
        share, ask = nearest(case["ask"], asks)
        found.append(share)
        print(f"{share:.2f}  {case['ask']}  ~  {' '.join(sorted(ask))}")
    print(f"\n{sum(share == 1 for share in found)} of {len(found)} occur in the corpus; mean share of words in common {sum(found) / len(found):.2f}")


if __name__ == "__main__":
    main()
