-- Limits on use, meters, overflow, shared pools.

-- name: usage_limit_list
SELECT account_id, project_id, category, purpose, country, period, warning, cap, updated_at FROM usage_limit
WHERE account_id = ? AND project_id = ? ORDER BY category, purpose, country, period;

-- name: usage_limit_delete
DELETE FROM usage_limit WHERE account_id = ? AND project_id = ?;

-- name: usage_limit_insert
INSERT INTO usage_limit (account_id, project_id, category, purpose, country, period, warning, cap, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: metered_get
SELECT since FROM metered WHERE account_id = ? AND project_id = ?;

-- name: metered_insert
INSERT INTO metered (account_id, project_id, since) VALUES (?, ?, ?);

-- name: meter_list
SELECT day, category, purpose, country, taken FROM meter WHERE account_id = ? AND project_id = ? AND day >= ?;

-- name: meter_set
INSERT INTO meter (account_id, project_id, day, category, purpose, country, taken) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account_id, project_id, day, category, purpose, country) DO UPDATE SET taken = excluded.taken;

-- name: overflow_list
SELECT account_id, project_id, category, cap, updated_at FROM overflow WHERE account_id = ? AND project_id = ? ORDER BY category;

-- name: overflow_delete
DELETE FROM overflow WHERE account_id = ? AND project_id = ?;

-- name: overflow_insert
INSERT INTO overflow (account_id, project_id, category, cap, updated_at) VALUES (?, ?, ?, ?, ?);

-- name: overflow_price_list
SELECT category, purpose, country, valid_from, price, published_at FROM overflow_price ORDER BY category, purpose, country, valid_from DESC;

-- name: overflow_price_insert
INSERT INTO overflow_price (category, purpose, country, valid_from, price, published_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: overflow_cost_get
SELECT cost FROM overflow_cost WHERE account_id = ? AND project_id = ? AND category = ? AND month = ?;

-- name: overflow_cost_set
INSERT INTO overflow_cost (account_id, project_id, category, month, cost) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (account_id, project_id, category, month) DO UPDATE SET cost = excluded.cost;

-- name: overflow_paid_get
SELECT cost, paid FROM overflow_paid WHERE account_id = ?;

-- name: overflow_paid_set
INSERT INTO overflow_paid (account_id, cost, paid) VALUES (?, ?, ?) ON CONFLICT (account_id) DO UPDATE SET cost = excluded.cost, paid = excluded.paid;

-- name: pool_share_list
SELECT account_id, user_id, owner_id, created_at FROM pool_share WHERE account_id = ? ORDER BY user_id, created_at, owner_id;

-- name: pool_share_of
SELECT owner_id FROM pool_share WHERE account_id = ? AND user_id = ? ORDER BY created_at, owner_id;

-- name: pool_share_delete
DELETE FROM pool_share WHERE account_id = ? AND user_id = ?;

-- name: pool_share_insert
INSERT INTO pool_share (account_id, user_id, owner_id, created_at) VALUES (?, ?, ?, ?);

-- name: top_up_watch
SELECT id, category, purpose, country, level, called_at > 0 FROM top_up WHERE account_id = ? AND project_id = ? AND enabled = 1;

-- name: top_up_called
UPDATE top_up SET called_at = ? WHERE account_id = ? AND project_id = ? AND id = ? AND called_at = 0;

-- name: watch_wanted (hot)
-- Whether a project has anything that a debit could set off; most have not.
SELECT EXISTS (SELECT 1 FROM alert_rule WHERE account_id = ?1 AND project_id = ?2)
  OR EXISTS (SELECT 1 FROM usage_limit WHERE account_id = ?1 AND project_id = ?2)
  OR EXISTS (SELECT 1 FROM overflow WHERE account_id = ?1 AND project_id = ?2)
  OR EXISTS (SELECT 1 FROM metered WHERE account_id = ?1 AND project_id = ?2)
  OR EXISTS (SELECT 1 FROM top_up WHERE account_id = ?1 AND project_id = ?2)
  OR EXISTS (SELECT 1 FROM pool_share WHERE account_id = ?1 AND user_id = ?2);

-- name: alert_due_mark
-- Where there is anything to look at. What was bought stays bought until somebody has looked.
INSERT INTO alert_due (account_id, project_id, at, bought)
SELECT ?1, ?2, CAST(?3 AS BIGINT), CAST(?4 AS BIGINT)
WHERE EXISTS (SELECT 1 FROM alert_rule WHERE account_id = ?1 AND project_id = ?2 AND enabled = 1)
ON CONFLICT (account_id, project_id) DO UPDATE SET at = CASE WHEN excluded.at < alert_due.at THEN excluded.at ELSE alert_due.at END,
  bought = CASE WHEN excluded.bought > alert_due.bought THEN excluded.bought ELSE alert_due.bought END;
