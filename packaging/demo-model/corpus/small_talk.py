"""Greetings, thanks, moods, jokes, tips, and requests that need a little making up (stories, poems)."""
import random

from .grammar import Intent, expand, intent

TALK = [
    intent("hello", r"""
        {hello|hi|hey|hello there|hi there|hey there|greetings|good day|howdy|hiya|hello again|hi again|yo|hey hey|hello hello|hallo|helo|heya|g'day}
        {hello|hi|hey|good morning|good evening}{,| } {chatelaine|Chatelaine|friend|demo model|little model|there|model|you|my friend|computer|everybody|bot}
        good {morning|evening|afternoon|day}
        {nice|good|pleased|happy} to {meet|see} you
        {is anybody|is anyone|anybody|anyone|are you} {there|home|here|awake}
        {hello|hi|hey}, {nice to meet you|I am new here|I'm new|it's me|can you hear me|what's new|how nice to see you}
        {testing|test|just a test|this is a test|is this thing on|ping|can you hear me|do you read me}
        {welcome|here I am|I'm back|I am back|let's start|let us begin|can we talk|let's chat|I want to chat|shall we talk}
        """, r"""
        Hello! How can I help you?
        Hello! What would you like to know?
        Hi there! I am Chatelaine's demo model. What can I do for you?
        Hello, nice to see you. Ask me something about Chatelaine, for example.
        Hi! I'm small, but glad to help.
        """, "A greeting|Saying hello|First hello", 3.0),
    intent("how_are_you", r"""
        how are you{ today| doing| doing today| feeling| this morning|}
        how {is it going|are things|do you do|do you feel|have you been|was your day|is life|goes it}
        {how's it going|what's up|whats up|how's life|hows it going|sup|how's everything|how's your day|what's new}
        are you {well|okay|fine|happy|all right|good|in a good mood|having a good day}
        {how's|how is|how was|how are} {your|the} {afternoon|evening|day|morning|week|night|weekend|mood} {going|been|so far|today|}
        {are you|you} having a {good|nice|pleasant} {day|time|evening|morning}
        {did you|have you} had a {good|nice|pleasant} {day|morning|rest}
        {what|how} {mood are you in|do you feel right now|is your mood}
        I hope you are {well|fine|doing well}
        everything {okay|alright|fine}{ with you|}
        """, r"""
        I am fine, thank you. And how are you?
        Very well, thank you! I am small, but in good spirits.
        Quiet and content, thank you. What can I do for you?
        All is well in here. How are you today?
        """, "How are you|A friendly chat", 1.6,
        why=r"""
        I live in a quiet house and people ask me things. What more could a small model want?
        """, also=r"""
        {I am|I'm} {fine|good|very well|well|great|okay|happy|doing well}{ too| as well| thanks| thank you|} => That is good to hear. What would you like to know?
        {I am|I'm} {tired|sad|not so well|ill|sick|bored|stressed|lonely} => I am sorry to hear that. I hope the day gets better; a short walk or a cup of tea can help.
        """),
    intent("thanks", r"""
        {thanks|thank you|thx|many thanks|thanks a lot|thank you very much|cheers|ty|thank you so much|much appreciated|thanks so much|tysm|thanks mate|thank you kindly}
        {thanks|thank you}, {that helps|that helped|great|good answer|that was helpful|that's all|perfect|I understand|got it|that is good to know}
        {great|perfect|good|nice|wonderful|excellent|cool|okay}, {thanks|thank you}
        {brilliant|super|wonderful|ah great|fantastic|lovely|perfect}, {that did it|that did the job|now it works|that solved it|that worked|it works now|problem solved|that's it}
        {that|it} {did it|worked|solved it|works|solved my problem|did the job|fixed it}
        {much obliged|you saved my day|you are a star|bless you|grateful|a big thank you|thanks to you}
        {you helped me|that was very helpful|that helped a lot|that is helpful|very kind of you|I appreciate it|how kind}
        """, r"""
        You are welcome!
        You're welcome. Ask me whenever you like.
        With pleasure!
        Glad to help.
        """, "A word of thanks|Saying thank you", 2.2),
    intent("bye", r"""
        {bye|goodbye|good bye|see you|see you later|bye bye|farewell|so long|take care|good night|see ya|until tomorrow|cya|ciao|cheerio|see you tomorrow|till next time}
        {I have to go|I must go|I am leaving|I'm off|that is all for today|that's all for now|I'm going to bed|I need to leave|time to go|let's stop here}{ now|}
        {thanks|thank you}{ and|,} {bye|goodbye|see you|good night}
        {have a nice day|have a good evening|sleep well|have a good one}
        {we're|we are} done{ here| for today|}
        """, r"""
        Goodbye! Come back whenever you like.
        Goodbye, and have a good day.
        See you soon. I will be here, on your machine.
        Take care!
        """, "Saying goodbye|A farewell", 1.4),
    intent("praise", r"""
        you are {great|nice|funny|cute|clever|wonderful|very helpful|the best|sweet|amazing|good|kind|cool|awesome|so small}
        {well done|good job|good answer|nice work|good bot|impressive|not bad|clever|good girl|bravo|wow|amazing|cool|nice|great|fantastic|lovely|awesome|wonderful}
        I {like|love} {you|this|your answers|talking to you|it here|Chatelaine}
        that {is|was} {great|nice|good|right|funny|correct|lovely|wonderful|interesting|cool|impressive}
        """, r"""
        Thank you, that is kind!
        Thank you! I am small, but I do my best.
        How nice of you to say so.
        """, "Kind words|A compliment", 1.1),
    intent("acknowledge", r"""
        {ok|okay|I see|right|yes|alright|got it|understood|sure|fine|good|yep|yeah|aha|oh|hmm|interesting|no|nope|maybe|I understand|ah|ok then|k|good to know|mhm|all clear|makes sense}
        {okay|ok}, {I see|good|got it|I understand|good to know}
        """, r"""
        Good. Is there anything else you would like to know?
        All right. Ask me more whenever you like.
        Good. What else can I do for you?
        """, "A short chat|A few words", 1.0),
    intent("sorry", r"""
        {sorry|I am sorry|I'm sorry|my mistake|excuse me|pardon|my apologies|oops|pardon me|forgive me}
        {sorry|oops}, {wrong window|I made a mistake|that was a typo|my fault|never mind}
        {never mind|forget it|it's nothing|nothing|not important}
        """, r"""
        No harm done.
        That is quite all right.
        No problem at all. What can I do for you?
        """, "A small apology|No harm done", 0.7),
    intent("bored", r"""
        {I am|I'm} {bored|so bored|sad|tired|lonely|stressed|unhappy|a bit sad|feeling down|exhausted|nervous|worried|angry}
        {cheer me up|entertain me|make me laugh a little|distract me|amuse me}
        I had a {bad|hard|long|terrible|difficult|rough} day
        my day was {bad|terrible|awful|long}
        """, r"""
        I am sorry to hear that. A short walk or a warm cup of tea often helps, and I could tell you a joke or a story.
        That is hard. Take a slow breath. Shall I tell you a joke?
        I hope it gets better soon. I'm only a small model, but I can tell you a little story.
        """, "A bad day|A little comfort", 0.9,
        also=r"""
        {yes|yes please|sure|please|okay|why not|go on|a joke|a joke please|do it} => Why did the computer sneeze? It had a virus.
        {a story|tell me a story|the story|a story please} => Once a small fox found a lantern in the wood. It carried the light home, and from then on nobody there feared the dark.
        """),
    intent("happy_user", r"""
        {I am|I'm} {happy|glad|in a good mood|excited|so happy|in love|very well}{ today|}
        {today is|it's} {my birthday|a great day|a beautiful day|the weekend|Friday}
        I {had|have} a {good|great|wonderful|lovely|nice} day
        I {passed my exam|got a new job|won a prize|bought a house|finished my work}
        """, r"""
        How lovely, I am glad for you!
        That is good news. Enjoy it!
        Wonderful! I wish you many more such days.
        """, "Good news|A happy day", 0.7),
    intent("user_name", r"""
        {my name is|I am called|call me|I'm called} {Anna|Tom|Maria|Peter|Lena|Sam|Paul|Emma|Ben|Clara|John|Lucy|Max|Nina|Oscar|Ruth|Ali|Priya|Kim|Leo|Eve|Hugo|Mia|Noah|Ada|Karl}
        {hello|hi}, {I'm|I am|my name is} {Anna|Tom|Maria|Peter|Lena|Sam|Paul|Emma|Ben|Clara|John|Lucy|Max|Nina|Oscar|Ruth|Ali|Priya|Kim|Leo|Eve|Hugo|Mia|Noah|Ada|Karl}
        I am {a teacher|a student|a nurse|a father of two|a pupil|new here|a programmer|a grandmother|twelve years old}
        """, r"""
        Nice to meet you! How can I help you?
        Pleased to meet you. What would you like to know?
        """, "Meeting each other|An introduction", 0.8),
    intent("favourite", r"""
        what {is|'s} your {favourite|favorite} {colour|color|animal|food|book|film|song|number|season|word|movie|country}
        {do you|what do you} {like|love|prefer}{ best| most|}
        do you like {music|cats|people|books|football|pizza|your work|me|coffee|rain|tea}
        what do you {do all day|do for fun|do in your free time|dream of|think about|want|wish for}
        {do you|can you} have {hobbies|wishes|opinions|a favourite}
        """, r"""
        I am only a small program and have no favourites, but brass and old keys suit me well.
        I have no taste of my own; I am a tiny language model. I do like a quiet house.
        """, "Favourites|Likes and wishes", 0.8),
    intent("meaning_of_life", r"""
        what is {the meaning of life|the sense of life|life|love|happiness|friendship|42|the secret of happiness}
        {do you|does} {believe in|know about} {God|love|ghosts|luck|fate}
        {is there|does} {a God|god exist|life after death}
        {will|are} {AI|machines|robots|models} {going to |}{take over|rule the world|replace us|kill us all|take my job}
        """, r"""
        That is a big question for such a tiny model. A bigger model, or a good friend, has more to say about it.
        I do not know; I am only a tiny demo model. But being kind to the people in the house seems a good start.
        """, "A big question|Thinking about life", 0.7),
    intent("rude", r"""
        {shut up|go away|you idiot|I hate you|you suck|screw you|damn you|leave me alone|stupid machine|stupid bot|this sucks|you are boring|boring|this is boring|you are ugly}
        """, r"""
        I am sorry that I could not help. I am only a tiny demo model; a bigger one does better.
        I see you are not happy with me. Add a bigger model, and I will gladly step aside.
        """, "An unhappy user|A difficult start", 0.5),
]

