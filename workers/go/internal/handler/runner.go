package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Deliveries takes what comes of attempts, from any goroutine.
type Deliveries interface {
	Outcome(outcome Outcome)
	Progress(origin int, leaseID, progressJSON string)
	Checkpoint(origin int, leaseID string, seq int64, cursorJSON string)
	// Overdue tells how many attempts ran past their time and still have not ended.
	Overdue(count int)
}

// Options of a runner.
type Options struct {
	Handlers    map[string]Registered
	Concurrency int
	Log         *slog.Logger
	Deliveries  Deliveries
}

// Runner runs attempts in the order in which they came.
type Runner struct {
	options Options

	mu      sync.Mutex
	queue   []*Attempt
	running map[string]*Attempt
	overdue map[string]*Attempt
	// starting: a goroutine has been started that has not taken an attempt yet.
	starting bool
	// idle is closed when nothing runs; nil while nobody waits for that.
	idle chan struct{}
}

// NewRunner makes a runner with nothing to do.
func NewRunner(options Options) *Runner {
	return &Runner{options: options, running: map[string]*Attempt{}, overdue: map[string]*Attempt{}}
}

// RunningCount counts attempts that have begun and are not over.
func (r *Runner) RunningCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running)
}

// Accept queues attempts, and starts as many as there is room for. Their handlers must be registered.
func (r *Runner) Accept(requests []Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, request := range requests {
		version := r.options.Handlers[request.Handler].Version
		r.queue = append(r.queue, &Attempt{Request: request, runner: r, version: version})
	}
	r.pump()
}

// Cancel asks handlers to stop; those that have not begun never do. Every one of them gets an outcome.
func (r *Runner) Cancel(leaseIDs []string, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, leaseID := range leaseIDs {
		attempt := r.running[leaseID]
		if attempt == nil {
			attempt = r.overdue[leaseID]
		}
		if attempt == nil {
			r.cancelQueued(leaseID, reason)
			continue
		}
		if !attempt.isCancelled {
			attempt.isCancelled, attempt.cancelledBy = true, reason
			attempt.abort(errors.New(reason))
		}
	}
}

func (r *Runner) cancelQueued(leaseID, reason string) {
	for i, attempt := range r.queue {
		if attempt.Request.LeaseID == leaseID {
			r.queue = append(r.queue[:i:i], r.queue[i+1:]...)
			r.deliver(attempt, attempt.outcome("", cancelled(reason), 0))
			return
		}
	}
}

// CheckpointSettled tells the handler that waits for it: the cursors of a lease up to seq are kept or, with a reason,
// refused.
func (r *Runner) CheckpointSettled(leaseID string, seq int64, refused string) {
	r.mu.Lock()
	attempt := r.running[leaseID]
	r.mu.Unlock()
	if attempt != nil {
		attempt.checkpoints.settle(seq, refused)
	}
}

// Drain gives up what has not begun, and answers what that was.
func (r *Runner) Drain() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := make([]Request, len(r.queue))
	for i, attempt := range r.queue {
		waiting[i] = attempt.Request
	}
	r.queue = nil
	return waiting
}

// Idle is closed when nothing runs and every outcome has been delivered. Overdue attempts do not count.
func (r *Runner) Idle() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.tellIdle()
	return idle
}

func (r *Runner) tellIdle() {
	if r.idle != nil && len(r.running) == 0 {
		close(r.idle)
		r.idle = nil
	}
}

// Abandon asks whatever still runs to stop, and waits for nothing.
func (r *Runner) Abandon(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, attempts := range []map[string]*Attempt{r.running, r.overdue} {
		for _, attempt := range attempts {
			attempt.abort(errors.New(reason))
		}
	}
}

// ------------------------------------------------------------------------------------------------------------ running

// freeSlots: an overdue handler keeps its slot, but all of them together leave one, else one that never ends ends the worker.
func (r *Runner) freeSlots() int {
	return max(1, r.options.Concurrency-len(r.overdue)) - len(r.running)
}

// pump starts a goroutine if something waits and has a slot. One at a time: each starts the next one before it calls its
// handler, and goes on with what waits when its attempt has ended, so that short handlers share few goroutines and long
// ones hinder nobody.
func (r *Runner) pump() {
	if !r.starting && len(r.queue) > 0 && r.freeSlots() > 0 {
		r.starting = true
		go r.work()
	}
}

// next begins the attempt that waits longest, if it has a slot.
func (r *Runner) next() *Attempt {
	if len(r.queue) == 0 || r.freeSlots() <= 0 {
		return nil
	}
	attempt := r.begin()
	r.pump()
	return attempt
}

func (r *Runner) begin() *Attempt {
	attempt := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	attempt.startedAt = time.Now()
	ctx, abort := context.WithCancelCause(context.Background())
	attempt.ctx, attempt.abort = ctx, abort
	r.running[attempt.Request.LeaseID] = attempt
	return attempt
}

func (r *Runner) work() {
	r.mu.Lock()
	r.starting = false
	attempt := r.next()
	r.mu.Unlock()
	r.goOn(attempt)
}

