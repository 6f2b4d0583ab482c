"""The reading page: a model file's equations and its code side by side, as HTML.

Everything is taken from the file itself: the text, the equations and the symbols from its docstring, the code from its
lines, the tests from tests/test_<file>.py. An element that has to do with equation (3) carries `data-eq="3"`;
docs/assets/reading.js lights all of them when one is pointed at. Without JavaScript it is plain text with links.

What the parts of a model file are: model_files.py. Which pages are written: docs_pages.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html import escape

import pygments
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

import model_files
from model_files import ModelFile

_NUMBER_AT_END = re.compile(r"\s{2,}\((\d+[a-z]?)\)\s*$")
_MENTION = re.compile(r"(?<![\w)])\((\d+[a-z]?)\)(?: of (\w+\.py))?|\b(\w+\.py)\b|`([^`\n]+)`")
_TAGS_AT_END = re.compile(r"\s*(?:#\s*)?(?:\(\d+[a-z]?\)\s*)+$")
_LATER_COLUMN = re.compile(r"(?<= {4})\S+(?: {1,3}\S+)*")  # of an equation: what stands behind a wide gap
_RUN_IN = re.compile(r"^([A-Z][\w’' ]+)\.  ")
_BELOW = ("Cost", "References", "Differs")  # what stands under the reading; the rest stands beside the code

FindPage = Callable[[str], "str | None"]  # file name -> address of its page, as seen from the page being written


# -- the docstring -------------------------------------------------------------------------------------------------


@dataclass
class Equation:
    """One or more lines of an indented block: an equation that may have a number, or plain text."""

    lines: list[str]
    number: str | None = None


@dataclass
class Block:
    """A piece of a docstring: a paragraph, equations, or the body of a section."""

    kind: str  # "text", "equations", "table", "list"
    text: str = ""
    section: str = ""
    equations: list[Equation] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Docstring:
    """A model file's docstring, cut into its parts."""

    title: str  # before the colon of the first line: "Ridge regression"
    summary: str  # after it: "Least squares that pays for large weights."
    blocks: list[Block]

    def beside(self) -> list[Block]:
        return [block for block in self.blocks if block.section not in _BELOW]

    def below(self, section: str) -> list[Block]:
        return [block for block in self.blocks if block.section == section]


def parse(docstring: str) -> Docstring:
    """Cut a docstring into title, paragraphs, equations and sections."""
    lines = docstring.strip("\n").split("\n")
    first, rest = _first_paragraph(lines)
    title, _, summary = first.partition(":")
    if not summary:  # a title without a colon: a sentence
        title = first.rstrip(".")
    return Docstring(title.strip(), _sentence(summary), list(_blocks(rest)))


def _first_paragraph(lines: list[str]) -> tuple[str, list[str]]:
    end = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    return " ".join(line.strip() for line in lines[:end]), lines[end:]


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _blocks(lines: list[str]) -> Iterator[Block]:
    i = 0
    while i < len(lines):
        if not lines[i].strip():
            i += 1
        elif i + 1 < len(lines) and re.fullmatch(r"\s*[-=]{3,}\s*", lines[i + 1]):
            body, end = _section_body(lines, i + 2)
            yield _section(lines[i].strip(), body)
            i = end
        elif _indent(lines[i]) >= 4:
            body, i = _take(lines, i, lambda line: not line.strip() or _indent(line) >= 4)
            yield Block("equations", equations=_equations(body))
        else:
            body, end = _take(lines, i, lambda line: bool(line.strip()) and _indent(line) < 4)
            if any(map(_NUMBER_AT_END.search, body)):  # equations behind a word each, as in a table of siblings
                body, end = _take(lines, i, lambda line: bool(line.strip()))
                yield Block("equations", equations=_equations(body))
            else:
                yield from _paragraphs(body)
            i = end


def _take(lines: list[str], start: int, wanted: Callable[[str], bool]) -> tuple[list[str], int]:
    end = start
    while end < len(lines) and wanted(lines[end]):
        end += 1
    return lines[start:end], end


def _section_body(lines: list[str], start: int) -> tuple[list[str], int]:
    """The lines under an underlined heading: while they are indented, or up to a blank line where they are not."""
    while start < len(lines) and not lines[start].strip():
        start += 1
    indent = _indent(lines[start]) if start < len(lines) else 0
    if indent == 0:
        return _take(lines, start, lambda line: bool(line.strip()))
    return _take(lines, start, lambda line: not line.strip() or _indent(line) >= indent)


