-- SPDX-License-Identifier: MIT
-- When a token was last used. Applied like 001. Safe to run twice. All times are UTC.
-- The workers' account writes to this table only, so its locks do not delay a change of metrics_tokens. There is no
-- foreign key for the same reason: it would lock the token's row as well.
-- One row: the account may insert, but cannot choose the key.
-- metrics_tokens.last_used_at is older than this table. Nothing writes it; the newer of the two times counts.
CREATE TABLE IF NOT EXISTS metrics_token_uses (
    only_row TINYINT UNSIGNED NOT NULL DEFAULT 1 PRIMARY KEY CHECK (only_row = 1),
    token_id BIGINT UNSIGNED NOT NULL,
    last_used_at DATETIME NOT NULL
) ENGINE = InnoDB;
