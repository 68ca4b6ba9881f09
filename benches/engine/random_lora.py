#!/usr/bin/env python3
"""Write a LoRA adapter with random weights for a GGUF model, to measure with: it says nothing
sensible, and costs what a trained one of its rank costs.

    python random_lora.py MODEL.gguf ADAPTER.gguf --seed 1 --rank 16
"""
import argparse

import gguf
import numpy as np

TARGETS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("adapter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rank", type=int, default=16)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    model = gguf.GGUFReader(args.model)
    architecture = bytes(model.fields["general.architecture"].parts[-1]).decode()
    writer = gguf.GGUFWriter(args.adapter, architecture)
    writer.add_type("adapter")
    writer.add_name(f"random {args.seed}")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(args.rank))
    for tensor in model.tensors:
        parts = tensor.name.split(".")
        if len(parts) == 4 and parts[2] in TARGETS and parts[3] == "weight":
            # The reader gives the input's width first.
            width, rows = int(tensor.shape[0]), int(tensor.shape[1])
            a = rng.standard_normal((args.rank, width), dtype=np.float32) / np.float32(np.sqrt(width))
            b = rng.standard_normal((rows, args.rank), dtype=np.float32) * np.float32(0.1)
            writer.add_tensor(tensor.name + ".lora_a", a)
            writer.add_tensor(tensor.name + ".lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
