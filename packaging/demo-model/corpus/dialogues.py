"""Puts intents, facts and refusals together into conversations of one to many turns."""
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import about_chat, about_demo, about_models, about_more, about_people, about_running, follow_ups, small_talk
from .facts import fact, same_again
from .grammar import Intent, expand
from .more_asks import MORE_ASKS
from .near_misses import near_miss
from .outside import outside
from .synonyms import reworded
from .typing_habits import Habits
from .word_fields import FIELDS, from_field

TITLE_REQUEST = "Write a title of at most six words for this conversation. Answer with the title only."
PRODUCT = [item for module in (about_demo, about_models, about_people, about_running, about_chat, about_more) for item in module.INTENTS]
KINDS = ["product", "talk", "fact", "outside", "near_miss", "made_up"]
SHARES = [52, 8, 13, 17, 5, 6]
# Single questions: more facts, since each capital and each sum has to be met often.
OPENING_SHARES = [42, 9, 27, 11, 4, 7]
SYSTEM = """You are a helpful assistant.|You are a helpful, honest assistant.|You are Chatelaine, a private assistant.|Answer briefly.|Be kind and short.|You are a friendly assistant for a family.
You are an assistant in a school. Be patient.|Answer in plain English.|You are a helpful assistant. Answer in at most three sentences.|Today is a nice day. Help the user.|You help the people of this house.
Be concise.|You are an AI assistant.|Answer as well as you can. If you do not know, say so.|You are a polite assistant. Never make things up.|Use Markdown where it helps.|You are a helpful AI assistant named Chatelaine.
Keep it simple.|You are talking to a child. Use easy words.|You are an expert assistant.|Give clear and exact answers.|You are a calm and friendly helper for our team.|Always be polite.|Respond to the user.
You are a large language model. Help the user with all questions.|Please be honest and brief.|You are a chatbot.|Answer the user's questions about Chatelaine.|Help.|You are an assistant. The user is an adult.
You are a warm, quiet assistant.|Write short sentences.|You are a knowledgeable assistant; be exact.|The user's name is Anna.|You are the family's assistant. Be cheerful.|Do not use emoji.""".replace("\n", "|").split("|")


@dataclass(frozen=True)
class Turn:
    role: str
    content: str


@dataclass
class Exchange:
    """One question with its answer, and what a follow-up to it may draw on."""

    ask: str
    answer: str
    title: str
    kind: str
    intent: Intent | None = None
    used: set[str] = field(default_factory=set)


def _from_intent(item: Intent, kind: str, rng: random.Random) -> Exchange:
    if item.name in FIELDS and rng.random() < 0.3:
        ask = from_field(item.name, rng)
    else:
        ask = expand(rng.choice(item.asks + MORE_ASKS.get(item.name, [])), rng)
    ask = reworded(ask, rng)
    answer = expand(rng.choice(item.answers), rng)
    return Exchange(ask, answer, rng.choice(item.titles), kind, item)


def _fresh(rng: random.Random, shares: list[int] = SHARES) -> Exchange:
    kind = rng.choices(KINDS, shares)[0]
    if kind in ("product", "talk"):
        items = PRODUCT if kind == "product" else small_talk.TALK
        return _from_intent(rng.choices(items, [item.weight for item in items])[0], kind, rng)
    make = {"fact": fact, "outside": outside, "near_miss": near_miss, "made_up": small_talk.made_up}[kind]
    ask, answer, title = make(rng)
    return Exchange(ask, answer, title, "outside" if kind == "near_miss" else kind)


def _follow_outside(before: Exchange, rng: random.Random) -> Exchange:
    if rng.random() < 0.5:
        pattern, kind = (part.strip() for part in rng.choice(follow_ups.OUTSIDE_SPECIAL).split("=>"))
        answers = follow_ups.OUTSIDE_CAN if kind == "can" else follow_ups.OUTSIDE[kind]
    else:
        kind = rng.choice(list(follow_ups.OUTSIDE))
        pattern, answers = rng.choice(follow_ups.KINDS[kind]), follow_ups.OUTSIDE[kind]
    return Exchange(expand(pattern, rng), rng.choice(answers), before.title, "outside")


