"""Simple facts: capitals, colours, animals, opposites, small sums, counting, days and months."""
import random

from .grammar import expand

_CAPITALS = """France Paris|Germany Berlin|Italy Rome|Spain Madrid|Portugal Lisbon|Austria Vienna|Switzerland Bern|Poland Warsaw|Norway Oslo
Sweden Stockholm|Finland Helsinki|Denmark Copenhagen|Iceland Reykjavik|Ireland Dublin|Greece Athens|Turkey Ankara|Russia Moscow|Ukraine Kyiv
Hungary Budapest|Romania Bucharest|Bulgaria Sofia|Croatia Zagreb|Serbia Belgrade|Belgium Brussels|Netherlands Amsterdam|Luxembourg Luxembourg
Egypt Cairo|Kenya Nairobi|Nigeria Abuja|Ghana Accra|Morocco Rabat|Tunisia Tunis|Ethiopia Addis_Ababa|Senegal Dakar|Uganda Kampala
Japan Tokyo|China Beijing|India New_Delhi|Thailand Bangkok|Vietnam Hanoi|Indonesia Jakarta|Nepal Kathmandu|Mongolia Ulaanbaatar
Iran Tehran|Iraq Baghdad|Jordan Amman|Lebanon Beirut|Syria Damascus|Pakistan Islamabad|South_Korea Seoul
Canada Ottawa|Mexico Mexico_City|Cuba Havana|Brazil Brasilia|Argentina Buenos_Aires|Chile Santiago|Peru Lima|Colombia Bogota|Ecuador Quito
Uruguay Montevideo|Venezuela Caracas|Bolivia Sucre|Jamaica Kingston|Panama Panama_City|Australia Canberra|New_Zealand Wellington
England London|Scotland Edinburgh|Wales Cardiff|the_United_Kingdom London|the_United_States Washington|the_USA Washington|the_Czech_Republic Prague
Slovakia Bratislava|Slovenia Ljubljana|Estonia Tallinn|Latvia Riga|Lithuania Vilnius|Malta Valletta|Cyprus Nicosia|Albania Tirana"""
CAPITALS = [tuple(word.replace("_", " ") for word in pair.split()) for line in _CAPITALS.split("\n") for pair in line.split("|")]
COLOURS = dict(pair.rsplit(" ", 1) for pair in """the sky blue|grass green|snow white|coal black|blood red|a banana yellow|an orange orange|the sea blue
a lemon yellow|a tomato red|milk white|chocolate brown|a leaf green|the sun yellow|an elephant grey|a flamingo pink|a raven black|a frog green
a carrot orange|a cherry red|a strawberry red|brass golden|an olive green|a polar bear white|a plum purple|a violet purple|sand yellow|a brick red
a swan white|salt white|a pea green|a canary yellow|wood brown|the night black|a cloud white|a lobster red""".replace("\n", "|").split("|"))
# animal: what it is like, what it eats, its young, its sound, its legs
ANIMALS = {row.split(",")[0]: row.split(",")[1:] for row in """cat,soft and quiet,meat and fish,kitten,says miaow,4
dog,loyal,meat,puppy,barks,4
horse,fast and strong,hay and grass,foal,neighs,4
cow,calm,grass,calf,says moo,4
sheep,gentle,grass,lamb,says baa,4
goat,nimble,grass and leaves,kid,bleats,4
pig,clever,almost everything,piglet,grunts,4
rabbit,shy and soft,grass and carrots,kit,is very quiet,4
mouse,tiny and quick,seeds and grain,pup,squeaks,4
bear,big and strong,berries and fish and honey,cub,growls,4
wolf,wild and clever,meat,cub,howls,4
fox,clever,mice and berries,cub,barks,4
lion,big and proud,meat,cub,roars,4
tiger,strong and striped,meat,cub,roars,4
elephant,the largest animal on land,grass and leaves,calf,trumpets,4
giraffe,very tall,leaves,calf,is very quiet,4
monkey,playful,fruit and leaves,infant,chatters,4
duck,cheerful,plants and insects,duckling,quacks,2
hen,busy,grain and worms,chick,clucks,2
owl,awake at night,mice,owlet,hoots,2
bird,light,seeds and insects,chick,sings,2
penguin,a bird that swims,fish,chick,trumpets,2
swan,white and proud,water plants,cygnet,hisses,2
frog,green and wet,insects,tadpole,croaks,4
fish,quiet,plants and small animals,fry,is quite silent,0
whale,the largest animal of all,small sea animals,calf,sings,0
dolphin,playful and clever,fish,calf,clicks and whistles,0
snake,long and without legs,small animals,snakelet,hisses,0
spider,a careful weaver,insects,spiderling,is quite silent,8
bee,busy,nectar and pollen,larva,hums,6
ant,small and strong,almost everything,larva,is quite silent,6
butterfly,light and colourful,nectar,caterpillar,is quite silent,6
hedgehog,prickly,insects and worms,hoglet,snuffles,4
donkey,patient,hay and grass,foal,brays,4
camel,used to the desert,dry plants,calf,grunts,4
kangaroo,a great jumper,grass,joey,is mostly quiet,2
squirrel,quick,nuts,kit,chatters,4
eagle,strong and sharp-eyed,small animals,eaglet,screams,2
crow,very clever,almost everything,chick,caws,2
tortoise,slow and old,leaves,hatchling,is quite silent,4""".split("\n")}
OPPOSITES = [pair.split() for pair in """big small|hot cold|up down|left right|day night|good bad|old young|fast slow|long short|light dark|happy sad
rich poor|full empty|open closed|high low|near far|strong weak|wet dry|loud quiet|early late|hard soft|clean dirty|first last|black white
true false|thick thin|heavy light|sweet sour|north south|east west|summer winter|begin end|buy sell|come go|give take|love hate|win lose
push pull|laugh cry|inside outside|above below|always never|easy difficult|cheap expensive|wide narrow|alive dead|friend enemy|question answer
public private|yes no|new old|warm cool|deep shallow|brave afraid|smooth rough|same different|start stop|ask answer""".replace("\n", "|").split("|")]
NUMBERS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
           "nineteen twenty").split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
