#!/usr/bin/env python3
"""Copy a model of random weights so that it says something that can be seen.

Such a model repeats the last token of its prompt. Where the chat template ends with a line break
its replies are line breaks, and a reader of replies keeps those back for a while, since a thought
may follow: first tokens look late. The copy's template has a colon in each of those places.

    python speaking_model.py MODEL.gguf COPY.gguf
"""
import argparse
import shutil

import gguf


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("copy")
    args = parser.parse_args()
    shutil.copyfile(args.model, args.copy)
    model = gguf.GGUFReader(args.copy, "r+")
    template = model.fields["tokenizer.chat_template"]
    text = template.parts[template.data[0]]
    # In place and of equal length, so that nothing behind it moves.
    text[text == ord("\n")] = ord(":")
    model.data.flush()


if __name__ == "__main__":
    main()
