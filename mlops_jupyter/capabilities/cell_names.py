"""Which names a cell needs, defines and changes, read from its source alone.

What is only said at run time stays unseen (docs/decisions/0018): such a cell is ``opaque`` and says by what.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

# IPython's own transformation of a cell into Python.
Transform = Callable[[str], str]

_CELL = "<cell>"
_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
# Methods that are called for what they do to their object, also where their value is taken.
_CHANGING = {
    "add", "append", "backward", "clear", "compile", "extend", "fit", "fit_transform", "insert", "load_state_dict",
    "load_weights", "partial_fit", "pop", "remove", "reverse", "set_params", "setdefault", "sort", "step", "train",
    "update",
}  # fmt: skip
# Of a module, only these: a plot is no change that anything else depends on.
_SEEDING = {"manual_seed", "seed", "set_seed"}
# Magics whose rest is Python that runs among the user's names.
_PYTHON_MAGICS = {"capture", "prun", "time"}
_SEPARATE_MAGICS = {"timeit"}
# Magics that leave the user's names alone; any other may define what it likes.
_QUIET_MAGICS = {
    "alias", "aimport", "autoreload", "bash", "cd", "conda", "config", "env", "history", "html", "javascript", "js",
    "latex", "load_ext", "ls", "magic", "markdown", "matplotlib", "mkdir", "mlops", "perl", "pinfo", "pinfo2", "pip",
    "pwd", "reload_ext", "rm", "ruby", "script", "set_env", "sh", "svg", "sx", "system", "tb", "tensorboard",
    "unload_ext", "uv", "who", "whos", "writefile", "xmode",
}  # fmt: skip
_OPAQUE_CALLS = {"exec", "globals", "locals", "vars"}
_EXPANDED = re.compile(r"[${]\{?\s*([A-Za-z_]\w*)")


@dataclass(frozen=True)
class CellNames:
    """What a cell does with names of the notebook.

    Attributes
    ----------
    uses, may_use
        Names it needs from before, surely, or on one of its ways.
    defines, may_define
        Names it binds.
    stores
        Names into whose objects it puts things, which done again changes nothing: ``x["a"] = …``.
    changes
        Names whose objects it changes, or may change, in another way.
    calls
        Names of which it calls methods for their effect; an import is not changed by it.
    deletes
        Names it takes away.
    imports
        Names bound by an import.
    needs
        Of each function and class it defines, the names that are read when that is used.
    sets
        Of each function it defines, the names that are set when it is called.
    opaque
        What in it may define any name.
    """

    uses: frozenset[str] = frozenset()
    may_use: frozenset[str] = frozenset()
    defines: frozenset[str] = frozenset()
    may_define: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    opaque: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def names_of(source: str, transform: Transform) -> CellNames | None:
    """Read a cell; ``None`` when it is no Python, even after IPython's transformation."""
    reader = _Reader(transform)
    try:
        return reader.result() if reader.read(source) else None
    except (SyntaxError, RecursionError):
        # What the parser takes, the compiler's own look at scopes may still refuse.
        return None


class _Scopes:
    """What Python's own compiler says of the functions and classes in a source, by name and line."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._declared = "global" in source
        self._found: dict[tuple[str, int], list[symtable.SymbolTable]] | None = None

    def names(self, name: str, line: int) -> tuple[set[str], set[str]]:
        """Return the names that a function reads and sets."""
        return _globals(self.of(name, line), declared=self._declared)

    def of_methods(self, tables: Iterable[symtable.SymbolTable]) -> set[str]:
        """Return the names that a class's methods read."""
        methods = [child for table in tables for child in table.get_children()]
        return _globals(methods, declared=self._declared)[0]

    def of(self, name: str, line: int) -> list[symtable.SymbolTable]:
        if self._found is None:
            self._found = {}
            for table in _below(symtable.symtable(self._source, _CELL, "exec")):
                self._found.setdefault((table.get_name(), table.get_lineno()), []).append(table)
        return self._found.get((name, line), [])


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


def _globals(tables: Iterable[symtable.SymbolTable], *, declared: bool) -> tuple[set[str], set[str]]:
    """Return the notebook's names that scopes, and what is nested in them, read, and those that they set.

    ``declared`` says whether there is a ``global`` in the source: else no scope sets any, and names alone will do,
    which are told in half the time.
    """
    read, assigned = set[str](), set[str]()
    for table in tables:
        for scope in (table, *_below(table)):
            if isinstance(scope, symtable.Function) and not declared:
                read.update(scope.get_globals())
                continue
            for symbol in scope.get_symbols():
                if symbol.is_global():
                    if symbol.is_referenced():
                        read.add(symbol.get_name())
                    if symbol.is_assigned():
                        assigned.add(symbol.get_name())
    return read, assigned


