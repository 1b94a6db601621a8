-- Packages and their entries. PostgreSQL keeps statistics, so that it needs no hints which index to take.

-- name: package_group_names
-- Lower case is of ASCII only, as in SQLite.
SELECT DISTINCT name FROM package_group WHERE account_id = ? AND project_id = ? AND strpos(lower(name), lower(? COLLATE "C")) > 0;

-- name: package_pick_live
SELECT p.number FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.live = 1;

-- name: package_page
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved, used,
  purchased_at, exists_from, expires_at, first_expires_at, frozen <> 0, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM package WHERE account_id = ? AND project_id = ? AND number = ANY (ARRAY(SELECT jsonb_array_elements_text(?::text::jsonb)));

-- name: package_page_as_of
-- An extension is the only way to another expiry, and always to a later one. first_expires_at is 0 before the first.
SELECT account_id, project_id, number, name, category, purpose, country, charge_on, total, adjusted, remaining, reserved,
  total + adjusted - remaining - reserved, purchased_at, exists_from, expires_at,
  CASE WHEN expires_at > first_expires_at THEN first_expires_at ELSE 0 END, frozen, order_id, paid_voucher, paid_gift, paid_cash, paid_credit
FROM (
  SELECT p.account_id, p.project_id, p.number, p.name, p.category, p.purpose, p.country, p.charge_on, p.total,
    (SELECT coalesce(sum(e.remaining), 0)::bigint FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind IN (4, 14) AND e.at <= ?4) AS adjusted,
    (SELECT e.remaining_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS remaining,
    (SELECT e.reserved_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS reserved,
    p.purchased_at, p.exists_from, p.first_expires_at,
    CASE WHEN p.first_expires_at = 0 THEN p.expires_at ELSE coalesce(
      (SELECT e.expires_at FROM entry e
       WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind = 10 AND e.at <= ?4
       ORDER BY e.at DESC LIMIT 1), p.first_expires_at) END AS expires_at,
    coalesce((SELECT e.kind = 11 FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind IN (11, 12) AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1), false) AS frozen,
    p.order_id, p.paid_voucher, p.paid_gift, p.paid_cash, p.paid_credit
  FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.number = ANY (ARRAY(SELECT jsonb_array_elements_text(?3::text::jsonb)))
) AS held;

-- name: balance_as_of
SELECT purpose, country, sum(remaining)::bigint, sum(reserved)::bigint FROM (
  SELECT p.purpose, p.country,
    (SELECT e.remaining_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS remaining,
    (SELECT e.reserved_after FROM entry e
     WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.at <= ?4
     ORDER BY e.at DESC, e.kind DESC LIMIT 1) AS reserved
  FROM package p WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.category = ?3 AND p.expires_at > ?4 AND p.exists_from <= ?4
    AND (p.first_expires_at = 0 OR p.first_expires_at > ?4 OR EXISTS (SELECT 1 FROM entry e
      WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind = 10 AND e.at <= ?4 AND e.expires_at > ?4))
    AND NOT coalesce((SELECT e.kind = 11 FROM entry e
      WHERE e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number AND e.kind IN (11, 12) AND e.at <= ?4
      ORDER BY e.at DESC, e.kind DESC LIMIT 1), false)
) AS held GROUP BY purpose, country;