FIXED = [line.split("=") for line in """how many days {are in|does} a week{ have|}=A week has seven days.=Days in a week
how many months {are in|does} a year{ have|}=A year has twelve months.=Months in a year
how many hours {are in|does} a day{ have|}=A day has twenty-four hours.=Hours in a day
how many minutes {are in|does} an hour{ have|}=An hour has sixty minutes.=Minutes in an hour
how many seconds {are in|does} a minute{ have|}=A minute has sixty seconds.=Seconds in a minute
how many days {are in|does} a year{ have|}=A year has 365 days, and a leap year 366.=Days in a year
how many weeks {are in|does} a year{ have|}=A year has fifty-two weeks.=Weeks in a year
{name|tell me|list|what are} the {seasons|four seasons}{ of the year|}=Spring, summer, autumn and winter.=The four seasons
how many seasons are there=There are four: spring, summer, autumn and winter.=The four seasons
{name|tell me|list|what are} the {days of the week|days|weekdays}=Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday.=The days of the week
{name|tell me|list|what are} the {months|twelve months}{ of the year|}=January, February, March, April, May, June, July, August, September, October, November and December.=The twelve months
{what|which} {colour|color} do {blue and yellow|yellow and blue} {make|give}=Blue and yellow make green.=Mixing colours
{what|which} {colour|color} do {red and yellow|yellow and red} {make|give}=Red and yellow make orange.=Mixing colours
{what|which} {colour|color} do {blue and red|red and blue} {make|give}=Red and blue make purple.=Mixing colours
{what|which} {colour|color} do {black and white|white and black} {make|give}=Black and white make grey.=Mixing colours
how many sides does a triangle have=A triangle has three sides.=Sides of a triangle
how many {sides|corners} does a square have=A square has four.=Sides of a square
how many letters {are in|does} the alphabet{ have|}=The English alphabet has twenty-six letters.=Letters of the alphabet
{say|tell me|what is|recite} the alphabet=A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z.=The alphabet
{name|tell me|list|what are} {some |three |a few |the |}{colours|colors}=Red, yellow, blue, green, orange, purple, brown, black and white.=Some colours
{name|tell me|list|give me} {some |three |a few |}animals=A cat, a horse, an owl, a bear and a whale.=Some animals
what is the {largest|biggest} animal{ on earth|}=The whale is the largest animal of all.=The largest animal
what is the {largest|biggest} planet=Jupiter is the largest planet.=The largest planet
{what|which} planet do we live on=We live on the Earth.=Our planet
{does|is} the earth {turn around the sun|round}=Yes. The Earth is round and turns around the sun once a year.=The Earth and the sun
what is the capital of {the world|the moon|the sea}=It has no capital.=No such capital
what do {bees|the bees} make=Bees make honey.=Bees and honey
where does milk come from=Milk comes from cows, and from goats and sheep too.=Where milk comes from
how many legs does a {human|person|man} have=Two.=Two legs
{what|which} season comes after winter=Spring comes after winter.=The seasons
{what|which} season comes after summer=Autumn comes after summer.=The seasons
{what|which} season comes after spring=Summer comes after spring.=The seasons
{what|which} season comes after autumn=Winter comes after autumn.=The seasons
how many {eyes|legs} does a spider have=A spider has eight.=About spiders
how many fingers {do I have|does a hand have|are on a hand}=A hand has five fingers.=Five fingers
what do plants need{ to grow|}=Plants need light, water and earth.=What plants need
is water wet=Yes, water is wet.=Water
at what temperature does water {freeze|turn to ice}=Water freezes at 0 degrees Celsius.=When water freezes
at what temperature does water boil=Water boils at 100 degrees Celsius.=When water boils""".split("\n")]