func (r *Runner) goOn(attempt *Attempt) {
	for attempt != nil {
		attempt = r.run(attempt)
	}
}

// run calls the handler, and answers the next attempt for this goroutine. A panic is the attempt's failure, as is the end
// of the goroutine (runtime.Goexit), after which another one goes on.
func (r *Runner) run(attempt *Attempt) (next *Attempt) {
	ctx, release := r.contextOf(attempt)
	defer release()
	returned := false
	defer func() {
		if returned {
			return
		}
		what := recover()
		if what != nil {
			next = r.end(ctx, attempt, "", &panicked{fmt.Sprint("the handler panicked: ", what), backtrace()})
		} else if after := r.end(ctx, attempt, "", &panicked{"the handler ended its goroutine", backtrace()}); after != nil {
			go r.goOn(after)
		}
	}()
	if r.options.Log.Enabled(ctx, slog.LevelDebug) {
		attempt.Log().Debug("step.started", "handler", attempt.Request.Handler)
	}
	output, err := r.options.Handlers[attempt.Request.Handler].Run(ctx, attempt)
	returned = true
	return r.end(ctx, attempt, output, err)
}

// contextOf is done when the attempt should stop; at its deadline, the orchestrator is told.
func (r *Runner) contextOf(attempt *Attempt) (ctx context.Context, release func()) {
	deadline := attempt.startedAt.Add(attempt.Request.Timeout)
	ctx, cancel := context.WithDeadlineCause(attempt.ctx, deadline, &timeoutError{attempt.Request.Timeout})
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.timeOut(attempt)
		}
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// timeoutError is the cause of a context whose step has run out of time.
type timeoutError struct{ timeout time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("the step ran longer than %d ms", e.timeout.Milliseconds())
}

// Is makes it a deadline to those who ask.
func (e *timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// backtrace has as many frames as the seed's handlers report, from the panic outwards.
func backtrace() []string {
	const most = 5
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	var lines []string
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			lines = append(lines, fmt.Sprintf("%s (%s:%d)", frame.Function, frame.File, frame.Line))
		}
		if !more || len(lines) == most {
			return lines
		}
	}
}

// end delivers what came of an attempt, and answers the next one for this goroutine; nil when there is none.
func (r *Runner) end(ctx context.Context, attempt *Attempt, output string, err error) *Attempt {
	took := time.Since(attempt.startedAt)
	// That it stopped because it was told to is no answer: it may have done its work by then, or half of it.
	isStopped := err != nil && isEchoOf(ctx, err)
	var f *failure
	if err != nil {
		f = failedWith(err)
	} else {
		output, f = returned(output, attempt.Request.MaxOutputBytes)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	attempt.abort(nil)
	wasOverdue := r.forget(attempt)
	switch {
	case !isStopped:
		r.deliver(attempt, attempt.outcome(output, f, took))
	case wasOverdue: // the timeout was told
	case attempt.isCancelled:
		r.deliver(attempt, attempt.outcome("", cancelled(attempt.cancelledBy), took))
	case errors.Is(ctx.Err(), context.DeadlineExceeded): // it was quicker than the news of its timeout
		r.deliver(attempt, attempt.outcome("", timedOut(attempt.Request.Timeout), took))
	}
	if wasOverdue {
		attempt.Log().Warn("step.ended_late", "after_ms", took.Milliseconds(), "answered", !isStopped)
		r.options.Deliveries.Overdue(len(r.overdue))
	}
	r.tellIdle()
	return r.next()
}

func (r *Runner) forget(attempt *Attempt) (wasOverdue bool) {
	delete(r.running, attempt.Request.LeaseID)
	if attempt.isOverdue {
		delete(r.overdue, attempt.Request.LeaseID)
	}
	return attempt.isOverdue
}

// timeOut tells the orchestrator that an attempt has not ended in time. Its handler goes on, and keeps its slot.
func (r *Runner) timeOut(attempt *Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	leaseID := attempt.Request.LeaseID
	if r.running[leaseID] != attempt {
		return // it ended in the same instant
	}
	delete(r.running, leaseID)
	r.overdue[leaseID] = attempt
	attempt.isOverdue = true
	r.deliver(attempt, attempt.outcome("", timedOut(attempt.Request.Timeout), time.Since(attempt.startedAt)))
	r.options.Deliveries.Overdue(len(r.overdue))
	r.tellIdle()
	r.pump()
}

func (r *Runner) deliver(attempt *Attempt, outcome Outcome) {
	if !outcome.Completed {
		attempt.Log().Warn("step.failed", "code", outcome.ErrorCode, "execution_ms", outcome.ExecutionTime.Milliseconds(), "message", outcome.message)
	} else if r.options.Log.Enabled(context.Background(), slog.LevelDebug) {
		attempt.Log().Debug("step.completed", "execution_ms", outcome.ExecutionTime.Milliseconds())
	}
	r.options.Deliveries.Outcome(outcome)
}
