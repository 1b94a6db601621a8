-- name: member_list
-- Staff of the platform belong to no account.
SELECT id, account_id, login, role, password_hash, suspended, created_at FROM member
WHERE account_id = ?1 OR ?1 IS NULL AND account_id IS NULL ORDER BY id;