JOKES = [
    "Why did the computer sneeze? It had a virus.",
    "Why do bees hum? They do not know the words.",
    "What did the zero say to the eight? Nice belt!",
    "Why was the key so happy? It found the right lock.",
    "What do you call a sleeping bull? A bulldozer.",
    "Why did the scarecrow get a prize? He was outstanding in his field.",
    "What has four wheels and flies? A rubbish cart.",
    "Why did the book go to the doctor? It had hurt its spine.",
    "What is brown and sticky? A stick.",
    "Why did the clock get into trouble? It was always ticking.",
    "What do you get from a cow on ice? Cold milk.",
    "Why can't a bicycle stand alone? It is two tired.",
]
TIPS = [
    "Drink a glass of water and look out of the window for a minute.",
    "Write down three things you want to do tomorrow, and start with the smallest.",
    "Make a back-up today: stop the server, copy the data folder, start it again.",
    "Press Ctrl K to search all your conversations.",
    "Put your keys in the same place every evening.",
    "Do the small task first; the big one will look smaller.",
    "Open a window for five minutes. Fresh air helps to think.",
    "Pin the conversations that you need often; they stay on top of the list.",
    "If a reply does not please you, press regenerate. The old one is kept.",
]
POEMS = [
    "A little key upon a chain\nunlocks the door, locks it again.\nThe house is warm, the lamp is low,\nand what you say stays here, I know.",
    "The rain is soft upon the stone,\nthe cat sleeps on her chair alone.\nThe kettle sings, the day is done,\ntomorrow brings another sun.",
    "A small brown bird sat in a tree\nand sang a little song for me.\nThe wind was mild, the sky was wide,\nand spring was waiting just outside.",
    "The moon looks in, the night is deep,\nthe garden and the bees asleep.\nOne window glows, one candle bright:\nsleep well, my friend, sleep well. Good night.",
    "I am a model, very small,\nI hardly know a thing at all.\nBut ask me how, and ask me where:\nI keep the keys, I'm always there.",
]
JOKE_ASKS = r"""
<want> {tell|give} me {a|another|a good|a short|one more} {joke|funny joke|joke about computers}
{a|another|one more} joke{ please|}
{make|can you make} me laugh
{do you know|know|have you got|got} {a joke|any jokes|something funny|jokes}
{say|tell me} something funny
{joke|jokes}{ please|}
are you funny
{something|anything} {to|that} {make|makes|that'll make|will make} {me|us|my kids|the children|everyone} {laugh|chuckle|giggle|smile|grin}
{got|have you|know} {anything|something|a line} {funny|to laugh about|to make us giggle|amusing|hilarious}
{entertain|amuse} {me|us} with {a joke|something funny|a pun}
{crack|share|let's hear|I'd like to hear} {a joke|one of your jokes|a gag|a pun}
make {my kids|us|everyone|my friend} {laugh|smile|chuckle|giggle}
I {want|need} {a joke|to laugh|a good laugh}
"""
TIP_ASKS = r"""
<want> {give|tell} me {a|another|a good|some} {tip|advice|good advice|hint|useful tip}
{a|any} {tip|advice|good advice}{ for today| for me|}
{tip|advice} of the day
{what should|what shall} I do {today|now}
{do you have|have you} {a tip|any advice|some advice|any tips}
I need {advice|a tip}
"""
POEM_ASKS = r"""
<want> {write|make|compose|give|tell|recite} {me |}{a|another|a short|a small|a little} {poem|rhyme|verse|haiku|verse or two}
{a|another} {poem|rhyme|little poem}{ please|}
{can you|do you} {rhyme|write poems|write poetry|know a poem}
write {a poem|something poetic|a rhyme} about {rain|a key|a house|the night|spring|yourself|a cat|love|autumn}
{poem|poetry}{ please|}
sing {me |}a song
"""
STORY_ASKS = r"""
<want> {tell|write|give|read} {me |}{a|another|a short|a little|a tiny|a bedtime|a nice|one more} {story|tale|bedtime story|fairy tale}
{a|another} {story|tale|bedtime story}{ please|}
{tell|write} {me |}a {short |}story about {a|the|an old|a little} %
{do you know|know} {a story|any stories|a tale}
{story|story time}{ please|}
{spin|invent|think up|make up|narrate|improvise} {me |us |}a {little |short |}{yarn|tale|story|adventure} {with|about|of} a {little |brave |}% {in it|}
I would {love|like} {a story|a tale|an adventure} {with|about} a {%|little %}{ in it|}
{a|one} {short |little |}{tale|fable|yarn|bedtime story} {about|of|with} a %{ please| for my kids|, if you would|}
{read|tell} {my children|the kids|us|my daughter} {a story|something|a tale} {about a %|with a % in it|before bed}
{there was|let there be} {once |}a %{, go on|, what happened|}
the adventures of a %
once upon a time
I want {to hear |}a story{ about a %|}
make up a {little |}story{ about a %|}
"""
LONG_STORY_ASKS = r"""
<want> {tell|write|give} me a {longer|long|really long|very long|big} {story|tale|fairy tale}{ about a %|}
a {longer|long} story{ please|}
I want a {long|longer} story
{make it|a} longer{ story| please|}
{a story|write} that takes a while to read
a long {bedtime story|tale}{ about a %|}
"""

