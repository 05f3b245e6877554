package session

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

// world is everything around one session, with a clock that only tests move.
type world struct {
	t          *testing.T
	now        time.Duration
	session    *Session
	opened     []string
	closedWith time.Duration
	said       []codec.WorkerMessage
	saidAt     []time.Duration
	packed     []bool
	ran        []handler.Request
	events     []string
	batches    int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Second, closedWith: -1}
	random := rand.New(rand.NewPCG(1, 2))
	w.session = New(
		Terms{WorkerID: "w1", Pool: "default", Version: "1", Handlers: []string{"work"}, Capacity: 2, Codecs: []string{"json"}},
		Ports{
			Wire: w, Events: w,
			Now:     func() time.Duration { return w.now },
			Uniform: random.Float64,
			Token:   func() string { return fmt.Sprintf("%08x", random.Uint32()) },
			Log:     slog.New(slog.DiscardHandler),
		}, 0)
	return w
}

func (w *world) Open(session string)        { w.opened = append(w.opened, session) }
func (w *world) Close(linger time.Duration) { w.closedWith = linger }
func (w *world) Send(frame []byte) {
	message, err := codec.DecodeForOrchestrator(string(frame), &codec.DefaultLimits)
	if err != nil {
		w.t.Fatalf("%v: %s", err, frame)
	}
	w.said = append(w.said, message)
	w.saidAt = append(w.saidAt, w.now)
	w.packed = append(w.packed, !strings.Contains(string(frame), " {"))
}

func (w *world) Run(steps []handler.Request) { w.ran = append(w.ran, steps...) }
func (w *world) Cancel(leaseIDs []string, reason string) {
	w.note("cancel %s %s", strings.Join(leaseIDs, ","), reason)
}
func (w *world) CheckpointSettled(leaseID string, seq int64, refused string) {
	w.note("settled %s %d %s", leaseID, seq, refused)
}
func (w *world) DrainRequested(reason string)  { w.note("drain %s", reason) }
func (w *world) Refused(reason, detail string) { w.note("refused %s %s", reason, detail) }
func (w *world) Closed()                       { w.note("closed") }
func (w *world) note(format string, args ...any) {
	w.events = append(w.events, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (w *world) hear(kind, epoch, members string) {
	if members != "" {
		members = "," + members
	}
	w.session.Receive(fmt.Sprintf(`@%s {"type":%q,"protocol_version":"2.0","orchestrator_id":"o1","epoch":%q%s}`, w.session.Name(), kind, epoch, members))
}

func (w *world) welcome(epoch, codecName string) {
	w.hear("welcome", epoch, fmt.Sprintf(`"version":"2.0","codec":%q,"heartbeat_ms":1000,"limits":{"max_message_bytes":16777216,"max_output_bytes":4194304,"max_steps_per_batch":10}`, codecName))
}

func (w *world) ack(leases ...string) { w.hear("result_ack", "e1", `"lease_ids":`+quoted(leases)) }
func (w *world) ackTimeout(leases ...string) {
	w.hear("result_ack", "e1", `"lease_ids":[],"timeout_ids":`+quoted(leases))
}

func quoted(texts []string) string {
	return `["` + strings.Join(texts, `","`) + `"]`
}

type batchOf struct {
	count   int
	seq     int
	handler string
	id      string
}

// hearBatch answers the leases.
func (w *world) hearBatch(b batchOf) []string {
	w.batches++
	if b.id == "" {
		b.id = fmt.Sprintf("batch_%d", w.batches)
	}
	if b.handler == "" {
		b.handler = "work"
	}
	if b.seq == 0 {
		b.seq = w.batches
	}
	var leases, steps []string
	for i := 1; i <= max(1, b.count); i++ {
		lease := fmt.Sprintf("%s.%d", b.id, i)
		leases = append(leases, lease)
		steps = append(steps, fmt.Sprintf(`{"step_id":%d,"task_id":1,"step_name":"s","handler_class":%q,"handler_config":{},"task_context":{},"previous_results":{},`+
			`"metadata":{"attempt":1,"retry_limit":0,"timeout_ms":1000,"lease_id":%q,"idempotency_key":"k","task_uuid":"u"}}`, i, b.handler, lease))
	}
	w.session.Receive(fmt.Sprintf(`@%s {"batch_id":%q,"protocol_version":"2.0","type":"batch","seq":%d,"steps":[%s]}`, w.session.Name(), b.id, b.seq, strings.Join(steps, ",")))
	return leases
}

func completed(leaseID, output string) handler.Outcome {
	return handler.Outcome{LeaseID: leaseID, Completed: true, Output: output, Error: "null", ExecutionTime: 3 * time.Millisecond}
}

func timedOut(leaseID string) handler.Outcome {
	return handler.Outcome{LeaseID: leaseID, Output: "null", Error: `{"message":"m","code":"timeout"}`, ErrorCode: "timeout"}
}

func (w *world) finish(outcomes ...handler.Outcome) { w.session.Finish(outcomes) }

// advance moves time on, ticking whenever the session wants to, and answers what it said meanwhile.
func (w *world) advance(by time.Duration) []codec.WorkerMessage {
	from, end := len(w.said), w.now+by
	for w.session.WakesAt() <= end {
		w.now = max(w.now, w.session.WakesAt())
		w.session.Tick()
	}
	w.now = end
	w.session.Tick()
	return w.said[from:]
}

func (w *world) ready() *world {
	w.session.Start()
	w.advance(10 * time.Millisecond)
	w.welcome("e1", "json")
	w.forget()
	return w
}

func (w *world) forget() { w.said, w.saidAt, w.packed = nil, nil, nil }

func of[M codec.WorkerMessage](messages []codec.WorkerMessage) []M {
	var all []M
	for _, message := range messages {
		if m, is := message.(M); is {
			all = append(all, m)
		}
	}
	return all
}

func (w *world) last() codec.WorkerMessage { return w.said[len(w.said)-1] }

func resultsIn(messages []codec.WorkerMessage) []codec.Result {
	var results []codec.Result
	for _, message := range of[*codec.Results](messages) {
		results = append(results, message.Results...)
	}
	return results
}

func expect[T any](t *testing.T, what string, got, expected T) {
	t.Helper()
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("%s: got %+v, expected %+v", what, got, expected)
	}
}

func expectBetween(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: got %s, expected %s to %s", what, got, least, most)
	}
}

