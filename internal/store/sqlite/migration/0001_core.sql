-- +goose Up

-- Units: times are UTC microseconds (0: none), money fen, unit prices 1/10,000 yuan, quantities messages.
-- What belongs to a tenant leads with its account in primary keys and indexes, so that it can be distributed by
-- account. The exceptions say why. Ledger tables carry the lane and the sequence of the commit that wrote the row.

-- Where the store stands.

CREATE TABLE store_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE lane (lane INTEGER PRIMARY KEY CHECK (lane BETWEEN 0 AND 15), seq INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;

INSERT INTO lane (lane, seq, at, hash)
WITH RECURSIVE n (lane) AS (SELECT 0 UNION ALL SELECT lane + 1 FROM n WHERE lane < 15)
SELECT lane, 0, 0, zeroblob(32) FROM n;

-- One row per lane and transaction that wrote to the lane's ledger. id = at * 16 + lane: rising with time, and
-- found by (lane, at) without an index.
CREATE TABLE commit_log (
  id INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  debits BLOB,
  debits_digest BLOB NOT NULL,
  manifest BLOB,
  prev BLOB NOT NULL,
  hash BLOB NOT NULL,
  UNIQUE (lane, seq)
) STRICT;

-- Accounts and access. A project, a member and a token are found by their own id before anybody knows the account;
-- these tables are small.

CREATE TABLE account (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('unverified', 'personal', 'enterprise')),
  suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE project (
  account_id TEXT NOT NULL REFERENCES account (id),
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
  id TEXT PRIMARY KEY,
  account_id TEXT REFERENCES account (id), -- NULL: staff of the platform
  login TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('owner', 'finance', 'viewer', 'operator')),
  password_hash TEXT NOT NULL,
  suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
  created_at INTEGER NOT NULL,
  CHECK ((account_id IS NULL) = (role = 'operator'))
) STRICT, WITHOUT ROWID;

CREATE INDEX member_account ON member (account_id, id);

