package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

const (
	silence = 4 * time.Second
	// firstHello: PUB drops what is published before it is connected, so the first hello waits a moment.
	firstHello   = 10 * time.Millisecond
	helloAgain   = 250 * time.Millisecond
	longestHello = 5 * time.Second
	helloJitter  = 0.2
	byeLinger    = 2 * time.Second
	// lateTick: a tick may be this late; beyond that, the process was stopped, and that is nobody's silence.
	lateTick         = 500 * time.Millisecond
	defaultHeartbeat = time.Second
	language         = "go"
	sdk              = "go/0.1"
)

// State of a session: connecting -> hello (backing off) -> ready -> draining -> closed. Four seconds of silence: lost,
// which is connecting again.
type State string

// The states.
const (
	Connecting State = "connecting"
	Hello      State = "hello"
	Ready      State = "ready"
	Draining   State = "draining"
	Closed     State = "closed"
)

// Session is a worker's side of the protocol with one orchestrator (spec section 6.1), without sockets, timers or a
// clock of its own: frames, outcomes and ticks come in; frames, steps to run and calls of Events go out. A lease runs at
// most once here, and every result is kept until the orchestrator has acknowledged it. Not safe for concurrent use.
type Session struct {
	ports    Ports
	terms    Terms
	handlers map[string]bool
	// origin marks its steps and outcomes among those of several orchestrators.
	origin int

	holdings holdings
	outbox   outbox
	cursors  cursors
	progress map[string]string
	recent   recentBatches

	connection State // never Draining
	name       string
	epoch      string
	codec      codec.Codec
	limits     limits
	lastSeq    int64
	heardAt    time.Duration

	helloAt     time.Duration
	helloDelay  time.Duration
	heartbeat   time.Duration
	heartbeatAt time.Duration

	draining bool
	// leaveAt is when it closes at the latest; never: not asked to.
	leaveAt time.Duration
	overdue int
	frame   []byte
}

// limits are what the orchestrator takes.
type limits struct {
	messageBytes    int
	outputBytes     int
	checkpointBytes int
}

var limitsBeforeWelcome = limits{codec.DefaultLimits.MessageBytes, codec.DefaultLimits.OutputBytes, codec.DefaultLimits.CheckpointBytes}

// New makes a session that does nothing before Start.
func New(terms Terms, ports Ports, origin int) *Session {
	handlers := map[string]bool{}
	for _, name := range terms.Handlers {
		handlers[name] = true
	}
	return &Session{
		ports: ports, terms: terms, handlers: handlers, origin: origin,
		holdings: newHoldings(), outbox: newOutbox(ports.Uniform), cursors: newCursors(), progress: map[string]string{},
		connection: Closed, limits: limitsBeforeWelcome, heartbeat: defaultHeartbeat, leaveAt: never,
	}
}

// State of the session now.
func (s *Session) State() State {
	if s.draining && s.connection != Closed {
		return Draining
	}
	return s.connection
}

// Name of the session on the wire; another one after every loss.
func (s *Session) Name() string { return s.name }

// WakesAt is the time of the next tick that has something to do.
func (s *Session) WakesAt() time.Duration {
	switch s.connection {
	case Closed:
		return never
	case Ready:
		return min(s.heardAt+silence, s.heartbeatAt, s.outbox.wakesAt(), s.leaveAt)
	default:
		return min(s.heardAt+silence, s.helloAt, s.leaveAt)
	}
}

// ---------------------------------------------------------------------------------------------------- what others ask

// Start connects.
func (s *Session) Start() { s.connect() }

// Tick: time has passed. It may be called at any time; call it at WakesAt, which any other call may have moved.
func (s *Session) Tick() {
	if s.connection == Closed {
		return
	}
	now := s.ports.Now()
	s.forgivePause(now)
	if s.leaveIfDone(now) {
		return
	}
	if now-s.heardAt >= silence {
		s.lose()
	}
	if s.connection == Ready {
		if now >= s.heartbeatAt {
			s.sendHeartbeat()
		}
		s.sendEntries(s.outbox.takeDue(now))
	} else if now >= s.helloAt {
		s.sendHello()
	}
}

