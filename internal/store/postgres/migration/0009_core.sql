-- +goose Up

-- What SQLite has after its migrations 1 to 9, in one: before 9 there was no PostgreSQL. Tables, columns and constraints
-- are the same, so that one query text serves both; what differs says why.
--
-- Units: times are UTC microseconds (0: none), money fen, unit prices 1/10,000 yuan, quantities messages.
-- What belongs to a tenant leads with its account in primary keys and indexes, so that it can be distributed by
-- account. The exceptions say why. Ledger tables carry the lane and the sequence of the commit that wrote the row.
--
-- Texts are compared byte by byte (COLLATE "C"), as in SQLite: pages and cursors must not depend on the server's locale.
-- Flags are 0 and 1 in bigint, so that the same texts bind and compare them.
-- A debit updates package, package_sum and lane in place (HOT: no index looks at what it changes); the free third of their
-- pages is where the next version goes.

-- Where the store stands.

CREATE TABLE store_meta (
  name text COLLATE "C" PRIMARY KEY,
  value text COLLATE "C" NOT NULL
);

-- A lane's row is its lock (FOR UPDATE, in the order of lanes) and the head of its chain. posted: up to which commit the packages'
-- figures, the entries and the lists of debits are written. changes counts what was changed beside the ledger, so that other
-- processes load balances and rules anew.
CREATE TABLE lane (
  lane bigint PRIMARY KEY CHECK (lane BETWEEN 0 AND 15),
  seq bigint NOT NULL,
  at bigint NOT NULL,
  hash bytea NOT NULL,
  posted bigint NOT NULL DEFAULT 0 CHECK (posted BETWEEN 0 AND seq),
  changes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 60);

INSERT INTO lane (lane, seq, at, hash) SELECT n, 0, 0, decode(repeat('00', 32), 'hex') FROM generate_series(0, 15) AS n;

-- Who changes settings of the platform holds this row.
CREATE TABLE settings_lock (id bigint PRIMARY KEY CHECK (id = 1));

INSERT INTO settings_lock (id) VALUES (1);

-- One row per lane and transaction that wrote to the lane's ledger. id = at * 16 + lane: rising with time, and found by
-- (lane, at) without an index. Cut by month, so that a month whose debits are archived can be given back by itself. A key over all months
-- would have to hold id, so (lane, seq) is unique within a month, by an index that each month has of its own; over months the
-- lock on the lane's row keeps the order, and verify walks it.
CREATE TABLE commit_log (
  id bigint PRIMARY KEY,
  lane bigint NOT NULL,
  seq bigint NOT NULL,
  debits bytea,
  debits_digest bytea NOT NULL,
  manifest bytea,
  prev bytea NOT NULL,
  hash bytea NOT NULL
) PARTITION BY RANGE (id);

-- What falls into no month that was made. Nothing is ever refused for want of a month.
CREATE TABLE commit_log_default PARTITION OF commit_log DEFAULT;

CREATE UNIQUE INDEX commit_log_default_seq ON commit_log_default (lane, seq);

