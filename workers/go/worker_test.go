package tasker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/scripted"
)

type anyStep = tasker.Step[tasker.Payload]

func echo(_ context.Context, step *anyStep) (tasker.Payload, error) { return step.Context, nil }

// started is a worker that runs until the test ends.
type started struct {
	stop func()
	// ended has what Serve returned.
	ended chan error
}

// start runs a worker that has the handler echo and those that register adds.
func start(t *testing.T, o *scripted.Orchestrator, options tasker.Options, register func(*tasker.Worker)) started {
	t.Helper()
	options.StepsEndpoint, options.ResultsEndpoint = o.StepsEndpoint, o.ResultsEndpoint
	return startAt(t, options, register)
}

func startAt(t *testing.T, options tasker.Options, register func(*tasker.Worker)) started {
	t.Helper()
	if options.WorkerID == "" {
		options.WorkerID = "w1"
	}
	if options.Drain == 0 {
		options.Drain = 200 * time.Millisecond
	}
	options.Flush = 200 * time.Millisecond
	options.LogLevel = "silent"
	worker, err := tasker.NewWorker(options)
	if err != nil {
		t.Fatal(err)
	}
	tasker.Handle(worker, "echo", echo)
	if register != nil {
		register(worker)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := started{stop: stop, ended: make(chan error, 1)}
	go func() { s.ended <- worker.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		s.ended <- <-s.ended
	})
	return s
}

func expectCompleted(t *testing.T, result codec.Result, output string) {
	t.Helper()
	if result.Status != "completed" || result.Output != output || result.Error != "null" {
		t.Errorf("got %+v, expected %s", result, output)
	}
}

func expectFailed(t *testing.T, result codec.Result, code string) {
	t.Helper()
	if result.Status != "failed" || result.ErrorCode != code || result.Output != "null" {
		t.Errorf("got %+v, expected %s", result, code)
	}
}

func TestABatchIsAnsweredUnderItsLeasesItsIDAndTheSession(t *testing.T) {
	for _, name := range []string{"json", "msgpack"} {
		t.Run(name, func(t *testing.T) {
			o := scripted.Open(t)
			o.Script(func(s *scripted.Script) { s.Codec = name })
			start(t, o, tasker.Options{Codec: name}, nil)
			session := o.Session(0)
			leases, _ := o.SendBatch(session, scripted.Step{Context: `{"id": 9007199254740993}`}, scripted.Step{Context: `{"b":[2]}`})
			results := o.Results(0, leases...)
			expectCompleted(t, results[0], `{"id": 9007199254740993}`)
			expectCompleted(t, results[1], `{"b":[2]}`)
			for _, message := range scripted.All[*codec.Results](o, 0) {
				if message.Session != session || !strings.HasPrefix(leases[0], message.BatchID+".") {
					t.Errorf("%+v", message)
				}
			}
			hello := scripted.All[*codec.Hello](o, 0)[0]
			if hello.Codecs[0] != name || hello.Language != "go" || hello.Capacity != 100 {
				t.Errorf("%+v", hello)
			}
		})
	}
}

func TestAStepThatEndsSoonerIsAnsweredSooner(t *testing.T) {
	o := scripted.Open(t)
	gate := make(chan struct{})
	start(t, o, tasker.Options{}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "gated", func(context.Context, *anyStep) (any, error) { <-gate; return nil, nil })
	})
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Handler: "gated"}, scripted.Step{})
	o.Results(0, leases[1])
	close(gate)
	expectCompleted(t, o.Results(0, leases[0])[0], "null")
}

func TestResultsOfOneWakeUpShareAMessage(t *testing.T) {
	o := scripted.Open(t)
	start(t, o, tasker.Options{}, nil)
	session := o.Session(0)
	var all []string
	for range 20 {
		leases, _ := o.SendBatch(session, make([]scripted.Step, 10)...)
		all = append(all, leases...)
	}
	o.Results(0, all...)
	if messages := len(scripted.All[*codec.Results](o, 0)); messages > 100 {
		t.Errorf("%d messages for 20 batches of 10", messages)
	}
}

