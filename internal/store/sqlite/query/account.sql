-- name: member_list
-- Staff of the platform belong to no account: IS also finds NULL.
SELECT id, account_id, login, role, password_hash, suspended, created_at FROM member WHERE account_id IS ? ORDER BY id;
