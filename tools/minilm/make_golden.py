"""Make tests/unit/cache/semantic/wordpiece.json: texts, and what the library `tokenizers` makes of them.

Usage, where tokenizers is installed: make_golden.py TOKENIZER_JSON, that of all-MiniLM-L6-v2, SHA-256 be50c362….
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

TARGET = Path(__file__).resolve().parents[2] / "tests" / "unit" / "cache" / "semantic" / "wordpiece.json"
QUESTIONS = """How do I cancel my order?
how do i change my address
What's the capital of Australia, and isn't it Sydney?
I can't log in: error 0x80070005 after the 2nd try!
Translate "good morning" into German, please.
is https://example.com/a?b=c&d=e#f safe to open
SELECT * FROM users WHERE id = 42 AND name <> 'O''Brien';
def fib(n): return n if n < 2 else fib(n-1) + fib(n-2)
my_variable_name, myVariableName, MY-VARIABLE.NAME
$1,234.56 + 7.5% = ? (approx. €1.300,00 or £1,100 or ¥180000)
e-mail me at first.last+tag@sub.example.co.uk ASAP...
Send 3.5 kg @ 20°C to 5½ Baker St. before 09:30 a.m.
supercalifragilisticexpialidocious antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis
unaffable embeddings tokenization untokenizable reinitialised misconfiguration
[CLS] this is text [SEP] and [MASK] too, so is [UNK] and [PAD]
the  quick\tbrown\nfox\r\njumps   over
Whatever—she said—“it’s fine”… ‘really’?
naïve café résumé Zürich Ångström São Paulo Łódź Ðorđe İstanbul Straße œuvre æther
C++ vs. C# vs. F# vs. .NET; node.js >= 18 && !windows
x² + y² ≤ z², ∑ αᵢ ≈ π·r², ∫ f(x) dx → ∞
rock'n'roll d'être l'eau we'd've y'all
What is 10-4? And 10–4? And 10—4? And 10−4?
#hashtag @mention r/python u/someone :-) ;) <3 ^_^ \\o/
a.b.c,d;e:f!g?h(i)j[k]l{m}n<o>p/q|r~s`t'u"v
ALL CAPS SHOUTING IS RUDE, MiXeD cAsE iS wOrSe
1st 2nd 3rd 4th 21st century 1990s 24/7 1,000,000 1e-9 0xFF 192.168.0.1""".splitlines()
LANGUAGES = """Wie kann ich meine Bestellung stornieren? Größe, Übermaß, weiß
Comment puis-je annuler ma commande ? Ça y est, où êtes-vous ?
¿Cómo puedo cancelar mi pedido? ¡Mañana, señor!
Siparişimi nasıl iptal edebilirim? IĞDIR ılık İyi
Làm thế nào để hủy đơn hàng của tôi? Đường phố Việt Nam
Jak mogę anulować zamówienie? Zażółć gęślą jaźń
Как мне отменить заказ? Ёлка, ЙОД, съёмка
Πώς μπορώ να ακυρώσω την παραγγελία μου; ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ ὁ ἄνθρωπος
איך אני מבטל את ההזמנה שלי? שָׁלוֹם
كيف ألغي طلبي؟ مُحَمَّد ـــ ٣٤٥
मैं अपना ऑर्डर कैसे रद्द करूं? १२३ क्षत्रिय
আমি কীভাবে আমার অর্ডার বাতিল করব?
எனது ஆர்டரை எப்படி ரத்து செய்வது?
ฉันจะยกเลิกคำสั่งซื้อได้อย่างไร
ትዕዛዜን እንዴት መሰረዝ እችላለሁ?
ကျွန်ုပ်၏အော်ဒါကို ဘယ်လိုဖျက်ရမလဲ။
តើខ្ញុំអាចបោះបង់ការបញ្ជាទិញដោយរបៀបណា?
如何取消我的订单？我住在北京，今年30岁。
注文をキャンセルするにはどうすればいいですか？ｶﾀｶﾅ ガギグ
주문을 어떻게 취소하나요? 한국어 각
როგორ გავაუქმო ჩემი შეკვეთა?
Ինչպե՞ս չեղարկել իմ պատվերը
ང་ཚོའི་མངགས་ཉོ་ཇི་ལྟར་འདོར།
ကိုယ် mixed with English และไทย and 中文 words""".splitlines()
ODDITIES = [
    "",
    " ",
    "\t\r\n",
    "a",
    "a" * 100,
    "a" * 101,
    "b" * 100 + " " + "c" * 101 + " d",
    "é" * 100,
    "e\u0301" * 101,
    "zero\u200bwidth\u200cnon\u200djoiner\ufeff bom soft\u00adhyphen",
    "null\x00byte bell\x07 escape\x1b[0m file\x1cseparator next\x85line del\x7f",
    "nbsp\u00a0thin\u2009space ideographic\u3000space line\u2028para\u2029end ogham\u1680",
    "replacement \ufffd character, private \ue000 use, unassigned \u0378 one",
    "ﬁne ﬂow ﬃ ligatures, Ⅷ ⑧ ⅷ ½ ㎏ ℡ ™ ℃",
    "ｆｕｌｌｗｉｄｔｈ ＡＢＣ １２３ ！？",
    "𝐛𝐨𝐥𝐝 𝒾𝓉𝒶𝓁𝒾𝒸 𝔣𝔯𝔞𝔨𝔱𝔲𝔯 𝟙𝟚𝟛",
    "😀😃😄 🎉🎊 ❤️ 👩‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ©®™ ☺ ✈",
    "👍 yes",
    "don\u2019t \u201cquote\u201d \u00abguillemets\u00bb \u2026 \u2013 \u2014 \u2212 \u00b7 \u2022 \u00b6 \u00a7",
    "+=<>^`|~$ are symbols and punctuation to it",
    "㐀㒨 豈更 𠀀𠮷 𪜀 𫝀 𫠠 𫤠 𬺰 〇 々 〆",
    "Ǆ ǅ ẞ ß İ i̇ ı K Å Ω ſ",
    "Z͑͗a̴͝l̵g̶o̷ t̸e̵x̶t̴",
    "العربية with English و numbers ١٢٣ 123",
    "क्\u200dष क्\u200cष",
    "\ud7a3\uac00 \u1100\u1161\u11a8",
    "tab\tseparated\tvalues,comma;semi",
    "##ing ## ##s #",
    "unused [unused1] [unused99] token",
    "''''\"\"\"\"````----____....",
]


def main() -> int:
    library = Tokenizer.from_file(sys.argv[1])
    library.no_truncation()
    library.no_padding()
    library.encode_special_tokens = True
    texts = [*QUESTIONS, *LANGUAGES, *ODDITIES]
    texts += [text.upper() for text in (*QUESTIONS, *LANGUAGES)]
    texts += [text[len(text) // 3 :] + text[: len(text) // 3] for text in (*QUESTIONS, *LANGUAGES)]
    texts += [" ".join(pair) for pair in zip(QUESTIONS, LANGUAGES, strict=False)]
    rows = [[text, library.encode(text, add_special_tokens=False).ids] for text in texts]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    TARGET.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(rows)} texts")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
