-- PostgreSQL uses no index for IS NOT DISTINCT FROM, so that what may be NULL is asked for in two ways.

-- name: token_list
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token
WHERE account_id = ?1 AND (project_id = ?2 OR ?2 IS NULL AND project_id IS NULL);

-- name: token_list_api
-- A project's without sign-ins; operators' tokens belong to no project.
SELECT id, hash, account_id, project_id, name, member_id, scopes, created_at, expires_at, revoked_at FROM token
WHERE (account_id = ?1 OR ?1 IS NULL AND account_id IS NULL) AND (project_id = ?2 OR ?2 IS NULL AND project_id IS NULL) AND member_id IS NULL;
