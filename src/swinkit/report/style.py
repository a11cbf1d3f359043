"""How the page looks. One small sheet: system fonts, light or dark as the reader's machine, one column on a phone."""

from __future__ import annotations

CSS = """
:root{
  color-scheme:light dark;--ground:#fff;--page:#f6f7f9;--ink:#1c2430;--quiet:#66707f;--line:#e3e6eb;--soft:#eef1f5;
  --accent:#2563c9;--accent-soft:#dbe7fb;--warm:#c2410c;}
@media(prefers-color-scheme:dark){
  :root{
    --ground:#171c24;--page:#0f1319;--ink:#e8ebf0;--quiet:#98a2b3;--line:#2b323d;--soft:#202732;--accent:#74a7ff;
    --accent-soft:#223a63;--warm:#ff9d5c;}
}
*{box-sizing:border-box}
body{
  margin:0;background:var(--page);color:var(--ink);
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  -webkit-text-size-adjust:100%;}
main{max-width:66rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{
  font-size:clamp(1.6rem,4.5vw,2.3rem);line-height:1.15;letter-spacing:-.02em;margin:0 0 .4rem;overflow-wrap:anywhere;}
h2{font-size:1.2rem;letter-spacing:-.01em;margin:0 0 .25rem}
h3{font-size:.95rem;margin:1.4rem 0 .6rem}
p{margin:.3rem 0 .9rem;max-width:46rem}
.quiet{color:var(--quiet)}
.small{font-size:.875rem}
header .quiet{margin:0}
nav{display:flex;gap:.2rem 1.1rem;flex-wrap:wrap;margin:1.1rem 0 0;font-size:.9rem}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
section{
  background:var(--ground);border:1px solid var(--line);border-radius:14px;padding:1.4rem 1.5rem;margin-top:1.25rem;}
.glance{display:grid;grid-template-columns:minmax(13rem,1fr) 2fr;gap:1.5rem 2.5rem;align-items:center}
.hero b{
  display:block;font-size:clamp(3rem,9vw,4.4rem);line-height:1;letter-spacing:-.04em;font-weight:650;
  font-variant-numeric:tabular-nums;}
.hero span{color:var(--quiet)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin:0}
.tiles div{background:var(--soft);border-radius:10px;padding:.65rem .9rem}
.tiles dt{color:var(--quiet);font-size:.8rem}
.tiles dd{margin:0;font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.2rem 1.5rem}
figure{margin:0;min-width:0}
figcaption{font-size:.9rem;font-weight:600;margin-bottom:.3rem}
figure img{display:block;width:100%;height:auto;border-radius:6px}
.scroll{overflow:auto;-webkit-overflow-scrolling:touch}
.tall{max-height:36rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.925rem}
th,td{text-align:left;padding:.36rem .6rem;border-bottom:1px solid var(--line);vertical-align:middle}
tr:last-child td{border-bottom:0}
th{
  color:var(--quiet);font-weight:500;font-size:.82rem;white-space:nowrap;background:var(--ground);position:sticky;
  top:0;}
th button{all:unset;cursor:pointer}
th button:hover,th button:focus-visible{color:var(--ink);text-decoration:underline}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
.number{text-align:right;white-space:nowrap}
.name{overflow-wrap:anywhere;min-width:6rem}
.bar{width:45%;min-width:7rem}
.bar div{display:grid;grid-template-columns:1fr 3rem;gap:.6rem;align-items:center}
.track{display:block;height:.6rem;border-radius:99px;background:var(--soft);overflow:hidden}
.track i{display:block;height:100%;border-radius:99px;background:var(--accent)}
.swatch{
  display:inline-block;width:.75em;height:.75em;border-radius:3px;margin-right:.5em;
  box-shadow:inset 0 0 0 1px rgba(128,128,128,.4);}
.confusion{display:grid;grid-template-columns:minmax(0,1.5fr) minmax(15rem,1fr);gap:1rem 2rem;align-items:start}
.pairs{list-style:none;margin:0;padding:0}
.pairs li{padding:.4rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.pairs li:last-child{border:0}
.pairs b{color:var(--warm);font-variant-numeric:tabular-nums}
.examples{display:grid;gap:1.4rem}
.narrow{grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr))}
.example{border-top:1px solid var(--line);padding-top:.9rem;min-width:0}
.example header{display:flex;justify-content:space-between;gap:1rem;font-size:.9rem;margin-bottom:.5rem}
.example header span:first-child{overflow-wrap:anywhere}
.example header b{font-variant-numeric:tabular-nums}
.row{display:grid;gap:.5rem}
.row figcaption{font-weight:400;font-size:.8rem;color:var(--quiet);margin:.25rem 0 0}
.cells{image-rendering:pixelated}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.5rem 0 0;font-size:.82rem;color:var(--quiet)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0 2.5rem}
.facts td:first-child{color:var(--quiet);width:40%}
.facts td{overflow-wrap:anywhere}
.facts tr:last-child td{border-bottom:0}
pre{
  background:var(--soft);border-radius:8px;padding:.8rem 1rem;margin:.5rem 0 1rem;overflow:auto;white-space:pre-wrap;
  overflow-wrap:anywhere;font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
summary{cursor:pointer;color:var(--accent);font-size:.9rem}
details[open] summary{margin-bottom:.6rem}
ul.notes{margin:.4rem 0 0;padding-left:1.1rem}
@media(max-width:44rem){
  .wide .row{grid-template-columns:1fr 1fr!important}
  .wide figure:first-child:nth-last-child(3){grid-column:1/-1}
  main{padding:1.4rem .8rem 3rem}
  section{padding:1.1rem 1rem;border-radius:12px}
  .glance,.confusion{grid-template-columns:minmax(0,1fr)}
  table.sorted{font-size:.85rem}
  table.sorted th,table.sorted td{padding:.4rem .3rem;white-space:normal}
  .bar{min-width:4.2rem;width:30%}
  .name{min-width:5rem}
  .bar div{grid-template-columns:1fr;gap:.2rem}
  .bar .number{text-align:left}
}
@media print{
  body{background:#fff}
  section{break-inside:avoid;border:0;padding:.5rem 0}
  nav,summary{display:none}
  .tall{max-height:none}
}
"""

SORT = """
document.querySelectorAll("table.sorted th button").forEach(button=>button.onclick=()=>{
const head=button.parentNode,body=head.closest("table").tBodies[0],column=head.cellIndex;
const down=head.getAttribute("aria-sort")!=="descending";
for(const other of head.parentNode.cells)other.removeAttribute("aria-sort");
head.setAttribute("aria-sort",down?"descending":"ascending");
const value=row=>row.cells[column].dataset.value??row.cells[column].textContent;
const order=(a,b)=>{const x=value(a),y=value(b),known=Number(y==="")-Number(x==="");
if(x===""||y==="")return -known;
return (isNaN(x)||isNaN(y)?String(x).localeCompare(y):x-y)*(down?-1:1)};
body.append(...[...body.rows].sort(order))});
"""
