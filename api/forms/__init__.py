"""Request bodies and addresses, read strictly and under limits.

FastAPI's own form handling is lenient where it must not be: of two files it takes the last, `1_0`
is ten and NaN makes it answer 500. So the few fields there are, are read here: `values` has single
ones, `options` those of a search, `multipart` and `json_text` the two forms of a body, `bodies` a
whole one, `queries` what is asked with.
"""

from api.forms.bodies import FORM, JSON, Body, content_type, json_object, read_body
from api.forms.json_text import parse_json
from api.forms.options import query_parameters, read_option
from api.forms.queries import QueryForm, item_query, read_batch, read_query
from api.forms.values import field_names, text_value, true_or_false, whole_number

__all__ = [
    "FORM",
    "JSON",
    "Body",
    "QueryForm",
    "content_type",
    "field_names",
    "item_query",
    "json_object",
    "parse_json",
    "query_parameters",
    "read_batch",
    "read_body",
    "read_option",
    "read_query",
    "text_value",
    "true_or_false",
    "whole_number",
]
