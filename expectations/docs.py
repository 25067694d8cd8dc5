"""Great Expectations' pages load scripts and styles from public hosts; ours must open without a network."""

import re
from pathlib import Path

_REMOTE = re.compile(
    r'<link\b[^>]*href="https?://[^>]*>|<script\b[^>]*src="https?://[^>]*>\s*</script>|<img\b[^>]*src="https?://[^>]*>',
    re.IGNORECASE,
)
_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1200px;padding:1rem;color:#1c2430}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #d5dae1;padding:.35rem .6rem;text-align:left;vertical-align:top}
a{color:#1f5fa8}ul{list-style:none;padding-left:.5rem}.text-success,.fa-check-circle:before{color:#1d7a46}
.fa-check-circle:before{content:"\\2713"}.fa-exclamation-triangle:before{content:"\\26a0"}.fa-times:before{content:"\\2717"}
.text-danger,.fa-times:before{color:#b3261e}.modal,.btn,#ge-cta-footer,.cloud-footer,footer{display:none}
</style></head>"""


def make_offline(site: Path) -> None:
    """Take remote scripts, styles and images out of every page of the site, and give it a plain style of its own."""
    for page in site.rglob("*.html"):
        page.write_text(_REMOTE.sub("", page.read_text()).replace("</head>", _STYLE, 1))
