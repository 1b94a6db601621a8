-- +goose Up

-- Limits on use, and what is counted for them; overflow to the wallet; pools shared by an account's projects.

-- purpose and country '' mean all. warning and cap 0 mean none.
CREATE TABLE usage_limit (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('', 'verification', 'marketing', 'general')),
  country TEXT NOT NULL,
  period TEXT NOT NULL CHECK (period IN ('day', 'month')),
  warning INTEGER NOT NULL CHECK (warning >= 0),
  cap INTEGER NOT NULL CHECK (cap >= 0),
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, category, purpose, country, period),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK (category = 'international' OR country = ''),
  CHECK (warning > 0 OR cap > 0)
) STRICT, WITHOUT ROWID;

-- Messages taken on a natural day of the platform's zone, by what they were asked for (not by the package that paid), what
-- was returned since taken off again. Kept for projects that are metered: those with a limit or a rule on use.
CREATE TABLE meter (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  day TEXT NOT NULL, -- 2006-01-02
  category TEXT NOT NULL,
  purpose TEXT NOT NULL,
  country TEXT NOT NULL,
  taken INTEGER NOT NULL CHECK (taken >= 0),
  PRIMARY KEY (account_id, project_id, day, category, purpose, country)
) STRICT, WITHOUT ROWID;

-- since: the first day that the meter holds in full.
CREATE TABLE metered (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  since TEXT NOT NULL,
  PRIMARY KEY (account_id, project_id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
) STRICT, WITHOUT ROWID;

-- What a message beyond all packages costs. Published by the operator, never edited.
CREATE TABLE overflow_price (
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('', 'verification', 'marketing', 'general')), -- '': abroad
  country TEXT NOT NULL,
  valid_from INTEGER NOT NULL,
  price INTEGER NOT NULL CHECK (price > 0),
  published_at INTEGER NOT NULL,
  PRIMARY KEY (category, purpose, country, valid_from)
) STRICT, WITHOUT ROWID;

-- A project that goes on from its account's wallet when its packages have run out.
CREATE TABLE overflow (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  cap INTEGER NOT NULL CHECK (cap > 0), -- fen per natural month
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, category),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
) STRICT, WITHOUT ROWID;

-- What overflow has cost, in 1/10,000 yuan, by month, and how many whole fen of it the wallet has paid. What is less than
-- a fen stays owed.
CREATE TABLE overflow_cost (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  category TEXT NOT NULL,
  month TEXT NOT NULL, -- 2006-01
  cost INTEGER NOT NULL CHECK (cost >= 0),
  PRIMARY KEY (account_id, project_id, category, month)
) STRICT, WITHOUT ROWID;

CREATE TABLE overflow_paid (
  account_id TEXT PRIMARY KEY REFERENCES account (id),
  cost INTEGER NOT NULL CHECK (cost >= 0), -- 1/10,000 yuan, ever
  paid INTEGER NOT NULL CHECK (paid >= 0 AND paid * 100 <= cost) -- fen, ever
) STRICT, WITHOUT ROWID;

-- The packages of owner_id also pay for user_id, after its own.
CREATE TABLE pool_share (
  account_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, user_id, owner_id),
  FOREIGN KEY (account_id, user_id) REFERENCES project (account_id, id),
  FOREIGN KEY (account_id, owner_id) REFERENCES project (account_id, id),
  CHECK (user_id <> owner_id)
) STRICT, WITHOUT ROWID;

-- Money taken for overflow has entries of its own kind; a table's checks cannot be altered, so it is made anew.
CREATE TABLE wallet_entry_new (
  account_id TEXT NOT NULL REFERENCES wallet (account_id),
  n INTEGER NOT NULL CHECK (n > 0),
  kind TEXT NOT NULL CHECK (kind IN ('top_up', 'gift', 'payment', 'adjust', 'credit_limit', 'overflow')),
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

INSERT INTO wallet_entry_new (account_id, n, kind, at, cash, gift, credit_limit, credit_used, cash_after, gift_after, credit_limit_after,
  credit_used_after, project_id, order_id, reference, by_token, by_member, by_role, by_address, lane, seq)
SELECT account_id, n, kind, at, cash, gift, credit_limit, credit_used, cash_after, gift_after, credit_limit_after,
  credit_used_after, project_id, order_id, reference, by_token, by_member, by_role, by_address, lane, seq FROM wallet_entry;

DROP TABLE wallet_entry;
ALTER TABLE wallet_entry_new RENAME TO wallet_entry;

-- An external reference tops up once.
CREATE UNIQUE INDEX wallet_entry_top_up ON wallet_entry (account_id, reference) WHERE kind = 'top_up' AND reference <> '';
CREATE INDEX wallet_entry_reference ON wallet_entry (account_id, kind, reference) WHERE reference <> '';
