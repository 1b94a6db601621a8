-- Statements and the platform's overview. Spans are of commit times. All entries but imports carry the time of their commit;
-- an import's is that of the commit that wrote its package.

-- name: wallet_before
SELECT account_id, cash_after, gift_after, credit_limit_after, credit_used_after FROM wallet_entry
WHERE account_id = ? AND at < ? ORDER BY n DESC LIMIT 1;

-- name: wallet_moved
SELECT kind, project_id, count(*), CAST(sum(cash) AS BIGINT), CAST(sum(gift) AS BIGINT), CAST(sum(credit_limit) AS BIGINT), CAST(sum(credit_used) AS BIGINT)
FROM wallet_entry WHERE account_id = ? AND at >= ? AND at < ? GROUP BY kind, project_id ORDER BY kind, coalesce(project_id, '');

-- name: paid_sums
SELECT m.project_id, count(*), CAST(sum(o.each * o.packages) AS BIGINT),
  CAST(sum(m.voucher) AS BIGINT), CAST(sum(m.gift) AS BIGINT), CAST(sum(m.cash) AS BIGINT), CAST(sum(m.credit) AS BIGINT) FROM payment m
JOIN purchase_order o ON o.account_id = m.account_id AND o.project_id = m.project_id AND o.id = m.order_id
WHERE m.account_id = ? AND m.paid_at >= ? AND m.paid_at < ? GROUP BY m.project_id ORDER BY m.project_id;

-- name: platform_liabilities
-- paid * held / total without leaving 64 bits: a price is far below 2^63, but a price times a quantity is not. More than the
-- total, which an adjustment can leave, is worth no more than was paid.
SELECT count(*), CAST(coalesce(sum(remaining), 0) AS BIGINT), CAST(coalesce(sum(reserved), 0) AS BIGINT),
  CAST(coalesce(sum(held) FILTER (WHERE paid_voucher + paid_gift + paid_cash + paid_credit = 0), 0) AS BIGINT),
  CAST(coalesce(sum(paid_voucher / total * part + paid_voucher % total * part / total), 0) AS BIGINT),
  CAST(coalesce(sum(paid_gift / total * part + paid_gift % total * part / total), 0) AS BIGINT),
  CAST(coalesce(sum(paid_cash / total * part + paid_cash % total * part / total), 0) AS BIGINT),
  CAST(coalesce(sum(paid_credit / total * part + paid_credit % total * part / total), 0) AS BIGINT)
FROM (
  SELECT remaining, reserved, total, paid_voucher, paid_gift, paid_cash, paid_credit,
    remaining + reserved AS held, CASE WHEN remaining + reserved < total THEN remaining + reserved ELSE total END AS part
  FROM (
    SELECT CASE WHEN expires_at > ?1 THEN remaining ELSE 0 END AS remaining, reserved, total,
      paid_voucher, paid_gift, paid_cash, paid_credit FROM package WHERE live = 1
  ) AS live
) AS owed WHERE held > 0;

-- name: platform_customers
SELECT m.account_id, count(*), CAST(sum(o.each * o.packages) AS BIGINT),
  CAST(sum(m.voucher) AS BIGINT), CAST(sum(m.gift) AS BIGINT), CAST(sum(m.cash) AS BIGINT), CAST(sum(m.credit) AS BIGINT)
FROM payment m
JOIN purchase_order o ON o.account_id = m.account_id AND o.project_id = m.project_id AND o.id = m.order_id
WHERE m.paid_at >= ? AND m.paid_at < ?
GROUP BY m.account_id ORDER BY sum(m.cash) + sum(m.credit) DESC, m.account_id LIMIT ?;
