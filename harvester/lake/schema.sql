-- The ledger. Version 5. Instants are Unix seconds, spans half-open: [start, stop).
CREATE TABLE lake (
  account_id INTEGER NOT NULL,
  created REAL NOT NULL
) STRICT;

-- The one owner that may write: each raises the epoch, and ends when it finds another there.
CREATE TABLE owner (
  epoch INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  since REAL NOT NULL
) STRICT;

-- What a dataset is: filters, switches and granularity never change (identity);
-- what was learned about the API on the way may (facts).
CREATE TABLE dataset (
  name TEXT PRIMARY KEY,
  identity TEXT NOT NULL,
  facts TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  started REAL NOT NULL,
  ended REAL,
  outcome TEXT,
  summary TEXT
) STRICT;

-- Windows whose answers lie in the spool: 'open' ones are still to be read, 'proven' ones wait for publishing.
CREATE TABLE window (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'proven')),
  rows INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (name, start)
) STRICT;

-- The seconds whose records are proven and published: disjoint, merged.
CREATE TABLE coverage (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (name, start)
) STRICT;

CREATE TABLE gap (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  expected INTEGER,
  received INTEGER NOT NULL,
  reason TEXT NOT NULL,
  run INTEGER NOT NULL REFERENCES run (id),
  PRIMARY KEY (name, start)
) STRICT;

-- One row a file that readers see; with flat tables, the files of the other tables are its parts, each with
-- path, rows, bytes and hash.
CREATE TABLE published (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  path TEXT NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
  run INTEGER NOT NULL REFERENCES run (id),
  parts TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (name, start)
) STRICT;

-- What verify found wrong in published seconds; repair reads them anew.
CREATE TABLE suspect (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  found_by TEXT NOT NULL CHECK (found_by IN ('file', 'count')),
  reason TEXT NOT NULL,
  found REAL NOT NULL,
  PRIMARY KEY (name, start, found_by)
) STRICT;

-- Files about to become visible: after a crash, what is on disk says which of them did.
CREATE TABLE intent (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  path TEXT NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  complete INTEGER NOT NULL,
  run INTEGER NOT NULL,
  draft TEXT NOT NULL,
  covers TEXT NOT NULL,
  parts TEXT NOT NULL DEFAULT '[]',
  drafts TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (name, start)
) STRICT;

-- All that is told stands here once more: SQLite has no checksums, but compares a table with its indexes, and so
-- sees a flipped bit in either.
CREATE INDEX lake_twice ON lake (account_id, created);
CREATE INDEX owner_twice ON owner (epoch, pid, host, since);
CREATE INDEX dataset_twice ON dataset (name, identity, facts);
CREATE INDEX run_twice ON run (id, name, start, stop, started, ended, outcome, summary);
CREATE INDEX window_twice ON window (name, start, stop, state, rows);
CREATE INDEX coverage_twice ON coverage (name, start, stop);
CREATE INDEX gap_twice ON gap (name, start, stop, expected, received, reason, run);
CREATE INDEX published_twice ON published (
  name, start, stop, path, rows, bytes, sha256, complete, run, parts
);
CREATE INDEX suspect_twice ON suspect (name, start, stop, found_by, reason, found);
CREATE INDEX intent_twice ON intent (
  name, start, stop, path, rows, bytes, sha256, complete, run, draft, covers, parts, drafts
);
