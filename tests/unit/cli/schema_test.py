#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The schema takes the complete sample and the contract's example, and refuses known bad files.

Usage: schema_test.py FAIRLEAD REPOSITORY
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import yaml

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)

PROGRAM = sys.argv[1]
CONFIG = pathlib.Path(sys.argv[2]) / "config"
del sys.argv[1:]

VIP = "vips: [{name: web, address: 203.0.113.10, port: 80, backends: [{id: b1, address: 10.0.0.1}]}]\n"
BAD = (
    ("an unknown section", "visp: []\n" + VIP),
    ("an unknown key of a backend", VIP.replace("id: b1", "id: b1, wieght: 1")),
    ("a weight out of range", VIP.replace("id: b1", "id: b1, weight: 10001")),
    ("a port out of range", VIP.replace("80", "70000")),
    ("a vip without name", VIP.replace("name: web, ", "")),
    ("a backend without address", VIP.replace(", address: 10.0.0.1", "")),
    ("a duration without unit", VIP + "health: {interval: 500}\n"),
    ("a duration with a wrong unit", VIP + "health: {interval: 500msec}\n"),
    ("an unknown policy", VIP + "policy: {name: adaptve}\n"),
    ("a name with blanks", VIP.replace("web", "'web site'")),
    ("a hash key that is too short", VIP + "fleet: {hash_key: '0001'}\n"),
    ("a list for a map", VIP + "node: []\n"),
    ("a map for a list", "vips: {name: web}\n"),
    ("a mac of five bytes", VIP.replace("id: b1", "id: b1, mac: '02:00:00:00:01'")),
    ("a fraction for a whole number", VIP.replace("80", "80.5")),
    ("a listener without port", VIP + "metrics: {listen: localhost}\n"),
)


class Yaml12(yaml.SafeLoader):
    """As editors read it: on, off, yes and no are words."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rules if tag != "tag:yaml.org,2002:bool"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def loaded(text):
    return yaml.load(text, Loader=Yaml12)


class SchemaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([PROGRAM, "config", "schema"], capture_output=True, text=True, timeout=20, check=True)
        cls.text = done.stdout
        cls.schema = json.loads(done.stdout)
        jsonschema.Draft202012Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)

    def errors(self, text):
        return [f"{'.'.join(map(str, e.path))}: {e.message}" for e in self.validator.iter_errors(loaded(text))]

    def accepted_by_loader(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            return subprocess.run([PROGRAM, "config", "check", file.name], capture_output=True, timeout=20,
                                  check=False).returncode == 0

    def test_takes_the_sample(self):
        text = (CONFIG / "fairlead.yaml").read_text(encoding="utf-8")
        self.assertEqual(self.errors(text), [])

    def test_takes_what_the_loader_takes(self):
        self.assertTrue(self.accepted_by_loader(VIP))
        self.assertEqual(self.errors(VIP), [])

    def test_refuses_what_the_loader_refuses(self):
        for says, text in BAD:
            with self.subTest(says):
                self.assertFalse(self.accepted_by_loader(text))
                self.assertNotEqual(self.errors(text), [])

    def test_every_key_says_what_it_is(self):
        def keys(node, path=""):
            for name, key in node.get("properties", {}).items():
                here = f"{path}.{name}" if path else name
                inner = key.get("items", key)
                if "properties" in inner:
                    yield from keys(inner, here)
                else:
                    yield here, key
        all_keys = dict(keys(self.schema))
        self.assertGreater(len(all_keys), 90)
        silent = [path for path, key in all_keys.items() if "description" not in key]
        self.assertEqual(silent, [])
        self.assertEqual(all_keys["health.interval"]["default"], "500ms")
        self.assertEqual(all_keys["vips.backends.weight"]["maximum"], 10000)

    def test_is_the_committed_file(self):
        committed = (CONFIG / "fairlead.schema.json").read_text(encoding="utf-8")
        self.assertEqual(committed, self.text, "write it again: fairlead config schema > config/fairlead.schema.json")


if __name__ == "__main__":
    unittest.main()
