BEGIN TRANSACTION;
CREATE TABLE coverage (
  name TEXT NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (name, start)
) STRICT;
INSERT INTO "coverage" VALUES('calls',1711670400,1711756800);
CREATE TABLE dataset (
  name TEXT PRIMARY KEY,
  identity TEXT NOT NULL,
  facts TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO "dataset" VALUES('calls','{"calls": true, "dataset": "calls", "partition": "day", "records": true, "resources": true, "tables": "flat"}','{"density_hours": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], "density_rows": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 2.0, 5.0, 2.0, 3.0, 3.0, 4.0, 3.0, 3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], "from_inclusive": null}');
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
INSERT INTO "gap" VALUES('calls',1711756800,1711767600,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1711767600,1711778400,NULL,0,'a page of 1 records came with 0',2);
INSERT INTO "gap" VALUES('calls',1711778400,1711789200,NULL,0,'a page of 3 records came with 2',2);
INSERT INTO "gap" VALUES('calls',1711789200,1711800000,NULL,0,'a page of 4 records came with 3',2);
INSERT INTO "gap" VALUES('calls',1711800000,1711810800,NULL,0,'a page of 4 records came with 3',2);
INSERT INTO "gap" VALUES('calls',1711810800,1711821600,NULL,0,'a page of 5 records came with 4',2);
INSERT INTO "gap" VALUES('calls',1711821600,1711832400,NULL,0,'a page of 2 records came with 1',2);
INSERT INTO "gap" VALUES('calls',1711832400,1711843200,NULL,0,'a page of 2 records came with 1',2);
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
INSERT INTO "intent" VALUES('calls',1711843200,1711929600,'calls.sessions/date=2024-03-31/calls.sessions-2024-03-31.parquet',9,8322,'1cb2d505adfb61fd63ee0630d7070abb58e8aaab3554ebcd3d924c442a10c034',1,3,'_harvester/tmp/calls/calls.sessions-2024-03-31.1795733862.draft','[[1711843200, 1711929600]]','[["calls.calls/date=2024-03-31/calls.calls-2024-03-31.parquet", 16, 9023, "327d13329ab7a747fde8e5b4c7361122d0cea96301271809086cbbd7a55fdf26"], ["calls.resources/date=2024-03-31/calls.resources-2024-03-31.parquet", 12, 5374, "f24c352581caee806a680aa9dbf05b8485bf900dacf4c2285747c59f1503c901"], ["calls.records/date=2024-03-31/calls.records-2024-03-31.parquet", 11, 9078, "e037d42aa8b44307aeb28d91af1487a45003c46ff9f7d9df1077f7e8ef575c91"]]','["_harvester/tmp/calls/calls.calls-2024-03-31.1795733862.draft", "_harvester/tmp/calls/calls.resources-2024-03-31.1795733862.draft", "_harvester/tmp/calls/calls.records-2024-03-31.1795733862.draft"]');
CREATE TABLE lake (
  account_id INTEGER NOT NULL,
  created REAL NOT NULL
) STRICT;
INSERT INTO "lake" VALUES(4714487,1.79573386057608175283e+09);
CREATE TABLE owner (
  epoch INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  since REAL NOT NULL
) STRICT;
INSERT INTO "owner" VALUES(1795733862,4711,'lake-1',1.79573386280828213687e+09);
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
INSERT INTO "published" VALUES('calls',1711670400,1711756800,'calls.sessions/date=2024-03-29/calls.sessions-2024-03-29.parquet',37,9715,'67b1461605539d719dacfbe4432a49b447e5eafdd632ddc6e43cd596ae9e9a21',1,1,'[["calls.calls/date=2024-03-29/calls.calls-2024-03-29.parquet", 57, 11670, "75aba4a17dcb2436b7c88c6bcbbc86de2828a8abaece76d1063be40eee6386c8"], ["calls.resources/date=2024-03-29/calls.resources-2024-03-29.parquet", 63, 7090, "0b4d8bf2ff70f4900e4c70357b5fd063fd53af166e43abd5d1565ed014879191"], ["calls.records/date=2024-03-29/calls.records-2024-03-29.parquet", 37, 11127, "3430de9c8b858f002f09c4bd3f763cc9ec14ebd3ba7ce0e6681932f33b49f486"]]');
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
INSERT INTO "run" VALUES(1,'calls',1711670400,1711756800,1.79573386057608175283e+09,1.79573386122547411919e+09,'complete','{"asked": {"from": "2024-03-29 00:00:00", "to": "2024-03-30 00:00:00"}, "covered": false, "doubted": [], "gaps": [], "lacking": [], "outcome": "complete", "partitions": 1, "paused": 0.0, "planned": 1, "published_bytes": 39602, "published_rows": 37, "quarantined": 0, "received": 14491, "refused": "", "replayed": 0, "reports": 0, "requests": 1, "retries": 0, "rows": 37, "run": 1, "running": [], "seconds": 0.649, "settled": {"from": "2024-03-29 00:00:00", "to": "2024-03-30 00:00:00"}, "stale": 0, "unknown": {}, "windows": 1, "withheld": 0}');
INSERT INTO "run" VALUES(2,'calls',1711670400,1711843200,1.79573386149942493435e+09,1.79573386267754459381e+09,'gaps','{"asked": {"from": "2024-03-29 00:00:00", "to": "2024-03-31 00:00:00"}, "covered": false, "doubted": [], "gaps": [{"expected": null, "from": "2024-03-30 00:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-03-30 03:00:00"}, {"expected": null, "from": "2024-03-30 03:00:00", "reason": "a page of 1 records came with 0", "received": 0, "to": "2024-03-30 06:00:00"}, {"expected": null, "from": "2024-03-30 06:00:00", "reason": "a page of 3 records came with 2", "received": 0, "to": "2024-03-30 09:00:00"}, {"expected": null, "from": "2024-03-30 09:00:00", "reason": "a page of 4 records came with 3", "received": 0, "to": "2024-03-30 12:00:00"}, {"expected": null, "from": "2024-03-30 12:00:00", "reason": "a page of 4 records came with 3", "received": 0, "to": "2024-03-30 15:00:00"}, {"expected": null, "from": "2024-03-30 15:00:00", "reason": "a page of 5 records came with 4", "received": 0, "to": "2024-03-30 18:00:00"}, {"expected": null, "from": "2024-03-30 18:00:00", "reason": "a page of 2 records came with 1", "received": 0, "to": "2024-03-30 21:00:00"}, {"expected": null, "from": "2024-03-30 21:00:00", "reason": "a page of 2 records came with 1", "received": 0, "to": "2024-03-31 00:00:00"}], "lacking": [], "outcome": "gaps", "partitions": 0, "paused": 0.0, "planned": 1, "published_bytes": 0, "published_rows": 0, "quarantined": 0, "received": 122004, "refused": "", "replayed": 0, "reports": 0, "requests": 60, "retries": 0, "rows": 0, "run": 2, "running": [], "seconds": 1.178, "settled": {"from": "2024-03-29 00:00:00", "to": "2024-03-31 00:00:00"}, "stale": 0, "unknown": {}, "windows": 0, "withheld": 0}');
INSERT INTO "run" VALUES(3,'calls',1711843200,1711929600,1.79573386282740592957e+09,1.79573386293208336829e+09,'failed','{"asked": {"from": "2024-03-31 00:00:00", "to": "2024-04-01 00:00:00"}, "covered": false, "doubted": [], "gaps": [], "lacking": [], "outcome": "failed", "partitions": 0, "paused": 0.0, "planned": 1, "published_bytes": 0, "published_rows": 0, "quarantined": 0, "received": 4464, "refused": "", "replayed": 0, "reports": 0, "requests": 1, "retries": 0, "rows": 9, "run": 3, "running": [], "seconds": 0.105, "settled": {"from": "2024-03-31 00:00:00", "to": "2024-04-01 00:00:00"}, "stale": 0, "unknown": {}, "windows": 1, "withheld": 0}');
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
INSERT INTO "window" VALUES('calls',1711843200,1711929600,'proven',9);
COMMIT;
