"""Who a speech verb's subject is: the words that name it, and the fullest name for it.

Rules over words, without a parser. ``subject_before`` and ``subject_after`` find the noun phrase;
``People`` knows every person the article names in full, and finds the name for "Khan", "the
spokesperson" and "he". Where two fit equally, none is taken: a description stays a description.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

Word = tuple[int, int, str]
"""(start, end, ``text[start:end]``) of a word, a mark, or a run of ``HIDDEN`` (a quotation)."""
HIDDEN = "\x00"
TITLE = "\x01"
"""What the letters of a quotation, and of a quoted name of a work, are replaced by."""
_Who = tuple[str, str]  # first and last word of a full name, in lower case
_POSSESSIVE = ("’s", "'s", "s’", "s'", "z’")
_PARTICLES = ("de", "al", "bin", "van", "von", "der", "la", "del", "el", "ibn", "da", "dos")

_WORD = re.compile(
    rf"{HIDDEN}+|{TITLE}+|@\w+|(?:[A-Z]\.)+(?:[A-Z]\b)?|(?:Mr|Mrs|Ms|Dr|Sens?|Reps?|Gov|Gen|Lt|Col|Maj|Sgt|Capt|Adm|Prof|Rev"
    r"|Jr|Sr|St|Det|Supt)\.|\d+(?:[.,]\d+)+|\w+(?:[’'&.-]\w+)*[’']?|[^\w\s]|\n"
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


PRONOUNS = _set("he she they it")
_DETERMINERS = _set(
    "a an the his her its their our my your this that these those one two three four five six some "
    "many several most few both another other each all any no every multiple numerous top senior"
)
_PREPOSITIONS = _set(
    "of for at from with in on to by about against near inside outside within between among over under"
)
_CLAUSE = _set(
    "that and but or because if when while as after before since though although which who whose "
    "what how why where than so until whether then however yet once nor unless, whom"
)
_AUXILIARIES = _set(
    "is was were are be been being am has have had will would could can may might must should do "
    "does did not never n't isn't wasn't got get gets became become said says told"
)
_CONTRACTED = frozenset(
    f"{who}{mark}{verb}"
    for who in "i you he she it we they that there who".split()
    for mark in "’'"
    for verb in "s d ll m re ve".split()
)
_AUXILIARIES |= _CONTRACTED
_BARRED = _set(
    "to would could can may might must should will did does do not never cannot is was were are be "
    "been being am didn't doesn't don't won't wouldn't can't couldn't wasn't isn't hasn't haven't "
    "didn’t doesn’t don’t won’t wouldn’t can’t couldn’t wasn’t isn’t hasn’t haven’t without nor"
)
_ADVERBS = _set(
    "also later then recently has have had previously earlier again once now still just too even "
    "first since today yesterday often always further himself herself themselves itself instead "
    "simply both soon himself each all once who've though however meanwhile next tonight ever last"
)
_NOT_ADVERBS = _set("family ally rally italy assembly bully supply july emily kelly police reply")
_DAYS = _set(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june "
    "july august september october november december morning afternoon evening night week month year"
)
_OCCASIONS = _set(
    "statement interview tweet post email e-mail letter speech video conference release briefing "
    "message hearing text podcast call thread report filing memo press appearance episode testimony"
)
_ROYAL = _set(
    "king queen prince princess pope sir dame lord lady duke duchess saint st sister father"
)
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
_ORGANISATION = _set(
    "ministry department office court police party council agency commission university college "
    "association institute committee company corporation corp inc group bank centers center centre "
    "administration bureau service services times post journal news press union league foundation "
    "hospital school board authority force forces house senate congress parliament government city "
    "county street island states kingdom network club airlines airport museum church award "
    "awards cup bowl national international world global american america york angeles "
    "weather society trust federation organization organisation nations today tribune guardian "
    "republicans democrats express website"
)
_NO_NAME = _set(
    "The A An This That These Those He She They It We I You His Her Their Its Our In On At By For "
    "From With And But Or If When While As After Before Since Despite However Meanwhile Following "
    "Although There Here What Who Why How Where Which Some Many Most All Both Each No Not Yes So "
    "Then Now Yet Still Also Though Because During Until Asked Speaking Earlier Later Last Just "
    "Even Only Other Another One Two Three More Under Over About According Once Like Among Instead Given Can Will Could "
    "Should Would Does Did Do Is Are Was Were Has Have Had Being Having Add Read More Watch See Photo "
    "Not Two Four Five Let Why Please Thank"
)
_BODY = re.compile(
    r"(?:police|ministry|government|administration|department|agency|company|team|group|court|"
    r"union|association|campaign|office|study|report|lawsuit|statement|staff|league|organi[sz]ation|"
    r"network|service|council|committee|commission|paper|newspaper|outlet|site|website|letter|party|"
    r"release|airline|suit|complaint|indictment|filing|memo|affidavit|ruling|warrant|brand|magazine|"
    r"university|school|bank|center|order|tweet|post|book|document|newsletter|broadcaster)s?$"
)
_ROLE = re.compile(
    r".*(?:man|men|woman|women|person|people|persons)$|[a-z-]{2,}(?:er|or|ist|ian|ant|ent|eer|ial|ive|"
    r"ee|ate|yst)s?$|(?:authorities|attorney|judge|mayor|coach|coache|chief|star|critic|source|family|"
    r"expert|witness|witnesse|actress|aide|king|queen|pope|ally|allie|colleague|friend|son|mother|"
    r"father|wife|husband|governor|fan|user)s?$"
)
_WOMEN = _set(
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
_MEN = _set(
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
_SHE = re.compile(r"(?:woman|women|mother|wife|daughter|sister|actress|queen|girl|mrs|ms|miss)$")
_HE = re.compile(r"(?:(?<!wo)man|(?<!wo)men|father|husband|son|brother|king|boy|mr|sir|actor)$")


def words_of(text: str, start: int, end: int) -> list[Word]:
    return [(m.start(), m.end(), m.group()) for m in _WORD.finditer(text, start, end)]


def _capital(word: str) -> bool:
    return word[0].isupper()


def _bare(word: str) -> str:
    """Lower case, without the possessive or a full stop."""
    return re.sub(r"[’']s?$|\.$", "", word.lower())


def skipped_left(words: Sequence[Word], j: int) -> int | None:
    """Where the subject must end, if adverbs and phrases of time and place precede ``words[j]``;
    None if what precedes makes the verb no statement ("did not say", "to say")."""
    while j > 0:
        if words[j - 1][2] in _BARRED or words[j - 1][2] == "To":
            return None
        word = words[j - 1][2].lower()
        if word in _ADVERBS or (word.endswith("ly") and word not in _NOT_ADVERBS
                                and not _capital(words[j - 1][2])):  # fmt: skip
            j -= 1
        elif word in _DAYS and j > 1 and word != "police":
            j -= 1
            while j > 1 and words[j - 1][2].lower() in _DAYS | {"on", "last", "late", "early",
                                                               "this", "in", "earlier"}:  # fmt: skip
                j -= 1
        elif word == ")":
            opened = next((k for k in range(j - 2, max(-1, j - 25), -1) if words[k][2] == "("), -1)
            if opened < 0:
                return j
            j = opened
        elif word.isdigit() and j > 1 and words[j - 2][2].lower() in ("in", "since"):
            j -= 2
        elif word in _OCCASIONS and (
            k := next((k for k in range(j - 3, max(-1, j - 8), -1)
                       if words[k][2].lower() in ("in", "at", "during", "via", "on")
                       and words[k + 1][2] in _DETERMINERS), -1)
        ) > 0:  # fmt: skip
            j = k
        else:
            return j
    return 0


def subject_before(words: Sequence[Word], i: int) -> tuple[int, int] | None:
    """(first, after last) word of the subject of the verb ``words[i]``, left of it."""
    j = skipped_left(words, i)
    if not j:
        return None
    if words[j - 1][2] in ("who", "which"):
        end = j - 2 if j > 2 and words[j - 2][2] == "," else j - 1
        return _phrase_ending(words, end)
    if words[j - 1][2] not in ",—–-":
        return _phrase_ending(words, j)
    close = words[j - 1][2]
    marks = [k for k in range(j - 2, max(-1, j - 60), -1) if words[k][2] == close]
    if close == "," and not marks:
        return None
    right = j - 1
    for mark in marks[:6]:
        aside = words[mark + 1 : right]
        if aside and aside[0][2] in _AUXILIARIES:
            return None
        if (
            aside
            and right == j - 1
            and 2 <= len(aside) <= 4
            and all(_capital(w) for *_, w in aside)
        ):
            if not _bare(aside[-1][2]) in _ORGANISATION and "." not in aside[0][2]:
                return mark + 1, right  # "the ministry's spokesman, Anna Lind, said"
        if aside and aside[0][2].lower() in ("and", "but", "so", "or", "while"):
            return None
        begin = mark
        while begin > 0 and words[begin - 1][2] not in (",", ";", ":", "—", "–"):
            begin -= 1
        opening = words[begin][2] if begin < mark else ","
        found = _phrase_ending(words, mark)
        if found is None or (found[0] and words[found[0] - 1][2] in _PREPOSITIONS):
            continue
        aside_like = begin > 0 and words[begin - 1][2] == "," and (
            opening[0].isdigit() or (opening[0].islower() and opening not in _CLAUSE)
        )  # fmt: skip
        if aside_like and mark != marks[-1]:
            named = _phrase_ending(words, begin - 1)
            before = words[named[0] - 1][2].lower() if named and named[0] else ""
            if named and _capital(words[named[1] - 1][2]) and before not in _PREPOSITIONS and not (
                words[named[0]][2].endswith(("ing", "ed"))
            ):  # fmt: skip
                continue
        return found
    return None


def _phrase_ending(words: Sequence[Word], j: int) -> tuple[int, int] | None:
    """The noun phrase whose last word is ``words[j - 1]``."""
    j = skipped_left(words, j) or 0
    if j <= 0:
        return None
    last = words[j - 1][2]
    low = last.lower()
    if low in PRONOUNS:
        return j - 1, j
    if not (last[0].isalpha() or last[0] == "@") or last[-1] in "’'" or low in ("i", "we", "you"):
        return None
    if _capital(last):
        name = _name_ending(words, j)
        if name is None or name[0] < 2 or words[name[0] - 1][2] not in _PREPOSITIONS:
            return name
        owner = words[name[0] - 2][2]
        described = _can_speak(_bare(owner))
        if not described and owner != "CEO" and _bare(owner) not in _ORGANISATION:
            return name
    if (low in _DETERMINERS | _PREPOSITIONS | _CLAUSE | _AUXILIARIES) and low not in (
        "some", "many", "several", "most", "few", "both", "one", "others",
    ):  # fmt: skip
        return None
    k = j - 1  # a description, "a spokesperson for the Department of Justice"
    while k > 0 and j - k < 16:
        word = words[k - 1][2]
        if not (word[0].isalnum() or word[0] == "$") or word.lower() in _CLAUSE | _AUXILIARIES:
            break
        k -= 1
    for m in range(j - 1, k - 1, -1):
        word, left = words[m][2], words[m - 1][2].lower() if m > k else ""
        starts = word.lower() in _DETERMINERS or word[-2:] in _POSSESSIVE
        if starts and left not in _PREPOSITIONS and not (
            word[-2:] in _POSSESSIVE and (left in _DETERMINERS or (left and _capital(words[m - 1][2])))
        ) and left not in _DETERMINERS:  # fmt: skip
            return m, j
    while k < j and words[k][2] in _NO_NAME:
        k += 1
    if k > 2 and words[k - 1][2] == "and" and words[k - 3][2].lower() in _DETERMINERS:
        k -= 3  # "the mother and father of the child"
    if k >= j or words[k][2].lower() in _PREPOSITIONS or j - k > 10:
        return (j - 1, j) if _can_speak(low) else None
    return k, j


def _name_ending(words: Sequence[Word], j: int) -> tuple[int, int] | None:
    k = j - 1
    while k > 0 and j - k < 14:
        word = words[k - 1][2]
        joins = word in ("of", "de", "al", "bin", "van", "von", "der", "la", "the", "&", "for",
                         "and", "del", "el") or (word[0] == HIDDEN and len(word) < 20)  # fmt: skip
        if _capital(word):
            k -= 1
        elif joins and k > 1 and _capital(words[k - 2][2]):
            k -= 1
        elif (
            word == "the"
            and k > 2
            and words[k - 2][2] in ("of", "for")
            and _capital(words[k - 3][2])
        ):
            k -= 1
        else:
            break
    while k < j and (
        (words[k][2] in _NO_NAME and not (words[k][2] == "The")) or words[k][2].lower() in _DAYS
    ):
        k += 1
    while k < j and not _capital(words[k][2]):
        k += 1
    if k >= j or words[k][2] == "The" and k == j - 1:
        return None
    run = [w for *_, w in words[k:j]]
    owners = [n for n, w in enumerate(run) if w[-2:] in _POSSESSIVE]
    if owners and owners[-1] + 1 < len(run):
        rest = run[owners[-1] + 1 :]
        if not any(_bare(w) in _ORGANISATION for w in rest) and (
            len(rest) > 1 or k == 0 or words[k - 1][2].lower() != "the"
        ):
            k += owners[-1] + 1
    if k > 0 and words[k - 1][2] == "the":
        k -= 1
    return k, j


def subject_after(words: Sequence[Word], i: int) -> tuple[int, int] | None:
    """(first, after last) word of the subject that follows ``words[i - 1]`` ("said Anna Lind")."""
    k = i
    while k < len(words) and k - i < 14:
        word = words[k][2]
        low = word.lower()
        named = k > i and _capital(words[k - 1][2])
        if not (word[0].isalnum() or word[0] == HIDDEN or word == "&"):
            break
        if low in _AUXILIARIES or low in _DAYS or (low in _CLAUSE and low != "and"):
            break
        if low in _PREPOSITIONS | {"and"} and (
            low not in ("of", "for", "and", "at", "with", "from") if k > i else True
        ):
            break
        if named and low in _PREPOSITIONS | {"the", "and"} and not (
            k + 1 < len(words) and (_capital(words[k + 1][2]) or words[k + 1][2] == "the")
            and low in ("of", "for", "the", "and")
        ):  # fmt: skip
            break
        if (
            named
            and word[0].islower()
            and low not in ("of", "for", "the", "and")
            and low[-1:] != "s"
        ):
            if not _ROLE.match(low) and low not in ("de", "al", "bin", "van", "von", "der", "la"):
                break
        if word[0] == HIDDEN and (not named or len(word) > 19):
            break
        k += 1
    if k == i:
        return None
    if k + 2 < len(words) and words[k][2] == "," and words[k - 1][2][0].islower():
        last = k + 1  # "said his mother, Anna Lind"
        while last < len(words) and _capital(words[last][2]):
            last += 1
        if last - k > 2 and (last == len(words) or words[last][2] in ",."):
            return k + 1, last
    first = words[i][2].lower()
    if first in PRONOUNS:
        return i, i + 1
    if first in ("i", "we", "you", "there", "nothing", "so", "yes", "no"):
        return None
    if _capital(words[k - 1][2]) and words[k - 1][2][-1] not in "’'":
        name = _name_ending(words[:k], k)
        if name is not None:
            return (max(name[0], i), k) if first != "the" or name[0] > i + 1 else (i, k)
    return (i, k) if first in _DETERMINERS or words[k - 1][2][0].isalpha() else None


def _can_speak(head: str) -> bool:
    return bool(_BODY.match(head) or _ROLE.match(head))


def plausible(words: Sequence[Word]) -> bool:
    """True if the phrase names or describes someone who can speak."""
    cut = next((n for n, (*_, w) in enumerate(words) if n and w in _PREPOSITIONS), len(words))
    head = words[cut - 1][2]
    return _capital(head) or head[0] == "@" or head in PRONOUNS or _can_speak(_bare(head))


def key(name: str) -> tuple[str, ...]:
    """The words of a name that tell people apart: without titles, articles and possessives."""
    words = [_bare(m.group()) for m in _WORD.finditer(name) if m.group()[0].isalnum()]
    kept = [
        w for w in words if w not in TITLES and w not in ("the", "a", "an", "us", "u.s", "jr", "sr")
    ]
    return tuple(kept or words)


def same_speaker(name: str, other: str) -> bool:
    """True if both name the same person, organisation or description: one's words, without titles,
    end or begin the other's.

    >>> same_speaker("Balkhi", "Abdul Qahar Balkhi"), same_speaker("Khan", "Shafqat Ahmad")
    (True, False)
    """
    short, long = sorted((key(name), key(other)), key=len)
    if not short or short == long:
        return short == long and bool(short)
    if len(short) == 1:
        return short[0] in (long[0], long[-1])
    if (short[0], short[-1]) == (long[0], long[-1]):
        return True
    return long[-len(short) :] == short or long[: len(short)] == short


class People:
    """The persons an article names in full, and who "Khan", "the spokesperson", "she" are.

    Read in order: ``noticed`` is told who was subject or
    speaker last, and a pronoun is the last one of them it fits.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        words = words_of(text, 0, len(text))
        self._full: dict[_Who, list[tuple[int, int]]] = defaultdict(list)
        self._by_word: dict[str, set[_Who]] = defaultdict(set)
        self._roles: dict[str, list[tuple[_Who, frozenset[str]]]] = defaultdict(list)
        self._gender: dict[_Who, str] = {}
        self._recent: list[tuple[int, int]] = []
        for first, last in _full_names(words):
            who = _who(words[first:last])
            tail = words[last - 1][2]
            own = len(re.search(r"(?:[’']s|[’'])?$", tail)[0])  # type: ignore[index]
            self._full[who].append((words[first][0], words[last - 1][1] - own))
            for word in (*who, who[1].split()[0]):
                self._by_word[word].add(who)
            self._learn_roles(words, first, last, who)

    def _learn_roles(self, words: Sequence[Word], first: int, last: int, who: _Who) -> None:
        """From "spokesperson Anna Lind" and "Anna Lind, the ministry's spokesperson"."""
        near = frozenset(_bare(w) for *_, w in words[max(0, first - 25) : last + 25])
        roles = [_bare(words[first - 1][2])] if first else []
        if last < len(words) and words[last][2] == ",":
            for *_, word in words[last + 1 : last + 9]:
                if not word[0].isalpha() or word in _PREPOSITIONS | _CLAUSE:
                    break
                roles.append(_bare(word))
        for role in roles:
            if role in TITLES or _ROLE.match(role):
                self._roles[_head(role)].append((who, near))
                if _SHE.search(role) or _HE.search(role):
                    self._gender.setdefault(who, "she" if _SHE.search(role) else "he")

    def noticed(self, span: tuple[int, int]) -> None:
        """Tell who was a sentence's subject, or spoke: whom the next pronoun may mean."""
        self._recent.append(span)

    def speaker(self, words: Sequence[Word]) -> tuple[int, int] | None:
        """(start, end) of the fullest form for a subject; None for a pronoun that fits nobody."""
        name = words[0][2].lower()
        if len(words) == 1 and name in PRONOUNS:
            return self._pronoun(name)
        start, end = words[0][0], words[-1][1]
        if all(_capital(w) or w in _PARTICLES for *_, w in words):
            found = self.named(words)
        elif len(words) > 1 and (
            name == "the" or words[0][2][-2:] in _POSSESSIVE or _capital(words[0][2])
        ):
            found = self._of_role(words)
        else:
            found = None
        return found or (start, end)

    def named(self, words: Sequence[Word]) -> tuple[int, int] | None:
        """(start, end) of the full form of a person's name, None if it is nobody's or several's."""
        if not words or words[-1][2][-2:] in _POSSESSIVE:
            return None
        first, last = without_titles(words, 0, len(words))
        return self._of_name(words[first:last])

    def opening(self, words: Sequence[Word]) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """(full form, mention) of the person a sentence begins with, as its subject."""
        dash = next((k for k in range(1, min(9, len(words))) if words[k][2] in "—–"), 0)
        first = dash + 1 if dash and words[0][2].isupper() else 0  # "PARIS, France — "
        if first >= len(words):
            return None
        if words[first][2].lower() in _PREPOSITIONS | _CLAUSE | {"during", "despite", "following"}:
            comma = next((k for k in range(1, min(25, len(words))) if words[k][2] == ","), 0)
            first = comma + 1
        if first < len(words) and words[first][2].lower() in ("he", "she", "they"):
            found = self._pronoun(words[first][2].lower())
            return found and (found, words[first][:2])
        start = first
        while first < len(words) and (words[first][2][0].islower() or words[first][2] in _NO_NAME):
            if first - start > 5 or words[first][2] in _AUXILIARIES | _PREPOSITIONS | _CLAUSE:
                return None
            first += 1
        if first > start + 1 and not _can_speak(_bare(words[first - 1][2])):
            return None  # not "the spokesman Abdul Balkhi", but "visitors saw Mount Hood"
        last = first
        while last < len(words) and (_capital(words[last][2]) or words[last][2] in _PARTICLES):
            last += 1
        found = self.named(words[first:last])
        return found and (found, (words[first][0], words[last - 1][1]))

    def _of_name(self, words: Sequence[Word]) -> tuple[int, int] | None:
        before = words[0][0]
        if len(words) > 1:
            known = {_who(words)} & self._full.keys()
        else:
            word = _bare(words[0][2])
            known = self._by_word.get(word, set())
            known = {who for who in known if who[1] == word} or known
        if len(known) > 1:
            known = {w for w in known if self._full[w][0][0] < before} or known
        if len(known) > 1:
            ranked = sorted(known, key=lambda who: -len(self._full[who]))
            if len(self._full[ranked[0]]) > 2 * len(self._full[ranked[1]]):
                known = {ranked[0]}
        return self._fullest(known.pop(), before) if len(known) == 1 else None

    def _of_role(self, words: Sequence[Word]) -> tuple[int, int] | None:
        content = [_bare(w) for *_, w in words if w[0].isalpha() and w.lower() != "the"]
        if not content or any(w in _PREPOSITIONS for w in content):
            return None
        known = {
            who
            for who, near in self._roles.get(_head(content[-1]), ())
            if all(word in near for word in content[:-1])
        }
        return self._fullest(known.pop(), words[0][0]) if len(known) == 1 else None

    def _fullest(self, who: _Who, before: int) -> tuple[int, int]:
        """The longest form, the last one before ``before`` if there are several."""
        forms = self._full[who]
        longest = max(end - start for start, end in forms)
        forms = [form for form in forms if form[1] - form[0] == longest]
        return next((form for form in reversed(forms) if form[0] <= before), forms[0])

    def _pronoun(self, pronoun: str) -> tuple[int, int] | None:
        for start, end in reversed(self._recent[-8:]):
            name = self._text[start:end]
            gender = self.gender(name)
            if pronoun in ("he", "she"):
                if gender == pronoun:
                    return start, end
                if gender in ("?", "any"):
                    self._gender.setdefault(_who(words_of(name, 0, len(name))), pronoun)
                    return start, end
            elif gender == pronoun or gender in ("group", "any"):
                return start, end
            else:
                return None  # only the last one heard of
        return None

    def gender(self, name: str) -> str:
        """``he``, ``she``, ``they`` (several people), ``group``, ``?`` (a person) or ``any``."""
        words = words_of(name, 0, len(name))
        who = _who(words)
        if who in self._gender:
            return self._gender[who]
        cut = next((n for n, (*_, w) in enumerate(words) if n and w in _PREPOSITIONS), len(words))
        head = _bare(words[cut - 1][2])
        if who in self._full and not any(_bare(w) in _ORGANISATION for *_, w in words):
            return "she" if who[0] in _WOMEN else "he" if who[0] in _MEN else "?"
        if not _capital(words[cut - 1][2]):
            if _SHE.search(head) and head[-3:] != "men":
                return "she" if head != "women" else "they"
            if _HE.search(head):
                return "he" if head != "men" and head[-3:] != "men" else "they"
            if _BODY.match(head):
                return "group"
            return "they" if head == "people" or re.search(r"[^s]s$", head) else "?"
        return "any" if len(words) == 1 and not words[0][2].isupper() else "group"


