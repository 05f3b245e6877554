// Package scripted is an orchestrator for tests, over real sockets, that does only what a test tells it to. It welcomes
// who says hello and acknowledges results and checkpoints unless it is told otherwise, and remembers all that it hears.
package scripted

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pebbe/zmq4"

	"github.com/tasker-systems/tasker/workers/go/internal/codec"
)

// patience: so long a test waits for what must come before it fails.
const patience = 20 * time.Second

// Script is what it does by itself.
type Script struct {
	Welcomes     bool
	Acknowledges bool
	Codec        string
	HeartbeatMs  int
	// MaxMessageBytes and MaxOutputBytes are the limits of its welcome.
	MaxMessageBytes int
	MaxOutputBytes  int
}

// Step is a step to send. What is empty has a default.
type Step struct {
	Handler         string
	Context         string
	Config          string
	PreviousResults string
	Checkpoint      string
	Attempt         int
	TimeoutMs       int
}

// Orchestrator is open until the test ends.
type Orchestrator struct {
	t               *testing.T
	StepsEndpoint   string
	ResultsEndpoint string
	context         *zmq4.Context
	waker           *zmq4.Socket
	ended           chan struct{}

	mu         sync.Mutex
	changed    *sync.Cond
	script     Script
	epoch      string
	heard      []codec.WorkerMessage
	subscribed map[string]bool
	commands   []func(publisher *zmq4.Socket)
	closing    bool
	batches    int
	steps      int
	seq        int
}

// Open binds sockets in a folder of the test's own.
func Open(t *testing.T) *Orchestrator {
	t.Helper()
	folder := t.TempDir()
	o := &Orchestrator{
		t: t, epoch: "e1", subscribed: map[string]bool{},
		StepsEndpoint: "ipc://" + folder + "/s", ResultsEndpoint: "ipc://" + folder + "/r",
		script: Script{Welcomes: true, Acknowledges: true, Codec: "json", HeartbeatMs: 100, MaxMessageBytes: 16 << 20, MaxOutputBytes: 4 << 20},
	}
	o.changed = sync.NewCond(&o.mu)
	o.Bind()
	t.Cleanup(o.Unbind)
	return o
}

func (o *Orchestrator) socket(kind zmq4.Type, bind, connect string) *zmq4.Socket {
	socket, err := o.context.NewSocket(kind)
	if err == nil {
		err = socket.SetLinger(0)
	}
	if err == nil && bind != "" {
		err = socket.Bind(bind)
	}
	if err == nil && connect != "" {
		err = socket.Connect(connect)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return socket
}

// Bind opens the endpoints, again if need be.
func (o *Orchestrator) Bind() {
	context, err := zmq4.NewContext()
	if err != nil {
		o.t.Fatal(err)
	}
	o.context = context
	woken := o.socket(zmq4.PAIR, "inproc://scripted", "")
	subscriber := o.socket(zmq4.SUB, o.ResultsEndpoint, "")
	publisher := o.socket(zmq4.XPUB, o.StepsEndpoint, "")
	for _, topic := range []string{"results ", "worker "} {
		if err := subscriber.SetSubscribe(topic); err != nil {
			o.t.Fatal(err)
		}
	}
	o.mu.Lock()
	o.waker = o.socket(zmq4.PAIR, "", "inproc://scripted")
	o.closing = false
	o.ended = make(chan struct{})
	o.mu.Unlock()
	go o.serve(woken, subscriber, publisher, o.ended)
}

// Unbind is as if it were killed: the endpoints are gone, nobody is told.
func (o *Orchestrator) Unbind() {
	o.mu.Lock()
	if o.closing {
		o.mu.Unlock()
		return
	}
	o.closing = true
	o.mu.Unlock()
	o.do(func(*zmq4.Socket) {})
	<-o.ended
	o.mu.Lock()
	_ = o.waker.Close()
	clear(o.subscribed)
	o.mu.Unlock()
	_ = o.context.Term() // waits until the endpoints are gone
}

func (o *Orchestrator) serve(woken, subscriber, publisher *zmq4.Socket, ended chan struct{}) {
	defer close(ended)
	sockets := []*zmq4.Socket{woken, subscriber, publisher}
	poller := zmq4.NewPoller()
	for _, socket := range sockets {
		poller.Add(socket, zmq4.POLLIN)
	}
	for !o.isClosing() {
		if _, err := poller.Poll(-1); err != nil {
			continue // interrupted
		}
		for _, socket := range sockets {
			for frame, err := socket.Recv(zmq4.DONTWAIT); err == nil; frame, err = socket.Recv(zmq4.DONTWAIT) {
				switch socket {
				case subscriber:
					o.take(frame)
				case publisher:
					o.noteSubscription(frame)
				}
			}
		}
		for _, command := range o.takeCommands() {
			command(publisher)
		}
	}
	for _, socket := range sockets {
		_ = socket.Close()
	}
}

func (o *Orchestrator) isClosing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closing
}

