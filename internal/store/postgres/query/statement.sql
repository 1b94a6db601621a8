-- Statements and the platform's overview. Spans are of commit times. All entries but imports carry the time of their commit;
-- an import's is that of the commit that wrote its package.

-- name: package_span
-- One row per package that was committed before ?4, with the sums of its entries from ?3 on. The import's entry, which is
-- backdated, is left out of the sums and comes apart. commit_log.id is the commit's time times 16, plus its lane: all
-- packages but imported ones came with the commit of their exists_from, which is found in one month; others are looked for in all.
SELECT p.number, p.category, p.purpose, p.country,
  CASE p.first_expires_at WHEN 0 THEN p.expires_at ELSE p.first_expires_at END,
  CASE p.first_expires_at WHEN 0 THEN '[]' ELSE (SELECT coalesce(json_agg(json_build_array(x.at, x.expires_at, x.remaining_after)), '[]')::text
    FROM entry x
    WHERE x.account_id = p.account_id AND x.project_id = p.project_id AND x.package = p.number AND x.kind = 10 AND x.at < ?4) END,
  coalesce((SELECT x.kind = 11 FROM entry x
    WHERE x.account_id = p.account_id AND x.project_id = p.project_id AND x.package = p.number AND x.kind IN (11, 12) AND x.at < ?4
    ORDER BY x.at DESC LIMIT 1), false),
  coalesce((SELECT c.id FROM commit_log c WHERE c.id = p.exists_from * 16 + p.lane AND c.seq = p.seq),
    (SELECT c.id FROM commit_log c WHERE c.lane = p.lane AND c.seq = p.seq)),
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
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 1), 0)::bigint,
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 3), 0)::bigint,
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 4), 0)::bigint,
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 5), 0)::bigint,
  coalesce(sum(e.used) FILTER (WHERE e.kind = 6), 0)::bigint,
  coalesce(sum(e.reserved) FILTER (WHERE e.kind = 7), 0)::bigint,
  coalesce(sum(e.used) FILTER (WHERE e.kind = 8), 0)::bigint,
  coalesce(sum(e.remaining) FILTER (WHERE e.kind = 13), 0)::bigint,
  coalesce(-sum(e.remaining) FILTER (WHERE e.kind = 14), 0)::bigint,
  coalesce(sum(e.remaining), 0)::bigint,
  coalesce(sum(e.reserved), 0)::bigint
FROM package p
LEFT JOIN entry e ON e.account_id = p.account_id AND e.project_id = p.project_id AND e.package = p.number
  AND e.at >= ?3 AND e.at < ?4 AND e.kind <> 2
WHERE p.account_id = ?1 AND p.project_id = ?2 AND p.exists_from < ?4
GROUP BY p.account_id, p.project_id, p.number ORDER BY p.account_id, p.project_id, p.number;

-- Spans of the platform are named by their place in ?1, a JSON array of bounds, counted from 0.

-- name: platform_sold
WITH bound AS (SELECT place - 1 AS place, at::bigint AS at FROM jsonb_array_elements_text(?1::text::jsonb) WITH ORDINALITY AS e (at, place))
SELECT s.place, count(*), sum(o.each * o.packages)::bigint, sum(m.voucher)::bigint, sum(m.gift)::bigint, sum(m.cash)::bigint, sum(m.credit)::bigint
FROM bound s JOIN bound u ON u.place = s.place + 1
JOIN payment m ON m.paid_at >= s.at AND m.paid_at < u.at
JOIN purchase_order o ON o.account_id = m.account_id AND o.project_id = m.project_id AND o.id = m.order_id
GROUP BY s.place;

-- name: platform_overflow
WITH bound AS (SELECT place - 1 AS place, at::bigint AS at FROM jsonb_array_elements_text(?1::text::jsonb) WITH ORDINALITY AS e (at, place))
SELECT s.place, -sum(w.gift)::bigint, -sum(w.cash)::bigint, sum(w.credit_used)::bigint
FROM bound s JOIN bound u ON u.place = s.place + 1
JOIN wallet_entry w ON w.kind = 'overflow' AND w.at >= s.at AND w.at < u.at
GROUP BY s.place;

-- name: platform_used
-- By package, whose entries are found by time: each costs one search per span. OFFSET 0 keeps it so.
WITH bound AS (SELECT place - 1 AS place, at::bigint AS at FROM jsonb_array_elements_text(?1::text::jsonb) WITH ORDINALITY AS e (at, place))
SELECT s.place, sum(e.used)::bigint
FROM bound s JOIN bound u ON u.place = s.place + 1
CROSS JOIN package p
CROSS JOIN LATERAL (
  SELECT x.used FROM entry x
  WHERE x.account_id = p.account_id AND x.project_id = p.project_id AND x.package = p.number AND x.at >= s.at AND x.at < u.at AND x.kind IN (6, 8) OFFSET 0
) AS e
GROUP BY s.place;

-- name: platform_expired
-- A package's last instant is just before expires_at, so the span's end counts and its beginning does not.
WITH bound AS (SELECT place - 1 AS place, at::bigint AS at FROM jsonb_array_elements_text(?1::text::jsonb) WITH ORDINALITY AS e (at, place))
SELECT s.place, sum(p.remaining)::bigint
FROM bound s JOIN bound u ON u.place = s.place + 1
JOIN package p ON p.live = 1 AND p.expires_at > s.at AND p.expires_at <= u.at AND p.expires_at <= ?2
GROUP BY s.place;

-- name: platform_accounts
WITH bound AS (SELECT place - 1 AS place, at::bigint AS at FROM jsonb_array_elements_text(?1::text::jsonb) WITH ORDINALITY AS e (at, place))
SELECT s.place, count(*)
FROM bound s JOIN bound u ON u.place = s.place + 1
JOIN account a ON a.created_at >= s.at AND a.created_at < u.at
GROUP BY s.place;