-- taocan_partitions makes the missing ones of some months of commit_log (UTC), and returns how many it made. Rows that
-- commit_log_default holds of such a month move into it. Any process may call it at any time, in a transaction of its own, READ
-- COMMITTED: rows that came while it waited for its locks must be seen.
--
-- Its locks keep out who has chosen the default table for a row that soon belongs into the new one. Commits that have read the log
-- and then write to it need one order of the locks, those that write into the default table the other, so it tries both. What is
-- held for long (a reader's snapshot) makes it give up: the next call makes the rest, and until then the default table serves.
-- +goose StatementBegin
CREATE FUNCTION taocan_partitions(from_month date, months bigint) RETURNS bigint LANGUAGE plpgsql SET lock_timeout = '250ms' AS $$
DECLARE
  month timestamp;
  part text;
  first bigint;
  beyond bigint;
  made bigint := 0;
BEGIN
  FOR n IN 0 .. months - 1 LOOP
    month := date_trunc('month', from_month::timestamp) + make_interval(months => n::int);
    part := 'commit_log_' || to_char(month, 'YYYY_MM');
    CONTINUE WHEN to_regclass(part) IS NOT NULL;
    FOR attempt IN 1 .. 4 LOOP
      BEGIN
        IF attempt % 2 = 1 THEN
          LOCK TABLE commit_log_default IN ACCESS EXCLUSIVE MODE;
        END IF;
        LOCK TABLE ONLY commit_log IN SHARE ROW EXCLUSIVE MODE;
        LOCK TABLE commit_log_default IN ACCESS EXCLUSIVE MODE;
        EXIT;
      EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        IF attempt = 4 THEN
          RETURN made;
        END IF;
      END;
    END LOOP;
    CONTINUE WHEN to_regclass(part) IS NOT NULL; -- another process was quicker
    first := extract(epoch FROM month)::bigint * 16000000;
    beyond := extract(epoch FROM month + interval '1 month')::bigint * 16000000;
    EXECUTE format('CREATE TABLE %I (LIKE commit_log INCLUDING ALL)', part);
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (lane, seq)', part || '_seq', part);
    EXECUTE format('WITH moved AS (DELETE FROM commit_log_default WHERE id >= $1 AND id < $2
      RETURNING id, lane, seq, debits, debits_digest, manifest, prev, hash)
      INSERT INTO %I (id, lane, seq, debits, debits_digest, manifest, prev, hash)
      SELECT id, lane, seq, debits, debits_digest, manifest, prev, hash FROM moved', part) USING first, beyond;
    EXECUTE format('ALTER TABLE commit_log ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', part, first, beyond);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
-- +goose StatementEnd

-- Accounts and access. A project, a member and a token are found by their own id before anybody knows the account;
-- these tables are small.

CREATE TABLE account (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  level text COLLATE "C" NOT NULL CHECK (level IN ('unverified', 'personal', 'enterprise')),
  suspended bigint NOT NULL CHECK (suspended IN (0, 1)),
  created_at bigint NOT NULL
);

CREATE TABLE project (
  account_id text COLLATE "C" NOT NULL REFERENCES account (id),
  id text COLLATE "C" NOT NULL UNIQUE,
  name text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE TABLE member (
  id text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C" REFERENCES account (id), -- NULL: staff of the platform
  login text COLLATE "C" NOT NULL UNIQUE,
  role text COLLATE "C" NOT NULL CHECK (role IN ('owner', 'finance', 'viewer', 'operator')),
  password_hash text COLLATE "C" NOT NULL,
  suspended bigint NOT NULL CHECK (suspended IN (0, 1)),
  created_at bigint NOT NULL,
  CHECK ((account_id IS NULL) = (role = 'operator'))
);

CREATE INDEX member_account ON member (account_id, id);

CREATE TABLE token (
  id text COLLATE "C" PRIMARY KEY,
  hash bytea NOT NULL UNIQUE,
  account_id text COLLATE "C" REFERENCES account (id), -- NULL: an operator's
  project_id text COLLATE "C",
  name text COLLATE "C" NOT NULL,
  member_id text COLLATE "C" REFERENCES member (id),
  scopes text COLLATE "C" NOT NULL, -- separated by commas
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  revoked_at bigint NOT NULL,
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
);

CREATE INDEX token_project ON token (account_id, project_id, created_at, id);
CREATE INDEX token_created ON token (created_at, id);
-- Ending a member's sign-ins touches those that stand; a list of API tokens passes over no sign-ins.
CREATE INDEX token_sign_in ON token (member_id) WHERE revoked_at = 0 AND member_id IS NOT NULL;
CREATE INDEX token_api ON token (account_id, project_id, created_at, id) WHERE member_id IS NULL;

CREATE TABLE sign_in_failure (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text COLLATE "C" NOT NULL,
  at bigint NOT NULL
);

CREATE INDEX sign_in_failure_key ON sign_in_failure (key, at);
CREATE INDEX sign_in_failure_at ON sign_in_failure (at);

-- One-time codes to sign in with. A code is found by its hash before anybody knows the member; the table holds a few
-- minutes' codes.
CREATE TABLE sign_in_code (
  hash bytea PRIMARY KEY,
  member_id text COLLATE "C" NOT NULL REFERENCES member (id),
  expires_at bigint NOT NULL
);

CREATE TABLE audit (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at bigint NOT NULL,
  actor text COLLATE "C" NOT NULL,
  address text COLLATE "C" NOT NULL,
  action text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  value_before text COLLATE "C" NOT NULL,
  value_after text COLLATE "C" NOT NULL
);

-- taocan_json_text is a member of a JSON object as text; NULL where there is none or the text is no JSON. PostgreSQL has no
-- json_valid before 16.
-- +goose StatementBegin
CREATE FUNCTION taocan_json_text(object text, name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF object LIKE '{%' THEN
    RETURN object::jsonb ->> name;
  END IF;
  RETURN NULL;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$$;
-- +goose StatementEnd

-- Catalogue: of the platform, the same for all accounts.

CREATE TABLE price_list (
  id text COLLATE "C" PRIMARY KEY,
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  valid_from bigint NOT NULL,
  validity_months bigint NOT NULL CHECK (validity_months > 0),
  charge_on text COLLATE "C" NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  published_at bigint NOT NULL,
  draft bigint NOT NULL CHECK (draft IN (0, 1))
);

-- At any instant at most one list of a category is in force.
CREATE UNIQUE INDEX price_list_in_force ON price_list (category, valid_from) WHERE draft = 0;

-- A row's tiers: n counts the rows of a list, from_quantity orders the tiers of a row.
CREATE TABLE price_tier (
  price_list_id text COLLATE "C" NOT NULL REFERENCES price_list (id),
  n bigint NOT NULL,
  from_quantity bigint NOT NULL CHECK (from_quantity >= 0),
  price bigint NOT NULL CHECK (price >= 0),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('', 'verification', 'marketing', 'general')),
  country text COLLATE "C" NOT NULL,
  below bigint NOT NULL CHECK (below >= 0),
  PRIMARY KEY (price_list_id, n, from_quantity)
);

CREATE TABLE product (
  id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country text COLLATE "C" NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  price bigint NOT NULL CHECK (price >= 0),
  validity_months bigint NOT NULL CHECK (validity_months > 0),
  charge_on text COLLATE "C" NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  on_sale bigint NOT NULL CHECK (on_sale IN (0, 1)),
  created_at bigint NOT NULL
);

CREATE TABLE agreement (
  version text COLLATE "C" PRIMARY KEY,
  hash text COLLATE "C" NOT NULL,
  markdown text COLLATE "C" NOT NULL,
  published_at bigint NOT NULL
);

-- What a message beyond all packages costs. Published by the operator, never edited.
CREATE TABLE overflow_price (
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('', 'verification', 'marketing', 'general')), -- '': abroad
  country text COLLATE "C" NOT NULL,
  valid_from bigint NOT NULL,
  price bigint NOT NULL CHECK (price > 0),
  published_at bigint NOT NULL,
  PRIMARY KEY (category, purpose, country, valid_from)
);

-- Orders. "order" itself is a word of SQL.

CREATE TABLE purchase_order (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  description text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('custom', 'fixed')),
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country text COLLATE "C" NOT NULL,
  product_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  each bigint NOT NULL CHECK (each > 0), -- messages per package
  packages bigint NOT NULL CHECK (packages BETWEEN 1 AND 100),
  unit_price bigint CHECK (unit_price >= 0), -- NULL for fixed
  amount bigint NOT NULL CHECK (amount BETWEEN 0 AND 10000000000000),
  validity_months bigint NOT NULL CHECK (validity_months > 0),
  charge_on text COLLATE "C" NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  price_list_id text COLLATE "C" NOT NULL,
  agreement_version text COLLATE "C" NOT NULL,
  agreement_hash text COLLATE "C" NOT NULL,
  by_token text COLLATE "C" NOT NULL,
  by_member text COLLATE "C" NOT NULL,
  by_role text COLLATE "C" NOT NULL,
  by_address text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  closes_at bigint NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'paid', 'cancelled', 'closed')),
  settled_at bigint NOT NULL,
  lane bigint NOT NULL,
  seq bigint NOT NULL,
  settled_seq bigint,
  PRIMARY KEY (account_id, project_id, id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK ((state = 'pending') = (settled_seq IS NULL) AND (state = 'pending') = (settled_at = 0))
);

