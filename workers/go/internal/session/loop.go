package session

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/pebbe/zmq4"

	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

const (
	// burst: frames of one orchestrator taken before outcomes and timers get their turn.
	burst        = 256
	wakeEndpoint = "inproc://wake"
)

// Loop owns the sockets, and a session for each orchestrator, in one goroutine, so that heartbeats, acks and resends go
// on whatever handlers do. It joins sessions to sockets and to those who call from other goroutines; it decides nothing.
type Loop struct {
	log      *slog.Logger
	events   Events
	context  *zmq4.Context
	started  time.Time
	sessions []*Session
	sockets  []*sockets
	open     int
	failure  error
	poller   *zmq4.Poller // nil when the sockets have changed
	woken    *zmq4.Socket

	mu       sync.Mutex
	outcomes []handler.Outcome
	commands []func()
	// sleeping: the loop waits in zmq_poll, and somebody who brings something has to wake it.
	sleeping bool
	waker    *zmq4.Socket
}

// NewLoop makes the sockets' context, and sessions that do nothing before Run. Events are called from the goroutine of
// Run, and must not wait.
func NewLoop(terms Terms, orchestrators []Endpoints, log *slog.Logger, events Events) (*Loop, error) {
	context, err := zmq4.NewContext()
	if err != nil {
		return nil, fmt.Errorf("ZeroMQ: %w", err)
	}
	// An interrupted poll must not begin its time anew.
	context.SetRetryAfterEINTR(false)
	l := &Loop{log: log, events: events, context: context, started: time.Now(), open: len(orchestrators)}
	if err := l.pairUp(); err != nil {
		return nil, fmt.Errorf("ZeroMQ: %w", err)
	}
	for origin, endpoints := range orchestrators {
		wire := &sockets{context: context, endpoints: endpoints, changed: func() { l.poller = nil }, failed: l.fail}
		ports := Ports{
			Wire:    wire,
			Events:  sessionEvents{events, l},
			Now:     func() time.Duration { return time.Since(l.started) },
			Uniform: mathrand.Float64,
			Token:   token,
			Log:     log,
		}
		l.sockets = append(l.sockets, wire)
		l.sessions = append(l.sessions, New(terms, ports, origin))
	}
	return l, nil
}

// sessionEvents are the worker's, but that a session has closed is the loop's affair.
type sessionEvents struct {
	Events
	loop *Loop
}

func (e sessionEvents) Closed() { e.loop.open-- }

func token() string {
	var bytes [4]byte
	_, _ = rand.Read(bytes[:]) // never fails
	return hex.EncodeToString(bytes[:])
}

// pairUp makes the two sockets by which other goroutines wake the loop.
func (l *Loop) pairUp() (err error) {
	if l.woken, err = l.context.NewSocket(zmq4.PAIR); err != nil {
		return err
	}
	if l.waker, err = l.context.NewSocket(zmq4.PAIR); err != nil {
		return err
	}
	if err = l.woken.Bind(wakeEndpoint); err != nil {
		return err
	}
	return l.waker.Connect(wakeEndpoint)
}

// ---------------------------------------------------------------------------------- what other goroutines may call

// Outcome brings what came of an attempt.
func (l *Loop) Outcome(outcome handler.Outcome) {
	l.mu.Lock()
	l.outcomes = append(l.outcomes, outcome)
	l.wake()
	l.mu.Unlock()
}

func (l *Loop) do(command func()) {
	l.mu.Lock()
	l.commands = append(l.commands, command)
	l.wake()
	l.mu.Unlock()
}

// wake needs the lock, which also makes the socket safe to share.
func (l *Loop) wake() {
	if l.sleeping {
		l.sleeping = false
		_, _ = l.waker.SendBytes([]byte{0}, zmq4.DONTWAIT) // a full pair wakes as well
	}
}

// Progress brings how far an attempt is.
func (l *Loop) Progress(origin int, leaseID, progressJSON string) {
	l.do(func() { l.sessions[origin].Progress(leaseID, progressJSON) })
}

// Checkpoint brings the cursor of an attempt.
func (l *Loop) Checkpoint(origin int, leaseID string, seq int64, cursorJSON string) {
	l.do(func() { l.sessions[origin].Checkpoint(leaseID, seq, cursorJSON) })
}

// Overdue tells how many attempts have run past their time.
func (l *Loop) Overdue(count int) {
	l.do(func() {
		for _, one := range l.sessions {
			one.Overdue(count)
		}
	})
}

// Drain rejects every batch from now on.
func (l *Loop) Drain() {
	l.do(func() {
		for _, one := range l.sessions {
			one.Drain()
		}
	})
}

