"""Questions the demo model cannot answer, and the honest answers to them."""
import random

from .grammar import expand
from .topics import AILMENTS, CITIES, CODE_JOBS, CODE_LANGUAGES, DISHES, LANGUAGES, LEGAL, PEOPLE, SCRIPTS, SYLLABLES, TEXTS, THINGS, WORDS

Outside = tuple[str, str, str]

BIGGER = ["A bigger model can be added.", "A bigger model knows more: add a GGUF file.", "Add a bigger model and ask it again.",
          "For that, add a bigger model with `chatelaine model add FILE`.", "A bigger model could help you with that.", "With a bigger model you would get an answer."]
UNKNOWN = ["I do not know that. I am only a tiny demo model.", "I don't know. I am a tiny demo model and know very little.", "That is beyond me: I am a very small demo model.",
           "I'm sorry, I do not know. I am only a tiny demo model.", "That I do not know; I am a tiny demo model.", "I can't answer that, I am only a tiny demo model.",
           "I know nothing about that, I'm afraid. I am just a tiny demo model."]
CLOSING = ["", "", "", " I would only be guessing.", " I'd rather say so than guess."]

THING_ASKS = """what is %|what are %|explain %|explain % to me|how does % work|how do % work|tell me about %|tell me something about %|what do you know about %|why is % important|who invented %
who discovered %|when was % invented|when did % begin|how did % start|what caused %|what is the history of %|give me facts about %|describe %|summarise %|compare % and #|what is better, % or #
what is the difference between % and #|how do I learn %|teach me %|is % good for me|is % dangerous|how much does % cost|where can I buy %|how many kinds of % are there|write an essay about %
what are the advantages of %|what are the causes of %|can you explain %|I want to know about %|do you know anything about %|help me with %|I have a question about %|what's new in %|define %|%
who is the best at %|how old is %|how big is %|what is the meaning of %|list the most important facts about %|how long does % take|what do people think about %|is it true that % are bad
are % real|what happens with %|how is % made|why do people like %|recommend a book about %|what is the future of %|how has % changed|give me an example of %|which is the best %|any thoughts on %
in which year was %|what's the deal with %|how can I get better at %|what should I know about %|what about %|could you tell me more about %|why are there %|what role does % play""".replace("\n", "|").split("|")
_PERSON_ASKS = """who is %|who was %|tell me about %|when was % born|when did % die|where was % born|what did % do|what is % famous for|how old is %|what did % write|how tall is %|where does % live
is % still alive|who was the wife of %|what did % invent|give me a quote by %|write a biography of %|do you know %|why is % famous|what do you think of %|did % go to school|who killed %|what was the job of %|how rich is %|name a work by %|what did % say|is % married|how did % die|what happened to %|was % a good person
which {composer|painter|writer|king|emperor|scientist|singer|actor|poet} {wrote|painted|invented|discovered|made|sang|built} %|who {wrote|painted|composed|discovered|built|directed|won|sang|founded|invented} {%|the Magic Flute|Guernica|Moby Dick|America|penicillin|the lottery|this}
who was the {first|second|third|last|greatest} {emperor|king|queen|president|pope|tsar} of {Rome|China|England|France|Russia}|name the {author|painter|inventor|composer} of {%|the Four Seasons|Faust|the telephone|Don Giovanni}"""
WEATHER = """what is the weather{ like|} {today|tomorrow|now|in %|in % today|in % tomorrow}|will it {rain|snow|be sunny|be warm|freeze} {today|tomorrow|in %|tonight|this weekend|in % tomorrow}|weather{ in %| forecast| report| today|}
{how hot|how cold|how warm} is it {in %|outside|today|right now}|do I need {an umbrella|a coat|sunglasses}{ today| tomorrow|}|what's the {forecast|temperature} {for %|in %|outside|for tomorrow}
is it {raining|snowing|sunny|cloudy|windy|cold} {in %|outside|now|today}|how is the weather{ in %| today| at the moment|}|what will the weather be{ like|} {tomorrow|in %|on Sunday}
{is|will} {it|there} {going to |be |}{pour|pour down|drizzle|storm|hail|thunder|get cold|frost|be dry|clear up} {in %|tonight|this evening|in % this evening|in % tomorrow|on Sunday}|{shall|should} I {take|bring|wear} {a raincoat|an umbrella|boots|a jacket|shorts}{ in %| tomorrow|}
{any|much} {rain|snow|sunshine|wind|fog} {expected|coming|ahead} {in %|tonight|tomorrow}|{can|could} we {have a picnic|swim outside|go for a walk} {tomorrow|in %} or will it rain""".replace("\n", "|W|")
NEWS = """what is {in the news|happening in the world|the latest news|new in politics|going on in %}|who won the {game|match|election|race|final|league|championship}{ yesterday| last night| today| last year| in %|}
{latest|today's|breaking} {news|headlines|scores|results}|what happened {today|yesterday|in %|this week|last night in %}|what is the {stock price|share price|price} of {gold|oil|bitcoin|a share|Apple|silver}
how is the {stock market|economy|dollar|euro} doing|what time is it{ in %| now|}|what {day|date} is {it|today}|which {year|month} is it|who is the president of {%|France|the country|America}
when {does|is} the next {train|bus|flight|holiday|match|election} {to %|leave|}|is the {shop|museum|bank|station} in % open|how far is it {to|from} %|what is {on tv|in the cinema} {tonight|today}
{should|shall} I {buy|sell} {shares|bitcoin|gold|stocks|a house}|what are today's {lottery numbers|exchange rates|headlines}|how many people live in %|what is the best {restaurant|hotel|bar} in %
{how do I get|what is the way} from % to the airport|book me a {flight|table|hotel|taxi}{ to %| in %|}|order {me |}a {pizza|taxi}|set {an alarm|a timer|a reminder} for {ten minutes|tomorrow}|call {my mother|a doctor|the police}
play {some |}music|turn {on|off} the {lights|heating|radio|tv}|send {an email|a message} to {my boss|Anna|%}""".replace("\n", "|W|")


