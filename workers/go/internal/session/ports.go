// Package session is a worker's side of the protocol with its orchestrators. session.go is the protocol's state machine,
// pure; sockets.go the sockets; loop.go joins them in a goroutine of its own, which no handler blocks.
package session

import (
	"log/slog"
	"math"
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

// never is the time of what does not happen.
const never = time.Duration(math.MaxInt64)

// Terms are what a worker says about itself in its hello.
type Terms struct {
	WorkerID string
	Pool     string
	// Version of the handlers, for people.
	Version  string
	Handlers []string
	// Capacity is how many steps it runs at once.
	Capacity int
	// Codecs that it speaks, in order of preference.
	Codecs []string
}

// Wire is one pair of sockets. It never waits; what cannot be sent is lost, and the protocol makes up for it.
type Wire interface {
	// Open opens new sockets, subscribed to this session's topic; the ones before are closed at once.
	Open(session string)
	// Send must not keep frame.
	Send(frame []byte)
	// Close gives what was sent so long to leave this process.
	Close(linger time.Duration)
}

// Events is who runs steps.
type Events interface {
	// Run hands steps over. Every one of them is answered with an outcome, or given back.
	Run(steps []handler.Request)
	Cancel(leaseIDs []string, reason string)
	// CheckpointSettled: the cursors of a lease up to seq are kept, or, with a reason, refused.
	CheckpointSettled(leaseID string, seq int64, refused string)
	// DrainRequested: the orchestrator wants the worker to end what it has, and leave.
	DrainRequested(reason string)
	// Refused is final: this worker must not come again as it is.
	Refused(reason, detail string)
	// Closed comes after Leave: the sockets are closed.
	Closed()
}

// Ports is what a session needs from outside, and nothing else.
type Ports struct {
	Wire   Wire
	Events Events
	// Now is a time that never jumps.
	Now func() time.Duration
	// Uniform answers random numbers, 0 <= x < 1.
	Uniform func() float64
	// Token answers 8 random hexadecimal digits, lower case.
	Token func() string
	Log   *slog.Logger
}