// GiveBack brings steps that have not begun.
func (l *Loop) GiveBack(steps []handler.Request) {
	byOrigin := map[int][]string{}
	for i := range steps {
		byOrigin[steps[i].Origin] = append(byOrigin[steps[i].Origin], steps[i].LeaseID)
	}
	for origin, leaseIDs := range byOrigin {
		l.do(func() { l.sessions[origin].GiveBack(leaseIDs) })
	}
}

// Leave waits for the acks of all results, at most so long, says bye, and ends Run.
func (l *Loop) Leave(flush time.Duration) {
	l.do(func() {
		for _, one := range l.sessions {
			one.Leave(flush)
		}
	})
}

// Stop ends Run at once, without a word.
func (l *Loop) Stop() {
	l.do(func() { l.open = 0 })
}

// ----------------------------------------------------------------------------------------------------------- the loop

// Run goes on until every session is closed. It returns what went wrong with the sockets, if anything did.
func (l *Loop) Run() error {
	defer l.close()
	for _, one := range l.sessions {
		one.Start()
	}
	for l.open > 0 && l.failure == nil {
		heard := l.hear()
		if heard {
			// Short handlers end while this goroutine stands aside, and their results share a message.
			runtime.Gosched()
		}
		took := l.takeIn()
		for _, one := range l.sessions {
			one.Tick()
		}
		if !heard && !took && l.open > 0 {
			l.sleep()
		}
	}
	return l.failure
}

func (l *Loop) hear() (heard bool) {
	for i, wire := range l.sockets {
		for range burst {
			frame, ok := wire.receive()
			if !ok {
				break
			}
			l.sessions[i].Receive(frame)
			heard = true
		}
	}
	return heard
}

// takeIn does what other goroutines asked for.
func (l *Loop) takeIn() (took bool) {
	l.mu.Lock()
	outcomes, commands := l.outcomes, l.commands
	l.outcomes, l.commands = nil, nil
	l.mu.Unlock()
	if len(outcomes) > 0 {
		l.finish(outcomes)
	}
	for _, command := range commands {
		command()
	}
	return len(outcomes)+len(commands) > 0
}

func (l *Loop) finish(outcomes []handler.Outcome) {
	if len(l.sessions) == 1 {
		l.sessions[0].Finish(outcomes)
		return
	}
	byOrigin := make([][]handler.Outcome, len(l.sessions))
	for _, outcome := range outcomes {
		byOrigin[outcome.Origin] = append(byOrigin[outcome.Origin], outcome)
	}
	for origin, own := range byOrigin {
		l.sessions[origin].Finish(own)
	}
}

// sleep waits for frames, for other goroutines, or for the next thing that a session has to do.
func (l *Loop) sleep() {
	l.mu.Lock()
	l.sleeping = len(l.outcomes)+len(l.commands) == 0
	isNews := !l.sleeping
	l.mu.Unlock()
	if isNews {
		return
	}
	if l.poller == nil {
		l.poller = zmq4.NewPoller()
		l.poller.Add(l.woken, zmq4.POLLIN)
		for _, wire := range l.sockets {
			if wire.subscriber != nil {
				l.poller.Add(wire.subscriber, zmq4.POLLIN)
			}
		}
	}
	polled, err := l.poller.Poll(l.untilNextTick())
	if err != nil && !interrupted(err) {
		l.fail(err)
	}
	l.mu.Lock()
	l.sleeping = false
	l.mu.Unlock()
	for _, one := range polled {
		if one.Socket == l.woken {
			_, _ = l.woken.RecvBytes(zmq4.DONTWAIT)
		}
	}
}

// untilNextTick is in whole milliseconds, which is what a poll takes, and never too short.
func (l *Loop) untilNextTick() time.Duration {
	next := time.Hour
	for _, one := range l.sessions {
		next = min(next, one.WakesAt()-time.Since(l.started))
	}
	return max(0, next+time.Millisecond-1).Truncate(time.Millisecond)
}

func (l *Loop) fail(err error) {
	l.log.Error("sockets.failed", "error", err.Error())
	if l.failure == nil {
		l.failure = fmt.Errorf("ZeroMQ: %w", err)
	}
}

// close waits for what sockets still have to send, as long as their linger allows.
func (l *Loop) close() {
	for _, wire := range l.sockets {
		wire.Close(0)
	}
	l.mu.Lock()
	l.sleeping = false
	_ = l.waker.SetLinger(0)
	_ = l.waker.Close()
	l.mu.Unlock()
	_ = l.woken.Close()
	for interrupted(l.context.Term()) {
	}
}