// Finish: handlers ended. Outcomes of leases that it does not hold are ignored.
func (s *Session) Finish(outcomes []handler.Outcome) {
	now := s.ports.Now()
	fresh := make([]*entry, 0, len(outcomes))
	for i := range outcomes {
		outcome := &outcomes[i]
		one, has := s.holdings.end(outcome.LeaseID, outcome.ErrorCode == handler.CodeTimeout)
		if !has {
			continue
		}
		if s.cursors.waits(outcome.LeaseID) && s.connection == Ready {
			s.sendHeartbeat() // a cursor goes before its step's result (spec R-78)
		}
		delete(s.cursors.byLease, outcome.LeaseID)
		delete(s.progress, outcome.LeaseID)
		if entry := s.outbox.put(outcome.LeaseID, one.batchID, resultOf(outcome, one), now); entry != nil {
			fresh = append(fresh, entry)
		}
	}
	if s.connection == Ready {
		s.sendEntries(fresh)
	}
}

// GiveBack: these were never begun, and never will be.
func (s *Session) GiveBack(leaseIDs []string) {
	var held []string
	for _, leaseID := range leaseIDs {
		if s.holdings.release(leaseID) {
			held = append(held, leaseID)
		}
	}
	s.reject(held, "draining")
}

// Progress: the latest of a lease travels with the next heartbeat.
func (s *Session) Progress(leaseID, progressJSON string) {
	if s.holdings.has(leaseID) {
		s.progress[leaseID] = progressJSON
	}
}

// Checkpoint sends the cursor of a running step at once, and again until it is settled. One of a lease that is not
// held is refused.
func (s *Session) Checkpoint(leaseID string, seq int64, cursorJSON string) {
	if !s.holdings.has(leaseID) {
		s.ports.Events.CheckpointSettled(leaseID, seq, "stale_lease")
		return
	}
	if s.cursors.put(codec.Checkpoint{LeaseID: leaseID, Seq: seq, Cursor: cursorJSON}) {
		s.heartbeatAt = s.ports.Now() // with the next tick, so that one message takes all that come together
	}
}

// Overdue: so many handlers have run past their timeouts and still fill their slots.
func (s *Session) Overdue(count int) {
	s.overdue = count
	if s.connection == Ready {
		s.sendHeartbeat()
	}
}

// Drain takes no more steps.
func (s *Session) Drain() {
	if s.draining || s.connection == Closed {
		return
	}
	s.draining = true
	if s.connection == Ready {
		s.sendHeartbeat()
	}
}

// Leave says bye and closes as soon as every result is acknowledged, after flush at the latest.
func (s *Session) Leave(flush time.Duration) {
	if s.connection == Closed {
		return
	}
	s.Drain()
	s.leaveAt = s.ports.Now() + flush
	s.leaveIfDone(s.ports.Now())
}

// ------------------------------------------------------------------------------------------------------ what is heard

// Receive takes a frame. What cannot be read is logged.
func (s *Session) Receive(frame string) {
	if s.connection == Closed {
		return
	}
	s.heardAt = s.ports.Now()
	message, err := codec.DecodeForWorker(frame, &codec.DefaultLimits)
	if err != nil {
		if err.Code != codec.UnknownType {
			s.warn("message.refused", "code", err.Code, "error", err.Error())
		}
		return
	}
	switch m := message.(type) {
	case *codec.Batch:
		s.takeBatch(m)
	case *codec.Welcome:
		s.welcomed(m)
	case *codec.Rehello:
		s.sayHelloAgain(m.Reason)
	case *codec.Refuse:
		s.refused(m.Reason, m.Detail)
	case *codec.ResultAck:
		s.acknowledged(m)
		s.noteEpoch(m.Epoch)
	case *codec.CheckpointAck:
		s.settled(m)
		s.noteEpoch(m.Epoch)
	case *codec.Cancel:
		s.ports.Events.Cancel(m.LeaseIDs, m.Reason)
		s.noteEpoch(m.Epoch)
	case *codec.Drain:
		s.ports.Events.DrainRequested(m.Reason)
		s.noteEpoch(m.Epoch)
	case *codec.Ping:
		s.noteEpoch(m.Epoch)
	}
}

