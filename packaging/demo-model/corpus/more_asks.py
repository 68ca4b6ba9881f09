"""Further ways to ask for the same things: whole situations, half sentences and roundabout questions."""
from .grammar import lines

_BLOCKS = r"""
[add_model]
{you are|this one is|the demo is} {nice|fine|cute} but I want {the real thing|more power|a grown-up model|something that knows more}
I {copied|saved|put} {a model|llama.gguf|mistral.gguf|a file} {into Downloads|on my desktop|somewhere}, {how does Chatelaine see it|how do I make it known|and then}
{how does|how would} a {second|stronger|new} {brain|model} get {in|into this|installed|into the program}
what has to happen {so that|before} {you know more|I get better answers|a big model answers}
{give|get} {yourself|you} {a better brain|an upgrade|more knowledge}
{is there|do you have} {something|anything} {stronger|bigger|better} than you
{can|could} {you|this} be {replaced|upgraded|improved|made smarter|swapped}
where {should|must} the .gguf {go|be placed|be saved|end up}
{the|my} download is finished, it is a {big|huge|5 GB} file {called model.gguf|ending in gguf|}, {next|what next|what to do}
I'd rather {chat with|have|use} {Llama|Qwen|Mistral|Gemma|something serious}
[find_models]
{who|what website} {provides|publishes|gives} {weights|models|gguf files|them}{ for download|}
{I|we} {have no|lack a} model {yet|at all}, where {from|do they come from|shall we look}
{link|address|website} for {models|downloads|gguf files}
{are|is} there a {shop|store|library|catalogue|collection} {of|for|with} {models|weights}
{which|what} internet page {has|offers} {language models|models to download|such files}
[choose_model]
{the|my} {new|big} model {is there|is installed|was added}, but {you still answer|the demo still answers|I don't see how to use it}
{where|how} do I {tell it|say} which {model|brain} {to use|should answer}
{let|make} {another|the other|the big} model {answer|reply|take over}
I want to {leave|stop using} {you|the demo model} and {use|talk to} the {big|other} one
[gguf]
the file {ends in|has the ending|is called something} .gguf{, what is that|, what does it mean|}
{is|are} a {model|model file} and a {GGUF|gguf} the same{ thing|}
{what's|what is} {in|inside|special about} {one of those|these|such} {gguf|GGUF} {files|things}
which {ending|extension|type} must a model file have
[adapter]
{what is|what's} the {use|purpose|point|benefit} of {an adapter|a LoRA|adapters|lora files}
{change|give} the {style|tone|way of speaking} of a model {without replacing it|with a small file|}
{I|we} {have|made|trained} a {LoRA|lora|lora file|adapter}{, how does it go in|, what now|, can I use it|}
is a LoRA {a model|something like a plugin|an add-on}
[fine_tuning]
could {I|we} {feed|give} you {our|my} {texts|documents|data} {to learn from|for training|so that you know them}
will you {know|remember} {this|me|my name} {next time|tomorrow|in another conversation}
is it possible to {specialise|adapt|retrain} {you|a model}
make you {an expert in|learn} {my subject|our rules|my style}
[hardware]
{can|will} my {old|small|ten year old|cheap|8 GB|16 GB} {laptop|computer|notebook|machine} {handle|manage|cope with|run} {this|it|a big model|a larger model}
I {have|own|bought} {8|16|32|64} {GB|gigs|gigabytes} {of RAM|of memory|RAM}{, does that do|, is it enough|, what can I run|, is that plenty|}
{is|are} {4|8|16|32|64} {GB|gigabytes} {RAM|of RAM|of memory} {plenty|too little|okay|sufficient|a lot}
what {should|must} {a|the} {server|computer} {have|bring|be like}
do I have to buy {a new computer|more RAM|better hardware|a server}
[gpu]
{does|will} {my|a|the} {Nvidia|AMD|RTX|Radeon|GeForce|Intel} {card|graphics card|GPU|chip} {help|matter|be used|do anything|speed it up|make it faster|make a difference}
{is|are} {CUDA|Vulkan|Metal|ROCm} {used|built in|possible|of use}
only the {processor|CPU} is {busy|used|working}, not the {graphics card|GPU}
run {models|it} on {the graphics card|my video card|a GPU instead of the CPU}
{does it|can it} make use of {my|a} {gaming pc|gaming card|M2 Mac|Mac}
[slow]
{a|each|every} {reply|answer|word} takes {a minute|minutes|so much time|an eternity}
{can|could} {it|this} go {faster|quicker|a bit faster}
{I am|we are} waiting {too long|forever} for {replies|an answer}
[temperature]
{what happens|what changes} {when|if} I {raise|lower|increase|turn up|turn down|move|change} the temperature
{is|does} a {high|low} temperature {good|better|mean more creativity|bad}
{the|this} {slider|number|setting} {called|named} {temperature|top-p|min-p}, what is it
answers are {too random|always the same|too boring|too wild}
[context]
how {far back|much of this chat} {can you see|do you remember|do you know}
you {forgot|have forgotten|don't remember|lost} what {I said|we talked about|was at the beginning}
is there a {limit|maximum} {to|for} {the length of a conversation|how long we can talk|my text|what you can read}
{what|how much} fits into {your head|your memory|the context}
[add_user]
{my|our} {grandma|daughter|flatmate|colleague|pupils|neighbour|mother|son|friend|sister} {wants|would like|would love|wishes} to {chat|use it|join|take part|try it} {too|as well|also|}{, how|, how does she get in|, what do I do|}
{we|they} need {more|two more|ten|separate|own} accounts
how does {a|the} {second|third|next} person get {an account|in|access|a login}
{I am|I'm} the admin and {want|need} to {let others in|open it for my team|give my wife access}
{make|set up} {a login|accounts|an account} for {my kids|my colleague|everyone|each pupil}
may {anybody|anyone|strangers} {register|sign up|create an account}
[registration_key]
{what purpose|which purpose|what use} {does|has} {a|the} registration key {serve|have|}
{somebody|my friend|he|she} {needs|was asked for} a key to {sign up|register|join}
{the|a} {form|page} {wants|asks for|requires} a {registration|sign-up} key
{ten|thirty|20} keys for my {class|team|pupils}, how
{how can I|I want to} hand out {invitations|invites|sign-up codes}
{are|can} registration keys be {used|shared} {twice|several times|by many people|more than once}
[setup_link]
{I|we} {just|have just} {started|launched|installed} {it|the server|Chatelaine} {for the first time|}{, what now|, what next|, and now|}
{no|there is no} {administrator|admin|account} {yet|exists}, how do I {make one|begin|get one}
the {terminal|console} {shows|printed|says} {a link|Set up|a setup address}{, what is it for|}
how {do I|can I} get my very first {account|login}
[lost_setup_link]
the {first|first-time|initial|set-up} link {ran out|is over|is dead|was too old|no longer works|stopped working|is no longer valid} {before I clicked it|before I used it|already|}
I {was too slow|waited too long|came too late} for the {set-up|setup|first} link
{print|show|give} {me |}the {set-up|setup} link {again|once more|a second time}
thirty minutes {are over|have passed}, the set-up link {fails|is refused}
[forgot_password]
{I have|I've got} no {idea|clue} what my password {is|was}
{it|the page} {says|tells me} {wrong password|my password is wrong|that the password is not right}
my password {slipped my mind|is not in my head any more|won't come back to me}
{a|one} {person|user|child|pupil} {can't|cannot} {get in|sign in|log in} {any longer|any more|because of the password}
I can't {recall|remember} my {password|login|passphrase} {any longer|any more|at all|}
[change_password]
somebody {saw|knows} my password
{my|the} password is too {weak|old|simple|short}
I'd like to {pick|set|have} another password
[sign_out]
{leave|get out of|close} my account {on this computer|here|}
I used {a friend's computer|the library computer} and am still {logged in|signed in}
[api_key]
{authenticate|log in} {a script|my program|a bot|from code}
{what|which} {token|secret|key} goes into the {header|Authorization header|client}
how does my {script|program|app} {prove who it is|sign in|log in}
[allowance]
{my kids|the pupils|users|some people} {write|chat|use it} too much
is there a {limit|cap|budget} {per person|for each user|on messages|on use}
{it refuses|the page refuses} my message because of {tokens|my balance|the allowance}
{give|hand} {my son|a user|someone} more tokens
[administrator]
who is {in charge|the boss|responsible} here
{what|which} {rights|powers} {does|has} {an admin|the administrator}{ have|}
I {want|need} {more rights|admin rights|to be admin|administrator rights}
[many_users]
{are|would} {several|two|five|ten|many|all} of us {able|allowed} to {chat|write|use it} {with it |}{at once|simultaneously|at the same time|in parallel|together}
{does|will} it {slow down|break|queue} when {everyone|the whole class|my family|two of us} {writes|chats|uses it}{ at once|}
{we are|our family is} {five|six|thirty} people, {can all use it|does that work|is that too many}
does {everyone|each person|everybody} have to have {their|an} own {copy|server|installation}
[privacy_between_users]
{can|could|will} {my|the} {kids|wife|boss|teacher|brother} {see|read|open} {my|what I wrote in} {chats|conversations|messages}
{is|are} {what I write|my chats} {hidden|secret|invisible} {from|to} {the others|my family|other users}
[data_folder]
{in|on} which {folder|part|place} of {my|the} {disk|hard disk|computer|drive} {do|does|are|is} {my chats|my messages|everything|it all|the conversations} {end up|land|go|kept|stored}
{where|in which place} {do|does} {my|all the} {chats|messages|conversations|files|data} {go|end up|land|live|get saved}
{I want|I'd like} {another disk|a different folder|an external drive} for the data
{how|where} can I look at the {files|database} {of Chatelaine|on disk|}
{what|which} {path|folder} {holds|contains} {it all|everything|the chats|the messages}
[backup]
how {would|do|could|can} I keep a {safety copy|second copy|spare copy|copy} of {all this|everything|our chats|it|my data|the data}
{my|the} {disk|laptop|computer} may {break|die|fail} {one day|soon|}, how do I {prepare|protect my chats|keep my chats}
{protect|safeguard|preserve} {our|my} {chats|data|conversations} {against loss|for later|}
I {got|bought} a new {computer|laptop|server} and want to {take everything with me|move Chatelaine there|bring my chats}
[private]
{do|will|does} {my words|what I write|my texts|our chats|anything I say} {ever |}{get sent|go|get passed on|be given|leak} {to|out to} {some company|the internet|anybody|America|third parties|somebody else|a company}
is {somebody|someone|anyone|big brother} {listening|reading along|watching}
{I am|I'm} {afraid|worried|concerned} {about|for} my {privacy|data|secrets}
{can|may|could} I {tell|entrust} you {a secret|something private|something personal|my secrets}
does {any|some} company {earn|make money} with my {data|chats}
{who|which company} {owns|collects|stores} my {words|data|messages}
what {stays|remains} {in the house|on this machine}
[internet]
{would|do|will} you {still |}{answer|work|run|talk} {if|when} I {unplug|unplugged|switch off|turn off|pull} {the router|the network cable|the wifi|the internet}
{the|our} {line|network|wifi|router} is {down|dead|broken}, {can we still chat|does it matter|do you work}
{in|on} {a cabin|a train|a plane|a boat|an island} without {internet|a network|reception}
is {a|any} {connection|line} to {the world|outside|the internet|a server} {needed|required|necessary}
do you {phone home|talk to a server|call home|need a server somewhere}
[address]
{what|which} {number|figure} {comes|stands|is} after the colon{ in the address| in the browser| of the page|}
{I|we} {closed|lost} the {tab|page|browser}, {how do I get back|what was the address|where is it}
{where|in which place} does the {server|page} {listen|answer|live}
{the browser|my browser} {shows nothing|finds nothing|says not found}, what {address|link} is right
another {program|server} uses {the same port|port 2428|2428}
[other_machines]
{my|the} {wife's|other|kids'|living room|second} {laptop|computer|PC|machine} {should|shall|wants to} {use|open|reach|see} {it|the page|Chatelaine} too
{open|serve|share} the page {to|for|in} the {whole house|office|network|local network|school}
{it|the page} {only works|works only|opens only} on {this|the server} machine
{put|run} it on {a home server|a server in the cellar|a small box} and {use|open} it {everywhere|from all computers}
[phone]
{I'd like|I want|we want} to {open|have|see|use} {the page|it|Chatelaine} on {the|my} {tablet|phone|iPad|mobile|kitchen tablet}{ in the kitchen| in bed| on the sofa|}
{from|in} {bed|the garden|the kitchen|the sofa} with my {phone|tablet|mobile}
{does|is} {the page|it} {fit|good on|made for} {a small screen|small screens|a telephone|touch screens}
[crash]
{suppose|imagine|say} the {electricity|power|computer|server|machine} {goes out|fails|dies|stops|breaks} while you {are writing|write|answer}{, is the answer gone|, what then|, is it lost|}
{is|would} {the|my} {answer|reply|text|conversation} {gone|lost|destroyed} {after|when|if} {a power cut|a crash|the battery is empty|the machine restarts}
{the|my} battery {was|is} empty {in the middle of|during} {an answer|a reply}
{half|only half} of the {answer|reply} {is there|came}, then {it crashed|the power went}
how {safe|secure} is {a|my} message {once it is sent|after sending}
[stop_reply]
you {are rambling|ramble|go on and on|talk too much|never stop|keep writing}{ on and on|}, {how do I shut that off|how do I stop you|how to end it|stop}
{I|we} {don't need|do not want} the rest of {the answer|this reply}
{enough|that's enough|quiet|hush|halt}{ now|}
{which|what} {key|button} {ends|stops|cancels} {the|a} {answer|reply}
[regenerate]
I want {a fresh|a second|another|one more} {attempt|try|go|version} {at|of} {that|the last|this} {reply|answer}{, which button|}
{can|could} you {say|answer} {it|that} {differently|once more|in another way}
{roll|throw} the dice again
[conversation_list]
{how can I|I want to} call {a conversation|this chat|it} something else
{my|the} list {is|gets} {too long|full|messy|a mess}
{the|this} {title|name} {is|does not|doesn't} {wrong|fit|silly|stupid}
{put|keep} {an important chat|this one|a conversation} {first|at the top|where I find it}
{hide|put away} {old|finished} {chats|conversations}
[delete_conversation]
{I want|make} {a|this|that} {chat|conversation} {gone|to disappear|to vanish}
nobody should {see|find} {this|that} {chat|conversation} {any more|again}, {delete it|how}
[search]
{last|some} {week|month|year} {I|we} {chatted|talked|wrote} about {bees|the garden|a recipe|taxes|holidays}{, how do I find that|, how do I dig that up|, where is it|}
{I know|I remember} {I|we} {asked|wrote|discussed} {this|that|something} {before|once}, {where is it|how do I find it}
{find|look for} {one|a} {word|sentence|name} in {all|hundreds of} {chats|conversations}
[theme]
{the|this} {white|bright} {background|page|screen|light} {hurts|blinds|bothers|dazzles} {my eyes|me}{ at night| in the evening|}
{can|could} {the page|it} be {dark|darker|black|less bright|light}
I {prefer|like|want} {dark|black|light} {pages|screens|colours|backgrounds}
[shortcuts]
{I|we} {hate|dislike|don't like} {the mouse|clicking}
{how|which keys} to {work|be} faster with the keyboard
[api]
{is|can|could} my {Python|JavaScript|own|Java|home-made} {program|script|app|code|bot} {able to |}{talk|speak|connect} to {this|it|you|Chatelaine}
{connect|hook up|plug in} {my editor|VS Code|a script|my own app|another program}
{does|will} {curl|an OpenAI client|the openai package|langchain} work {with it|here|}
{build|write} {my own|a} {client|app|front end} {for it|on top of it}
{what|which} {URL|endpoint|base url} {do|should} {programs|clients|developers} use
[terminal]
how do I ask {something|a question|you} {straight|directly|right} from {bash|the shell|the console|a terminal|the command line}
{I|we} {prefer|like|live in} {the terminal|the console|the shell|bash}
{no|without a} {browser|page|mouse}, {just|only} {text|the console|the command line}
{pipe|send} {a file|text} {into|to} {it|the model|chatelaine}
[update]
{my|this} version is {old|out of date|from last year}
{a|the} {newer|new} {release|version} {is out|came out|exists}{, what do I do|, how do I get it|}
[uninstall]
{I am|I'm} {done with|finished with|leaving} {this program|Chatelaine}, how do I clean up
{take|get} {it|everything} off my {computer|disk|machine}
[plugins]
{can|could} {I|we|a programmer} {add|write} {own|my own|new} {features|functions|rules|code}
{how|where} do I {customise|extend|tweak} {it|Chatelaine|the rules}
a script that {decides|checks} {who may register|registration keys|prices}
[licence]
{what|how much} {is|would be} the {price|cost|fee} {of|for} {all this|this|it|Chatelaine|everything}
{may|can} {my|our} {company|school|firm|club} use {it|this} {for free|without paying|}
do {they|you} want {money|my money|a fee}
under {which|what} {terms|conditions|licence} {is it given away|may I use it}
[name_meaning]
why {the|that|this|such a} {funny|strange|odd|French|old|unusual|long} {French |}name
{the name|that word|Chatelaine} {sounds|is} {French|funny|strange|old}{, why|, what is it|}
{explain|tell me about|what's the story of} {the|your|its} name
who came up with the name
[who_are_you]
so what exactly {would|is|are} {this|you|that} {little |}{assistant|thing|robot|helper|fellow}{ be|}
{whom|who} do I have the {pleasure|honour} {to meet|of talking to|with}
{are you|is this} the {demo|small|built-in} {model|one|thing}
{state|give me|say} your {name|identity}
{what|who} is {answering|replying|speaking} {here|now|me}
[chatelaine]
in {one|a|two} {sentence|sentences|word|few words}: {what is|why would a family want|why use|what does one do with} {Chatelaine|this|it}
why would {a family|a school|anyone|a team|somebody|my company} {want|need|use|install} {Chatelaine|this}
{somebody|a friend|my son} installed {Chatelaine|this} here, what is it
{is|so} {Chatelaine|this|it} {a kind of|something like|like} {ChatGPT|a chat program|a chatbot|a website}{ for home|}
{sum it up|the short version|the idea in short}
[abilities]
{are you|would you be} {able|allowed} to {do anything|do much|help me|do something useful}
what {is it that you|things can you} {can do|know|do}
{where|with what} are you {of use|useful|helpful}
[bad_answers]
{your|these} {replies|answers} are {rather |very |quite |}{weak|thin|poor|short|odd|silly}
{hmm|well|sorry|no}, {that makes no sense|that is not true|that is wrong|you misunderstood me}
I {asked|meant|wanted} something {else|different}
you {know|can do} {nothing|very little|next to nothing}
[how_are_you]
{hey you|hey|hello you|hi}, {everything|all} {alright|okay|good|well|fine}
{are you|you} {alright|ok|doing okay|good}
{tell me |}how {you are|you feel|it goes}
{did you|have you} {sleep|slept} well
[hello]
{hi|hello|hey} {you|little one|everyone|folks|buddy|mate|sir|old friend}
{knock knock|hello world|salut|aloha|ahoy|moin|hi hi}
[thanks]
{thx|thanks|thank you|ty} {a bunch|a million|a ton|for that|for the help|for everything|for explaining|loads|again|anyway|dear}
{that|this} {was|is} {all I needed|what I wanted|just what I needed|very kind}
[bye]
{until|till} {next time|later|then|tomorrow|soon}
{laters|over and out|so I'm going|gotta go|goodnight|I'll be back|see you around|that was it}
"""

MORE_ASKS: dict[str, list[str]] = {}
for _block in _BLOCKS.strip().split("\n["):
    _name, _, _text = _block.lstrip("[").partition("]")
    MORE_ASKS[_name] = lines(_text)
