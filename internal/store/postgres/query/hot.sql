-- Statements of a group commit. Each takes the rows of all its lanes as arrays, one per column: a commit costs the same few
-- statements, however many packages it moves. They run after lane_lock, which is the one lock of all writers of packages.
--
-- Where arrays are joined, OFFSET 0 hides from the planner how long they are. It would make a plan for every length otherwise,
-- which costs more than a small commit.

-- name: lane_lock (hot)
-- Heads are read under the lock. Locks are taken in the order of lanes, so that two commits never wait for each other.
SELECT lane, seq, at, hash, posted, changes FROM lane WHERE lane = ANY (?::bigint[]) ORDER BY lane FOR UPDATE;

-- name: lane_update_many (hot)
-- Moves as many rows as there are lanes; fewer mean that a head was not the one that the links were made for.
UPDATE lane SET seq = n.seq, at = n.at, hash = n.hash
FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bytea[]) AS n (lane, seq, at, hash)
WHERE lane.lane = n.lane AND lane.seq = n.seq - 1;

-- name: lane_posted (hot)
UPDATE lane SET posted = ? WHERE lane = ?;

-- name: commit_insert_many (hot)
INSERT INTO commit_log (id, lane, seq, debits, debits_digest, manifest, prev, hash)
SELECT id, lane, seq, debits, debits_digest, manifest, prev, hash
FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bytea[], ?::bytea[], ?::bytea[], ?::bytea[], ?::bytea[])
  AS n (id, lane, seq, debits, debits_digest, manifest, prev, hash);

-- name: commit_follow (hot)
-- What other processes committed to some lanes since they were at (lane, seq). The limit limits nothing: it makes each lane a walk along
-- the index by sequence.
SELECT c.lane, c.seq, c.id, c.debits, c.prev, c.hash FROM (SELECT ?1::bigint[], ?2::bigint[] OFFSET 0) AS a (l, s)
CROSS JOIN unnest(a.l, a.s) AS n (lane, seq)
CROSS JOIN LATERAL (
  SELECT x.lane, x.seq, x.id, x.debits, x.prev, x.hash FROM commit_log x WHERE x.lane = n.lane AND x.seq > n.seq ORDER BY x.seq LIMIT ?3
) AS c ORDER BY c.lane, c.seq;

-- name: commit_debits_many (hot)
-- The other OFFSET 0 makes it one search per commit, in one month each.
SELECT c.id, c.debits FROM (SELECT ?::bigint[] OFFSET 0) AS a (i) CROSS JOIN unnest(a.i) AS n (id)
CROSS JOIN LATERAL (SELECT x.id, x.debits FROM commit_log x WHERE x.id = n.id AND x.lane = n.id % 16 OFFSET 0) AS c;

-- name: package_figures_many (hot)
-- What some packages hold, before a posting moves it.
SELECT p.account_id, p.project_id, p.number, p.remaining, p.reserved, p.used
FROM (SELECT ?::text[], ?::text[], ?::text[] OFFSET 0) AS a (a, p, n)
CROSS JOIN unnest(a.a, a.p, a.n) AS n (account_id, project_id, number)
JOIN package p ON p.account_id = n.account_id AND p.project_id = n.project_id AND p.number = n.number;

-- name: package_figures_update_many (hot)
-- Takes the figures as they become and by how much they changed, and answers how many packages it moved: fewer than asked
-- mean that what was decided on was not what the packages held. The sums move with them; frozen packages are in none.
WITH wanted AS (
  SELECT account_id, project_id, number, remaining, reserved, used, more_remaining, more_reserved
  FROM (SELECT ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[] OFFSET 0) AS a (a, p, n, r, s, u, mr, ms),
    unnest(a.a, a.p, a.n, a.r, a.s, a.u, a.mr, a.ms) AS n (account_id, project_id, number, remaining, reserved, used, more_remaining, more_reserved)
), moved AS (
  UPDATE package p SET remaining = w.remaining, reserved = w.reserved, used = w.used, live = CASE WHEN w.remaining > 0 OR w.reserved > 0 THEN 1 ELSE 0 END
  FROM wanted w
  WHERE p.account_id = w.account_id AND p.project_id = w.project_id AND p.number = w.number
    AND p.remaining = w.remaining - w.more_remaining AND p.reserved = w.reserved - w.more_reserved
  RETURNING p.account_id, p.project_id, p.category, p.expires_at, p.purpose, p.country, p.frozen, w.more_remaining, w.more_reserved
), summed AS (
  UPDATE package_sum s SET remaining = s.remaining + m.remaining, reserved = s.reserved + m.reserved
  FROM (
    SELECT account_id, project_id, category, expires_at, purpose, country, sum(more_remaining)::bigint AS remaining, sum(more_reserved)::bigint AS reserved
    FROM moved WHERE frozen = 0 GROUP BY account_id, project_id, category, expires_at, purpose, country
  ) AS m
  WHERE s.account_id = m.account_id AND s.project_id = m.project_id AND s.category = m.category AND s.expires_at = m.expires_at
    AND s.purpose = m.purpose AND s.country = m.country
)
SELECT count(*) FROM moved;

