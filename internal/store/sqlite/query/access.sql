-- Tokens, failed sign-ins, the operator's audit log.

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

-- name: token_list
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token
WHERE account_id = ? AND project_id IS ?;

-- name: token_list_all
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token WHERE true;

-- name: sign_in_failure_insert
INSERT INTO sign_in_failure (key, at) VALUES (?, ?);

-- name: sign_in_failure_forget
DELETE FROM sign_in_failure WHERE at < ?;

-- name: sign_in_failure_count
SELECT count(*) FROM sign_in_failure WHERE key = ? AND at >= ?;

-- name: audit_insert
INSERT INTO audit (at, actor, address, action, subject, value_before, value_after) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: audit_list
SELECT n, at, actor, address, action, subject, value_before, value_after FROM audit WHERE true;