const ms = time.Millisecond

func TestHelloIsSaidAgainEverMoreRarely(t *testing.T) {
	w := newWorld(t)
	w.session.Start()
	expect(t, "state", w.session.State(), Connecting)
	expect(t, "opened", w.opened, []string{w.session.Name()})
	expect(t, "said within 9 ms", len(w.advance(9*ms)), 0)
	w.advance(3_900 * ms)
	hellos := of[*codec.Hello](w.said)
	if len(hellos) < 4 {
		t.Fatalf("%d hellos", len(hellos))
	}
	for i := 1; i < len(w.saidAt); i++ {
		nominal := 250 * ms << (i - 1)
		expectBetween(t, "gap", w.saidAt[i]-w.saidAt[i-1], nominal*8/10, nominal*12/10)
	}
	expect(t, "state", w.session.State(), Hello)
}

func TestHelloSaysAllThatIsHeldWhenItIsAskedFor(t *testing.T) {
	w := newWorld(t).ready()
	leases := w.hearBatch(batchOf{count: 2})
	w.finish(completed(leases[1], "1"))
	w.forget()
	w.hear("rehello", "e1", `"reason":"unknown_session"`)
	hello := of[*codec.Hello](w.said)[0]
	expect(t, "leases", hello.Leases, leases[:1])
	expect(t, "outbox", hello.Outbox, leases[1:])
	expect(t, "capacity", hello.Capacity, 2)
	expect(t, "handlers", hello.Handlers, []string{"work"})
	expect(t, "state", w.session.State(), Hello)
}

