-- Orders, payments, idempotency keys.

-- name: order_insert
INSERT INTO purchase_order (account_id, project_id, id, description, kind, category, purpose, country, product_id, name,
  each, packages, unit_price, amount, validity_months, charge_on, price_list_id, agreement_version, agreement_hash,
  by_token, by_member, by_role, by_address, created_at, closes_at, state, settled_at, lane, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?);

-- name: order_settle
UPDATE purchase_order SET state = ?, settled_at = ?, settled_seq = ?
WHERE account_id = ? AND project_id = ? AND id = ? AND state = 'pending';

-- name: order_list
-- Orders as they are read, with their payment and the numbers of their packages.
SELECT o.account_id, o.project_id, o.id, o.description, o.kind, o.category, o.purpose, o.country, o.product_id, o.name,
  o.each, o.packages, o.unit_price, o.amount, o.validity_months, o.charge_on, o.price_list_id, o.agreement_version, o.agreement_hash,
  o.by_token, o.by_member, o.by_role, o.by_address, o.created_at, o.closes_at, o.state, o.settled_at,
  (SELECT string_agg(p.number, ' ' ORDER BY p.number) FROM package p
   WHERE p.account_id = o.account_id AND p.project_id = o.project_id AND p.order_id = o.id),
  m.voucher, m.gift, m.cash, m.credit, m.voucher_id, m.paid_at, m.by_token, m.by_member, m.by_role, m.by_address
FROM purchase_order o
LEFT JOIN payment m ON m.account_id = o.account_id AND m.project_id = o.project_id AND m.order_id = o.id
WHERE true;

-- name: payment_insert
INSERT INTO payment (account_id, project_id, order_id, voucher, gift, cash, credit, voucher_id, paid_at,
  by_token, by_member, by_role, by_address, lane, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: idempotency_key_insert
INSERT INTO idempotency_key (account_id, project_id, operation, key, content, subject, created_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: idempotency_key_get
SELECT account_id, project_id, operation, key, content, subject, created_at FROM idempotency_key
WHERE account_id = ? AND project_id = ? AND operation = ? AND key = ?;
