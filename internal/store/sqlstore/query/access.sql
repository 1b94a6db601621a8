-- Tokens, failed sign-ins, one-time codes, the audit log.

-- name: token_insert
INSERT INTO token (id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: token_revoke
-- The first revocation stands.
UPDATE token SET revoked_at = CASE revoked_at WHEN 0 THEN ? ELSE revoked_at END WHERE id = ?;

-- name: token_get
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token WHERE id = ?;

-- name: token_by_hash
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token WHERE hash = ?;

-- name: token_list_all
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token WHERE true;

-- name: sign_in_revoke
-- One is kept. What has expired is revoked as well: a clock set back would revive it.
UPDATE token SET revoked_at = ? WHERE member_id = ? AND revoked_at = 0 AND id <> ?;

-- name: sign_in_code_insert
INSERT INTO sign_in_code (hash, member_id, expires_at) VALUES (?, ?, ?);

-- name: sign_in_code_take
DELETE FROM sign_in_code WHERE hash = ? RETURNING hash, member_id, expires_at;

-- name: sign_in_code_revoke
DELETE FROM sign_in_code WHERE member_id = ?;

-- name: sign_in_code_forget
DELETE FROM sign_in_code WHERE expires_at <= ?;

-- name: sign_in_failure_insert
INSERT INTO sign_in_failure (key, at) VALUES (?, ?);

-- name: sign_in_failure_forget
DELETE FROM sign_in_failure WHERE at < ?;

-- name: sign_in_failure_count
SELECT count(*) FROM sign_in_failure WHERE key = ? AND at >= ?;

-- name: audit_insert
INSERT INTO audit (at, actor, address, action, subject, value_before, value_after) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: audit_list
-- With the login, as it is now, of the member who did it.
SELECT a.n, a.at, a.actor, m.login, a.address, a.action, a.subject, a.value_before, a.value_after
FROM audit a LEFT JOIN member m ON m.id = substr(a.actor, 8) AND a.actor LIKE 'member:%'
WHERE true;
