"""The ways to break a tagged line: every small mistake that its tests must notice.

`mutants(model)` changes one node of the syntax tree at a time and writes the change back into the source text, so that
the rest of the file stays as it is and line numbers hold. A tag covers the statement that it stands on, all of its
lines; on the first line of a `def` it covers the function, on that of a `for`, `if`, `while` or `with` its header.

    kind         what is changed
    operator     + - * / @ ** // & | exchanged
    drop         a term, a factor, a divisor, an exponent, a statement is left out
    sign         a value, a term or a number is negated
    factor       a value is doubled
    number       a number becomes the next one (2 -> 3), a fraction is doubled (0.5 -> 1.0), True becomes False
    axis         another axis, or none
    index        a neighbouring index, an open slice, `None` or the indices exchanged
    comparison   the opposite
    boundary     < and <=, > and >= exchanged
    transpose    .T or .mT left out
    arguments    two neighbouring arguments, or the sides of @, exchanged
    function     exp, log, sum, ... left out, or replaced by its relative (max by min, sum by mean)
    branch       one side of `a if c else b` for both
    einsum       subscripts of the result reversed, of the first two operands exchanged

A line on which a mutant changes nothing says so, and `mutate.py` prints it. The comment stands on one of the covered
statement's lines or just above it; the kinds that it names are the only ones it excuses:

    # mutate: boundary, number equivalent because ties have probability zero and tol only decides when to stop
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from model_files import ModelFile

KINDS = frozenset(
    ("operator", "drop", "sign", "factor", "number", "axis", "index", "comparison", "boundary", "transpose")
    + ("arguments", "function", "branch", "einsum")
)

_ALLOWED = re.compile(r"mutate:\s*(?:(?P<kinds>[\w ,]+?)\s+)?equivalent because (?P<reason>\S.*)")

# fmt: off
_OPERATORS: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),       ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),      ast.Div: ast.Mult(),
    ast.MatMult: ast.Mult(),  ast.Pow: ast.Mult(),
    ast.FloorDiv: ast.Div(),  ast.Mod: ast.Mult(),
    ast.BitAnd: ast.BitOr(),  ast.BitOr: ast.BitAnd(),  ast.BitXor: ast.BitOr(),
    ast.LShift: ast.RShift(), ast.RShift: ast.LShift(),
}
_OPPOSITE: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.GtE(),  ast.GtE: ast.Lt(),     ast.Gt: ast.LtE(),      ast.LtE: ast.Gt(),
    ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),  ast.Is: ast.IsNot(),    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(), ast.NotIn: ast.In(),
}
_BOUNDARY: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(), ast.LtE: ast.Lt(), ast.Gt: ast.GtE(), ast.GtE: ast.Gt(),
}
# fmt: on

_RELATIVES = dict(
    pair
    for a, b in (
        ("max", "min"),
        ("maximum", "minimum"),
        ("argmax", "argmin"),
        ("fmax", "fmin"),
        ("sum", "mean"),
        ("zeros", "ones"),
        ("zeros_like", "ones_like"),
        ("any", "all"),
        ("sin", "cos"),
        ("sinh", "cosh"),
        ("floor", "ceil"),
        ("exp", "expm1"),
        ("log", "log1p"),
        ("var", "std"),
        ("cumsum", "cumprod"),
    )
    for pair in ((a, b), (b, a))
)
_REMOVABLE = frozenset(
    ("abs", "absolute", "cos", "cosh", "cumprod", "cumsum", "exp", "expm1", "flip", "log", "log1p", "log2", "max")
    + ("mean", "min", "prod", "reciprocal", "sign", "sin", "sinh", "sort", "sqrt", "square", "std", "sum", "swapaxes")
    + ("tan", "tanh", "transpose", "tril", "triu", "var", "arctan", "floor", "ceil", "inv", "sigmoid", "softmax")
)
_SYMMETRIC = frozenset(  # exchanging the first two arguments changes nothing
    ("add", "multiply", "maximum", "minimum", "fmax", "fmin", "logaddexp", "logaddexp2", "hypot", "equal", "not_equal")
    + ("max", "min", "gcd", "lcm", "allclose", "array_equal", "vdot", "inner", "isclose", "set", "frozenset")
    + ("broadcast_shapes", "result_type", "promote_types", "constant")
)
_SIGNLESS = frozenset(  # truth values, which have no sign, and zeros
    ("all", "allclose", "any", "array_equal", "callable", "hasattr", "isclose", "isfinite", "isin", "isinf")
    + ("isinstance", "iscomplexobj", "isnan", "logical_and", "logical_not", "logical_or", "zeros", "zeros_like")
)


@dataclass(frozen=True)
class Mutant:
    """One broken copy of a file."""

    line: int
    number: str  # the equation that its line is tagged with
    kind: str
    before: str  # the statement, on one line
    after: str  # the same, broken
    source: str  # the whole broken file
    reason: str = ""  # why it may survive, from the allow comment
    functions: tuple[str, ...] = ()  # in a rule file: whose derivative it breaks

    @property
    def allowed(self) -> bool:
        return bool(self.reason)


@dataclass
class Allowance:
    """One `# mutate: ... equivalent because ...` comment."""

    line: int
    kinds: frozenset[str]
    reason: str


@dataclass
class Region:
    """What one or more tags cover, or a statement of a rule file: the nodes to break, and the lines of the tags."""

    statement: ast.stmt
    nodes: list[ast.AST]
    tags: list[tuple[int, str]]  # (line, number), rising
    allowances: list[Allowance]
    functions: tuple[str, ...] = ()
    in_rules: bool = False

    def tag_at(self, line: int) -> tuple[int, str]:
        """The tag that a line of the region belongs to: the first at or below it, else the last."""
        return next((tag for tag in self.tags if tag[0] >= line), self.tags[-1])


def mutants(model: ModelFile) -> list[Mutant]:
    """Every mutant of the tagged lines, in the order of the lines, each text once."""
    found = []
    seen = {_normal(model.source)}
    text = _Text(model.source)
    for region in regions(model):
        for node, new, kind in _in_order(region):
            start, end = text.span(node)
            statement = isinstance(node, ast.stmt)
            written = new if isinstance(new, str) else ast.unparse(new)
            written = written if statement or isinstance(new, str) else f"({written})"
            source = text.replaced(start, end, written)
            normal = _normal(source)
            if normal in seen:
                continue
            seen.add(normal)
            line, number = region.tag_at(node.lineno)
            reason = next(
                (a.reason for a in region.allowances if kind in a.kinds and region.tag_at(a.line)[0] == line), ""
            )
            before, after = text.shown(region.statement, node, written)
            found.append(Mutant(node.lineno, number, kind, before, after, source, reason, region.functions))
    return found


def regions(model: ModelFile) -> list[Region]:
    """The tagged statements of a file. Raises ValueError for an allow comment that cannot be read."""
    if model.is_rules:
        return _rule_regions(model)
    allowances = _allowances(model.source)
    found: dict[int, Region] = {}
    for tag in model.tags:
        if not tag.has_code:
            continue
        statement = _statement_at(model.tree.body, tag.line)
        if statement is None:
            continue
        if id(statement) not in found:
            found[id(statement)] = Region(statement, _targets(statement), [], [])
        found[id(statement)].tags.append((tag.line, tag.number))
    lines = model.source.split("\n")
    for region in found.values():
        region.tags.sort()
        last = max(region.tags[-1][0], _header_end(region.statement))
        region.allowances = [a for a in allowances if _comments_above(lines, region.statement) < a.line <= last]
    return list(found.values())


def _comments_above(lines: list[str], statement: ast.stmt) -> int:
    """The last line that does not belong to a statement and the comments right above it."""
    above = statement.lineno - 1
    while above > 0 and lines[above - 1].lstrip().startswith("#"):
        above -= 1
    return above


def _rule_regions(model: ModelFile) -> list[Region]:
    """Every statement of a rule file; of one with others inside its header, and then these."""
    allowances, lines = _allowances(model.source), model.source.split("\n")
    functions = _functions(model.tree)
    found = []

    def add(statement: ast.stmt, of: tuple[str, ...]) -> None:
        inner = _inner(statement)
        nodes = _header(statement) if inner else [statement]
        ends = [getattr(node, "end_lineno", 0) for part in nodes for node in ast.walk(part)]
        above, last = _comments_above(lines, statement), max(statement.lineno, *ends, 0)
        mine = [a for a in allowances if above < a.line <= last]
        found.append(Region(statement, nodes, [(statement.lineno, "")], mine, of, in_rules=True))
        for below in inner:
            add(below, of)

    for statement, of in zip(model.tree.body, functions):
        add(statement, of)
    return found


def _functions(tree: ast.Module) -> list[tuple[str, ...]]:
    """For each statement of a rule file the functions whose derivatives it takes part in: `np.tanh` is "tanh"."""
    stated, used, defined = [], [], []
    for statement in tree.body:
        is_def = isinstance(statement, ast.FunctionDef | ast.ClassDef)
        outside = statement.decorator_list if is_def else [statement]  # type: ignore[attr-defined]
        names = [node.attr for part in outside for node in _outside_lambdas(part) if isinstance(node, ast.Attribute)]
        stated.append(set(names))
        used.append({node.id for node in ast.walk(statement) if isinstance(node, ast.Name)})
        stores = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        defined.append({statement.name} if is_def else set(stores))  # type: ignore[attr-defined]
    changed = True
    while changed:  # what is used by a rule, by what that uses, and so on
        changed = False
        for names_here, own in zip(defined, stated):
            more = {name for uses, of in zip(used, stated) if names_here & uses for name in of}
            changed |= not more <= own
            own |= more
    return [tuple(sorted(names)) for names in stated]


def _outside_lambdas(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _outside_lambdas(child)


def unused_allowances(model: ModelFile) -> list[Allowance]:
    """Allow comments that belong to no tagged statement."""
    used = {a.line for region in regions(model) for a in region.allowances}
    return [a for a in _allowances(model.source) if a.line not in used]


def _allowances(source: str) -> list[Allowance]:
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and "mutate:" in token.string:
            match = _ALLOWED.search(token.string)
            kinds = frozenset(re.split(r"[ ,]+", match["kinds"])) if match and match["kinds"] else KINDS
            if match is None or not kinds <= KINDS:
                raise ValueError(
                    f"line {token.start[0]}: cannot read {token.string!r}; write '# mutate: KIND, KIND equivalent "
                    f"because REASON' with kinds from: {', '.join(sorted(KINDS))}"
                )
            found.append(Allowance(token.start[0], kinds, match["reason"].strip()))
    return found


# Where


def _statement_at(body: list[ast.stmt], line: int) -> ast.stmt | None:
    """The innermost statement on a line."""
    for statement in body:
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        if first <= line <= (statement.end_lineno or statement.lineno):
            return _statement_at(_inner(statement), line) or statement
    return None


def _inner(statement: ast.stmt) -> list[ast.stmt]:
    """The statements inside a compound statement."""
    inner: list[ast.stmt] = []
    for name in ("body", "orelse", "finalbody"):
        inner += getattr(statement, name, [])
    for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        inner += part.body
    return inner


def _header_end(statement: ast.stmt) -> int:
    inner = _inner(statement)
    if isinstance(statement, ast.FunctionDef) or not inner:
        return statement.end_lineno or statement.lineno
    return max(statement.lineno, inner[0].lineno - 1)


def _targets(statement: ast.stmt, whole: bool = False) -> list[ast.AST]:
    """The nodes that a tag on this statement covers: with `whole`, or on a definition, the blocks below it too."""
    inner = _inner(statement)
    if not inner:
        return [statement]
    is_def = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    covered: list[ast.AST] = [] if is_def else _header(statement)
    return covered + [node for below in inner if whole or is_def for node in _targets(below, whole=True)]


def _header(statement: ast.stmt) -> list[ast.AST]:
    """What a statement with others inside computes before them; of a function the defaults that its body reads."""
    match statement:
        case ast.For(iter=header) | ast.While(test=header) | ast.If(test=header):
            return [header]
        case ast.With(items=items):
            return [item.context_expr for item in items]
        case ast.FunctionDef(args=arguments, body=body):
            return list(_defaults(arguments, body))
    return []


def _defaults(arguments: ast.arguments, body: list[Any]) -> Iterator[ast.expr]:
    """The defaults of those parameters that a function's body mentions."""
    read = {node.id for part in body for node in ast.walk(part) if isinstance(node, ast.Name)}
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(positional[::-1], arguments.defaults[::-1]), *zip(arguments.kwonlyargs, arguments.kw_defaults)]
    yield from (default for parameter, default in pairs if default is not None and parameter.arg in read)


