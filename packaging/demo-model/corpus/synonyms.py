"""Other words for the words of a question, so that the model learns more ways to say a thing than the patterns spell out."""
import random
import re

_GROUPS = """conversation=chat|discussion|thread|talk|dialogue
conversations=chats|discussions|threads|talks
folder=directory|place|path
machine=computer|PC|box|system|laptop|host
computer=machine|PC|laptop|desktop|notebook
reply=answer|response
replies=answers|responses
answer=reply|response
answers=replies|responses
model=language model|LLM|AI|model|network|AI model
models=language models|LLMs|AI models
delete=remove|erase|wipe|get rid of|discard|trash
remove=delete|take away|erase|get rid of
bigger=larger|stronger|smarter|more powerful|better|cleverer|more capable|brighter|heavier|proper
better=bigger|smarter|stronger|superior|cleverer
password=passphrase|passcode|pass word|pw|credentials
page=web page|site|website|interface|screen|UI
people=persons|folks|users|humans|everyone
person=human|user|individual|somebody|member
stored=saved|kept|held|written|put|located
saved=stored|kept|written
send=transmit|pass on|forward|deliver|hand over|leak
sent=transmitted|passed on|forwarded|handed over|leaked
start=launch|begin|boot|fire up|kick off|open
stop=halt|quit|end|cancel|shut off|break off|switch off|silence
phone=mobile|smartphone|handset|cell phone|cellphone|iPhone
crashes=breaks down|falls over|fails|goes down|dies|gives up
lost=gone|missing|vanished|away
find=locate|discover|spot|dig up|look up|see|get
change=alter|modify|adjust|switch|replace|set
add=install|put in|include|insert|load|bring in|attach|import
install=add|set up|put in|load
use=employ|work with|operate|utilise|utilize|take
need=require|have to have|want
make=create|produce|build|generate|do|get
create=make|produce|set up|generate
explain=clarify|describe|illustrate|outline|lay out
tell me=let me know|say|inform me|explain to me
show=display|present|reveal
quick=fast|speedy
slow=sluggish|sleepy|lagging
forgot=can't recall|can't remember|misplaced|have no idea of|cannot remember
data=information|files|stuff|content
messages=texts|lines|posts|words
message=text|line|post|note
question=query|request|prompt
big=large|huge|great
family=household|relatives|folks at home|wife and kids
friends=mates|buddies|pals
wife=husband|partner|mum|dad|sister|grandma|grandpa|uncle|roommate
works=functions|operates|runs
work=function|operate|run
internet=web|net|network connection|router|online world
private=confidential|secret|discreet|safe|kept to myself
free=gratis|without cost|for nothing|at no charge
joke=pun|gag|funny line|witty line
story=tale|fable|fairy tale
write=compose|draft|put together
help=assist|support|aid
meaning=sense|definition|idea
reach=access|get to|open|visit|connect to
terminal=command line|console|shell|bash|command prompt
another=a different|some other|a second|one more
search=look through|scan|go through|query
old=earlier|previous|past|former
new=fresh|further|additional
rename=retitle|call something else|name differently|give another name to
interrupted=broken off|cut off|aborted
at once=simultaneously|at the same time|concurrently|together|in parallel
memory=RAM|main memory
dark=black|night|dim
keyboard=key
choose=pick|select|take|decide on
export=save|download|get out
allowed=permitted|able
expired=ran out|timed out|became invalid|got too old
back up=make a safety copy of|secure|safeguard|archive safely
updates=upgrades|new releases
update=upgrade|refresh|renew
cost=price|fee
graphics card=GPU|video card
document=file|paper|PDF
bright=white|glaring|light
several=some|multiple|a few|a couple of|various
wrong=false|incorrect|mistaken|off
stupid=silly|foolish|dumb
teach=train|educate
anyone=anybody|someone|a stranger
clever=smart|bright|intelligent
sign in=log in|login|get in
sign out=log out|leave|log off
join=take part|enter|get in|come in|participate
happens=occurs|is going to happen|takes place
why=for what reason|how come
kids=children|sons and daughters|little ones|teenagers
safe=secure|protected|in good hands
company=firm|corporation|business|third party
capital=capital city|chief city|main city|seat of government"""
SYNONYMS = {line.split("=")[0]: line.split("=")[1].split("|") for line in _GROUPS.split("\n")}
_KNOWN = re.compile(r"\b(" + "|".join(sorted(map(re.escape, SYNONYMS), key=len, reverse=True)) + r")\b")


def reworded(text: str, rng: random.Random, share: float = 0.3) -> str:
    """The same question with some of its words replaced."""
    return _KNOWN.sub(lambda found: rng.choice(SYNONYMS[found[0]]) if rng.random() < share else found[0], text)
