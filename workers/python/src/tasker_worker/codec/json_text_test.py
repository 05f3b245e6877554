import json
import sys
from decimal import Decimal

import pytest

from tasker_worker.codec import json_text
from tasker_worker.codec.json_text import exceeds_depth


@pytest.mark.parametrize("text", ["9007199254740993", "-9223372036854775808", "18446744073709551615", "1" * 4000])
def test_integers_of_any_size_come_back_digit_by_digit(text: str) -> None:
    assert json_text.write(json_text.parse(text)) == text


def test_integers_longer_than_python_converts_are_exact_decimals_and_their_neighbours_stay_integers() -> None:
    digits = "7" * (sys.get_int_max_str_digits() + 1)
    assert json_text.parse(f'{{"long":{digits},"short":12}}') == {"long": Decimal(digits), "short": 12}


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", '{"a":NaN}', "'a'", "{", "[1,]", "\ufeff{}", '"\x00"']
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json_text.parse(text)


@pytest.mark.parametrize("text", ['"é漢😀"', '"\\ud800"', '{"\\udc00":"漢"}', '"\\u0000"', '{"__proto__":{"a":1}}'])
def test_text_of_any_kind_comes_back_and_is_utf_8(text: str) -> None:
    written = json_text.write(json_text.parse(text))
    written.encode()
    assert json_text.parse(written) == json_text.parse(text)


def test_characters_beyond_ascii_are_not_escaped_so_that_they_take_no_more_room_than_they_need() -> None:
    assert json_text.write("漢") == '"漢"'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), b"bytes", Decimal(1)])
def test_what_has_no_json_form_is_not_written(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        json_text.write(value)


def test_depth_counts_brackets_that_are_not_in_strings() -> None:
    assert not exceeds_depth('["[[[[[[[["]', 3)
    assert not exceeds_depth('["a\\"[[[[[", "[[[["]', 2)
    assert not exceeds_depth("[[],[],[],[],{}]", 2)
    assert exceeds_depth("[[],[],[],[[]]]", 2)
    assert exceeds_depth("[" * 4, 3)
    assert not exceeds_depth("[[[]]]", 3)