def _head(word: str) -> str:
    return "spokes" if word.startswith("spokes") else word


def _who(words: Sequence[Word]) -> _Who:
    run = [_bare(w) for *_, w in words if w[0].isalnum()]
    if len(run) > 2 and run[-1] in ("jr", "sr", "ii", "iii"):
        run[-2:] = [f"{run[-2]} {run[-1]}"]
    return (run[0], run[-1]) if run else ("", "")


def _full_names(words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Runs of two to four capitalised words that may be a person's name, titles left out."""
    first = 0
    while first < len(words):
        if not _capital(words[first][2]) or words[first][2] in _NO_NAME:
            first += 1
            continue
        last = first + 1
        while last < len(words) and (
            _capital(words[last][2])
            or (words[last][2] in _PARTICLES and last + 1 < len(words) and _capital(words[last + 1][2]))
        ) and words[last - 1][2][-2:] not in _POSSESSIVE:  # fmt: skip
            last += 1
        begin, end = without_titles(words, first, last)
        run = [_bare(w) for *_, w in words[begin:end]]
        if 2 <= end - begin <= 5 and not any(w in _ORGANISATION or w in _DAYS for w in run):
            yield begin, end
        first = last


def without_titles(words: Sequence[Word], first: int, last: int) -> tuple[int, int]:
    """The run of capitalised words without the titles it begins with ("US President Joe Biden")."""
    run = [_bare(w) for *_, w in words[first:last]]
    titles = [n for n, word in enumerate(run[:-1]) if word in TITLES]
    rest = run[titles[-1] + 1 :] if titles else []
    if not rest or any(w in _ORGANISATION for w in rest):
        return first, last
    if len(rest) == 1 and run[titles[-1]] in _ROYAL:
        return first + titles[-1], last
    return last - len(rest), last