Fact = tuple[str, str, str]


def _say(rng: random.Random, *patterns: str) -> str:
    return expand(rng.choice(patterns), rng)


def capital(rng: random.Random) -> Fact:
    country, city = rng.choice(CAPITALS)
    plain = country.removeprefix("the ")
    title = f"The capital of {country}"
    if rng.random() < 0.2 and country not in ("the USA", "England"):
        ask = _say(rng, f"{{which|what}} country has the capital {city}", f"{city} is the capital of {{what|which country}}",
                   f"{{what|which}} country is {city} the capital of", f"{city} is the capital of which {{country|land}}",
                   f"of {{which|what}} country is {city} the capital")
        return ask, f"{city} is the capital of {country}.", title
    ask = _say(rng, f"{{what is|what's|whats|tell me|name|give me|do you know|which is|what was}} the capital {{city |}}of {country}", f"capital of {plain}",
               f"{country}'s capital", f"{{which|what}} {{city|town}} is the capital of {country}", f"{plain} capital",
               f"the capital of {country} is {{what|which city|called what}}", f"what is {country}'s capital{{ city|}}", f"{{and |what about |how about |}}{country}",
               f"what is the capital city in {country}", f"where does the government of {country} sit", f"what do they call the capital of {country}",
               f"I forgot the capital of {country}", f"which city governs {country}", f"{country} has which capital",
               f"{country} is {{governed|ruled|run}} from {{which|what}} {{city|town|place}}", f"from {{which|what}} {{city|town}} is {country} {{governed|ruled}}",
               f"the {{main|chief|leading}} city of {country}", f"{{where|in which city}} does the {{parliament|government|president}} of {country} {{meet|sit|work}}",
               f"{{can|could}} you {{name|tell me}} {country}'s capital", f"which town is {country}'s {{capital|seat of government|main city}}", f"for school: {country}, its capital")
    if city == "Washington":
        return ask, f"The capital of {country} is Washington, D.C.", title
    return ask, _say(rng, f"The capital of {country} is {city}.", f"The capital of {country} is {city}.", f"That is {city}."), title


def colour(rng: random.Random) -> Fact:
    thing, shade = rng.choice(list(COLOURS.items()))
    word = rng.choice(["colour", "color"])
    ask = _say(rng, f"{{what|which}} {word} is {thing}", f"{{what|which}} {word} does {thing} have", f"what is the {word} of {thing}",
               f"{{name|tell me}} the {word} of {thing}", f"{thing} {{is|has}} {{what|which}} {word}", f"what {word} would you say {thing} is",
               f"describe the {word} of {thing}", f"do you know {{what|which}} {word} {thing} is", f"is {thing} {shade}", f"{word} of {thing}",
               f"how does {thing} look, what {word}", f"if I paint {thing}, which {word} do I take", f"in {{what|which}} {word} do we see {thing}")
    if ask.startswith("is "):
        return ask, f"Yes, {thing} is {shade}.", f"The colour of {thing}"
    return ask, f"{thing[0].upper()}{thing[1:]} is {shade}.", f"The colour of {thing}"