-- name: entry_insert_many (hot)
INSERT INTO entry (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq)
SELECT account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq
FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[],
    ?::text[], ?::bigint[], ?::bigint[])
  AS n (account_id, project_id, package, at, kind, remaining, reserved, used, remaining_after, reserved_after, debits, reference, lane, seq);

-- name: debit_ref_insert_many (hot)
INSERT INTO debit_ref (account_id, project_id, at, more) SELECT account_id, project_id, at, more
FROM unnest(?::text[], ?::text[], ?::bigint[], ?::bytea[]) AS n (account_id, project_id, at, more);

-- name: reservation_insert_many (hot)
INSERT INTO reservation (account_id, project_id, at, id, deadline) SELECT account_id, project_id, at, id, deadline
FROM unnest(?::text[], ?::text[], ?::bigint[], ?::text[], ?::bigint[]) AS n (account_id, project_id, at, id, deadline);

-- name: reservation_delete_many (hot)
DELETE FROM reservation r
USING (SELECT ?::text[], ?::text[], ?::bigint[], ?::text[] OFFSET 0) AS a (a, p, t, i), unnest(a.a, a.p, a.t, a.i) AS n (account_id, project_id, at, id)
WHERE r.account_id = n.account_id AND r.project_id = n.project_id AND r.at = n.at AND r.id = n.id;

-- name: balance_pool_many (hot)
-- Of some projects, each with its lane's last commit: packages that can pay, or to which something reserved may return. Those
-- that had expired by then never pay again, frozen ones not for now.
SELECT p.account_id, p.project_id, p.number, p.category, p.purpose, p.country, p.expires_at, p.purchased_at, p.remaining, p.reserved, p.used
FROM (SELECT ?::text[], ?::text[], ?::bigint[] OFFSET 0) AS a (a, p, l)
CROSS JOIN unnest(a.a, a.p, a.l) AS n (account_id, project_id, last_commit)
JOIN package p ON p.account_id = n.account_id AND p.project_id = n.project_id AND p.expires_at > n.last_commit AND p.live = 1 AND p.frozen = 0;

-- name: balance_get_many (hot)
SELECT p.account_id, p.project_id, p.number, p.category, p.purpose, p.country, p.expires_at, p.purchased_at, p.remaining, p.reserved, p.used
FROM (SELECT ?::text[], ?::text[], ?::text[] OFFSET 0) AS a (a, p, n)
CROSS JOIN unnest(a.a, a.p, a.n) AS n (account_id, project_id, number)
JOIN package p ON p.account_id = n.account_id AND p.project_id = n.project_id AND p.number = n.number;

-- name: watch_wanted_many (hot)
-- Those of some projects that have anything that a debit could set off; most have not.
SELECT n.account_id, n.project_id
FROM (SELECT ?::text[], ?::text[] OFFSET 0) AS a (a, p) CROSS JOIN unnest(a.a, a.p) AS n (account_id, project_id)
WHERE EXISTS (SELECT 1 FROM alert_rule x WHERE x.account_id = n.account_id AND x.project_id = n.project_id)
  OR EXISTS (SELECT 1 FROM usage_limit x WHERE x.account_id = n.account_id AND x.project_id = n.project_id)
  OR EXISTS (SELECT 1 FROM overflow x WHERE x.account_id = n.account_id AND x.project_id = n.project_id)
  OR EXISTS (SELECT 1 FROM metered x WHERE x.account_id = n.account_id AND x.project_id = n.project_id)
  OR EXISTS (SELECT 1 FROM top_up x WHERE x.account_id = n.account_id AND x.project_id = n.project_id)
  OR EXISTS (SELECT 1 FROM pool_share x WHERE x.account_id = n.account_id AND x.user_id = n.project_id);

-- name: reservation_all
SELECT account_id, project_id, id, at FROM reservation;
