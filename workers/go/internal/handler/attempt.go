package handler

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const maxProgressBytes = 64 << 10

// Attempt is one attempt that waits, runs, or has run past its time.
type Attempt struct {
	Request Request
	runner  *Runner
	version string
	// The rest belongs to the runner, under its lock.
	startedAt   time.Time
	ctx         context.Context
	abort       context.CancelCauseFunc
	isOverdue   bool
	isCancelled bool
	cancelledBy string
	logOnce     sync.Once
	log         *slog.Logger
	checkpoints checkpoints
}

// Log names task, step, attempt and lease.
func (a *Attempt) Log() *slog.Logger {
	a.logOnce.Do(func() {
		a.log = a.runner.options.Log.With("task", a.Request.TaskID, "step", a.Request.StepName, "attempt", a.Request.Attempt, "lease", a.Request.LeaseID)
	})
	return a.log
}

// Progress passes on how far the handler is. It is for people: what cannot be sent is logged, and does not fail the step.
func (a *Attempt) Progress(progress any) {
	text, err := EncodeJSON(progress)
	switch {
	case err != nil:
		a.Log().Warn("step.progress_ignored", "why", err.Error())
	case len(text) > maxProgressBytes:
		a.Log().Warn("step.progress_ignored", "why", "it is larger than 64 KiB")
	default:
		a.runner.options.Deliveries.Progress(a.Request.Origin, a.Request.LeaseID, text)
	}
}
