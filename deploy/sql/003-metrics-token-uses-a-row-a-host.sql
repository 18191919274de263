-- SPDX-License-Identifier: MIT
-- A row for each server in the table of the last use. Applied like 001. Safe to run twice, and with a row from before.
-- With one row for all nodes of a Galera cluster their writes would conflict. The key is the name of the server that
-- writes: the account cannot choose it.
-- The column comes with a constant: each node of a cluster makes it, and their rows must be the same.
ALTER TABLE metrics_token_uses ADD COLUMN IF NOT EXISTS host VARCHAR(255) CHARACTER SET ascii NOT NULL DEFAULT '' FIRST;
ALTER TABLE metrics_token_uses DROP COLUMN IF EXISTS only_row, DROP PRIMARY KEY, ADD PRIMARY KEY (host);
ALTER TABLE metrics_token_uses ALTER COLUMN host SET DEFAULT (@@hostname);
