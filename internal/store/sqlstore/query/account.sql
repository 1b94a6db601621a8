-- Accounts, projects, members.

-- name: account_insert
INSERT INTO account (id, name, level, suspended, created_at) VALUES (?, ?, ?, ?, ?);

-- name: account_update
UPDATE account SET name = ?, level = ?, suspended = ? WHERE id = ?;

-- name: account_get
SELECT id, name, level, suspended, created_at FROM account WHERE id = ?;

-- name: account_list
SELECT id, name, level, suspended, created_at FROM account WHERE true;

-- name: project_insert
INSERT INTO project (account_id, id, name, created_at) VALUES (?, ?, ?, ?);

-- name: project_get
SELECT account_id, id, name, created_at FROM project WHERE id = ?;

-- name: project_list
SELECT account_id, id, name, created_at FROM project WHERE account_id = ?;

-- name: project_list_all
SELECT account_id, id, name, created_at FROM project WHERE true;

-- name: project_update
UPDATE project SET name = ? WHERE account_id = ? AND id = ?;

-- name: member_insert
INSERT INTO member (id, account_id, login, role, password_hash, suspended, created_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: member_update
UPDATE member SET role = ?, password_hash = ?, suspended = ? WHERE id = ?;

-- name: member_get
SELECT id, account_id, login, role, password_hash, suspended, created_at FROM member WHERE id = ?;

-- name: member_by_login
SELECT id, account_id, login, role, password_hash, suspended, created_at FROM member WHERE login = ?;
