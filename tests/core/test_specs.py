import pytest

from demo_core import Architecture, Command, DatasetReader, Explainer
from demo_core.plugins.specs import SpecError

GOOD = {"name": "a-b", "target": "a.b:C", "summary": "One line."}


def test_a_good_spec_is_taken():
    spec = Explainer(**GOOD, kind="attribution", needs={"gradients"}, requires=["captum"], extra="explainers")
    assert spec.needs == frozenset({"gradients"})
    assert spec.requires == ("captum",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "A"}, "lower-case words"),
        ({"name": ""}, "lower-case words"),
        ({"target": "a.b"}, "package.module:Class"),
        ({"summary": "a\nb"}, "one line"),
        ({"requires": "captum"}, "tuple of strings"),
        ({"options": int}, "not a dataclass"),
        ({"kind": "atribution"}, "did you mean 'attribution'"),
        ({"needs": {"gradient"}}, "did you mean 'gradients'"),
        ({"channels": ("a",)}, "channels"),
        ({"kind": "interaction", "adds_up": True}, "add up"),
    ],
)
def test_a_bad_explainer_is_refused_with_a_reason(change, message):
    with pytest.raises(SpecError, match=message):
        Explainer(**{**GOOD, "kind": "attribution", **change})


def test_other_specs_check_their_own_fields():
    with pytest.raises(SpecError, match="begin with a dot"):
        DatasetReader(**GOOD, suffixes=("fa",))
    with pytest.raises(SpecError, match="did you mean 'recurrent'"):
        Architecture(**GOOD, provides={"recurent"})
    with pytest.raises(TypeError):
        Command(**GOOD, options=int)