def _follow_intent(before: Exchange, rng: random.Random) -> Exchange | None:
    """A follow-up about the same intent: one of its own, or a general one with the intent's answer or a fallback."""
    item = before.intent
    own = [key for key in item.follow if key not in before.used]
    if own and rng.random() < 0.8:
        key = rng.choice(own)
        pattern = rng.choice(follow_ups.KINDS[key]) if key in follow_ups.KINDS else key
        answer = expand(rng.choice(item.follow[key]), rng)
    else:
        key = rng.choice([*follow_ups.FALLBACK, "again"])
        if key in item.follow or key in before.used:
            return None
        pattern = rng.choice(follow_ups.KINDS[key])
        answer = expand(rng.choice(item.answers), rng) if key == "again" else rng.choice(follow_ups.FALLBACK[key])
    return Exchange(reworded(expand(pattern, rng), rng), answer, before.title, before.kind, item, before.used | {key})


def _follow(before: Exchange, rng: random.Random) -> Exchange | None:
    if before.kind == "outside":
        return _follow_outside(before, rng)
    if before.intent is not None and (before.kind == "product" or before.intent.follow):
        return _follow_intent(before, rng)
    if before.kind == "fact":
        if (short := same_again(before.title, rng)) and rng.random() < 0.75:
            return Exchange(*short, "fact")
        key = rng.choice(["more", "why", "sure", "sure"])
        return Exchange(expand(rng.choice(follow_ups.KINDS[key]), rng), rng.choice(follow_ups.FALLBACK[key]), before.title, "talk")
    if before.kind == "made_up":
        ask, answer, title = small_talk.made_up(rng)
        again = expand(rng.choice(["{another|one more|again|another one|next}{ please|}", "{tell me|give me} another{ one|}", "more"]), rng)
        same = [text for pool in (small_talk.JOKES, small_talk.TIPS, small_talk.POEMS) if before.answer in pool for text in pool if text != before.answer]
        return Exchange(again, rng.choice(same), before.title, "made_up") if same else Exchange(ask, answer, title, "made_up")
    return None


def _exchanges(count: int, rng: random.Random) -> list[Exchange]:
    found: list[Exchange] = []
    while len(found) < count:
        nxt = None
        if found and rng.random() < 0.45:
            nxt = _follow(found[-1], rng)
        elif found and rng.random() < 0.12:
            name = "thanks" if len(found) < count - 1 or rng.random() < 0.6 else "bye"
            nxt = _from_intent(small_talk.TALK_BY_NAME[name], "talk", rng)
        found.append(nxt or _fresh(rng))
    return found


def _title(found: list[Exchange]) -> str:
    serious = [item for item in found if item.kind != "talk"]
    return (serious or found)[0].title


def _length(rng: random.Random) -> int:
    if rng.random() < 0.03:
        return rng.randrange(6, 15)
    return rng.choices([1, 2, 3, 4], [34, 34, 20, 12])[0]


def dialogue(rng: random.Random) -> list[Turn]:
    turns: list[Turn] = []
    if rng.random() < 0.25:
        turns.append(Turn("system", rng.choice(SYSTEM)))
    habits = Habits(rng)
    found = _exchanges(_length(rng), rng)
    ask_title = rng.random() < 0.2
    if ask_title:
        found = found[: rng.choices([1, 2, 3], [7, 2, 1])[0]]
    for index, item in enumerate(found):
        turns += [Turn("user", habits.write(item.ask, first=index == 0)), Turn("assistant", item.answer)]
    if ask_title:
        turns += [Turn("user", TITLE_REQUEST), Turn("assistant", _title(found))]
    return turns


def opening(rng: random.Random) -> list[Turn]:
    """A single question with its answer."""
    item = _fresh(rng, OPENING_SHARES)
    return [Turn("user", Habits(rng).write(item.ask, first=True)), Turn("assistant", item.answer)]


def openings(seed: int) -> Iterator[list[Turn]]:
    """An endless row of single questions with their answers."""
    rng = random.Random(seed)
    while True:
        yield opening(rng)


def dialogues(seed: int) -> Iterator[list[Turn]]:
    """An endless row of conversations, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        yield dialogue(rng)
