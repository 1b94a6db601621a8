-- Packages and their entries. Figures of the past come from a package's last entry by then (of one commit, the one of
-- the highest kind), and what was adjusted by then; used follows from the package's invariant.

-- name: package_number_insert
-- No error on a number that is taken, so that the transaction can draw another; a failed statement would end it on
-- other databases.
INSERT INTO package_number (number, account_id, project_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: package_insert
INSERT INTO package (account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used, live,
  purchased_at, exists_from, expires_at, order_id, paid_voucher, paid_gift, paid_cash, paid_credit, lane, seq)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, 0, ?11, CASE WHEN CAST(?10 AS BIGINT) > 0 THEN 1 ELSE 0 END, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21);

-- name: package_group_add
INSERT INTO package_group (account_id, project_id, category, purpose, country, name, packages) VALUES (?, ?, ?, ?, ?, ?, 1)
ON CONFLICT (account_id, project_id, category, purpose, country, name) DO UPDATE SET packages = package_group.packages + 1;

-- name: package_group_sum
-- Takes the filters of package_pick for category, purpose and country.
SELECT CAST(coalesce(sum(p.packages), 0) AS BIGINT) FROM package_group p WHERE p.account_id = ?1 AND p.project_id = ?2;

-- name: package_adjust
UPDATE package SET adjusted = adjusted + ?1, remaining = remaining + ?1 WHERE account_id = ?2 AND project_id = ?3 AND number = ?4;

-- name: package_extend
UPDATE package SET expires_at = ?1, first_expires_at = CASE WHEN first_expires_at = 0 THEN expires_at ELSE first_expires_at END
WHERE account_id = ?2 AND project_id = ?3 AND number = ?4;

-- name: package_freeze
UPDATE package SET frozen = ?1 WHERE account_id = ?2 AND project_id = ?3 AND number = ?4 AND frozen <> ?1;

-- name: package_mark_expired
UPDATE package SET expire_marked = expires_at WHERE account_id = ? AND project_id = ? AND number = ? AND expire_marked <> expires_at;

-- name: package_get
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used,
  purchased_at, exists_from, expires_at, first_expires_at, frozen <> 0, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM package WHERE account_id = ? AND project_id = ? AND number = ?;

-- name: package_number_get
SELECT account_id, project_id FROM package_number WHERE number = ?;

-- name: package_pick
-- What filters and sorts of the list are put to; package_page then reads the page.
SELECT p.number FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2;

-- name: package_pick_as_of
-- Filters and sorts may refer to the instant, ?3.
SELECT p.number FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.exists_from <= ?3;

-- name: package_unmarked
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used,
  purchased_at, exists_from, expires_at, first_expires_at, frozen <> 0, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM package WHERE live = 1 AND expire_marked <> expires_at AND expires_at <= ? ORDER BY expires_at LIMIT ?;

-- name: balance_now
SELECT purpose, country, CAST(sum(remaining) AS BIGINT), CAST(sum(reserved) AS BIGINT) FROM package_sum
WHERE account_id = ? AND project_id = ? AND category = ? AND expires_at > ? GROUP BY purpose, country;

-- name: entry_extend_insert
INSERT INTO entry (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, expires_at, lane, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: entry_list
SELECT account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, expires_at, lane, seq
FROM entry WHERE account_id = ? AND project_id = ? AND package = ?;

-- name: entry_get
SELECT account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, expires_at, lane, seq
FROM entry WHERE account_id = ? AND project_id = ? AND package = ? AND at = ? AND kind = ?;

-- name: entry_opening
-- Issue, import, grant or transfer_in.
SELECT account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, expires_at, lane, seq
FROM entry WHERE account_id = ? AND project_id = ? AND package = ? AND kind IN (1, 2, 3, 13) ORDER BY at, kind LIMIT 1;
