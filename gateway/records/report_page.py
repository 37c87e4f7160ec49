"""Write a report as one page of HTML that needs nothing else, on screen and on paper. Knows numbers and words, and counts nothing."""

from collections.abc import Mapping
from html import escape
from typing import Final

_CSS: Final = """
:root{--ground:#fff;--ink:#1b1f24;--quiet:#525c69;--rule:#d5dae0}
@media (prefers-color-scheme:dark){:root{--ground:#14171b;--ink:#e8ebef;--quiet:#a3adb9;--rule:#3a424c}}
@media print{:root{--ground:#fff;--ink:#000;--quiet:#333;--rule:#999}}
body{margin:0;background:var(--ground);color:var(--ink);font:17px/1.55 system-ui,sans-serif}
main{max-width:52rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.8rem;line-height:1.2}h2{font-size:1.15rem;margin:2rem 0 .4rem}
p{max-width:42rem}.quiet{color:var(--quiet)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--rule);font-weight:400}
td{text-align:right;width:8rem}thead th{color:var(--quiet);font-size:.9rem}thead th:last-child{text-align:right}
@media print{main{max-width:none;padding:0}body{font-size:11pt}tr{break-inside:avoid}h2{break-after:avoid}}
"""


def page(report: Mapping[str, object], origin: str) -> str:
    """Return the page of a report as `Tally.to_json` gives it."""
    tables = report["tables"]
    assert isinstance(tables, dict)
    whom = "every client" if report["client"] is None else f"the client {report['client']}"
    span = f"From {report['since'] or 'the beginning'} to {report['until'] or 'now'}, {whom}."
    counted = f"Counted from {report['entries']} entries of the log {origin}, and from nothing else: whoever has the log can count again."
    hides = f"Counts under {report['hidden_below']} are hidden, and others with them where a total would give them away."
    parts = [f"<p>{escape(span)} {escape(counted)}</p>", f'<p class="quiet">{escape(hides)}</p>' if report["hidden_below"] else ""]
    parts += [_table(name, rows) for name, rows in tables.items()]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>How face recognition was used</title><style>{_CSS}</style></head><body><main>"
        f"<h1>How face recognition was used</h1>{''.join(parts)}</main></body></html>\n"
    )


def _table(name: str, rows: Mapping[str, object]) -> str:
    title = escape(name[:1].upper() + name[1:])
    if not rows:
        return f'<h2>{title}</h2><p class="quiet">None.</p>'
    lines = "".join(f'<tr><th scope="row">{escape(row)}</th><td>{escape(str(count))}</td></tr>' for row, count in rows.items())
    head = '<thead><tr><th scope="col"></th><th scope="col">Count</th></tr></thead>'
    return f"<h2>{title}</h2><table>{head}<tbody>{lines}</tbody></table>"
