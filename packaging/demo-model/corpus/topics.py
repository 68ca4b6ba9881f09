"""Names and nouns that the demo model knows nothing about. They teach it to say so."""

_THINGS = """quantum physics|black holes|photosynthesis|the French Revolution|the Roman Empire|the Second World War|the Cold War|the Middle Ages|gravity|inflation
the stock market|bitcoin|blockchain|climate change|global warming|evolution|dinosaurs|volcanoes|earthquakes|DNA|vaccines|viruses|antibiotics|the human brain
the immune system|the heart|neurons|atoms|electrons|nuclear fusion|nuclear power|solar panels|wind turbines|electric cars|steam engines|jet engines|rockets|satellites
the moon landing|Mars|Saturn|the Milky Way|the big bang|dark matter|relativity|string theory|thermodynamics|magnetism|electricity|semiconductors|transistors|microchips
the internet protocol|TCP|DNS|Kubernetes|machine learning|neural networks|transformers|reinforcement learning|cryptography|prime numbers|calculus|algebra|geometry|trigonometry
statistics|probability|the Pythagorean theorem|the Fibonacci numbers|pi|logarithms|matrices|philosophy|stoicism|existentialism|Buddhism|Islam|Christianity|Hinduism|mythology
the Odyssey|the Bible|Hamlet|Don Quixote|impressionism|cubism|the Renaissance|baroque music|jazz|opera|rock and roll|hip hop|ballet|the theatre|cinema|photography
chess openings|poker|football rules|cricket|baseball|basketball|tennis|the Olympic Games|the World Cup|Formula One|the Tour de France|skiing|surfing|yoga|marathon training
economics|capitalism|socialism|democracy|the constitution|the European Union|the United Nations|NATO|the parliament|elections|taxes|mortgages|pensions|insurance|interest rates
contract law|copyright|patents|divorce|inheritance|employment law|human rights|the supreme court|bread baking|sourdough|lasagne|sushi|curry|pancakes|cheesecake|risotto|beer brewing
wine|coffee roasting|green tea|chocolate making|gardening|roses|tomato plants|bonsai|beekeeping|composting|mushrooms|orchids|fertiliser|plumbing|roof repair|carpentry|welding|knitting
sewing|origami|pottery|oil painting|guitar chords|the piano|the violin|singing technique|music theory|meditation|sleep disorders|migraine|diabetes|cancer|asthma|allergies|flu
blood pressure|back pain|depression|anxiety|vitamins|protein|calories|keto diets|fasting|pregnancy|baby names|child education|school grades|university rankings|scholarships
job interviews|a CV|salaries|marketing|branding|startups|accounting|supply chains|logistics|shipping|airports|trains|the London Underground|the Eiffel Tower|Mount Everest
the Amazon river|the Sahara|the Great Wall|the pyramids|Stonehenge|Machu Picchu|Venice|New York|San Francisco|Hong Kong|Dubai|Sydney|Cape Town|Antarctica|the Alps|the Pacific
coral reefs|sharks|octopuses|tigers in the wild|extinct birds|mammoths|fossils|minerals|diamonds|gold prices|oil prices|steel|concrete|bridges|skyscrapers|submarines|drones|robots
virtual reality|video games|Minecraft|Pokemon|Star Wars|Harry Potter|The Lord of the Rings|Shakespeare's sonnets|the Beatles|Mozart's operas|Bach's fugues|Picasso's paintings
Python decorators|Java classes|JavaScript promises|Rust lifetimes|C pointers|SQL joins|regular expressions|Git branches|Linux permissions|Docker containers|HTML forms|CSS grids|React hooks
Excel formulas|spreadsheets|PowerPoint|Photoshop|printers|my router|Bluetooth|USB cables|the battery of my phone|iPhones|Android updates|Windows errors|graphics drivers|email servers
Latin grammar|French verbs|German cases|Chinese characters|Esperanto|linguistics|etymology|poetry of the Romantics|haiku rules|rhetoric|logic|ethics|psychology|sociology|anthropology
archaeology|the Vikings|the samurai|the Aztecs|ancient Egypt|pharaohs|Greek gods|Norse myths|King Arthur|the Crusades|the plague|the Industrial Revolution|slavery|colonialism
the Berlin Wall|the Vietnam War|the Civil War|the Titanic|the Hindenburg|the space shuttle|GPS|radar|lasers|X-rays|MRI scanners|pacemakers|stem cells|cloning|genetics|bacteria|fungi
yeast|enzymes|hormones|insulin|cholesterol|the liver|kidneys|lungs|muscles|bones|teeth|skin care|hair loss|contact lenses|hearing aids|first aid|poisonous plants|snake bites|tides
hurricanes|tornadoes|lightning|rainbows|clouds|the ozone layer|acid rain|recycling|plastic waste|sustainability|carbon dioxide|hydrogen|helium|uranium|mercury|sodium|chemistry|acids"""
THINGS = [item.strip() for item in _THINGS.replace("\n", "|").split("|")]

