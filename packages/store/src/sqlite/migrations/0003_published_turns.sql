-- Up to which turn of the turn log these tables have been brought (turn-log.ts). The lineage ties the log to this
-- database: a log that belongs to another one is never replayed into it.

create table published (
  one integer primary key check (one = 1),
  turn integer not null,
  lineage integer not null,
  next_seq integer not null         -- of the history
) strict;

insert into published
select 1, 0, abs(random() % 4294967296), coalesce(max(seq + json_array_length(transitions)), 1) from history;

-- A row of the history holds all that happened to a task between two publications. Rows of one publication overlap in their
-- sequence numbers, rows of different ones do not: `publication` is the first number of all.
alter table history add column publication integer not null default 0;
update history set publication = seq;