# What


def _in_order(region: Region) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST | str, str]]:
    if region.in_rules:
        yield from _entries(region.statement)
    for target in region.nodes:
        yield from _values(target)
        yield from _walk(target)


def _entries(statement: ast.stmt) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST | str, str]]:
    """What only a rule file is asked: an entry of a table left out, the opposite of `if keepdims`."""
    match statement:
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return
        case ast.If(test=test) | ast.While(test=test):
            if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
                yield test, ast.UnaryOp(ast.Not(), test), "comparison"
            return
        case ast.Expr(value=ast.Call(func=ast.Name(id="constant"), args=entries)):
            pass
        case ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.For(iter=value):
            entries = getattr(value, "elts", getattr(value, "keys", []))
            if isinstance(value, ast.Dict):
                yield from ((key, ast.Call(ast.Name("object"), [], []), "drop") for key in value.keys if key)
                return
        case _:
            return
    if len(entries) > 1:
        yield from ((entry, "*()", "drop") for entry in entries)


def _values(node: ast.AST) -> Iterator[tuple[ast.expr, ast.AST, str]]:
    """The sign and the factor of each value that a statement, or a lambda in it, hands on."""
    match node:
        case ast.Assign(value=value) | ast.Return(value=ast.expr() as value) | ast.AnnAssign(value=ast.expr() as value):
            yield from _signs(value)
        case ast.AugAssign(op=op, value=value):
            signless = isinstance(op, ast.Add | ast.Sub)  # their sign is what `operator` changes
            yield from (change for change in _signs(value) if not (signless and change[2] == "sign"))
    for part in ast.walk(node):
        if isinstance(part, ast.Lambda):
            yield from _signs(part.body)


