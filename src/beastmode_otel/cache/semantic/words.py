"""The words that the rules of matching know. English; each list was written for this project.

`km|kilometre` are two forms of one. Which words exclude each other is in opposites.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COUNTED: Final = listed(
    "zero one|first|1st two|second|twice|double|2nd three|third|thrice|triple|3rd four|fourth five|fifth "
    "six|sixth seven|seventh eight|eighth nine|ninth ten|tenth eleven|eleventh twelve|twelfth|dozen thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS: Final = listed("twenty thirty forty fifty sixty seventy eighty ninety hundred")
NUMBERS: Final[Mapping[str, str]] = {
    **{word: str(number) for number, words in enumerate(_COUNTED) for word in words.split("|")},
    **{word: str(10 * number) for number, word in enumerate(_TENS, start=2)},
    "thousand": "1000",
    "million": "1000000",
    "billion": "1000000000",
    "half": "0.5",
    "both": "2",
}
_UNITS: Final = listed(
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
    listed(
        "not no never without none nobody nothing nowhere neither nor cannot cant dont doesnt didnt isnt arent wasnt "
        "werent wont hasnt havent hadnt shouldnt couldnt wouldnt aint except excluding unless unable impossible "
        "hardly rarely"
    )
)
TIMES: Final[Mapping[str, str]] = {
    **{
        word: word
        for word in listed(
            "today tomorrow yesterday tonight pm morning afternoon evening night noon midnight sunrise sunset dawn "
            "dusk weekday weekdays weekend weekends monday tuesday wednesday thursday friday saturday sunday january "
            "february march april june july august september october november december spring summer autumn winter "
            "last next previous daily weekly monthly yearly hourly christmas easter"
        )
    },
    "weekday": "weekdays", "weekend": "weekends", "fall": "fall", "annual": "yearly", "annually": "yearly",
    **{f"{day}s": day for day in listed("monday tuesday wednesday thursday friday saturday sunday")},
    **{f"{time}s": time for time in listed("morning afternoon evening night")},
    "tues": "tuesday", "thurs": "thursday", "fri": "friday", "jan": "january", "feb": "february",
    "aug": "august", "sept": "september", "oct": "october", "nov": "november",
}  # fmt: skip

LITTLE: Final = frozenset(
    listed(
        "a an the is are was were be been being do does did can could will would shall should may might must i me "
        "my you your we our it its this that these those to of for with at by as so if then than there here please "
        "tell explain just about have has had get want need like know s m re ve ll d t"
    )
)
JOINING: Final = frozenset(listed("and or but plus versus vs also"))
SUBJECTS: Final = frozenset(  # begin a clause after "and" that adds nothing to ask for
    listed(
        "i it they he she we im ive id i'm i've i'd it's that's there there's am is are was were would want wanted "
        "need needed think cannot can't cant don't dont didn't now please"
    )
)
COMMUTES: Final = frozenset(listed("and or vs versus"))
COMMUTES_AFTER: Final = frozenset(  # what may stand before "A and B" where "B and A" is the same
    listed("a an the of between with about for compare mix combine both better differ difference compared")
)
ORDERED: Final = frozenset(listed("then first before after from minus respectively subtract divide followed"))

COURTEOUS: Final = frozenset(listed("hi hello hey dear thanks thank thx cheers regards please sorry sir madam ok okay"))
MOVABLE: Final = frozenset(  # what grammar moves about
    listed(
        "why how what which where also yet just still now currently actually really again "
        "mean means meaning on off up down in out back away over"
    )
)
PARTICLES: Final = frozenset(listed("on off up down in out back away over"))  # turn it on, turn on the light
DETERMINERS: Final = frozenset(listed("the a an my your our their his her its this these"))
PREPOSITIONS: Final = frozenset(listed("in on at from to for with of by about into onto under over through during"))
PARTICIPLES: Final = frozenset(  # that end in neither -ed nor -en
    listed(
        "made paid sent bought sold held lent built kept left lost found caught taught brought thought told said read "
        "hit cut put set hurt led fed met won run shown known grown thrown drawn worn torn born done seen begun sung"
    )
)
GIVING: Final = frozenset(
    listed(
        "send give show lend offer hand pass bring write mail email pay sell teach buy get make order book find tell "
        "read"
    )
)
JUDGING: Final = frozenset(  # is it safe to eat eggs, are eggs safe to eat
    listed("safe ok okay possible good bad legal illegal healthy unhealthy hard easy worth necessary allowed dangerous")
)
BEFORE_STATE: Final = frozenset(listed("is are was were be been being get gets got getting seems keeps"))
CONDITIONS: Final = frozenset(listed("if when because since while unless though although whenever"))
COMPARING: Final = frozenset(listed("more less better worse safe good bad healthy"))  # after "is A or B"
PERSONS: Final[Mapping[str, str]] = {
    form: forms.partition("|")[0]
    for forms in listed("i|me|my|mine|myself you|your|yours we|us|our he|him|his she|her they|them|their")
    for form in forms.split("|")
}
OBJECTS: Final = frozenset(listed("me us him her them"))
BEFORE_VERB: Final = frozenset(listed("i you we they he she it cannot cant dont didnt"))
BEFORE_INFINITIVE: Final = frozenset(  # before "to report"; not "dollars to euros"
    listed(
        "how want need wants needs like have has way able trying possible going where when what steps take takes time"
    )
)
ALIASES: Final[Mapping[str, str]] = {"usa": "us"}
SHORT: Final[Mapping[str, str]] = {"united states": "US", "united kingdom": "UK", "european union": "EU"}
LABELLED: Final = listed(  # what has letters for names
    "vitamin hepatitis type plan option grade group class team size section part exhibit room gate terminal appendix "
    "blood schedule tier series generation level line platform step model variant version column row drive"
)

LANGUAGES: Final = frozenset(
    listed(
        "english german french spanish italian portuguese chinese mandarin cantonese japanese korean russian arabic "
        "hindi urdu bengali punjabi dutch polish turkish greek hebrew swedish norwegian danish finnish icelandic czech "
        "slovak hungarian romanian bulgarian ukrainian serbian croatian thai vietnamese indonesian malay tagalog "
        "swahili zulu latin persian farsi irish welsh catalan basque "
        "python javascript typescript java rust golang ruby php swift kotlin bash powershell sql graphql css html perl "
        "scala haskell clojure elixir erlang lua matlab julia fortran cobol pascal dart"
    )
)
LANGUAGE_NAMES: Final[Mapping[str, str]] = {"js": "javascript", "ts": "typescript", "py": "python"}

OPPOSED_PREFIXES: Final = tuple(
    tuple(pair.split("~"))
    for pair in listed(
        "over~under hyper~hypo macro~micro up~down in~out pre~post inter~intra ex~im ex~in en~de en~dis as~des "
        "mono~poly uni~bi mono~bi homo~hetero maxi~mini pro~anti"
    )
)
OPPOSED_SUFFIXES: Final = tuple(tuple(pair.split("~")) for pair in listed("ful~less er~ee or~ee ers~ees ors~ees"))
DENYING_PREFIXES: Final = listed("un in im ir il dis non")
NEGATING_PREFIXES: Final = listed("un in im ir il dis non mis re de anti under over")