CREATE INDEX purchase_order_created ON purchase_order (account_id, project_id, created_at, id);
-- The operator's list and the sweeper look over all accounts.
CREATE INDEX purchase_order_all ON purchase_order (created_at, id);
CREATE INDEX purchase_order_unpaid ON purchase_order (closes_at, id) WHERE state = 'pending';

-- project_id is empty for keys of the operator's money writes.
CREATE TABLE idempotency_key (
  account_id text COLLATE "C" NOT NULL REFERENCES account (id),
  project_id text COLLATE "C" NOT NULL,
  operation text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  content bytea NOT NULL,
  subject text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, operation, key)
);

-- Money.

CREATE TABLE wallet (
  account_id text COLLATE "C" PRIMARY KEY REFERENCES account (id),
  cash bigint NOT NULL CHECK (cash BETWEEN 0 AND 10000000000000),
  gift bigint NOT NULL CHECK (gift BETWEEN 0 AND 10000000000000),
  credit_limit bigint NOT NULL CHECK (credit_limit BETWEEN 0 AND 10000000000000),
  credit_used bigint NOT NULL CHECK (credit_used BETWEEN 0 AND 10000000000000)
);

CREATE TABLE wallet_entry (
  account_id text COLLATE "C" NOT NULL REFERENCES wallet (account_id),
  n bigint NOT NULL CHECK (n > 0),
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('top_up', 'gift', 'payment', 'adjust', 'credit_limit', 'overflow')),
  at bigint NOT NULL,
  cash bigint NOT NULL, -- changes
  gift bigint NOT NULL,
  credit_limit bigint NOT NULL,
  credit_used bigint NOT NULL,
  cash_after bigint NOT NULL CHECK (cash_after >= 0),
  gift_after bigint NOT NULL CHECK (gift_after >= 0),
  credit_limit_after bigint NOT NULL CHECK (credit_limit_after >= 0),
  credit_used_after bigint NOT NULL CHECK (credit_used_after >= 0),
  project_id text COLLATE "C",
  order_id text COLLATE "C",
  reference text COLLATE "C" NOT NULL,
  by_token text COLLATE "C" NOT NULL,
  by_member text COLLATE "C" NOT NULL,
  by_role text COLLATE "C" NOT NULL,
  by_address text COLLATE "C" NOT NULL,
  lane bigint NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (account_id, n),
  FOREIGN KEY (account_id, project_id, order_id) REFERENCES purchase_order (account_id, project_id, id),
  CHECK ((kind = 'payment') = (order_id IS NOT NULL)),
  -- Only the operator may lower a limit below what is used.
  CHECK (credit_used <= 0 OR credit_used_after <= credit_limit_after)
);

