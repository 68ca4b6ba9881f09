"""A small language for writing many phrasings in few lines.

One line is one pattern. `{a|b|}` picks one of the alternatives (an empty one means: leave it out), `<name>` is replaced
by a macro of that name, `<name some words>` gives the macro those words where it says `@`. In answers `\\n` is a new line.
"""
import random
import re
from dataclasses import dataclass, field

MACROS: dict[str, list[str]] = {
    "how": """how do I|how do I|how do I|how can I|how can I|how do you|how to|how to|how would I|how should I|how could I
        how does one|how do we|what do I do to|what must I do to|what is the way to|what's the best way to|what's the easiest way to
        can you tell me how to|tell me how to|please explain how to|show me how to|explain to me how to|could you show me how to
        I want to|I would like to|I'd like to|I need to|I'm trying to|is there a way to|is it possible to|can I|could I
        help me|help me to|any idea how to|I don't know how to|I can't work out how to|which steps do I take to|teach me to
        what steps are needed to|where can I|what is needed to|how might I|do you know how to|what should I do to|let me""",
    "can": """can I|can I|can you|could I|is it possible to|am I able to|is there a way to|may I|are we able to|can we
        does Chatelaine let me|would I be able to|am I allowed to|I want to|is there any way to|can a person|can people
        I wonder if I can|do you know if I can|will it let me|can one""",
    "has": """does Chatelaine have @|is there @|is there @ here|do you have @|does it support @|does Chatelaine support @
        does this support @|does it come with @|does it do @|can Chatelaine do @|any @|does this program have @|I'm looking for @
        what about @|how about @|has it got @|does Chatelaine offer @|where is @|can I have @|I need @|I want @|got @""",
    "def": """what is @|what is @|what is @|what's @|whats @|what are @|explain @|can you explain @|tell me about @|describe @
        what do you mean by @|what does @ mean|define @|what exactly is @|I don't know what @ is|@|what about @|meaning of @
        could you tell me what @ is|what is meant by @|I've never heard of @|please explain @ to me|what on earth is @
        give me a short explanation of @|what's the meaning of @|explain what @ is|how would you explain @|what can you say about @
        talk to me about @|what do people mean by @|tell me what @ is|I keep reading about @|@ explained|what's this @ thing
        what's the idea of @|in simple words, what is @|what is @ in plain words|help me understand @|I want to know about @
        I'd like to understand @|what's @ for|what is @ good for|what does @ do|do you know what @ is|do you know @""",
    "where": """where is @|where is @|where do I find @|where can I find @|where's @|where does @ live|in which folder is @|in what place is @
        show me @|where would I look for @|I can't find @|location of @|where should I look for @|where do you keep @|where are @
        where did @ go|which place holds @|I'm looking for @|where have you put @|what is the location of @|can you show me where @ is""",
    "C": """Chatelaine|Chatelaine|Chatelaine|Chatelaine|Chatelaine|this program|this app|this|it|the server|this thing|the software|this software|the program|the app""",
    "want": """can you|could you|please|would you|will you|I want you to|I'd like you to|||can you please""",
}
MACROS = {name: [part.strip() for line in text.split("\n") for part in line.split("|")] for name, text in MACROS.items()}
MACROS["want"] = [part for part in MACROS["want"]]

_MACRO = re.compile(r"<(\w+)( [^<>]*)?>")
_CHOICE = re.compile(r"\{([^{}]*)\}")


def expand(pattern: str, rng: random.Random) -> str:
    """One text from a pattern."""
    while match := _MACRO.search(pattern):
        chosen = rng.choice(MACROS[match[1]]).replace("@", (match[2] or "").strip())
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]
    while match := _CHOICE.search(pattern):
        chosen = rng.choice(match[1].split("|"))
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]
    return re.sub(r" {2,}", " ", pattern).strip().replace(" ,", ",").replace("\\n", "\n")


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n") if line.strip()]


@dataclass(frozen=True)
class Intent:
    """One thing a person may want: how it is asked, how it is answered, what the conversation is then called.

    `follow` maps a follow-up to its answers. The keys `more`, `why`, `where` and `how` stand for the many ways to say
    just that; any other key is itself a block of patterns.
    """

    name: str
    asks: list[str]
    answers: list[str]
    titles: list[str]
    follow: dict[str, list[str]] = field(default_factory=dict)
    weight: float = 1.0


def intent(name: str, asks: str, answers: str, titles: str, weight: float = 1.0, **follow: str) -> Intent:
    """An intent from blocks of text, a pattern a line. Titles are separated by `|`."""
    extra = {key: lines(value) for key, value in follow.items() if key != "also"}
    for block in lines(follow.get("also", "")):
        ask, answer = block.split("=>")
        extra[ask.strip()] = [answer.strip()]
    names = [title.strip() for title in titles.split("|")]
    return Intent(name, lines(asks), lines(answers), names, extra, weight)
