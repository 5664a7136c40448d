"""What somebody is told of electronic records before they agree to them: 15 USC 7001(c)(1).

An organisation's own words are further rows, made in admin; until there are any, these hold. `{organisation}` is filled in when
the words are first used.
"""

from datetime import datetime

from appointments.branding import brand
from signatures.models import Disclosure

_WORDS = {
    "en": """{organisation} asks to give you documents electronically and to have you sign them electronically.

You may have paper instead. Ask any member of staff: you get a copy on paper, and may sign that one, free of charge.

Agreeing covers the documents behind this link, and copies of them. You may take your agreement back at any time before you sign, by choosing not to sign here or by telling us. What was signed before stays signed. Nothing else about your care or service changes; it may only take longer on paper.

To change the e-mail address or number we write to, tell us or change it in your account.

You need a device with a current browser, and a program that shows PDF files if you want to keep a copy. If you can read this page and open the PDF on the next one, you have both.""",
    "es": """{organisation} le propone entregarle documentos en forma electrónica y que usted los firme electrónicamente.

Puede recibirlos en papel. Pídalo a cualquier miembro del personal: le damos una copia en papel, que puede firmar, sin costo.

Su aceptación vale para los documentos de este enlace y sus copias. Puede retirarla en cualquier momento antes de firmar, no firmando aquí o avisándonos. Lo firmado antes sigue firmado. Nada más cambia en su atención o servicio; en papel solo puede tardar más.

Para cambiar el correo o el número al que le escribimos, avísenos o cámbielo en su cuenta.

Necesita un dispositivo con un navegador actual, y un programa que muestre archivos PDF si quiere guardar una copia. Si puede leer esta página y abrir el PDF de la siguiente, tiene ambos.""",
}
OTHERWISE = "en"


def current(language: str, *, now: datetime) -> Disclosure:
    """The words that hold now in this language, or in English."""
    language = language.partition("-")[0]
    found = Disclosure.objects.filter(language=language).order_by("-number").first()
    if found is not None:
        return found
    if language not in _WORDS:
        return current(OTHERWISE, now=now)
    words = _WORDS[language].format(organisation=brand().name)
    first, _ = Disclosure.objects.get_or_create(
        language=language, number=1, defaults={"text": words, "created_at": now}
    )
    return first
