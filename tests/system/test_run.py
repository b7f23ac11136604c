"""The front door's own words: what ./run says to a wrong command line, before it does anything."""

import subprocess
import unittest

import harness


def run(*words):
    done = subprocess.run([harness.ROOT + "/run", *words], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


class WrongCommandLines(unittest.TestCase):
    def test_what_is_wrong_is_said_first_and_the_usage_follows(self):
        for words, said in (([], "there is no verb"), (["biuld"], "no verb 'biuld'"),
                            (["build", "x"], "'build' takes no arguments, but got 'x'"),
                            (["test", "x"], "'test' takes no arguments, but got 'x'"),
                            (["clean", "x"], "'clean' takes no arguments, but got 'x'"),
                            (["system", "nope"], "there is no tests/system/test_nope.py"),
                            (["fuzz", "soon"], "not 'soon'"),
                            (["fuzz", "1", "nope"], "there is no tests/fuzz/nope.c"),
                            (["interop", "x"], "'interop' does not know 'x'"),
                            (["format", "--chekc"], "not '--chekc'"),
                            (["demo", "--twice"], "--twice"),
                            (["demo", "--images", "a"], "takes pairs"),
                            (["demo", "--images", "/no/a", "/no/b"], "there is no file /no/a")):
            code, out, err = run(*words)
            self.assertEqual((code, out), (2, ""), words)
            self.assertIn(said, err.splitlines()[0])
            self.assertRegex(err, r"\nusage: \./run")

    def test_help_is_shown_for_every_verb_and_nothing_is_done(self):
        for verb in ("build", "test", "unit", "system", "fuzz", "interop", "format", "clean"):
            code, out, err = run(verb, "--help")
            self.assertEqual((code, err), (0, ""), verb)
            self.assertTrue(out.startswith("usage: ./run VERB"), verb)
        code, out, _ = run("demo", "--help")
        self.assertEqual(code, 0)
        self.assertIn("--images", out)


if __name__ == "__main__":
    unittest.main()