func TestProgressTravelsWithAHeartbeat(t *testing.T) {
	o := scripted.Open(t)
	start(t, o, tasker.Options{}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "slow", func(ctx context.Context, step *anyStep) (any, error) {
			step.Heartbeat(map[string]int{"percent": 40})
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Handler: "slow"})
	beat := scripted.Until(o, 0, "progress", func(m *codec.Heartbeat) bool { return len(m.Progress) > 0 })
	if beat.Progress[0] != (codec.Progress{LeaseID: leases[0], Progress: `{"percent":40}`}) || beat.Leases[0] != leases[0] || beat.LastSeq != 1 || beat.Epoch != "e1" {
		t.Errorf("%+v", beat)
	}
}

func TestABusyHandlerDelaysNeitherHeartbeatsNorTheResultsOfOthers(t *testing.T) {
	o := scripted.Open(t)
	done := make(chan struct{})
	start(t, o, tasker.Options{Concurrency: 8}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "busy", func(context.Context, *anyStep) (any, error) {
			for count := 0; ; count++ {
				select {
				case <-done:
					return count, nil
				default:
				}
			}
		})
	})
	session := o.Session(0)
	busy, _ := o.SendBatch(session, scripted.Step{Handler: "busy"}, scripted.Step{Handler: "busy"}, scripted.Step{Handler: "busy"})
	scripted.Until(o, 0, "them to be held", func(m *codec.Heartbeat) bool { return len(m.Leases) == 3 })
	mark := o.Mark()
	leases, _ := o.SendBatch(session, scripted.Step{})
	o.Results(mark, leases...)
	scripted.Until(o, mark, "another heartbeat", scripted.Any[*codec.Heartbeat])
	close(done)
	o.Results(0, busy...)
}

func TestCheckpointsAreConfirmedAndTheNextAttemptBeginsThere(t *testing.T) {
	o := scripted.Open(t)
	start(t, o, tasker.Options{}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "import", func(_ context.Context, step *anyStep) (any, error) {
			from, _, err := tasker.CursorOf[int](step)
			return from, errors.Join(err, step.Checkpoint(from+1), step.Checkpoint(from+2))
		})
	})
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Handler: "import", Checkpoint: "40", Attempt: 2})
	expectCompleted(t, o.Results(0, leases...)[0], "40")
	beat := scripted.Until(o, 0, "the second cursor", func(m *codec.Heartbeat) bool { return len(m.Checkpoints) == 1 && m.Checkpoints[0].Seq == 2 })
	if beat.Checkpoints[0].Cursor != "42" {
		t.Errorf("%+v", beat)
	}
}

func TestATimeoutIsReportedAndTheLateAnswerFollowsUnderTheSameLease(t *testing.T) {
	o := scripted.Open(t)
	late := make(chan struct{})
	start(t, o, tasker.Options{}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "late", func(context.Context, *anyStep) (string, error) { <-late; return "done", nil })
	})
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Handler: "late", TimeoutMs: 50})
	expectFailed(t, o.Results(0, leases...)[0], "timeout")
	scripted.Until(o, 0, "one slot less", func(m *codec.Heartbeat) bool { return m.Capacity == 99 })
	mark := o.Mark()
	close(late)
	expectCompleted(t, o.Results(mark, leases...)[0], `"done"`)
	scripted.Until(o, mark, "the slot again", func(m *codec.Heartbeat) bool { return m.Capacity == 100 })
}

