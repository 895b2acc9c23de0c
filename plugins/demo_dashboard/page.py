"""Build one HTML file from a report. The hashes of script and style are the only ones that may run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from demo_dashboard.report import Report

#: Style sheets in order: later ones override earlier ones.
_STYLES = ("style.css", "viewer.css", "pages.css")
_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const)", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
_LISTED = re.compile(r"^export \{ ([\w, ]+) \};\n", re.MULTILINE)


def page_html(report: Report) -> str:
    """Return the report as a self-contained page."""
    script, style = bundle("main") + "\n$main.start();\n", "\n".join(map(web_file, _STYLES))
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(web_file("page.html")).render(
        script=Markup(script),
        style=Markup(style),
        script_hash=Markup(_hash(script)),
        style_hash=Markup(_hash(style)),
        head=Markup(embedded(report.head)),
        sequences=Markup(embedded(report.sequences)),
        title=f"{report.head['title']} · DeMo",
        generator=report.head["by"],
    )


def embedded(value: Any) -> str:
    """JSON for a script element: characters that could end or start an element are escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = text.encode("utf-8", "replace").decode()  # lone surrogates, which no file can hold
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def bundle(entry: str) -> str:
    """Join a module and its imports into one script: each becomes a constant with its exports."""
    done: dict[str, str] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join([*above, name])}")
        if name in done:
            return
        source = web_file(f"{name}.js")
        for _, other in _IMPORT.findall(source):
            add(other, (*above, name))
        done[name] = _wrapped(name, source)

    add(entry, ())
    return "\n".join(done.values())


def web_file(name: str) -> str:
    """Read a file of the page as text."""
    return (resources.files("demo_dashboard") / "web" / name).read_text(encoding="utf-8")


def _wrapped(name: str, source: str) -> str:
    listed = [word.strip() for line in _LISTED.findall(source) for word in line.split(",")]
    names = [*_EXPORTED.findall(source), *listed]
    body = _LISTED.sub("", _EXPORT.sub("", _IMPORT.sub(r"const { \1 } = $\2;", source)))
    if left := re.search(r"^(?:import|export)\b.*", body, re.MULTILINE):
        raise ValueError(f"{name}.js: '{left[0]}' is more than modules here can say: import {{ a, b }} from './c.js'")
    return f"const ${name} = (() => {{\n{body}return {{ {', '.join(names)} }};\n}})();"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"sha256-{digest}"
