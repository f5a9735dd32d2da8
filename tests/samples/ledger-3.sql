BEGIN TRANSACTION;
CREATE TABLE coverage (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (name, start)
) STRICT;
INSERT INTO "coverage" VALUES('calls',1711584000,1711929600);
CREATE TABLE dataset (
  name TEXT PRIMARY KEY,
  identity TEXT NOT NULL,
  facts TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO "dataset" VALUES('calls','{"calls": true, "dataset": "calls", "partition": "day", "records": true, "resources": true}','{"density_hours": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], "density_rows": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], "from_inclusive": null, "to_inclusive": null}');
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
INSERT INTO "gap" VALUES('calls',1711929600,1711940400,NULL,0,'a page of 2 records came with 1',2);
INSERT INTO "gap" VALUES('calls',1711940400,1711951200,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1711951200,1711962000,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1711962000,1711972800,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1711972800,1711983600,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1711983600,1711994400,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1711994400,1712005200,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1712005200,1712016000,NULL,0,'a page of 1 records came with 0',2);
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
  PRIMARY KEY (name, start)
) STRICT;
CREATE TABLE lake (
  account_id INTEGER NOT NULL,
  created REAL NOT NULL
) STRICT;
INSERT INTO "lake" VALUES(4714487,1.79564357755784749981e+09);
CREATE TABLE owner (
  epoch INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  since REAL NOT NULL
) STRICT;
INSERT INTO "owner" VALUES(1795643578,4711,'lake-1',1.7956435785946307182e+09);
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
  PRIMARY KEY (name, start)
) STRICT;
INSERT INTO "published" VALUES('calls',1711584000,1711670400,'calls/date=2024-03-28/calls-2024-03-28.parquet',24,17012,'773b9683bd852dd1bf95ec47db39abc11ad7d574a5a886d54930fcb1ac70c933',1,1);
INSERT INTO "published" VALUES('calls',1711670400,1711756800,'calls/date=2024-03-29/calls-2024-03-29.parquet',24,17012,'60f670c730daf68f79b22184e5a13584d4216737d051d75df98e8a42c47a76e2',1,1);
INSERT INTO "published" VALUES('calls',1711756800,1711843200,'calls/date=2024-03-30/calls-2024-03-30.parquet',24,17012,'3069ece06d1b391fcb1d57bfa01ebb2236e738b3c9857fe11346bc39bb8fd823',1,1);
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
INSERT INTO "run" VALUES(1,'calls',1711584000,1711929600,1.79564357755784749981e+09,1.79564357848256206514e+09,'complete','{"asked": {"from": "2024-03-28 00:00:00", "to": "2024-04-01 00:00:00"}, "covered": false, "gaps": [], "outcome": "complete", "partitions": 3, "paused": 0.0, "planned": 1, "published_bytes": 51036, "published_rows": 72, "quarantined": 0, "received": 533, "replayed": 0, "requests": 1, "retries": 0, "rows": 72, "run": 1, "running": [], "seconds": 0.925, "settled": {"from": "2024-03-28 00:00:00", "to": "2024-04-01 00:00:00"}, "stale": 0, "unknown": {}, "windows": 1, "withheld": 0}');
INSERT INTO "run" VALUES(2,'calls',1711584000,1712016000,1.7956435785946307182e+09,1.79564357908053827284e+09,'gaps','{"asked": {"from": "2024-03-28 00:00:00", "to": "2024-04-02 00:00:00"}, "covered": false, "gaps": [{"expected": null, "from": "2024-04-01 00:00:00", "reason": "a page of 2 records came with 1", "received": 0, "to": "2024-04-01 03:00:00"}, {"expected": null, "from": "2024-04-01 03:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-04-01 06:00:00"}, {"expected": null, "from": "2024-04-01 06:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-04-01 09:00:00"}, {"expected": null, "from": "2024-04-01 09:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-04-01 12:00:00"}, {"expected": null, "from": "2024-04-01 12:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-04-01 15:00:00"}, {"expected": null, "from": "2024-04-01 15:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-04-01 18:00:00"}, {"expected": null, "from": "2024-04-01 18:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-04-01 21:00:00"}, {"expected": null, "from": "2024-04-01 21:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-04-02 00:00:00"}], "outcome": "gaps", "partitions": 0, "paused": 0.0, "planned": 1, "published_bytes": 0, "published_rows": 0, "quarantined": 0, "received": 5392, "replayed": 0, "requests": 60, "retries": 0, "rows": 0, "run": 2, "running": [], "seconds": 0.486, "settled": {"from": "2024-03-28 00:00:00", "to": "2024-04-02 00:00:00"}, "stale": 0, "unknown": {}, "windows": 0, "withheld": 0}');
CREATE TABLE suspect (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  found_by TEXT NOT NULL CHECK (found_by IN ('file', 'count')),
  reason TEXT NOT NULL,
  found REAL NOT NULL,
  PRIMARY KEY (name, start, found_by)
) STRICT;
CREATE TABLE window (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'proven')),
  rows INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (name, start)
) STRICT;
COMMIT;