func TestAnotherEpochIsARestart(t *testing.T) {
	w := newWorld(t).ready()
	w.hear("ping", "e2", "")
	expect(t, "hellos", len(of[*codec.Hello](w.said)), 1)
	w.welcome("e2", "json")
	expect(t, "state", w.session.State(), Ready)
	expect(t, "epoch", of[*codec.Heartbeat](w.advance(time.Second))[0].Epoch, "e2")
}

func TestNothingIsSaidAfterARefusal(t *testing.T) {
	w := newWorld(t)
	w.session.Start()
	w.advance(10 * ms)
	w.hear("refuse", "e1", `"reason":"codec","detail":"json only"`)
	expect(t, "events", w.events, []string{"refused codec json only"})
	expect(t, "state", w.session.State(), Closed)
	expect(t, "linger", w.closedWith, 0)
	expect(t, "said", len(w.advance(time.Minute)), 0)
}

func TestSilenceMakesANewSessionThatKeepsWhatIsHeld(t *testing.T) {
	w := newWorld(t).ready()
	first := w.session.Name()
	leases := w.hearBatch(batchOf{count: 2})
	w.finish(completed(leases[1], "1"))
	w.advance(3_990 * ms)
	expect(t, "session", w.session.Name(), first)
	w.advance(30 * ms)
	if w.session.Name() == first {
		t.Fatal("the session is the same")
	}
	hello := w.last().(*codec.Hello)
	expect(t, "leases", hello.Leases, leases[:1])
	expect(t, "outbox", hello.Outbox, leases[1:])
	w.welcome("e1", "json")
	expect(t, "the outbox is sent under the new session", w.last().(*codec.Results).Session, w.session.Name())
}

func TestAnythingThatIsHeardIsNoSilence(t *testing.T) {
	w := newWorld(t).ready()
	first := w.session.Name()
	w.advance(3_500 * ms)
	w.hear("ping", "e1", "")
	w.advance(3_500 * ms)
	w.session.Receive("garbage")
	w.advance(3_500 * ms)
	expect(t, "session", w.session.Name(), first)
}

func TestAPauseOfTheProcessIsNoSilence(t *testing.T) {
	w := newWorld(t).ready()
	first := w.session.Name()
	w.now += time.Minute
	w.session.Tick()
	expect(t, "session", w.session.Name(), first)
	w.advance(4_100 * ms)
	if w.session.Name() == first {
		t.Error("silence after the pause is none")
	}
}

func TestBatchesRunOnceHoweverOftenTheyCome(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{seq: 1, id: "batch_x"})[0]
	w.hearBatch(batchOf{seq: 1, id: "batch_x"})
	w.finish(completed(lease, "1"))
	w.hearBatch(batchOf{seq: 2, id: "batch_x"})
	w.ack(lease)
	w.hearBatch(batchOf{seq: 1, id: "batch_x"})
	expect(t, "runs", len(w.ran), 1)
}

func TestABatchInSeveralMessagesRunsWhole(t *testing.T) {
	w := newWorld(t).ready()
	w.hearBatch(batchOf{seq: 1, id: "batch_x"})
	w.hearBatch(batchOf{count: 2, seq: 2, id: "batch_x"})
	expect(t, "runs", len(w.ran), 2)
}

func TestABatchBeforeTheWelcomeRunsAndIsAnsweredAfterIt(t *testing.T) {
	w := newWorld(t)
	w.session.Start()
	w.advance(10 * ms)
	lease := w.hearBatch(batchOf{})[0]
	w.finish(completed(lease, "1"))
	expect(t, "results before", len(resultsIn(w.said)), 0)
	w.welcome("e1", "json")
	expect(t, "results after", len(resultsIn(w.said)), 1)
}

func TestTheHighestSeqCounts(t *testing.T) {
	w := newWorld(t).ready()
	w.hearBatch(batchOf{seq: 3})
	w.hearBatch(batchOf{seq: 2})
	expect(t, "last_seq", of[*codec.Heartbeat](w.advance(time.Second))[0].LastSeq, 3)
	expect(t, "runs", len(w.ran), 2)
	w.hearBatch(batchOf{seq: 1<<53 - 1})
	w.hear("ping", "e1", "")
	expect(t, "last_seq leaves room", of[*codec.Heartbeat](w.advance(time.Second))[0].LastSeq, 1<<52)
}