class _Reader(ast.NodeVisitor):
    """Goes through a cell's statements as Python would, and notes what is bound so far."""

    def __init__(self, transform: Transform) -> None:
        self._transform = transform
        self._scopes = _Scopes("")
        # What is bound here by now, surely or maybe, and what has been taken away.
        self._sure: set[str] = set()
        self._maybe: set[str] = set()
        self._uses: set[str] = set()
        self._may_use: set[str] = set()
        self._stores: set[str] = set()
        self._changes: set[str] = set()
        self._calls: set[str] = set()
        self._deletes: set[str] = set()
        self._imports: set[str] = set()
        self._needs: dict[str, frozenset[str]] = {}
        self._sets: dict[str, frozenset[str]] = {}
        self._opaque: list[str] = []
        self._last: ast.stmt | None = None

    def read(self, source: str) -> bool:
        """Read one source; later ones come after it."""
        tree = _parsed(source)
        if tree is None:
            # Only what is no Python goes through IPython, which takes ten times as long.
            source = self._transform(source)
            tree = _parsed(source)
        if tree is None:
            return False
        around = self._scopes
        self._scopes = _Scopes(source)
        self._last = tree.body[-1] if tree.body else None
        for statement in tree.body:
            self.visit(statement)
        self._scopes = around
        return True

    def result(self) -> CellNames:
        return CellNames(
            uses=frozenset(self._uses),
            may_use=frozenset(self._may_use - self._uses),
            defines=frozenset(self._sure),
            may_define=frozenset(self._maybe - self._sure),
            stores=frozenset(self._stores),
            changes=frozenset(self._changes),
            calls=frozenset(self._calls),
            deletes=frozenset(self._deletes - self._sure - self._maybe),
            imports=frozenset(self._imports),
            needs=self._needs,
            sets=self._sets,
            opaque=tuple(self._opaque),
        )

    # --- names ----------------------------------------------------------------------------------------------------

    def _load(self, name: str, seen: frozenset[str] = frozenset()) -> None:
        if name not in self._sure:
            (self._may_use if name in self._maybe else self._uses).add(name)
        if name in seen:
            return
        # A function of this cell that is used now reads its names now.
        for needed in self._needs.get(name, ()):
            self._load(needed, seen | {name})
        self._maybe |= self._sets.get(name, frozenset()) - self._sure

    def _bind(self, name: str) -> None:
        self._sure.add(name)
        self._deletes.discard(name)
        self._imports.discard(name)
        self._needs.pop(name, None)
        self._sets.pop(name, None)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._load(node.id)
        elif isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        else:
            self._load(node.id)
            self._sure.discard(node.id)
            self._maybe.discard(node.id)
            self._deletes.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._put(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._put(node)

    def _put(self, node: ast.Attribute | ast.Subscript) -> None:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) and (name := _root(node)) is not None:
            (self._stores if isinstance(node.ctx, ast.Store) else self._changes).add(name)

    # --- statements -----------------------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
                self._defaults(function.args)
                self._bind(name)
                self._needs[name] = frozenset(self._scopes.names("lambda", function.lineno)[0])
            case _:
                self.visit(node.value)
                for target in node.targets:
                    self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if (name := _root(node.target)) is not None:
            self._load(name)
            self._changes.add(name)
        self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.visit(node.target)

    def visit_Import(self, node: ast.Import) -> None:
        for one in node.names:
            name = one.asname or one.name.partition(".")[0]
            self._bind(name)
            self._imports.add(name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for one in node.names:
            if one.name == "*":
                self._opaque.append(f"from {'.' * node.level}{node.module or ''} import *")
                continue
            name = one.asname or one.name
            self._bind(name)
            self._imports.add(name)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for one in node.decorator_list:
            self.visit(one)
        self._defaults(node.args)
        read, sets = self._scopes.names(node.name, node.lineno)
        self._bind(node.name)
        self._needs[node.name] = frozenset(read - {node.name})
        if sets:
            self._sets[node.name] = frozenset(sets)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 -- ast's name

    def _defaults(self, arguments: ast.arguments) -> None:
        for one in (*arguments.defaults, *arguments.kw_defaults):
            if one is not None:
                self.visit(one)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for one in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(one)
        tables = self._scopes.of(node.name, node.lineno)
        # The body runs now, the methods when the class is used.
        for table in tables:
            for symbol in table.get_symbols():
                if symbol.is_global() and symbol.is_referenced():
                    self._load(symbol.get_name())
        self._bind(node.name)
        self._needs[node.name] = frozenset(self._scopes.of_methods(tables) - {node.name})

    def visit_Expr(self, node: ast.Expr) -> None:
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        match call:
            # A value that nobody sees: it was called for its effect. The last one of a cell is shown.
            case ast.Call(func=ast.Attribute() as method) if node is not self._last and (name := _root(method)):
                self._calls.add(name)
        self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._ways([node.body, node.orelse])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._ways([[node.target, *node.body], []])
        self._all(node.orelse)

    visit_AsyncFor = visit_For  # noqa: N815 -- ast's name

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._ways([node.body, []])
        self._all(node.orelse)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        handlers = [[*filter(None, [one.type]), *one.body] for one in node.handlers]
        self._maybe |= {one.name for one in node.handlers if one.name is not None}
        self._ways([[*node.body, *node.orelse], *handlers])
        self._all(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815 -- ast's name

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._ways([*([case.pattern, *filter(None, [case.guard]), *case.body] for case in node.cases), []])

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.generic_visit(node)
        if node.name is not None:
            self._bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name is not None:
            self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest is not None:
            self._bind(node.rest)

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _ways(self, ways: Sequence[Sequence[ast.AST]]) -> None:
        """Go each of several ways; what all of them bind is bound for sure."""
        before, outcomes = set(self._sure), []
        for way in ways:
            self._sure = set(before)
            self._all(way)
            outcomes.append(self._sure)
        self._sure = set.intersection(*outcomes)
        self._maybe |= set.union(*outcomes) - self._sure

    def visit_Constant(self, node: ast.Constant) -> None:
        """Do nothing: what ast does here takes a sixth of all time."""

    # --- expressions ----------------------------------------------------------------------------------------------

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        for name in sorted(self._scopes.names("lambda", node.lineno)[0]):
            self._load(name)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        own: set[str] = set()
        read: set[str] = set()
        for inner in ast.walk(node):
            if isinstance(inner, ast.comprehension):
                own |= {one.id for one in ast.walk(inner.target) if isinstance(one, ast.Name)}
            elif isinstance(inner, ast.arg):
                own.add(inner.arg)
            elif isinstance(inner, ast.NamedExpr):
                self._bind(inner.target.id)
            elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                read.add(inner.id)
        for name in sorted(read - own):
            self._load(name)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815 -- ast's names

    def visit_Call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=what)):
                self._magic(what, [one.value if isinstance(one, ast.Constant) else "" for one in node.args])
                return
            case ast.Call(func=ast.Name(id=name)) if name in _OPAQUE_CALLS:
                self._opaque.append(f"{name}()")
            case ast.Call(func=ast.Attribute(attr=method) as function) if changed := _root(function):
                in_place = any(one.arg == "inplace" for one in node.keywords)
                if method in _SEEDING:
                    self._changes.add(changed)
                elif method in _CHANGING or in_place:
                    self._calls.add(changed)
        self.generic_visit(node)

    def _magic(self, what: str, words: Sequence[object]) -> None:
        text = [str(word) for word in words]
        if what not in {"run_line_magic", "run_cell_magic"} or not text:
            # Shell lines and help: names in braces go in, nothing comes out.
            if what in {"ex", "push", "run_cell", "run_code", "safe_execfile"}:
                self._opaque.append(f"get_ipython().{what}()")
            self._may_use |= set(_EXPANDED.findall(" ".join(text))) - self._sure
            return
        name, body = text[0], text[-1]
        if name == "capture":
            for one in text[1].split():
                if one.isidentifier():
                    self._bind(one)
        if name in _PYTHON_MAGICS | _SEPARATE_MAGICS or (name == "mlops" and what == "run_cell_magic"):
            self._python(body, separate=name in _SEPARATE_MAGICS)
        elif name not in _QUIET_MAGICS:
            self._opaque.append(f"{'%%' if what == 'run_cell_magic' else '%'}{name}")
        self._may_use |= set(_EXPANDED.findall(" ".join(text[1:]))) - self._sure

    def _python(self, source: str, *, separate: bool) -> None:
        sure, maybe, last = set(self._sure), set(self._maybe), self._last
        if not self.read(source.lstrip()):
            self._opaque.append("a magic's body that is no Python")
        self._last = last
        if separate:
            self._sure, self._maybe = sure, maybe


def _parsed(source: str) -> ast.Module | None:
    try:
        tree: ast.Module = compile(source, _CELL, "exec", _FLAGS, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return tree


def _root(node: ast.AST) -> str | None:
    """Return the name at the beginning of ``name.a[0].b``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
