-- What handlers saved of how far they are: the newest cursor of a step. Apart from the steps, which mostly have none and
-- are rewritten with every transition. It goes with the step's task.
create table checkpoints (
  step_id integer primary key,
  checkpoint_lease text not null,
  checkpoint_seq integer not null,
  cursor text not null,             -- JSON text
  saved_at integer not null
) strict;