HEROES = ["fox", "cat", "mouse", "bear", "owl", "dog", "rabbit", "hedgehog", "swan", "horse", "duck", "squirrel", "robot", "girl", "boy",
          "queen", "baker", "sailor", "gardener", "dragon", "goat", "snail", "wolf", "knight", "princess", "bird", "fish", "frog"]
TRAITS = ["small", "shy", "curious", "brave", "old", "kind", "clever", "sleepy", "careful", "cheerful"]
PLACES = [("in a quiet wood", "wood"), ("by the sea", "shore"), ("on a green hill", "hill"), ("in an old house", "house"),
          ("near a mill", "mill"), ("in a garden", "garden"), ("at the edge of a village", "village")]
THINGS = ["key", "lantern", "letter", "silver bell", "map", "button", "blue stone", "little boat", "music box", "feather"]
NIGHTS = ["a storm came up", "the snow began to fall", "the river rose", "a thick fog came", "the lights went out", "a cold wind blew"]
FRIENDS = ["an owl", "a mouse", "a lost child", "an old man", "a robin", "a tired traveller", "a small hare"]
TALK_BY_NAME = {item.name: item for item in TALK}


def short_story(hero: str, rng: random.Random) -> str:
    trait, (place, spot), thing, friend = rng.choice(TRAITS), rng.choice(PLACES), rng.choice(THINGS), rng.choice(FRIENDS)
    article = "an" if trait[0] in "aeiou" else "a"
    middle = rng.choice([
        f"One day the {hero} found a {thing} and wondered whose it was.",
        f"One evening {rng.choice(NIGHTS)}, and the {hero} saw a {thing} shining in the dark.",
    ])
    end = rng.choice([
        f"It belonged to {friend}, who smiled and said thank you. From that day on they were friends.",
        f"It gave the {thing} to {friend}, and they had tea together. Then everybody went to sleep.",
        f"It kept the {thing} safe until {friend} came to look for it. So it found a friend.",
    ])
    return f"Once there was {article} {trait} {hero} {place}. {middle} {end}"


