"""Less common questions about Chatelaine, and a little about language models in general."""
from .grammar import intent

INTENTS = [
    intent("install", r"""
        <how> {install|set up|get|deploy|download} {Chatelaine|this program|it on another machine|the program|the binary|Chatelaine at home}
        {what|which} {platforms|operating systems|systems} {does it run on|are supported|does Chatelaine support}
        does it run on {Linux|macOS|a Mac|Ubuntu|Debian}
        {install|installation|setup}{ instructions| of Chatelaine|}
        is it {hard|difficult|easy} to {install|set up|get going}
        what do I {have to|need to} install{ first|}
        <has {a deb package|a Linux binary|a single binary}>
        """, r"""
        Chatelaine is one binary. Put it on the machine, run `chatelaine serve`, and open the set-up link that it prints.
        There is only one file to install. Run `chatelaine serve` and open the page; nothing else is needed, no Python and no database server.
        """, "Installing Chatelaine|Setting up Chatelaine", 1.1,
        how=r"""
        Copy the binary to the machine, start it with `chatelaine serve`, and follow the set-up link in the terminal.
        """, more=r"""
        Everything is inside that binary: the server, the page, the database, the search and the engine for models. Even I am in it.
        """),
    intent("language_model", r"""
        <def {a language model|an LLM|a large language model|language models|an AI model|artificial intelligence|AI}>
        how do {you|language models|LLMs|models like you} work
        how {do|can} you {understand|write|make|find} {me|answers|what I write|sentences}
        what happens {inside you|when I ask you something|when you answer}
        """, r"""
        A language model is a program that has learned from text which word is likely to come next. It writes an answer piece by piece.
        I read your words as numbers and choose the next piece of text, again and again, until the answer is complete.
        """, "What a language model is|How language models work", 1.1,
        why=r"""
        Choosing the next word well needs a little knowledge about language and the world; that is why bigger models seem to understand.
        """),
    intent("parameters", r"""
        <def {a parameter|parameters|weights|model parameters|a weight}>
        what does {8B|7B|billion parameters|3B|the B in 8B} mean
        """, r"""
        Parameters are the numbers inside a model that it learned. I have about six million; 8B means eight billion.
        A model is made of numbers, called parameters or weights. More of them mean more knowledge, more memory and slower answers.
        """, "Parameters of a model", 0.8),
    intent("hallucination", r"""
        <def {a hallucination|hallucinations}>
        do you {make things up|invent things|lie|hallucinate|tell lies|always tell the truth}
        {can|do} models {lie|make things up|be wrong}
        """, r"""
        Models sometimes make things up: they write what sounds likely, not what is known. Please check what is important, with me too.
        I try not to, but a model writes what sounds likely. When I do not know something, I say so as often as I can.
        """, "When models make things up", 0.8),
    intent("prompt", r"""
        <def {a prompt|prompts|prompting}>
        how do I {write|ask} {a good prompt|a good question|good questions|well}
        how {should|do} I {talk|write} to {you|a model}
        """, r"""
        A prompt is what you write to a model. Say clearly what you want, and give an example if you can; to me, write short and simple sentences.
        Ask one thing at a time, in plain words. With a bigger model you can add examples and say how long the answer should be.
        """, "Writing a good prompt", 0.8),
    intent("demo_purpose", r"""
        {why|what for} {are you|is the demo model} {here|inside|so small|so tiny|in the program|included|there}
        what {are you|is the demo model} {for|good for}
        what is {the demo model|a demo model}
        <can> {remove|switch off|delete} the demo model
        is the demo model {enough|all there is|the only model}
        do I {need|have} to keep you
        """, r"""
        The demo model is there so that the very first run answers with no download. For real work, add a bigger model and choose it above the conversation.
        I am here to say hello, to show how Chatelaine works and to help with the first steps. Then a bigger model takes over.
        """, "What the demo model is for", 1.1),
    intent("mail", r"""
        <how> {set up|configure|send} {mail|e-mail|email|SMTP}
        {does it|can it} send {e-mails|emails|mail}
        do I need {a mail server|SMTP|e-mail|an email address}
        """, r"""
        Mail is optional. With an SMTP server set up, Chatelaine can send confirmations and password links; without it, an administrator does these things by hand.
        You do not need mail. If an administrator sets up SMTP, people can confirm addresses and reset passwords by mail.
        """, "Setting up mail", 0.7),
    intent("overview", r"""
        <where {the statistics|the overview|the logs|the metrics|the audit log}>
        <can> see {how much it is used|statistics|who uses it|the load|the logs}
        <has {statistics|metrics|an audit log|logs|monitoring|a health check}>
        """, r"""
        Administrators see an overview in the House tab: users, conversations, tokens, queue, memory and disk. For machines there are `/health` and `/metrics`.
        The House tab has an overview and an audit log. Monitoring programs can read `/health` and `/metrics`.
        """, "Overview and statistics", 0.7),
    intent("per_conversation", r"""
        <can> have {different|other|own} settings {for each conversation|per conversation|in each chat}
        {are|do} settings {kept|apply} {per conversation|for all conversations}
        <how> set the {maximum length|maximum tokens|length of answers|seed}
        <how> make {answers|replies} {longer|shorter}
        """, r"""
        Yes: each conversation has its own model, adapters, system prompt and sampling. You set them in the Models tab.
        Settings belong to a conversation. In the Models tab you choose the model, the system prompt, the temperature and the maximum number of tokens.
        """, "Settings of a conversation", 0.7),
    intent("feedback", r"""
        <how> {give feedback|rate a reply|say that an answer was good|report a bad answer}
        what do the thumbs {do|mean}
        <can> {rate|like|dislike} {a reply|an answer}
        <how> copy {a reply|the last reply|an answer|text}
        """, r"""
        Below each reply there are buttons to copy it and to rate it with a thumb up or down. Ctrl Shift C copies the last reply.
        Use the buttons under the reply: copy, regenerate, and the thumbs for feedback.
        """, "Rating and copying replies", 0.7),
    intent("background_reply", r"""
        {can|may} I {close|leave|reload} the {page|tab|browser} while {you are writing|a reply is running|it writes}
        does the reply {go on|continue|keep going} when I {close|leave} the {page|browser|tab}
        <can> {continue|read on} on {another device|my phone|a second computer}
        """, r"""
        Yes. A reply goes on without the page; when you come back, on any device, it is there.
        You can close the page at any time. The reply is written to the end and waits for you.
        """, "Closing the page during a reply", 0.7),
    intent("child_school", r"""
        is {it|Chatelaine} {good|suitable|safe|made} for {children|kids|a school|pupils|a class|small companies|teams|a family}
        <can> use {it|Chatelaine} {in a school|at school|in my class|in an office|for my family|in a club}
        """, r"""
        Yes, Chatelaine is made for households, teams and schools. An administrator can use groups, keys and allowances to keep order.
        It suits families, schools and teams: everybody has a private account, and an administrator decides who may use what.
        """, "Chatelaine for families and schools", 0.8),
]