-- An external reference tops up once.
CREATE UNIQUE INDEX wallet_entry_top_up ON wallet_entry (account_id, reference) WHERE kind = 'top_up' AND reference <> '';
CREATE INDEX wallet_entry_reference ON wallet_entry (account_id, kind, reference) WHERE reference <> '';

-- The operator's directory of vouchers, found by code before anybody knows the account. It keeps what was issued and
-- to whom a code went; what an account holds and has used stands in voucher.
CREATE TABLE voucher_code (
  id text COLLATE "C" PRIMARY KEY,
  code_hash bytea UNIQUE, -- NULL: issued to an account without a code
  account_id text COLLATE "C" REFERENCES account (id), -- NULL: nobody has redeemed the code
  code_hint text COLLATE "C" NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  min_amount bigint NOT NULL CHECK (min_amount >= 0),
  categories text COLLATE "C" NOT NULL, -- JSON arrays; empty ones allow all
  purposes text COLLATE "C" NOT NULL,
  products text COLLATE "C" NOT NULL,
  valid_from bigint NOT NULL,
  valid_until bigint NOT NULL,
  issued_at bigint NOT NULL
);

CREATE INDEX voucher_code_issued ON voucher_code (issued_at, id);

CREATE TABLE voucher (
  account_id text COLLATE "C" NOT NULL REFERENCES account (id),
  id text COLLATE "C" NOT NULL,
  code_hint text COLLATE "C" NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  min_amount bigint NOT NULL CHECK (min_amount >= 0),
  categories text COLLATE "C" NOT NULL,
  purposes text COLLATE "C" NOT NULL,
  products text COLLATE "C" NOT NULL,
  valid_from bigint NOT NULL,
  valid_until bigint NOT NULL,
  issued_at bigint NOT NULL,
  assigned_at bigint NOT NULL,
  used_by text COLLATE "C", -- order
  used_in text COLLATE "C", -- project
  used_at bigint NOT NULL DEFAULT 0,
  lane bigint NOT NULL,
  seq bigint NOT NULL,
  used_seq bigint,
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, used_in, used_by) REFERENCES purchase_order (account_id, project_id, id),
  CHECK ((used_by IS NULL) = (used_in IS NULL) AND (used_by IS NULL) = (used_at = 0) AND (used_by IS NULL) = (used_seq IS NULL))
);

CREATE INDEX voucher_valid_until ON voucher (account_id, valid_until, id);

CREATE TABLE payment (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  voucher bigint NOT NULL CHECK (voucher >= 0),
  gift bigint NOT NULL CHECK (gift >= 0),
  cash bigint NOT NULL CHECK (cash >= 0),
  credit bigint NOT NULL CHECK (credit >= 0),
  voucher_id text COLLATE "C",
  paid_at bigint NOT NULL,
  by_token text COLLATE "C" NOT NULL,
  by_member text COLLATE "C" NOT NULL,
  by_role text COLLATE "C" NOT NULL,
  by_address text COLLATE "C" NOT NULL,
  lane bigint NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, order_id),
  FOREIGN KEY (account_id, project_id, order_id) REFERENCES purchase_order (account_id, project_id, id),
  FOREIGN KEY (account_id, voucher_id) REFERENCES voucher (account_id, id),
  CHECK (voucher = 0 OR voucher_id IS NOT NULL)
);

-- A voucher pays once.
CREATE UNIQUE INDEX payment_voucher ON payment (account_id, voucher_id) WHERE voucher_id IS NOT NULL;

-- Packages.

