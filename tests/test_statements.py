"""What the rows of statements owe to their readers."""

from disentangled import records


def test_a_verdict_with_a_condition_says_which():
    rows = records.statements().query("verdict == 'C'")
    for name, condition in zip(rows["id"], rows["condition"], strict=True):
        first = condition.partition(". ")[0].split()
        assert {"If", "if"} & set(first), f"{name}: begin with the condition, “If ...”"
