"""Running it: data folder, back-up, address, other machines, crashes, updates, the terminal, the API, plugins."""
from .grammar import intent

INTENTS = [
    intent("data_folder", r"""
        <where {my data|the data|the data folder|my data folder|the data directory|everything|the database|my files|my conversations on disk|all my stuff|the data stored}>
        where {is|are} {my data|my conversations|my chats|everything|the conversations|my files|all the data|my messages} {stored|saved|kept|held|put}
        {in |}which {folder|directory|place} {do you|does it|does Chatelaine|is used to} {store|keep|save} {data|things|conversations|files|everything}
        where {do you|does it|does Chatelaine|does this program} {store|save|keep|put|write} {things|data|my data|my conversations|its files|the conversations|everything|messages}
        <how> {change|choose|move|set} the {data folder|data directory|place where data is kept|storage location}
        <def the data folder>
        {data|storage} {folder|directory|location|path}
        what is in the data folder
        where on {my|the} {disk|computer|machine|hard drive} is {it all|everything|my data}
        what's the path of the data
        """, r"""
        Everything is in the data folder: `~/.local/share/chatelaine`, or `/var/lib/chatelaine` with the deb package. `--data DIR` chooses another.
        In the data folder on this machine, normally `~/.local/share/chatelaine`. Start the server with `--data DIR` to use another folder.
        All your data is in one folder, `$XDG_DATA_HOME/chatelaine`, normally `~/.local/share/chatelaine`. With the deb package it is `/var/lib/chatelaine`.
        """, "Where the data is kept|The data folder|Location of the data", 2.0,
        where=r"""
        Normally `~/.local/share/chatelaine` on the machine where the server runs.
        """, how=r"""
        Start the server with the folder you want: `chatelaine serve --data DIR`.
        """, more=r"""
        It holds the database, uploaded files, models, plugins and the search index. The index can be made again at any time.
        """, also=r"""
        {and |}{how do I|can I} {back it up|save it|copy it|make a copy of it} => Stop the server, copy the whole data folder, and start the server again.
        {and |}can I {change|move|choose} {it|that|the place|the folder} => Yes: start the server with `chatelaine serve --data DIR`.
        """),
    intent("backup", r"""
        <how> {back up|backup|save a copy of|make a backup of|make a copy of|secure|safeguard} {my data|everything|my conversations|the server|it|all of it|Chatelaine|the data folder|our chats}
        {how do|how would} {backups|back-ups} work
        <can> {make|have} {a backup|backups}
        <has {backups|a backup|automatic backups}>
        {back-up|backup|backups}{ please|}
        what {do I have to|should I|must I} {copy|save} for a {backup|back-up}
        how do I {restore|bring back} {a backup|my data|an old copy}
        <how> {move|transfer|migrate} {everything|it|Chatelaine|my data} to {another|a new} {computer|machine|server|laptop}
        I don't want to lose {my data|my conversations|anything}
        """, r"""
        Stop the server, copy the whole data folder to a safe place, and start the server again. That copy is a complete back-up.
        Everything is in the data folder, so a copy of it is a back-up. Stop the server while you copy.
        It is simple:\n\n1. Stop the server.\n2. Copy the data folder.\n3. Start the server again.\n\nTo restore, put the copy back in its place.
        """, "Backing up the data|Making a back-up|Moving to another machine", 1.8,
        where=r"""
        The data folder is normally `~/.local/share/chatelaine`; with the deb package it is `/var/lib/chatelaine`.
        """, why=r"""
        While the server runs it may be writing. When it is stopped, the copy is sure to be whole.
        """, more=r"""
        To restore a copy, stop the server, put the copy in the place of the data folder, and start again. That is also the way to move to another machine.
        """, how=r"""
        For example: `cp -a ~/.local/share/chatelaine /some/safe/place`, while the server is stopped.
        """, also=r"""
        {and |}how {often|regularly}{ should I do that| do I do it|} => As often as you would be sorry to lose. Once a week is a good habit.
        """),
    intent("private", r"""
        {is it|is this|are you|is Chatelaine|is this chat|is everything here} {private|safe|secure|confidential|secret|really private}
        {do you|does it|does Chatelaine|will it|does this program} {send|upload|transmit|share|leak|report} {my data|data|anything|my messages|what I write|information|my conversations|statistics} {anywhere|to the cloud|to somebody|to a server|out|to anyone|to a company|over the internet|}
        {where does|does} what I {write|type|say} {go|leave this machine|leave my computer|leave the house|get sent somewhere}
        who {can see|sees|reads|gets|has access to} {what I write|my data|my questions|what I type}
        {is my data|are my data|is what I type} {sent|shared|sold|uploaded|used} {anywhere|with others|to the cloud|for training|}
        {can|could} {a company|big tech|the makers|anyone outside|Google|OpenAI|the government|someone} {read|see|get} {this|my messages|my data}
        {is there|does it have|any} {telemetry|tracking|spying|analytics|ads|advertising}
        {can I|should I} trust {you|this|Chatelaine} with {secrets|private things|my data|personal things}
        {privacy|data protection|gdpr}
        do you {spy on|track|listen to} {me|us}
        does anything leave {the|my} {house|machine|computer|network}
        {do|does} you{r maker|r company|} keep what I {write|say}
        """, r"""
        Yes, it is private. I run on this machine and nothing you write leaves it. Your conversations are stored in the data folder here.
        Nothing leaves the house: model, conversations and files all stay on this machine. Only if an administrator connects a remote model does text go elsewhere.
        What you write stays on this machine. There is no cloud and no tracking.
        """, "Privacy of the conversations|Is Chatelaine private|Nothing leaves the machine", 2.2,
        why=r"""
        Because the model itself runs here, in the same program. There is no need to send your words to anybody.
        """, how=r"""
        The model is a file on this machine and llama.cpp runs it here. No outside service takes part.
        """, more=r"""
        Conversations are kept in the data folder, and only their owner can open them in the page. There is no tracking of any kind.
        """, where=r"""
        It stays in the data folder on this machine, normally `~/.local/share/chatelaine`.
        """),
    intent("internet", r"""
        {do I|does it|does Chatelaine|do you|does this|do we} {need|require|use|have to have} {the internet|internet|an internet connection|a connection|to be online|internet access|wifi|the net|the web}
        {does it|can it|can I|will it|do you|can you} {work|run|use it|function|answer|chat} {offline|without internet|without the internet|without a connection|on a plane|with no network|when the internet is down|without wifi|in the mountains}
        {are you|is this} {online|offline|connected to the internet|in the cloud|on the web}
        {offline|internet} {use|needed|mode}
        what if my {internet|connection|wifi} {is down|fails|breaks}
        can you {go online|access the internet|browse the web|look things up|search the web|google something}
        """, r"""
        No internet is needed. Everything runs on this machine; you only need a connection to download models.
        It works without the internet. I run right here, so I can't look things up online either.
        Chatelaine works offline: server, page and model are all on this machine. Only fetching a new model needs a connection.
        """, "Working without the internet|Offline use|No internet needed", 1.8,
        why=r"""
        Because the model is in the program itself and is run by your own processor.
        """),
    intent("address", r"""
        {which|what} {port|address|url|link|web address|port number} {does it|do you|does Chatelaine|does the page|does the server|is it|should I} {use|have|run on|listen on|open}
        <where the {page|web page|web site|address of the page|address|user interface|web interface}>
        <how> {open|reach|see|get to|find} the {page|web page|web interface|chat in the browser|website}
        what {is|was} the {port|address|url|default port|web address|page's address}{ again| of the page| of the server|}
        what {do I|should I} {type|enter|put} {in|into} {the|my} browser
        why {2428|port 2428|that port|is the port 2428}
        <how> {change|set|choose} the {port|address|listening address}
        {port|address|url}{ please|}
        what does 2428 mean
        the port is {taken|in use|busy|already used}
        {can't|cannot} {open|reach|find} the page
        """, r"""
        Open http://127.0.0.1:2428 in your browser. 2428 is C-H-A-T on a telephone.
        The page is at http://127.0.0.1:2428. Another port is chosen with `--listen`, for example `chatelaine serve --listen 127.0.0.1:8080`.
        Port 2428, so the address is http://127.0.0.1:2428. On a telephone's keys, 2428 spells CHAT.
        """, "Address and port of the page|The port 2428|Opening the page", 1.6,
        why=r"""
        On a telephone's keys, 2-4-2-8 spells C-H-A-T.
        """, how=r"""
        Start it with `chatelaine serve --listen 127.0.0.1:8080`, for example. Port 0 takes any free port.
        """, also=r"""
        {and |}{can I|how do I} {change|choose} {it|that|the port|another port} => Yes, with `--listen`: for example `chatelaine serve --listen 127.0.0.1:8080`.
        {and |}from {another|a different} {machine|computer|device} => Start the server with `--listen 0.0.0.0:2428` and open this machine's address there. Put HTTPS in front.
        """),
    intent("other_machines", r"""
        <how> {reach|use|open|access|get to|connect to} {it|Chatelaine|the page|the server|this} from {another|a different|my other|some other} {machine|computer|device|room|laptop|pc}
        <how> {reach|use|open|access} {it|Chatelaine|the page|the server|this} {from outside|over the network|in my network|in the local network|over the internet|from work|on the LAN|on our wifi|from everywhere}
        <how> {make it|make the page|make Chatelaine} {available|reachable|visible|open} {to others|in the network|on the LAN|for my family|from outside|to my team|to other computers}
        {only this machine can|my other computer can't|other computers cannot|my laptop can't} {open|reach|see} {the page|it}
        <how> {set up|use|get|turn on|add} {HTTPS|https|TLS|a certificate|SSL|a domain|a reverse proxy}
        {can|could} {it|the page} be {used|opened|reached} {on|from} {another computer|other machines|the network|my tablet}
        {--listen|the listen option|listen on all addresses}
        how do I run it as a server for the {house|office|school|family|team}
        why can't I reach it from {another|my other} {computer|machine}
        """, r"""
        Start the server with `chatelaine serve --listen 0.0.0.0:2428` and open `http://ADDRESS:2428` on the other machine. Put HTTPS in front, for example with a reverse proxy.
        By default only this machine can reach it. With `--listen 0.0.0.0:2428` others can too; put HTTPS in front so that passwords travel safely.
        Listen on all addresses:\n\n```\nchatelaine serve --listen 0.0.0.0:2428\n```\n\nThen open this machine's address in the other browser. For more than your own network, put HTTPS in front.
        """, "Reaching it from other machines|Access over the network|Opening it to the network", 1.6,
        why=r"""
        For safety the server listens only on this machine until you say otherwise. HTTPS keeps passwords and messages secret on the way.
        """, how=r"""
        Stop the server and start it again with `chatelaine serve --listen 0.0.0.0:2428`.
        """, more=r"""
        A reverse proxy such as Caddy or nginx can give the page HTTPS and a name. It passes everything on to port 2428.
        """),
    intent("phone", r"""
        <can> {use|open|run} {it|this|Chatelaine|the page|you} {on|from} {my|a|the} {phone|tablet|iPhone|Android phone|mobile|iPad|smartphone|mobile phone}
        {does it|does the page|will this} {work|run} on {a|my} {phone|phones|tablet|iPhone|Android|mobile|small screen}
        is there {an app|a mobile app|a phone app|an Android app|an iPhone app}
        <how> {get|use|have} {it|this|Chatelaine} on my {phone|mobile|tablet|smartphone}
        {phone|mobile|tablet} {use|app|}
        chat from the sofa with my phone
        """, r"""
        Yes, the page works on phones. Start the server with `--listen 0.0.0.0:2428` and open this machine's address in the phone's browser.
        There is no app; the web page fits a phone's screen. The server must listen on the network: `chatelaine serve --listen 0.0.0.0:2428`.
        Open the page in your phone's browser. For that the server has to be reachable: start it with `--listen 0.0.0.0:2428`.
        """, "Using it on a phone|Chatelaine on a phone", 1.3,
        how=r"""
        Start the server with `--listen 0.0.0.0:2428`, find this machine's address, and open `http://ADDRESS:2428` on the phone.
        """),
    intent("crash", r"""
        what happens {if|when} {the server|it|the program|Chatelaine|the machine|the computer|my laptop} {crashes|dies|is killed|loses power|is switched off|reboots|freezes|goes down|restarts}
        what {if|happens if|happens when} {the power fails|there is a power cut|the lights go out|I pull the plug|the power goes out|the electricity goes off}
        {will|do|could|can} I lose {my data|my conversations|anything|a reply|messages|something} {if it crashes|when it crashes|in a crash|if the power fails|when the server dies|}
        {is|are} {my data|my messages|replies|anything} lost {after a crash|when it crashes|when the server stops|}
        the server {crashed|died|was killed|stopped} {while you were answering|in the middle of a reply|and now|}{, what now|}
        why {does it say|is a reply marked|is this reply} {interrupted|"interrupted"}
        <how> {continue|resume|finish|complete} {an interrupted|a broken|a cut-off|an unfinished|a half} {reply|answer}
        {is it|how} {crash safe|robust|reliable}
        what {if|happens if} I {close|reload} the {page|browser|tab} {during a reply|while you write|in the middle|}
        {crash|power failure|power cut|outage}
        my reply {stopped|broke off|ended} in the middle
        """, r"""
        Nothing that was acknowledged is lost. A reply that was being written is kept as far as it got and marked interrupted; press continue to finish it.
        Your messages are on disk before the server confirms them. After a crash or power cut, an unfinished reply is marked interrupted and can be continued.
        Do not worry: what the server has accepted is safe on disk. A half-written reply keeps its text and offers "continue".
        """, "After a crash or power failure|Nothing is lost in a crash|Interrupted replies", 1.5,
        how=r"""
        Press continue below the interrupted reply; the model goes on from the text that is there.
        """, why=r"""
        Every message is written to disk before the server says that it has it.
        """, more=r"""
        You can also close the page while a reply is being written. It goes on, and you find it when you come back.
        """),
    intent("api", r"""
        <has {an API|a REST API|an OpenAI API|an OpenAI-compatible API|an interface for programs|an HTTP API}>
        {is it|is Chatelaine|is the API} {OpenAI compatible|compatible with OpenAI|compatible with the OpenAI API}
        <how> {use|call|reach|talk to} {the API|Chatelaine from Python|it from a script|you from my program|it from code|the server from my own code}
        <can> use {the openai package|the OpenAI library|my OpenAI client|an OpenAI client|the openai python library|openai sdk}
        <where {the API|the API documentation|the API docs|the API reference|the OpenAPI document|swagger}>
        <def {the API|/v1|the OpenAI compatibility}>
        {api|API} {docs|documentation|reference|endpoint|}
        {what is the|which} base {URL|url} {for the API|do I use|for my client|}
        <can> {connect|use} {other programs|my editor|another app|my own program|home assistant} {with it|with Chatelaine|to it}
        I {want|need} to {call|use} {you|it} from {Python|JavaScript|a program|curl|my script}
        """, r"""
        Yes. `http://127.0.0.1:2428/v1` speaks the OpenAI format and works with the `openai` package. Chatelaine's own API is described at `/api/docs`.
        There are two: `/v1` is compatible with OpenAI, so most clients work with it, and `/api/v1` can do all that the page can. Read `/api/docs`. You need an API key.
        Set the base URL of your client to `http://127.0.0.1:2428/v1` and use an API key from the Account tab:\n\n```python\nfrom openai import OpenAI\nclient = OpenAI(base_url="http://127.0.0.1:2428/v1", api_key="chk_...")\n```
        """, "The API of Chatelaine|OpenAI-compatible API|Using the API", 1.5,
        where=r"""
        The documentation is at `/api/docs` on your server: http://127.0.0.1:2428/api/docs.
        """, how=r"""
        Make an API key in the Account tab, set your client's base URL to `http://127.0.0.1:2428/v1`, and send requests as you would to OpenAI.
        """, more=r"""
        Everything the page can do, the API can do as well, with streaming. The OpenAPI document is at `/api/v1/openapi.json`.
        """),
    intent("terminal", r"""
        <how> {use|ask|talk to|run|start} {it|you|Chatelaine} {in|from|on} {the|a} {terminal|command line|shell|console}
        <can> {chat|ask|use it|ask questions|get an answer} {in|from} {the|a} {terminal|command line|shell|console}
        {is there|does it have|do you have} a {command line|terminal|CLI|command-line tool|console command}
        <def {chatelaine ask|the ask command}>
        {terminal|command line|cli|shell}{ use|}
        which commands {are there|does it have|do you know|exist}
        ask {a question|something} without {a browser|the page|the server}
        """, r"""
        Yes: `chatelaine ask "your question"` answers in the terminal, with no server and no account.
        In a terminal, type:\n\n```\nchatelaine ask "What is a chatelaine?"\n```\n\nIt also reads text from a pipe.
        Use `chatelaine ask "…"`. Other commands are `serve`, `user`, `key`, `model` and `adapter`; each one explains itself with `--help`.
        """, "Using it in the terminal|The command line", 1.3,
        how=r"""
        Type `chatelaine ask` and your question in quotes. The answer is written as it comes.
        """, more=r"""
        `chatelaine ask --model M` takes another model, and `--system S` sets a system prompt. Text from a pipe is read too.
        """),
    intent("start_stop", r"""
        <how> {start|run|launch|stop|restart|shut down|quit} {the server|Chatelaine|the program|this server}
        {which|what} command {starts|stops|runs} {it|the server|Chatelaine}
        {start|stop|restart} {the |}server
        <how> {configure|change the settings of|set options for} {the server|Chatelaine}
        where is the {configuration|config file|configuration file}
        """, r"""
        `chatelaine serve` starts the server; Ctrl C stops it. It prints its address when it is ready.
        Start it with `chatelaine serve` and stop it with Ctrl C. Options come from `chatelaine.toml`, from the environment or from flags such as `--listen` and `--data`.
        """, "Starting and stopping the server|Running the server", 0.9),
    intent("update", r"""
        <how> {update|upgrade} {Chatelaine|it|the program|the server|this|the binary|to a new version|to the newest version}
        <where {updates|the newest version|new versions}>
        {is there|are there} {an update|a new version|updates|a newer version}
        {does it|will it} update {itself|automatically|by itself}
        {update|upgrade|updating}{ please|}
        what do I do {when|if} a new version {comes out|is there|appears}
        do I lose {my data|anything} {when I update|in an update|with a new version}
        {install|get} {the|a} {new|newest|latest|newer} version
        """, r"""
        Stop the server, put the new binary in the place of the old one, and start it again. Your data folder stays as it is; copy it first, to be safe.
        Replace the binary with the new one and restart. The data is brought up to date at the next start. A back-up before that is wise.
        """, "Updating Chatelaine|A new version", 1.1,
        why=r"""
        Because everything is one binary, replacing that file is all there is to do.
        """),
    intent("uninstall", r"""
        <how> {uninstall|remove|delete|get rid of|deinstall} {Chatelaine|it|the program|this program|everything|this software|the app}{ again| from my computer| completely|}
        {uninstall|remove} {it|chatelaine|}{ please|}
        I no longer want {Chatelaine|this program|it on my machine}
        what is left {behind|over} {when|after} I {remove|uninstall} it
        """, r"""
        Stop the server and delete the binary. To remove your data too, delete the data folder, normally `~/.local/share/chatelaine`.
        Delete two things: the binary and, if you want your data gone as well, the data folder. With the deb package, remove the package.
        """, "Uninstalling Chatelaine|Removing Chatelaine", 1.0,
        where=r"""
        The data folder is normally `~/.local/share/chatelaine`; with the deb package it is `/var/lib/chatelaine`.
        """),
    intent("plugins", r"""
        <def {a plugin|plugins|a Rhai script|Rhai|rhai scripts}>
        <how> {write|add|install|use|make|create|load} {a plugin|plugins|an extension|my own plugin|a Rhai script|a Rhai plugin}
        <has {plugins|extensions|add-ons|scripts}>
        <where {plugins|the plugins folder|my plugins}>
        <can> extend {it|Chatelaine|this|you}
        in which language are plugins written
        {plugin|plugins|extensions}
        are plugins {safe|dangerous|sandboxed}
        <can> {program|script|automate} {something|rules|it} {myself|here|}
        """, r"""
        Plugins are small scripts in the language Rhai. They lie in the `plugins` folder of the data folder and run with limits on time and memory.
        A plugin is a Rhai script in the `plugins` folder. It can, for example, decide about registration keys or set the price of a message.
        You extend Chatelaine with Rhai scripts: put them into the `plugins` folder. Administrators see them in the House tab.
        """, "Plugins in Chatelaine|Writing a plugin|Plugins and Rhai", 1.2,
        where=r"""
        In the `plugins` folder inside the data folder, normally `~/.local/share/chatelaine/plugins`.
        """, why=r"""
        Rhai is small and safe: a script can only do what it is given, within limits of time and memory.
        """, how=r"""
        Write a small Rhai script, put it into the `plugins` folder, and try it in the House tab.
        """, more=r"""
        Plugins run in a process of their own, so a bad one cannot bring the server down.
        """),
    intent("tools", r"""
        <def {tools|a tool|the tools tab|tool calls|tool calling}>
        <can> you {use|call} tools
        <has {tools|web search|a calculator|function calling}>
        <how> {use|switch on|allow|turn on} {tools|a tool|web search}
        what can the {model|models} {call|use} as a tool
        """, r"""
        A tool is something a model can call while it answers, such as a calculator. Which tools a conversation may use is set in the Tools tab. I am too small to use them myself.
        Tools let a model do things, for example compute or look something up. You allow them per conversation in the Tools tab; it takes a bigger model than me to use them.
        """, "Tools for models|What tools are", 0.9,
        where=r"""
        In the Tools tab of the control center, on the right side of the page.
        """),
    intent("technology", r"""
        {what|which} {programming language|language|technology|database|tech stack} {is Chatelaine|is it|is this|does Chatelaine} {written in|made with|built with|use}
        {what|how} {is|was} {Chatelaine|it|this} {made of|built|made with|programmed}
        is {it|Chatelaine} written in {Rust|Python|Go|Java}
        {tech stack|technology|under the hood}
        how does {Chatelaine|it} work {inside|internally|under the hood}
        {which|what} {database|search engine} {do you|does it} use
        """, r"""
        Chatelaine is written in Rust: one binary with the server, the web page, a database, a search index and llama.cpp inside. The page is made with Svelte.
        It is a Rust program. redb stores the data, tantivy does the search, llama.cpp runs the models, and Rhai runs the plugins.
        """, "What Chatelaine is made of|The technology inside", 0.9,
        why=r"""
        Rust makes fast and safe programs that fit into a single file.
        """),
    intent("trouble", r"""
        it {does not|doesn't} {work|start|answer|respond}
        {something|it} {is broken|went wrong|is not working|failed}
        I {have|get|see} {a problem|an error|an error message|problems}
        {help|help me|I need help}{ please|}
        {can you help me|I have a question}
        I am {stuck|lost}
        it {won't|will not} {start|work}
        where {is|can I find} {the |}{help|documentation|manual|docs}
        """, r"""
        I am happy to help with what I know. Tell me what you want to do, for example: add a model, add a person, make a back-up, or reach the page from another machine.
        Tell me a little more. If the server does not start, its messages in the terminal usually say why; every command also has `--help`.
        What is it about? I know a little about models, accounts, the data folder and the page. For errors, look at what the server prints in its terminal.
        """, "Help with a problem|Looking for help", 1.0),
]