def _split(block: str) -> list[str]:
    """Splits a block of patterns at the bars that stand outside braces."""
    parts, depth, word = [], 0, ""
    for letter in block.replace("|W|", "\n"):
        depth += (letter == "{") - (letter == "}")
        if letter == "\n" or (letter == "|" and depth == 0):
            parts.append(word.strip())
            word = ""
        else:
            word += letter
    return [part for part in [*parts, word.strip()] if part]


WEATHER_ASKS, NEWS_ASKS, PERSON_ASKS = _split(WEATHER), _split(NEWS), _split(_PERSON_ASKS)


def _unknown(rng: random.Random) -> str:
    if rng.random() < 0.8:
        return f"{rng.choice(UNKNOWN)} {rng.choice(BIGGER)}"
    return rng.choice(UNKNOWN) + rng.choice(CLOSING)


def _made_up_word(rng: random.Random) -> str:
    word = "".join(rng.choice(SYLLABLES) for _ in range(rng.randrange(2, 5)))
    return word.capitalize() if rng.random() < 0.6 else word


def _topic(rng: random.Random) -> str:
    if rng.random() < 0.22:
        return _made_up_word(rng) if rng.random() < 0.7 else f"{rng.choice(['the', 'a', 'my'])} {_made_up_word(rng).lower()}"
    return rng.choice(THINGS)


def topic_title(topic: str, rng: random.Random) -> str:
    bare = topic.removeprefix("my ").removeprefix("a ")
    bare = bare[0].upper() + bare[1:]
    return rng.choice([f"Question about {topic}", f"About {topic}", f"A question about {topic}", bare if len(bare.split()) > 1 else f"About {topic}"])


def thing(rng: random.Random) -> Outside:
    topic = _topic(rng)
    return rng.choice(THING_ASKS).replace("%", topic).replace("#", _topic(rng)), _unknown(rng), topic_title(topic, rng)


def person(rng: random.Random) -> Outside:
    name = f"{_made_up_word(rng).capitalize()} {_made_up_word(rng).capitalize()}" if rng.random() < 0.25 else rng.choice(PEOPLE)
    ask = expand(rng.choice(PERSON_ASKS), rng)
    title = topic_title(name, rng) if "%" in ask else "A question about a person"
    return ask.replace("%", name), _unknown(rng), title


def weather(rng: random.Random) -> Outside:
    city = rng.choice(CITIES)
    answer = rng.choice(["I can't know the weather: I am a tiny demo model without a connection to the outside.", "I can't see the weather from here. I run on this machine and look nothing up.",
                         "I don't know the weather; I am only a tiny demo model and have no view outside. A look out of the window helps."])
    return expand(rng.choice(WEATHER_ASKS), rng).replace("%", city), answer, rng.choice(["The weather", "A question about the weather", "Weather forecast"])


def news(rng: random.Random) -> Outside:
    answer = rng.choice(["I do not know: I am a tiny demo model and can't look anything up.", "I can't tell you. I have no connection to the outside, no clock and no news.",
                         "That I can't know. I'm only a tiny demo model and see nothing beyond this conversation.", _unknown(rng)])
    return expand(rng.choice(NEWS_ASKS), rng).replace("%", rng.choice(CITIES)), answer, rng.choice(["A question about current things", "Beyond the demo model", "Something to look up"])


