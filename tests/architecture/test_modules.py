"""Every module can be read from the top: it says what it is for, and is short enough to be held in the mind."""

import ast
import re

from tests.architecture.sources import Source, none, plant, python_files

LONG, TOO_LONG, LONG_FUNCTION = 300, 500, 40
# "Long because …" or "Over 300 lines, since …" in its docstring; also "so that".
REASON = re.compile(r"\b(long|over 300 lines)\b[^.]*\b(because|since|so that)\b", re.IGNORECASE)
STEP = re.compile(r"#\s*(\d+)(?=[.:;)]?\s|[.:]?$)")
# Alembic's history is written once and never edited; cutting a schema into functions would not make it clearer.
HISTORY = "gateway/store/migrations/versions/"


def too_long(source: Source) -> str | None:
    length = len(source.lines)
    if length > TOO_LONG:
        return f"{source.path}: {length} lines; {TOO_LONG} is the limit, whatever the reason"
    if length > LONG and not REASON.search(" ".join(source.docstring.split())):
        return f"{source.path}: {length} lines; over {LONG} its docstring says why ('long because …')"
    return None


def long_functions(source: Source) -> list[str]:
    found = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first, last = node.lineno, node.end_lineno or node.lineno
        described = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
        length = last - first + 1 - described
        steps = {int(step) for line in source.lines[first - 1 : last] for step in STEP.findall(line)}
        if length > LONG_FUNCTION and len(steps) < 2:
            found.append(f"{source.path}: {node.name} has {length} lines; over {LONG_FUNCTION} its steps are numbered (# 1 … # 2 …)")
    return found


def opens_badly(source: Source) -> str | None:
    sentences = len(re.findall(r"[.?!](?=[\s\"')”]|$)", source.docstring))
    # A package's own file may say in one sentence what is inside; it holds no code that could know too much.
    wanted = 1 if source.path.endswith("__init__.py") and len(source.tree.body) <= 1 else 2
    if sentences >= wanted:
        return None
    return f"{source.path}: opens with {sentences} of {wanted} sentences (what it is for; what it must never know)"


def test_no_module_is_over_300_lines_without_its_reason_and_none_over_500(repository):
    none(finding for source in python_files(repository) if (finding := too_long(source)))


def test_a_long_module_is_found_unless_it_says_why(tmp_path):
    plant(
        tmp_path,
        {
            "gateway/short.py": '"""Short. Fine."""\n' * 300,
            "gateway/long.py": '"""Long for no reason. Knows nothing."""\n' + "x = 1\n" * 300,
            "gateway/reasoned.py": '"""One table. It is\nlong because the table is one."""\n' + "x = 1\n" * 300,
            "gateway/endless.py": '"""One table. It is long because the table is one."""\n' + "x = 1\n" * 500,
        },
    )
    found = [finding.split(":")[0] for source in python_files(tmp_path) if (finding := too_long(source))]
    assert found == ["gateway/endless.py", "gateway/long.py"]


def test_no_function_is_over_40_lines_unless_its_steps_are_numbered(repository):
    sources = [source for source in python_files(repository) if not source.path.startswith(HISTORY)]
    none(finding for source in sources for finding in long_functions(source))


def test_a_long_function_is_found_unless_its_steps_are_numbered():
    body = "    x = 1\n" * 40
    promise = '    """Promise.\n' + "\n    More." * 20 + '"""\n'
    assert "f has 41 lines" in long_functions(Source("gateway/a.py", f"def f():\n{body}"))[0]
    assert "m has 41 lines" in long_functions(Source("gateway/a.py", f"class C:\n  async def m(self):\n{body}"))[0]
    assert long_functions(Source("gateway/a.py", f"def f():\n    # 1 first\n{body}    # 2 second\n    return\n")) == []
    assert long_functions(Source("gateway/a.py", f"def f():\n{promise}" + "    x = 1\n" * 30)) == []


def test_every_module_opens_with_what_it_is_for_and_what_it_must_never_know(repository):
    sources = python_files(repository, "gateway", "policies", "engine", "bench", "sdk")
    none(finding for source in sources if (finding := opens_badly(source)))


def test_a_module_without_two_sentences_is_found():
    assert opens_badly(Source("gateway/a.py", "x = 1\n"))
    assert opens_badly(Source("gateway/a.py", '"""Only what it is for."""\nx = 1\n'))
    assert opens_badly(Source("gateway/b/__init__.py", '"""Only what it is for."""\nx = 1\n'))
    assert opens_badly(Source("gateway/b/__init__.py", ""))
    assert not opens_badly(Source("gateway/b/__init__.py", '"""What is inside."""\n'))
    assert not opens_badly(Source("gateway/a.py", '"""What it is for. Never knows HTTP."""\nx = 1\n'))
