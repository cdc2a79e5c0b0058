"""JSON as the standard has it (1.5, 1.6).

Python's own reader does the grammar. What it takes beyond RFC 8259, or would lose, is
put right by hooks: NaN and Infinity are refused, and a number stays the text that it is,
since its size has no bound here ("1e999999999" is a number as good as any).
"""

import json
import re
import sys

sys.setrecursionlimit(5000)  # a message of 1,024 bytes nests about 500 deep; the default is too near

WHOLE_DIGITS = 19  # every range in the standard ends below 10^19


class Number:
    """A JSON number, as it is written."""

    def __init__(self, text):
        self.text = text

    def whole(self):
        """Its value, if that is whole (1.5: 7, 7.0, 70e-1 are one integer); else, or if it is beyond every range, None."""
        sign, ahead, behind, exponent = re.fullmatch(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", self.text).groups()
        digits = (ahead + (behind or "")).lstrip("0")
        significant = digits.rstrip("0")
        if significant == "":
            return 0  # -0 too
        if len((exponent or "").lstrip("+-0")) > WHOLE_DIGITS:
            return None  # nothing that fits into a line makes up for such an exponent
        shift = int(exponent or 0) - len(behind or "") + len(digits) - len(significant)
        if shift < 0 or len(significant) + shift > WHOLE_DIGITS:
            return None  # never 10**shift before its size is known
        value = int(significant) * 10**shift
        return -value if sign else value


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def well_formed(text):
    """Half a surrogate pair, from an escape or from a byte that is not UTF-8, is read as U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def make_object(pairs):
    """A name that is there twice counts as its last occurrence does."""
    return {well_formed(name): value for name, value in pairs}


READER = json.JSONDecoder(
    object_pairs_hook=make_object, parse_int=Number, parse_float=Number, parse_constant=refuse_constant
)


def json_text(data):
    """The characters of a body; a byte that is not UTF-8 becomes half a surrogate pair, from which it can be got back."""
    return data.decode("utf-8", "surrogateescape")


def read_object(data):
    """The one JSON object that data is, or None. A byte order mark or anything behind the object is refused by the grammar."""
    try:
        value = READER.decode(json_text(data))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def write_character(match):
    character = match.group()
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    units = character.encode("utf-16-be")  # two of them from U+10000 on
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def write_json(value):
    """JSON as 1.6 wants it: ASCII, no white space, members in their order (LAT-FRAME-010).

    json.dumps would escape 7f, which the standard writes as it is.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Number):
        return value.text
    if isinstance(value, str):
        return '"' + re.sub(r'["\\\x00-\x1f\x80-\U0010ffff]', write_character, well_formed(value)) + '"'
    if isinstance(value, list):
        return "[" + ",".join([write_json(item) for item in value]) + "]"
    return "{" + ",".join([write_json(name) + ":" + write_json(item) for name, item in value.items()]) + "}"
