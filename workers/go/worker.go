// Package tasker runs the steps of Tasker's tasks in Go.
//
//	worker, err := tasker.NewWorker(tasker.Options{})
//	tasker.Handle(worker, "OrderFulfillment::StepHandlers::ShipOrderHandler", shipOrder)
//	err = worker.Run(ctx)
//
// Handlers run in goroutines of their own; sockets and sessions live in one goroutine that no handler blocks.
package tasker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/handler"
	"github.com/tasker-systems/tasker/workers/go/internal/session"
)

var signalNames = map[os.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGINT: "SIGINT"}

// Worker registers handlers, runs the steps that orchestrators send, and leaves gracefully.
type Worker struct {
	settings *settings
	handlers map[string]handler.Registered
	runs     bool
}

// NewWorker makes a worker that does nothing before Run. Options win over TASKER_* variables. Its errors name the setting
// that is missing or wrong.
func NewWorker(options Options) (*Worker, error) {
	settings, err := readOptions(options, os.Getenv)
	if err != nil {
		return nil, err
	}
	return &Worker{settings: settings, handlers: map[string]handler.Registered{}}, nil
}

// ID of the worker.
func (w *Worker) ID() string { return w.settings.terms.WorkerID }

// Handle registers a function for steps whose template names this handler. Call it before the worker runs. It panics
// when the name is no handler's name, or is taken.
func Handle[C, R any](worker *Worker, name string, function func(ctx context.Context, step *Step[C]) (R, error)) {
	worker.Register(name, Func(function))
}

// Handle registers an object of the seed's form. It panics as the function Handle does.
func (w *Worker) Handle(name string, object StepHandler) {
	w.Register(name, Class(object))
}

// Register registers a handler that Func or Class made. It panics as the function Handle does.
func (w *Worker) Register(name string, handler Handler) {
	switch _, isTaken := w.handlers[name]; {
	case w.runs:
		panic(fmt.Sprintf("tasker: handler %q: the worker runs already", name))
	case !codec.IsHandlerName(name):
		panic(fmt.Sprintf("tasker: handler %q: a handler's name has 1 to 255 characters and no spaces; use the template's \"handler\"", name))
	case isTaken:
		panic(fmt.Sprintf("tasker: handler %q: there is such a handler already", name))
	}
	w.handlers[name] = handler.registered
	w.settings.terms.Handlers = append(w.settings.terms.Handlers, name)
}

// Run goes on until ctx is done, SIGTERM or SIGINT arrives, or an operator drains the worker. Then it takes no more
// steps, lets running handlers end (Options.Drain), waits until their results are acknowledged (Options.Flush), and
// returns nil. A second signal ends the process at once. It returns a *RefusedError when an orchestrator refuses it.
func (w *Worker) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for count := 1; ; count++ {
			select {
			case received := <-signals:
				if count > 1 {
					os.Exit(128 + int(received.(syscall.Signal)))
				}
				stop(errors.New(signalNames[received]))
			case <-ended:
				return
			}
		}
	}()
	return w.Serve(ctx)
}

// Serve is Run without the signals, for programs that handle them themselves.
func (w *Worker) Serve(ctx context.Context) error {
	switch {
	case w.runs:
		return errors.New("the worker has run already: make another one")
	case len(w.handlers) == 0:
		return errors.New("the worker has no handlers: call Handle first")
	}
	w.runs = true
	r, err := newRun(w)
	if err != nil {
		return err
	}
	return r.untilEnd(ctx)
}

// run is the one run of a worker, from its start to its end. It stands between the loop, which hears the orchestrators,
// and the runner, which calls handlers.
type run struct {
	settings *settings
	loop     *session.Loop
	runner   *handler.Runner
	stopping chan string // why; buffered

	mu       sync.Mutex
	draining bool
	refusal  *RefusedError
}

func newRun(w *Worker) (*run, error) {
	settings := *w.settings
	settings.log = settings.log.With("worker", settings.terms.WorkerID)
	r := &run{settings: &settings, stopping: make(chan string, 1)}
	loop, err := session.NewLoop(settings.terms, settings.orchestrators, settings.log, r)
	if err != nil {
		return nil, err
	}
	r.loop = loop
	r.runner = handler.NewRunner(handler.Options{
		Handlers: w.handlers, Concurrency: settings.terms.Capacity, Log: settings.log, Deliveries: loop,
	})
	return r, nil
}

func (r *run) untilEnd(ctx context.Context) error {
	terms := &r.settings.terms
	var endpoints []string
	for _, one := range r.settings.orchestrators {
		endpoints = append(endpoints, one.Steps, one.Results)
	}
	r.settings.log.Info("worker.started", "pool", terms.Pool, "concurrency", terms.Capacity, "handlers", terms.Handlers, "endpoints", endpoints)
	ended := make(chan error, 1)
	go func() { ended <- r.loop.Run() }()
	select {
	case <-ctx.Done():
		r.drain(context.Cause(ctx).Error(), ended)
	case why := <-r.stopping:
		r.drain(why, ended)
	case err := <-ended:
		ended <- err
	}
	err := <-ended
	r.runner.Abandon("the worker has ended")
	if r.refusal != nil {
		err = r.refusal
	}
	if err != nil {
		r.settings.log.Error("worker.stopped", "error", err.Error())
	} else {
		r.settings.log.Info("worker.stopped")
	}
	return err
}

// drain lets running handlers end, and then leaves.
func (r *run) drain(why string, ended chan error) {
	r.settings.log.Info("worker.stopping", "why", why, "running", r.runner.RunningCount())
	r.mu.Lock()
	r.draining = true
	r.mu.Unlock()
	r.loop.Drain()
	r.loop.GiveBack(r.runner.Drain())
	late := time.NewTimer(r.settings.drain)
	defer late.Stop()
	select {
	case <-r.runner.Idle():
	case <-late.C:
		r.settings.log.Warn("worker.drain_ended", "still_running", r.runner.RunningCount())
	case err := <-ended:
		ended <- err
	}
	r.runner.Abandon("the worker leaves")
	r.loop.Leave(r.settings.flush)
}

// ----------------------------------------------------------------------------------------------- what the loop calls

// Run hands steps to the runner.
func (r *run) Run(steps []handler.Request) {
	r.mu.Lock()
	draining := r.draining
	if !draining {
		r.runner.Accept(steps)
	}
	r.mu.Unlock()
	if draining {
		r.loop.GiveBack(steps)
	}
}

// Cancel asks handlers to stop.
func (r *run) Cancel(leaseIDs []string, reason string) { r.runner.Cancel(leaseIDs, reason) }

// CheckpointSettled tells the handler that waits for it.
func (r *run) CheckpointSettled(leaseID string, seq int64, refused string) {
	r.runner.CheckpointSettled(leaseID, seq, refused)
}

// DrainRequested: an operator wants the worker to leave.
func (r *run) DrainRequested(reason string) {
	select {
	case r.stopping <- "the orchestrator asked it to: " + reason:
	default: // it is stopping already
	}
}

// Refused ends the worker, whatever other orchestrators say.
func (r *run) Refused(reason, detail string) {
	r.refusal = &RefusedError{reason, detail}
	r.loop.Stop()
}

// Closed is the loop's own affair.
func (r *run) Closed() {}