CREATE TABLE package (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  number text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country text COLLATE "C" NOT NULL,
  charge_on text COLLATE "C" NOT NULL CHECK (charge_on IN ('submit', 'delivered')),
  total bigint NOT NULL CHECK (total > 0),
  adjusted bigint NOT NULL,
  remaining bigint NOT NULL CHECK (remaining >= 0),
  reserved bigint NOT NULL CHECK (reserved >= 0),
  used bigint NOT NULL CHECK (used >= 0),
  live bigint NOT NULL CHECK (live IN (0, 1)), -- something remains or is reserved; kept by a trigger
  purchased_at bigint NOT NULL,
  exists_from bigint NOT NULL,
  expires_at bigint NOT NULL,
  expire_marked bigint NOT NULL DEFAULT 0, -- the expires_at that has its entry
  order_id text COLLATE "C",
  paid_voucher bigint NOT NULL CHECK (paid_voucher >= 0),
  paid_gift bigint NOT NULL CHECK (paid_gift >= 0),
  paid_cash bigint NOT NULL CHECK (paid_cash >= 0),
  paid_credit bigint NOT NULL CHECK (paid_credit >= 0),
  lane bigint NOT NULL,
  seq bigint NOT NULL,
  frozen bigint NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)), -- pays nothing until it is unfrozen
  first_expires_at bigint NOT NULL DEFAULT 0 CHECK (first_expires_at >= 0 AND first_expires_at < expires_at), -- 0: never extended
  PRIMARY KEY (account_id, project_id, number),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  FOREIGN KEY (account_id, project_id, order_id) REFERENCES purchase_order (account_id, project_id, id),
  CHECK (total + adjusted = remaining + reserved + used),
  CHECK ((category = 'international') = (country <> ''))
) WITH (fillfactor = 60);

-- Lists, one index per sort; what follows the number lets filters do without the table.
CREATE INDEX package_purchased ON package (account_id, project_id, purchased_at, number, category, purpose, country, expires_at, live, frozen, exists_from)
  INCLUDE (name);
CREATE INDEX package_expires ON package (account_id, project_id, expires_at, number, category, purpose, country, live, frozen, exists_from);
CREATE INDEX package_total ON package (account_id, project_id, total, number, category, purpose, country, expires_at, live, frozen, exists_from);
-- Most packages of an old project are exhausted: balances, pools and lists of active ones look at the others alone.
CREATE INDEX package_pool ON package (account_id, project_id, expires_at, category, frozen) WHERE live = 1;
CREATE INDEX package_live_purchased ON package (account_id, project_id, purchased_at, number, category, purpose, country, expires_at, frozen) WHERE live = 1;
CREATE INDEX package_order ON package (account_id, project_id, order_id) WHERE order_id IS NOT NULL;
-- The sweeper looks over all accounts.
CREATE INDEX package_unmarked ON package (expires_at) WHERE live = 1 AND expire_marked <> expires_at;

-- Makes numbers unique over all accounts, and finds a package by its number alone.
CREATE TABLE package_number (
  number text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL
);

-- How many packages of each kind and name a project has, so that lists need not count them, and a search for a number
-- need not read all names.
CREATE TABLE package_group (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  purpose text COLLATE "C" NOT NULL,
  country text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  packages bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, category, purpose, country, name)
);

-- What is left and not frozen, by the instant at which it expires: a balance is the sum of a few rows, however many
-- packages there are. Verify compares it with the packages.
CREATE TABLE package_sum (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  expires_at bigint NOT NULL,
  purpose text COLLATE "C" NOT NULL,
  country text COLLATE "C" NOT NULL,
  remaining bigint NOT NULL CHECK (remaining >= 0),
  reserved bigint NOT NULL CHECK (reserved >= 0),
  PRIMARY KEY (account_id, project_id, category, expires_at, purpose, country)
) WITH (fillfactor = 60);

-- live has indexes that remaining and reserved have not, since every debit changes these. Debits set it themselves, so this
-- trigger only mends what others wrote. An AFTER trigger, for a BEFORE trigger would lock every row once more.
-- +goose StatementBegin
CREATE FUNCTION package_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE package SET live = CASE WHEN new.remaining > 0 OR new.reserved > 0 THEN 1 ELSE 0 END
  WHERE account_id = new.account_id AND project_id = new.project_id AND number = new.number;
  RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER package_live AFTER UPDATE OF remaining, reserved ON package FOR EACH ROW
WHEN ((new.remaining > 0 OR new.reserved > 0) <> (new.live = 1)) EXECUTE FUNCTION package_live();