func TestCancelReachesTheHandler(t *testing.T) {
	o := scripted.Open(t)
	begun := make(chan struct{})
	start(t, o, tasker.Options{Concurrency: 1}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "stops", func(ctx context.Context, _ *anyStep) (any, error) {
			close(begun) // a second begin would panic
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
	session := o.Session(0)
	leases, _ := o.SendBatch(session, scripted.Step{Handler: "stops"}, scripted.Step{Handler: "stops"})
	<-begun
	o.Say(session, "cancel", fmt.Sprintf(`"lease_ids":["%s","batch_x.99"],"reason":"task cancelled"`, strings.Join(leases, `","`)))
	for _, result := range o.Results(0, leases...) {
		expectFailed(t, result, "cancelled")
		if *result.Metadata.Retryable || !strings.Contains(result.Error, "task cancelled") {
			t.Errorf("%+v", result)
		}
	}
}

func TestADoubledBatchRunsOnce(t *testing.T) {
	o := scripted.Open(t)
	runs := make(chan struct{}, 10)
	start(t, o, tasker.Options{}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "counts", func(context.Context, *anyStep) (any, error) { runs <- struct{}{}; return nil, nil })
	})
	session := o.Session(0)
	leases, frame := o.SendBatch(session, scripted.Step{Handler: "counts"})
	o.SendFrame(frame)
	o.Results(0, leases...)
	o.SendFrame(frame)
	after, _ := o.SendBatch(session, scripted.Step{})
	o.Results(0, after...)
	if len(runs) != 1 {
		t.Errorf("%d runs", len(runs))
	}
}

func TestAResultIsSentAgainUntilItIsAcknowledged(t *testing.T) {
	o := scripted.Open(t)
	o.Script(func(s *scripted.Script) { s.Acknowledges = false })
	start(t, o, tasker.Options{}, nil)
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Context: `{"n":1}`})
	first := o.Results(0, leases...)[0]
	scripted.Until(o, 0, "the lease in a heartbeat", func(m *codec.Heartbeat) bool { return slices.Contains(m.Leases, leases[0]) })
	mark := o.Mark()
	again := o.Results(mark, leases...)[0]
	if first.Output != again.Output || *first.Metadata.ExecutionTimeMs != *again.Metadata.ExecutionTimeMs {
		t.Errorf("%+v is not %+v", again, first)
	}
	o.Acknowledge(scripted.All[*codec.Results](o, mark)[0])
	scripted.Until(o, o.Mark(), "an empty outbox", func(m *codec.Heartbeat) bool { return len(m.Leases) == 0 })
}

func TestUnknownHandlersAndMalformedStepsAreRejectedAndTheirNeighboursRun(t *testing.T) {
	o := scripted.Open(t)
	start(t, o, tasker.Options{}, nil)
	session := o.Session(0)
	o.SendFrame("@" + session + ` {"type":`)
	o.SendFrame("@" + session + ` {"type":"from_the_future","protocol_version":"2.0"}`)
	leases, frame := o.SendBatch("nobody-00000000", scripted.Step{Handler: "nobody"}, scripted.Step{}, scripted.Step{Context: `{"bad":1}`})
	o.SendFrame(strings.NewReplacer("nobody-00000000", session, `{"bad":1}`, "[]").Replace(frame))
	o.Results(0, leases[1])
	for reason, lease := range map[string]string{"unknown_handler": leases[0], "malformed": leases[2]} {
		reject := scripted.Until(o, 0, reason, func(m *codec.Reject) bool { return m.Reason == reason })
		if !slices.Equal(reject.LeaseIDs, []string{lease}) {
			t.Errorf("%+v", reject)
		}
	}
}

func TestResultsThatWouldBeTooLargeTogetherAreSentApart(t *testing.T) {
	o := scripted.Open(t)
	o.Script(func(s *scripted.Script) { s.MaxMessageBytes, s.MaxOutputBytes = 100_000, 60_000 })
	start(t, o, tasker.Options{}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "large", func(context.Context, *anyStep) (string, error) { return strings.Repeat("x", 59_000), nil })
	})
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Handler: "large"}, scripted.Step{Handler: "large"})
	o.Results(0, leases...)
	for _, message := range scripted.All[*codec.Results](o, 0) {
		if len(message.Results) != 1 {
			t.Errorf("%d results in one message", len(message.Results))
		}
	}
}