def _signs(value: ast.expr) -> Iterator[tuple[ast.expr, ast.AST, str]]:
    match value:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _signs(part)
        case ast.Dict(values=parts):
            for part in parts:
                yield from _signs(part)
        case ast.Call(func=func, args=args, keywords=keywords) if _name(func)[:1].isupper():  # a record of values
            for part in [*args, *(keyword.value for keyword in keywords)]:
                yield from _signs(part)
        case ast.Lambda() | ast.Starred() | ast.JoinedStr() | ast.ListComp() | ast.GeneratorExp():
            return
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not() | ast.Invert()):  # truth has no sign
            return
        case ast.Call(func=func) if _name(func) in _SIGNLESS:
            return
        case ast.Constant(value=constant) if not _is_number(constant):
            return
        case _:
            if not isinstance(value, ast.UnaryOp):
                yield value, ast.UnaryOp(ast.USub(), value), "sign"
            yield value, ast.BinOp(ast.Constant(2), ast.Mult(), value), "factor"


def _walk(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST | str, str]]:
    """Every other change of a node and what is in it, outermost first."""
    match node:
        case ast.JoinedStr() | ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom():
            return
        case ast.AnnAssign(value=value):
            if value is not None:
                yield from _walk(value)
            return
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            yield from _number(node)
            return
        case ast.Subscript(value=value, slice=inner):
            yield from _index(node)
            yield from _walk(value)
            yield from _inside_index(inner)
            return
        case ast.keyword(arg="axis" | "axes" | "dim", value=value) if _integer(value) is not None:
            return
        case ast.keyword(arg="strict"):  # of zip: what is equally long stays so
            return
        case ast.Lambda(args=arguments, body=body):
            for part in (*_defaults(arguments, [body]), body):
                yield from _walk(part)
            return
        case ast.Call():
            yield from _call(node)
        case ast.expr():
            yield from _expression(node)
        case ast.AugAssign(target=target, op=op, value=value):
            yield node, ast.AugAssign(target, _OPERATORS.get(type(op), ast.Add()), value), "operator"
            yield node, f"{ast.unparse(target)} = {ast.unparse(value)}", "drop"
            yield node, "pass", "drop"
        case ast.Expr(value=value):
            if isinstance(value, ast.Constant):
                return
            yield node, "pass", "drop"
    reshapes = isinstance(node, ast.Call) and _name(node.func) == "reshape"
    for child in ast.iter_child_nodes(node):
        for change in _walk(child):
            if not (reshapes and change[2] == "number" and ast.unparse(change[0]) == "-1"):  # NumPy takes -2 for -1
                yield change


