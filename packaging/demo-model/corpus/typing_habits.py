"""How people really type: openers, politeness, lower case, missing marks, left-out words, slips of the finger."""
import random

from .common_words import COMMON

FIRST = ["Hello, ", "Hi, ", "Hi! ", "Hey, ", "Hello! ", "Good morning, ", "Good evening! ", "Quick question: ", "Question: ", "Excuse me, ", "Sorry to bother you, but ", "I was wondering, ",
         "I have a question: ", "Please tell me, ", "Tell me, ", "Hi Chatelaine, ", "Hey there, ", "I'm new here, ", "One question: ", "My friend asks: ", "For my class: ", "Dear Chatelaine, ", "Say, ",
         "Hmm, ", "So, ", "Well, ", "I just installed this. ", "I am curious: ", "As a beginner: ", "Hello there! ", "Good day. ", "Just wondering, ", "Let me ask you, ", "Help me out: ",
         "I run a small school. ", "We are a family of five. ", "My laptop is quite old. ", "Not sure where to ask this. ", "My boss wants to know: ", "I read the manual but: ", "Sorry, beginner here. ",
         "My daughter asked me: ", "I have been wondering for a while: ", "Good to see you. ", "We are a team of ten. ", "I came from another program. ", "Before I go on: ", "Just to be sure: ",
         "If I may ask, ", "Suppose I am new: ", "At our house we ask: ", "Yesterday I set this up. ", "It is late, but ", "Let's see: ", "For the record: ", "To begin with, ", "My wife asks: "]
LATER = ["And ", "Ok, ", "Okay, ", "Good. ", "Thanks. ", "Thank you! ", "Great, ", "Now ", "One more thing: ", "Also, ", "Another question: ", "Next: ", "Alright, ", "Nice. ", "I see. ", "But ", "So ", "Then ",
         "Now something else: ", "Fine. ", "Got it. ", "Hm, ", "By the way, ", "What I also want to know: ", "Ah, ", "Oh, ", "Right. "]
LAST = [" please", " please", ", please", ", thanks", " thanks", " thank you", " for me", " now", " then", " exactly", " really", " again", " actually", " anyway", " here", " today", " by the way", ", my friend", " if I may ask"]
FILLERS = ["please", "really", "just", "actually", "simply", "exactly", "maybe", "kind of", "basically", "even", "possibly", "currently", "quickly", "easily"]
DROPPED = {"the", "a", "an", "do", "does", "is", "are", "of", "to", "I", "my", "can", "it", "for", "me", "in", "on", "this", "that", "you", "please", "with"}
QUESTIONS = ("what", "how", "who", "where", "when", "why", "which", "is ", "are ", "can ", "could ", "do ", "does ", "did ", "will ", "would ", "should ", "may ", "has ", "have ", "am ", "any ", "whats", "what's",
             "in which", "from where", "and ", "must ", "if ", "into which", "so ", "shall ")


def _slip(word: str, rng: random.Random) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    i = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if kind == 1:
        return word[:i] + word[i + 1 :]
    if kind == 2:
        return word[:i] + word[i] + word[i:]
    return word[:i] + rng.choice("abcdefghijklmnoprstuwy") + word[i + 1 :]


class Habits:
    """One person's way of typing, kept through a conversation."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.lower = rng.random() < 0.3
        self.marks = rng.random() > 0.3
        self.slips = rng.random() < 0.22
        self.curt = rng.random() < 0.15
        self.strewn = rng.random() < 0.15
        self.apostrophes = rng.random() > 0.15

    def _reworded(self, text: str) -> str:
        rng = self.rng
        words = text.split(" ")
        if self.curt and len(words) > 3:
            words = [word for word in words if word not in DROPPED or rng.random() < 0.5] or words
        elif len(words) > 3 and rng.random() < 0.08:
            words.insert(rng.randrange(1, len(words)), rng.choice(FILLERS))
        elif len(words) > 4 and rng.random() < 0.06:
            del words[rng.randrange(len(words))]
        if self.strewn and len(words) > 3 and rng.random() < 0.6:
            words.insert(rng.randrange(len(words) + 1), rng.choice(COMMON))
        if self.slips and len(words) > 1:
            words = [_slip(word, rng) if rng.random() < 0.18 else word for word in words]
        return " ".join(words)

    def write(self, text: str, first: bool) -> str:
        rng = self.rng
        if "\n" in text or not text.isascii():
            return text
        question = text.lower().startswith(QUESTIONS)
        text = self._reworded(text)
        tail = rng.choice(LAST) if rng.random() < 0.07 and len(text) > 12 else ""
        mark = ("?" if question else rng.choice([".", ".", "", "!", "?"])) if self.marks and text[-1].isalnum() else ""
        opener = rng.choice(FIRST if first else LATER) if rng.random() < (0.14 if first else 0.2) and len(text) > 9 else ""
        if not opener or opener.rstrip().endswith((".", "!")):
            text = text[:1].upper() + text[1:]
        text = opener + text + tail + mark
        if not self.apostrophes:
            text = text.replace("'", "")
        return text.lower() if self.lower else text
