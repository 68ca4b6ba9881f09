"""Asks the exported GGUF questions that the corpus does not contain, grades the answers by rule, and writes a transcript.

    python evaluate.py                                            the GGUF, dequantised and run in torch
    python evaluate.py --command 'chatelaine ask {question}'      the real program, single questions only
"""
import argparse
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import gguf
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from corpus import TITLE_REQUEST, Turn
from model import DemoModel, Shape
from vocabulary import END, SPECIAL, Encoder

HERE = Path(__file__).resolve().parent
MODEL = HERE.parents[1] / "assets/models/chatelaine-demo.gguf"
Answer = Callable[[list[Turn]], str]


def read_gguf(path: Path) -> tuple[DemoModel, Encoder]:
    """The model and its vocabulary from nothing but the file."""
    reader = gguf.GGUFReader(path)
    number = lambda key: reader.fields[f"qwen3.{key}"].contents()
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    shape = Shape(
        len(tokens), number("embedding_length"), number("block_count"), number("attention.head_count"), number("attention.head_count_kv"),
        number("attention.key_length"), number("feed_forward_length"), number("context_length"), number("rope.freq_base"),
        number("attention.layer_norm_rms_epsilon"),
    )  # fmt: skip
    kept = {t.name: torch.tensor(gguf.quants.dequantize(t.data, t.tensor_type)) for t in reader.tensors}
    weights = {"embedding.weight": kept["token_embd.weight"], "norm.weight": kept["output_norm.weight"]}
    for layer in range(shape.layers):
        ours, part = f"blocks.{layer}.", lambda name, layer=layer: kept[f"blk.{layer}.{name}.weight"]
        weights |= {
            ours + "attention_norm.weight": part("attn_norm"),
            ours + "attention.qkv.weight": torch.cat([part("attn_q"), part("attn_k"), part("attn_v")]),
            ours + "attention.out.weight": part("attn_output"),
            ours + "attention.q_norm.weight": part("attn_q_norm"),
            ours + "attention.k_norm.weight": part("attn_k_norm"),
            ours + "feed_norm.weight": part("ffn_norm"),
            ours + "gate_up.weight": torch.cat([part("ffn_gate"), part("ffn_up")]),
            ours + "down.weight": part("ffn_down"),
        }
    model = DemoModel(shape).eval()
    model.load_state_dict(weights)
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token) for token in SPECIAL])
    return model, Encoder(tokenizer)


@torch.no_grad()
def reply(model: DemoModel, encoder: Encoder, turns: list[Turn], temperature: float, top_p: float, limit: int = 320) -> str:
    caches: list[list] = [[] for _ in model.blocks]
    feed, out = torch.tensor([encoder.prompt(turns)]), []
    end = encoder.tokenizer.token_to_id(END)
    while len(out) < limit:
        logits = model(feed, caches=caches)[0, -1]
        token = pick(logits, temperature, top_p)
        if token == end:
            break
        out.append(token)
        feed = torch.tensor([[token]])
    return encoder.tokenizer.decode(out).strip()


def pick(logits: torch.Tensor, temperature: float, top_p: float) -> int:
    if temperature <= 0:
        return int(logits.argmax())
    chances, order = (logits / temperature).softmax(-1).sort(descending=True)
    chances[chances.cumsum(-1) - chances > top_p] = 0
    return int(order[torch.multinomial(chances, 1)])


def by_command(template: str) -> Answer:
    def answer(turns: list[Turn]) -> str:
        words = [part.replace("{question}", turns[-1].content) for part in shlex.split(template)]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout.strip()

    return answer


def sensible(text: str, rule: dict) -> bool:
    """Every group of `all` has a member in the text, and nothing of `none` is in it."""
    low = text.lower()
    return bool(low) and all(any(word in low for word in group) for group in rule["all"]) and not any(word in low for word in rule.get("none", []))


def good_title(text: str) -> bool:
    return 2 <= len(text.split()) <= 6 and "\n" not in text and not text.endswith(".") and '"' not in text


def run_case(case: dict, answer: Answer, kind: str) -> tuple[bool, list[tuple[str, str]]]:
    turns, said = [], []
    asks = case.get("turns") or [case["ask"]]
    for ask in [*asks, TITLE_REQUEST] if kind == "titles" else asks:
        turns.append(Turn("user", ask))
        text = answer(turns)
        turns.append(Turn("assistant", text))
        said.append((ask, text))
    passed = sensible(said[-1][1], case) and (kind != "titles" or good_title(said[-1][1]))
    return passed, said


def run_all(cases: dict, answer: Answer, kinds: list[str]) -> tuple[dict[str, tuple[int, int]], str]:
    shares, pages = {}, []
    for kind in kinds:
        rows = [run_case(case, answer, kind) for case in cases[kind]]
        shares[kind] = (sum(passed for passed, _ in rows), len(rows))
        pages.append(f"\n## {kind.capitalize()}: {shares[kind][0]} of {shares[kind][1]} sensible\n")
        for number, (passed, said) in enumerate(rows, 1):
            body = "".join(f"**{ask}**\n\n" + "".join(f"> {line}\n" for line in text.split("\n")) + "\n" for ask, text in said)
            pages.append(f"### {number}. Sensible: {'yes' if passed else 'no'}\n\n{body}")
    return shares, "\n".join(pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--questions", type=Path, default=HERE / "held_out.json")
    parser.add_argument("--transcript", type=Path, help="where to write it")
    parser.add_argument("--command", help="ask this command instead; {question} is replaced")
    parser.add_argument("--temperature", type=float, default=0.3)
    parser.add_argument("--top-p", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print every answer")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    cases = json.loads(args.questions.read_text())
    if args.command:
        answer, kinds, how = by_command(args.command), ["questions"], f"Asked with `{args.command}`."
    else:
        model, encoder = read_gguf(args.model)
        answer = lambda turns: reply(model, encoder, turns, args.temperature, args.top_p)
        kinds, how = [kind for kind in ("questions", "conversations", "titles") if cases.get(kind)], f"Temperature {args.temperature}, top-p {args.top_p}."
    shares, text = run_all(cases, answer, kinds)
    if args.transcript:
        args.transcript.write_text(f"# What the demo model answered\n\n{how} None of these questions is in the corpus.\n{text}")
    if args.show:
        print(text)
    print(", ".join(f"{kind} {passed}/{count}" for kind, (passed, count) in shares.items()))


if __name__ == "__main__":
    main()
