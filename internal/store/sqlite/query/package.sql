-- Packages and their entries. Figures of the past come from a package's last entry by then (of one commit, the one of
-- the highest kind), and what was adjusted by then; used follows from the package's invariant.

-- name: package_number_insert
-- No error on a number that is taken, so that the transaction can draw another; a failed statement would end it on
-- other databases.
INSERT INTO package_number (number, account_id, project_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: package_insert
INSERT INTO package (account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used, live,
  purchased_at, exists_from, expires_at, order_id, paid_voucher, paid_gift, paid_cash, paid_credit, lane, seq)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, 0, ?11, ?10 > 0, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21);

-- name: package_group_add
INSERT INTO package_group (account_id, project_id, category, purpose, country, name, packages) VALUES (?, ?, ?, ?, ?, ?, 1)
ON CONFLICT DO UPDATE SET packages = packages + 1;

-- name: package_group_sum
-- Takes the filters of package_pick for category, purpose and country.
SELECT coalesce(sum(p.packages), 0) FROM package_group p WHERE p.account_id = ?1 AND p.project_id = ?2;

-- name: package_group_names
SELECT DISTINCT name FROM package_group WHERE account_id = ? AND project_id = ? AND instr(lower(name), lower(?)) > 0;

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

-- name: package_pick_live
-- The planner does not know how few packages of an old project are live, so it is told where they are.
SELECT p.number FROM package p INDEXED BY package_live_purchased WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.live = 1;

-- name: package_pick_as_of
-- Filters and sorts may refer to the instant, ?3.
SELECT p.number FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.exists_from <= ?3;

-- name: package_page
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used,
  purchased_at, exists_from, expires_at, first_expires_at, frozen <> 0, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM package WHERE account_id = ? AND project_id = ? AND number IN (SELECT value FROM json_each(?));

-- name: package_page_as_of
-- An extension is the only way to another expiry, and always to a later one. first_expires_at is 0 before the first.
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved,
  total + adjusted - remaining - reserved, purchased_at, exists_from, expires_at,
  CASE WHEN expires_at > first_expires_at THEN first_expires_at ELSE 0 END, frozen, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM (
  SELECT p.account_id, p.project_id, p.number, p.name, p.category, p.purpose, p.country, p.charge_on, p.total,
    (SELECT coalesce(sum(e.remaining), 0) FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind IN (4, 14) AND e.at <= ?4) AS adjusted,
    (SELECT e.remaining_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS remaining,
    (SELECT e.reserved_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS reserved,
    p.purchased_at, p.exists_from, p.first_expires_at,
    CASE WHEN p.first_expires_at = 0 THEN p.expires_at ELSE coalesce(
      (SELECT e.expires_at FROM entry e INDEXED BY entry_extend
       WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind = 10 AND e.at <= ?4
       ORDER BY e.at DESC LIMIT 1), p.first_expires_at) END AS expires_at,
    coalesce((SELECT e.kind = 11 FROM entry e INDEXED BY entry_freeze
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind IN (11, 12) AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1), 0) AS frozen,
    p.order_id, p.paid_voucher, p.paid_gift, p.paid_cash, p.paid_credit
  FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.number IN (SELECT value FROM json_each(?3))
);

-- name: package_unmarked
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used,
  purchased_at, exists_from, expires_at, first_expires_at, frozen <> 0, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM package WHERE live = 1 AND expire_marked <> expires_at AND expires_at <= ? ORDER BY expires_at LIMIT ?;

-- name: balance_now
SELECT purpose, country, sum(remaining), sum(reserved) FROM package_sum
WHERE account_id = ? AND project_id = ? AND category = ? AND expires_at > ? GROUP BY purpose, country;

-- name: balance_as_of
SELECT purpose, country, sum(remaining), sum(reserved) FROM (
  SELECT p.purpose, p.country,
    (SELECT e.remaining_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS remaining,
    (SELECT e.reserved_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS reserved
  FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.category = ?3 AND p.expires_at > ?4 AND p.exists_from <= ?4
    AND (p.first_expires_at = 0 OR p.first_expires_at > ?4 OR EXISTS (SELECT 1 FROM entry e INDEXED BY entry_extend
      WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind = 10 AND e.at <= ?4 AND e.expires_at > ?4))
    AND NOT coalesce((SELECT e.kind = 11 FROM entry e INDEXED BY entry_freeze
      WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind IN (11, 12) AND e.at <= ?4
      ORDER BY e.at DESC, e.kind DESC LIMIT 1), 0)
) GROUP BY purpose, country;

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
