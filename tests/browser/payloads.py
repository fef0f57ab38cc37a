"""Texts that try to be more than texts: odd ones of a catalog, and those that run as a script.

Each of `PAYLOADS` calls `alert` on `NAIVE`, a page that puts texts in without a thought.
"""

TEXTS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "javascript:alert(3)",
    "{{7*7}}", "</title><svg onload=alert(4)>", "<b>bold</b>", "${7*7}", "<!-- comment",
    "'; DROP TABLE items; --", "\" onmouseover=\"alert(5)", "<iframe src=//x>", "&lt;script&gt;",
    "&amp;amp;", "<style>*{display:none}</style>", "<base href=//x>", "<a href=javascript:1>x</a>",
    "../../etc/passwd", "%3Cscript%3E", "data:text/html,<script>alert(6)</script>", "__proto__",
    "constructor", "toString", "null", "undefined", "NaN", "-1", "0", "[object Object]",
    "\u202etxt.exe", "\u200b\u200bhidden", "\U0001f9e2" * 40, "\u0644\u064a\u0633", "a" * 500,
    "e\u0301" * 30, "one\u2028two", "<math><mi//xlink:href=\"data:x,alert(7)\">",
    "\\u003cscript\\u003e",
    "<template><script>alert(8)</script></template>", "<img src=x:x onerror=alert(9)//>",
    "a\ufffdb",
)  # fmt: skip

PAYLOADS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "javascript:alert(3)",
    "</title><svg onload=alert(4)>", "\" onmouseover=\"alert(5)", "' onmouseover='alert(6)",
    "x onmouseover=alert(7) ", "<img src=x:x onerror=alert(8)//>", "<ScRiPt>alert(9)</sCrIpT>",
    "<svg/onload=alert(10)>", "<svg><script>alert(11)</script></svg>",
    "<svg><animate onbegin=alert(12) attributeName=x dur=1s>", "<body onload=alert(13)>",
    "<iframe srcdoc='<script>parent.alert(14)</script>'></iframe>",
    "<iframe src=javascript:parent.alert(15)></iframe>", "<details open ontoggle=alert(16)>x",
    "<video><source onerror=alert(17)></video>", "<audio src=x onerror=alert(18)>",
    "<input autofocus onfocus=alert(19)>", "<textarea autofocus onfocus=alert(20)></textarea>",
    "<a href=javascript:alert(21)>x</a>", "<a href=' \tjavascript:alert(22)'>x</a>",
    "<a href='java\tscript:alert(23)'>x</a>", "<a href=&#106;avascript:alert(24)>x</a>",
    "JaVaScRiPt:alert(25)", " javascript:alert(26)", "java\tscript:alert(27)",
    "</textarea><img src=x onerror=alert(28)>", "--><img src=x onerror=alert(29)>",
    "</script><script>alert(30)</script>", "\";alert(31);//", "';alert(32);//", "`;alert(33);//",
    "</style><img src=x onerror=alert(34)>", "<object data=x onerror=alert(35)></object>",
    "<style>@keyframes x{}</style><p style='animation:x 1ms' onanimationstart=alert(36)>x",
    "<p onclick=alert(37)>x</p>", "<form><button formaction=javascript:alert(38)>x</button></form>",
    "<math><mtext><img src=x onerror=alert(39)></mtext></math>",
    "<img/src='x'/onerror='alert(40)'>", "<image src=x onerror=alert(41)>",
    "<svg><a xlink:href=javascript:alert(42)><text y=9>x</text></a></svg>",
    "${alert(43)}", "<img src=x onerror=&#97;lert(44)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(45)>\">",
)  # fmt: skip

NAIVE = """<title>{0}</title><style>/* {0} */</style><body><div>{0}</div><p title="{0}">a</p>
<p title='{0}'>b</p><p title={0}>c</p><textarea>{0}</textarea><a href="{0}">link</a><!-- {0} -->
<noscript>{0}</noscript><script>var one = "{0}";</script><script>var two = '{0}';</script>
<script>var three = `{0}`;</script>"""


def plain(text: str) -> str:
    """The text on one line, as labels have to be."""
    return " ".join(text.split())
