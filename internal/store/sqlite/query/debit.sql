-- name: lane_posted (hot)
UPDATE lane SET posted = ? WHERE lane = ?;

-- name: package_figures (hot)
SELECT remaining, reserved, used FROM package WHERE account_id = ? AND project_id = ? AND number = ?;

-- name: package_figures_update (hot)
UPDATE package SET remaining = ?, reserved = ?, used = ? WHERE account_id = ? AND project_id = ? AND number = ?;

-- name: debit_ref_insert (hot)
INSERT INTO debit_ref (account_id, project_id, at, more) VALUES (?, ?, ?, ?);

-- name: reservation_insert (hot)
INSERT INTO reservation (account_id, project_id, at, id, deadline) VALUES (?, ?, ?, ?, ?);

-- name: reservation_delete (hot)
DELETE FROM reservation WHERE account_id = ? AND project_id = ? AND at = ? AND id = ?;

-- name: balance_pool (hot)
-- Packages that can pay, or to which something reserved may return. Those that had expired by the lane's last commit
-- never pay again, frozen ones not for now.
SELECT number, category, purpose, country, expires_at, purchased_at, remaining, reserved, used FROM package
WHERE account_id = ? AND project_id = ? AND expires_at > ? AND live = 1 AND frozen = 0;

-- name: balance_get (hot)
SELECT number, category, purpose, country, expires_at, purchased_at, remaining, reserved, used FROM package
WHERE account_id = ? AND project_id = ? AND number = ?;
