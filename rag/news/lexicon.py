"""Word lists of speech in English news: verbs, titles, roles, and words that bound a phrase.

All in lower case, except ``NO_NAME`` and what is compared with a word as it stands.
"""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


PRONOUNS = _set("he she they it")
NOMINATIVE = {"him": "he", "her": "she", "them": "they"}
DETERMINERS = _set(
    "a an the his her its their our my your this that these those one two three four five six seven "
    "eight nine ten some "
    "many several most few both another other each all any no every multiple numerous top senior"
)
PREPOSITIONS = _set(
    "of for at from with in on to by about against near inside outside within between among over under"
)
SUBORDINATORS = _set(  # a noun phrase ends before one
    "that and but or because if when while as after before since though although which who whose "
    "what how why where than so until whether then however yet once nor unless whom"
)
CONTRACTED = frozenset(
    f"{who}{mark}{verb}"
    for who in "i you he she it we they that there who".split()
    for mark in "’'"
    for verb in "s d ll m re ve".split()
)
AUXILIARIES = CONTRACTED | _set(
    "is was were are be been being am has have had will would could can may might must should do "
    "does did having not never n't isn't wasn't got get gets became become said says told"
)
BARRED = _set(  # before a verb: what it says was not said ("did not say", "to say")
    "to would could can may might must should will did does do not never cannot is was were are be "
    "been being am didn't doesn't don't won't wouldn't can't couldn't wasn't isn't hasn't haven't "
    "didn’t doesn’t don’t won’t wouldn’t can’t couldn’t wasn’t isn’t hasn’t haven’t without nor"
)
NO_NOUN = DETERMINERS | PREPOSITIONS | SUBORDINATORS | AUXILIARIES
NO_DESCRIPTION = SUBORDINATORS | AUXILIARIES
ADVERBS = _set(  # between subject and verb
    "also later then recently has have had previously earlier again once now still just too even "
    "first since today yesterday often always further himself herself themselves itself instead "
    "simply both soon himself each all once who've though however meanwhile next tonight ever last"
)
NOT_ADVERBS = _set("family ally rally italy assembly bully supply july emily kelly police reply")
DAYS = _set(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june "
    "july august september october november december morning afternoon evening night week month year"
)
BEFORE_DAYS = _set("on last late early this in earlier")
ROYAL = _set(
    "king queen prince princess pope sir dame lord lady duke duchess saint st sister father"
)
PARTICLES = _set("de al bin van von der la del el ibn da dos")
ENDS_SUBJECT = AUXILIARIES | DAYS | (SUBORDINATORS - {"and"})
IN_SUBJECT = _set("of for and at with from")
TITLES = _set(
    "president vice prime minister chancellor king queen prince princess pope senator "
    "representative congressman congresswoman governor mayor secretary general attorney judge "
    "justice chief officer director chairman chairwoman chair ambassador sheriff detective captain "
    "lieutenant colonel sergeant major admiral commander deputy coach professor doctor sir dame "
    "lord lady mr mrs ms miss dr sen sens rep reps gov gen lt col maj sgt capt adm prof rev det "
    "supt pm mp tory pastor ceo cfo founder speaker leader commissioner superintendent spokesman spokeswoman "
    "spokesperson analyst democrat republican gop democratic former district saint st father "
    "rabbi imam sister brother inspector foreign defence defense state interior press white house "
    "quarterback star actor actress singer author rapper co-founder duke duchess"
)
NOT_TELLING = _set("the a an us u.s jr sr")
ORGANISATION = _set(  # a name with one of these is not a person's
    "ministry department office court police party council agency commission university college "
    "association institute committee company corporation corp inc group bank centers center centre "
    "administration bureau service services times post journal news press union league foundation "
    "hospital school board authority force forces house senate congress parliament government city "
    "county street island states kingdom network club airlines airport museum church award "
    "awards cup bowl national international world global american america york angeles "
    "weather society trust federation organization organisation nations today tribune guardian "
    "republicans democrats express website no rule"
)
NO_NAME = _set(  # capitalised only because a sentence begins
    "The A An This That These Those He She They It We I You His Her Their Its Our In On At By For "
    "From With And But Or If When While As After Before Since Despite However Meanwhile Following "
    "Although There Here What Who Why How Where Which Some Many Most All Both Each No Not Yes So "
    "Then Now Yet Still Also Though Because During Until Asked Speaking Earlier Later Last Just "
    "Even Only Other Another One Two Three More Under Over About According Once Like Among Instead Given Can Will Could "
    "Should Would Does Did Do Is Are Was Were Has Have Had Being Having Add Read More Watch See Photo "
    "Not Two Four Five Let Why Please Thank Per"
)
BODY = re.compile(
    r"(?:police|ministry|government|administration|department|agency|company|team|group|court|"
    r"union|association|campaign|office|study|report|lawsuit|statement|staff|league|organi[sz]ation|"
    r"network|service|council|committee|commission|paper|newspaper|outlet|site|website|letter|party|"
    r"release|airline|suit|complaint|indictment|filing|memo|affidavit|ruling|warrant|brand|magazine|"
    r"theater|theatre|embassy|hospital|charity|charitie|watchdog|regulator|parliament|tribunal|university|school|review|survey|analysis|poll|investigation|contract|law|bill|code|board|message|panel|jury|institute|foundation|firm|"
    r"bank|center|order|tweet|post|book|document|newsletter|broadcaster)s?$"
)
ROLE = re.compile(
    r".*(?:man|men|woman|women|person|people|persons)$|[a-z-]{2,}(?:er|or|ist|ian|ant|ent|eer|ial|ive|"
    r"ee|ate|yst)s?$|(?:authorities|attorney|judge|mayor|coach|coache|chief|star|exec|lady|critic|source|family|"
    r"expert|witness|witnesse|actress|aide|king|queen|pope|ally|allie|colleague|friend|son|mother|"
    r"father|wife|husband|governor|fan|user)s?$"
)
WOMEN = _set(  # given names, for "she" and "he"
    "mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty "
    "sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie "
    "rebecca laura sharon cynthia kathleen amy angela anna emma nicole samantha katherine "
    "christine rachel carolyn janet maria heather diane julie olivia kelly joyce lauren victoria "
    "christina joan kate catherine ann anne jane alice julia grace sophia hannah taylor "
    "kamala hillary nikki melania ivanka jill tara claire natalie rachael kristen kristin kerry "
    "beth megan meghan molly erin monica gloria alexandria vanessa brittany tiffany kim martha "
    "ellen judy ruth frances whitney amber sara sonia ursula angelina leah lindsey caroline eva "
    "elena holly katie jamie-lynn andrea paula theresa teresa wendy tina april dawn allison alison"
)
MEN = _set(
    "james robert john michael david william richard joseph thomas christopher charles daniel "
    "matthew anthony mark donald steven andrew paul joshua kenneth kevin brian george timothy "
    "ronald jason edward jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott "
    "brandon benjamin samuel gregory alexander patrick frank raymond jack dennis jerry tyler aaron "
    "jose adam nathan henry zachary douglas peter kyle noah ethan jeremy walter christian keith "
    "roger terry austin sean gerald carl harold dylan arthur lawrence jordan jesse bryan billy "
    "bruce gabriel joe logan alan juan elijah willie albert wayne randy mason vincent liam roy "
    "bobby caleb bradley russell lucas mike jim bob tom bill steve dan chris matt ben tim greg "
    "josh jeff rob ron ken dave nick tony alex sam max luke mitch kevin chuck ted vladimir "
    "volodymyr xi emmanuel boris rishi barack bernie marco ali mohammed muhammad ahmed abdul imran "
    "narendra benjamin antonio carlos luis miguel antony lloyd elon jared brad craig derek doug"
)
SHE = re.compile(r"(?:woman|women|mother|wife|daughter|sister|actress|queen|girl|mrs|ms|miss)$")
HE = re.compile(r"(?:(?<!wo)man|(?<!wo)men|father|husband|son|brother|king|boy|mr|sir|actor)$")

