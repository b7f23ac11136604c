"""A short kill campaign, and that it would notice what a kill had lost. `./run campaign kill` is the long one."""

import contextlib
import sqlite3
import unittest

import harness
import kill_campaign


class Kill(harness.Case):
    def test_five_kills_under_load_lose_nothing_that_was_acknowledged(self):
        campaign = kill_campaign.Campaign(self.directory, devices=150, seed=3)
        kill_campaign.run(campaign, kills=5)
        self.assertEqual(len(campaign.restarts_s), 5)
        self.assertGreater(campaign.totals["confirmed"], 100)
        self.assertGreater(campaign.acknowledged, 20)

    def lose(self, statement):
        """A campaign whose server has forgotten something each time it comes back."""
        class Forgetful(kill_campaign.Campaign):
            def while_down(self):
                with contextlib.closing(sqlite3.connect(self.path("data/updraft.sqlite"))) as database:
                    database.execute(statement)
                    database.commit()

        with self.assertRaises(AssertionError) as caught:
            kill_campaign.run(Forgetful(self.directory, devices=100, seed=4), kills=3)
        return str(caught.exception)

    def test_a_lost_report_is_noticed(self):
        self.assertIn("books_differ", self.lose("UPDATE devices SET version = '0.9.9'"))

    def test_a_token_that_comes_back_is_noticed(self):
        kill_campaign.TOKENS_KEPT, kept = 2, kill_campaign.TOKENS_KEPT
        self.addCleanup(setattr, kill_campaign, "TOKENS_KEPT", kept)
        self.assertIn("back again", self.lose("INSERT OR REPLACE INTO tokens (id, hash, name, created_ms, role, expires_ms) "
                                              "SELECT 900000, zeroblob(32), 'token-1', 1, 1, 0"))

    def test_a_lost_change_of_an_operator_is_noticed(self):
        self.assertIn("lost tokens", self.lose("DELETE FROM tokens WHERE name LIKE 'token-%'"))


if __name__ == "__main__":
    unittest.main()
