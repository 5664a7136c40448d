"""What a text from a customer means, in English or Spanish.

The provider says what it took for STOP, START or HELP itself. Else one word decides; and free text that may ask for no more texts
is told apart from the rest, rather too often than too seldom: staff read it either way.
"""

import re
import unicodedata

from reminders.models import Meaning

# A provider's own words (Twilio's defaults), which it answers by itself; after one of STOP it blocks the number.
STOP_OF_PROVIDER = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
START_OF_PROVIDER = frozenset({"start", "unstop"})
_STOP = STOP_OF_PROVIDER | {
    "stop all",
    "opt out",
    "alto",
    "parar",
    "pare",
    "paren",
    "basta",
    "basta ya",
    "baja",
}
_START = START_OF_PROVIDER | {"empezar", "iniciar", "comenzar"}
_HELP = {"help", "info", "ayuda", "informacion"}
_CONFIRM = {
    *("c", "confirm", "confirmed", "i confirm", "y", "yes", "yes confirm", "yes i confirm"),
    *("confirmo", "confirmar", "confirmado", "confirmada", "si", "si confirmo"),
}
_MEANINGS: dict[str, Meaning] = {
    **dict.fromkeys(_STOP, Meaning.STOP),
    **dict.fromkeys(_START, Meaning.START),
    **dict.fromkeys(_HELP, Meaning.HELP),
    **dict.fromkeys(_CONFIRM, Meaning.CONFIRM),
}
_SPANISH = {
    *(
        "alto",
        "parar",
        "pare",
        "paren",
        "basta",
        "basta ya",
        "baja",
        "empezar",
        "iniciar",
        "comenzar",
        "ayuda",
    ),
    *("informacion", "confirmo", "confirmar", "confirmado", "confirmada", "si", "si confirmo"),
}

