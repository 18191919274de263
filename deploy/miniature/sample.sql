-- SPDX-License-Identifier: MIT
-- CeyMail's tables, as far as this project reads or writes them, and a few accounts: 3 domains, 12 mailboxes,
-- 7 aliases, 3 users of the dashboard.
CREATE DATABASE ceymail CHARACTER SET utf8mb4;
CREATE DATABASE ceymail_dashboard CHARACTER SET utf8mb4;

CREATE TABLE ceymail.virtual_domains (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE = InnoDB;

CREATE TABLE ceymail.virtual_users (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    domain_id INT UNSIGNED NOT NULL,
    email VARCHAR(255) NOT NULL UNIQUE,
    password VARCHAR(255) NOT NULL,
    quota BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE = InnoDB;

CREATE TABLE ceymail.virtual_aliases (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    domain_id INT UNSIGNED NOT NULL,
    source VARCHAR(255) NOT NULL,
    destination VARCHAR(255) NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE
) ENGINE = InnoDB;

CREATE TABLE ceymail_dashboard.audit_logs (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id INT UNSIGNED NULL,
    action VARCHAR(100) NOT NULL,
    target VARCHAR(255) NULL,
    detail TEXT NULL,
    ip_address VARCHAR(45) NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE = InnoDB;

CREATE TABLE ceymail_dashboard.dashboard_users (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    username VARCHAR(64) NOT NULL UNIQUE,
    password_hash VARCHAR(255) NOT NULL,
    email VARCHAR(255) NULL,
    role ENUM('admin', 'viewer') NOT NULL DEFAULT 'viewer',
    last_login TIMESTAMP NULL
) ENGINE = InnoDB;

INSERT INTO ceymail_dashboard.dashboard_users (id, username, password_hash, role) VALUES
    (1, 'amal', '!', 'admin'), (2, 'bimali', '!', 'admin'), (3, 'vihanga', '!', 'viewer');

INSERT INTO ceymail.virtual_domains (id, name) VALUES (1, 'example.com'), (2, 'example.net'), (3, 'example.org');

INSERT INTO ceymail.virtual_users (domain_id, email, password, quota) VALUES
    (1, 'amal@example.com', '!', 1073741824), (1, 'bimali@example.com', '!', 1073741824),
    (1, 'chathura@example.com', '!', 1073741824), (1, 'dilini@example.com', '!', 2147483648),
    (1, 'eranga@example.com', '!', 0), (1, 'postmaster@example.com', '!', 0),
    (2, 'fathima@example.net', '!', 1073741824), (2, 'gayan@example.net', '!', 1073741824),
    (2, 'hasini@example.net', '!', 1073741824), (2, 'postmaster@example.net', '!', 0),
    (3, 'ishara@example.org', '!', 536870912), (3, 'postmaster@example.org', '!', 0);

INSERT INTO ceymail.virtual_aliases (domain_id, source, destination) VALUES
    (1, 'abuse@example.com', 'postmaster@example.com'), (1, 'sales@example.com', 'amal@example.com'),
    (1, 'support@example.com', 'bimali@example.com'), (1, 'billing@example.com', 'dilini@example.com'),
    (2, 'abuse@example.net', 'postmaster@example.net'), (2, 'info@example.net', 'gayan@example.net'),
    (3, 'abuse@example.org', 'postmaster@example.org');
