"""The page: replies, branches, conversations, search, files, theme, shortcuts, sharing."""
from .grammar import intent

INTENTS = [
    intent("stop_reply", r"""
        <how> {stop|cancel|abort|interrupt|halt|end} {a reply|the reply|an answer|the answer|you|the model|it} {while it is writing|in the middle|when it is too long|}
        <can> {stop|cancel|interrupt} {you|a reply|an answer|it}{ while you are writing|}
        {the answer|it|the reply|you} {goes on|keeps going|keep going|go on} {forever|too long|and does not stop}{, how do I stop it|}
        <where the stop button>
        {stop|cancel} {the |a |}{reply|answer|generation}
        make {you|it} {be quiet|stop talking|stop writing}
        """, r"""
        Press Esc or the stop button. What was written so far stays, and you can continue or regenerate it.
        The stop button in the message box, or the Esc key, stops a reply. The text so far is kept.
        """, "Stopping a reply|How to stop an answer", 1.1,
        also=r"""
        {and |}{can I|how do I} {continue|resume|go on with} {it|the reply}{ later| then|} => Press continue below the reply; it goes on from the text that is there.
        """),
    intent("regenerate", r"""
        <how> {regenerate|redo|retry|repeat|get a new|get another|ask again for} {a reply|an answer|the answer|the reply|the last answer}
        <can> {have|get|see} {another|a different|a second|a new} {answer|reply|try}
        <where the regenerate button>
        {regenerate|retry|try again}{ the answer| please|}
        I {don't like|am not happy with|dislike} {the|this|your} {answer|reply}{, can I get another|}
        what does regenerate do
        """, r"""
        Press regenerate below the reply. You get a new one, and the old one stays as a branch that you can step back to.
        Use the regenerate button under a reply. Both versions are kept; the arrows switch between them.
        """, "Regenerating a reply|Getting another answer", 1.0),
    intent("edit_message", r"""
        <how> {edit|change|correct|rewrite|fix|modify} {a message|my message|my question|what I wrote|an earlier message|a sent message|a typo in my message|my last message}
        <can> {edit|change|correct|undo} {a message|what I sent|my question|my last message}
        I made a {mistake|typo} in my {question|message}
        {edit|editing} {a |my |}{message|question}
        {resend|send again} a {changed|corrected} message
        """, r"""
        Press edit on your message, change it and send it again. The old version stays as a branch. In an empty message box the up arrow edits your last message.
        Choose edit beside your message. Sending it again starts a new branch, so nothing is lost.
        """, "Editing a message|Correcting a question", 1.0),
    intent("branches", r"""
        <def {a branch|branches|the branch arrows|the arrows with 2/3|conversation branches}>
        <how> {go back to|see|find|switch to|return to} {an earlier version|the old answer|another branch|the other reply|the previous answer}
        where did my {old|first|earlier} {answer|message|reply} go
        what {do|are} the {little |}arrows {mean|for|below the message|such as 2/3}
        {is|are} the old {answer|answers|version} {lost|kept|gone} when I {edit|regenerate}
        """, r"""
        Every edit or new try makes a branch, and none is lost. The arrows such as 2/3 below a message step between them.
        A branch is another way the conversation went: an edited message or a second reply. Step between branches with the small arrows.
        """, "Branches of a conversation|Stepping between branches", 0.9),
    intent("conversation_list", r"""
        <how> {rename|pin|archive|move|file} {a conversation|conversations|a chat|my chats|an old conversation|this conversation}
        <how> change the {title|name} of {a conversation|a chat|this chat|this}
        <can> {rename|pin|archive|sort|tag|group} {conversations|chats|a conversation|a chat|my conversations}
        <how> {make|use} {folders|tags}
        <where {archived conversations|my old chats|my conversations|the archive|the list of conversations}>
        {rename|pin|archive} {a |the |this |}{conversation|chat}
        who {writes|makes|chooses} the {titles|title}
        {archiving|pinning|renaming}
        keep {a chat|a conversation} {at the top|on top}
        {give|giving} a {chat|conversation} {another|a new|a different} {name|title}
        {tidy up|organise|organize|clean up|sort} {my|the} {conversations|chats|list}
        """, r"""
        Use the menu beside a conversation in the list on the left: rename, pin, archive, delete, or move it to a folder.
        In the list on the left every conversation has a menu. Rename changes its title, pin keeps it on top, archive puts it away without deleting it.
        Open the menu next to the conversation's title. The model writes the title first, but you can change it.
        """, "Renaming, pinning and archiving|Organising conversations|The list of conversations", 1.4,
        where=r"""
        On the left side of the page; on a phone, open the drawer on the left.
        """, more=r"""
        Folders and tags help when there are many conversations, and the search finds any message.
        """),
    intent("delete_conversation", r"""
        <how> {delete|remove|erase|throw away} {a conversation|conversations|a chat|my chats|this chat|an old chat|a message|my history}
        <can> {delete|erase|undo deleting} {a conversation|a chat|conversations|my history}
        {delete|remove|erase} {a |this |the |my |}{conversation|chat|chats|history}
        I deleted {a conversation|a chat|something} by {mistake|accident}
        can I get a deleted {chat|conversation} back
        """, r"""
        Choose delete in the menu beside the conversation. For a moment you can still undo it. If you only want it out of the way, archive it.
        The menu beside a conversation has delete, with an undo right after it.
        """, "Deleting a conversation|Undoing a deletion", 1.1,
        where=r"""
        In the list on the left, in the menu beside the conversation.
        """),
    intent("new_conversation", r"""
        <how> {start|begin|open|make} a {new|fresh|second|clean} {conversation|chat|topic}
        <where {the new chat button|new conversation}>
        {new|start a new} {conversation|chat}{ please|}
        {start over|begin again|clear the chat|reset the conversation}
        """, r"""
        Press the button for a new conversation at the top left, or Ctrl Shift O.
        Ctrl Shift O starts a new conversation; so does the button at the top of the list on the left.
        """, "Starting a new conversation|A fresh conversation", 0.9),
    intent("search", r"""
        <how> {search|find|look for|look up} {something|an old message|a conversation|old messages|my conversations|in my chats|a word|what I wrote last week|an earlier chat|a message}
        <has {search|a search|a search function|full-text search}>
        <where {the search|the search box|an old message|something I wrote last month}>
        {search|searching}{ my chats| conversations|}
        <can> {search|look through} {all |}{my|old} {conversations|messages|chats}
        how does the search work
        {does the search|can it} {forgive|tolerate|handle} {typos|spelling mistakes}
        I can't find {an old chat|a conversation|what I wrote}
        """, r"""
        Press Ctrl K and type. It searches all your own messages as you type, forgives small typing mistakes, and jumps to the exact message.
        The search box is at the top left, or press Ctrl K. It looks through all your conversations and shows the matching lines.
        Use Ctrl K: your conversations are searched while you type, with filters for date, model and more.
        """, "Searching conversations|Finding an old message|The search", 1.3,
        where=r"""
        At the top of the list on the left. Ctrl K opens it from anywhere.
        """, more=r"""
        You can filter by date, model, who wrote it, and archived conversations. Only your own messages are searched.
        """),
    intent("theme", r"""
        <has {a dark theme|dark mode|a dark mode|a light theme|a night mode|themes}>
        <how> {switch to|turn on|get|use|enable|activate} {dark mode|the dark theme|a dark theme|night mode|the light theme|light mode}
        <how> {turn off|leave|disable} {dark mode|the dark theme|light mode}
        <how> change {the theme|the colours|how it looks|the appearance|the look}
        {dark|light|night} {mode|theme}{ please|}
        {it|the page|the screen} {is|looks} too {bright|dark|white}{ at night| for my eyes|}
        my eyes hurt{ from the white page|}
        make {it|the page|everything} {dark|darker|black|light|brighter}
        """, r"""
        Yes, there is a light and a dark theme. Choose under appearance in the Account tab.
        Open the Account tab and go to appearance: light, dark, or as your system has it.
        """, "The dark theme|Changing the appearance", 1.2,
        where=r"""
        Under appearance in the Account tab of the control center.
        """),
    intent("shortcuts", r"""
        {which|what} {keyboard shortcuts|shortcuts|hotkeys|keys|key combinations|key bindings} {are there|do you have|does it have|can I use|exist|should I know}
        <has {keyboard shortcuts|shortcuts|hotkeys}>
        <can> use {it|the page|everything} {with the keyboard|without a mouse|by keyboard only}
        {keyboard|}{ |}shortcuts{ please|}
        {list|show|tell me} {all |}{the |}{keyboard |}{shortcuts|hotkeys|keys}
        what does {Ctrl K|Ctrl Shift O|Esc|Ctrl /|ctrl+k} do
        {which|what} key {opens the search|stops a reply|starts a new conversation}
        """, r"""
        The most useful keys:\n\n- Ctrl K: search\n- Ctrl Shift O: new conversation\n- Esc: stop the reply\n- Ctrl /: show all shortcuts
        Ctrl K searches, Ctrl Shift O starts a new conversation, Esc stops a reply, and Ctrl / shows all the keys.
        """, "Keyboard shortcuts|The most useful keys", 1.2,
        more=r"""
        In an empty message box the up arrow edits your last message, and Ctrl Shift C copies the last reply.
        """),
    intent("control_center", r"""
        <def {the control center|the control centre|the panel on the right|the tabs on the right}>
        <where {the settings|settings|the control center|the Models tab|the Account tab|the options|preferences}>
        <how> {open|find} {the settings|settings|the control center}
        <how> change the settings{ of a conversation|}
        {settings|options|preferences}
        what is on the {left|right}{ side|} of the page
        {explain|show me} the {page|user interface|screen|layout}
        """, r"""
        The settings are in the control center, on the right side of the page. It has the tabs Models, Files, Tools and Account, and House for administrators.
        On the left are your conversations, in the middle the chat, and on the right, when you open it, the control center with the tabs Models, Files, Tools, Account and House.
        """, "The control center|Where the settings are|The layout of the page", 1.1,
        more=r"""
        Models holds the model, adapters, sampling and system prompt; Files your attachments; Account your profile, keys and appearance; House is for administrators.
        """),
    intent("files", r"""
        <how> {attach|upload|add|send} {a file|files|a picture|a PDF|a document|an image|a photo|documents}
        <can> {attach|upload|send|give you} {a file|files|a picture|a PDF|documents|an image|photos}
        can you {read|see|open|look at|understand} {files|pictures|PDFs|images|photos|documents|my documents}
        {upload|attach}{ a file| files|}
        <where {my files|my uploads|my attachments}>
        """, r"""
        Attach files with the button in the message box, or drop or paste them there. I can't read them myself: I am a tiny demo model.
        You can drop a file onto the message box or use the attach button. Your files are listed in the Files tab. I am too small to look into them.
        """, "Attaching files|Uploading a file", 1.0,
        where=r"""
        Your files are in the Files tab of the control center.
        """),
    intent("share", r"""
        <how> {share|show|send} {a conversation|a chat|this conversation|this chat} {with a friend|with somebody|by link|with others|to someone|}
        <can> {share|publish} {a conversation|a chat|this}
        {share|sharing}{ a conversation| by link|}
        <how> {withdraw|stop|undo} {sharing|a shared link}
        who can see a shared {conversation|chat}
        """, r"""
        Share a conversation by link: the menu beside it makes a snapshot that others can read. You can withdraw the link at any time.
        Choose share in the conversation's menu. The link shows a snapshot, so what you write later is not in it.
        """, "Sharing a conversation|Sharing by link", 1.0),
    intent("export", r"""
        <how> {export|download|save|print} {a conversation|my conversations|a chat|this chat|my chats}{ as a file| as Markdown| as text|}
        <how> {import|bring in|load|move over} {my ChatGPT chats|conversations from ChatGPT|an export|old chats|my history from ChatGPT|chats from Open WebUI}
        <can> {export|import|download} {conversations|chats|a conversation|my chats|my ChatGPT history}
        {export|import}{ chats| conversations|}
        """, r"""
        A conversation can be exported as Markdown, JSON or plain text from its menu, with all branches in the JSON.
        Export is in the conversation's menu: Markdown, JSON or plain text. JSON exports can be imported again.
        """, "Exporting a conversation|Export and import", 0.9),
    intent("persona", r"""
        <def {a persona|personas|the persona menu}>
        <how> {make|create|use|choose} a persona
        <can> {save|keep} {my settings|a system prompt|a preset} {for later|for new conversations}
        can you {play|be|act as} {a pirate|a teacher|a wizard|someone else|a doctor|a robot|my friend}
        """, r"""
        A persona is a preset with a name: a system prompt, a model, adapters and a greeting. It can be your own or shared with a group. I am too small to play a role well.
        Personas keep settings together, such as the system prompt and the model, so that you can start a conversation with them at once.
        """, "Personas|What a persona is", 0.8),
    intent("markdown", r"""
        <has {Markdown|tables|code highlighting|formulas|LaTeX|diagrams|maths formulas|Mermaid}>
        <can> {copy|format} {code|a reply|text|tables}
        {does the page show|can it show} {tables|code|formulas|maths|diagrams}
        """, r"""
        The page shows Markdown: tables, lists, highlighted code with a copy button, formulas and diagrams.
        Yes. Replies are shown with Markdown, code can be copied with a button, and formulas and diagrams are drawn.
        """, "Markdown in replies|Tables, code and formulas", 0.7),
    intent("page_language", r"""
        {which|what} languages {do you|can you|does it|does Chatelaine|does the page} {speak|know|understand|support|have}
        {do|can} you {speak|understand|write|answer in|talk} {German|French|Spanish|Italian|Chinese|Japanese|Dutch|Polish|Russian|another language|other languages|Turkish|Arabic|Portuguese}
        is {it|the page|Chatelaine} {available|there} in {German|French|English|Spanish|other languages}
        {can we|let's|could we} {speak|talk in|switch to} {German|French|Spanish|another language|Italian}
        {languages|language}
        <how> change the language{ of the page|}
        """, r"""
        I only speak simple English. The page is in English and German, and bigger models speak many languages.
        English is all I know. The page itself comes in English and German; add a bigger model to chat in other languages.
        """, "Languages|Which languages it speaks", 1.2,
        why=r"""
        I learned from a small English text only. A bigger model has read many languages.
        """),
    intent("queue", r"""
        why do I {have to|need to} wait
        what {does|is} the {place in the queue|queue|percentage before the reply} {mean|}
        {it says|I am} {queued|in a queue|in the queue}
        what is the {page|it} doing before the {answer|reply} {comes|starts}
        <def {prefill|prompt progress|the queue}>
        """, r"""
        When others are chatting too, your message waits in a queue; the page shows your place. Then the model reads your text, and the reply begins.
        The page shows your place in the queue, how much of your text the model has read, and then the tokens per second.
        """, "The queue|Waiting for a reply", 0.7),
    intent("accessibility", r"""
        {does it|can it|does the page} work with {a screen reader|screen readers}
        is {it|the page} {accessible|usable for blind people|good for people who see badly}
        {accessibility|screen reader}
        """, r"""
        Yes. The page works with screen readers and with the keyboard alone, and its colours have good contrast.
        It is made for everybody: screen readers, keyboard only, good contrast, and little motion if you prefer that.
        """, "Accessibility|Using a screen reader", 0.5),
]
