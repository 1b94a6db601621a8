-- Price lists, products, agreements.

-- name: price_list_insert
INSERT INTO price_list (id, category, valid_from, validity_months, charge_on, published_at, draft) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: price_tier_insert
INSERT INTO price_tier (price_list_id, n, from_quantity, price, purpose, country, below) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: price_list_get
SELECT id, category, valid_from, validity_months, charge_on, published_at, draft FROM price_list WHERE id = ?;

-- name: price_list_at
SELECT id, category, valid_from, validity_months, charge_on, published_at, draft FROM price_list
WHERE category = ? AND draft = 0 AND valid_from <= ? ORDER BY valid_from DESC LIMIT 1;

-- name: price_list_list
SELECT id, category, valid_from, validity_months, charge_on, published_at, draft FROM price_list
WHERE ?1 IN ('', category) ORDER BY valid_from DESC, id DESC;

-- name: price_tier_list
SELECT n, from_quantity, price, purpose, country, below FROM price_tier WHERE price_list_id = ? ORDER BY n, from_quantity;

-- name: product_insert
INSERT INTO product (id, name, category, purpose, country, quantity, price, validity_months, charge_on, on_sale, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: product_on_sale
UPDATE product SET on_sale = ? WHERE id = ?;

-- name: product_get
SELECT id, name, category, purpose, country, quantity, price, validity_months, charge_on, on_sale, created_at FROM product WHERE id = ?;

-- name: product_list
SELECT id, name, category, purpose, country, quantity, price, validity_months, charge_on, on_sale, created_at FROM product
WHERE ?1 IN ('', category) AND on_sale >= ?2 ORDER BY quantity, id;

-- name: agreement_insert
INSERT INTO agreement (version, hash, markdown, published_at) VALUES (?, ?, ?, ?);

-- name: agreement_list
SELECT version, hash, markdown, published_at FROM agreement ORDER BY published_at DESC, version DESC LIMIT ?;