// noteEpoch: another epoch tells of an orchestrator that was restarted.
func (s *Session) noteEpoch(epoch string) {
	if s.connection == Ready && epoch != s.epoch {
		s.sayHelloAgain("other_epoch")
	}
}

func (s *Session) takeBatch(batch *codec.Batch) {
	if batch.Version != "2.0" {
		s.warn("message.refused", "error", "a batch of protocol 1.0")
		return
	}
	s.lastSeq = min(max(s.lastSeq, batch.Seq), codec.HighestLastSeq)
	if !s.recent.add(batch.Seq) {
		return
	}
	accepted := make([]handler.Request, 0, len(batch.Steps))
	var draining, unknown []string
	for i := range batch.Steps {
		step := &batch.Steps[i]
		switch {
		case s.outbox.has(step.LeaseID) || s.holdings.has(step.LeaseID):
		case s.draining:
			draining = append(draining, step.LeaseID)
		case !s.handlers[step.Handler]:
			unknown = append(unknown, step.LeaseID)
		default:
			s.holdings.add(holding{step.LeaseID, batch.ID, step.StepID, int(step.Attempt)})
			accepted = append(accepted, s.request(batch.ID, step))
		}
	}
	if len(accepted) > 0 {
		s.ports.Events.Run(accepted)
	}
	s.reject(draining, "draining")
	s.reject(unknown, "unknown_handler")
	s.rejectMalformed(batch)
}

func (s *Session) request(batchID string, step *codec.Step) handler.Request {
	return handler.Request{
		Origin:             s.origin,
		BatchID:            batchID,
		LeaseID:            step.LeaseID,
		StepName:           step.StepName,
		Handler:            step.Handler,
		Config:             step.Config,
		Context:            step.Context,
		PreviousResults:    step.PreviousResults,
		Cursor:             step.Checkpoint,
		Attempt:            int(step.Attempt),
		RetryLimit:         int(step.RetryLimit),
		Timeout:            milliseconds(step.TimeoutMs),
		IdempotencyKey:     step.IdempotencyKey,
		TaskID:             step.TaskUUID,
		MaxOutputBytes:     s.limits.outputBytes,
		MaxCheckpointBytes: s.limits.checkpointBytes,
	}
}

// milliseconds is a duration, of at most a century: more does not fit.
func milliseconds(ms int64) time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	return time.Duration(min(ms, century.Milliseconds())) * time.Millisecond
}

func (s *Session) rejectMalformed(batch *codec.Batch) {
	var leases []string
	for _, item := range batch.Refused {
		s.warn("step.refused", "batch", batch.ID, "code", item.Err.Code, "error", item.Err.Error())
		if leaseID := item.Err.IDs.LeaseID; leaseID != "" {
			leases = append(leases, leaseID)
		}
	}
	s.reject(leases, "malformed")
}

func (s *Session) reject(leaseIDs []string, reason string) {
	if len(leaseIDs) == 0 {
		return
	}
	s.ports.Log.Info("steps.rejected", "session", s.name, "reason", reason, "leases", leaseIDs)
	s.send(&codec.Reject{Session: s.name, LeaseIDs: leaseIDs, Reason: reason})
}

func (s *Session) acknowledged(ack *codec.ResultAck) {
	now := s.ports.Now()
	var next []*entry
	for _, leaseID := range ack.LeaseIDs {
		if one := s.outbox.acknowledge(leaseID, now); one != nil {
			next = append(next, one)
		}
	}
	for _, leaseID := range ack.TimeoutIDs {
		if one := s.outbox.acknowledgeTimeout(leaseID, now); one != nil {
			next = append(next, one)
		}
	}
	if s.connection == Ready {
		s.sendEntries(next)
	}
	s.leaveIfDone(now)
}

func (s *Session) settled(ack *codec.CheckpointAck) {
	for _, one := range ack.Checkpoints {
		if s.cursors.settle(one.LeaseID, one.Seq) {
			s.heartbeatAt = s.ports.Now()
		}
		if one.Refused != "" {
			s.warn("checkpoint.refused", "lease", one.LeaseID, "seq", one.Seq, "reason", one.Refused)
		}
		s.ports.Events.CheckpointSettled(one.LeaseID, one.Seq, one.Refused)
	}
}

