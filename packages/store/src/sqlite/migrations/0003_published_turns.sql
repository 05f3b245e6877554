-- Up to which turn of the turn log these tables have been brought (turn-log.ts). The lineage ties the log to this
-- database: a log that belongs to another one is never replayed into it.

create table published (
  one integer primary key check (one = 1),
  turn integer not null,
  lineage integer not null
) strict;

insert into published values (1, 0, abs(random() % 4294967296));