func TestUnknownHandlersAreRejected(t *testing.T) {
	w := newWorld(t).ready()
	leases := w.hearBatch(batchOf{count: 2, handler: "other"})
	expect(t, "reject", *w.last().(*codec.Reject), codec.Reject{Session: w.session.Name(), LeaseIDs: leases, Reason: "unknown_handler"})
	expect(t, "runs", len(w.ran), 0)
}

func TestADrainingWorkerGivesBackWhatHasNotBegun(t *testing.T) {
	w := newWorld(t).ready()
	leases := w.hearBatch(batchOf{count: 2})
	w.session.Drain()
	w.session.GiveBack([]string{leases[1], "batch_unknown.1"})
	late := w.hearBatch(batchOf{})
	expect(t, "capacity", w.said[0].(*codec.Heartbeat).Capacity, 0)
	expect(t, "given back", w.said[1].(*codec.Reject).LeaseIDs, leases[1:])
	expect(t, "came late", w.said[2].(*codec.Reject).LeaseIDs, late)
	expect(t, "state", w.session.State(), Draining)
	beat := of[*codec.Heartbeat](w.advance(time.Second))[0]
	expect(t, "leases", beat.Leases, leases[:1])
}

func TestResultsAreSentAgainUntilTheyAreAcknowledged(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.finish(completed(lease, "1"))
	var at []time.Duration
	for second := range 60 {
		w.forget()
		w.advance(time.Second)
		for i, message := range w.said {
			if _, is := message.(*codec.Results); is {
				at = append(at, w.saidAt[i])
			}
		}
		if second%2 == 0 {
			w.hear("ping", "e1", "")
		}
	}
	if len(at) < 7 {
		t.Fatalf("%d results in a minute", len(at))
	}
	for i := 1; i < len(at); i++ {
		nominal := min(time.Second<<i, 10*time.Second)
		expectBetween(t, "gap", at[i]-at[i-1], nominal*8/10, nominal*12/10)
	}
	w.ack(lease)
	w.forget()
	for range 20 {
		w.hear("ping", "e1", "")
		w.advance(time.Second)
	}
	expect(t, "results after the ack", len(resultsIn(w.said)), 0)
}

func TestResultsOfSeveralBatchesGoInAMessageEach(t *testing.T) {
	w := newWorld(t).ready()
	var outcomes []handler.Outcome
	for _, lease := range append(w.hearBatch(batchOf{count: 2}), w.hearBatch(batchOf{})...) {
		outcomes = append(outcomes, completed(lease, "1"))
	}
	w.finish(outcomes...)
	var sizes []int
	for _, message := range of[*codec.Results](w.said) {
		sizes = append(sizes, len(message.Results))
	}
	slices.Sort(sizes)
	expect(t, "sizes", sizes, []int{1, 2})
}

func TestResultsThatAreTooLargeTogetherGoApart(t *testing.T) {
	large := strings.Repeat("x", 60_000)
	results := []codec.Result{{Output: large}, {Output: large}, {Output: "1"}}
	var sizes []int
	for _, part := range splitBySize(results, 100_000) {
		sizes = append(sizes, len(part))
	}
	expect(t, "sizes", sizes, []int{1, 2})
	expect(t, "at most 1,000 together", len(splitBySize(make([]codec.Result, 1_001), 16<<20)), 2)
}

func TestTheAnswerAfterATimeoutFollowsItsAck(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.finish(timedOut(lease))
	w.finish(completed(lease, `"late"`))
	expect(t, "results", len(resultsIn(w.said)), 1)
	w.ackTimeout(lease)
	w.ackTimeout(lease) // comes twice: it is no ack of the answer
	results := resultsIn(w.said)
	expect(t, "results", len(results), 2)
	expect(t, "answer", results[1].Output, `"late"`)
	expect(t, "outbox", len(w.session.outbox.entries), 1)
	w.ack(lease)
	expect(t, "outbox", len(w.session.outbox.entries), 0)
}

