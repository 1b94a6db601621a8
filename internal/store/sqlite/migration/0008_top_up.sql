-- +goose Up

-- Automatic top-up: what to buy when too little is left.
CREATE TABLE top_up (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  id TEXT NOT NULL, -- of the target: domestic-verification, international-general-HK
  category TEXT NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose TEXT NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country TEXT NOT NULL,
  level INTEGER NOT NULL CHECK (level > 0), -- buys when less than this is left
  quantity INTEGER NOT NULL CHECK (quantity > 0), -- messages of one purchase
  month_cap INTEGER NOT NULL CHECK (month_cap > 0), -- fen per natural month
  cooldown INTEGER NOT NULL CHECK (cooldown >= 0), -- seconds between two purchases
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  agreement_version TEXT NOT NULL, -- accepted when it was set
  by_token TEXT NOT NULL, -- who set it
  by_member TEXT NOT NULL,
  by_role TEXT NOT NULL,
  by_address TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  called_at INTEGER NOT NULL DEFAULT 0, -- a debit found too little left; 0: nothing to look at
  next_at INTEGER NOT NULL DEFAULT 0, -- not looked at before: cooldown, back-off, or the lease of who is looking
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0), -- since the last purchase
  n INTEGER NOT NULL DEFAULT 0 CHECK (n >= 0), -- purchases begun; makes the key of the order
  PRIMARY KEY (account_id, project_id, id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
) STRICT, WITHOUT ROWID;

-- Workers look over all accounts.
CREATE INDEX top_up_called ON top_up (next_at) WHERE called_at > 0 AND enabled = 1;

-- What it bought, for the monthly cap and for people.
CREATE TABLE top_up_order (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  top_up_id TEXT NOT NULL,
  n INTEGER NOT NULL,
  order_id TEXT NOT NULL,
  month TEXT NOT NULL, -- 2006-01
  amount INTEGER NOT NULL CHECK (amount >= 0), -- fen
  at INTEGER NOT NULL,
  PRIMARY KEY (account_id, project_id, top_up_id, n)
) STRICT, WITHOUT ROWID;
