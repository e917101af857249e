"""From a line to a call: what a user types arrives as what he meant, or he reads what is wrong with it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_jupyter import grammar
from mlops_jupyter.errors import CommandError, ConfirmationRequired, NotFound
from mlops_jupyter.grammar import LiveText
from mlops_jupyter.grammar.building import destroying_flags
from mlops_jupyter.verbs import VERBS
from tests.fakes import verbs as fakes

WORDS = st.lists(st.text())
# A word of a command line that has no meaning of its own to shell, click or expansion.
PLAIN = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="'\"${}=-"), min_size=1)


class Frame:
    """A data frame stands for itself; its text is long and of no use."""

    def __str__(self) -> str:
        return "-0.5  the text of a frame is not what a verb wants"


@pytest.fixture(autouse=True)
def test_verbs(monkeypatch):
    for name, verb in fakes.TEST_VERBS.items():
        monkeypatch.setitem(VERBS, name, verb)
    fakes.seen.clear()


def expand(line: str, **namespace: object) -> list[str]:
    return grammar.expand(grammar.split(line), lambda text: eval(text, namespace), lambda: list(namespace))  # noqa: S307


def look(line: str, **namespace: object) -> dict[str, Any]:
    """Call the test verb `look` by a magic line and return what it was called with."""
    call = grammar.parse(["look", *expand(line, **namespace)])
    call.function(**call.arguments)
    return fakes.seen[-1]


def refused(line: str, **namespace: object) -> CommandError:
    with pytest.raises(CommandError) as caught:
        look(line, **namespace)
    assert caught.value.exit_code == 2
    return caught.value


# --- splitting ---------------------------------------------------------------------------------------------------


@given(WORDS)
@example([""])
@example(["it's", 'a "word"', "C:\\new\\table", "{x}", "a b"])
def test_what_a_shell_would_quote_comes_back(words):
    assert grammar.split(shlex.join(words)) == words


@given(st.lists(PLAIN))
def test_plain_words_need_no_quotes(words):
    assert grammar.split("  ".join(words)) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("   ", []),
        ('""', [""]),
        ("a '' b", ["a", "", "b"]),
        ("'it is' \"it's\"", ["it is", "it's"]),
        ("pre'fix ed'post", ["prefix edpost"]),
        (r"C:\new\table.ipynb", [r"C:\new\table.ipynb"]),
        (r'"C:\My Data\" next', ["C:\\My Data\\", "next"]),
        ("größe 数据 🚀", ["größe", "数据", "🚀"]),
        ("a#b # c", ["a#b", "#", "c"]),
        ("a;b|c&d>e (f)", ["a;b|c&d>e", "(f)"]),
        # An expression is one piece, with its own spaces, quotes and braces.
        ("{a + b}", ["{a + b}"]),
        ("""{models["a b"]} x""", ["""{models["a b"]}""", "x"]),
        ("--data={df[df.x > 3]} x", ["--data={df[df.x > 3]}", "x"]),
        ("""{f("}")} x""", ["""{f("}")}""", "x"]),
        (r"""{'it\'s'} x""", [r"""{'it\'s'}""", "x"]),
        ("{ {1: 2}[1] } x", ["{ {1: 2}[1] }", "x"]),
        # But not within quotes, not when doubled, and not when nothing closes it.
        ("'{a} b' c", ["{a} b", "c"]),
        ("{{a b}}", ["{{a", "b}}"]),
        ("{a b", ["{a", "b"]),
    ],
)
def test_splitting(line, words):
    assert grammar.split(line) == words


@pytest.mark.parametrize("line", ["say 'yes", 'say "yes', "it's"])
def test_an_open_quotation_mark_is_said(line):
    with pytest.raises(CommandError) as caught:
        grammar.split(f" {line} ")
    assert caught.value.message == f"a quotation mark is not closed: {line}"
    assert caught.value.hint == "close it, or quote it with the other kind"


# --- expansion ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["$frame", "{frame}", "{ frame }", "'$frame'", '{frames["a b"]}', "{frames['a b']}", "{[frame, 1][0]}"],
)
def test_an_object_parameter_gets_the_object_itself(line):
    frame = Frame()
    assert look(line, frame=frame, frames={"a b": frame})["thing"] is frame


@pytest.mark.parametrize("line", ["--data=$frame", "--data $frame", "--data={frame}", "--data {frame}"])
def test_so_does_an_option(line):
    frame = Frame()
    assert look(line, frame=frame)["data"] is frame


@pytest.mark.parametrize("value", [None, 0, -1, (), [], "", "-x", "--deep", "a b", float("nan"), {"a": 1}, b"raw"])
def test_an_option_takes_any_object_as_it_is(value):
    assert look("--data $value", value=value)["data"] is value


@pytest.mark.parametrize("value", [None, 0, -1, -0.5, (), [], "", "a b", {"a": 1}, b"raw"])
def test_an_argument_takes_any_object_as_it_is(value):
    assert look("$value", value=value)["thing"] is value


def test_the_text_of_an_object_is_not_made_for_nothing():
    class Huge:
        def __str__(self) -> str:
            raise AssertionError("the text of a large object takes long to make")

    huge = Huge()
    assert look("$huge --data={huge}", huge=huge) | {"thing": huge, "data": huge} == fakes.seen[-1]


@given(st.integers() | st.floats(allow_nan=False) | PLAIN | st.lists(st.integers()))
def test_elsewhere_it_becomes_text(value):
    assert look("--label $value", value=value)["label"] == str(value)
    assert look("--label=a{value}b", value=value)["label"] == f"a{value}b"


@given(st.text(st.characters(exclude_categories=["C"])))
def test_doubled_marks_stand_for_themselves(text):
    doubled = text.replace("$", "$$").replace("{", "{{").replace("}", "}}")
    assert grammar.expand([doubled], lambda _: pytest.fail("nothing is evaluated"), list) == [text]


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("--label=$name.csv", "churn.csv"),
        ("--label=$name$name", "churnchurn"),
        ("--label=a$name-b", "achurn-b"),
        ("--label '$name is {2 + 2}'", "churn is 4"),
        ("--label={name!r}x", None),
        ("--label=$", "$"),
        ("--label=$5", "$5"),
        ("--label={}", "{}"),
        ("--label=100%", "100%"),
        ("--label $$name", "$name"),
        ("--label={{name}}", "{name}"),
        ("--label '{'", "{"),
        ("--label $größe", "7"),
    ],
)
def test_within_text(line, label):
    if label is None:
        assert refused(line, name="churn").message.startswith("{name!r} cannot be evaluated: SyntaxError: ")
    else:
        assert look(line, name="churn", größe=7)["label"] == label


def test_a_number_in_a_variable_is_a_number():
    assert look("--size $n --share=$f", n=-3, f=0.25) | {"size": -3, "share": 0.25} == fakes.seen[-1]


def test_the_verb_may_come_from_a_variable():
    assert grammar.parse(expand("$verb --label x", verb="look")).arguments["label"] == "x"


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("$modle", "$modle: there is no variable modle", "did you mean $model?"),
        ("--data=$modle", "$modle: there is no variable modle", "did you mean $model?"),
        ("{modle.best}", "{modle.best}: there is no variable modle", "did you mean $model?"),
        ("$zzz", "$zzz: there is no variable zzz", "run the cell that sets zzz first"),
        (
            "{1 / 0}",
            "{1 / 0} cannot be evaluated: ZeroDivisionError: division by zero",
            "write {{ and }} for plain braces",
        ),
        (
            "$model.head(3)",
            "$model.head(3): a dict is no text that .head(3) could follow",
            "{model.head(3)} evaluates the expression",
        ),
        ("{model['x']}", "{model['x']} cannot be evaluated: KeyError: 'x'", "write {{ and }} for plain braces"),
    ],
)
def test_what_cannot_be_expanded_is_said(line, message, hint):
    error = refused(line, model={})
    assert (error.message, error.hint) == (message, hint)


def test_an_error_of_ours_within_an_expression_stays_itself():
    def find() -> None:
        raise NotFound("there is no such run", "mlops runs")

    with pytest.raises(NotFound, match="there is no such run"):
        look("{find()}", find=find)


@given(st.text())
def test_the_terminal_evaluates_nothing(text):
    assert grammar.parse(["look", f"--label={text}"]).arguments["label"] == text
    assert grammar.parse(["look", "--", text]).arguments["thing"] == text


# --- from words to arguments -------------------------------------------------------------------------------------


def test_what_is_left_out_has_the_function_s_defaults():
    assert look("") == {
        "thing": None,
        "data": None,
        "label": "",
        "kind": "tree",
        "level": 1,
        "pair": None,
        "names": (),
        "each": (),
        "deep": False,
        "colour": None,
        "size": None,
        "share": 0.5,
        "where": None,
    }


@given(st.text(min_size=1).filter(lambda key: key.strip() and "=" not in key), st.text())
@example("url", "https://h/?a=1&b=2")
@example("empty", "")
def test_a_pair_is_cut_at_its_first_equals_sign(key, value):
    for option in (["-q", f"{key}={value}"], ["--pair", f"{key}={value}"], [f"--pair={key}={value}"]):
        assert grammar.parse(["look", *option]).arguments["pair"] == {key.strip(): value}


def test_several_arguments_arrive_in_their_order():
    call = grammar.parse(["compare", "b", "--lower", "loss", "a", "c"])
    assert (call.arguments["runs"], call.arguments["lower"]) == (("b", "a", "c"), ("loss",))
    thing = object()
    call = grammar.parse(["compare", *expand("$thing a", thing=thing)])
    assert call.arguments["runs"] == (thing, "a")
    # How many it needs, the verb says itself.
    assert grammar.parse(["compare"]).arguments["runs"] == ()


def test_pairs_collect_and_the_last_of_a_name_wins():
    assert look("-q a=1 --pair b=2 -q a=3")["pair"] == {"a": "3", "b": "2"}
    assert look("-q a=$n", n=4)["pair"] == {"a": "4"}
    assert look("-q $both", both="a=5")["pair"] == {"a": "5"}


@pytest.mark.parametrize("text", ["depth", "=3", " =3", ""])
def test_a_pair_without_a_name_is_refused(text):
    error = refused(f"-q '{text}'")
    assert error.message == f"look: invalid value for '-q' / '--pair': {text!r} is not key=value"
    assert error.hint == "mlops look --help"


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ("a",)), ("a,b", ("a", "b")), (" a , b ,", ("a", "b")), ("", ()), (",", ())],
)
def test_names(text, names):
    assert look(f"--names '{text}'")["names"] == names


def test_an_option_that_is_given_several_times():
    assert look("--each 'a,b' --each '' --each $thing", thing=3)["each"] == ("a,b", "", "3")


@given(st.lists(PLAIN.filter(lambda name: "," not in name)))
def test_names_round_trip(names):
    assert grammar.parse(["look", "--names", ",".join(names)]).arguments["names"] == tuple(names)


@pytest.mark.parametrize(
    ("line", "deep", "colour"),
    [("", False, None), ("--deep", True, None), ("--colour", False, True), ("--no-colour --deep", True, False)],
)
def test_flags(line, deep, colour):
    found = look(line)
    assert (found["deep"], found["colour"]) == (deep, colour)


def test_a_flag_that_is_off_has_no_negation():
    assert refused("--no-deep").message == "look has no option --no-deep"


def test_literals_keep_their_type():
    found = look("--kind linear --level 2")
    assert (found["kind"], found["level"]) == ("linear", 2)


def test_a_path_is_a_path():
    assert look("--where 'a b/c.ipynb'")["where"] == Path("a b/c.ipynb")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("--kind forest", "look: invalid value for '--kind': 'forest' is not one of 'tree', 'linear'", None),
        ("--level 3", "look: invalid value for '--level': '3' is not one of '1', '2'", None),
        ("--size many", "look: invalid value for '-s' / '--size': 'many' is not a valid integer", None),
        ("--share half", "look: invalid value for '--share': 'half' is not a valid float", None),
        ("--label", "look: option '--label' requires an argument", None),
        ("--deep=yes", "look: option '--deep' does not take a value", None),
        ("a b", "look: got unexpected extra argument (b)", None),
        ("--lable x", "look has no option --lable", "did you mean --label?"),
        ("--no-color", "look has no option --no-color", "did you mean --no-colour?"),
        ("--xyzzy", "look has no option --xyzzy", None),
        ("-z", "look has no option -z", None),
    ],
)
def test_what_does_not_fit_is_said(line, message, hint):
    error = refused(line)
    assert (error.message, error.hint) == (message, hint or "mlops look --help")


def test_a_missing_argument_is_said():
    with pytest.raises(CommandError) as caught:
        grammar.parse(["stop"])
    assert (caught.value.message, caught.value.hint) == ("stop: missing argument 'REASON'", "mlops stop --help")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("lokk", "did you mean look?"), ("trakc", "did you mean track?"), ("zzz", f"verbs: {', '.join(VERBS)}")],
)
def test_an_unknown_verb_is_said(name, hint):
    with pytest.raises(CommandError) as caught:
        grammar.parse([name])
    assert caught.value.message == f"there is no verb {name}"
    assert caught.value.hint == (hint if hint.startswith("did") else f"verbs: {', '.join(VERBS)}")


# --- what a face adds --------------------------------------------------------------------------------------------


def test_the_face_s_own_options_never_reach_the_verb():
    call = grammar.parse(["judge", "--json", "--strict", "--debug"])
    assert call.arguments == {}
    assert (call.as_json, call.strict, call.debug, call.yes) == (True, True, True, False)


def test_only_a_check_can_be_strict_and_only_destruction_needs_a_yes():
    for name in VERBS:
        offered = {option for parameter in grammar.command(name).params for option in parameter.opts}
        assert ("--strict" in offered) == (name in {"judge", "doctor", "drift", "reproduce", "run"})
        may_destroy = VERBS[name].effect == "destroys" or destroying_flags(grammar.verb_function(VERBS[name]))
        assert ("--yes" in offered) == (bool(may_destroy) or name in {"crowd", "run"})
        assert ("--json" in offered) == (VERBS[name].place == "anywhere")
        assert "--debug" in offered


def test_a_reporter_is_no_part_of_the_command():
    assert "reporter" not in {parameter.name for parameter in grammar.command("dwell").params}
    assert grammar.parse(["dwell"]).wants_reporter
    assert not grammar.parse(["burst"]).wants_reporter


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["x", "--help"], ["--bogus", "-h"]])
def test_help_wins_over_everything(words):
    with pytest.raises(grammar.HelpAsked) as asked:
        grammar.parse(["look", *words])
    text = str(asked.value)
    assert text.startswith("Usage: mlops look [OPTIONS] [THING]\n\n  Look at what it is given.")
    assert "``" not in text
    for parameter in grammar.command("look").params:
        assert (parameter.opts[0] if parameter.param_type_name == "option" else "[THING]") in text


def test_after_two_dashes_help_is_a_word_like_any_other():
    assert grammar.parse(["look", "--", "--help"]).arguments["thing"] == "--help"


def test_the_source_parameter():
    assert grammar.source_parameter(grammar.parse(["count", "x"])) == "text"
    assert grammar.source_parameter(grammar.parse(["look"])) is None


def test_confirmation_is_asked_once_and_only_when_it_matters():
    asked: list[str] = []

    def ask(answer):
        return lambda question: asked.append(question) or answer

    grammar.confirm(grammar.parse(["look"]), ask(False))
    grammar.confirm(grammar.parse(["wipe", "x", "--yes"]), ask(False))
    grammar.confirm(grammar.parse(["wipe", "x", "-y"]), ask(False))
    assert asked == []
    grammar.confirm(grammar.parse(["wipe", "x"]), ask(True))
    assert asked == ["wipe destroys what it names. Go on?"]
    for answer, message in (
        (False, "wipe was not confirmed, so nothing was done"),
        (None, "wipe destroys what it names, and nobody can be asked here"),
    ):
        with pytest.raises(ConfirmationRequired) as caught:
            grammar.confirm(grammar.parse(["wipe", "x"]), ask(answer))
        assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (message, "add --yes", 4)


def test_a_flag_can_make_a_verb_one_that_destroys():
    asked: list[str] = []
    grammar.confirm(grammar.parse(["tidy"]), asked.append)
    grammar.confirm(grammar.parse(["tidy", "--everything", "--yes"]), asked.append)
    assert asked == []
    with pytest.raises(ConfirmationRequired, match="tidy --everything was not confirmed"):
        grammar.confirm(grammar.parse(["tidy", "--everything"]), lambda question: bool(asked.append(question)))
    assert asked == ["tidy --everything destroys what it names. Go on?"]


def test_a_verb_may_find_out_at_work_that_it_must_ask():
    asked: list[str] = []

    def done(line: str, answer: bool | None) -> str:
        return grammar.answered(grammar.parse(line.split()), lambda said: asked.append(said) or answer).steps[0].detail

    assert done("crowd 3", None) == "3 times"
    assert done("crowd 30 --yes", None) == done("crowd 30 -y", False) == "30 times"
    assert asked == []
    assert done("crowd 30", True) == "30 times"
    assert asked == ["crowd: these are 30. Go on?"]
    for answer, message in ((None, "these are 30"), (False, "crowd was not confirmed, so nothing was done")):
        with pytest.raises(ConfirmationRequired) as caught:
            done("crowd 30", answer)
        assert (caught.value.message, caught.value.hint) == (message, "fewer, or --yes")


def test_a_pair_that_may_come_once():
    call = grammar.parse(["crowd", "1", "--pair", "a=1", "--pair", "b=2"])
    assert call.arguments["pair"] == {"a": "1", "b": "2"}
    with pytest.raises(CommandError, match="a is given twice"):
        grammar.parse(["crowd", "1", "--pair", "a=1", "--pair", "a=2"])


def test_a_hint_the_grammar_has_no_words_for_is_a_bug_of_the_verb(monkeypatch):
    monkeypatch.setitem(fakes.look.__annotations__, "thing", "set[int]")
    with pytest.raises(TypeError, match="the grammar has no words for set"):
        grammar.command("look")


def test_a_live_text_is_the_text_it_stands_for():
    assert LiveText("churn", "churn") == "churn"
    assert LiveText.spelled(LiveText("$n", 3)) == "3"
    assert LiveText.spelled(("a", LiveText("$n", 3))) == ("a", "3")


# --- completion --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "incomplete", "found"),
    [
        ([], "ru", ["runs", "run"]),
        ([], "lo", ["logs", "look"]),
        ([], "zzz", []),
        (["zzz"], "", []),
        (["look"], "--la", ["--label"]),
        (["look"], "--no", ["--no-colour"]),
        (["look", "--kind"], "", ["tree", "linear"]),
        (["look", "--kind"], "l", ["linear"]),
        (["look", "--level"], "", ["1", "2"]),
        (["ui"], "", ["mlflow", "tensorboard"]),
        (["look", "--label"], "x", []),
    ],
)
def test_completion(words, incomplete, found):
    assert [value for value, _ in grammar.complete(words, incomplete)] == found


def test_completion_explains_itself():
    assert dict(grammar.complete([], "ru"))["runs"] == VERBS["runs"].line
    assert dict(grammar.complete(["look"], "--la"))["--label"] == "Any text."


def test_paths_complete_with_notebooks_first(tmp_path, monkeypatch):
    for name in ("a.csv", "b.ipynb", ".hidden.ipynb", "sub"):
        (tmp_path / name).touch() if "." in name else (tmp_path / name).mkdir()
    (tmp_path / "sub" / "c.ipynb").touch()
    monkeypatch.chdir(tmp_path)

    def complete(start: str) -> list[str]:
        return [value for value, _ in grammar.complete(["run"], start)]

    assert complete("") == ["b.ipynb", "a.csv", "sub/"]
    assert complete("s") == ["sub/"]
    assert complete("sub/") == ["sub/c.ipynb"]
    assert complete(".h") == [".hidden.ipynb"]
    assert complete(f"{tmp_path}/b") == [f"{tmp_path}/b.ipynb"]
    assert complete("nowhere/") == []