func (o *Orchestrator) takeCommands() []func(*zmq4.Socket) {
	o.mu.Lock()
	defer o.mu.Unlock()
	commands := o.commands
	o.commands = nil
	return commands
}

func (o *Orchestrator) do(command func(publisher *zmq4.Socket)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.commands = append(o.commands, command)
	_, _ = o.waker.SendBytes([]byte{0}, zmq4.DONTWAIT)
}

// -------------------------------------------------------------------------------------------------------------- saying

// Script changes what it does by itself.
func (o *Orchestrator) Script(change func(*Script)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.script)
}

// Restart is a new epoch, as after a start.
func (o *Orchestrator) Restart(epoch string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.epoch = epoch
}

// Say sends a control message; members are JSON without braces.
func (o *Orchestrator) Say(session, kind, members string) {
	o.SendFrame(fmt.Sprintf(`@%s {"type":%q,"protocol_version":"2.0","orchestrator_id":"o1","epoch":%q,%s}`, session, kind, o.currentEpoch(), members))
}

func (o *Orchestrator) currentEpoch() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.epoch
}

// SendFrame sends any bytes.
func (o *Orchestrator) SendFrame(frame string) {
	o.do(func(publisher *zmq4.Socket) { _, _ = publisher.Send(frame, zmq4.DONTWAIT) })
}

// SendBatch answers the leases, and the frame, to be sent again or changed.
func (o *Orchestrator) SendBatch(session string, steps ...Step) (leases []string, frame string) {
	o.mu.Lock()
	o.batches++
	o.seq++
	batchID := fmt.Sprintf("batch_%s_%d", o.epoch, o.batches)
	var texts []string
	for _, step := range steps {
		o.steps++
		lease := fmt.Sprintf("%s.%d", batchID, o.steps)
		leases = append(leases, lease)
		texts = append(texts, step.json(o.steps, lease))
	}
	frame = fmt.Sprintf(`@%s {"batch_id":%q,"protocol_version":"2.0","type":"batch","seq":%d,"steps":[%s]}`, session, batchID, o.seq, strings.Join(texts, ","))
	o.mu.Unlock()
	o.SendFrame(frame)
	return leases, frame
}

func (s Step) json(stepID int, lease string) string {
	checkpoint := ""
	if s.Checkpoint != "" {
		checkpoint = `,"checkpoint":` + s.Checkpoint
	}
	return fmt.Sprintf(`{"step_id":%d,"task_id":1,"step_name":"a_step","handler_class":%q,"handler_config":%s,"task_context":%s,"previous_results":%s,`+
		`"metadata":{"attempt":%d,"retry_limit":2,"timeout_ms":%d,"lease_id":%q,"idempotency_key":"task:%d","task_uuid":"0190a000-0000-7000-8000-000000000000"%s}}`,
		stepID, orElse(s.Handler, "echo"), orElse(s.Config, "{}"), orElse(s.Context, "{}"), orElse(s.PreviousResults, "{}"),
		orElse(s.Attempt, 1), orElse(s.TimeoutMs, 30_000), lease, stepID, checkpoint)
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// ------------------------------------------------------------------------------------------------------------- hearing

func (o *Orchestrator) noteSubscription(notice string) {
	session := strings.TrimSpace(strings.TrimPrefix(notice[1:], "@"))
	o.mu.Lock()
	o.subscribed[session] = notice[0] == 1
	o.changed.Broadcast()
	o.mu.Unlock()
	if notice[0] == 1 {
		o.Say(session, "rehello", `"reason":"unknown_session"`)
	}
}

func (o *Orchestrator) take(frame string) {
	message, err := codec.DecodeForOrchestrator(frame, &codec.DefaultLimits)
	if err != nil {
		o.t.Errorf("a worker sent what cannot be read: %v\n%.300s", err, frame)
		return
	}
	o.mu.Lock()
	o.heard = append(o.heard, message)
	script := o.script
	o.changed.Broadcast()
	o.mu.Unlock()
	switch m := message.(type) {
	case *codec.Hello:
		if script.Welcomes {
			o.Say(m.Session, "welcome", fmt.Sprintf(`"version":"2.0","codec":%q,"heartbeat_ms":%d,"limits":{"max_message_bytes":%d,"max_output_bytes":%d,"max_steps_per_batch":10}`,
				script.Codec, script.HeartbeatMs, script.MaxMessageBytes, script.MaxOutputBytes))
		}
	case *codec.Results:
		if script.Acknowledges {
			o.Acknowledge(m)
		}
	case *codec.Heartbeat:
		if script.Acknowledges {
			o.settle(m)
		}
	}
}

// Acknowledge acknowledges results as an orchestrator does.
func (o *Orchestrator) Acknowledge(m *codec.Results) {
	leases, timeouts := []string{}, []string{}
	for _, result := range m.Results {
		if result.ErrorCode == "timeout" {
			timeouts = append(timeouts, result.Metadata.LeaseID)
		} else {
			leases = append(leases, result.Metadata.LeaseID)
		}
	}
	o.Say(m.Session, "result_ack", fmt.Sprintf(`"lease_ids":%s,"timeout_ids":%s`, toJSON(leases), toJSON(timeouts)))
}

func (o *Orchestrator) settle(m *codec.Heartbeat) {
	var settled []string
	for _, one := range m.Checkpoints {
		settled = append(settled, fmt.Sprintf(`{"lease_id":%q,"seq":%d}`, one.LeaseID, one.Seq))
	}
	if len(settled) > 0 {
		o.Say(m.Session, "checkpoint_ack", fmt.Sprintf(`"checkpoints":[%s]`, strings.Join(settled, ",")))
	}
}

func toJSON(texts []string) string {
	text, _ := json.Marshal(texts)
	return string(text)
}

// Mark is a place in what was heard: Until and the like look at what came after it.
func (o *Orchestrator) Mark() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.heard)
}

