"""Models: adding, finding, choosing, adapters, memory, graphics cards, sampling."""
from .grammar import intent

INTENTS = [
    intent("add_model", r"""
        <how> {add|install|load|use|get|set up|put in|bring in|import} {a|another|a new|my own|some other} {bigger |larger |better |smarter |stronger |different |real |proper |}model
        <how> {add|install|load|use} {bigger|larger|better|smarter|other|more} models
        <how> {switch|change|move|upgrade|swap} to a {bigger|better|larger|smarter|stronger|different} {model|one|brain}
        <how> {replace|swap out|get rid of} {you|this tiny model|the demo model|the small one} {for|with|by} {something|a model that is} {bigger|better|smarter|more capable}
        <how> {make you|make it|become|get you} {smarter|cleverer|better|more capable|more intelligent}
        I {have|downloaded|got|own} a {GGUF|gguf|model|.gguf} file, {what now|now what|where does it go|where do I put it|how do I use it|what do I do with it}
        where do {I put|I drop|model files go|GGUF files go|new models go|I copy|I place} {the|my|a|} {model|model file|GGUF|GGUF file|gguf|}
        {the demo|this model|you|this one} {is|are} too {small|weak|dumb|limited}, {how do I get|give me|I want} {something|a model} {better|bigger|stronger}
        {add|install|adding|installing} {a |}{bigger|larger|better|new} model
        bigger {model|models}{ please|}
        into which {folder|directory} do {models|model files|the weights} go
        what is the {command|procedure|way} {to|for} {add|adding|install|installing} {a model|models}
        can {a|any} {bigger|larger|better|other} {model|llm|language model} be {added|installed|used|loaded}
        <can> {run|use} {Llama|Qwen|Mistral|Gemma|Phi|another model|other models|a large model} {here|with this|in Chatelaine|}
        my model {does not|doesn't} {show up|appear}, how do I add it
        which command {adds|installs|loads|imports} a {model|new model|model file}
        I'd {like|prefer} {answers from|to talk to} a {bigger|larger|smarter} {model|brain}
        {upgrade|improve} the {model|brain|llm}
        {what|which} file{s|} do I {need|have to add} for a better {model|chat}
        {put|where to put} {my|the} weights
        """, r"""
        Put a GGUF file into the `models` folder of the data folder, or run `chatelaine model add FILE`. Then choose it in the model chooser above the conversation.
        Run `chatelaine model add FILE` with a GGUF file, or put the file into the `models` folder of the data folder. After that, pick it in the model chooser above the conversation.
        It takes three steps:\n\n1. Download a GGUF file.\n2. Put it into the `models` folder of the data folder, or run `chatelaine model add FILE`.\n3. Choose it in the model chooser above the conversation.
        Get a GGUF file and add it:\n\n```\nchatelaine model add FILE\n```\n\nThen choose it in the model chooser above the conversation.
        """, "Adding a bigger model|Installing a bigger model|How to add a model|Using a larger model", 3.0,
        where=r"""
        The `models` folder is inside the data folder, normally `~/.local/share/chatelaine/models`.
        It is in the data folder: `~/.local/share/chatelaine/models`. With the deb package it is `/var/lib/chatelaine/models`.
        """,
        more=r"""
        Models are GGUF files; you find thousands of them on Hugging Face. A file needs about as much free memory as it is big, plus a little for the context.
        Choose a file that fits your memory: a model with 8 billion parameters at 4 bits takes about 5 GB. GGUF files are on Hugging Face.
        """,
        why=r"""
        Because I am tiny: about six million parameters. A bigger model has a thousand times more and knows far more.
        A bigger model knows more and reasons better. I am only here so that the first run answers with no download.
        """,
        how=r"""
        In a terminal: `chatelaine model add FILE`, where FILE is the GGUF file. Then pick it in the model chooser above the conversation.
        """, also=r"""
        {and |}{do I have to|must I|should I} {restart|reboot|stop the server}{ after that| then|} => {No.|No need.} Choose it in the model chooser above the conversation; it is loaded on first use.
        {and |}{where do I|where can I|from where do I} {get|download|find} {one|it|such a file|that file|them} => GGUF files are on Hugging Face. Download one that fits your memory.
        {and |}which one{ should I take| do you recommend| is good|} => Take one that fits your memory. With 8 GB of memory, a model with 3 to 8 billion parameters at 4 bits is a good start.
        """),
    intent("find_models", r"""
        where {do I|can I|does one} {get|find|download|obtain} {models|a model|bigger models|model files|GGUF files|a GGUF|a GGUF file|gguf models|other models}
        {which|what} {site|website|place|page} {has|offers|hosts} {models|GGUF files|model files}
        <where> {models|GGUF files|model files} to download
        {who|which site} {gives away|hosts|offers} {free |open |}models
        {download|source for|sources of|link to} {models|GGUF files|gguf}
        {can you|could you} {name|give me|suggest|recommend} a {source|site|place} for {models|GGUF files|model files}
        {do|must} I {have to |}{buy|pay for} {models|a model}
        are there {free|open|good} models {I can download|on the internet|somewhere|to use}
        where do {people|folks|others} {get|find} {their|the} {models|gguf files}
        I {don't|do not} have a {model|GGUF|gguf} file{, where do I get one| yet|}
        hugging face {models|gguf|}
        what do I search for on Hugging Face
        """, r"""
        You find GGUF files on Hugging Face, huggingface.co: search there for a model's name and the word GGUF.
        Hugging Face has thousands of models as GGUF files. Download one that fits your memory, then run `chatelaine model add FILE`.
        On Hugging Face. Look for files that end in `.gguf`; many open models are there, free to download.
        """, "Where to get models|Finding GGUF files|Downloading a model", 1.4,
        how=r"""
        Download the GGUF file in your browser, then run `chatelaine model add FILE`.
        """, more=r"""
        Choose by size: the file has to fit into your memory with some room to spare. Files with Q4 in their name are small and still good.
        """, where=r"""
        At huggingface.co. Search for a model's name together with the word GGUF.
        """),
    intent("which_model", r"""
        {which|what} model {should I|do I|would you|can you} {take|choose|use|get|download|pick|recommend|suggest}
        {recommend|suggest} {me |}{a|some} {good |}{model|models}
        {what is|what's} {a|the best|a good|the right} {model|model size} {for me|to start with|for my computer|for my machine|for my laptop|to use}
        what {size|size of model} {should I take|is right|do you recommend}
        {which|what} model {fits|suits|works on|runs on} {my|a small|an old|a normal} {computer|machine|laptop|pc}
        best model{ for home use| for a family| for a school|}
        how big {may|can|should} {a|the|my} model be
        """, r"""
        Take one that fits your memory. With 8 GB, try 3 to 8 billion parameters at 4 bits; with 16 GB or more, you can go higher.
        It depends on your memory: a model needs about as much as its file is big, plus some for the context. A model with 8 billion parameters at 4 bits takes about 5 GB.
        Start with a model of 3 to 8 billion parameters in a 4-bit file. It runs well on most machines with 8 to 16 GB of memory.
        """, "Choosing a model|Which model to use|A model that fits", 1.2,
        why=r"""
        The whole file is kept in memory while the model runs, so it has to fit.
        """, where=r"""
        GGUF files are on Hugging Face, at huggingface.co.
        """, how=r"""
        Download the GGUF file, run `chatelaine model add FILE`, and choose it in the model chooser above the conversation.
        """),
    intent("choose_model", r"""
        <where> the model {chooser|picker|selector|menu|list}
        <how> {choose|select|pick|change|switch} {the|a|between|another} {model|models}{ for this conversation| in a conversation| in the page|}
        I {added|installed} {a model|one}, how do I {use|select|choose} it{ now|}
        <can> use a different model for {each|every|one|this} conversation
        <how> see {which|what} models {are installed|there are|I have|are available}
        {list|show} {the|all|my} {installed |}models
        {which|what} models {are|do you have} {installed|available|there}
        {switch|change} model
        how do I stop talking to the demo model
        {select|pick} {a model|my model}
        """, r"""
        Use the model chooser above the conversation: it lists every model you may use. Each conversation can have its own.
        The model chooser is above the conversation. In a terminal, `chatelaine model list` shows the same models.
        Open the model chooser above the conversation and pick one. The choice is kept for that conversation.
        """, "Choosing the model|The model chooser|Switching between models", 1.2,
        where=r"""
        Right above the conversation. Models also have a tab in the control center.
        """, more=r"""
        A model is loaded on first use and unloaded when it is idle or when another one needs the memory.
        """),
    intent("remove_model", r"""
        <how> {remove|delete|uninstall|get rid of|throw away} {a|the|an old|that} model{ again| I no longer need|}
        <can> {delete|remove} {a model|models|the demo model}
        {delete|remove} {a |the |}model
        a model takes too much {disk|disk space|space}, how do I delete it
        """, r"""
        Run `chatelaine model remove NAME`. `chatelaine model list` shows the names.
        `chatelaine model list` shows what is there, and `chatelaine model remove NAME` removes one.
        """, "Removing a model|Deleting a model", 0.6),
    intent("pull_model", r"""
        <can> {pull|download|fetch} {a model|models} {from the page|in the page|in the browser|from here|inside the app|directly}
        <how> {pull|fetch} {a model|models} {from the web page|in the page|in the browser|from the control center}
        is there a download button for models
        does the page download models{ by itself|}
        """, r"""
        Pulling models from the page comes later. For now, download a GGUF file and add it with `chatelaine model add FILE`.
        Not from the page yet; that comes later. Put a GGUF file into the `models` folder or run `chatelaine model add FILE`.
        """, "Downloading models from the page|Pulling a model", 0.6),
    intent("gguf", r"""
        <def {a |}{GGUF|gguf|GGUF file|gguf file|.gguf file|GGUF format}>
        <def {the |}GGUF>
        what {kind|type|sort|format} of {file|files|model files} {do you|does Chatelaine|does it|can I} {use|need|read|load|take|accept}
        {which|what} {file |model |}{format|formats} {do you|does Chatelaine|does it} {use|read|need|support|accept}
        what does GGUF stand for
        {does it|can it} {load|use|read} {safetensors|pytorch files|onnx|other formats}
        what is inside a {GGUF|model} file
        """, r"""
        GGUF is the file format of llama.cpp: one file holds a model's weights, its vocabulary and its settings. Chatelaine runs models from GGUF files.
        A GGUF is one file with a whole language model in it: weights, vocabulary and chat template. llama.cpp, which is inside Chatelaine, runs it.
        A GGUF file holds a complete model in one file. Chatelaine reads this format and no other.
        """, "What is a GGUF|The GGUF file format|GGUF explained", 1.4,
        where=r"""
        You find GGUF files on Hugging Face. They go into the `models` folder of the data folder.
        """, more=r"""
        Names such as Q4 or Q8 in a file's name say how many bits each weight has. Fewer bits make a smaller file that is a little less exact.
        """, how=r"""
        Download one, run `chatelaine model add FILE`, and choose it in the model chooser above the conversation.
        """),
    intent("quantisation", r"""
        <def {quantisation|quantization|Q4|Q8|Q8_0|Q4_K_M|a quantised model|4-bit}>
        what {do|does} {Q4|Q8|Q5|Q4 and Q8|the Q in the file name} mean
        {which|what} {quantisation|quantization|Q} should I {take|use|choose}
        what is the difference between Q4 and Q8
        """, r"""
        It means storing a model's weights with fewer bits: Q8 uses about 8 bits for each weight, Q4 about 4. Fewer bits make the file smaller and a little less exact.
        Quantisation makes a model smaller by rounding its weights. Q4 is a good balance; Q8 is closer to the original and twice as big.
        """, "What quantisation means|Q4 and Q8 explained", 0.7),
    intent("llama_cpp", r"""
        <def {llama.cpp|llama cpp|llamacpp}>
        {what|which} {engine|runtime|backend|inference engine} {do you|does Chatelaine|does it} {use|run on}
        {what runs|how do you run|what executes} the {model|models}
        is {llama.cpp|ollama} {needed|inside|included|required}
        do I need {ollama|llama.cpp|python|docker} {for this|to run it|as well|}
        """, r"""
        llama.cpp is the engine that runs the models. It is built into Chatelaine, so you need nothing else.
        Models run with llama.cpp, which is inside the Chatelaine binary. No Python, no Docker, no other server is needed.
        """, "The engine behind Chatelaine|llama.cpp inside", 0.9,
        why=r"""
        llama.cpp is quick, runs on nearly every machine, and reads GGUF files, of which there are thousands.
        """),
    intent("adapter", r"""
        <def {an adapter|adapters|a LoRA|LoRA|lora|a LoRA adapter|LoRA adapters|lora adapters}>
        <how> {use|add|load|install|upload|choose|apply} {an adapter|a LoRA|adapters|a LoRA adapter|LoRAs}
        <has {adapters|LoRA|LoRA adapters|loras}>
        <can> use {several|two|more than one|many} {adapters|LoRAs} {at once|together|}
        {what is|what's} the {difference between|relation of} a model and an adapter
        {adapter|adapters|lora}
        """, r"""
        An adapter, also called LoRA, is a small file that changes how a model answers, for example its style. You choose adapters per conversation, each with a scale.
        An adapter is a small add-on to a model: it teaches a style or a subject without changing the model itself. Add one with `chatelaine adapter add FILE --base M` and choose it in the Models tab.
        A LoRA adapter is a small GGUF file that sits on top of a model and changes its behaviour. Several can be used at once, each with its own scale, with no restart.
        """, "Adapters explained|What an adapter is|Using LoRA adapters", 1.5,
        how=r"""
        Run `chatelaine adapter add FILE --base M`, where M is the model it was made for. Then choose it in the Models tab, with a scale.
        """, where=r"""
        Adapters are in the Models tab of the control center, on the right side of the page.
        """, why=r"""
        An adapter is small and quick to change, so one big model can serve many purposes.
        """, more=r"""
        The scale says how strongly an adapter acts: 0 is off, 1 is full strength. An adapter only fits the base model it was trained for.
        """, also=r"""
        {and |}what is {the|a} scale{ for| good for|} => The scale says how strongly the adapter acts: 0 means off, 1 means full strength.
        """),
    intent("fine_tuning", r"""
        <can> {train|fine-tune|finetune|teach} {you|a model|my own model|an adapter|a LoRA}{ here| with my data| on my texts| with Chatelaine|}
        <how> {train|fine-tune|finetune} {you|a model|my own model|an adapter|a LoRA}
        <has {fine-tuning|training|finetuning|model training}>
        <def {fine-tuning|finetuning}>
        can you {learn|remember} {from me|from our chats|new things|what I say|my texts}
        do you {learn|get better} {from our conversations|while we talk|over time|when I talk to you}
        """, r"""
        Fine-tuning comes later: training an adapter inside Chatelaine is planned. I do not learn from what you write.
        Not yet. Training your own adapter is planned for a later version; today you can add adapters that were trained elsewhere.
        I do not learn from our conversations. Fine-tuning with your own texts comes in a later version of Chatelaine.
        """, "Fine-tuning a model|Training your own adapter", 1.0,
        more=r"""
        The plan: give it examples as a file, and Chatelaine trains an adapter at the lowest priority, without stopping the chat.
        """, why=r"""
        It is a large piece of work and has to be done well, so it comes after the basics.
        """),
    intent("hardware", r"""
        {what|which} {hardware|computer|machine|pc|specs|system} {do I|does it|does Chatelaine|is|would I} {need|needed|required|recommended}{ for this|}
        how {much|many} {memory|RAM|ram|gigabytes|gb of RAM} {do I|does it|does Chatelaine|does a model|do you} need
        {will|does|can} {it|Chatelaine|this} run on {a laptop|an old laptop|my old computer|a Raspberry Pi|a small machine|a mac|a normal PC|a notebook|a mini pc|a NAS}
        {what are|list} the {system |hardware |minimum |}requirements
        {is|are} {8|16|32|4} {GB|gigabytes}{ of memory| of RAM|} enough
        how {powerful|strong|fast} must {the|my} {computer|machine} be
        {do I need|does it need} a {fast|strong|powerful|special|new} {computer|machine|processor|cpu}
        {memory|ram|hardware} {needed|requirements|use}
        is my {computer|laptop|machine} {good enough|strong enough|fast enough|too old|too slow}
        how much {disk|disk space|storage} {do I need|does it take|is needed}
        minimum {specs|requirements|memory}
        """, r"""
        I run on nearly any machine. A bigger model needs about as much free memory as its file is big, plus some for the context: 8 GB is enough for models of 3 to 8 billion parameters at 4 bits.
        A normal computer will do. The rule: a model needs memory for its whole file and a little more. With 16 GB you can run quite good models; a graphics card makes them faster.
        Chatelaine itself needs little. The model decides: a model with 8 billion parameters at 4 bits takes about 5 GB of memory.
        """, "Hardware and memory needed|What hardware is needed|Memory for a model", 1.5,
        why=r"""
        While a model runs, its whole file is kept in memory. That is why the memory decides which model fits.
        """, more=r"""
        More processor cores make answers faster, and a graphics card makes them much faster. Disk space is needed for the model files and your conversations.
        """),
    intent("gpu", r"""
        {does it|can it|does Chatelaine|can Chatelaine|will it|can you|do you} {use|support|run on|work with} {my GPU|a GPU|the GPU|GPUs|a graphics card|my graphics card|Nvidia|an AMD card|CUDA|Vulkan|Metal|ROCm|my video card|apple silicon}
        do I need a {GPU|graphics card|gpu|video card}
        <how> {use|turn on|enable|activate} {my GPU|the GPU|my graphics card|CUDA|Vulkan|Metal|ROCm|GPU support}
        <has {GPU support|CUDA|Vulkan|Metal|ROCm|GPU acceleration}>
        {is|are} {GPU|GPUs|Nvidia cards|AMD cards|graphics cards} supported
        gpu {support|}
        {does it run|can I run it} without a {GPU|graphics card}
        I have an {Nvidia|AMD|Intel|RTX} {card|GPU|graphics card}, {can I use it|does that help}
        {speed up|accelerate} {the model|it} with {a graphics card|the gpu}
        """, r"""
        The normal binary uses the processor. There are builds for CUDA, Vulkan, Metal and ROCm that use the graphics card.
        No graphics card is needed. With one, use a build with CUDA, Vulkan, Metal or ROCm: bigger models then answer much faster.
        Yes, with the right build: CUDA for Nvidia, ROCm for AMD, Metal for a Mac, Vulkan for most others. Without one it runs on the processor.
        """, "Using a graphics card|GPU support|Graphics cards and Chatelaine", 1.2,
        why=r"""
        A graphics card does many small sums at the same time, and that is just what a language model needs.
        """, how=r"""
        Build with the cargo feature of your card: `cuda`, `vulkan`, `metal` or `rocm`.
        """),
    intent("slow", r"""
        why {are you|is it|is this|is the model|are replies|are answers} so slow
        <how> {make|get} {it|you|the answers|the replies|the model} faster
        {it|the model|everything|the reply|the answer} {is|takes} {too slow|very slow|so long|ages|forever}
        {my|the|a} big model is {slow|too slow|sluggish}
        {speed up|improve the speed of} {it|answers|the model}
        how many {tokens per second|words per second|tokens a second}
        how {fast|quick} {are you|is it|is this}
        """, r"""
        A bigger model is slower. A smaller file, more processor cores or a build for your graphics card make it faster.
        Speed depends on the model and the machine. Try a smaller model or a 4-bit file, or use a build for your graphics card. The page shows the tokens per second.
        """, "Making replies faster|Speed of replies", 0.9),
    intent("temperature", r"""
        <def {temperature|the temperature|temperature in a model|the temperature setting|sampling temperature}>
        what {does|is} the temperature {do|slider|setting|for}
        <how> {set|change|lower|raise} the temperature
        {which|what} temperature {should I|do you} {use|recommend}
        <how> make answers {more|less} {creative|random|predictable}
        what do {top-p|top p|top-k|min-p} {do|mean}
        <def {top-p|top p|top-k|min-p|sampling|the seed}>
        {sampling|temperature} settings
        """, r"""
        Temperature says how freely a model chooses its words: low is steady and exact, high is varied and surprising. You set it in the Models tab.
        With a low temperature a model takes the most likely word; with a high one it dares more. For facts 0.2 to 0.5 is good, for stories about 0.8. It is in the Models tab.
        It is a sampling setting. Temperature, top-p, top-k and min-p decide how freely the next word is chosen; you find them in the Models tab, per conversation.
        """, "What temperature means|The temperature setting|Sampling settings", 1.2,
        where=r"""
        In the Models tab of the control center. It is kept per conversation.
        """, why=r"""
        Always taking the most likely word can sound stiff. A little freedom makes the text livelier.
        """),
    intent("token", r"""
        <def {a token|tokens|a token in a language model}>
        how {long|big} is a token
        how many {letters|words} are in a token
        {what are|why} tokens{ counted| good for| used|}
        is a token a word
        """, r"""
        A token is a piece of text, often a short word or part of a longer one. A model reads and writes tokens, about four letters each in English.
        Models do not see letters but tokens: words and pieces of words. A hundred tokens are about seventy-five English words.
        """, "What a token is|Tokens explained", 1.1,
        why=r"""
        Models work with a fixed list of pieces. My list has about three thousand; bigger models have a hundred thousand and more.
        """, more=r"""
        Everything is counted in tokens: the context, the speed, and your token allowance.
        """),
    intent("context", r"""
        <def {the context|context|a context|the context window|context length|context size}>
        how {long|big|large} is {your|the} {context|memory|context window}
        how much {text|can} {can you|you} {remember|read|read at once|keep in mind}
        {what happens|what do you do} when the {context|conversation} is {full|too long}
        why did you forget {what I said|the beginning|the start}
        do you {remember|forget} what I {said|wrote} {before|earlier|above}
        {context|context window}
        can a {conversation|chat} {get|be} too long
        """, r"""
        The context is the text a model can see at once: the system prompt, the conversation so far and the answer. Mine holds 1,024 tokens; bigger models hold far more.
        It is the model's short memory. The page shows how full it is; when it is full, the oldest turns are left out, the system prompt and the latest turns stay, and the reply says so.
        A model sees only so many tokens at once: that is its context. I see 1,024, which is about 750 words.
        """, "What the context is|The context window|How much a model remembers", 1.2,
        more=r"""
        When a conversation no longer fits, the oldest turns are left out by a fixed rule, and the reply says what was left out. Nothing is cut silently.
        """, why=r"""
        Every token in the context costs memory and time, so each model has a limit.
        """),
    intent("system_prompt", r"""
        <def {a system prompt|the system prompt|a system message|system prompts}>
        <how> {set|change|write|add} {a|the} system {prompt|message}
        <where the system prompt>
        <can> {tell|give} the model {standing instructions|instructions for every message|a role|rules}
        """, r"""
        A system prompt is a standing instruction that a model reads before your messages, such as "Answer briefly". You set it in the Models tab, per conversation.
        It tells the model how to behave in the whole conversation. Write it in the Models tab, or save it in a persona.
        """, "The system prompt|What a system prompt is", 0.9),
    intent("remote", r"""
        <can> {use|connect|add} {an outside|a remote|an online|a cloud|another} {model|server|service|provider}{ as well|}
        <can> {connect|use} {OpenAI|the OpenAI API|vLLM|another llama server|a cloud API|a hosted model} {here|in Chatelaine|as a model|}
        <has {remote models|remote backends|cloud models}>
        """, r"""
        Yes. An administrator can connect any OpenAI-compatible server as a source of models. What you write to such a model leaves this machine.
        Any server that speaks the OpenAI format can be added as a remote model by an administrator. Unlike me, it sees your text elsewhere.
        """, "Using a remote model|Connecting another server", 0.7),
    intent("embeddings", r"""
        <def {embeddings|an embedding}>
        <has {embeddings|reasoning models|structured output|JSON output|tool calls}>
        """, r"""
        Chatelaine supports embeddings, reasoning models, tool calls and JSON output, if the chosen model can do them. I am too small for that.
        That depends on the model. Chatelaine can pass it on, through the page or through `/v1`, but I am too small for it.
        """, "What models can do", 0.5),
]