func TestARestartedOrchestratorIsToldWhatRunsAndWhatIsDone(t *testing.T) {
	o := scripted.Open(t)
	gate := make(chan struct{})
	start(t, o, tasker.Options{}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "gated", func(context.Context, *anyStep) (string, error) { <-gate; return "done", nil })
	})
	o.Script(func(s *scripted.Script) { s.Acknowledges = false })
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Handler: "gated"}, scripted.Step{})
	o.Results(0, leases[1])
	o.Unbind()
	o.Restart("e2")
	o.Script(func(s *scripted.Script) { s.Acknowledges = true })
	mark := o.Mark()
	o.Bind()
	hello := scripted.Until(o, mark, "a hello", scripted.Any[*codec.Hello])
	if !slices.Equal(hello.Leases, leases[:1]) || !slices.Equal(hello.Outbox, leases[1:]) {
		t.Errorf("%+v", hello)
	}
	o.Results(mark, leases[1])
	close(gate)
	expectCompleted(t, o.Results(mark, leases[0])[0], `"done"`)
	scripted.Until(o, mark, "epoch e2", func(m *codec.Heartbeat) bool { return m.Epoch == "e2" })
}

func TestAfterFourSecondsOfSilenceItComesAgainUnderANewSession(t *testing.T) {
	o := scripted.Open(t)
	start(t, o, tasker.Options{}, nil)
	first := o.Session(0)
	hello := scripted.Until(o, 0, "another session", func(m *codec.Hello) bool { return m.Session != first })
	o.UntilUnsubscribed(first)
	leases, _ := o.SendBatch(hello.Session, scripted.Step{})
	o.Results(0, leases...)
}

func TestTwoOrchestratorsHaveASessionEach(t *testing.T) {
	a, b := scripted.Open(t), scripted.Open(t)
	startAt(t, tasker.Options{StepsEndpoint: a.StepsEndpoint + "," + b.StepsEndpoint, ResultsEndpoint: a.ResultsEndpoint + "," + b.ResultsEndpoint}, nil)
	for _, o := range []*scripted.Orchestrator{a, b} {
		leases, _ := o.SendBatch(o.Session(0), scripted.Step{Context: `{"n":1}`})
		expectCompleted(t, o.Results(0, leases...)[0], `{"n":1}`)
	}
	if len(scripted.All[*codec.Results](a, 0)) != 1 || len(scripted.All[*codec.Results](b, 0)) != 1 {
		t.Error("results went astray")
	}
}

func TestAWorkerThatIsStoppedEndsWhatRunsGivesBackTheRestAndSaysBye(t *testing.T) {
	o := scripted.Open(t)
	gate, begun := make(chan struct{}), make(chan struct{})
	worker := start(t, o, tasker.Options{Concurrency: 1, Drain: time.Minute}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "gated", func(context.Context, *anyStep) (string, error) { close(begun); <-gate; return "done", nil })
	})
	session := o.Session(0)
	leases, _ := o.SendBatch(session, scripted.Step{Handler: "gated"}, scripted.Step{Handler: "gated"})
	<-begun
	worker.stop()
	reject := scripted.Until(o, 0, "a reject", scripted.Any[*codec.Reject])
	if reject.Reason != "draining" || !slices.Equal(reject.LeaseIDs, leases[1:]) {
		t.Errorf("%+v", reject)
	}
	scripted.Until(o, 0, "capacity 0", func(m *codec.Heartbeat) bool { return m.Capacity == 0 })
	crossed, _ := o.SendBatch(session, scripted.Step{})
	scripted.Until(o, 0, "the crossed batch rejected", func(m *codec.Reject) bool { return slices.Equal(m.LeaseIDs, crossed) })
	close(gate)
	o.Results(0, leases[0])
	scripted.Until(o, 0, "bye", func(m *codec.Bye) bool { return m.Session == session })
	if err := <-worker.ended; err != nil {
		t.Error(err)
	}
	worker.ended <- nil
}