-- The sums follow what is written to single packages: insertion, adjustment, extension, freezing. Debits move remaining,
-- reserved and used and never adjusted, so they do not set this trigger off: package_figures_update_many moves the figures of all
-- its packages and their sums in one statement, at half of what a trigger per package costs.
-- +goose StatementBegin
CREATE FUNCTION package_sum_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND old.frozen = 0 THEN
    UPDATE package_sum SET remaining = remaining - old.remaining, reserved = reserved - old.reserved
    WHERE account_id = old.account_id AND project_id = old.project_id AND category = old.category AND expires_at = old.expires_at
      AND purpose = old.purpose AND country = old.country;
  END IF;
  IF new.frozen = 0 THEN
    INSERT INTO package_sum AS s (account_id, project_id, category, expires_at, purpose, country, remaining, reserved)
    VALUES (new.account_id, new.project_id, new.category, new.expires_at, new.purpose, new.country, new.remaining, new.reserved)
    ON CONFLICT (account_id, project_id, category, expires_at, purpose, country)
    DO UPDATE SET remaining = s.remaining + excluded.remaining, reserved = s.reserved + excluded.reserved;
  END IF;
  RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER package_sum_insert AFTER INSERT ON package FOR EACH ROW EXECUTE FUNCTION package_sum_follow();

CREATE TRIGGER package_sum_update AFTER UPDATE OF adjusted, expires_at, frozen ON package FOR EACH ROW
WHEN (new.remaining <> old.remaining OR new.reserved <> old.reserved OR new.expires_at <> old.expires_at OR new.frozen <> old.frozen)
EXECUTE FUNCTION package_sum_follow();

-- Not cut by month: an as-of balance is a package's last entry by then, in whichever month that was, and would look into every
-- month before it; and entries prove the balances for as long as the package stands.
CREATE TABLE entry (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  package text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  kind bigint NOT NULL CHECK (kind > 0), -- the place among the entries of one commit: taocan.EntryKind
  remaining bigint NOT NULL, -- changes
  reserved bigint NOT NULL,
  used bigint NOT NULL,
  remaining_after bigint NOT NULL CHECK (remaining_after >= 0),
  reserved_after bigint NOT NULL CHECK (reserved_after >= 0),
  debits bigint NOT NULL CHECK (debits >= 0),
  reference text COLLATE "C" NOT NULL,
  lane bigint NOT NULL,
  seq bigint NOT NULL,
  expires_at bigint NOT NULL DEFAULT 0 CHECK ((kind = 10) = (expires_at > 0)), -- what an extension made it
  PRIMARY KEY (account_id, project_id, package, at, kind),
  FOREIGN KEY (account_id, project_id, package) REFERENCES package (account_id, project_id, number)
);

-- What a package was at an instant of the past: adjusted (kinds adjust 4 and transfer_out 14), expiry (extend 10), frozen
-- (freeze 11, unfreeze 12). All of these are few.
CREATE INDEX entry_adjust ON entry (account_id, project_id, package, at, remaining) WHERE kind IN (4, 14);
CREATE INDEX entry_extend ON entry (account_id, project_id, package, at, expires_at) WHERE kind = 10;
CREATE INDEX entry_freeze ON entry (account_id, project_id, package, at, kind) WHERE kind IN (11, 12);

-- Which commits hold debits of a project.
CREATE TABLE debit_ref (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  more bytea NOT NULL DEFAULT ''::bytea, -- further commits: the distances in microseconds from each to the next, as uvarints
  PRIMARY KEY (account_id, project_id, at)
);

-- Open reservations only; what became of the others stands in the log.
CREATE TABLE reservation (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  deadline bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, at, id)
);

CREATE INDEX reservation_deadline ON reservation (deadline);

-- Alert rules, where they stand, what they said, and to whom it went. None of it is ledger: no commit and no chain knows it.
-- But what a debit sets off is written in the debit's own transaction.

-- A rule is named by kind, unit and target, so there is at most one for the same. channels is a JSON array of channel ids;
-- an empty one means all of the project's.
CREATE TABLE alert_rule (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('remaining', 'usage_day', 'usage_month', 'expiring', 'forecast')),
  unit text COLLATE "C" NOT NULL CHECK (unit IN ('messages', 'percent', 'days')),
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country text COLLATE "C" NOT NULL, -- '': domestic, or everywhere abroad
  threshold bigint NOT NULL CHECK (threshold > 0),
  enabled bigint NOT NULL CHECK (enabled IN (0, 1)),
  channels text COLLATE "C" NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, kind, unit, category, purpose, country),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK (category = 'international' OR country = ''),
  CHECK (category = 'domestic' OR purpose = 'general')
);

