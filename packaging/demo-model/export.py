"""Writes a trained model as GGUF: Q8_0 matrices, F32 norms, ChatML template, recommended sampling.

    python export.py --model work/model.pt --out ../../assets/models/chatelaine-demo.gguf
"""
import argparse
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind

from model import Shape
from vocabulary import CHAT_TEMPLATE, END, END_OF_TEXT, SPECIAL

NAME, AUTHOR, LICENCE = "Chatelaine demo", "Chatelaine", "MIT OR Apache-2.0"
DESCRIPTION = "A tiny model that introduces Chatelaine, trained from nothing but text written for it."
TEMPERATURE, TOP_P = 0.3, 0.9
QWEN3_NAMES = {
    "attention_norm.weight": "attn_norm.weight",
    "attention.q_norm.weight": "attn_q_norm.weight",
    "attention.k_norm.weight": "attn_k_norm.weight",
    "attention.out.weight": "attn_output.weight",
    "feed_norm.weight": "ffn_norm.weight",
    "down.weight": "ffn_down.weight",
}


def tensors(weights: dict[str, torch.Tensor], shape: Shape) -> dict[str, np.ndarray]:
    """Our tensors under the names and in the pieces that llama.cpp expects of a Qwen3."""
    named = {"token_embd.weight": weights["embedding.weight"], "output_norm.weight": weights["norm.weight"]}
    queries, keys = shape.heads * shape.head_width, shape.key_heads * shape.head_width
    for layer in range(shape.layers):
        ours, theirs = f"blocks.{layer}.", f"blk.{layer}."
        for own, other in QWEN3_NAMES.items():
            named[theirs + other] = weights[ours + own]
        q, k, v = weights[ours + "attention.qkv.weight"].split([queries, keys, keys])
        gate, up = weights[ours + "gate_up.weight"].chunk(2)
        named |= {theirs + f"attn_{name}.weight": part for name, part in (("q", q), ("k", k), ("v", v))}
        named |= {theirs + "ffn_gate.weight": gate, theirs + "ffn_up.weight": up}
    return {name: tensor.float().contiguous().numpy() for name, tensor in named.items()}


def write_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def write_vocabulary(writer: gguf.GGUFWriter, path: Path) -> None:
    learned = json.loads(path.read_text())["model"]
    tokens = sorted(learned["vocab"], key=learned["vocab"].get)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in learned["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(learned["vocab"][END_OF_TEXT])
    writer.add_eos_token_id(learned["vocab"][END])
    writer.add_pad_token_id(learned["vocab"][END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write(model: Path, out: Path) -> str:
    """Writes the file and its checksum; gives the checksum."""
    kept = torch.load(model, map_location="cpu")
    shape = Shape(**kept["shape"])
    writer = gguf.GGUFWriter(out, "qwen3")
    writer.add_name(NAME)
    writer.add_author(AUTHOR)
    writer.add_license(LICENCE)
    writer.add_description(DESCRIPTION)
    writer.add_languages(["en"])
    writer.add_size_label(f"{sum(t.numel() for t in kept['weights'].values()) / 1e6:.1f}M")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_sampling_temp(TEMPERATURE)
    writer.add_sampling_top_p(TOP_P)
    write_shape(writer, shape)
    write_vocabulary(writer, model.with_name("tokenizer.json"))
    for name, tensor in tensors(kept["weights"], shape).items():
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
        else:
            writer.add_tensor(name, gguf.quants.quantize(tensor, Kind.Q8_0), raw_dtype=Kind.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    checksum = hashlib.sha256(out.read_bytes()).hexdigest()
    out.with_name(out.name + ".sha256").write_text(f"{checksum}  {out.name}\n")
    return checksum


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("work/model.pt"))
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "assets/models/chatelaine-demo.gguf")
    args = parser.parse_args()
    checksum = write(args.model, args.out)
    print(f"{args.out.name}: {args.out.stat().st_size} bytes, sha256 {checksum}")


if __name__ == "__main__":
    main()
