package taskertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
	"github.com/tasker-systems/tasker/workers/go/taskertest"
)

type anyStep = tasker.Step[tasker.Payload]

func run(t *testing.T, function func(context.Context, *anyStep) (any, error), step taskertest.Step) taskertest.Outcome {
	t.Helper()
	return taskertest.RunHandler(t.Context(), function, step)
}

func expectOutput(t *testing.T, outcome taskertest.Outcome, output string) {
	t.Helper()
	if outcome.Status != "completed" || string(outcome.Output) != output || outcome.Error != nil {
		t.Errorf("got %s %s %+v, expected %s", outcome.Status, outcome.Output, outcome.Error, output)
	}
}

func expectFailure(t *testing.T, outcome taskertest.Outcome, code, message string, retryable bool) {
	t.Helper()
	if outcome.Status != "failed" || outcome.Error == nil || outcome.Error.Code != code || !strings.Contains(outcome.Error.Message, message) {
		t.Fatalf("got %+v %+v, expected %s: %s", outcome, outcome.Error, code, message)
	}
	if outcome.Retryable == nil || *outcome.Retryable != retryable {
		t.Errorf("retryable is %v, not %v", outcome.Retryable, retryable)
	}
}

func TestAHandlerSeesWhatTheTestGaveIt(t *testing.T) {
	type order struct {
		ID    int64     `json:"id"`
		At    time.Time `json:"at"`
		Other any       `json:"other"`
	}
	type config struct{ Carrier string }
	seen := taskertest.RunHandler(t.Context(), func(ctx context.Context, step *tasker.Step[order]) (any, error) {
		read, err := tasker.ConfigOf[config](step)
		before, resultErr := tasker.ResultOf[[]int](step, "before")
		deadline, _ := ctx.Deadline()
		return []any{
			step.Context.ID, step.Context.At, step.Context.Other, read.Carrier, before, step.Attempt, step.MaxAttempts, step.IsLastAttempt(),
			step.IdempotencyKey, step.StepName, step.Timeout, time.Until(deadline) > 0, step.Cancelled(),
		}, errors.Join(err, resultErr)
	}, taskertest.Step{
		Context:         map[string]any{"id": int64(9007199254740993), "at": time.Unix(0, 0).UTC(), "other": json.Number("12345678901234567890")},
		Config:          config{"UPS"},
		PreviousResults: map[string]any{"before": []int{1}},
		Attempt:         2, MaxAttempts: 2, IdempotencyKey: "k", StepName: "ship", Timeout: time.Minute,
	})
	expectOutput(t, seen, `[9007199254740993,"1970-01-01T00:00:00Z",12345678901234567890,"UPS",[1],2,2,true,"k","ship",60000000000,true,false]`)
}

func TestAStepHasDefaults(t *testing.T) {
	outcome := run(t, func(_ context.Context, step *anyStep) (any, error) {
		cursor, has, err := tasker.CursorOf[int](step)
		return []any{step.Context, step.Config, step.PreviousResults(), step.Attempt, step.IsLastAttempt(), cursor, has}, err
	}, taskertest.Step{})
	expectOutput(t, outcome, `[{},{},{},1,false,0,false]`)
}

func TestPayloadsComeBackByteForByte(t *testing.T) {
	text := tasker.Payload(`{"id": 12345678901234567890, "__proto__":{"a":1.10}, "s":"\ud800<&>", "id":2}`)
	outcome := run(t, func(_ context.Context, step *anyStep) (any, error) { return step.Context, nil }, taskertest.Step{Context: text})
	expectOutput(t, outcome, string(text))
}

func TestNumbersWithoutATypeAreExact(t *testing.T) {
	outcome := taskertest.RunHandler(t.Context(), func(_ context.Context, step *tasker.Step[map[string]any]) (any, error) {
		return step.Context, nil
	}, taskertest.Step{Context: tasker.Payload(`{"big":9007199254740993,"exact":1.10}`)})
	expectOutput(t, outcome, `{"big":9007199254740993,"exact":1.10}`)
}

func TestNothingIsNull(t *testing.T) {
	outcome := taskertest.RunHandler(t.Context(), func(context.Context, *tasker.Step[struct{}]) (any, error) { return nil, nil }, taskertest.Step{})
	expectOutput(t, outcome, "null")
	if outcome.Retryable != nil || outcome.RetryAfter != 0 || outcome.Heartbeats != nil {
		t.Errorf("%+v", outcome)
	}
}