_TEXTS = r"(?:text\w*|txt\w*|messag\w*|msgs?|sms|notif\w*|reminders?|reminding|alerts?)"
_BOTHER = rf"(?:{_TEXTS}|messaging|sending|contacting|bothering|spamming|harassing|writing|pinging|remind\w*)"
_MENSAJES = r"(?:mensajes?|textos?|sms|recordatorios?|avisos?|notificaciones)"
_SOUNDS_LIKE_STOP = [
    # "stop", but for "the bus stop", "stop by at 3", "can't stop" and "the pain won't stop"
    (
        r"(?<!bus )(?<!the )(?<!a )(?<!one )(?<!next )(?<!last )(?<!first )(?<!your )(?<!my )(?<!this )(?<!non )"
        r"(?<!cant )(?<!cannot )(?<!wont )(?<!dont )(?<!didnt )(?<!doesnt )(?<!not )(?<!never )(?<!train )"
        r"\bstop+\b(?! (?:by|in|at|over|off|and|near|here|there|for|on|taking|eating|drinking|smoking)\b)"
    ),
    rf"(?<!dont )(?<!not )(?<!never )\b(?:quit|cease|end|discontinue|cancel|halt)\b (?:\w+ ){{0,3}}{_BOTHER}\b",
    r"\bquit (?:it|this|that)\b|\bknock it off\b|\bcut it out\b",
    r"\bunsub\w*|\bopt(?:ing|ed)?(?: me| us)? out\b|\boptout\b|\brevoke\b",
    rf"\bno (?:more|further) {_TEXTS}\b|\bno more of (?:this|these|them)\b",
    r"\b(?:no|enough) (?:texts|txts|messages|msgs|sms|notifications|reminders|alerts)\b",
    r"\b(?:dont|do not|never|not to|no longer) (?:\w+ ){0,2}?(?:text|txt|message|msg|sms|bother|remind)\b",
    r"\b(?:dont|do not|never|not to|no longer) (?:\w+ ){0,2}?contact\b(?! (?:him|her|them|the|my (?!phone|number|cell)))",
    r"\bnot (?:text|txt|message|contact|bother) (?:me|us)\b",
    r"\b(?:dont|do not|never) (?:\w+ ){0,2}?send\b",
    rf"\b(?:dont|do not|no longer) (?:want|need|wish)\b (?:\w+ ){{0,4}}?{_TEXTS}\b",
    r"\b(?:take|remove|delete|drop)\b (?:\w+ ){0,3}?(?:off|number|list|phone)\b",
    r"\bget me off\b|\bremove me\b|\bleave me alone\b|\blose (?:my|this) number\b|\bgo away\b|\bf\w* off\b",
    # Whose number it no longer is never agreed.
    r"\bwrong (?:number|person)\b|\bnumero equivocado\b|\bse equivoc\w+ de numero\b",
    # Spanish
    (
        r"\b(?:dejen?|dejar|deja|pare|paren|para|parar|cesen?) (?:ya )?de (?:\w+ )?"
        r"(?:mand|envi|escrib|molest|text|contact|mensaj)\w*"
    ),
    r"\b(?:alto|basta|paren|pare|detengan?|detenga)\b",
    rf"\bno (?:mas|quiero mas|quiero recibir) (?:\w+ )?{_MENSAJES}\b|\bno quiero (?:\w+ ){{0,3}}?{_MENSAJES}\b",
    (
        r"\bno (?:me |nos )?(?:vuelvan? a )?(?:mand|envi|escrib|text|contact|molest)(?:ar|ir|ear|e|es|en|a|as|an|ee|een|ees)"
        r"(?:me|nos)?\b"
    ),
    rf"\b(?:cancel\w*|suspend\w*|termin\w*|anul\w*) (?:\w+ ){{0,3}}?{_MENSAJES}\b",
    (
        r"\b(?:quiten?|quite|quitar|borren?|borre|borrar|eliminen?|elimine|eliminar|saquen?|saque)\w* (?:\w+ ){0,2}?"
        r"(?:numero|telefono|lista)\b|\b(?:quitenme|saquenme|borrenme)\b"
    ),
    r"\b(?:de|la|darme de|deme de|denme de) baja\b|\bdejenme en paz\b|^(?:ya )?no mas\b|^cancelar$",
]
_STOPS = re.compile("|".join(f"(?:{pattern})" for pattern in _SOUNDS_LIKE_STOP))
# A phone's "Liked “…”" repeats our own words, "Reply STOP" among them.
_QUOTED = re.compile(r"[“\"«].*?[”\"»]", re.DOTALL)
_CLAUSES = re.compile(r"[.,;:!?¡¿…\n]+")


def meaning_of(words: str, *, opt_out: str = "", has_agreed: bool = False) -> Meaning:
    """`opt_out` is what the provider took it for: STOP, START, HELP or "". It takes YES for START also from those who have
    agreed to texts: theirs confirms."""
    own = _own_meaning(words)
    if opt_out in ("STOP", "HELP"):
        return Meaning(opt_out.lower())
    if opt_out == "START":
        return Meaning.CONFIRM if own is Meaning.CONFIRM and has_agreed else Meaning.START
    return own


def _own_meaning(words: str) -> Meaning:
    said = normalised(words)
    if said in _MEANINGS:
        return _MEANINGS[said]
    if said and set(said.split()) <= _STOP:
        return Meaning.STOP
    clauses = map(normalised, _CLAUSES.split(_QUOTED.sub(" ", words)))
    return Meaning.MAYBE_STOP if any(map(_STOPS.search, clauses)) else Meaning.OTHER


def is_spanish(words: str) -> bool:
    """Whether it is one of the Spanish words known here."""
    return normalised(words) in _SPANISH


def normalised(words: str) -> str:
    """In lower case, without accents, marks and signs: "¡Sí!" is "si", and "don't" is "dont"."""
    plain = unicodedata.normalize("NFKC", words).casefold()
    letters = (c for c in unicodedata.normalize("NFKD", plain) if unicodedata.category(c) not in ("Mn", "Cf"))
    joined = re.sub(r"['’‘`´]", "", "".join(letters))
    return " ".join(re.sub(r"[\W_]+", " ", joined).split())
