# What a JSON Schema says to YAML files: schema_judge.py SCHEMA FILE-WITH-A-PATH-IN-EACH-LINE
# Prints a line for each: "accepted", or "refused" and why. YAML is read as editors do, by the core schema of YAML 1.2.
import json
import re
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}

    def construct_mapping(self, node, deep=False):  # the keys of JSON are texts; << is one
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key of JSON is a text", key.start_mark)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


def constructed(loader, node):
    return loader.construct_mapping(node)


Loader.add_constructor("tag:yaml.org,2002:map", constructed)
for kind, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.0123456789"),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$"), [c if c != "\0" else "" for c in first])
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value.lstrip("+"), 0) if re.match("0[ox]", node.value) else int(node.value))

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
with open(sys.argv[2], encoding="utf-8") as file:
    paths = file.read().splitlines()
for path in paths:
    try:
        with open(path, "rb") as file:
            document = yaml.load(file.read().decode("utf-8"), Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        print("refused not YAML:", str(error).replace("\n", " "))
        continue
    error = next(validator.iter_errors(document), None)
    print("accepted" if error is None else f"refused {error.json_path}: {error.message[:200]}".replace("\n", " "))
