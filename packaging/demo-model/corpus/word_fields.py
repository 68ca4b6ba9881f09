"""Word fields: for each intent the verbs, things and circumstances that belong to it, combined into questions.

One line is `intent; verbs; things; circumstances`. The frames below put them together, so that a new wording of a
known wish still meets words that the model has seen in that sense.
"""
import random

_FIELDS = r"""
add_model; get|put in|bring in|install|add|mount|fetch|plug in|move to|upgrade to|feed it|hook up|supply|provide; a stronger model|a bigger brain|a more capable model|a proper LLM|a serious language model|Mistral|a Llama file|Qwen|a GGUF|my .gguf file|a big AI|an 8B model|my own weights|a smarter assistant; |into Chatelaine|into this program|to fix your lack of knowledge|because you know so little|so that it knows more|on this machine|from my disk|from the download folder
find_models; fetch|download|obtain|get hold of|find|come by|grab|pick up|look for; open weights|model files|GGUF files|free models|language models|LLM files|good models|weights; |from which site|on the web|online|on which website|from where|somewhere|legally|for free
which_model; choose|recommend|suggest|decide on|settle for|propose; the right model|a suitable model|a model size|a good model for beginners|something that fits; |for my hardware|for a family|for eight gigabytes|for schoolwork|to begin with
choose_model; pick|select|switch to|use|activate|change to|talk with; the newly added model|another installed model|the big one|a model for this chat|the other model; |above the conversation|in this conversation|instead of the demo|now
gguf; explain|describe|clarify|understand|know|open; the GGUF format|a gguf|.gguf files|the model file format|that file type; |in simple terms|please|as I am new
adapter; explain|clarify|attach|load|apply|combine|use|upload|describe; LoRA files|an adapter|a LoRA|several adapters|a fine-tuned adapter|low-rank adapters; |to a model|in a chat|with a scale|that a colleague mentioned|for a different style
fine_tuning; train|teach|fine-tune|school|adapt|specialise|retrain; a model|you|an adapter of my own|the assistant|it; |on my letters|with my own documents|on our data|with examples|here at home
hardware; cope with|handle|manage|run|carry|bear; a decent model|a big model|a larger LLM|this program|a useful model|it well; |on a laptop with 8 gigs|with 16 GB|on an old PC|on a mini computer|with little memory|on a cheap machine|without a fast processor
gpu; use|employ|exploit|work with|put to work|benefit from|detect; my Radeon|my GeForce|the Nvidia card|a graphics chip|the GPU|my gaming card|CUDA cores|an Apple chip; |for speed|for the model|at all|too
slow; speed up|accelerate|hasten|make faster; the answers|the replies|the model|text output|everything; |as it is a snail|because it crawls|since it takes ages
temperature; set|raise|lower|turn|tune|fiddle with|adjust|play with|understand; the temperature|top-p|the temperature slider|the sampling knobs|the randomness|the creativity setting|min-p; |for poems|for facts|and why|of a model
token; count|explain|understand|define; tokens|a token|these tokens; |in a text|in a model|roughly
context; know|extend|see|exceed|understand; the context|the context window|how much you remember|the length limit|your short memory; |of this chat|of the model|in words
system_prompt; set|write|give|define; standing instructions|a system prompt|general orders|a role for the model; |for one chat|for the whole conversation
remote; connect|attach|link|add; an OpenAI account|a cloud model|a hosted model|a model on another server|an external provider; |as well|to Chatelaine
add_user; give|make|set up|provide|arrange|create|open; a login for my flatmate|an account for my sister|access for the neighbours|accounts for our pupils|her own login|a second account|a place for a colleague|entry for a newcomer; |on this server|in our house|so that they can chat|at once
add_user; let in|invite|welcome|admit|sign up|enrol|register; my flatmate|a newcomer|our children|the whole class|my parents|a new colleague|guests|the neighbours; |to Chatelaine|to our server|to chat here
registration_key; get|use|make|hand out|understand|explain|need|produce|enter; a registration key|registration keys|an invite code|the code for signing up|a key for newcomers|a joining code; |that somebody handed me|for a class|that expires|with a limit|for a friend
setup_link; begin|get going with|start out with|carry out|do|finish; the first run|the set-up|the initial setup|the first sign in|the admin account; |after the first start|from zero|as the owner
lost_setup_link; renew|get again|recover|reprint|replace|refresh; the stale set-up link|the expired admin link|the set-up link|the link for the first admin|the old setup address; |because it is no longer valid|as the time is over|since it is outdated|after half an hour
forgot_password; recover|reset|restore|replace|renew|regain; a forgotten password|access to my account|the login secret|a lost passphrase|my uncle's password|the credentials of a pupil; |that nobody remembers|that he no longer knows|because it slipped my mind|as I can't get in
change_password; change|renew|swap|update; my password|my login secret|my passphrase; |for safety|from time to time|in my account
sign_out; leave|log off from|quit|close; my account|my session|this session|the page; |on a shared computer|for today|safely
api_key; make|create|issue|get|renew|withdraw; an API key|a secret for a script|a token for programs|a key for my code; |in my account|for the API
allowance; limit|cap|restrict|raise|see|refill|check; my tokens|what each person uses|the token balance|the usage of the kids|my budget|the quota; |per month|for a user|in total
administrator; become|appoint|ask|promote somebody to|find; an administrator|the admin|the admin of this server|somebody with more rights; |here|in our house
many_users; chat|write|work|talk to it|ask things; at the same time as my sister|while others chat|in parallel with colleagues|together with the class|without waiting for the others|when somebody else is busy here; |or must I wait|or do I have to hold back|or is it blocked|without problems
privacy_between_users; hide|keep private|protect|conceal; my chats from the others|my messages from my brother|what I write from other users|my conversations from colleagues; |on this server|here
data_folder; find|see|locate|open|move|look at; the files on disk|the place where it writes our chats|the storage path|the data directory|the folder with everything|where it saves what we say|the database file; |on this computer|on the hard disk|under Linux
backup; rescue|save|copy|preserve|secure|back up|keep a copy of|bring to safety|clone; our chats|everything|the whole installation|the data|all conversations|the server's files|my history; |before I reinstall the machine|before a new disk|in case of fire|every week|on a USB stick|to another disk|for a new computer
private; spy on|read|overhear|peek at|listen to|watch|collect|see|record|intercept; what we discuss|our conversations|my words|what I type|our secrets|what is said here|my messages|these chats; |from outside|as a company|as the makers|over the internet|secretly|in the cloud
internet; answer|chat|reply|work|go on|run|function; during an outage|when the provider has an outage|without a signal|without the web|while the line is dead|in a place without network|when we are offline|with the cable pulled; |today|as well|still|at all
address; know|get|open|type|find|be reminded of|see; the URL|the address for the browser|the web address|the link to the page|the port number|the address of this page; |again|once more|by heart|on this machine
other_machines; reach|open|see|enter|use; the page from the office|it from my second computer|the server across the network|Chatelaine from upstairs|the chat from another room; |with https|at home|safely
phone; open|pull up|see|use|have|load; the page on my Android|it on the iPhone|the chat on a tablet|Chatelaine on my handset|this on a small screen; |in the garden|on the train|when I am in bed
crash; lose|rescue|get back|recover|finish; the half-written answer|my text|a reply that froze|the answer after the PC froze|what was written before the blackout|the conversation after a hang; |when the machine hangs|after a power cut|when the fuse blows|because the computer froze halfway
stop_reply; stop|quit|end|halt|silence|cut off|cancel|make you stop; your writing|the flow of text|a long answer|your reply|the endless answer|you; |with a key|half way|at once|before the end
regenerate; get|produce|have|try|request|see|give; an alternative answer|a second version|another attempt|a different reply|a new variant|one more try|another take; |as I am not satisfied|since this one is poor|to the same question|because I don't like it
edit_message; correct|rephrase|alter|mend|reword; what I sent|my last question|a slip in my message|an earlier question; |afterwards|after sending
conversation_list; rename|retitle|reorder|pin|archive|label|group; this chat with a nicer heading|the heading of a chat|a conversation|the caption on the left|old talks|my list of chats|the subject line; |on the left|to keep order|because it has a silly name
delete_conversation; delete|destroy|wipe|scrap|bin; this chat|a talk|the whole history|an embarrassing conversation; |for good|for ever|quickly
new_conversation; open|begin|start; a blank chat|another topic|a fresh page|a clean conversation; |now|at the top
search; find|track down|look up|search for|hunt for|spot|get back to; the chat about the holiday|something we spoke about in June|an old remark|where we talked about cakes|a word from last spring|which chat it was|that discussion about the car; |among many chats|from months ago|again|in my history
theme; get|have|choose|switch on|offer|select|set; a black design|a dark look|dark colours|a night view|another colour scheme|a dim page|a light design; |for the evening|in the page|because it dazzles
shortcuts; learn|see|use|know|list; the key combinations|the quick keys|the keyboard shortcuts|hotkeys; |of the page|without a mouse
control_center; open|find|see; the settings|the options panel|the sidebar on the right|preferences; |of the page|here
files; attach|upload|drop|hand you|send; a scan|a PDF|my photos|a spreadsheet|a document; |to a message|into the chat|for reading
share; share|publish|pass on|show; a chat with a friend|this conversation by link|a talk with colleagues; |to read|for a while
export; export|download|save|print out|import; a chat as a file|my conversations|this talk as Markdown|my ChatGPT archive; |to keep|as text
api; talk to|call|address|use|query|integrate|program against|connect to; this server with the openai module|it from node|Chatelaine from my own app|the server from code|the API with an npm package|it with the OpenAI SDK|the HTTP interface|/v1 from a web app; |in TypeScript|with curl|as a developer|for our website
terminal; ask|query|call|use|run|reach; you from a shell script|it on the command line|Chatelaine in a console|you without a browser|the model from a terminal window|you in bash; |directly|with one command|for a quick question
update; get|install|move to|apply; the newest release|an update|version two|a later version|the latest build; |without losing data|safely
uninstall; get rid of|remove|uninstall|wipe; Chatelaine|the whole program|this software|all traces of it; |for good|from my disk
plugins; write|extend it with|add|build|try; a plugin|a small script|my own rules|a Rhai extension|custom behaviour; |for Chatelaine|in the plugins folder
licence; pay|expect|owe|buy|spend on; any fees|a subscription|money for it|a licence|something each month|charges|costs|anything for this; |later|as a company|at some point|or is it gratis
name_meaning; explain|translate|understand|know; the word chatelaine|this odd word|what is behind the name|the origin of the name|such an odd name; |please|as it sounds French
who_are_you; know|find out|learn; with what I am having this conversation|who I have in front of me|who is on the other side|what you call yourself|your name|what sort of being you are; |first|as I am curious
chatelaine; give me|tell me|summarise|explain|describe|outline|present; the gist of Chatelaine|the essence of this program|what Chatelaine is about|the main idea of Chatelaine|this project|Chatelaine; |for my parents|for a newcomer|in a nutshell|in two lines|to my grandmother|for beginners
abilities; know|see|hear|learn; what you are capable of|your skills|what I may expect of you|what you are made for; |first|before I start
bad_answers; improve|explain|mend|understand; your poor answers|this wrong reply|such silly answers|why you are so weak; |please|today
install; install|set up|deploy|get running; Chatelaine|the binary|the server|this on a home server; |on Linux|at home|from scratch
update; learn of|find; a new version|updates; |of Chatelaine
"""
FIELDS: dict[str, list[tuple[list[str], list[str], list[str]]]] = {}
for _line in _FIELDS.strip().split("\n"):
    _name, _verbs, _things, _around = (part.strip() for part in _line.split(";"))
    FIELDS.setdefault(_name, []).append((_verbs.split("|"), _things.split("|"), _around.split("|")))