// ---------------------------------------------------------------------------------------------------- coming and going

func (s *Session) connect() {
	now := s.ports.Now()
	s.name = s.terms.WorkerID + "-" + s.ports.Token()
	s.connection = Connecting
	s.codec = codec.JSON
	s.lastSeq = 0
	s.recent = recentBatches{}
	s.heardAt = now
	s.helloDelay = helloAgain
	s.helloAt = now + firstHello
	s.ports.Log.Debug("session.connecting", "session", s.name)
	s.ports.Wire.Open(s.name)
}

// lose: handlers run on, leases and outbox are kept; only the connection is made anew.
func (s *Session) lose() {
	s.warn("session.lost", "was", s.connection, "silent_ms", silence.Milliseconds(), "holding", len(s.holdings.held), "outbox", len(s.outbox.entries))
	s.connect()
}

func (s *Session) sendHello() {
	s.connection = Hello
	s.helloAt = s.ports.Now() + jittered(s.helloDelay, helloJitter, s.ports.Uniform())
	s.helloDelay = min(2*s.helloDelay, longestHello)
	s.send(&codec.Hello{
		Session:   s.name,
		WorkerID:  s.terms.WorkerID,
		Protocols: []string{"2.0"},
		Codecs:    s.terms.Codecs,
		Language:  language,
		SDK:       sdk,
		Version:   s.terms.Version,
		Pool:      s.terms.Pool,
		Handlers:  s.terms.Handlers,
		Capacity:  s.capacity(),
		Leases:    s.heldLeases(nil),
		Outbox:    s.outboxLeases(nil),
	})
}

func (s *Session) sayHelloAgain(reason string) {
	s.ports.Log.Debug("session.hello_again", "session", s.name, "reason", reason)
	s.helloDelay = helloAgain
	s.sendHello()
}

func (s *Session) welcomed(m *codec.Welcome) {
	if m.Version != "2.0" {
		s.refused("protocol_version", "the orchestrator chose "+m.Version)
		return
	}
	level := slog.LevelDebug
	if s.connection != Ready || m.Epoch != s.epoch {
		level = slog.LevelInfo
	}
	now := s.ports.Now()
	s.epoch = m.Epoch
	s.limits = limits{int(m.MaxMessageBytes), int(m.MaxOutputBytes), int(m.MaxCheckpointBytes)}
	s.codec = codec.JSON
	if m.Codec == "msgpack" {
		s.codec = codec.MessagePack
	}
	s.heartbeat = milliseconds(m.HeartbeatMs)
	s.connection = Ready
	s.heartbeatAt = now + s.heartbeat
	s.ports.Log.Log(context.Background(), level, "session.ready", "session", s.name, "orchestrator", m.OrchestratorID, "epoch", m.Epoch, "codec", m.Codec,
		"holding", len(s.holdings.held), "outbox", len(s.outbox.entries))
	if len(s.cursors.byLease) > 0 {
		s.heartbeatAt = now
	}
	s.outbox.restart()
	s.sendEntries(s.outbox.takeDue(now))
}

func (s *Session) refused(reason, detail string) {
	s.ports.Log.Error("session.refused", "session", s.name, "reason", reason, "detail", detail)
	s.close(0)
	s.ports.Events.Refused(reason, detail)
}

func (s *Session) leaveIfDone(now time.Duration) bool {
	if s.leaveAt == never || len(s.outbox.entries) > 0 && now < s.leaveAt {
		return false
	}
	if len(s.outbox.entries) > 0 {
		s.warn("results.unacknowledged", "leases", s.outboxLeases(nil))
	}
	if s.connection == Ready || s.connection == Hello {
		s.send(&codec.Bye{Session: s.name, LastSeq: s.lastSeq})
	}
	s.close(byeLinger)
	s.ports.Events.Closed()
	return true
}

func (s *Session) close(linger time.Duration) {
	s.connection = Closed
	s.ports.Wire.Close(linger)
	s.ports.Log.Info("session.closed", "session", s.name)
}