func TestALateAnswerIsSentAtOnceWhenTheTimeoutWasAcknowledged(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.finish(timedOut(lease))
	w.ack(lease)
	expect(t, "leases", len(of[*codec.Heartbeat](w.advance(time.Second))[0].Leases), 0)
	w.finish(completed(lease, `"late"`))
	expect(t, "results", len(resultsIn(w.said)), 2)
}

func TestOutcomesOfUnknownLeasesAreIgnored(t *testing.T) {
	w := newWorld(t).ready()
	w.finish(completed("batch_unknown.1", "1"))
	expect(t, "said", len(w.said), 0)
}

func TestCapacityShrinksByHandlersPastTheirTimeButNeverToNothing(t *testing.T) {
	w := newWorld(t).ready()
	var capacities []int64
	for _, overdue := range []int{1, 2, 0} {
		w.session.Overdue(overdue)
		capacities = append(capacities, w.last().(*codec.Heartbeat).Capacity)
	}
	expect(t, "capacities", capacities, []int64{1, 1, 2})
}

func TestProgressTravelsWithTheNextHeartbeatOnly(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.session.Progress(lease, "1")
	w.session.Progress(lease, "2")
	w.session.Progress("batch_unknown.1", "3")
	beats := of[*codec.Heartbeat](w.advance(time.Second))
	expect(t, "progress", beats[0].Progress, []codec.Progress{{LeaseID: lease, Progress: "2"}})
	expect(t, "progress", len(of[*codec.Heartbeat](w.advance(time.Second))[0].Progress), 0)
}

func TestACursorIsSentAtOnceAndAgainUntilItIsSettled(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.session.Checkpoint(lease, 1, `{"row":1}`)
	expected := []codec.Checkpoint{{LeaseID: lease, Seq: 1, Cursor: `{"row":1}`}}
	expect(t, "at once", of[*codec.Heartbeat](w.advance(0))[0].Checkpoints, expected)
	expect(t, "again", of[*codec.Heartbeat](w.advance(time.Second))[0].Checkpoints, expected)
	w.hear("checkpoint_ack", "e1", fmt.Sprintf(`"checkpoints":[{"lease_id":%q,"seq":1}]`, lease))
	expect(t, "settled", w.events, []string{"settled " + lease + " 1"})
	expect(t, "no more", len(of[*codec.Heartbeat](w.advance(time.Second))[0].Checkpoints), 0)
}

func TestNewerCursorsWaitForTheAckOfTheOneOnItsWay(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.session.Checkpoint(lease, 1, "1")
	w.advance(0)
	w.forget()
	for seq := int64(2); seq <= 9; seq++ {
		w.session.Checkpoint(lease, seq, "2")
	}
	expect(t, "said", len(w.advance(0)), 0)
	w.hear("checkpoint_ack", "e1", fmt.Sprintf(`"checkpoints":[{"lease_id":%q,"seq":1}]`, lease))
	expect(t, "only the newest", of[*codec.Heartbeat](w.advance(0))[0].Checkpoints, []codec.Checkpoint{{LeaseID: lease, Seq: 9, Cursor: "2"}})
}

func TestACursorThatWaitsGoesBeforeItsResultAndIsForgottenWithIt(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.session.Checkpoint(lease, 1, "1")
	w.advance(0)
	w.session.Checkpoint(lease, 2, "2")
	w.forget()
	w.finish(completed(lease, "1"))
	expect(t, "first", w.said[0].(*codec.Heartbeat).Checkpoints, []codec.Checkpoint{{LeaseID: lease, Seq: 2, Cursor: "2"}})
	expect(t, "then", len(w.said[1].(*codec.Results).Results), 1)
	expect(t, "later", len(of[*codec.Heartbeat](w.advance(time.Second))[0].Checkpoints), 0)
}

func TestCursorsOfLeasesThatAreNotHeldAreRefused(t *testing.T) {
	w := newWorld(t).ready()
	w.session.Checkpoint("batch_unknown.1", 1, "1")
	expect(t, "events", w.events, []string{"settled batch_unknown.1 1 stale_lease"})
}