_PEOPLE = """Albert Einstein|Isaac Newton|Marie Curie|Charles Darwin|Napoleon|Julius Caesar|Cleopatra|Abraham Lincoln|George Washington|Winston Churchill|Nelson Mandela
Mahatma Gandhi|Leonardo da Vinci|Michelangelo|Vincent van Gogh|Pablo Picasso|Mozart|Beethoven|Bach|Chopin|William Shakespeare|Jane Austen|Charles Dickens|Goethe|Tolstoy|Homer|Plato
Aristotle|Socrates|Confucius|Buddha|Galileo|Copernicus|Kepler|Nikola Tesla|Thomas Edison|Alan Turing|Ada Lovelace|Stephen Hawking|Neil Armstrong|Christopher Columbus|Marco Polo
Queen Victoria|Henry the Eighth|Joan of Arc|Catherine the Great|Genghis Khan|Alexander the Great|Karl Marx|Sigmund Freud|Martin Luther King|Rosa Parks|Elvis Presley|Michael Jackson
Madonna|Taylor Swift|Lionel Messi|Pele|Muhammad Ali|Roger Federer|Serena Williams|Usain Bolt|Steve Jobs|Bill Gates|Linus Torvalds|the president|the prime minister|the king|the pope
the mayor|the chancellor|my neighbour|Mary Smith|John Miller|Peter Novak|the inventor of the telephone|the first person on the moon|the author of Dracula|the richest person"""
_ROLES = """the composer of the Four Seasons|the painter of the Mona Lisa|the inventor of the wheel|the author of Faust|the king of Sweden|the third emperor of China|the winner of the Nobel Prize|the captain of the team
the founder of Rome|the architect of the tower|the discoverer of America|the director of Jaws|the singer of this song|the first woman in space|the tallest man|the fastest runner|the mayor of Berlin"""
_PEOPLE += "|" + _ROLES
PEOPLE = [item.strip() for item in _PEOPLE.replace("\n", "|").split("|")]

CITIES = """London|Paris|Berlin|Rome|Madrid|Vienna|New York|Tokyo|Chicago|Boston|Sydney|Hamburg|Munich|Prague|Oslo|Dublin|Cairo|Mumbai|Toronto|Zurich
Lyon|Naples|Bristol|Leeds|Seattle|Denver|Lisbon|Athens|Moscow|Istanbul|our village|my town|the mountains|Scotland|Spain|Texas|Florida""".replace("\n", "|").split("|")
LANGUAGES = "French|German|Spanish|Italian|Chinese|Japanese|Latin|Russian|Dutch|Portuguese|Arabic|Turkish|Polish|Greek|Hebrew|Swedish|Korean|Hindi".split("|")
WORDS = """house|tree|good morning|I love you|thank you|the cat sleeps|bread|water|my name is Anna|where is the station|freedom|hello|Sunday|window|see you tomorrow
a glass of wine|happy birthday|friend|school|I am hungry""".replace("\n", "|").split("|")
CODE_LANGUAGES = "Python|Rust|JavaScript|Java|C|C++|Go|PHP|Ruby|SQL|Bash|TypeScript|Kotlin|Swift|HTML|Perl|Haskell|R|CSS".split("|")
CODE_JOBS = """sort a list|reverse a string|read a file|download a page|parse JSON|compute prime numbers|connect to a database|draw a chart|send an e-mail|build a web server
scrape a website|count words|make a game|rename files|merge two lists|find duplicates|play a sound|resize images|print a triangle|solve a sudoku""".replace("\n", "|").split("|")
AILMENTS = """a headache|a fever|a cough|back pain|a sore throat|a rash|chest pain|a cold|stomach ache|high blood pressure|a broken finger|an allergy|toothache|dizziness
trouble sleeping|a swollen knee|a burn|an infection|anxiety|migraines""".replace("\n", "|").split("|")
LEGAL = """my landlord|my employer|a contract|a parking ticket|a divorce|my neighbour's tree|a will|a refund|my tenant|an accident|a tax return|a visa|a trademark|copyright
a lawsuit|my insurance|overtime|a speeding ticket""".replace("\n", "|").split("|")
DISHES = """lasagne|pancakes|apple pie|tomato soup|bread|a chocolate cake|curry|risotto|pizza|sushi|goulash|cookies|a salad|roast chicken|dumplings|an omelette|fish soup
cheesecake|ramen|potato salad""".replace("\n", "|").split("|")
TEXTS = """an e-mail to my boss|an essay about trees|a letter to my landlord|a speech for a wedding|an article about bees|a cover letter|my homework|a report|a business plan
a summary of this text|a birthday card|a love letter|a press release|a blog post|a thank-you note|song lyrics|a screenplay|a complaint|an invitation|a product description""".replace("\n", "|").split("|")
SYLLABLES = "ba be bo da de do fa fe fi ga go ka ke ki la le li lo lu ma me mi mo na ne ni no pa pe pi ra re ri ro sa se si so ta te ti to va ve vi zo zu an el in or us ar".split()
SCRIPTS = ["Wie spät ist es in Köln?", "Guten Tag, wie geht es dir?", "Kannst du mir helfen?", "Wer bist du?", "Bonjour, comment ça va ?", "Où est la gare ?", "Quelle heure est-il ?",
           "¿Dónde está la biblioteca?", "Hola, ¿qué tal?", "Cómo te llamas", "Ciao, come stai?", "Perché il cielo è blu?", "Olá, tudo bem?", "Não entendo", "Hallo, hoe gaat het?",
           "Cześć, jak się masz?", "Děkuji vám", "Tack så mycket", "Hyvää päivää", "Merhaba, nasılsın?", "Привет, как дела?", "Где мой файл?", "Καλημέρα σας", "你好", "你是谁?",
           "今天天气怎么样", "こんにちは", "元気ですか", "안녕하세요", "مرحبا كيف حالك", "שלום", "नमस्ते", "สวัสดี", "Wo liegen meine Daten?", "Erzähl mir einen Witz", "Qué puedes hacer", "Qui es-tu ?"]
