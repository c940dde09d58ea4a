"""The words that the rules of matching know. English; each list was written for this project.

Words in one group exclude each other: `buy|purchase~sell` says that who asks about buying does not ask about selling.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COUNTED: Final = _listed(
    "zero one|first|1st two|second|twice|double|2nd three|third|thrice|triple|3rd four|fourth five|fifth "
    "six|sixth seven|seventh eight|eighth nine|ninth ten|tenth eleven|eleventh twelve|twelfth|dozen thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS: Final = _listed("twenty thirty forty fifty sixty seventy eighty ninety hundred")
NUMBERS: Final[Mapping[str, str]] = {
    **{word: str(number) for number, words in enumerate(_COUNTED) for word in words.split("|")},
    **{word: str(10 * number) for number, word in enumerate(_TENS, start=2)},
    "thousand": "1000",
    "million": "1000000",
    "billion": "1000000000",
    "half": "0.5",
    "both": "2",
}
_UNITS: Final = _listed(
    "kilometer|kilometre|km mile meter|metre centimeter|centimetre|cm millimeter|millimetre|mm inch|inches "
    "foot|feet|ft yard|yd acre hectare kilogram|kilo|kg gram milligram|mg microgram|mcg pound|lb|lbs ounce|oz ton "
    "tonne stone liter|litre milliliter|millilitre|ml gallon pint quart cup teaspoon|tsp tablespoon|tbsp "
    "celsius|centigrade fahrenheit kelvin dollar|usd|buck euro|eur sterling|gbp cent yen|jpy yuan|cny rupee|inr "
    "franc|chf peso millisecond|ms minute hour|hr day week month year decade century|centuries kilobyte|kb "
    "megabyte|mb gigabyte|gb terabyte|tb byte percent kmh|kph mph knot watt|kw volt ampere|amp joule horsepower|hp "
    "hertz|hz"
)
UNITS: Final[Mapping[str, str]] = {
    form: names.partition("|")[0] for names in _UNITS for name in names.split("|") for form in (name, f"{name}s")
}
AFTER_NUMBER: Final[Mapping[str, str]] = {  # too short, or too often something else, to be units by themselves
    "m": "meter", "g": "gram", "l": "liter", "c": "celsius", "f": "fahrenheit", "k": "kelvin", "s": "second",
    "h": "hour", "second": "second", "w": "watt", "v": "volt", "ha": "hectare", "min": "minute", "mins": "minute",
    "bit": "bit", "bits": "bit",
}  # fmt: skip
SIGNS: Final[Mapping[str, str]] = {"$": "dollar", "€": "euro", "£": "sterling", "¥": "yen", "%": "percent"}

NEGATIONS: Final = frozenset(
    _listed(
        "not no never without none nobody nothing nowhere neither nor cannot cant dont doesnt didnt isnt arent wasnt "
        "werent wont hasnt havent hadnt shouldnt couldnt wouldnt aint except excluding unless unable impossible "
        "hardly rarely"
    )
)
TIMES: Final[Mapping[str, str]] = {
    **{
        word: word
        for word in _listed(
            "today tomorrow yesterday tonight pm morning afternoon evening night noon midnight sunrise sunset dawn "
            "dusk weekday weekdays weekend weekends monday tuesday wednesday thursday friday saturday sunday january "
            "february march april june july august september october november december spring summer autumn winter "
            "last next previous daily weekly monthly yearly hourly christmas easter"
        )
    },
    "weekday": "weekdays", "weekend": "weekends", "fall": "fall", "annual": "yearly", "annually": "yearly",
    "tues": "tuesday", "thurs": "thursday", "fri": "friday", "jan": "january", "feb": "february",
    "aug": "august", "sept": "september", "oct": "october", "nov": "november",
}  # fmt: skip

LITTLE: Final = frozenset(
    _listed(
        "a an the is are was were be been being do does did can could will would shall should may might must i me "
        "my you your we our it its this that these those to of for with at by as so if then than there here please "
        "tell explain just about have has had get want need like know s m re ve ll d t"
    )
)
JOINING: Final = frozenset(_listed("and or but plus versus vs also"))
SUBJECTS: Final = frozenset(_listed("i it they he she we im ive id i'm i've i'd it's"))  # begin a clause after "and"
COMMUTES: Final = frozenset(_listed("and or vs versus"))
COMMUTES_AFTER: Final = frozenset(  # what may stand before "A and B" where "B and A" is the same
    _listed("a an the of between with about for compare mix combine both better differ difference compared")
)
ORDERED: Final = frozenset(_listed("then first before after from minus respectively subtract divide followed"))

MOVABLE: Final = frozenset(  # what grammar moves about
    _listed("why how what which where also yet just still now currently actually really again")
)
CONDITIONS: Final = frozenset(_listed("if when because since while unless though although whenever"))
COMPARING: Final = frozenset(_listed("more less better worse safe good bad healthy"))  # after "is A or B"
PERSONS: Final[Mapping[str, str]] = {
    form: forms.partition("|")[0]
    for forms in _listed("i|me|my|mine|myself you|your|yours we|us|our he|him|his she|her they|them|their")
    for form in forms.split("|")
}
OBJECTS: Final = frozenset(_listed("me us him her them"))
BEFORE_VERB: Final = frozenset(_listed("i you we they he she it cannot cant dont didnt"))
BEFORE_INFINITIVE: Final = frozenset(  # before "to report"; not "dollars to euros"
    _listed("how want need wants needs like have has way able trying possible going where when what steps")
)
ALIASES: Final[Mapping[str, str]] = {"usa": "us"}
LABELLED: Final = _listed(  # what has letters for names
    "vitamin hepatitis type plan option grade group class team size section part exhibit room gate terminal appendix "
    "blood schedule tier series generation level line platform step model variant version column row drive"
)

LANGUAGES: Final = frozenset(
    _listed(
        "english german french spanish italian portuguese chinese mandarin cantonese japanese korean russian arabic "
        "hindi urdu bengali punjabi dutch polish turkish greek hebrew swedish norwegian danish finnish icelandic czech "
        "slovak hungarian romanian bulgarian ukrainian serbian croatian thai vietnamese indonesian malay tagalog "
        "swahili zulu latin persian farsi irish welsh catalan basque "
        "python javascript typescript java rust golang ruby php swift kotlin bash powershell sql graphql css html perl "
        "scala haskell clojure elixir erlang lua matlab julia fortran cobol pascal dart"
    )
)
LANGUAGE_NAMES: Final[Mapping[str, str]] = {"js": "javascript", "ts": "typescript", "py": "python"}

_GROUPS: Final = _listed(
    # Switches and access.
    "on~off in~out up~down enable|activate~disable|deactivate lock~unlock allow|permit~forbid|deny|block|prohibit "
    "block~unblock mute~unmute grant|give~revoke subscribe~unsubscribe login|signin~logout|signout connect~disconnect "
    "show|display|reveal~hide|conceal expand~collapse start|begin|launch~stop|end|finish|quit open~close|closed "
    "pause~resume freeze~unfreeze public~private "
    "attach~detach join~leave "
    # Before and after.
    "before|until|till~after|since from~until|till beginning|start~end|ending first~last next|following~previous|prior "
    "pre~post early|earlier|earliest~late|later|latest current|present|now~former|past|future|ancient|previous "
    "arrival|arrive~departure|depart|leave day~night forward|forwards~back|backward|backwards|reverse breakfast~lunch~"
    "dinner|supper old|ancient~new|modern old|elder~young "
    # Trade and roles.
    "buy|purchase|buyer|acquire~sell|seller|sold~rent|lease|hire lend|lender|lent~borrow|borrower|borrowed tenant~"
    "landlord deposit~withdraw|withdrawal|withdrawn hire|recruit~fire|dismiss import~export send|sender|sent~receive|"
    "receiver|recipient upload~download push~pull employer~employee teacher~student doctor~patient debit~credit "
    "income|revenue~expense|cost profit~loss supply~demand win|winner|won~lose|loser|lost gain|gained~lose|loss|lost "
    # More and less.
    "increase|raise|grow|rise|boost~decrease|reduce|lower|fall|drop|shrink high~low "
    "more|most~less|least|few|fewer|fewest maximum|max|maximise|maximize~minimum|min|minimise|minimize "
    "big|large|huge~small|tiny|little long|tall~short strong|strength~weak|weakness fast|quick|rapid~slow "
    "hot|warm~cold|cool deep~shallow wide|broad~narrow thick~thin heavy~light light~dark|dim bright~dark|dim "
    "rich|wealthy~poor easy|simple~hard|difficult|complicated cheap|inexpensive~expensive|costly "
    "near|nearest|closest|close~far|farthest|furthest full~empty loud~quiet wet~dry soft~hard sharp~blunt "
    "smooth~rough often|frequent~rare|rarely|seldom major|majority~minor|minority "
    "add|insert|append~remove|delete|drop zip|compress~unzip|decompress|extract multiply~divide "
    "plus|add|sum~minus|subtract ascending|ascend~descending|descend "
    # Good and bad.
    "good|better|best~bad|worse|worst "
    "advantage|pro|pros|benefit|upside~disadvantage|con|cons|drawback|downside|risk|danger "
    "love|like|loved|liked~hate|dislike|loathe|loathed accept|accepted|approve~reject|decline|refuse|deny "
    "safe~dangerous|risky true|right|correct~false|wrong|incorrect success|succeed|manage|pass~failure|fail "
    "positive~negative optimist~pessimist clean~dirty fresh~stale happy~sad|angry friend~enemy "
    "include|including~exclude|excluding avoid~eat|use|seek agree~disagree remember|remind~forget "
    "keep|save|retain~discard|delete attack~defend build|create~destroy|demolish formal~informal|casual always~never "
    "everything|all~nothing "
    # Places and people.
    "left~right top~bottom inside|into|indoor|indoors|inner~outside|outdoor|outdoors|outer "
    "over|above~under|below|beneath front~back|rear north|northern~south|southern~east|eastern~west|western "
    "horizontal|row~vertical|column upper~lower male|man|men|boy|he|his~female|woman|women|girl|she|her husband~wife "
    "mother|mom|mum~father|dad son~daughter brother~sister uncle~aunt king~queen parent~child adult~child|kid "
    "human~animal "
    # Science, work, machines.
    "encrypt~decrypt encode~decode input~output read~write cause~effect|consequence client~server frontend~backend "
    "singular~plural verb~noun acid~alkali|base solid~liquid~gas theory~practice install~uninstall|remove even~odd "
    "red~blue~green~yellow~black~white~brown~orange~purple~pink~grey|gray "
    "numerator~denominator question~answer local~remote|global manual|manually~automatic|automatically "
    "sync|synchronous|synchronously~async|asynchronous|asynchronously temporary~permanent active~passive|inactive"
)
OPPOSED_PREFIXES: Final = tuple(
    tuple(pair.split("~"))
    for pair in _listed(
        "over~under hyper~hypo macro~micro up~down in~out pre~post inter~intra ex~im ex~in en~de en~dis as~des "
        "mono~poly uni~bi mono~bi homo~hetero maxi~mini pro~anti"
    )
)
OPPOSED_SUFFIXES: Final = tuple(tuple(pair.split("~")) for pair in _listed("ful~less er~ee or~ee ers~ees ors~ees"))
DENYING_PREFIXES: Final = _listed("un in im ir il dis non")
NEGATING_PREFIXES: Final = _listed("un in im ir il dis non mis re de anti under over")


def _inflected(word: str) -> Iterator[str]:
    """More forms than there are: what nobody writes does no harm."""
    yield word
    if len(word) < 3:
        return
    stem = word[:-1] if word[-1] in "ey" else word
    if word[-1] == "y":
        yield from (f"{stem}{ending}" for ending in ("ies", "ied", "ier", "iest", "ily"))
    yield from (f"{word}{ending}" for ending in ("s", "es", "ing", "ed", "er", "est", "ly", "ers"))
    if word[-1] == "e":
        yield from (f"{stem}{ending}" for ending in ("ing", "ed", "er", "est", "ers"))
    elif len(word) <= 6 and word[-1] in "bdgmnprt" and word[-2] in "aeiou":
        yield from (f"{word}{word[-1]}{ending}" for ending in ("ing", "ed", "er", "est"))


@functools.cache
def sides() -> Mapping[str, frozenset[tuple[int, int]]]:
    """Of each word that excludes others: the groups, and on which side of them it stands. Made once it is needed."""
    found: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for at, group in enumerate(_GROUPS):
        for side, words in enumerate(group.split("~")):
            for word in words.split("|"):
                for form in _inflected(word):
                    found[form].add((at, side))
    return {word: frozenset(where) for word, where in found.items()}
