"""People: accounts, set-up link, registration keys, passwords, API keys, allowance, roles."""
from .grammar import intent

INTENTS = [
    intent("add_user", r"""
        <how> {add|create|make|invite|register} {a|another|a new|a second|one more} {user|account|person|member|family member|user account|pupil|colleague}
        <how> {invite|let in|bring in|give access to|add} {my {family|wife|husband|kids|team|class|friends|colleagues|brother|sister|partner|children|mother|flatmate}|other people|others|someone|somebody else|users|people|more people}
        how {do|can} {others|my family|my friends|other people|my colleagues|my kids|pupils|my team} {join|sign up|register|get an account|get in|take part|use this too|log in}
        {I want|I'd like} {my {family|team|kids|wife|husband|class|partner|daughter|son} to {use|join} {this|it}|to share this with my {family|team|class}}
        {can|may} {my {wife|husband|kids|friends|son|daughter|team}|someone else|other people|others} {have an account|join|sign up|use it too|use this as well}
        <where {sign up|registration|the registration page}>
        {adding|inviting|creating} {users|people|accounts|others}
        {new|another} {user|account}{ please|}
        {sign|signing} up {new people|somebody|others}
        what does {a new person|my brother|someone} need to {join|register|sign up}
        {register|registration}
        what ways are there to register
        who can {register|sign up|join}
        """, r"""
        Give them a registration key: make one with `chatelaine key generate` and they sign up with it in the page. Or run `chatelaine user add NAME` yourself.
        There are two ways:\n\n- `chatelaine key generate` makes a registration key; the person signs up with it.\n- `chatelaine user add NAME` makes the account at once.
        An administrator adds people: with `chatelaine user add NAME`, or by handing out a registration key. Registration can also be opened to all or need approval.
        """, "Adding another person|Inviting others|Creating user accounts", 2.2,
        how=r"""
        In a terminal: `chatelaine user add NAME`. It asks for a password. Or run `chatelaine key generate` and pass on the key.
        """, where=r"""
        In a terminal on the server, or in the House tab of the control center, where administrators see people and registration keys.
        """, more=r"""
        Registration can be closed, by key, by e-mail, by an administrator's approval, or open. These ways can be combined.
        """),
    intent("registration_key", r"""
        <def {a registration key|registration keys|the registration key|a sign-up key|an invitation key|invite codes}>
        <how> {make|create|generate|get|hand out|issue} {a|some|many|new} {registration key|registration keys|sign-up key|invite code|invitation key|invitation}
        <where {registration keys|a registration key|my registration key}>
        it asks {me |}for a registration key{, what is that|, where do I get one|}
        {registration|sign-up} key{s|}
        how long is a registration key valid
        <can> {limit|revoke|withdraw|cancel} a registration key
        {generate|make} {a|an} {invite|registration} {key|code}
        do registration keys expire
        what does chatelaine key generate do
        who used {my|a} registration key
        """, r"""
        A registration key lets somebody make an account. An administrator makes one with `chatelaine key generate`; it can expire, work a number of times, and carry a role, a group and a token allowance.
        It is a code that a new person types in when signing up. Administrators make keys in the House tab or with `chatelaine key generate`.
        With a registration key people can sign up by themselves. Keys can be limited in time and number of uses, and revoked at any time.
        """, "Registration keys explained|What a registration key is|Making registration keys", 1.8,
        how=r"""
        Run `chatelaine key generate --count 5 --expires 30d` for five keys that last thirty days. `chatelaine key list` shows them.
        """, where=r"""
        Administrators find them in the House tab of the control center. If you want to join, ask your administrator for a key.
        """, more=r"""
        A small Rhai script can decide about each key: allow, refuse with a reason, or change what is granted. Every decision is logged.
        """, why=r"""
        So that only people you chose can join, without your having to make each account yourself.
        """, also=r"""
        {and |}how do I {revoke|cancel|withdraw} {it|one|a key} => Run `chatelaine key revoke KEY`, or revoke it in the House tab.
        """),
    intent("setup_link", r"""
        <def {the set-up link|a setup link|the setup link|the set up link|the first-run link|the link at the start}>
        <where the {set-up|setup} link>
        <how> {create|make|get} the {first|initial} {administrator|admin|account|admin account|user}
        how do I {start|begin|get started|set it up|set this up|set Chatelaine up|sign in for the first time}
        {first|initial} {steps|set-up|setup|start|run}
        what {is|was} the link {it|the server|the program} {printed|prints|showed} {at start|in the terminal|when it started}
        {who|how} {is|becomes} the first {administrator|admin}
        how long is the {set-up|setup} link valid
        what do I do {first|after starting the server|when I run it the first time}
        {getting started|first steps}
        become {the |}{admin|administrator}
        """, r"""
        While there is no administrator, the server prints a set-up link when it starts. Open it in your browser to make the first administrator. It works once and for 30 minutes.
        Start `chatelaine serve` and open the line that begins with `Set up:` in your browser. There you choose the name and password of the first administrator.
        The set-up link makes the first administrator. It is printed at start, works once, and expires after 30 minutes; a restart prints a new one.
        """, "The set-up link|First steps with Chatelaine|Making the first administrator", 1.4,
        where=r"""
        In the terminal where the server was started, or in its log: the line begins with `Set up:`.
        """, how=r"""
        Open the link in a browser, choose a name and a password, and you are the administrator.
        """, more=r"""
        When the first administrator exists, no more set-up links are printed. Others join with a registration key.
        """),
    intent("lost_setup_link", r"""
        I {lost|can't find|have lost|closed|missed|forgot|did not copy|no longer have} the {set-up|setup|set up|first} link
        {my|the} {set-up|setup|set up} link {has |}{expired|is gone|does not work|doesn't work|is too old|is invalid|timed out|is lost|is not valid}
        how do I get {a new|another|the} {set-up|setup|set up} link{ again|}
        the {setup|set-up} {token|link} is not accepted
        {lost|expired|missing|new} {setup|set-up} link
        where do I get a fresh {setup|set-up} link
        the terminal {is gone|was closed} and I never used the {set-up|setup} link
        """, r"""
        Restart the server: as long as there is no administrator, it prints a new set-up link each time it starts.
        Stop the server and start it again. A new set-up link is printed; it is valid for 30 minutes.
        No harm done: restart `chatelaine serve` and it prints a fresh set-up link.
        """, "A new set-up link|Lost the set-up link", 1.3,
        why=r"""
        The link works once and for 30 minutes only, so that nobody else can use it later.
        """, how=r"""
        Press Ctrl C in the server's terminal, then run `chatelaine serve` again. The new link is in the line that begins with `Set up:`.
        """, where=r"""
        In the terminal where you start the server, in the line that begins with `Set up:`.
        """),
    intent("forgot_password", r"""
        I {forgot|have forgotten|lost|don't remember|can't remember|no longer know} my {password|login|passphrase}
        {my|a} {password|login} {is lost|is forgotten|does not work|is not accepted|is wrong|was forgotten}
        how {do I|can I|to} {reset|recover|restore|get back} {a|my|the|the admin|a lost|a forgotten} password
        {a user|my son|my wife|someone|a friend|a pupil|my daughter} {forgot|has forgotten|lost} {the|their|his|her} password
        I {can't|cannot|can not} {log in|sign in|get in|login}{ any more| anymore|}
        {locked out|I am locked out|I'm locked out}{ of my account|}
        {forgot|forgotten|lost|reset} {my |}password
        {the|our} {administrator|admin} password is {gone|lost|forgotten}
        what if {I|someone} {forget|forgets} the password
        """, r"""
        On the server, run `chatelaine user set-password NAME` and type a new password. If mail is set up, you can also ask for a reset link on the sign-in page.
        Ask the administrator, who can run `chatelaine user set-password NAME` on the server. That sets a new password.
        A new password is set on the server:\n\n```\nchatelaine user set-password NAME\n```
        """, "Resetting a password|Forgotten password", 1.6,
        where=r"""
        In a terminal on the machine where Chatelaine runs.
        """, how=r"""
        Open a terminal on the server, run `chatelaine user set-password NAME`, and type the new password.
        """, why=r"""
        Passwords are stored only as hashes, so nobody can look up the old one; it can only be replaced.
        """),
    intent("change_password", r"""
        <how> {change|update|renew|replace|alter} {my|the} {password|passphrase}
        <where {the password setting|my password}>
        <can> {change|pick|choose} {my|a new} password
        I {want|need} a {new|different|stronger} password
        {change|changing} {my |}password
        """, r"""
        Open the Account tab of the control center and change your password there.
        In the Account tab: type the old password, then the new one. On the server, `chatelaine user set-password NAME` does it too.
        """, "Changing the password|A new password", 1.2,
        where=r"""
        The Account tab is in the control center, on the right side of the page.
        """),
    intent("sign_out", r"""
        <how> {sign out|log out|logout|sign off|log off|end my session}
        <where the {sign out|log out|logout} button>
        {sign|log} me out
        <can> {see|end|close} {my other|all my|old} sessions
        I {left|forgot to sign out on|am still signed in on} {another|an old} {computer|phone|device}
        {sign|log} out{ please|}
        I'm done, how do I leave my account
        """, r"""
        You sign out in the Account tab of the control center. Your sessions on other devices are listed there too, and you can end them.
        Open the Account tab and sign out. There you can also end sessions on other devices.
        """, "Signing out|Ending a session", 1.0,
        where=r"""
        In the Account tab of the control center, on the right side of the page.
        """),
    intent("delete_account", r"""
        <how> {delete|close|remove|erase} my {account|profile|user}
        <how> {export|download|get} {all |}my {data|own data}
        <can> {delete|remove} my account
        {delete|close} {my |}account
        """, r"""
        In the Account tab you can delete your account and export your data. Export first: deleting cannot be taken back.
        Open the Account tab: there you can download all your data and delete your account.
        """, "Deleting an account|Exporting one's own data", 0.7),
    intent("api_key", r"""
        <def {an API key|API keys|a chk_ key|a personal API key}>
        <how> {make|create|get|generate|obtain|revoke|delete} {an|my|a new|a personal} {API key|api key|API token|access token for scripts}
        <where {my API key|API keys|the API key}>
        {api|API} key{s|}
        my {script|program|tool} needs an {API key|api key|token}
        {what key|which key} do I {use|need} for the API
        I lost my API key
        """, r"""
        An API key lets a program use Chatelaine in your name. Make one in the Account tab; it begins with `chk_` and is shown only once.
        You make API keys in the Account tab, with an expiry date if you like. Send it as `Authorization: Bearer chk_…`.
        It is a secret for scripts and programs. Create it in the Account tab and keep it safe: it is shown only once.
        """, "API keys explained|Making an API key", 1.3,
        how=r"""
        Open the Account tab, make a new key, and copy it at once: it is shown only this one time.
        """, where=r"""
        In the Account tab of the control center.
        """, why=r"""
        So that a program never needs your password, and you can withdraw a single key at any time.
        """, also=r"""
        {and |}{is that|is this|is it} {the same as|like} a registration key => No. A registration key lets a new person sign up; an API key lets a program use your account.
        """),
    intent("allowance", r"""
        <def {the token allowance|token allowance|a token allowance|my allowance|the allowance|my token balance|the token budget}>
        how many tokens do I have{ left|}
        <where my {token balance|allowance|token allowance|balance}>
        <how> {raise|change|set|limit|top up|give} {a user's|my|the|somebody's} {allowance|token allowance|balance|tokens|quota|limit}
        <can> {limit|restrict|control} {how much|what} {people|my kids|users|pupils|my children} {use it|chat|write|can use}
        {why does it say|it says} {quota exceeded|my balance does not suffice|I have no tokens left|402|not enough tokens}
        {I|we} {ran|have run} out of tokens
        {quota|usage limits|limits for users}
        what does a message cost
        """, r"""
        The token allowance is a balance that each user has: every message costs a little of it. You see yours in the Account tab; an administrator sets the price and can top it up.
        Each user may have a balance of tokens. When it does not suffice, the page says so, and an administrator can top it up. It can also refill on a schedule.
        An allowance limits how much each person can use. Administrators set it per user or with a registration key.
        """, "The token allowance|Limits for users|Token balance", 1.2,
        where=r"""
        Your balance is in the Account tab. Administrators change it in the House tab.
        """, why=r"""
        So that one person cannot keep the machine busy for everybody else.
        """, how=r"""
        Ask an administrator: they open the House tab, choose your name and top up the balance.
        """),
    intent("administrator", r"""
        <def {an administrator|the administrator|an admin|roles|groups|the House tab}>
        <how> {become|make somebody|make someone|get to be} {an administrator|an admin|administrator}
        {what can|what does} an {administrator|admin} do
        {who|how can I ask} {is my administrator|for administrator rights|for admin rights}
        <has {roles|groups|an admin page|administrator rights|permissions}>
        <where {the admin page|the administrator's page|the admin panel|the House tab|the admin settings}>
        can I decide who may use which model
        """, r"""
        An administrator looks after the house: people, registration keys, models, plugins and settings. They do this in the House tab.
        Administrators have one more tab, House, with an overview, people, registration keys, models, plugins and settings. You can ask for these rights in the Account tab.
        With roles and groups an administrator decides who may use which model, adapter and tool. That is in the House tab.
        """, "What administrators do|Roles and groups", 1.0,
        how=r"""
        `chatelaine user add NAME --role admin` makes an administrator. You can also ask for the rights in the page; an administrator decides.
        """, where=r"""
        The House tab is in the control center, on the right side. Only administrators see it.
        """),
    intent("many_users", r"""
        {can|could} {several|many|two|more than one|multiple} {people|users|persons|friends} {use it|chat|use this|work|write} {at once|at the same time|together|in parallel|simultaneously}
        how many {people|users} {can use it|can chat|does it support|are possible|may use this}{ at once| at the same time|}
        {is it|is this} {only |}for {one person|a single user|more than one person|many users|several people}
        <has {several users|multiple users|more than one user|many users}>
        what happens when {two|many} people write at {once|the same time}
        {multi-user|multi user|multiple users}
        do we have to {wait|take turns} {for each other|when somebody else is chatting|}
        can my {family|team|class} use it {at the same time|together|all at once}
        """, r"""
        Yes, many people can chat at once. Their replies are made side by side, fairly shared between users, and the page shows your place in the queue.
        Any number of people can have an account, and several can chat at the same time. A long message of one does not stall the others.
        Yes. Everybody has an account with private conversations, and replies for several people are worked on together.
        """, "Several people at once|More than one user", 1.2,
        how=r"""
        The model works on several replies in the same step: a token for each. That is called continuous batching.
        """, more=r"""
        Nobody sees another person's conversations, unless they are shared by link.
        """),
    intent("privacy_between_users", r"""
        can {others|other users|my wife|the other people|my parents|my colleagues} {see|read} {my|what I write in my} {conversations|chats|messages}
        {are|is} my {conversations|chats|messages} {private|visible to others|hidden from others}
        who can {read|see} my {conversations|chats|messages}
        does {the|my} {administrator|admin|family} see {what I write|my chats}
        {do|can} other {people|users} {see|read} {this|what I write}
        """, r"""
        Your conversations are yours: other users cannot see them. Only if you share one by link can others read that snapshot.
        No other user can read them. But whoever owns the machine can reach its files, so trust the person who runs it.
        """, "Privacy between users|Who can read my conversations", 1.0,
        why=r"""
        Every request is checked against the owner. Somebody else's conversation simply does not exist for you.
        """),
]