CREATE TABLE token (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  account_id TEXT REFERENCES account (id), -- NULL: an operator's
  project_id TEXT,
  name TEXT NOT NULL,
  member_id TEXT REFERENCES member (id),
  scopes TEXT NOT NULL, -- separated by commas
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL,
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX token_project ON token (account_id, project_id, created_at, id);
CREATE INDEX token_created ON token (created_at, id);

CREATE TABLE sign_in_failure (id INTEGER PRIMARY KEY, key TEXT NOT NULL, at INTEGER NOT NULL) STRICT;

CREATE INDEX sign_in_failure_key ON sign_in_failure (key, at);
CREATE INDEX sign_in_failure_at ON sign_in_failure (at);

CREATE TABLE audit (
  n INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  address TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  value_before TEXT NOT NULL,
  value_after TEXT NOT NULL
) STRICT;

-- Catalogue: of the platform, the same for all accounts.

CREATE TABLE price_list (
  id TEXT PRIMARY KEY,
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  valid_from INTEGER NOT NULL,
  validity_months INTEGER NOT NULL CHECK (validity_months > 0),
  charge_on TEXT NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  published_at INTEGER NOT NULL,
  draft INTEGER NOT NULL CHECK (draft IN (0, 1))
) STRICT, WITHOUT ROWID;

-- At any instant at most one list of a category is in force.
CREATE UNIQUE INDEX price_list_in_force ON price_list (category, valid_from) WHERE draft = 0;

-- A row's tiers: n counts the rows of a list, from_quantity orders the tiers of a row.
CREATE TABLE price_tier (
  price_list_id TEXT NOT NULL REFERENCES price_list (id),
  n INTEGER NOT NULL,
  from_quantity INTEGER NOT NULL CHECK (from_quantity >= 0),
  price INTEGER NOT NULL CHECK (price >= 0),
  purpose TEXT NOT NULL CHECK (purpose IN ('', 'verification', 'marketing', 'general')),
  country TEXT NOT NULL,
  below INTEGER NOT NULL CHECK (below >= 0),
  PRIMARY KEY (price_list_id, n, from_quantity)
) STRICT, WITHOUT ROWID;

CREATE TABLE product (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  price INTEGER NOT NULL CHECK (price >= 0),
  validity_months INTEGER NOT NULL CHECK (validity_months > 0),
  charge_on TEXT NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  on_sale INTEGER NOT NULL CHECK (on_sale IN (0, 1)),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agreement (
  version TEXT PRIMARY KEY,
  hash TEXT NOT NULL,
  markdown TEXT NOT NULL,
  published_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Money.

CREATE TABLE wallet (
  account_id TEXT PRIMARY KEY REFERENCES account (id),
  cash INTEGER NOT NULL CHECK (cash BETWEEN 0 AND 10000000000000),
  gift INTEGER NOT NULL CHECK (gift BETWEEN 0 AND 10000000000000),
  credit_limit INTEGER NOT NULL CHECK (credit_limit BETWEEN 0 AND 10000000000000),
  credit_used INTEGER NOT NULL CHECK (credit_used BETWEEN 0 AND 10000000000000)
) STRICT, WITHOUT ROWID;

CREATE TABLE wallet_entry (
  account_id TEXT NOT NULL REFERENCES wallet (account_id),
  n INTEGER NOT NULL CHECK (n > 0),
  kind TEXT NOT NULL CHECK (kind IN ('top_up', 'gift', 'payment', 'adjust', 'credit_limit')),
  at INTEGER NOT NULL,
  cash INTEGER NOT NULL, -- changes
  gift INTEGER NOT NULL,
  credit_limit INTEGER NOT NULL,
  credit_used INTEGER NOT NULL,
  cash_after INTEGER NOT NULL CHECK (cash_after >= 0),
  gift_after INTEGER NOT NULL CHECK (gift_after >= 0),
  credit_limit_after INTEGER NOT NULL CHECK (credit_limit_after >= 0),
  credit_used_after INTEGER NOT NULL CHECK (credit_used_after >= 0),
  project_id TEXT,
  order_id TEXT,
  reference TEXT NOT NULL,
  by_token TEXT NOT NULL,
  by_member TEXT NOT NULL,
  by_role TEXT NOT NULL,
  by_address TEXT NOT NULL,
  lane INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (account_id, n),
  FOREIGN KEY (account_id, project_id, order_id) REFERENCES purchase_order (account_id, project_id, id),
  CHECK ((kind = 'payment') = (order_id IS NOT NULL)),
  -- Only the operator may lower a limit below what is used.
  CHECK (credit_used <= 0 OR credit_used_after <= credit_limit_after)
) STRICT, WITHOUT ROWID;

-- An external reference tops up once.
CREATE UNIQUE INDEX wallet_entry_top_up ON wallet_entry (account_id, reference) WHERE kind = 'top_up' AND reference <> '';
CREATE INDEX wallet_entry_reference ON wallet_entry (account_id, kind, reference) WHERE reference <> '';

-- The operator's directory of vouchers, found by code before anybody knows the account. It keeps what was issued and
-- to whom a code went; what an account holds and has used stands in voucher.
CREATE TABLE voucher_code (
  id TEXT PRIMARY KEY,
  code_hash BLOB UNIQUE, -- NULL: issued to an account without a code
  account_id TEXT REFERENCES account (id), -- NULL: nobody has redeemed the code
  code_hint TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  min_amount INTEGER NOT NULL CHECK (min_amount >= 0),
  categories TEXT NOT NULL, -- JSON arrays; empty ones allow all
  purposes TEXT NOT NULL,
  products TEXT NOT NULL,
  valid_from INTEGER NOT NULL,
  valid_until INTEGER NOT NULL,
  issued_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX voucher_code_issued ON voucher_code (issued_at, id);

CREATE TABLE voucher (
  account_id TEXT NOT NULL REFERENCES account (id),
  id TEXT NOT NULL,
  code_hint TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  min_amount INTEGER NOT NULL CHECK (min_amount >= 0),
  categories TEXT NOT NULL,
  purposes TEXT NOT NULL,
  products TEXT NOT NULL,
  valid_from INTEGER NOT NULL,
  valid_until INTEGER NOT NULL,
  issued_at INTEGER NOT NULL,
  assigned_at INTEGER NOT NULL,
  used_by TEXT, -- order
  used_in TEXT, -- project
  used_at INTEGER NOT NULL DEFAULT 0,
  lane INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  used_seq INTEGER,
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, used_in, used_by) REFERENCES purchase_order (account_id, project_id, id),
  CHECK ((used_by IS NULL) = (used_in IS NULL) AND (used_by IS NULL) = (used_at = 0) AND (used_by IS NULL) = (used_seq IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX voucher_valid_until ON voucher (account_id, valid_until, id);

-- Orders. "order" itself is a word of SQL.

CREATE TABLE purchase_order (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  id TEXT NOT NULL,
  description TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('custom', 'fixed')),
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country TEXT NOT NULL,
  product_id TEXT NOT NULL,
  name TEXT NOT NULL,
  each INTEGER NOT NULL CHECK (each > 0), -- messages per package
  packages INTEGER NOT NULL CHECK (packages BETWEEN 1 AND 100),
  unit_price INTEGER CHECK (unit_price >= 0), -- NULL for fixed
  amount INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 10000000000000),
  validity_months INTEGER NOT NULL CHECK (validity_months > 0),
  charge_on TEXT NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  price_list_id TEXT NOT NULL,
  agreement_version TEXT NOT NULL,
  agreement_hash TEXT NOT NULL,
  by_token TEXT NOT NULL,
  by_member TEXT NOT NULL,
  by_role TEXT NOT NULL,
  by_address TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  closes_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'paid', 'cancelled', 'closed')),
  settled_at INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  settled_seq INTEGER,
  PRIMARY KEY (account_id, project_id, id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK ((state = 'pending') = (settled_seq IS NULL) AND (state = 'pending') = (settled_at = 0))
) STRICT, WITHOUT ROWID;

CREATE INDEX purchase_order_created ON purchase_order (account_id, project_id, created_at, id);
-- The operator's list and the sweeper look over all accounts.
CREATE INDEX purchase_order_all ON purchase_order (created_at, id);
CREATE INDEX purchase_order_unpaid ON purchase_order (closes_at, id) WHERE state = 'pending';

CREATE TABLE payment (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  voucher INTEGER NOT NULL CHECK (voucher >= 0),
  gift INTEGER NOT NULL CHECK (gift >= 0),
  cash INTEGER NOT NULL CHECK (cash >= 0),
  credit INTEGER NOT NULL CHECK (credit >= 0),
  voucher_id TEXT,
  paid_at INTEGER NOT NULL,
  by_token TEXT NOT NULL,
  by_member TEXT NOT NULL,
  by_role TEXT NOT NULL,
  by_address TEXT NOT NULL,
  lane INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, order_id),
  FOREIGN KEY (account_id, project_id, order_id) REFERENCES purchase_order (account_id, project_id, id),
  FOREIGN KEY (account_id, voucher_id) REFERENCES voucher (account_id, id),
  CHECK (voucher = 0 OR voucher_id IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- A voucher pays once.
CREATE UNIQUE INDEX payment_voucher ON payment (account_id, voucher_id) WHERE voucher_id IS NOT NULL;

-- project_id is empty for keys of the operator's money writes.
CREATE TABLE idempotency_key (
  account_id TEXT NOT NULL REFERENCES account (id),
  project_id TEXT NOT NULL,
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  content BLOB NOT NULL,
  subject TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, operation, key)
) STRICT, WITHOUT ROWID;

-- Packages.

CREATE TABLE package (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  number TEXT NOT NULL,
  name TEXT NOT NULL,
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country TEXT NOT NULL,
  charge_on TEXT NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  total INTEGER NOT NULL CHECK (total > 0),
  adjusted INTEGER NOT NULL,
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  used INTEGER NOT NULL CHECK (used >= 0),
  live INTEGER NOT NULL CHECK (live IN (0, 1)), -- something remains or is reserved; kept by a trigger
  purchased_at INTEGER NOT NULL,
  exists_from INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  expire_marked INTEGER NOT NULL DEFAULT 0, -- the expires_at that has its entry
  order_id TEXT,
  paid_voucher INTEGER NOT NULL CHECK (paid_voucher >= 0),
  paid_gift INTEGER NOT NULL CHECK (paid_gift >= 0),
  paid_cash INTEGER NOT NULL CHECK (paid_cash >= 0),
  paid_credit INTEGER NOT NULL CHECK (paid_credit >= 0),
  lane INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, number),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  FOREIGN KEY (account_id, project_id, order_id) REFERENCES purchase_order (account_id, project_id, id),
  CHECK (total + adjusted = remaining + reserved + used),
  CHECK ((category = 'international') = (country <> ''))
) STRICT, WITHOUT ROWID;

-- Every debit rewrites remaining, reserved and used. No index below looks at them, so a debit writes one page of the
-- table and none of an index; what an index needs to know is live, which changes only when a package runs out or
-- comes back.
-- +goose StatementBegin
CREATE TRIGGER package_live AFTER UPDATE OF remaining, reserved ON package
WHEN (new.remaining > 0 OR new.reserved > 0) <> new.live
BEGIN
  UPDATE package SET live = (new.remaining > 0 OR new.reserved > 0)
  WHERE account_id = new.account_id AND project_id = new.project_id AND number = new.number;
END;
-- +goose StatementEnd

-- Lists, one index per sort; what follows the number lets filters and counts do without the table.
CREATE INDEX package_purchased ON package (account_id, project_id, purchased_at, number, category, purpose, country, expires_at, live, exists_from, name);
CREATE INDEX package_expires ON package (account_id, project_id, expires_at, number, category, purpose, country, live, exists_from);
CREATE INDEX package_total ON package (account_id, project_id, total, number, category, purpose, country, expires_at, live, exists_from);
-- Most packages of an old project are exhausted: balances, pools and lists of active ones look at the others alone.
CREATE INDEX package_pool ON package (account_id, project_id, expires_at, category) WHERE live = 1;
CREATE INDEX package_live_purchased ON package (account_id, project_id, purchased_at, number, category, purpose, country, expires_at) WHERE live = 1;
CREATE INDEX package_order ON package (account_id, project_id, order_id) WHERE order_id IS NOT NULL;
-- The sweeper looks over all accounts.
CREATE INDEX package_unmarked ON package (expires_at) WHERE live = 1 AND expire_marked <> expires_at;

-- Makes numbers unique over all accounts, and finds a package by its number alone.
CREATE TABLE package_number (
  number TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How many packages of each kind and name a project has, so that lists need not count them, and a search for a number
-- need not read all names.
CREATE TABLE package_group (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  category TEXT NOT NULL,
  purpose TEXT NOT NULL,
  country TEXT NOT NULL,
  name TEXT NOT NULL,
  packages INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, category, purpose, country, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  package TEXT NOT NULL,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK (kind > 0), -- the place among the entries of one commit: taocan.EntryKind
  remaining INTEGER NOT NULL, -- changes
  reserved INTEGER NOT NULL,
  used INTEGER NOT NULL,
  remaining_after INTEGER NOT NULL CHECK (remaining_after >= 0),
  reserved_after INTEGER NOT NULL CHECK (reserved_after >= 0),
  debits INTEGER NOT NULL CHECK (debits >= 0),
  reference TEXT NOT NULL,
  lane INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, package, at, kind),
  FOREIGN KEY (account_id, project_id, package) REFERENCES package (account_id, project_id, number)
) STRICT, WITHOUT ROWID;

-- What was adjusted by an instant; adjustments (kind 4) are few.
CREATE INDEX entry_adjust ON entry (account_id, project_id, package, at, remaining) WHERE kind = 4;

-- Which commits hold debits of a project.
CREATE TABLE debit_ref (account_id TEXT NOT NULL, project_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account_id, project_id, at)) STRICT, WITHOUT ROWID;

-- Open reservations only; what became of the others stands in the log.
CREATE TABLE reservation (account_id TEXT NOT NULL, project_id TEXT NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, deadline INTEGER NOT NULL, PRIMARY KEY (account_id, project_id, at, id)) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_deadline ON reservation (deadline);