def _section(name: str, body: list[str]) -> Block:
    body = [line for line in body if line.strip()]
    if name == "Symbols":
        return Block("table", section=name, rows=_rows(body))
    return Block("list", section=name, rows=[[entry] for entry in _entries(body)])


def _rows(lines: list[str]) -> list[list[str]]:
    """The rows of a table whose columns stand two spaces apart; a deeper line continues the row above it."""
    rows: list[list[str]] = []
    for line in lines:
        if rows and _indent(line) > _indent(lines[0]) + 2:
            rows[-1][-1] += " " + line.strip()
        else:
            cells = re.split(r"\s{2,}", line.strip(), maxsplit=3)
            if len(cells) == 3 and (found := re.fullmatch(r"(.*\S) (\(.*\))", cells[1])):  # a shape one space off
                cells[1:2] = found.groups()
            rows.append(cells)
    return rows


def _entries(lines: list[str]) -> list[str]:
    """One entry for each line that starts a reference; a line that starts in lower case or deeper continues one."""
    entries: list[str] = []
    for line in lines:
        starts = _indent(line) <= _indent(lines[0]) and re.match(r"\s*\S.*\(\d{4}\w?\)", line)
        if entries and not starts:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line.strip())
    return entries


def _paragraphs(lines: list[str]) -> Iterator[Block]:
    """Paragraphs; a line that starts with Cost: or Differs from them: begins one of its own."""
    parts: list[list[str]] = []
    for line in lines:
        if not parts or re.match(r"(Cost|Differs)\b.*?[:\s]", line):
            parts.append([])
        parts[-1].append(line.strip())
    for part in parts:
        text = " ".join(part)
        if found := re.match(r"(Cost|Differs)\b(?: from (?:them|it))?(?::\s*|\s{2,})", text):
            yield Block("text", text=_sentence(text[found.end() :]), section=found[1])
        else:
            gap = text if _RUN_IN.match(text) else re.sub(r"\s+", " ", text)
            yield Block("text", text=gap)


def _equations(lines: list[str]) -> list[Equation]:
    """Lines of an indented block; deeper lines belong to the equation above them, until it has a number."""
    common = min(_indent(line) for line in lines if line.strip())
    found: list[Equation] = []
    base = 0
    for line in lines:
        match = _NUMBER_AT_END.search(line)
        number, text = (match[1], line[: match.start()]) if match else (None, line.rstrip())
        continues = found and text.strip() and _indent(line) > base and not (found[-1].number and number)
        if continues and "".join(found[-1].lines).strip():
            found[-1].lines.append(text[common:])
            found[-1].number = found[-1].number or number
        else:
            found.append(Equation([text[common:]], number))
            base = _indent(line)
    while found and not "".join(found[-1].lines).strip():
        found.pop()
    return found


# -- the tests -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EquationTest:
    """A test function that names equations."""

    name: str
    summary: str
    source: str
    numbers: tuple[str, ...]