func TestAnIdleWorkerLeavesAtOnceWhenTheOrchestratorDrainsIt(t *testing.T) {
	o := scripted.Open(t)
	worker := start(t, o, tasker.Options{Drain: time.Hour}, nil)
	session := o.Session(0)
	o.Say(session, "drain", `"reason":"maintenance"`)
	scripted.Until(o, 0, "bye", scripted.Any[*codec.Bye])
	if err := <-worker.ended; err != nil {
		t.Error(err)
	}
	worker.ended <- nil
}

func TestAHandlerThatDoesNotEndIsAbandonedAfterTheDrain(t *testing.T) {
	o := scripted.Open(t)
	stopped := make(chan error, 1)
	worker := start(t, o, tasker.Options{Drain: time.Millisecond}, func(worker *tasker.Worker) {
		tasker.Handle(worker, "waits", func(ctx context.Context, _ *anyStep) (any, error) {
			<-ctx.Done()
			stopped <- context.Cause(ctx)
			return nil, ctx.Err()
		})
	})
	o.SendBatch(o.Session(0), scripted.Step{Handler: "waits"})
	scripted.Until(o, 0, "it to be held", func(m *codec.Heartbeat) bool { return len(m.Leases) == 1 })
	worker.stop()
	scripted.Until(o, 0, "bye", scripted.Any[*codec.Bye])
	if cause := <-stopped; cause.Error() != "the worker leaves" {
		t.Error(cause)
	}
}

func TestALeavingWorkerDoesNotWaitForEverForAnAck(t *testing.T) {
	o := scripted.Open(t)
	o.Script(func(s *scripted.Script) { s.Acknowledges = false })
	worker := start(t, o, tasker.Options{}, nil)
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{})
	o.Results(0, leases...)
	worker.stop()
	if err := <-worker.ended; err != nil {
		t.Error(err)
	}
	worker.ended <- nil
	scripted.Until(o, 0, "bye", scripted.Any[*codec.Bye])
}

func TestARefusedWorkerEndsWithTheReason(t *testing.T) {
	o := scripted.Open(t)
	o.Script(func(s *scripted.Script) { s.Welcomes = false })
	worker := start(t, o, tasker.Options{}, nil)
	o.Say(o.Session(0), "refuse", `"reason":"duplicate_worker_id","detail":"w1 is connected as w1-0"`)
	err := <-worker.ended
	worker.ended <- err
	var refused *tasker.RefusedError
	if !errors.As(err, &refused) || refused.Reason != "duplicate_worker_id" || !strings.Contains(err.Error(), "w1 is connected as w1-0; give every worker its own TASKER_WORKER_ID") {
		t.Error(err)
	}
}

func TestRegisteringWhatIsOfNoUsePanics(t *testing.T) {
	worker, err := tasker.NewWorker(tasker.Options{StepsEndpoint: "ipc:///tmp/none", ResultsEndpoint: "ipc:///tmp/none"})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "no handlers") {
		t.Error(err)
	}
	tasker.Handle(worker, "echo", echo)
	for name, expected := range map[string]string{"two words": "no spaces", "": "1 to 255 characters", "echo": "there is such a handler already"} {
		func() {
			defer func() {
				if what := recover(); what == nil || !strings.Contains(what.(string), expected) {
					t.Errorf("%q: got %v, expected %s", name, what, expected)
				}
			}()
			tasker.Handle(worker, name, echo)
		}()
	}
}

// The payload type is also a value that encoding/json reads and writes.
func TestPayloadsKeepTheirTextInsideOfOtherValues(t *testing.T) {
	var order struct{ Item tasker.Payload }
	text := `{"Item":{"id":12345678901234567890,"price":1.10}}`
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(order)
	if err != nil || string(again) != text {
		t.Errorf("%s %v", again, err)
	}
}
