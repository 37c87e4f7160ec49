"""Write the notice that goes with every piece of evidence: what happened, and what whoever it concerns can do. In English and French.

It says nothing that its reader may not see: it is given the entries that they may, and opens none of their commitments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Contacts:
    """To whom people turn, as the operator's settings have it; each one line, empty where nothing is set."""

    operator: str = ""
    authority: str = ""
    ombudsman: str = ""


_ENGLISH: Final = """IF THIS DECISION WAS ABOUT YOU, OR YOU THINK THAT IT WAS WRONG

Decision {decision}

What happened
{story}

What you can do
1. Ask whoever searched (the client that the entries name) why they did, and for a person to look at it again. No decision about you may
   rest on a likeness that a machine found: it is a lead, and no identification.
2. Ask the operator of this gateway{operator}, with the decision's number, for
   - what the log holds about it: these files are that;
   - erasure: the personal values in it are destroyed. The log then still shows that there was a decision, and no longer about whom;
   - restriction: what is held about you is kept and not used, while you dispute it or need it for a claim. You are owed an answer within
     a month.
3. Complain to {authority}. They can check this file without the operator's help.
4. Ask {ombudsman} whether you were searched for at other times. The answer comes with proofs.
5. Go to court. This file is evidence: it shows what was decided, on which grounds, and that nobody changed the record since.

How to check it
Open verify.html in a browser (it needs no network), and compare the key that it shows with the one that you were given on another way. Or,
with Python 3.11, the package "cryptography" and the gateway's source: python3 -m gateway.audit BUNDLE.zip --key VKEY

This is no legal advice.
"""

_FRENCH: Final = """SI CETTE DÉCISION VOUS CONCERNE, OU SI VOUS PENSEZ QU'ELLE EST ERRONÉE

Décision {decision}

Ce qui s'est passé
{story}

Ce que vous pouvez faire
1. Demandez à qui a cherché (le client que nomment les entrées) pourquoi il l'a fait, et qu'une personne regarde à nouveau. Aucune décision
   vous concernant ne peut reposer sur une ressemblance trouvée par une machine : c'est une piste, non une identification.
2. Demandez à l'exploitant de cette passerelle{operator}, avec le numéro de la décision :
   - ce que le journal en conserve : ce sont ces fichiers ;
   - l'effacement : les valeurs personnelles sont détruites. Le journal montre encore qu'il y a eu une décision, mais plus sur qui ;
   - la limitation : ce qui est détenu sur vous est conservé sans être utilisé, tant que vous le contestez ou en avez besoin pour faire
     valoir un droit. Une réponse vous est due dans un délai d'un mois.
3. Adressez une réclamation à {authority}. Elle peut vérifier ce fichier sans l'aide de l'exploitant.
4. Demandez à {ombudsman} si vous avez été recherché à d'autres moments. La réponse vient avec des preuves.
5. Saisissez la justice. Ce fichier est une preuve : il montre ce qui a été décidé, pour quels motifs, et que nul n'a changé le registre.

Comment le vérifier
Ouvrez verify.html dans un navigateur (sans réseau) et comparez la clé affichée à celle que vous avez reçue par une autre voie. Ou, avec
Python 3.11, le paquet « cryptography » et le code de la passerelle : python3 -m gateway.audit BUNDLE.zip --key VKEY

Ceci n'est pas un conseil juridique.
"""


def redress(decision_id: str, told: Iterable[Mapping[str, Any]], contacts: Contacts) -> str:
    """Return the notice for the reader of these entries."""
    said = list(told)
    english = _ENGLISH.format(
        decision=decision_id,
        story="\n".join(f"- {line}" for entry in said for line in _happened(entry)) or "- The entries beside this file say it.",
        operator=f" ({contacts.operator})" if contacts.operator else "",
        authority=contacts.authority or "the supervisory authority for data protection where you live",
        ombudsman=f"the ombudsman ({contacts.ombudsman})" if contacts.ombudsman else "an ombudsman",
    )
    french = _FRENCH.format(
        decision=decision_id,
        story="\n".join(f"- {line}" for entry in said for line in _in_french(entry)) or "- Les entrées jointes le disent.",
        operator=f" ({contacts.operator})" if contacts.operator else "",
        authority=contacts.authority or "l'autorité de protection des données de votre lieu de résidence",
        ombudsman=f"l'organe de médiation ({contacts.ombudsman})" if contacts.ombudsman else "un organe de médiation",
    )
    return f"{english}\n{'-' * 70}\n\n{french}"


def _happened(entry: Mapping[str, Any]) -> list[str]:
    at, kind = entry.get("at"), entry.get("kind")
    if kind in ("intent", "denial", "check"):
        asked = f"{at}: the client {entry.get('client')} asked to {_asked(entry)}."
        ends = {
            "denial": f" It was refused ({_object(entry, 'answer').get('code')}); no image was compared.",
            "check": " It asked what the answer would be; nothing was searched.",
            "intent": " It was permitted, and the recogniser was ordered to compare.",
        }
        return [asked + ends[str(kind)]]
    if kind == "outcome":
        return [f"{at}: the recogniser ended with {len(entry.get('candidates') or ())} candidates; the result was {entry.get('status')}."]
    if kind == "review" and entry.get("act") in ("judged", "released", "withheld"):
        ends = {"judged": "a person judged the result", "released": "people confirmed the result, and it was given out"}
        return [f"{at}: {ends.get(str(entry['act']), 'people did not confirm the result, and it was not given out')}."]
    return [f"{at}: nobody knows how the search ended; its result was given to nobody."] if kind == "abandoned" else []


def _in_french(entry: Mapping[str, Any]) -> list[str]:
    at, kind = entry.get("at"), entry.get("kind")
    if kind in ("intent", "denial", "check"):
        asked = f"{at} : le client {entry.get('client')} a demandé : {_asked(entry)}."
        ends = {
            "denial": f" Refusé ({_object(entry, 'answer').get('code')}) ; aucune image n'a été comparée.",
            "check": " Il demandait quelle serait la réponse ; rien n'a été cherché.",
            "intent": " Permis ; le moteur de reconnaissance a reçu l'ordre de comparer.",
        }
        return [asked + ends[str(kind)]]
    if kind == "outcome":
        return [f"{at} : le moteur a rendu {len(entry.get('candidates') or ())} candidats ; état du résultat : {entry.get('status')}."]
    if kind == "review" and entry.get("act") in ("judged", "released", "withheld"):
        ends = {"judged": "une personne a jugé le résultat", "released": "des personnes ont confirmé le résultat, qui a été remis"}
        return [f"{at} : {ends.get(str(entry['act']), 'le résultat n’a pas été confirmé et n’a pas été remis')}."]
    return [f"{at} : nul ne sait comment la recherche s'est terminée ; personne n'a reçu de résultat."] if kind == "abandoned" else []


def _asked(entry: Mapping[str, Any]) -> str:
    request = _object(_object(entry, "facts"), "request")
    return f"{request.get('operation') or '?'}, {request.get('purpose') or '?'}"


def _object(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = of.get(name)
    return value if isinstance(value, Mapping) else {}
