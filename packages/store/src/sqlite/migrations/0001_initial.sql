-- Templates, tasks, steps and their history.

create table templates (
  template_id integer primary key,
  namespace text not null,
  name text not null,
  version text not null,
  document text not null,           -- the template as JSON, what plans are compiled from
  source text not null,             -- what was applied, as text
  created_at integer not null,
  unique (namespace, name, version)
) strict;

create table tasks (
  task_id integer primary key,
  id text not null unique,          -- UUIDv7
  template_id integer not null,
  status text not null,
  reason text,
  priority integer not null,
  tags text,                        -- JSON array; null when there are none
  idempotency_key text,
  fingerprint text,
  correlation_id text,
  initiator text,
  created_at integer not null,
  started_at integer,
  finished_at integer
) strict;

create unique index tasks_by_idempotency_key on tasks (idempotency_key) where idempotency_key is not null;
-- Read at start-up and by lists. Completed tasks, which are most, are in neither of these two: no cost when they finish
-- beyond leaving the first one.
create index active_tasks on tasks (status, task_id, template_id) where status in ('in_progress', 'blocked');
create index unsuccessful_tasks on tasks (status, task_id, template_id) where status in ('failed', 'cancelled');
create index tasks_by_template on tasks (template_id);

-- Apart from the task's row, which is rewritten when its status changes: with contexts of 10 KB inside it that cost 4x.
create table task_contexts (
  task_id integer primary key,
  context text not null             -- JSON text, never re-serialised
) strict;

create table task_tags (
  tag text not null,
  task_id integer not null,
  primary key (tag, task_id)
) strict, without rowid;

-- A row from the first lease on; its number is given in that order, so that writes stay on the last pages.
create table steps (
  step_id integer primary key,
  task_id integer not null,
  step_index integer not null,      -- position in the template
  state text not null,
  attempt integer not null,
  lease_id text,
  answered integer not null,
  worker_id text,
  lease_ms integer,
  ready_at integer,
  started_at integer,
  finished_at integer,
  wake_at integer,
  reason text,
  earlier_leases text,              -- JSON array of the leases of earlier attempts; null when there are none
  error text,                       -- JSON text
  output text                       -- JSON text; last, so that reading the others never walks it
) strict;

create unique index steps_by_task on steps (task_id, step_index);

-- One row for all transitions of one task in one turn. Append-only.
create table history (
  seq integer primary key,          -- of the first transition; the next has seq + 1, ...
  task_id integer not null,
  at integer not null,
  transitions text not null         -- JSON, see packed-history.ts
) strict;

create index history_by_task on history (task_id);
