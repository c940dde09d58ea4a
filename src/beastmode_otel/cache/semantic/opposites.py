"""Which words exclude each other. English; the groups were written for this project.

`buy|purchase~sell` says that who asks about buying does not ask about selling.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from beastmode_otel.cache.semantic.words import listed

_GROUPS: Final = listed(
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
    "rich|wealthy~poor easy|simple~hard|difficult|complicated cheap|inexpensive~expensive|costly|pricey|pricier "
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
    "include|including~exclude|excluding avoid~eat|use|seek agree~disagree remember|remind~forget|forgot|forgotten "
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
    "sync|synchronous|synchronously~async|asynchronous|asynchronously temporary~permanent active~passive|inactive "
    # Of all kinds.
    "brief|short|concise~detailed|long|lengthy|thorough tighten|tight~loosen|loose bullish~bearish "
    "calm|relaxed~nervous|anxious thicken~thin|dilute inflate~deflate brighten~darken heat|warm~cool|chill "
    "merge|join|combine~split|separate marry|married~divorce|divorced~single expand~contract "
    "activate~deactivate~reactivate online~offline natural~artificial|synthetic|manmade "
    "allowed|legal~banned|forbidden|prohibited beginner|novice~expert|advanced vegetarian~vegan freeze~thaw|melt~boil "
    "squared~cubed cancel~renew~track~change|modify|edit~place create|make~delete borrow~return "
    "return~exchange~refund copy~paste~cut~move pay~get|receive internal~external primary~secondary~tertiary "
    "domestic~international|foreign wholesale~retail prefix~suffix uppercase~lowercase portrait~landscape "
    "guilty~innocent urban~rural single~double war~peace victory~defeat brave~cowardly generous~selfish polite~rude "
    "clear~vague modern~traditional optional~required|mandatory|compulsory voluntary~compulsory|mandatory "
    "abstract~concrete present~absent asleep~awake beautiful|pretty~ugly birth|born~death|die|died alive|living~dead "
    "busy~idle|free ceiling~floor common~rare|uncommon cry~laugh fat~thin|slim gather~scatter guest~host heaven~hell "
    "hero~villain junior~senior nephew~niece grandmother|grandma~grandfather|grandpa actor~actress waiter~waitress "
    "bride~groom parallel~perpendicular serial~parallel praise~criticize|criticise predator~prey "
    "real|genuine~fake|counterfeit raw~cooked sober~drunk sweet~sour~bitter~salty straight~curved|crooked "
    "sunny~rainy~cloudy~snowy superior~inferior tame~wild teach~learn head~tail throw~catch victim~attacker "
    "virtue~vice whisper~shout wise~foolish adult~minor major~minor employed~unemployed gentle~harsh raise|pick~drop "
    "push~pop sink~float speed|accelerate~slow|brake stay~leave arrive~leave|depart empty~fill zip~unzip hit~miss "
    "hope~despair humid|damp~dry import|buy~export|sell incoming|inbound~outgoing|outbound introvert~extrovert "
    "lead~follow liability~asset lossy~lossless lunar~solar mandatory~optional nocturnal~diurnal odd~even "
    "original~copy origin|source~destination|target passenger~driver author~reader plaintiff~defendant "
    "predecessor~successor private~corporate prologue~epilogue push~fetch qualitative~quantitative "
    "recession|bust~boom rookie~veteran rotate~reflect rural~city sender~addressee shallow~deep sibling~cousin "
    "static~dynamic subjective~objective subtract~divide~multiply~add sunrise~sunset surplus~deficit|shortage "
    "symptom~treatment|cure cause~symptom~cure talk~listen tragedy~comedy transparent~opaque truth|true~lie|myth "
    "typical~atypical vertical~horizontal vowel~consonant wake~sleep wax~wane wet~dry winner~loser domain~range "
    "mean~median~mode sine~cosine~tangent ascending~descending mount~dismount~unmount compress~expand hire~retire "
    "renew~expire reserve~cancel verify~falsify voluntary~forced win~draw"
)
_KINDS: Final = listed(  # things of one kind: who asks about one does not ask about another
    "dog|puppy~cat|kitten~horse~rabbit~bird~fish~hamster~cow~pig~sheep~goat~chicken~snake~lion~tiger~bear~wolf~whale~"
    "shark "
    "car~truck|lorry~bike|bicycle~motorcycle~bus~train~plane|airplane|aeroplane~boat~ship~taxi|cab~tram~subway|metro "
    "beef~pork~lamb~turkey~tofu tea~coffee~milk~juice~beer~wine~water~soda rice~pasta~bread~potato~egg~corn~bean "
    "apple~banana~orange~pear~grape~mango~cherry~lemon~lime~peach sugar~salt~pepper~flour~butter~oil~honey~vinegar "
    "gold~silver~copper~iron~steel~lead~platinum~aluminium|aluminum~zinc~tin hydrogen~oxygen~nitrogen~carbon~helium "
    "phone|smartphone~laptop|notebook~tablet~desktop~printer~router~keyboard~monitor~camera~tv|television "
    "twitter~facebook~instagram~linkedin~tiktok~snapchat~whatsapp~telegram~youtube~reddit~pinterest "
    "gmail~outlook~yahoo~hotmail windows~mac|macos~linux~ubuntu~android~ios chrome~firefox~safari~edge~opera "
    "visa~mastercard~amex~paypal~venmo~zelle excel~word~powerpoint google~microsoft~apple~amazon~netflix~tesla~meta "
    "mysql~postgres|postgresql~sqlite~mongodb~redis~oracle~mariadb aws~azure~gcp docker~podman~kubernetes "
    "react~angular~vue~svelte django~flask~fastapi~rails~laravel pandas~polars~numpy pytorch~tensorflow~keras "
    "rebase~merge~squash~cherry map~filter~reduce stack~queue~heap list~tuple~dict|dictionary~set array~hashmap "
    "json~xml~yaml~csv~toml~pdf png~jpg|jpeg~gif~svg~webp mp3~wav~flac get~post~put~patch tcp~udp "
    "ipv4~ipv6 ibuprofen~paracetamol|acetaminophen|tylenol~aspirin~naproxen~penicillin~amoxicillin "
    "diabetes~cancer~asthma~flu|influenza~covid~measles~malaria~arthritis~migraine~depression~anxiety~insomnia "
    "bitcoin~ethereum~dogecoin football~basketball~baseball~tennis~golf~cricket~hockey~rugby~volleyball "
    "piano~guitar~violin~drum~flute~cello heart~liver~lung~kidney~brain~stomach~skin~bone "
    "knee~elbow~ankle~shoulder~wrist~hip~neck eye~ear~nose~mouth~tooth|teeth "
    "bedroom~kitchen~bathroom~garage~basement~attic~garden "
    "sun~moon~mars~venus~jupiter~saturn~mercury~neptune~uranus~pluto "
    "doctor~lawyer~teacher~nurse~dentist~engineer~plumber~electrician~accountant plumber~electrician "
    "christian~muslim~jewish~hindu~buddhist passport~visa~licence|license checking~savings hotel~flight gym~pool "
    "circle~square~triangle~rectangle~hexagon~pentagon cone~sphere~cube~cylinder area~perimeter|circumference~volume "
    "radius~diameter mass~weight~density "
    "france~spain~germany~italy~portugal~england|britain|uk~ireland~scotland~wales~netherlands|holland~belgium~"
    "austria~switzerland~sweden~norway~denmark~finland~iceland~poland~hungary~romania~bulgaria~greece~turkey~russia~"
    "ukraine~serbia~croatia~slovenia~slovakia~czechia~estonia~latvia~lithuania~usa|america~canada~mexico~brazil~"
    "argentina~chile~peru~colombia~venezuela~ecuador~bolivia~cuba~jamaica~haiti~china~japan~korea~taiwan~vietnam~"
    "thailand~malaysia~singapore~indonesia~philippines~india~pakistan~bangladesh~nepal~iran~iraq~israel~syria~lebanon~"
    "jordan~egypt~libya~tunisia~algeria~morocco~nigeria~niger~ghana~kenya~ethiopia~uganda~tanzania~zimbabwe~zambia~"
    "sudan~australia~afghanistan "
    "paris~london~berlin~rome~madrid~barcelona~lisbon~vienna~zurich~geneva~amsterdam~brussels~stockholm~oslo~"
    "copenhagen~helsinki~warsaw~prague~budapest~athens~istanbul~moscow~kyiv~dublin~edinburgh~manchester~milan~venice~"
    "munich~hamburg~chicago~boston~seattle~denver~dallas~houston~austin~atlanta~miami~phoenix~portland~detroit~"
    "philadelphia~toronto~vancouver~montreal~tokyo~osaka~kyoto~seoul~beijing~shanghai~bangkok~hanoi~mumbai~delhi~"
    "dubai~cairo~sydney~melbourne "
    "texas~florida~california~nevada~arizona~utah~colorado~oregon~ohio~michigan~illinois~virginia~alaska~hawaii~"
    "georgia "
    "word~sentence~paragraph~page~chapter poem~haiku~limerick~sonnet~story|tale~essay~song~speech enough~too "
    "synonym~antonym simplified~traditional grape~raisin "
    "parse~serialise|serialize~validate~stream~merge~sort~filter~compress~encrypt~hash~flatten~reverse~download~upload~"
    "count~deduplicate~shuffle~benchmark~mock~parallelise|parallelize "
    "summarise|summarize~translate~rewrite|rephrase|paraphrase~classify~extract~proofread "
    "africa~asia~europe~antarctica~oceania atlantic~pacific~arctic"
)


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
    for at, group in enumerate(_GROUPS + _KINDS):
        for side, words in enumerate(group.split("~")):
            for word in words.split("|"):
                for form in _inflected(word):
                    found[form].add((at, side))
    return {word: frozenset(where) for word, where in found.items()}


@functools.cache
def two_sided() -> frozenset[int]:
    """The groups in which what is not the one is the other: not open, closed; not so with colours."""
    return frozenset(at for at, group in enumerate(_GROUPS) if group.count("~") == 1)