func TestErrorsSayWhatFollows(t *testing.T) {
	failing := func(err error) taskertest.Outcome {
		return run(t, func(context.Context, *anyStep) (any, error) { return 1, err }, taskertest.Step{})
	}
	retryable := failing(&tasker.RetryableError{Message: "busy", RetryAfter: 250 * time.Millisecond, Code: "gateway_busy"})
	expectFailure(t, retryable, "gateway_busy", "busy", true)
	if retryable.RetryAfter != 250*time.Millisecond || retryable.Output != "null" {
		t.Errorf("%+v", retryable)
	}
	cause := errors.New("no such card")
	permanent := &tasker.PermanentError{Message: "declined", Code: "card_declined", Err: cause}
	if !errors.Is(permanent, cause) {
		t.Error("the cause is lost")
	}
	wrapped := failing(fmt.Errorf("charging: %w", permanent))
	expectFailure(t, wrapped, "card_declined", "charging: declined: no such card", false)
	if wrapped.Error.Type != "*tasker.PermanentError" {
		t.Errorf("type %s", wrapped.Error.Type)
	}
	expectFailure(t, failing(cause), "handler_error", "no such card", true)
	expectFailure(t, failing(&tasker.RetryableError{Message: "slow", Code: "timeout"}), "handler_timeout", "slow", true)
	expectFailure(t, failing(&tasker.PermanentError{Message: "x", Code: "two words"}), "handler_error", "x", false)
	expectFailure(t, failing(context.Canceled), "handler_error", "context canceled", true) // nobody cancelled the step
}

func TestPanicsFailTheAttempt(t *testing.T) {
	outcome := run(t, func(context.Context, *anyStep) (any, error) {
		var nothing map[string]int
		nothing["x"] = 1
		return nil, nil
	}, taskertest.Step{})
	expectFailure(t, outcome, "handler_error", "assignment to entry in nil map", true)
	if outcome.Error.Type != "panic" || len(outcome.Error.Backtrace) == 0 || !strings.Contains(outcome.Error.Backtrace[0], "run_handler_test.go") {
		t.Errorf("%+v", outcome.Error)
	}
}

func TestPayloadsOfAnotherFormFailForGood(t *testing.T) {
	type order struct{ ID int }
	outcome := taskertest.RunHandler(t.Context(), func(context.Context, *tasker.Step[order]) (any, error) { return nil, nil },
		taskertest.Step{Context: map[string]string{"ID": "seven"}})
	expectFailure(t, outcome, "payload_mismatch", "the task's context has another form than the handler expects", false)
	missing := run(t, func(_ context.Context, step *anyStep) (any, error) { return tasker.ResultOf[int](step, "validate") }, taskertest.Step{})
	expectFailure(t, missing, "no_such_result", `there is no result of "validate"`, false)
}

type hostile struct{}

func (hostile) MarshalJSON() ([]byte, error) { panic("never") }

func TestWhatHasNoJSONFormFails(t *testing.T) {
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	deep := strings.Repeat("[", 501) + strings.Repeat("]", 501)
	for name, output := range map[string]any{
		"function": func() {}, "channel": make(chan int), "cycle": cyclic, "hostile": hostile{}, "text": json.RawMessage(`{"a":`), "deep": tasker.Payload(deep),
		"not UTF-8": tasker.Payload("\"\xff\""),
	} {
		t.Run(name, func(t *testing.T) {
			outcome := run(t, func(context.Context, *anyStep) (any, error) { return output, nil }, taskertest.Step{})
			if outcome.Error == nil || outcome.Error.Code != "not_json" || outcome.Retryable != nil {
				t.Errorf("%+v %+v", outcome, outcome.Error)
			}
		})
	}
}

func TestAnOutputThatTheOrchestratorWouldNotTakeFails(t *testing.T) {
	outcome := run(t, func(context.Context, *anyStep) (any, error) { return strings.Repeat("x", 100), nil }, taskertest.Step{MaxOutputBytes: 50})
	if outcome.Error == nil || outcome.Error.Code != "output_too_large" || !strings.Contains(outcome.Error.Message, "the output has 102 bytes; the orchestrator takes 50") {
		t.Errorf("%+v", outcome.Error)
	}
}