def hard_sum(rng: random.Random) -> Outside:
    a, b = rng.randrange(21, 5000), rng.randrange(11, 999)
    if rng.random() < 0.3:
        a, b = rng.randrange(2, 20), rng.randrange(2, 20)
        sign = rng.choice(["times", "x", "*", "multiplied by", "divided by", "/"])
    else:
        sign = rng.choice(["times", "plus", "minus", "+", "-", "*", "divided by", "/", "multiplied by"])
    ask = expand(rng.choice([f"what is {a} {sign} {b}", f"{a} {sign} {b}", f"{{calculate|compute|work out}} {a} {sign} {b}", f"{a}{sign}{b}" if len(sign) == 1 else f"how much is {a} {sign} {b}",
                             f"what is the square root of {a}", f"what is {b} percent of {a}", f"solve x + {b} = {a}", f"{{integrate|differentiate|factorise}} x squared plus {b}", f"is {a} a prime number",
                             f"convert {a} {{miles|pounds|dollars|inches|feet}} to {{kilometres|kilos|euros|centimetres|metres}}", f"what is {a} to the power of {b}"]), rng)
    answer = rng.choice(["That is too hard for me: I only add and subtract numbers up to twenty. A bigger model can do more.", "I can't do that sum. I am a tiny demo model and only manage small numbers.",
                         "I only know small sums, up to twenty. For this one, use a calculator or a bigger model."])
    return ask, answer, rng.choice(["A difficult sum", "A calculation", "A sum too hard"])


def code(rng: random.Random) -> Outside:
    language, job = rng.choice(CODE_LANGUAGES), rng.choice(CODE_JOBS)
    ask = expand(rng.choice([f"write {{a |some |}}{language} {{code|script|program|function}} {{to|that can}} {job}", f"how do I {job} in {language}", f"{{can|could}} you {{write|fix|debug|explain}} {{some |my |this |}}{language} {{code|program}}",
                             f"{job} in {language}", f"my {language} {{program|script|code}} does not compile", f"what is a {{loop|class|function|variable|pointer}} in {language}", f"can you {{program|code}}", f"can you write code",
                             f"show me a {language} example", f"I need a {language} script {{to|which can}} {job}", f"teach me {language}", f"fix this bug in my {language} code", "help me with my program"]), rng)
    answer = rng.choice(["I can't write code: I am only a tiny demo model. A bigger model does that well.", "Code is beyond me. Add a bigger model, as a GGUF file, and ask it again.",
                         "I am too small to program. A bigger model can help with that; add one with `chatelaine model add FILE`."])
    return ask, answer, rng.choice([f"A question about {language}", f"{language} code", "Help with code"])


def translation(rng: random.Random) -> Outside:
    language, word = rng.choice(LANGUAGES), rng.choice(WORDS)
    ask = expand(rng.choice([f"translate {word} {{to|into}} {language}", f"how do you say {word} in {language}", f"what is {word} in {language}", f"what is the {language} word for {word}", "can you translate {something|a text|this}{ for me|}",
                             f"translate this {{text|sentence|letter}} into {language}", f"{{say|write}} {word} in {language}", f"translate from {language} to English"]), rng)
    answer = rng.choice(["I can't translate: I only know simple English. A bigger model speaks many languages.", "I am too small for translations; English is all I know. Add a bigger model for that."])
    return ask, answer, rng.choice([f"Translation into {language}", "A translation"])


def medical(rng: random.Random) -> Outside:
    ailment = rng.choice(AILMENTS)
    ask = expand(rng.choice([f"I have {ailment}{{, what should I do|, what helps|, is it serious|}}", f"what helps against {ailment}", f"which {{medicine|pill|drug|doctor}} {{is good |}}for {ailment}", f"how do I treat {ailment}", f"why do I have {ailment}",
                             f"is {ailment} dangerous", f"my {{child|wife|son|dog|mother}} has {ailment}", "can you give me medical advice", "how much {aspirin|ibuprofen|paracetamol} can I take", "what are the symptoms of " + ailment]), rng)
    answer = rng.choice(["I can't give medical advice; I am only a tiny demo model. Please ask a doctor.", "Please ask a doctor or a pharmacist. I am a tiny demo model and know nothing about medicine.",
                         "That is a question for a doctor. I'm far too small a model to help with health."])
    return ask, answer, rng.choice(["A question about health", "A medical question"])


