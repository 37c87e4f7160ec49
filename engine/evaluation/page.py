"""Hold the report's style sheet. Knows nothing; colours keep a contrast of 4.5 to 1 in light and in dark, and paper gets the light ones."""

from typing import Final

CSS: Final = """
:root{--ground:#fff;--ink:#1b1f24;--quiet:#525c69;--rule:#d5dae0;--panel:#f4f6f8;--before:#a8460a;--after:#1a53c2}
@media (prefers-color-scheme:dark){:root{--ground:#14171b;--ink:#e8ebef;--quiet:#a3adb9;--rule:#3a424c;--panel:#1d2228;
--before:#f09a5b;--after:#86adff}}
@media print{:root{--ground:#fff;--ink:#000;--quiet:#333;--rule:#999;--panel:#fff;--before:#a8460a;--after:#1a53c2}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:17px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:56rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .6rem}
h2{font-size:1.35rem;margin:2.8rem 0 .6rem;padding-top:1.2rem;border-top:1px solid var(--rule)}
h3{font-size:1.08rem;margin:2rem 0 .4rem}
h4{font-size:.95rem;margin:1.2rem 0 .2rem}
.over{margin:0;color:var(--quiet);font-size:.9rem;letter-spacing:.02em}
.summary{background:var(--panel);border:1px solid var(--rule);border-radius:.5rem;padding:.2rem 1.25rem .6rem;margin-top:1.6rem}
.summary h2{border:0;margin:1rem 0 .4rem;padding:0}
ul{padding-left:1.2rem;margin:.4rem 0}
li{margin:.4rem 0}
figure{margin:.6rem 0 1.2rem;overflow-x:auto}
figure>svg{display:block;width:100%;min-width:34rem;height:auto}
.key{display:flex;flex-wrap:wrap;align-items:center;gap:.4rem;margin:.3rem 0 0;color:var(--quiet);font-size:.9rem}
.key svg{width:1.6rem;height:1rem;margin-left:.9rem}
.key svg:first-child{margin-left:0}
svg text{fill:var(--ink);font:14px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
svg .tick,svg .axis,svg .note{fill:var(--quiet);font-size:13px}
svg .note{font-style:italic}
svg .grid{stroke:var(--rule);stroke-width:1}
svg line.before,svg .curve.before{stroke:var(--before);stroke-width:2}
svg line.after,svg .curve.after{stroke:var(--after);stroke-width:2}
svg .curve{fill:none;stroke-linejoin:round}
svg .curve.before{stroke-dasharray:7 4}
svg circle.before{fill:var(--ground);stroke:var(--before);stroke-width:2.5}
svg path.after{fill:var(--after)}
.scroll{overflow-x:auto;margin:.6rem 0 1.2rem}
.scroll:focus-visible,figure:focus-visible{outline:3px solid var(--after);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);padding:.3rem 0}
th,td{text-align:left;vertical-align:top;padding:.42rem .9rem .42rem 0;border-bottom:1px solid var(--rule)}
thead th{color:var(--quiet);font-weight:600}
tbody th{font-weight:600;white-space:nowrap}
.interval{display:block;color:var(--quiet);font-size:.84rem}
.lacking{color:var(--quiet);font-style:italic}
code{font-size:.8rem;overflow-wrap:anywhere}
@media print{main{max-width:none;padding:0}body{font-size:11pt}.summary,figure,tr{break-inside:avoid}h2,h3,h4{break-after:avoid}
.scroll,figure{overflow:visible}}
"""
