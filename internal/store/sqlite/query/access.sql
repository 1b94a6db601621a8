-- name: token_list
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token
WHERE account_id = ? AND project_id IS ?;

-- name: token_list_api
-- A project's without sign-ins; operators' tokens belong to no project: IS also finds NULL.
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token
WHERE account_id IS ? AND project_id IS ? AND member_id IS NULL;