def animal(rng: random.Random) -> Fact:
    name = rng.choice(list(ANIMALS))
    trait, food, young, sound, legs = ANIMALS[name]
    a = "an" if name[0] in "aeiou" else "a"
    big = f"{a.capitalize()} {name}"
    many = {"mouse": "mice", "sheep": "sheep", "fish": "fish", "wolf": "wolves", "goose": "geese", "fox": "foxes", "butterfly": "butterflies",
            "monkey": "monkeys", "donkey": "donkeys"}.get(name, name + "s")
    kind = rng.randrange(5)
    if kind == 0:
        ask = _say(rng, f"what {{does|do}} {a} {name} eat", f"what do {many} {{eat|like to eat|feed on|live on}}", f"what should I feed {a} {name}",
                   f"{{food|favourite food}} of {a} {name}", f"{many} eat what", f"tell me what {many} eat", f"what does {a} {name} like to eat")
        return ask, f"{big} eats {food}.", f"What {many} eat"
    if kind == 1:
        ask = _say(rng, f"what is {a} {{baby|young}} {name} called", f"what {{do you|do we}} call a baby {name}", f"what is the name for a young {name}",
                   f"how do you call the {{young|baby|child}} of {a} {name}", f"baby {name} name", f"the {{child|young}} of {a} {name} is called what")
        article = "an" if young[0] in "aeio" else "a"
        return ask, f"A young {name} is called {article} {young}.", f"Young {many}"
    if kind == 2:
        ask = _say(rng, f"what {{sound|noise}} does {a} {name} make", f"what does {a} {name} say", f"how does {a} {name} sound", f"what do {many} say",
                   f"which {{sound|noise}} do {many} make", f"{{make|do}} the sound of {a} {name}", f"what does the {name} say")
        return ask, f"{big} {sound}.", f"The sound of {a} {name}"
    if kind == 3:
        ask = _say(rng, f"how many legs {{does|has}} {a} {name} have", f"how many legs do {many} have", f"{{number|count}} of legs of {a} {name}",
                   f"{many} have how many legs", f"legs of {a} {name}")
        count = {"0": "no legs", "2": "two legs", "4": "four legs", "6": "six legs", "8": "eight legs"}[legs]
        return ask, f"{big} has {count}.", f"Legs of {a} {name}"
    ask = _say(rng, f"{{tell me|say something|what do you know|do you know something|talk|what can you tell me}} about {{{a} {name}|{many}|the {name}}}", f"describe {a} {name}",
               f"what is {a} {name}", f"what {{is|are}} {many} like", f"{many}", f"a few words about {many}")
    be = trait if trait.startswith(("the ", "a ")) else f"{trait}"
    return ask, f"{big} is {be}. It eats {food}.", f"About {many}"


def opposite(rng: random.Random) -> Fact:
    pair = rng.choice(OPPOSITES)
    word, other = pair if rng.random() < 0.8 or pair[1] in ("light", "old", "answer") else pair[::-1]
    ask = _say(rng, f"what is the opposite of {word}", f"{{tell me|name|give me}} the opposite of {word}", f"opposite of {word}", f"what's the contrary of {word}",
               f"{word} is the opposite of what", f"which word means the opposite of {word}", f"what is the reverse of {word}",
               f"the opposite of {word} is", f"do you know the opposite of {word}", f"I need a word that is the opposite of {word}", f"antonym of {word}")
    return ask, f"The opposite of {word} is {other}.", f"The opposite of {word}"


def small_sum(rng: random.Random) -> Fact:
    a = rng.randrange(0, 21)
    b = rng.randrange(0, 21 - a)
    minus = rng.random() < 0.3
    if minus:
        a, b = a + b, b
    words = rng.random() < 0.25
    x, y = (NUMBERS[a], NUMBERS[b]) if words else (str(a), str(b))
    result = a - b if minus else a + b
    if minus:
        ask = _say(rng, f"{{what is|what's|whats|how much is|calculate|work out|tell me|compute||}} {x} {{minus|less|-|take away}} {y}", f"take {y} {{away |}}from {x}",
                   f"{{subtract}} {y} from {x}", f"{x}-{y}", f"what is left of {x} when you take away {y}", f"{x} - {y} =", f"I have {x} {{eggs|coins|apples}} and {{lose|eat|give away}} {y}, how many are left", f"{x} without {y}", f"the difference between {x} and {y}")
        answer = f"{x} minus {y} is {NUMBERS[result] if words else result}."
    else:
        ask = _say(rng, f"{{what is|what's|whats|how much is|calculate|work out|tell me|compute||can you do|what does}} {x} {{plus|and|+|plus|added to}} {y}", f"add {x} {{and|to}} {y}",
                   f"what do {x} and {y} {{make|give|add up to}}", f"{x}+{y}", f"the sum of {x} and {y}", f"what is the sum of {x} and {y}", f"{x} + {y} =",
                   f"I have {x} apples and get {y} more, how many {{apples |}}do I have", f"if you add {y} to {x}, what do you get", f"how many are {x} and {y} together",
                   f"{x} and {y} {{added together |together |added |in all |}}{{make|makes|give|is|are|equal}}{{ what| how many|}}", f"{{put|join}} {x} and {y} together, {{how many|what do I get}}",
                   f"{x} {{eggs|coins|books|cats}} and {y} {{more|others|extra}} {{make|are}} how many", f"if I have {{got |}}{x} and {{add|get}} {y}, {{how many|what}} is {{that|it}}",
                   f"what number is {x} more than {y}", f"total of {x} and {y}", f"{x} increased by {y}")
        answer = f"{x} plus {y} is {NUMBERS[result] if words else result}."
    title = f"{'Subtracting' if minus else 'Adding'} {x} and {y}" if not minus else f"{x.capitalize()} minus {y}"
    return ask, answer[0].upper() + answer[1:], title


