/** The tables of the quota in SQLite. */
export const SQLITE_VERSION = 4;

// What is held of a count goes with the end of a lease, once a step of the subject notices.
// A request's row is void from `until` on: the end of its lease while held, else the end of its being remembered.
// `lease` is 0 where nothing is leased; `charges` is JSON, [[count, amount], …]. The ids of requests sort by their time, so
// that requests of one moment share a page, whoever they are of.
export const SQLITE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS windows (
    subject TEXT NOT NULL,
    window TEXT NOT NULL,
    used INTEGER NOT NULL CHECK (used >= 0),
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    extra INTEGER NOT NULL DEFAULT 0 CHECK (extra >= 0),
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (subject, window)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS windows_by_end ON windows (ends_at);
  CREATE TABLE IF NOT EXISTS requests (
    subject TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'charged', 'released')),
    until INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    charges TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (request, subject)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS requests_leased ON requests (subject, lease) WHERE lease > 0;
  CREATE TABLE IF NOT EXISTS turns (
    subject TEXT NOT NULL,
    session TEXT NOT NULL,
    opener TEXT NOT NULL,
    prompt TEXT,
    opened INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (subject, session)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS turns_until ON turns (until);
`;

/**
 * Version 1 knew one count a request, of 1; version 2 nothing of what was given beyond a limit; version 3 kept requests
 * by their subjects.
 */
export const SQLITE_UPGRADES: Readonly<Record<number, string>> = {
  1: `
    ALTER TABLE windows ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0);
    ALTER TABLE requests RENAME TO requests_1;
    ${SQLITE_SCHEMA}
    INSERT INTO requests (subject, request, state, until, lease, charges, tokens)
      SELECT subject, request, state, until, iif(state = 'held', until, 0),
             iif(state = 'released', '[]', json_array(json_array(window, 1))), 0
        FROM requests_1 WHERE true
        ON CONFLICT DO NOTHING;
    INSERT INTO windows (subject, window, used, held, ends_at)
      SELECT subject, window, 0, count(*), max(until) + 86400000 FROM requests_1
       WHERE state = 'held' GROUP BY subject, window
      ON CONFLICT DO UPDATE SET held = excluded.held;
    DROP TABLE requests_1;
  `,
  2: 'ALTER TABLE windows ADD COLUMN extra INTEGER NOT NULL DEFAULT 0 CHECK (extra >= 0);',
  3: `
    DROP INDEX IF EXISTS requests_until;
    DROP INDEX IF EXISTS requests_leased;
    ALTER TABLE requests RENAME TO requests_3;
    ${SQLITE_SCHEMA}
    INSERT INTO requests (subject, request, state, until, lease, charges, tokens)
      SELECT subject, request, state, until, lease, charges, tokens FROM requests_3;
    DROP TABLE requests_3;
  `,
};