def _expression(node: ast.expr) -> Iterator[tuple[ast.expr, ast.AST, str]]:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in _OPERATORS:
                yield node, ast.BinOp(left, _OPERATORS[type(op)], right), "operator"
            match op:
                case ast.Add():
                    yield node, left, "drop"
                    yield node, right, "drop"
                case ast.Sub():
                    yield node, left, "drop"
                    yield node, ast.UnaryOp(ast.USub(), right), "drop"
                case ast.Mult():
                    yield node, left, "drop"
                    yield node, right, "drop"
                case ast.Div() | ast.Pow() | ast.FloorDiv() | ast.Mod():
                    yield node, left, "drop"
                case ast.MatMult():
                    yield node, ast.BinOp(right, op, left), "arguments"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield node, operand, "sign"
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            yield node, operand, "comparison"
        case ast.Compare(left=left, ops=ops, comparators=others):
            for table, kind in ((_OPPOSITE, "comparison"), (_BOUNDARY, "boundary")):
                for i, op in enumerate(ops):
                    if type(op) in table:
                        yield node, ast.Compare(left, [*ops[:i], table[type(op)], *ops[i + 1 :]], others), kind
        case ast.BoolOp(op=op, values=values):
            yield node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values), "comparison"
        case ast.IfExp(body=body, orelse=orelse):
            yield node, body, "branch"
            yield node, orelse, "branch"
        case ast.Attribute(value=value, attr="T" | "mT", ctx=ast.Load()):
            yield node, value, "transpose"
        case ast.Constant():
            yield from _number(node)