func TestACursorOutlivesItsSession(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.session.Checkpoint(lease, 1, "1")
	w.advance(4_100 * ms)
	w.forget()
	w.welcome("e1", "json")
	expect(t, "checkpoints", len(of[*codec.Heartbeat](w.advance(0))[0].Checkpoints), 1)
}

func TestHeartbeatsThatAreTooLargeTogetherGoApart(t *testing.T) {
	w := newWorld(t).ready()
	w.session.limits.messageBytes = 10_000
	leases := w.hearBatch(batchOf{count: 3})
	for _, lease := range leases {
		w.session.Progress(lease, `"`+strings.Repeat("x", 3_000)+`"`)
	}
	beats := of[*codec.Heartbeat](w.advance(time.Second))
	expect(t, "messages", len(beats), 3)
}

func TestAfterAWelcomeOfMsgpackAllButHelloIsPacked(t *testing.T) {
	w := newWorld(t)
	w.session.Start()
	w.advance(10 * ms)
	w.welcome("e1", "msgpack")
	lease := w.hearBatch(batchOf{})[0]
	w.session.Progress(lease, `{"done":1}`)
	w.session.Checkpoint(lease, 1, `{"row":1}`)
	w.advance(0)
	w.finish(completed(lease, `{"id":9007199254740993}`))
	w.hear("rehello", "e1", `"reason":"unknown_session"`)
	expect(t, "packed", w.packed, []bool{false, true, true, false})
	expect(t, "output", resultsIn(w.said)[0].Output, `{"id":9007199254740993}`)
	expect(t, "progress", of[*codec.Heartbeat](w.said)[0].Progress[0].Progress, `{"done":1}`)
}

func TestLeavingWaitsForTheLastAckSaysByeAndLingers(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.session.Drain()
	w.finish(completed(lease, "1"))
	w.session.Leave(5 * time.Second)
	expect(t, "events", len(w.events), 0)
	w.ack(lease)
	expect(t, "said", w.last(), codec.WorkerMessage(&codec.Bye{Session: w.session.Name(), LastSeq: 1}))
	expect(t, "events", w.events, []string{"closed"})
	expect(t, "linger", w.closedWith, 2*time.Second)
	expect(t, "wakes", w.session.WakesAt(), never)
}

func TestLeavingDoesNotWaitForEver(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.finish(completed(lease, "1"))
	w.session.Leave(3 * time.Second)
	w.advance(2_990 * ms)
	expect(t, "events", len(w.events), 0)
	w.advance(10 * ms)
	expect(t, "events", w.events, []string{"closed"})
}

func TestALostAckIsMadeUpForThroughANewSession(t *testing.T) {
	w := newWorld(t).ready()
	lease := w.hearBatch(batchOf{})[0]
	w.finish(completed(lease, "1"))
	w.session.Leave(20 * time.Second)
	w.advance(4_100 * ms)
	hello := w.last().(*codec.Hello)
	expect(t, "capacity", hello.Capacity, 0)
	expect(t, "outbox", hello.Outbox, []string{lease})
	w.welcome("e1", "json")
	w.ack(lease)
	expect(t, "events", w.events, []string{"closed"})
}

func TestOrdersToCancelAndDrainArePassedOn(t *testing.T) {
	w := newWorld(t).ready()
	w.hear("cancel", "e1", `"lease_ids":["a.1","a.2"],"reason":"task cancelled"`)
	w.hear("drain", "e1", `"reason":"maintenance"`)
	expect(t, "events", w.events, []string{"cancel a.1,a.2 task cancelled", "drain maintenance"})
}

func TestTheLast2000BatchesAreRemembered(t *testing.T) {
	var recent recentBatches
	for seq := range int64(10_000) {
		if !recent.add(seq) || recent.add(max(0, seq-1_999)) {
			t.Fatalf("seq %d", seq)
		}
	}
	if len(recent.young)+len(recent.old) > 2*generationSize {
		t.Error("it remembers too much")
	}
}
