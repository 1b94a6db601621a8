-- name: package_span
-- One row per package that was committed before ?4, with the sums of its entries from ?3 on. The import's entry, which is
-- backdated, is left out of the sums and comes apart. commit_log.id is the commit's time times 16, plus its lane.
SELECT p.number, p.category, p.purpose, p.country,
  CASE p.first_expires_at WHEN 0 THEN p.expires_at ELSE p.first_expires_at END,
  CASE p.first_expires_at WHEN 0 THEN '[]' ELSE (SELECT json_group_array(json_array(x.at, x.expires_at, x.remaining_after))
    FROM entry x INDEXED BY entry_extend
    WHERE x.account_id = p.account_id AND x.project_id = p.project_id AND x.package = p.number AND x.kind = 10 AND x.at < ?4) END,
  coalesce((SELECT x.kind = 11 FROM entry x INDEXED BY entry_freeze
    WHERE x.account_id = p.account_id AND x.project_id = p.project_id AND x.package = p.number AND x.kind IN (11, 12) AND x.at < ?4
    ORDER BY x.at DESC LIMIT 1), 0),
  (SELECT c.id FROM commit_log c WHERE c.lane = p.lane AND c.seq = p.seq),
  coalesce((SELECT i.remaining FROM entry i WHERE i.account_id = p.account_id AND i.project_id = p.project_id AND i.package = p.number
    AND i.at = p.exists_from AND i.kind = 2), 0),
  coalesce((SELECT b.remaining_after FROM entry b WHERE b.account_id = p.account_id AND b.project_id = p.project_id AND b.package = p.number
    AND b.at < ?3 ORDER BY b.at DESC, b.kind DESC LIMIT 1), 0),
  coalesce((SELECT b.reserved_after FROM entry b WHERE b.account_id = p.account_id AND b.project_id = p.project_id AND b.package = p.number
    AND b.at < ?3 ORDER BY b.at DESC, b.kind DESC LIMIT 1), 0),
  coalesce((SELECT b.remaining_after FROM entry b WHERE b.account_id = p.account_id AND b.project_id = p.project_id AND b.package = p.number
    AND b.at < ?4 ORDER BY b.at DESC, b.kind DESC LIMIT 1), 0),
  coalesce((SELECT b.reserved_after FROM entry b WHERE b.account_id = p.account_id AND b.project_id = p.project_id AND b.package = p.number
    AND b.at < ?4 ORDER BY b.at DESC, b.kind DESC LIMIT 1), 0),
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 1), 0),
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 3), 0),
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 4), 0),
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 5), 0),
  coalesce(sum(e.used) FILTER (WHERE e.kind = 6), 0),
  coalesce(sum(e.reserved) FILTER (WHERE e.kind = 7), 0),
  coalesce(sum(e.used) FILTER (WHERE e.kind = 8), 0),
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 13), 0),
  coalesce(-sum(e.remaining) FILTER (WHERE e.kind = 14), 0),
  coalesce(sum(e.remaining), 0),
  coalesce(sum(e.reserved), 0)
FROM package p
LEFT JOIN entry e ON e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number
  AND e.at >= ?3 AND e.at < ?4 AND e.kind <> 2
WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.exists_from < ?4
GROUP BY p.account_id, p.project_id, p.number ORDER BY p.account_id, p.project_id, p.number;

-- name: platform_sold
-- Spans are named by their place in ?1, a JSON array of bounds.
SELECT s.key, count(*), sum(o.each * o.packages), sum(m.voucher), sum(m.gift), sum(m.cash), sum(m.credit)
FROM json_each(?1) s JOIN json_each(?1) u ON u.key = s.key + 1
JOIN payment m ON m.paid_at >= s.value AND m.paid_at < u.value
JOIN purchase_order o ON o.account_id = m.account_id AND o.project_id = m.project_id AND o.id = m.order_id
GROUP BY s.key;

-- name: platform_overflow
SELECT s.key, -sum(w.gift), -sum(w.cash), sum(w.credit_used)
FROM json_each(?1) s JOIN json_each(?1) u ON u.key = s.key + 1
JOIN wallet_entry w ON w.kind = 'overflow' AND w.at >= s.value AND w.at < u.value
GROUP BY s.key;

-- name: platform_used
-- By package, whose entries are found by time: each costs one search per span. The order of the joins is as written.
SELECT s.key, sum(e.used)
FROM package p CROSS JOIN json_each(?1) s CROSS JOIN json_each(?1) u ON u.key = s.key + 1
CROSS JOIN entry e ON e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number
  AND e.at >= s.value AND e.at < u.value AND e.kind IN (6, 8)
GROUP BY s.key;

-- name: platform_expired
-- A package's last instant is just before expires_at, so the span's end counts and its beginning does not.
SELECT s.key, sum(p.remaining)
FROM json_each(?1) s JOIN json_each(?1) u ON u.key = s.key + 1
JOIN package p ON p.live = 1 AND p.expires_at > s.value AND p.expires_at <= u.value AND p.expires_at <= ?2
GROUP BY s.key;

-- name: platform_accounts
SELECT s.key, count(*)
FROM json_each(?1) s JOIN json_each(?1) u ON u.key = s.key + 1
JOIN account a ON a.created_at >= s.value AND a.created_at < u.value
GROUP BY s.key;