func TestTimeout(t *testing.T) {
	outcome := run(t, func(ctx context.Context, _ *anyStep) (any, error) {
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || context.Cause(ctx).Error() != "the step ran longer than 5 ms" {
			t.Errorf("%v, %v", ctx.Err(), context.Cause(ctx))
		}
		return nil, ctx.Err()
	}, taskertest.Step{Timeout: 5 * time.Millisecond})
	if outcome.Error == nil || outcome.Error.Code != "timeout" || outcome.Error.Message != "the handler did not end within 5 ms" {
		t.Errorf("%+v", outcome.Error)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	outcome := taskertest.RunHandler(ctx, func(ctx context.Context, step *anyStep) (any, error) {
		cancel(errors.New("the test cancels"))
		<-step.Ctx().Done()
		return nil, fmt.Errorf("stopped: %w", ctx.Err())
	}, taskertest.Step{})
	expectFailure(t, outcome, "cancelled", "the test cancels", false)
}

func TestHeartbeatsAreCollectedAndWhatIsNotJSONIsLogged(t *testing.T) {
	var logged strings.Builder
	outcome := run(t, func(_ context.Context, step *anyStep) (any, error) {
		step.Heartbeat(map[string]int{"done": 1})
		step.Heartbeat(func() {})
		step.Heartbeat(strings.Repeat("x", 70_000))
		step.Heartbeat(nil)
		step.Log().Info("worked")
		return nil, nil
	}, taskertest.Step{Logger: slog.New(slog.NewTextHandler(&logged, nil)), TaskID: "t1", StepName: "ship"})
	if !reflect.DeepEqual(outcome.Heartbeats, []tasker.Payload{`{"done":1}`, "null"}) {
		t.Errorf("%v", outcome.Heartbeats)
	}
	for _, line := range []string{"unsupported type: func()", "it is larger than 64 KiB", "msg=worked task=t1 step=ship attempt=1 lease=batch_test.1"} {
		if !strings.Contains(logged.String(), line) {
			t.Errorf("%q is not in\n%s", line, logged.String())
		}
	}
}

func TestCheckpointsBeginWhereTheLastOneEnded(t *testing.T) {
	type cursor struct{ Row int }
	outcome := run(t, func(_ context.Context, step *anyStep) (any, error) {
		from, has, err := tasker.CursorOf[cursor](step)
		for row := from.Row; row < 4 && err == nil; row++ {
			err = step.Checkpoint(cursor{row + 1})
		}
		return []any{from.Row, has}, err
	}, taskertest.Step{Cursor: cursor{2}})
	expectOutput(t, outcome, "[2,true]")
	if !reflect.DeepEqual(outcome.Checkpoints, []tasker.Payload{`{"Row":3}`, `{"Row":4}`}) {
		t.Errorf("%v", outcome.Checkpoints)
	}
	tooLarge := run(t, func(_ context.Context, step *anyStep) (any, error) {
		return nil, step.Checkpoint(strings.Repeat("x", 70_000))
	}, taskertest.Step{})
	expectFailure(t, tooLarge, "handler_error", "the cursor has 70002 bytes; the orchestrator takes 65536", true)
}

type shipOrder struct{}

func (shipOrder) Version() string { return "1.2.3" }

func (shipOrder) Process(task *tasker.Task, sequence *tasker.Sequence, step *anyStep) (any, error) {
	var order struct{ Number int }
	if err := task.Context.Decode(&order); err != nil {
		return nil, err
	}
	return []any{order.Number, sequence.ResultOf("validate"), sequence.ResultOf("other"), step.StepName}, nil
}

func TestTheSeedsFormRunsWithTaskSequenceAndStep(t *testing.T) {
	outcome := taskertest.RunProcess(t.Context(), shipOrder{}, taskertest.Step{
		Context: map[string]int{"number": 7}, PreviousResults: map[string]any{"validate": "ok"}, StepName: "ship",
	})
	expectOutput(t, outcome, `[7,"ok",null,"ship"]`)
	if outcome.HandlerVersion != "1.2.3" {
		t.Errorf("version %q", outcome.HandlerVersion)
	}
}