def _number(node: ast.expr) -> Iterator[tuple[ast.expr, ast.AST, str]]:
    """The changes of a literal number, its minus sign included."""
    if isinstance(node, ast.UnaryOp):
        value = getattr(node.operand, "value", None)
        if _is_number(value):
            yield node, node.operand, "sign"
            yield node, ast.UnaryOp(ast.USub(), ast.Constant(_next(value))), "number"
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield node, ast.Constant(not node.value), "number"
        elif _is_number(node.value):
            yield node, ast.Constant(_next(node.value)), "number"
            if node.value not in (0, 1):
                yield node, ast.UnaryOp(ast.USub(), node), "sign"


def _next(value: float) -> float:
    if isinstance(value, int):
        return value + 1
    return 2 * value if value else 1.0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | complex) and not isinstance(value, bool)


def _index(node: ast.Subscript) -> Iterator[tuple[ast.expr, ast.AST, str]]:
    """The changes of `x[...]`: neighbouring indices, open slices, indices exchanged."""
    inner = node.slice
    parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]

    def with_part(i: int, part: ast.expr) -> ast.AST:
        changed = [*parts[:i], part, *parts[i + 1 :]]
        index = ast.Tuple(changed, ast.Load()) if isinstance(inner, ast.Tuple) else changed[0]
        return ast.Subscript(node.value, index, ast.Load())

    for i, part in enumerate(parts):
        value = _integer(part)
        if value is not None:
            yield node, with_part(i, ast.Constant(value + 1)), "index"
            yield node, with_part(i, ast.Constant(value - 1)), "index"
        if isinstance(part, ast.Slice):
            for name in ("lower", "upper", "step"):
                bound = getattr(part, name)
                if bound is not None:
                    bounds = {"lower": part.lower, "upper": part.upper, "step": part.step}
                    yield node, with_part(i, ast.Slice(**{**bounds, name: None})), "index"
                    if (number := _integer(bound)) is not None and name != "step":
                        yield node, with_part(i, ast.Slice(**{**bounds, name: ast.Constant(number + 1)})), "index"
    for i in range(len(parts) - 1):
        swapped = [*parts[:i], parts[i + 1], parts[i], *parts[i + 2 :]]
        yield node, ast.Subscript(node.value, ast.Tuple(swapped, ast.Load()), ast.Load()), "index"