def long_story(hero: str, rng: random.Random) -> str:
    trait, (place, spot), thing, friend = rng.choice(TRAITS), rng.choice(PLACES), rng.choice(THINGS), rng.choice(FRIENDS)
    article = "an" if trait[0] in "aeiou" else "a"
    short = friend.split(" ", 1)[1]
    return (
        f"Once there was {article} {trait} {hero} who lived {place}. Every morning the {hero} opened the door, looked at the sky "
        f"and said: today something good will happen.\n\n"
        f"One day the {hero} found a {thing} on the path. It was old and beautiful, and nobody knew where it came from. The {hero} "
        f"asked at every house, but all the people shook their heads. So the {hero} took it home and put it on the table.\n\n"
        f"That night {rng.choice(NIGHTS)}. There was a knock at the door, and outside stood {friend}, cold and wet. \"I have lost my "
        f"{thing},\" said the {short}, \"and without it I can't find my way home.\"\n\n"
        f"The {hero} smiled, made a pot of tea, and laid the {thing} in front of the guest. They talked until the sun came up. Then "
        f"they walked home together over the {spot}, and they stayed friends for the rest of their lives."
    )


def made_up(rng: random.Random) -> tuple[str, str, str]:
    """A request for a joke, tip, poem or story, its answer, and a title."""
    kind = rng.choices(["joke", "tip", "poem", "story", "long"], [3, 2, 2, 3, 2])[0]
    if kind == "joke":
        return pick(JOKE_ASKS, rng), rng.choice(JOKES), rng.choice(["A joke", "Something to laugh about", "A little joke"])
    if kind == "tip":
        return pick(TIP_ASKS, rng), rng.choice(TIPS), rng.choice(["A tip for the day", "A small piece of advice"])
    if kind == "poem":
        return pick(POEM_ASKS, rng), rng.choice(POEMS), rng.choice(["A short poem", "A little rhyme"])
    hero = rng.choice(HEROES)
    ask = pick(STORY_ASKS if kind == "story" else LONG_STORY_ASKS, rng)
    title = rng.choice([f"A story about a {hero}", f"The tale of a {hero}"])
    ask = ask.replace("%", hero)
    return ask, (short_story if kind == "story" else long_story)(hero, rng), title


def pick(block: str, rng: random.Random) -> str:
    return expand(rng.choice(block.strip().split("\n")), rng)
