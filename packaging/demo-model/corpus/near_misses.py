"""Questions that look like ones the demo model can answer, but are not: the border of its knowledge."""
import random

from .facts import ANIMALS, CAPITALS, COLOURS
from .grammar import expand

Outside = tuple[str, str, str]
COUNTRY_ASKS = """what is the population of %|how many people live in %|what language do they speak in %|which languages are spoken in %|what is the currency of %|what money do they use in %
who is the {king|queen|president|prime minister|ruler|leader} of %|which {river|mountain|lake} is in %|what is the {longest|biggest|highest|oldest|largest|best|most famous} {river|city|mountain|building|university|lake|airport} {of|in} %
how big is %|where is %|is % a rich country|what do people eat in %|what is % famous for|when was % founded|what is the flag of %|should I travel to %|which countries border %|what is the history of %
tell me about %|what is the climate in %|how do I get to %|who was the {first|second|third|last} {king|emperor|president|ruler} of %|did % win the world cup|is % in the European Union|how old is %
what is the national dish of %|name three cities in %|what can I see in %|the anthem of %|who governs %|what is the population of the capital of %|how far is % from here""".replace("\n", "|")
ANIMAL_ASKS = """how long does % live|how fast is %|how heavy is %|how many teeth does % have|what is the Latin name of %|where does % sleep|can % swim|is % dangerous|how many eggs does % lay
how tall is %|how do I train %|how much does % cost|can I keep % at home|what do you call a group of %|is % a mammal|why does % do that|who domesticated %|what diseases does % have""".replace("\n", "|")
PLACES_WITHOUT = """Texas|California|Bavaria|Tuscany|Ontario|Zanzibar|Atlantis|Narnia|Mordor|Kazakhstan|Suriname|Fiji|Bhutan|Laos|Chad|Mali|Togo|Benin|Gabon|Oman|Qatar|Yemen|Tonga|Samoa|Belize|Guyana
Rwanda|Malawi|Zambia|Angola|Namibia|Eritrea|Moldova|Armenia|Georgia|Andorra|Monaco|Kansas|Quebec|Siberia|Catalonia|Florida|Ohio|Africa|Europe|Mars|Paraguay|Honduras|Nicaragua|Haiti""".replace("\n", "|").split("|")
STRANGE_WORDS = "democracy|purple|sandwich|gravity|music|elephant|Tuesday|philosophy|banana|computer|seven|mathematics|window|ocean|bicycle|pencil|history|sleepy|guitar|paper|river|chair".split("|")
FEATURES = """a calendar|video calls|voice calls|speech input|speech output|a voice|image generation|pictures made by the model|a Windows version|a Windows installer|a Docker image|Slack integration|a Telegram bot|WhatsApp
a plugin store|SAML|single sign-on|LDAP|two-factor authentication|passkeys|a kanban board|to-do lists|reminders|e-mail reading|a browser extension|a VS Code extension|a spreadsheet|a whiteboard|stickers|emoji reactions
group chats|video|a translation mode|a mail client|Kubernetes charts|a cluster mode|PostgreSQL|MySQL|SQLite|Redis|S3 storage|Google Drive|Dropbox|OneDrive|Notion|Jira|GitHub integration|an Alexa skill|a smart watch app
a game|payments|invoices|a phone number|SMS|a public forum|a customer support line|a chatbot for my website|web hooks|a desktop app|a fax machine|a weather widget""".replace("\n", "|").split("|")


def _unknown(rng: random.Random) -> str:
    first = rng.choice(["I do not know that. I am only a tiny demo model.", "I don't know. I am a tiny demo model and know very little.", "That is beyond me: I am a very small demo model.",
                        "I'm sorry, I do not know. I am only a tiny demo model.", "That I do not know; I am a tiny demo model."])
    return f"{first} {rng.choice(['A bigger model can be added.', 'Add a bigger model and ask it again.', 'A bigger model could help you with that.', 'With a bigger model you would get an answer.'])}"


def near_miss(rng: random.Random) -> Outside:
    kind = rng.randrange(7)
    if kind <= 1:
        country = rng.choice([rng.choice(CAPITALS)[0], rng.choice(PLACES_WITHOUT)])
        return expand(rng.choice(_split(COUNTRY_ASKS)), rng).replace("%", country), _unknown(rng), rng.choice([f"A question about {country}", f"About {country}"])
    if kind == 2:
        name = rng.choice(list(ANIMALS))
        article = "an" if name[0] in "aeiou" else "a"
        return expand(rng.choice(_split(ANIMAL_ASKS)), rng).replace("%", f"{article} {name}"), _unknown(rng), f"A question about the {name}"
    if kind == 3:
        place = rng.choice(PLACES_WITHOUT)
        ask = rng.choice([f"what is the capital of {place}", f"capital of {place}", f"tell me the capital of {place}", f"which city is the capital of {place}", f"{place}'s capital", f"what's the capital city of {place}"])
        return ask, rng.choice(["I do not know that capital. I am a tiny demo model and know only some of them.", "That capital I do not know; I only learned some of them."]), f"The capital of {place}"
    if kind == 4:
        thing = rng.choice(list(COLOURS))
        shade = COLOURS[thing]
        ask = rng.choice([f"why is {thing} {shade}", f"how come {thing} is {shade}", f"what makes {thing} {shade}", f"explain why {thing} is {shade}", f"what is {thing} made of", f"how big is {thing}", f"where does {thing} come from"])
        return ask, _unknown(rng), f"A question about {thing}"
    if kind == 5:
        word = rng.choice(STRANGE_WORDS)
        ask = rng.choice([f"what is the opposite of {word}", f"opposite of {word}", f"what rhymes with {word}", f"how do you spell {word} backwards", f"how many letters are in {word}", f"give me a synonym for {word}", f"use {word} in a sentence"])
        return ask, rng.choice([_unknown(rng), "I do not know one for that word. I am only a tiny demo model."]), f"About the word {word}"
    feature = rng.choice(FEATURES)
    ask = expand(rng.choice([f"<has {feature}>", f"<has {feature}>", f"<how> use {feature} with Chatelaine", f"when will there be {feature}", f"does Chatelaine work with {feature}"]), rng)
    answer = rng.choice(["I do not know whether Chatelaine can do that. Your administrator or the documentation will know.", "That I can't say: I am a tiny demo model and know only the basics of Chatelaine. Please look in its documentation.",
                         "I don't know of that in Chatelaine. The documentation says more than I can."])
    return ask, answer, rng.choice(["A question about a feature", "Features of Chatelaine"])


def _split(block: str) -> list[str]:
    parts, depth, word = [], 0, ""
    for letter in block:
        depth += (letter == "{") - (letter == "}")
        if letter == "|" and depth == 0:
            parts.append(word)
            word = ""
        else:
            word += letter
    return [*parts, word]
