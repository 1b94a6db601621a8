-- +goose Up

-- Automatic top-up: what to buy when too little is left. A setting, no ledger: what it buys are ordinary orders.
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
  called_at INTEGER NOT NULL DEFAULT 0, -- too little was found left; 0: nothing to look at
  next_at INTEGER NOT NULL DEFAULT 0, -- not looked at before: cooldown, back-off, or a purchase under way
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0), -- since the last purchase
  failed_at INTEGER NOT NULL DEFAULT 0, -- the last of them; 0: none
  reason TEXT NOT NULL DEFAULT '', -- of the last of them, an error's code
  PRIMARY KEY (account_id, project_id, id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK ((category = 'international') = (purpose = 'general')),
  CHECK ((category = 'international') = (country <> ''))
) STRICT, WITHOUT ROWID;

-- Workers look over all accounts.
CREATE INDEX top_up_called ON top_up (next_at) WHERE called_at > 0 AND enabled = 1;

-- The purchases that it has begun: n is counted for each target, also over top-ups removed and set again, and makes the key
-- of the order. At most one of a target is under way.
CREATE TABLE top_up_order (
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  top_up_id TEXT NOT NULL,
  n INTEGER NOT NULL CHECK (n > 0),
  state TEXT NOT NULL CHECK (state IN ('buying', 'bought', 'failed')),
  lease INTEGER NOT NULL, -- buying: whoever does it has until then
  order_id TEXT NOT NULL, -- '': none was made
  month TEXT NOT NULL, -- bought: 2006-01 of the payment, for the monthly cap
  amount INTEGER NOT NULL CHECK (amount >= 0), -- fen
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  at INTEGER NOT NULL, -- begun; when it has ended, that
  reason TEXT NOT NULL, -- failed: an error's code
  PRIMARY KEY (account_id, project_id, top_up_id, n),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX top_up_order_buying ON top_up_order (account_id, project_id, top_up_id) WHERE state = 'buying';
CREATE INDEX top_up_order_month ON top_up_order (account_id, project_id, top_up_id, month, amount) WHERE state = 'bought';
CREATE INDEX top_up_order_at ON top_up_order (account_id, project_id, at, top_up_id, n);
-- Workers look over all accounts.
CREATE INDEX top_up_order_lease ON top_up_order (lease) WHERE state = 'buying';