def _inside_index(node: ast.expr) -> Iterator[tuple[ast.expr | ast.stmt, ast.AST | str, str]]:
    """What is computed inside an index; plain numbers there were changed by `_index`."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    for part in parts:
        bounds = [part.lower, part.upper, part.step] if isinstance(part, ast.Slice) else [part]
        for bound in bounds:
            if bound is not None and _integer(bound) is None:
                yield from _walk(bound)


def _integer(node: ast.expr | None) -> int | None:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return None


def _call(node: ast.Call) -> Iterator[tuple[ast.expr, ast.AST, str]]:
    func, args, keywords = node.func, node.args, node.keywords
    name = _name(func)
    if name in _REMOVABLE:
        if not _is_method(func) and args and not isinstance(args[0], ast.Starred):
            yield node, args[0], "function"
        elif _is_method(func) and isinstance(func, ast.Attribute):
            yield node, func.value, "function"
    if name in _RELATIVES and not (isinstance(func, ast.Name) and name in ("sum",)):  # there is no built-in mean
        relative = _RELATIVES[name]
        renamed = ast.Name(relative) if isinstance(func, ast.Name) else ast.Attribute(func.value, relative, ast.Load())
        yield node, ast.Call(renamed, args, keywords), "function"
    if name == "einsum" and args and isinstance(args[0], ast.Constant) and isinstance(args[0].value, str):
        for subscripts in _einsum(args[0].value):
            yield args[0], ast.Constant(subscripts), "einsum"
    plain = [i for i, arg in enumerate(args) if not isinstance(arg, ast.Starred)]
    for i, j in zip(plain, plain[1:]):
        symmetric = name in _SYMMETRIC or (name, i) in (("einsum", 0), ("swapaxes", 0 if _is_method(func) else 1))
        if j == i + 1 and not symmetric and ast.unparse(args[i]) != ast.unparse(args[j]):
            swapped = [*args[:i], args[j], args[i], *args[j + 1 :]]
            yield node, ast.Call(func, swapped, keywords), "arguments"
    for i, keyword in enumerate(keywords):
        if keyword.arg in ("axis", "axes", "dim"):
            others = [*keywords[:i], *keywords[i + 1 :]]
            yield node, ast.Call(func, args, others), "axis"
            axis = _integer(keyword.value)
            if axis is not None:
                other = ast.keyword(keyword.arg, ast.Constant(0 if axis else 1))
                yield node, ast.Call(func, args, [*keywords[:i], other, *keywords[i + 1 :]]), "axis"


def _einsum(subscripts: str) -> Iterator[str]:
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    operands = inputs.split(",")
    if len(output) > 1 and "." not in output:
        yield f"{inputs}->{output[::-1]}"
    if len(operands) > 1 and operands[0] != operands[1]:
        operands[:2] = operands[1::-1]
        yield ",".join(operands) + (f"->{output}" if output or "->" in subscripts else "")


def _name(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _is_method(func: ast.expr) -> bool:
    """`x.sum()` is one, `np.sum(x)`, `np.linalg.inv(x)` and `sum(x)` are not."""
    if not isinstance(func, ast.Attribute):
        return False
    root = func.value
    while isinstance(root, ast.Attribute):
        root = root.value
    return not (isinstance(root, ast.Name) and root.id in ("np", "numpy", "math", "scipy", "special", "linalg"))


# Text


class _Text:
    """Source as bytes, because the columns of a syntax tree count bytes."""

    def __init__(self, source: str) -> None:
        self.bytes = source.encode()
        self.starts = [0]
        for line in self.bytes.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def replaced(self, start: int, end: int, text: str) -> str:
        """The whole source with one stretch exchanged; lost line breaks are put back so that line numbers hold."""
        lost = self.bytes.count(b"\n", start, end)
        filled = text[:-1] + "\n" * lost + text[-1:] if lost and text.endswith(")") else text + "\n" * lost
        return (self.bytes[:start] + filled.encode() + self.bytes[end:]).decode()

    def shown(self, statement: ast.stmt, node: ast.expr | ast.stmt, new: str) -> tuple[str, str]:
        """The statement before and after, each on one line; of a long one only what is around the change."""
        start, end = self.span(node)
        first, last = self.span(statement)
        if not (first <= start and end <= last):
            first, last = start, end
        if last - first > 240:
            first = max(first, self.bytes.rfind(b"\n", 0, start) + 1)
            line_end = self.bytes.find(b"\n", end)
            last = last if line_end < 0 else min(last, line_end)
        before = self.bytes[first:last].decode()
        after = self.bytes[first:start].decode() + new + self.bytes[end:last].decode()
        return _one_line(before), _one_line(after)


def _one_line(text: str) -> str:
    without_comments = re.sub(r"(?m)\s+#.*$", "", text)
    return " ".join(without_comments.split())


def _normal(source: str) -> bytes:
    """Equal for two sources that mean the same to Python."""
    return hashlib.sha256(ast.dump(ast.parse(source)).encode()).digest()