// Until waits for the first message of a kind that is as wanted, among those after mark.
func Until[M codec.WorkerMessage](o *Orchestrator, mark int, what string, wanted func(M) bool) M {
	o.t.Helper()
	var found M
	o.wait(what, func() bool {
		for _, message := range o.heard[mark:] {
			if m, is := message.(M); is && wanted(m) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// All answers the messages of a kind after mark, so far.
func All[M codec.WorkerMessage](o *Orchestrator, mark int) []M {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []M
	for _, message := range o.heard[mark:] {
		if m, is := message.(M); is {
			all = append(all, m)
		}
	}
	return all
}

// Any wants nothing in particular.
func Any[M codec.WorkerMessage](M) bool { return true }

// Session waits for the session of a worker that has said hello, and is subscribed.
func (o *Orchestrator) Session(mark int) string {
	o.t.Helper()
	return Until(o, mark, "a hello", func(hello *codec.Hello) bool { return o.subscribed[hello.Session] }).Session
}

// UntilUnsubscribed waits for a session's socket to go.
func (o *Orchestrator) UntilUnsubscribed(session string) {
	o.t.Helper()
	o.wait("the unsubscription of "+session, func() bool { return !o.subscribed[session] })
}

// Results waits for the results of these leases, in this order; the first one for each after mark.
func (o *Orchestrator) Results(mark int, leases ...string) []codec.Result {
	o.t.Helper()
	results := make([]codec.Result, len(leases))
	o.wait(fmt.Sprintf("results of %v", leases), func() bool {
		found := map[string]codec.Result{}
		for _, message := range o.heard[mark:] {
			if m, is := message.(*codec.Results); is {
				for _, result := range m.Results {
					if _, has := found[result.Metadata.LeaseID]; !has {
						found[result.Metadata.LeaseID] = result
					}
				}
			}
		}
		for i, lease := range leases {
			result, has := found[lease]
			if !has {
				return false
			}
			results[i] = result
		}
		return true
	})
	return results
}

// wait asks again whenever something is heard. It holds the lock while it asks.
func (o *Orchestrator) wait(what string, isThere func() bool) {
	o.t.Helper()
	isLate := false
	late := time.AfterFunc(patience, func() {
		o.mu.Lock()
		isLate = true
		o.changed.Broadcast()
		o.mu.Unlock()
	})
	defer late.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !isThere() {
		if isLate {
			o.t.Fatalf("not within %s: %s; heard %s", patience, what, o.lastHeard())
		}
		o.changed.Wait()
	}
}

func (o *Orchestrator) lastHeard() string {
	var lines []string
	for _, message := range o.heard[max(0, len(o.heard)-5):] {
		lines = append(lines, fmt.Sprintf("%T %+v", message, message))
	}
	return strings.Join(lines, "\n")
}
