/**
 * Events: which subscriptions there are, the log, and what nobody is subscribed to. A subscription's deliveries are jobs of
 * its queue, in the tables of all queues. `at` is a stamp (see tables.ts), `time` the event's own, in ms since 1970. `head`
 * is where a delivery's id begins.
 *
 * Offsets (`n`) are drawn before the commit, so they become visible out of order. Whoever publishes holds, until the commit,
 * a shared advisory lock that nobody ever waits for: its number is the last offset drawn when it was taken, so all that it
 * draws is larger. The smallest number among the locks that are held is the offset up to which nothing will appear any more
 * (event_horizon_1). It does not depend on other transactions of the database, as the horizon of snapshots would.
 */
export const EVENT_TABLES = `
create sequence {s}.event_offsets as int8 cache 1;
select setval('{s}.event_offsets', 1, true);

create table {s}.event_subscriptions (
  name text not null primary key,
  queue int4 not null unique references {s}.queues,
  patterns text[] not null,
  exact text[] not null,
  expression text,
  in_order boolean not null
);

create table {s}.event_log (
  n int8 not null primary key,
  at int8 not null,
  time int8 not null,
  id text not null unique,
  body text not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

create table {s}.event_unrouted (
  n int8 not null primary key,
  at int8 not null,
  id text not null,
  head text not null,
  type text not null,
  key text,
  body text not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
create index event_unrouted_type on {s}.event_unrouted (type, n);
`