WHO = """I|we|my uncle|Uncle Bob|my sister|our neighbour|a pupil|the kids|my dad|Aunt Mary|a colleague|someone|the whole team|people|my boss|one|my grandfather|everybody|a guest|our teacher
your makers|a stranger|the company|a friend of mine|the users|others|Tom|Lisa""".replace("\n", "|").split("|")
FRAMES = """how do I V T A|how can I V T A|how could W V T A|is there some way to V T A|is there any chance to V T A|could W V T A|can W V T A|W wants to V T A|W would like to V T A|I'd love to V T A|V T A
I have to V T A|what does it take to V T A|which button do I press to V T A|what lets me V T A|what helps to V T A|T A|T|about T A|a question about T A|tell me how to V T A|would W be able to V T A|what do I need to V T A
do I have to V T A|must W V T A|it would be good to V T A|I am trying to V T A but fail|W can't V T A|W has no idea how to V T A|I was told to V T A|why would I V T A|when would I V T A|where do I go to V T A
does it let W V T A|suppose W wants to V T A|the best way to V T A|are we able to V T A|please V T A|I can't manage to V T A|I need a hint to V T A|who can V T A|what if W wants to V T A|Not sure how to V T A
A, how do I V T|so, V T A or not|may W V T A|should I V T A|will W V T A|is it hard to V T A|might W V T A|quickly: V T A|to V T A, what must I do|W asked me to V T A|let me V T A|let W V T A""".replace("\n", "|").split("|")


def from_field(name: str, rng: random.Random) -> str:
    """A question put together from an intent's word field."""
    verbs, things, around = rng.choice(FIELDS[name])
    frame = rng.choice(FRAMES)
    parts = {"V": rng.choice(verbs), "T": rng.choice(things), "A": rng.choice(around), "W": rng.choice(WHO)}
    words = " ".join(parts.get(word, parts.get(word.rstrip(","), "") + "," if word.rstrip(",") in parts else word) for word in frame.split(" "))
    return " ".join(words.split()).strip(" ,")