_ANYONE = "say tell add"
_CLAUSE = (
    "announce argue claim explain insist warn note acknowledge admit allege assert caution complain "
    "conclude confirm contend declare deny emphasize emphasise stress hint joke lament maintain "
    "mention observe predict promise pledge vow quip reaffirm recall recount reiterate remark reply "
    "report respond reveal state suggest testify tweet underline underscore write post affirm "
    "highlight echo counter concede boast brag muse opine retort exclaim express voice criticize "
    "criticise condemn praise convey rule estimate show accuse urge threaten denounce agree disagree "
    "speculate apologize proclaim advise recommend clarify disclose inform elaborate gush rave "
    "marvel plead demand promise repeat hail applaud decry rebuke assure swear"
)
_QUOTE_ONLY = (  # only with a quotation: "called it █"
    "call describe dub label brand ask think believe feel find deem consider refer characterize "
    "characterise cite thank wonder reject dismiss portray expect hope blast slam comment shout "
    "defend read"
)
_BESIDE_ONLY = (  # only directly beside one: "█ she continued"
    "begin continue start go laugh yell scream whisper offer sing chant reason share answer "
    "tease speak finish tout preach smile chime interject cheer cry"
)
_IRREGULAR = {
    "say": "says said saying", "tell": "tells told telling", "think": "thinks thought",
    "write": "writes wrote writing", "feel": "feels felt", "find": "finds found finding",
    "read": "reads reading", "begin": "begins began", "sing": "sings sang",
    "speak": "speaks spoke", "swear": "swears swore swearing", "go": "goes went",
    "admit": "admits admitted admitting", "plead": "pleads pleaded pled pleading",
    "brag": "brags bragged bragging", "slam": "slams slammed slamming",
    "quip": "quips quipped quipping",
}  # fmt: skip