-- Where an enabled rule stands. rule is its id; a row goes with its rule.
CREATE TABLE alert_state (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL,
  level bigint NOT NULL CHECK (level >= 0), -- messages: the threshold as it now is, whatever its unit
  low bigint NOT NULL CHECK (low IN (0, 1)),
  since bigint NOT NULL, -- of low
  reminders bigint NOT NULL CHECK (reminders >= 0),
  told_at bigint NOT NULL, -- the last notice of this crossing
  period text COLLATE "C" NOT NULL, -- usage: the day (2006-01-02) or month (2006-01) that it has fired for
  PRIMARY KEY (account_id, project_id, rule)
);

-- Projects whose rules must be looked at again, and when. bought: something was added since the last look.
CREATE TABLE alert_due (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  bought bigint NOT NULL CHECK (bought IN (0, 1)),
  PRIMARY KEY (account_id, project_id)
);

-- Workers look over all accounts.
CREATE INDEX alert_due_at ON alert_due (at);

-- Where notices go. What must not be read by who reads the file (keys, addresses that hold keys) is in sealed.
CREATE TABLE channel (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('email', 'webhook', 'dingtalk', 'wecom', 'feishu')),
  name text COLLATE "C" NOT NULL,
  address text COLLATE "C" NOT NULL, -- as it may be shown
  sealed bytea NOT NULL,
  language text COLLATE "C" NOT NULL CHECK (language IN ('zh', 'en')),
  enabled bigint NOT NULL CHECK (enabled IN (0, 1)),
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
);

-- The outbox: what happened. unique_key, where there is one, keeps the same thing from being said twice.
CREATE TABLE notice (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  event text COLLATE "C" NOT NULL,
  rule text COLLATE "C" NOT NULL, -- '': of no alert rule
  channels text COLLATE "C" NOT NULL, -- JSON array; empty: all of the project's
  facts text COLLATE "C" NOT NULL, -- JSON
  unique_key text COLLATE "C",
  spread bigint NOT NULL DEFAULT 0 CHECK (spread IN (0, 1)), -- has its deliveries
  PRIMARY KEY (account_id, project_id, id)
);

CREATE UNIQUE INDEX notice_unique ON notice (account_id, project_id, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX notice_at ON notice (account_id, project_id, at, id);
-- Workers look over all accounts.
CREATE INDEX notice_unspread ON notice (at) WHERE spread = 0;
CREATE INDEX notice_old ON notice (at) WHERE spread = 1;

-- One notice to one channel.
CREATE TABLE delivery (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  notice_id text COLLATE "C" NOT NULL,
  channel_id text COLLATE "C" NOT NULL, -- may since have been removed
  state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  created_at bigint NOT NULL,
  next_at bigint NOT NULL, -- the next try; while one is under way, when its lease ends
  attempts bigint NOT NULL CHECK (attempts >= 0),
  status bigint NOT NULL, -- of the last answer, 0: none
  error text COLLATE "C" NOT NULL, -- why the last try failed
  tried_at bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, notice_id, channel_id),
  FOREIGN KEY (account_id, project_id, notice_id) REFERENCES notice (account_id, project_id, id)
);

CREATE INDEX delivery_created ON delivery (account_id, project_id, created_at, notice_id, channel_id);
CREATE INDEX delivery_due ON delivery (next_at) WHERE state = 'pending';

-- Limits on use, and what is counted for them; overflow to the wallet; pools shared by an account's projects.

-- purpose and country '' mean all. warning and cap 0 mean none.
CREATE TABLE usage_limit (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('', 'verification', 'marketing', 'general')),
  country text COLLATE "C" NOT NULL,
  period text COLLATE "C" NOT NULL CHECK (period IN ('day', 'month')),
  warning bigint NOT NULL CHECK (warning >= 0),
  cap bigint NOT NULL CHECK (cap >= 0),
  updated_at bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, category, purpose, country, period),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK (category = 'international' OR country = ''),
  CHECK (warning > 0 OR cap > 0)
);

-- Messages taken on a natural day of the platform's zone, by what they were asked for (not by the package that paid), what
-- was returned since taken off again. Kept for projects that are metered: those with a limit or a rule on use.
CREATE TABLE meter (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  day text COLLATE "C" NOT NULL, -- 2006-01-02
  category text COLLATE "C" NOT NULL,
  purpose text COLLATE "C" NOT NULL,
  country text COLLATE "C" NOT NULL,
  taken bigint NOT NULL CHECK (taken >= 0),
  PRIMARY KEY (account_id, project_id, day, category, purpose, country)
);

