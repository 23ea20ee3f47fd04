/**
 * Milliseconds for which the end of a request (charged, released) is remembered, so that a repeated step changes
 * nothing. Longer than any answer streams and than outages that a journal should bridge. In Valkey a record is about
 * 120 bytes (measured), so a user of 1,000 requests spread over a day has 30 kB of them at a time.
 */
export const RECORDS_KEPT = 6 * 3_600_000;

/** Milliseconds for which a window's count outlives the window, for late commits and for people who look. */
export const WINDOWS_KEPT = 48 * 3_600_000;