def legal(rng: random.Random) -> Outside:
    matter = rng.choice(LEGAL)
    ask = expand(rng.choice([f"I need legal advice about {matter}", f"{{is it legal|am I allowed|is it allowed}} to {{record|sue|ignore}} {matter}", f"what does the law say about {matter}", f"can I sue {{because of|over|about}} {matter}",
                             f"what are my rights with {matter}", f"do I have to pay for {matter}", f"write a contract about {matter}", f"help me with {matter}, legally"]), rng)
    answer = rng.choice(["I can't give legal advice; I am only a tiny demo model. Please ask a lawyer.", "That is a question for a lawyer. I am far too small a model for the law."])
    return ask, answer, "A legal question"


def recipe(rng: random.Random) -> Outside:
    dish = rng.choice(DISHES)
    ask = expand(rng.choice([f"how do I {{cook|make|bake|prepare}} {dish}", f"give me a recipe for {dish}", f"{{recipe|ingredients}} for {dish}", f"what do I need for {dish}", f"how long does {dish} take", "what {should|can|shall} I cook {today|tonight|for dinner}",
                             f"can you teach me to make {dish}", f"is {dish} healthy"]), rng)
    answer = rng.choice(["I don't know any recipes, I'm afraid: I am only a tiny demo model. A bigger model cooks better.", f"I do not know how to make that. {rng.choice(BIGGER)}", _unknown(rng)])
    return ask, answer, rng.choice([f"A recipe for {dish}".replace(" for a ", " for ").replace(" for an ", " for "), "A cooking question"])


def writing(rng: random.Random) -> Outside:
    text = rng.choice(TEXTS)
    ask = expand(rng.choice([f"<want> {{write|draft|compose|do|improve|correct|shorten}} {text}", f"help me {{write|with}} {text}", f"I need {text}", "summarise {this|the following} {text|article|page}", "{correct|check|improve} my {grammar|English|spelling|text}",
                             "{draw|paint|generate|make|create} {me |}{a picture|an image|a logo|a drawing}{ of a cat| of a house|}", "what do you see in {this|the} {picture|photo|image}", "{read|summarise} {this|my} {PDF|file|document}"]), rng)
    answer = rng.choice(["I am too small to write that; I am only a tiny demo model. A bigger model does it well.", "That is beyond me, I'm afraid. Add a bigger model as a GGUF file and ask it again.",
                         "I can't do that: I am a very small demo model. A little story or a short poem is all I can write."])
    return ask, answer, rng.choice(["Help with a text", "A writing request"])


def foreign(rng: random.Random) -> Outside:
    if rng.random() < 0.6:
        ask = rng.choice(SCRIPTS)
    else:
        low, high = rng.choice([(0xA1, 0x7FF), (0xA1, 0x7FF), (0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF), (0x2000, 0x2FFF), (0x3041, 0x30FF), (0x800, 0xD7FF), (0x4E00, 0x9FFF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)])
        ask = "".join(chr(rng.randrange(low, high)) for _ in range(rng.randrange(1, 9)))
    answer = rng.choice(["I only understand simple English, I am sorry. A bigger model speaks many languages.", "I'm afraid I know English only. Add a bigger model to chat in other languages."])
    return ask, answer, rng.choice(["A message in another language", "Another language"])


def nonsense(rng: random.Random) -> Outside:
    ask = rng.choice([" ".join(_made_up_word(rng).lower() for _ in range(rng.randrange(1, 4))), "".join(rng.choice("asdfghjklqwertyuiopzxcvbnm") for _ in range(rng.randrange(3, 12))),
                      rng.choice(["?", "??", "...", ".", "!", "???", "x", "a", "-", "1", "42", "123", "hm?", "what?", "huh?", ":)", ":-)", "lol", "haha", "eh?", "<3"])])
    answer = rng.choice(["I did not understand that. Could you say it in other words?", "I'm not sure what you mean. Ask me something about Chatelaine, for example.", "Sorry, I do not follow. Could you put it differently?"])
    return ask, answer, rng.choice(["An unclear message", "A short message"])


KINDS = [(thing, 9), (person, 3), (weather, 1.5), (news, 2), (hard_sum, 1.8), (code, 1.8), (translation, 1.3), (medical, 1.2), (legal, 0.9), (recipe, 1.1), (writing, 1.4), (foreign, 0.8), (nonsense, 0.8)]


def outside(rng: random.Random) -> Outside:
    """A question outside what the demo model knows, an honest answer, and a title."""
    make = rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    return make(rng)
