"""What an error's words mean whoever says them: the last thing that decides, where structure and status do not.

Words are compared as words: lower case, without punctuation, numbers whole. A name in quotes keeps one quote before it
('api_key' is a parameter's name, "api key" is a key), a step of a path its slash, and names with underscores stay one
word, so that a complaint about a parameter does not look like what the parameter is called.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Final

MAX_GAP: Final = 12
_QUOTED: Final = re.compile(r"""(["'`])([\w.\-\[\]/:]+)\1""")
_TOKEN: Final = re.compile(r"['/]?[a-z0-9_]+(?:[.\-][a-z0-9_]+)*|\|")
_HAS_DIGIT: Final = re.compile(r"\d")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


# What Chinese providers and the gateways one-api and new-api say to whoever asks; its meaning is appended.
_IN_CHINESE: Final = (
    (r"余额不足|额度不足|额度失败|额度已用|欠费|请充值|账户余额", "insufficient balance"),
    (r"(?:密钥|令牌|key|token).{0,6}(?:无效|错误|过期|失效|不正确|不存在)", "invalid api key"),
    (r"(?:无效|错误|过期|失效)的?.{0,4}(?:密钥|令牌|api ?key|token)|身份验证|鉴权失败|未提供令牌", "invalid api key"),
    (r"(?:超出|超过|大于).{0,8}上下文|上下文.{0,8}(?:超|过长)|输入.{0,6}(?:过长|超)", "context length exceeded"),
    (r"频繁|请求(?:数|次数|量)?过多|速率(?:限制)?|限流|并发.{0,6}(?:超|过|上限)", "rate limit exceeded"),
    (r"负载|繁忙|过载|访问量过大", "overloaded"),
    (r"模型.{0,30}(?:不存在|未找到|不可用)|不存在.{0,6}模型|没有.{0,6}模型", "no such model"),
    (r"敏感|违规|不安全", "sensitive content"),
)


def _from_chinese(text: str) -> str:
    return " ".join(meaning for said, meaning in _IN_CHINESE if re.search(said, text))


def words_of(text: str) -> str:
    """`text` as words with one blank before, between and after them; `|` ends what is said together."""
    if not text.isascii():
        text = f"{text} {_from_chinese(text.lower())}"
    text = re.sub(r"(?<=[a-z])['’](?=[a-z])", "", text.lower().replace('\\"', '"'))
    text = re.sub(r"(?<=\d),(?=\d{3})", "", _QUOTED.sub(r" '\2 ", text))
    found = (
        token if _HAS_DIGIT.search(token) else token.replace("-", " ").replace(".", " ")
        for token in _TOKEN.findall(text)
    )
    return f" {' '.join(found)} "


def unquoted(words: str) -> str:
    """What `words_of` gives, without the quotes before names: a sentence of the table may quote what it likes."""
    return words.replace(" '", " ")


def words_of_names(names: Iterable[str]) -> str:
    """Names of errors as words: `RateLimitReached`, `rate_limit_reached` and `rate.limit-reached` are the same."""
    return "".join(f" {' '.join(re.findall(r'[a-z0-9]+', _CAMEL.sub(' ', name).lower()))} |" for name in names)


class Marks:
    """Patterns of whole words, of which one is enough. In a pattern ` ~ ` skips up to six words, ` ~2 ` up to two.

    anchors: parts of words, one of which is in whatever the patterns match: the quick no for nearly every text, and
    what keeps a process that sees no errors from compiling them.
    """

    def __init__(self, anchors: str, *patterns: str) -> None:
        self._said, self._anchors = patterns, re.compile("|".join(anchors.split()))

    def search(self, words: str) -> bool:
        return self._anchors.search(words) is not None and self._patterns.search(words) is not None

    @functools.cached_property
    def _patterns(self) -> re.Pattern[str]:
        spaced = (re.sub(r" ~(\d*) ", lambda found: _gap(int(found[1] or 6)), pattern) for pattern in self._said)
        return re.compile(f"(?<= )(?:{'|'.join(spaced)})(?= )")


class Phrase:
    """A phrase of the table of errors, looked for in what `unquoted` gives; `..` skips some words."""

    def __init__(self, said: str) -> None:
        self._parts = [part for part in (unquoted(words_of(piece)).strip() for piece in said.split("..")) if part]
        self._longest = f" {max(self._parts, key=len)} "

    def search(self, words: str) -> bool:
        return self._longest in words and (len(self._parts) == 1 or self._pattern.search(words) is not None)

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(f"(?<= ){_gap(MAX_GAP).join(map(re.escape, self._parts))}(?= )")


def _gap(most: int) -> str:
    return rf" (?:[^| ]+ ){{0,{most}}}"


_CREDIT: Final = r"(?:credits?|balances?|funds|prepayments?)"
_SPEND: Final = r"(?<!thinking )(?<!reasoning )(?<!token )(?:spend(?:ing)?|billing|budget|monthly|credits?|cost)"
_LIMIT: Final = r"(?:limits?|caps?|thresholds?|budgets?|quotas?|allowances?)"
_OVER: Final = r"(?:reach\w*|exceed\w*|hit|hits|exhaust\w*|surpass\w*|over|used|spent|deplet\w*|consumed)"

MONEY: Final = Marks(
    "credit balance fund prepay limit caps? threshold budget quota allow "
    "payment bill invoice account arrear charge top free trial subscription plan package member key",
    rf"(?:insufficient|not enough|no|low|out of|exhausted|depleted|negative|zero) ~2 {_CREDIT}",
    rf"0(?:\.0+)? {_CREDIT} (?:left|remaining|available)",
    rf"(?:used|spent|consumed) (?:up )?(?:all|the last) ~3 {_CREDIT}",
    rf"{_CREDIT} ~3 (?:too low|insufficient|exhausted|depleted|used up|expired|r[ua]n out|not enough|negative|empty)",
    rf"{_CREDIT} ~2 (?:is|are) (?:low|zero|0|gone)",
    rf"{_SPEND}(?: \w+)? {_LIMIT} ~4 {_OVER}",
    rf"{_OVER} ~5 {_SPEND}(?: \w+)? {_LIMIT}",
    rf"(?<!thinking )(?<!reasoning )(?<!token )budget (?:has been |was |is )?{_OVER}",
    rf"{_OVER} (?:your |the |its |max |maximum )*(?:spending |monthly )?budget",
    r"exceeded(?:token)?budget",
    r"'?insufficient[ _](?:[a-z]+[ _]){0,2}quota",
    r"payment (?:is )?(?:required|overdue|past due)",
    r"(?:unpaid|overdue) (?:invoices?|bills?|payments?|balance)",
    r"(?:invoices?|bills?|payments?|account) ~2 (?:unpaid|overdue|past due|in arrears)",
    r"arrearage",
    r"billing ~2 (?:disabled|not active|not enabled|inactive|suspended)",
    r"hard limit ~2 (?:reached|exceeded)",
    r"(?:reached|exceeded|hit) ~2 hard limit",
    r"billing hard limit",
    r"requires billing to be",
    r"key limit exceeded (?:total|daily|weekly|monthly)(?: limit)?",
    r"(?:quota|balance|credits?) ~3 (?:not enough|insufficient)",
    r"payment ~2 (?:declined|failed)",
    r"(?:subscription|plan|trial|package|membership) (?:(?:has|is|was|been) )*(?:expired|ended|inactive|lapsed)",
    r"no active (?:subscription|plan|billing)",
    r"(?:please|must|need to) (?:recharge|top up)",
    rf"{_OVER} ~3 (?:free|daily free|included) (?:allocation|allowance|credits?)",
    r"(?:free|trial) (?:tier|plan|trial|quota|credits?) ~4 (?:exhausted|used up|expired|ended)",
)
MONEY_MAYBE: Final = Marks(
    "quota billing limit payment credit fund recharge top suspended",
    r"exceed\w* your current quota",
    r"plan and billing",
    r"check your billing",
    r"usage limits? ~3 (?:reached|exceeded|hit)",
    r"(?:reached|exceeded|hit) ~4 usage limits?",
    r"quota ~2 (?:exhausted|used up|depleted)",
    r"(?:exhausted|used up|depleted) ~4 quota",
    r"(?:enable|activate|set up) billing",
    r"(?:add|update|set up) ~3 payment method",
    r"(?:purchase|buy|add) (?:more |additional )?(?:credits|funds)",
    r"(?:recharge|top up) ~3 (?:account|balance|wallet)",
    r"account ~4 suspended ~6 (?:invoices?|payments?|billing|balance)",
)
_QUOTA: Final = Marks(
    "quota", r"quota (?:has been |was |is )?exceeded", r"exceed\w* ~4 quota", r"quota limit ~2 (?:reached|exceeded)"
)

RATE: Final = Marks(
    "limit too request token call quer per rp tp qp throttl concurren slow each /",
    r"rate ?limit\w*",
    r"rate_limit\w*",
    r"(?:ratelimit|rate limit\w*) ~2 (?:error|exceeded|reached)",
    r"too many (?:requests?|concurrent|parallel|simultaneous|calls)",
    r"(?:requests?|tokens|calls|queries) (?:per|/|a) ?/?(?:second|sec|minute|min|hour|day)",
    r"(?:requests?|tokens|calls|queries) /(?:second|sec|s|minute|min|m|hour|day)",
    r"(?:per|/|each) ?(?:second|minute|hour)",
    r"(?:rpm|tpm|rpd|tpd|rps|tps|qps|qpm|itpm|otpm)",
    r"throttl\w+",
    r"concurren\w+ ~3 (?:limit\w*|too high|exceed\w*|reached)",
    r"slow down",
    r"request rate",
    r"too many tokens please wait",
)
RATE_SAID: Final = Marks(
    "limit too throttl wait per",
    r"rate[ _]?limit(?:s|ed|ing)? (?:has been |have been |was |were |is |are )?(?:exceeded|reached|hit|error)",
    r"rate limit(?:ed|ing)?(?= \|)",
    r"(?:exceed\w*|reach\w*|hit|over) ~6 rate limits?",
    r"(?:you are|being|been|is|was) rate limited",
    r"too many (?:requests|concurrent requests|simultaneous requests|calls)",
    r"(?:requests?|tokens) per (?:second|sec|minute|min|hour) ~6 (?:limit|exceeded|reached)",
    r"(?:limit|exceeded|reached) ~6 (?:requests?|tokens) per (?:second|sec|minute|min|hour)",
    r"throttl(?:ed|ing)(?: exception| error)?(?= \|)",
    r"(?:request|requests|you|was|were|been|being) (?:was |were |are |been |being )*throttled",
    r"too many tokens please wait",
)

_KEY: Final = (
    r"(?:api ?keys?|access (?:keys?|tokens?)|auth(?:entication|orization)? (?:keys?|tokens?|headers?|credentials?)"
    r"|bearer tokens?|subscription keys?|secret keys?|security tokens?|api tokens?|user tokens?|credentials)"
)
_BAD: Final = (
    r"(?:invalid|not valid|isnt valid|incorrect|wrong|expired|revoked|missing|malformed|unknown|disabled|deactivated"
    r"|deleted|rejected|not (?:found|recogni[sz]ed|accepted|authori[sz]ed|provided|exist|active|correct|set|configured)"
    r"|unauthori[sz]ed|bad"
    r"|inactive|unrecogni[sz]ed|no longer valid|blocked|leaked|does not exist)"
)
AUTH: Final = Marks(
    "key token auth credential password signature unauthori[sz]ed",
    rf"{_KEY} ~ {_BAD}",
    rf"{_BAD} ~2 {_KEY}",
    rf"{_BAD} (?:x )?api_key",
    rf"api_?key (?:is |was )?{_BAD}",
    rf"no (?:valid |auth )*{_KEY} (?:found|provided|supplied|given|passed|specified|was|were|in|sent)",
    r"(?:provide|supply|pass|specify|give|include|carry|send)"
    r" (?:(?:an?|your|any|valid|us|the) )*(?:\w+ )?(?:api (?:secret )?key|api token)",
    # where it is all that is said: "metadata: invalid key" is another key
    r"(?<=\| )(?:user not found or )?(?:invalid|expired|wrong|unknown|revoked) (?:token|key)(?= \|)",
    r"(?<=\| )(?:the |your )?(?:token|key) (?:(?:is|has|was|been) )*(?:invalid|expired|revoked|disabled)(?= \|)",
    r"(?<=\| )unauthori[sz]ed(?: access| request)?(?= \|)",
    rf"(?:do not|dont|without|need|needs|requires?) (?:have )?(?:an? )?(?:valid )?{_KEY}",
    rf"{_KEY} (?:header |field )?(?:is |are )?(?:required|needed|empty|blank|isnt correct|doesnt exist)",
    r"(?:check|verify) (?:that )?(?:your|the) api key",
    r"(?:the|your|access|user|bearer) token (?:(?:is|seems|was|has|appears|to|be|been) )*(?:invalid|expired|revoked)",
    r"request signature ~6 (?:does not match|doesnt match|expired)",
    r"valid (?:user )?(?:api )?(?:token|key) is required",
    r"authenti?cation ~2 (?:failed|fails|failure|error|required|invalid|unsuccessful)",
    r"authorization (?:failed|denied|error|required)",
    r"(?:failed to|cannot|could not|couldnt|unable to|not) authenticate(?:d)?",
    r"(?:invalid|incorrect|wrong|missing) authentication",
    r"unauthenticated",
    r"invalid username or password",
)

_CONTEXT: Final = r"context (?:lengths?|windows?|sizes?|limits?|overflow\w*)"
_EXCEED: Final = (
    r"(?:exceed\w*|exceeds|too (?:long|large|big|many)|longer|larger|greater|bigger|beyond|overflow\w*|over|maximum|max"
    r"|up to|limit\w*|reduce|shorten|fit|fits|reached|more|at most|less than|fewer|only|surpass\w*|full)"
)
_LONG: Final = r"(?:exceed\w*|is (?:longer|larger|over))"
_INPUT: Final = r"(?:prompts?|inputs?|conversations?|messages|history|context)"
OVERFLOW_CONTEXT: Final = Marks(
    "context ctx max_ input tokens.in total sequence",
    rf"{_CONTEXT} ~12 {_EXCEED}",
    rf"{_EXCEED} ~12 {_CONTEXT}",
    r"context (?:is |was |has been )?(?:too (?:long|large|big)|exceeded|overflow\w*|full)",
    r"context_?(?:length|window|size)_?exceed\w*",
    r"(?:exceed\w*|(?:longer|larger|greater|bigger) than|beyond) (?:(?:the|this|its|your) )*(?:models? )?context",
    r"(?:n_ctx|num_ctx|max_model_len) (?:is |was )?exceed\w*",
    r"context shift is disabled",
    r"outside (?:of )?the (?:models )?context",
    r"(?:exceed\w*|(?:larger|longer|greater) than) ~6 (?:n_ctx|num_ctx|max_(?:model_len|seq_len|position_embeddings))",
    r"'?inputs? ~2 tokens? ~3 '?max_\w*tokens must",
    r"tokens in (?:(?:the|this|your) )?(?:request|prompt|input|messages?) ~2 (?:more|greater|larger|exceed\w*|over)",
    r"total (?:message |number of )?tokens ~8 exceed\w* (?:the )?(?:max\w*|limit|models?)",
    r"sequence length ~3 (?:longer|greater|larger|exceed\w*)",
)
OVERFLOW: Final = Marks(
    "prompt input conversation messages history context token max size",
    rf"{_INPUT} (?:(?:is|are|was|were|text|sequence|length|tokens?|count|size|far|way|much) )*too (?:long|large|big)",
    rf"{_INPUT} (?:(?:text|length|size|token|count|of|with|\d+) )*{_LONG} ~ (?:lengths?|window|tokens?)",
    rf"{_INPUT} ~5 tokens? ~6 (?:exceed\w*|greater|more than|larger|beyond|too (?:many|long|large)|longer|maximum)",
    r"(?:exceed\w*|(?:greater|more|larger) than|beyond|over|above) ~6 (?:input|prompt|context|model|request) tokens?",
    r"(?:exceed\w*|over|beyond|above) ~4 token limits?",
    r"token limits? (?:has been |was |is )?(?:exceeded|reached)",
    r"tokens? ~4 exceed\w* ~6 (?:maximum|limit|allowed|max)",
    r"(?:maximum|max) (?:allowed |permitted )?(?:prompt|input|model) (?:token )?(?:length|tokens?|size)",
    r"max\w* (?:allowed )?tokens ~12 (?:has|have|contains?|got|requested|provided|received) \d+ tokens",
    r"expected maxlength \d+ actual \d+",
    r"too many (?:input |prompt |context )?tokens",
    r"(?:requires?|needs?|ha[sv]e?|contains?|with) \d+ (?:input |prompt )?tokens ~12 (?:max\w*|limit|only|at most)",
    r"(?:reduce|shorten|truncate) ~3 (?:length|size) of (?:the |your )*(?:messages|prompt|input|conversation|context)",
    r"(?:reduce|shorten|truncate) (?:the |your )*(?:prompt|input|conversation|messages|context)",
    r"must have less than \d+ tokens",
    r"too large ~6 max size \d+ tokens",
    r"string too long ~4 tokens",
    r"(?:texts?|query|document|request) (?:is|are) too long ~2 tokens",
)
_OUTPUT: Final = re.compile(
    r" (?:'?max_?(?:completion_?|output_?|new_?)?tokens|max tokens|output|completion|generated|'?logit_bias|'?stop) "
)
_TEXT_IN: Final = re.compile(r" (?:inputs?|prompts?|messages) ")

FILTERED: Final = Marks(
    "content safety flagged violat moderation responsible policy guard blocked rejected refused filtered denied",
    r"content (?:filter\w*|management polic\w+|polic(?:y|ies)|moderation|safety)",
    r"content_filter",
    r"safety (?:system|polic\w+|reasons|filters?|guidelines|concerns)",
    r"(?:flagged|blocked|rejected|refused|filtered|denied) ~6 (?:moderation|content|safety|polic\w+|guardrails?)",
    r"(?:flagged|violat\w+) ~6 (?:polic\w+|terms|guidelines)",
    r"(?:requires?|failed|by) (?:\w+ )?moderation",
    r"(?:inappropriate|sensitive|prohibited|unsafe|harmful) content",
    r"input (?:was )?flagged",
    r"responsible ai",
)

BAD_MODEL: Final = Marks(
    "model",
    r"(?:invalid|unknown|no such|unavailable|nonexistent|unrecogni[sz]ed) models?(?: name| id| identifier)?",
    r"not a valid models?(?: name| id)?",
    r"models? ~4 (?:not (?:found|exist|deployed|loaded)|doesnt exist|could not be found)",
    r"models? (?:'?[^ |]+ ){0,2}(?:is |was )?(?:not available|unavailable|no longer available|no longer supported)",
    r"models? (?:'?[^ |_]+ )?(?:has been|was|is) (?:(?:deprecat|delet|decommission|retir|remov)ed|discontinued)",
    r"models? (?:is )?not supported",
    r"(?:the|requested|given|your) model '?[^ |_]+ is not supported",
    r"models? (?:name |id |identifier )+is (?:invalid|unknown|not valid|incorrect)",
    r"(?:cannot|could not|couldnt|unable to|failed to) (?:find|load|locate) (?:the )?models?",
    r"no models? (?:loaded|named|with|found|matching)",
    r"(?:not found|no access to|cannot access) (?:the )?models?",
)
BLOCKED: Final = Marks(
    "organization organisation account workspace project team country region location",
    r"(?:organi[sz]ation|account|workspace|project) (?:has been|is|was) (?:disabled|deactivated|suspended|blocked)",
    r"(?:country|region|territory|location) (?:is )?not supported",
    r"not (?:supported|available|allowed) in (?:your|this) (?:country|region|location)",
)
SAYS_MODEL: Final = Marks("model deployment", r"(?:models?|deployments?)")

OVERLOADED: Final = Marks(
    "load capacity queue pending busy demand traffic usage warming cold worker replica gpu instance",
    r"overload\w*",
    r"(?:at|over|out of|no|insufficient|exceed\w*|reached|limited|not enough|lack of) (?:\w+ )?capacity",
    r"capacity ~2 (?:exceeded|reached|exhausted|unavailable|constraint\w*|full)",
    r"(?:queue|queues) (?:is |are |was )?full",
    r"maximum pending requests",
    r"(?:server|model|service|engine|system|backend|worker|gpu)s? (?:is |are )?(?:currently |too |very )*busy",
    r"(?:high|heavy|peak|unusual) ~2 (?:demand|traffic|load|usage)",
    r"loading (?:the )?model",
    r"models? ~6 loading",
    r"(?:warming up|cold start)",
    r"no (?:available |healthy |idle )+(?:workers?|replicas?|gpus?|instances?|servers?)",
)
COLD: Final = Marks(
    "overload model",
    r"model ~4 overload\w*",
    r"(?:server|service|engine|system) ~2 overload\w*",
    r"overloaded error",
    r"(?<=\| )(?:(?:currently|temporarily) )?overloaded(?= \|)",
    r"loading (?:the )?model",
    r"model (?:'?[^ |]+ ){0,2}is (?:currently |still )*(?:loading|cold|warming up|not ready)",
)

_FEATURE: Final = (
    r"'?(?:embeddings?|tools?|tool_?use|tool_?calls?|tool_?calling|function_?calls?|function_?calling|functions?|vision"
    r"|images?|audio|videos?|chat|completions?|stream(?:s|ing)?|thinking|reasoning|structured_?outputs?|logprobs|loras?"
    r"|json_?(?:mode|schema|output)|generate|generation|multimodal[a-z]*|files?|documents?|pdfs?|batch(?:es|ing)?"
    r"|infill|rerank(?:ing)?|fim|responses)"
)
_PARAMETER: Final = r"(?:parameter|argument|field|property|value|schema|type|option|format|key)s?"
_OFFERED: Final = r"(?:supported|enabled|available|implemented)"
_HERE: Final = r"(?:models?|server|deployment|endpoint)"
_NOT: Final = r"(?:does not|doesnt|do not|dont|cannot|is not able to|is unable to)"
UNSUPPORTED: Final = Marks(
    "support available enabled implement",
    rf"(?!{_PARAMETER} )[^ |'_]+ {_NOT} (?:currently |yet )*support (?:the |any )?(?:\w+ )?{_FEATURE}(?: \w+)?",
    rf"{_FEATURE}(?: \w+)? (?:is|are) not (?:currently |yet )*{_OFFERED} ~4 {_HERE}",
    rf"endpoints? found that supports? (?:the )?{_FEATURE}",
    r"(?:not implemented|unimplemented)(?= \|)",
)


def overflows(words: str) -> bool:
    """Whether the text is too long. What is too large about the answer alone is a parameter."""
    if OVERFLOW_CONTEXT.search(words):
        return True
    return OVERFLOW.search(words) and (_TEXT_IN.search(words) is not None or _OUTPUT.search(words) is None)


def over_quota(words: str) -> bool:
    """Whether a quota is used up, said by who does not answer 429, where the same words mean a rate."""
    return _QUOTA.search(words)
