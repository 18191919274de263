-- SPDX-License-Identifier: MIT
-- The bearer tokens of the metrics endpoint. Applied to the dashboard's database by `ceymail-token init`, or by
-- hand: mariadb ceymail_dashboard <001-metrics-tokens.sql. Safe to run twice. All times are UTC.
-- At most one row is active. The unique key enforces this, because it allows several NULLs.
CREATE TABLE IF NOT EXISTS metrics_tokens (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    token_sha256 BINARY(32) NOT NULL,
    created_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP()),
    created_by VARCHAR(255) NULL,
    revoked_at DATETIME NULL,
    last_used_at DATETIME NULL,
    active TINYINT UNSIGNED AS (IF(revoked_at IS NULL, 1, NULL)) STORED,
    UNIQUE KEY one_active (active)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4;