def _forms(lemma: str) -> list[str]:
    if lemma in _IRREGULAR:
        return [lemma, *_IRREGULAR[lemma].split()]
    if lemma.endswith("e"):
        return [lemma, lemma + "s", lemma + "d", lemma[:-1] + "ing"]
    if lemma.endswith("y"):
        return [lemma, lemma[:-1] + "ies", lemma[:-1] + "ied", lemma + "ing"]
    s = "es" if lemma.endswith(("s", "sh", "ch", "x")) else "s"
    return [lemma, lemma + s, lemma + "ed", lemma + "ing"]


VERBS = {
    form: kind
    for kind, lemmas in (
        ("beside", _BESIDE_ONLY),
        ("quote", _QUOTE_ONLY),
        ("clause", _CLAUSE),
        ("anyone", _ANYONE),
    )
    for lemma in lemmas.split()
    for form in _forms(lemma)
}
PHRASES = (
    ("made", "it", "clear"), ("makes", "it", "clear"), ("make", "it", "clear"),
    ("made", "clear"), ("was", "quoted", "as", "saying"), ("pointed", "out"), ("points", "out"),
    ("on", "to", "say"),
)  # fmt: skip
PHRASE_STARTS = frozenset(phrase[0] for phrase in PHRASES)
NOUNS_TOO = _set(  # a verb only where something told follows
    "claims claim reports report notes note states state remarks remark posts post promise "
    "promises demands demand comments tweets tweet pledge pledges vow vows stress joke jokes hints "
    "hint voice voices slam blast counter counters echo echoes highlights highlight recalls recall "
    "praise advise estimates complains shares share label brand read reads call calls answer find "
    "finds start starts offers offer reason feels tease hope hopes thanks thank goes go reveal "
    "alleged rule rules show shows showed estimate estimated"
)
TAIL = _set(  # what may follow "Khan said" and is not said: when, where, to whom, of what
    "on in at during after before via from when while as of about with by through following late "
    "early earlier this last monday tuesday wednesday thursday friday saturday sunday who adding "
    "referring speaking citing recently again then to today yesterday upon outside inside"
)
TELL = _set("tell tells told telling inform informed assured")
FACTS = _set(  # also done without words: "added a run", "claimed gold"
    "add adds added claim claims claimed deny denies denied observe observes observed maintain "
    "maintains maintained announce promise promised note recall recalled repeat repeated counter "
    "countered admit admitted reveal revealed report reported declare declared post posted "
    "demonstrate clarify disclose disclosed recount agree agrees agreed disagree confirm confirms "
    "confirmed adding denying claiming announcing confirming recalling reporting revealing "
    "observing promising concluding boast boasts boasted conclude concludes concluded read reads"
)
FINITE = CONTRACTED | _set(  # what makes the words after a verb a clause
    "is are was were has have had will would can could should may might must did does do didn't "
    "isn't wasn't weren't won't wouldn't can't couldn't he she they it we i there"
)
PASSIVE = _set("claimed described called dubbed labeled labelled denounced condemned")
BASE = _set(f"{_ANYONE} {_CLAUSE} {_QUOTE_ONLY} {_BESIDE_ONLY}")
TRIMMED = _set(", . ; : — – - and but")
JOINS = _set("and but or")
JOINS_VERBS = _set("and but then though although while , or")
BEFORE_PARTICIPLE = _set("and , by while before after — – - when")
TIMES = _set(  # between "said" and what is said
    "on in this last late early earlier monday tuesday wednesday thursday friday saturday sunday "
    "morning afternoon evening night week month year today yesterday ,"
)
