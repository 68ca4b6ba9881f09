"""Runs every step: learn the vocabulary and train in two stages, write the GGUF, ask it the held-out questions.

    pip install -r requirements.txt
    python build.py --minutes 95
"""
import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
GGUF = HERE.parents[1] / "assets/models/chatelaine-demo.gguf"


def step(*words: object) -> None:
    print("\n$ python", *words, flush=True)
    subprocess.run([sys.executable, *map(str, words)], cwd=HERE, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=95, help="training time in all")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="folder for checkpoints; not kept in the repository")
    parser.add_argument("--out", type=Path, default=GGUF)
    parser.add_argument("--transcript", type=Path, default=HERE / "transcript.md")
    args = parser.parse_args()
    first, model = args.work / "first.pt", args.work / "model.pt"
    # The first stage learns to speak; the second, mostly from beginnings of answers, which answer belongs to which question.
    step("train.py", "--minutes", args.minutes * 0.55, "--out", first)
    step("train.py", "--minutes", args.minutes * 0.45, "--resume", first, "--rate", 0.005, "--openings", 0.6, "--seed", 200, "--out", model)
    step("export.py", "--model", model, "--out", args.out)
    step("evaluate.py", "--model", args.out, "--transcript", args.transcript)


if __name__ == "__main__":
    main()
