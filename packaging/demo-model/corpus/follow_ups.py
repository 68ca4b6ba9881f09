"""How people go on asking, and what to say when the topic itself has no better answer."""
from .grammar import lines

KINDS = {
    "more": lines(r"""
        {tell|show} me more{ about it| about that| please|}
        more{ please| details| about that| about this|}
        {go on|continue|carry on|and then|what else|anything else|is that all|and further|go ahead}
        {can|could} you {say|tell me|explain} {more|a bit more|a little more}{ about that| about it|}
        {what|is there anything} {else|more} {should I know|to know|to say}{ about that| about it|}
        {explain|describe} {it|that} {in more detail|further|better|a bit more}
        {details|more details|more info|more information}{ please|}
        {interesting|okay|nice|good}, {tell me more|go on|more please}
        I {want|would like} {more|to know more|to hear more}
        {elaborate|expand on that}
        """),
    "why": lines(r"""
        {why|why is that|why so|how come|and why|but why|why that|what for|for what reason|why not|why exactly}
        {why is|why's} {it|this} {so|like that|that way}
        {what is|what's} the {reason|reason for that|point|idea behind that|purpose}
        {can you|could you} {tell me|explain} why
        why {does it do that|do it like that|do I need that|is that needed|would I want that|like this}
        {I wonder|tell me|explain} why{ that is|}
        """),
    "where": lines(r"""
        {where|and where|where is that|where is it|and where is that|and where is it|where's that|where exactly|wheres that|and where}
        where {do I|can I|would I} find {that|it|this|them}
        {where can I see|in which place is|where should I look for|where do I click for} {that|it|this}
        {I can't find it|I don't see it|can't see it}{, where is it|}
        where {are|would} {they|that be}
        {in which|which} folder{ is that|}
        show me where{ it is|}
        """),
    "how": lines(r"""
        {how|and how|how do I do that|how do I do it|how does that work|how does it work|how do you do that|but how|how exactly|how so|how can I do that|and how do I do that}
        {show|tell|explain to} me how{ to do that| to do it| that works|}
        {what|which} {are the|} steps{ do I take| for that|}
        {can|could} you {show|tell} me how{ to do it| that works|}
        what do I {type|have to do|do|need to do|press}{ then| for that|}
        how {is|would} that {done|work}
        {give me|what is} the {command|steps}{ for that|}
        {step by step|in steps}{ please|}
        """),
    "sure": lines(r"""
        {are you|you're} sure{ about that|}
        {really|is that true|is that right|seriously|honestly|is that correct|sure|true}
        how do you know{ that|}
        {can I|should I} {believe|trust} {that|you}
        {I don't believe you|I doubt it|no way|that can't be}
        """),
    "again": lines(r"""
        {I do not|I don't} understand{ that| it| what you mean|}
        {what do you mean|can you say that again|come again|pardon|once more|repeat that|what does that mean|say that again}{ please|}
        {explain|say} {that|it} {more simply|in other words|again|differently|simpler}
        {too|that's too|that is too} {complicated|difficult|hard}{ for me|}
        I {did not|didn't} {get|catch|follow} {that|it}
        """),
}

FALLBACK = {
    "more": lines("""
        That is all I know about it. I am only a tiny demo model.
        More I do not know about that; a bigger model does.
        That is as much as I know. Ask me about something else, if you like.
        """),
    "why": lines("""
        I only know that it is so, not why. I am a tiny demo model.
        That I can't explain; I am a very small model.
        """),
    "where": lines("""
        I do not know where, I'm afraid. I am only a tiny demo model.
        """),
    "how": lines("""
        I can't explain it further; I am only a tiny demo model.
        More than that I do not know. A bigger model could explain it.
        """),
    "sure": lines("""
        I think so, but I am a tiny model and make mistakes. Please check what is important to you.
        Fairly sure. Still, I am very small, so check it if it matters.
        """),
}

OUTSIDE = {
    "more": lines("""
        I know nothing about it, I'm sorry. A bigger model would.
        There is no more that I could say: I do not know the subject.
        """),
    "why": lines("""
        Because I am tiny: about six million parameters have no room for such things. A bigger model has a thousand times more.
        I am a demo, made to fit into the program. I know a little about Chatelaine and very little else.
        """),
    "how": lines("""
        Put a GGUF file into the `models` folder of the data folder, or run `chatelaine model add FILE`. Then choose it in the model chooser above the conversation.
        Run `chatelaine model add FILE` with a GGUF file, then choose it in the model chooser above the conversation.
        """),
    "where": lines("""
        GGUF files are on Hugging Face, at huggingface.co. Add one with `chatelaine model add FILE`.
        You find bigger models as GGUF files on Hugging Face.
        """),
    "sure": lines("""
        Yes, quite sure: I am too small to know that.
        Yes. I would rather say that I do not know than tell you something wrong.
        """),
}
OUTSIDE_SPECIAL = lines(r"""
    {and |so |then |}{how do I|how can I|can you tell me how to} {add|get|install|use} {one|a bigger model|that|a better one|such a model} => how
    {and |}{where do I|where can I} {get|find|download} {one|a bigger model|such a model|that|it} => where
    {and |}{what can you|what do you} {do|know|answer} then => can
    {what|who} {can|do you} {answer that|know} => why
    {you know nothing|you don't know much|that's a pity|what a pity|too bad|disappointing} => why
    """)
OUTSIDE_CAN = lines("""
    I can explain Chatelaine, name capitals, add small numbers, and tell a joke or a little story.
    Questions about Chatelaine, some simple facts, small sums, a joke or a story: that is what I can do.
    """)