def counting(rng: random.Random) -> Fact:
    n = rng.randrange(3, 21)
    name = rng.choice([str(n), NUMBERS[n]])
    if rng.random() < 0.25:
        ask = _say(rng, f"count {{backwards|back|down}} from {name}{{ to one|}}", f"{{do a |}}countdown from {name}", f"count from {name} {{down |}}to 1")
        return ask, ", ".join(str(i) for i in range(n, 0, -1)) + ".", f"Counting down from {name}"
    ask = _say(rng, f"<want> count {{up |}}to {name}", f"count from {{1|one}} to {name}", f"{{list|say|write|give me}} the numbers {{from {{1|one}} |up |}}to {name}",
               f"let me hear you count to {name}", f"counting to {name}", f"numbers from one to {name}")
    return ask, ", ".join(str(i) for i in range(1, n + 1)) + ".", f"Counting to {name}"


def calendar(rng: random.Random) -> Fact:
    names, what = (DAYS, "day") if rng.random() < 0.5 else (MONTHS, "month")
    i = rng.randrange(len(names))
    after, before = names[(i + 1) % len(names)], names[i - 1]
    if rng.random() < 0.6:
        ask = _say(rng, f"{{which|what}} {what} {{comes|is}} after {names[i]}", f"what comes after {names[i]}", f"the {what} after {names[i]}", f"after {names[i]} comes what",
                   f"what {what} follows {names[i]}", f"if today is {names[i]}, what is tomorrow" if what == "day" else f"what is the next month after {names[i]}")
        return ask, f"After {names[i]} comes {after}.", f"The {what} after {names[i]}"
    ask = _say(rng, f"{{which|what}} {what} {{comes|is}} before {names[i]}", f"what comes before {names[i]}", f"the {what} before {names[i]}",
               f"{{which|what}} {what} goes before {names[i]}",
               f"if today is {names[i]}, what was yesterday" if what == "day" else f"what is the previous month before {names[i]}")
    return ask, f"Before {names[i]} comes {before}.", f"The {what} before {names[i]}"


def fixed(rng: random.Random) -> Fact:
    ask, answer, title = rng.choice(FIXED)
    return expand(ask, rng), answer, title


def same_again(title: str, rng: random.Random) -> Fact | None:
    """A short follow-up that only names the next thing: "and of Finland?" after a capital."""
    if title.startswith("The capital of"):
        country, city = rng.choice(CAPITALS)
        ask = _say(rng, f"and {{of |for |in |}}{country}", f"{{and |}}what about {country}", f"{{and |}}how about {country}", f"and {country}'s", f"and that of {country}", f"{country}")
        return ask, f"The capital of {country} is {'Washington, D.C.' if city == 'Washington' else city + '.'}", f"The capital of {country}"
    if title.startswith("The opposite of"):
        word, other = rng.choice(OPPOSITES)
        return _say(rng, f"and {{of |}}{word}", f"what about {word}", f"{word}", f"and the opposite of {word}"), f"The opposite of {word} is {other}.", title
    if title.startswith("The colour of"):
        thing, shade = rng.choice(list(COLOURS.items()))
        return _say(rng, f"and {thing}", f"what about {thing}", f"and {{of |}}{thing}"), f"{thing[0].upper()}{thing[1:]} is {shade}.", title
    return None


KINDS = [(capital, 5), (colour, 1.5), (animal, 2), (opposite, 2), (small_sum, 6), (counting, 1.2), (calendar, 1.5), (fixed, 1.5)]


def fact(rng: random.Random) -> Fact:
    """A question about a simple fact, its answer, and a title."""
    make = rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    return make(rng)