// forgivePause: time during which this process did not run is nobody's silence; what waits in the sockets is heard first.
func (s *Session) forgivePause(now time.Duration) {
	if late := now - s.WakesAt(); late > lateTick {
		s.heardAt += min(late, max(0, now-s.heardAt))
	}
}

// ------------------------------------------------------------------------------------------------------------- sending

// capacity: a handler that does not end after its timeout fills its slot, but all such handlers together leave one
// (spec R-48).
func (s *Session) capacity() int64 {
	if s.draining {
		return 0
	}
	return int64(max(1, s.terms.Capacity-s.overdue))
}

// heldLeases are the leases held, at most as many as one list takes.
func (s *Session) heldLeases(leases []string) []string {
	for leaseID := range s.holdings.held {
		if len(leases) == codec.DefaultLimits.Leases {
			break
		}
		leases = append(leases, leaseID)
	}
	return leases
}

func (s *Session) outboxLeases(leases []string) []string {
	for leaseID := range s.outbox.entries {
		if len(leases) == codec.DefaultLimits.Leases {
			break
		}
		leases = append(leases, leaseID)
	}
	return leases
}

// sendHeartbeat says in as many messages as are needed what cannot be said in one.
func (s *Session) sendHeartbeat() {
	s.heartbeatAt = s.ports.Now() + s.heartbeat
	for _, part := range s.heartbeatParts() {
		s.send(&codec.Heartbeat{
			Session:     s.name,
			Epoch:       s.epoch,
			LastSeq:     s.lastSeq,
			Leases:      s.outboxLeases(s.heldLeases(nil)),
			Capacity:    s.capacity(),
			Progress:    part.progress,
			Checkpoints: part.checkpoints,
		})
	}
	clear(s.progress)
}

type heartbeatPart struct {
	progress    []codec.Progress
	checkpoints []codec.Checkpoint
	bytes       int
}

// heartbeatParts cuts progress and cursors into parts that leave room for the leases.
func (s *Session) heartbeatParts() []heartbeatPart {
	parts := make([]heartbeatPart, 1)
	room := s.limits.messageBytes / 2
	partFor := func(bytes int) *heartbeatPart {
		if last := &parts[len(parts)-1]; last.bytes > 0 && last.bytes+bytes > room {
			parts = append(parts, heartbeatPart{})
		}
		part := &parts[len(parts)-1]
		part.bytes += bytes
		return part
	}
	for leaseID, text := range s.progress {
		part := partFor(len(text) + envelopeBytes)
		part.progress = append(part.progress, codec.Progress{LeaseID: leaseID, Progress: text})
	}
	for _, one := range s.cursors.byLease {
		one.sent = true
		part := partFor(len(one.Cursor) + envelopeBytes)
		part.checkpoints = append(part.checkpoints, one.Checkpoint)
	}
	return parts
}

// sendEntries: results of one batch share a message, results of several do not (spec section 5.5).
func (s *Session) sendEntries(entries []*entry) {
	if len(entries) == 0 {
		return
	}
	var batches [][]codec.Result
	places := map[string]int{}
	for _, one := range entries {
		place, has := places[one.batchID]
		if !has {
			place = len(batches)
			places[one.batchID] = place
			batches = append(batches, make([]codec.Result, 0, len(entries)))
		}
		batches[place] = append(batches[place], one.result)
	}
	for batchID, place := range places {
		for _, part := range splitBySize(batches[place], s.limits.messageBytes) {
			s.send(&codec.Results{BatchID: batchID, Session: s.name, Results: part})
		}
	}
}

func (s *Session) send(message codec.WorkerMessage) {
	s.frame = message.Append(s.frame[:0], s.codec)
	s.ports.Wire.Send(s.frame)
	if cap(s.frame) > mostKeptBytes {
		s.frame = nil
	}
}

// mostKeptBytes: one large message must not keep its memory.
const mostKeptBytes = 1 << 20

func (s *Session) warn(event string, fields ...any) {
	s.ports.Log.Warn(event, append([]any{"session", s.name}, fields...)...)
}