def equation_tests(model: ModelFile) -> list[EquationTest]:
    """The tests that prove a model file's equations; none where there is no test file."""
    path = model.test_file
    if not path.exists():
        return []
    source = path.read_text(encoding="utf-8")
    nodes = {
        (node.name, node.lineno): node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found = []
    for name, line, numbers in model_files.equation_tests(path):
        node = nodes[name, line]
        first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
        text = "\n".join(source.split("\n")[first - 1 : node.end_lineno])
        summary = (ast.get_docstring(node) or "").split("\n")[0]
        found.append(EquationTest(name, summary, text, tuple(numbers)))
    return found


# -- HTML ----------------------------------------------------------------------------------------------------------


class Reading:
    """The HTML of one model file.

    Parameters
    ----------
    model : ModelFile
    find_page : callable
        From a file's name to the address of its page, or None.
    """

    def __init__(self, model: ModelFile, find_page: FindPage = lambda name: None) -> None:
        self.model, self.find_page = model, find_page
        self.doc = parse(model.docstring)
        self.tests = equation_tests(model)
        self.numbers = [tag.number for tag in model.equations]
        self.code_lines: dict[str, list[int]] = {number: [] for number in self.numbers}
        for tag in model.tags:
            if tag.has_code and tag.number in self.code_lines:
                self.code_lines[tag.number].append(tag.line)

    # the pieces

    def page(self) -> str:
        """Text, equations and symbols on one side, the code on the other."""
        return self._side_by_side("".join(self._block(block) for block in self.doc.beside()), self.code())

    def excerpt(self, numbers: Iterable[str], functions: Iterable[str], ending: str = "") -> str:
        """The first paragraph and some equations beside some functions; `ending` is HTML to end the text with."""
        wanted = set(numbers)
        equations = [e for block in self.doc.blocks for e in block.equations if e.number in wanted]
        first = next((block for block in self.doc.blocks if block.kind == "text"), Block("text"))
        text = f'<p class="pl-heading">{escape(self.doc.title)}</p>' + self._block(first)
        text += self._block(Block("equations", equations=equations)) + ending
        return self._side_by_side(text, self.code(set(functions)), "pl-excerpt")

    def proof(self) -> str:
        """For every equation the lines that compute it and the tests that prove it, as a table."""
        rows = []
        for number in self.numbers:
            tests = [self._test(test) for test in self.tests if number in test.numbers]
            lines = ", ".join(f'<a href="#L{line}">{line}</a>' for line in self.code_lines[number])
            rows.append(
                f'<tr id="proof-{number}" data-eq="{number}"><th scope="row"><a href="#eq-{number}">({number})</a></th>'
                f"<td>{lines or 'no line yet'}</td><td>{''.join(tests) or 'no test yet'}</td></tr>"
            )
        head = '<tr><th scope="col">Equation</th><th scope="col">Lines</th><th scope="col">Tests</th></tr>'
        table = f'<table class="pl-table"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
        return f'<div class="pl-proof">{table}</div>'

    def below(self, section: str) -> str:
        """One of Cost, References and Differs."""
        return "".join(self._block(block, heading=False) for block in self.doc.below(section))

    def inline(self, text: str) -> str:
        """Text as HTML: `code`, and links from "(3)" to equation 3 and from a file's name to its page."""
        parts, at = [], 0
        for found in _MENTION.finditer(text):
            parts += [escape(text[at : found.start()], quote=False), self._mention(found)]
            at = found.end()
        return "".join([*parts, escape(text[at:], quote=False)])

    # how each is made

    def _side_by_side(self, text: str, code: str, more: str = "") -> str:
        name = escape(self.model.path.name)
        return (
            f'<div class="pl-reading {more}">'
            f'<div class="pl-text" role="region" aria-label="Text and equations" tabindex="0">{text}</div>'
            f'<div class="pl-code highlight"><p class="pl-file">{escape(model_files.shown(self.model.path))}</p>'
            f'<div class="pl-scroll" role="region" aria-label="Code of {name}" tabindex="0">{code}</div></div></div>'
        )

    def _block(self, block: Block, heading: bool = True) -> str:
        title = f'<p class="pl-heading">{escape(block.section)}</p>' if block.section and heading else ""
        if block.kind == "equations":
            return f'<div class="pl-equations">{"".join(map(self._equation, block.equations))}</div>'
        if block.kind == "table":
            return title + self._symbols(block.rows)
        if block.kind == "list":
            return f"{title}<ul>{''.join(f'<li>{self.inline(row[0])}</li>' for row in block.rows)}</ul>"
        run_in = _RUN_IN.match(block.text)
        lead, text = (f"<strong>{run_in[1]}.</strong> ", block.text[run_in.end() :]) if run_in else ("", block.text)
        return f"{title}<p>{lead}{self.inline(text)}</p>"

    def _equation(self, equation: Equation) -> str:
        indent = min(_indent(line) for line in equation.lines if line.strip()) if "".join(equation.lines).strip() else 0
        text = escape("\n".join(line[indent:] for line in equation.lines), quote=False)
        text = _LATER_COLUMN.sub(r'<span class="pl-column">\g<0></span>', text)  # a long line breaks in front of it
        style = f' style="--pl-indent: {indent}ch"' if indent else ""  # where the line goes on if it is too long
        mathematics = f'<span class="pl-math"{style}>{text}</span>'
        number = equation.number
        if number is None or number not in self.code_lines:
            return f'<div class="pl-eq">{mathematics}</div>'
        lines = self.code_lines[number]
        href = f"#L{lines[0]}" if lines else f"#proof-{number}"
        label = f"Equation {number}, computed in line {lines[0]}" if lines else f"Equation {number}"
        return (
            f'<div class="pl-eq" id="eq-{number}" data-eq="{number}">{mathematics}'
            f'<a class="pl-number" href="{href}" aria-label="{label}">({number})</a></div>'
        )

    def _symbols(self, rows: list[list[str]]) -> str:
        width = max(map(len, rows), default=0)
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in rows[0])
        code = rows[0].index("code") if "code" in rows[0] else -1
        body = ""
        for row in rows[1:]:
            cells = [*row, *[""] * (width - len(row))]
            marked = [f"<code>{escape(c)}</code>" if i == code else self.inline(c) for i, c in enumerate(cells)]
            body += "<tr>" + "".join(f"<td>{cell}</td>" for cell in marked) + "</tr>"
        table = f'<table class="pl-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<div class="pl-symbols">{table}</div>'

    def code(self, functions: set[str] | None = None) -> str:
        """The file's code with numbered lines, its docstring left out; or only some of its functions."""
        numbers: dict[int, list[str]] = {}
        for tag in self.model.tags:
            if tag.has_code and tag.number in self.code_lines:
                numbers.setdefault(tag.line, []).append(tag.number)
        source = self.model.source.rstrip("\n").split("\n")
        for line in numbers:  # the number moves to the margin
            source[line - 1] = _TAGS_AT_END.sub("", source[line - 1])
        html = highlight("\n".join(source))
        parts: list[str] = []
        last = None
        for line in self._shown_lines(functions):
            if last is not None and line > last + 1:
                parts.append('<span class="pl-gap" aria-hidden="true">⋮</span>')
            parts.append(self._line(line, html[line - 1], numbers.get(line, [])))
            last = line
        return f"<pre><code>{''.join(parts)}</code></pre>"

    def _shown_lines(self, functions: set[str] | None) -> list[int]:
        body = self.model.tree.body
        source = self.model.source.rstrip("\n").split("\n")
        if functions is None:
            start = body[1].lineno if self.model.docstring and len(body) > 1 else 1
            decorators = [d.lineno for d in getattr(body[1], "decorator_list", [])] if len(body) > 1 else []
            return list(range(min([start, *decorators]), len(source) + 1))
        spans = [
            range(min([node.lineno, *(d.lineno for d in node.decorator_list)]), (node.end_lineno or 0) + 1)
            for node in body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in functions
        ]
        missing = functions - {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        if missing:
            raise LookupError(f"{self.model.path} has no function {', '.join(sorted(missing))}")
        return [line for span in spans for line in span]

    def _line(self, line: int, html: str, numbers: list[str]) -> str:
        label = 'title="{0}" aria-label="{0}"'
        tags = "".join(f'<a href="#eq-{n}" {label.format(self._proved(n))}>({n})</a>' for n in numbers)
        lit = f' data-eq="{" ".join(numbers)}"' if numbers else ""
        return (
            f'<span class="pl-line" id="L{line}"{lit}><a class="pl-lineno" href="#L{line}" tabindex="-1"'
            f' aria-hidden="true" data-line="{line}"></a><span class="pl-tags">{tags}</span>'
            f'<span class="pl-source">{html}</span>\n</span>'
        )

    def _proved(self, number: str) -> str:
        names = [test.name for test in self.tests if number in test.numbers]
        return escape(f"Equation {number}" + (f", proved by {', '.join(names)}" if names else ", no test yet"))

    def _test(self, test: EquationTest) -> str:
        source = "\n".join(highlight(test.source))
        words = f" {self.inline(test.summary)}" if test.summary else ""
        return (
            f"<details><summary><code>{escape(test.name)}</code>{words}</summary>"
            f'<div class="highlight" tabindex="0"><pre><code>{source}</code></pre></div></details>'
        )

    def _mention(self, found: re.Match[str]) -> str:
        number, of_file, file, code = found.groups()
        if code is not None:
            return f"<code>{escape(code, quote=False)}</code>"
        name = of_file or file
        if name is not None:
            page = self.find_page(name)
            own = name == self.model.path.name
            target = f'<a href="{page}">{name}</a>' if page and not own else name
            if number is None:
                return target
            return f'<a href="{page}#eq-{number}">({number})</a> of {target}' if page else f"({number}) of {name}"
        if number in self.code_lines:
            return f'<a class="pl-mention" href="#eq-{number}" data-eq="{number}">({number})</a>'
        return found[0]


def highlight(source: str) -> list[str]:
    """Python source as HTML, one string per line."""
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    return pygments.highlight(source, lexer, HtmlFormatter(nowrap=True)).rstrip("\n").split("\n")
