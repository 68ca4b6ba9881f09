"""The byte-level vocabulary, and conversations as tokens with a weight for each."""
import itertools
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus import Turn, dialogues

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = [END_OF_TEXT, START, END]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SAMPLE_SEED, SAMPLE_SIZE = 1, 40_000


def learn_vocabulary(size: int) -> Tokenizer:
    """Learns byte pairs from a sample of the corpus. Only bytes that occur in text are in the alphabet."""
    texts = [turn.content for talk in itertools.islice(dialogues(SAMPLE_SEED), SAMPLE_SIZE) for turn in talk]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # The word for a role occurs in every conversation, as part of the template.
    texts += ["system", "user", "assistant"] * 20_000
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False))
    return tokenizer


def load_vocabulary(path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(path))


class Encoder:
    """Turns conversations into tokens. Weights are 1 for what the model has to say and small for what it only reads."""

    def __init__(self, tokenizer: Tokenizer, reading_weight: float = 0.1):
        self.tokenizer = tokenizer
        self.start, self.end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
        self.line = self.plain("\n")
        self.heads = {role: [self.start, *self.plain(role), *self.line] for role in ("system", "user", "assistant")}
        self.reading_weight = reading_weight

    def plain(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def conversation(self, turns: list[Turn]) -> tuple[list[int], list[float]]:
        tokens: list[int] = []
        weights: list[float] = []
        for turn in turns:
            head, body = self.heads[turn.role], self.plain(turn.content)
            tokens += [*head, *body, self.end, *self.line]
            told = 1.0 if turn.role == "assistant" else self.reading_weight
            weights += [0.0] * len(head) + [told] * len(body) + [told if turn.role == "assistant" else 0.0] + [0.0] * len(self.line)
        return tokens, weights

    def opening(self, turns: list[Turn], keep: int) -> tuple[list[int], list[float]]:
        """A question with only the first words of its answer: enough to learn which answer belongs to which question."""
        told = len(self.heads["assistant"]) + keep
        tokens, weights = self.conversation(turns)
        asked = len(self.conversation(turns[:-1])[0])
        return tokens[: asked + told], weights[: asked + told]

    def prompt(self, turns: list[Turn]) -> list[int]:
        return self.conversation(turns)[0] + self.heads["assistant"]