-- since: the first day that the meter holds in full.
CREATE TABLE metered (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  since text COLLATE "C" NOT NULL,
  PRIMARY KEY (account_id, project_id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
);

-- A project that goes on from its account's wallet when its packages have run out.
CREATE TABLE overflow (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  cap bigint NOT NULL CHECK (cap > 0), -- fen per natural month
  updated_at bigint NOT NULL,
  PRIMARY KEY (account_id, project_id, category),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
);

-- What overflow has cost, in 1/10,000 yuan, by month, and how many whole fen of it the wallet has paid. What is less than
-- a fen stays owed.
CREATE TABLE overflow_cost (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  month text COLLATE "C" NOT NULL, -- 2006-01
  cost bigint NOT NULL CHECK (cost >= 0),
  PRIMARY KEY (account_id, project_id, category, month)
);

CREATE TABLE overflow_paid (
  account_id text COLLATE "C" PRIMARY KEY REFERENCES account (id),
  cost bigint NOT NULL CHECK (cost >= 0), -- 1/10,000 yuan, ever
  paid bigint NOT NULL CHECK (paid >= 0 AND paid * 100 <= cost) -- fen, ever
);

-- The packages of owner_id also pay for user_id, after its own.
CREATE TABLE pool_share (
  account_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  owner_id text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (account_id, user_id, owner_id),
  FOREIGN KEY (account_id, user_id) REFERENCES project (account_id, id),
  FOREIGN KEY (account_id, owner_id) REFERENCES project (account_id, id),
  CHECK (user_id <> owner_id)
);

-- Automatic top-up: what to buy when too little is left. A setting, no ledger: what it buys are ordinary orders.
CREATE TABLE top_up (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL, -- of the target: domestic-verification, international-general-HK
  category text COLLATE "C" NOT NULL CHECK (category IN ('domestic', 'international')),
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('verification', 'marketing', 'general')),
  country text COLLATE "C" NOT NULL,
  level bigint NOT NULL CHECK (level > 0), -- buys when less than this is left
  quantity bigint NOT NULL CHECK (quantity > 0), -- messages of one purchase
  month_cap bigint NOT NULL CHECK (month_cap > 0), -- fen per natural month
  cooldown bigint NOT NULL CHECK (cooldown >= 0), -- seconds between two purchases
  enabled bigint NOT NULL CHECK (enabled IN (0, 1)),
  agreement_version text COLLATE "C" NOT NULL, -- accepted when it was set
  by_token text COLLATE "C" NOT NULL, -- who set it
  by_member text COLLATE "C" NOT NULL,
  by_role text COLLATE "C" NOT NULL,
  by_address text COLLATE "C" NOT NULL,
  updated_at bigint NOT NULL,
  called_at bigint NOT NULL DEFAULT 0, -- too little was found left; 0: nothing to look at
  next_at bigint NOT NULL DEFAULT 0, -- not looked at before: cooldown, back-off, or a purchase under way
  failures bigint NOT NULL DEFAULT 0 CHECK (failures >= 0), -- since the last purchase
  failed_at bigint NOT NULL DEFAULT 0, -- the last of them; 0: none
  reason text COLLATE "C" NOT NULL DEFAULT '', -- of the last of them, an error's code
  PRIMARY KEY (account_id, project_id, id),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id),
  CHECK ((category = 'international') = (purpose = 'general')),
  CHECK ((category = 'international') = (country <> ''))
);

-- Workers look over all accounts.
CREATE INDEX top_up_called ON top_up (next_at) WHERE called_at > 0 AND enabled = 1;

-- The purchases that it has begun: n is counted for each target, also over top-ups removed and set again, and makes the key
-- of the order. At most one of a target is under way.
CREATE TABLE top_up_order (
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  top_up_id text COLLATE "C" NOT NULL,
  n bigint NOT NULL CHECK (n > 0),
  state text COLLATE "C" NOT NULL CHECK (state IN ('buying', 'bought', 'failed')),
  lease bigint NOT NULL, -- buying: whoever does it has until then
  order_id text COLLATE "C" NOT NULL, -- '': none was made
  month text COLLATE "C" NOT NULL, -- bought: 2006-01 of the payment, for the monthly cap
  amount bigint NOT NULL CHECK (amount >= 0), -- fen
  quantity bigint NOT NULL CHECK (quantity > 0),
  at bigint NOT NULL, -- begun; when it has ended, that
  reason text COLLATE "C" NOT NULL, -- failed: an error's code
  PRIMARY KEY (account_id, project_id, top_up_id, n),
  FOREIGN KEY (account_id, project_id) REFERENCES project (account_id, id)
);

CREATE UNIQUE INDEX top_up_order_buying ON top_up_order (account_id, project_id, top_up_id) WHERE state = 'buying';
CREATE INDEX top_up_order_month ON top_up_order (account_id, project_id, top_up_id, month, amount) WHERE state = 'bought';
CREATE INDEX top_up_order_at ON top_up_order (account_id, project_id, at, top_up_id, n);
-- Workers look over all accounts.
CREATE INDEX top_up_order_lease ON top_up_order (lease) WHERE state = 'buying';
