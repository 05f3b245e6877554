package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bench is one runner in a bubble with a clock of its own (testing/synctest), and what it delivers.
type bench struct {
	t      *testing.T
	runner *Runner

	// codes gets the code of every outcome, where a test waits for it.
	codes chan string

	mu       sync.Mutex
	outcomes []Outcome
	overdue  []int
	cursors  []string
}

func (b *bench) Outcome(outcome Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes = append(b.outcomes, outcome)
	if b.codes != nil {
		b.codes <- outcome.ErrorCode
	}
}
func (b *bench) Overdue(count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overdue = append(b.overdue, count)
}
func (b *bench) Progress(int, string, string) {}
func (b *bench) Checkpoint(_ int, leaseID string, seq int64, cursor string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cursors = append(b.cursors, fmt.Sprintf("%s %d %s", leaseID, seq, cursor))
}

// told answers "lease code-or-output" of every outcome, in order.
func (b *bench) told() []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var told []string
	for _, outcome := range b.outcomes {
		end := outcome.Output
		if !outcome.Completed {
			end = outcome.ErrorCode
		}
		told = append(told, outcome.LeaseID+" "+end)
	}
	return told
}

func inBubble(t *testing.T, concurrency int, run Func, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t}
		b.runner = NewRunner(Options{
			Handlers: map[string]Registered{"work": {Run: run}}, Concurrency: concurrency, Log: slog.New(slog.DiscardHandler), Deliveries: b,
		})
		test(b)
	})
}

func requests(count int, timeout time.Duration) []Request {
	all := make([]Request, count)
	for i := range all {
		all[i] = Request{
			LeaseID: fmt.Sprintf("b.%d", i+1), Handler: "work", Context: fmt.Sprint(i + 1), Timeout: timeout, MaxOutputBytes: 1_000, MaxCheckpointBytes: 100,
		}
	}
	return all
}

func expect[T any](t *testing.T, what string, got, expected T) {
	t.Helper()
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("%s: got %+v, expected %+v", what, got, expected)
	}
}

func TestAtMostConcurrencyRunInTheOrderInWhichTheyCame(t *testing.T) {
	var mu sync.Mutex
	running, most := 0, 0
	var order []string
	run := func(_ context.Context, attempt *Attempt) (string, error) {
		mu.Lock()
		running++
		most = max(most, running)
		order = append(order, attempt.Request.Context)
		mu.Unlock()
		time.Sleep(time.Second) // the bubble's clock
		mu.Lock()
		running--
		mu.Unlock()
		return "1", nil
	}
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(9, time.Minute))
		<-b.runner.Idle()
		time.Sleep(10 * time.Second)
		expect(t, "outcomes", len(b.told()), 9)
		expect(t, "order", strings.Join(order, ""), "123456789")
		expect(t, "at once", most, 1)
	})
	running, most = 0, 0
	inBubble(t, 3, run, func(b *bench) {
		b.runner.Accept(requests(20, time.Minute))
		time.Sleep(time.Minute)
		expect(t, "outcomes", len(b.told()), 20)
		expect(t, "at once", most, 3)
	})
}

func TestEachAttemptTimesOutAtItsOwnTimeAndKeepsItsSlot(t *testing.T) {
	run := func(_ context.Context, attempt *Attempt) (string, error) {
		time.Sleep(10 * time.Second)
		return `"late"`, nil
	}
	inBubble(t, 2, run, func(b *bench) {
		steps := requests(3, time.Minute)
		steps[1].Timeout = time.Second
		b.runner.Accept(steps)
		time.Sleep(999 * time.Millisecond)
		expect(t, "before", b.told(), nil)
		time.Sleep(2 * time.Millisecond)
		expect(t, "after", b.told(), []string{"b.2 timeout"})
		expect(t, "overdue", b.overdue, []int{1})
		expect(t, "running", b.runner.RunningCount(), 1)
		time.Sleep(10 * time.Second)
		told := b.told()
		expect(t, "ended", len(told), 3)
		expect(t, "overdue", b.overdue, []int{1, 0})
		if told[1] != `b.2 "late"` && told[2] != `b.2 "late"` {
			t.Errorf("%v", told)
		}
		time.Sleep(time.Minute)
		expect(t, "the third", b.told()[3], `b.3 "late"`)
	})
}

func TestHandlersThatNeverEndLeaveOneSlotForTheOthers(t *testing.T) {
	hang := make(chan struct{})
	run := func(_ context.Context, attempt *Attempt) (string, error) {
		if attempt.Request.Context < "3" {
			<-hang
		}
		return `"ran"`, nil
	}
	inBubble(t, 2, run, func(b *bench) {
		hang = make(chan struct{})
		b.runner.Accept(requests(4, time.Second))
		time.Sleep(time.Minute)
		expect(t, "outcomes", len(b.told()), 4)
		expect(t, "the others", b.told()[2:], []string{`b.3 "ran"`, `b.4 "ran"`})
		close(hang)
	})
}

func TestAHandlerThatStopsAtItsDeadlineHasTimedOutOnce(t *testing.T) {
	// It looks at its context all the time, and so often ends before the runner hears of the deadline.
	run := func(ctx context.Context, _ *Attempt) (string, error) {
		for ctx.Err() == nil {
		}
		return "", context.Cause(ctx)
	}
	for range 100 {
		b := &bench{t: t, codes: make(chan string, 2)}
		b.runner = NewRunner(Options{
			Handlers: map[string]Registered{"work": {Run: run}}, Concurrency: 1, Log: slog.New(slog.DiscardHandler), Deliveries: b,
		})
		b.runner.Accept(requests(1, time.Millisecond))
		select {
		case code := <-b.codes:
			expect(t, "outcome", code, "timeout")
		case <-time.After(10 * time.Second):
			t.Fatal("there is no outcome")
		}
		<-b.runner.Idle()
		expect(t, "outcomes", len(b.codes), 0)
	}
}

func TestCancelStopsWhatRunsAndDropsWhatHasNotBegun(t *testing.T) {
	var begun []string
	run := func(ctx context.Context, attempt *Attempt) (string, error) {
		begun = append(begun, attempt.Request.LeaseID)
		<-ctx.Done()
		return "", fmt.Errorf("stopped: %w", ctx.Err())
	}
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(2, time.Minute))
		synctest.Wait()
		b.runner.Cancel([]string{"b.1", "b.2", "b.99"}, "task cancelled")
		expect(t, "outcomes", b.told(), []string{"b.2 cancelled", "b.1 cancelled"})
		expect(t, "begun", begun, []string{"b.1"})
		for _, outcome := range b.outcomes {
			if !strings.Contains(outcome.Error, "task cancelled") || outcome.Retryable == nil || *outcome.Retryable {
				t.Errorf("%+v", outcome)
			}
		}
	})
}

func TestAHandlerThatFinishesAllTheSameHasItsResultSent(t *testing.T) {
	run := func(ctx context.Context, _ *Attempt) (string, error) {
		<-ctx.Done()
		return `"done"`, nil
	}
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(1, time.Minute))
		synctest.Wait()
		b.runner.Cancel([]string{"b.1"}, "task cancelled")
		expect(t, "outcomes", b.told(), []string{`b.1 "done"`})
	})
}

func TestWhatAHandlerThatIsToldToLeaveSaysIsNoAnswer(t *testing.T) {
	run := func(ctx context.Context, _ *Attempt) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(1, time.Minute))
		synctest.Wait()
		b.runner.Abandon("the worker leaves")
		expect(t, "outcomes", b.told(), nil)
		<-b.runner.Idle()
	})
}

func TestDrainGivesUpWhatHasNotBegunAndIdleWaitsForTheRest(t *testing.T) {
	gate := make(chan struct{})
	run := func(context.Context, *Attempt) (string, error) { <-gate; return "1", nil }
	inBubble(t, 1, run, func(b *bench) {
		gate = make(chan struct{})
		<-b.runner.Idle()
		steps := requests(3, time.Minute)
		b.runner.Accept(steps)
		synctest.Wait()
		expect(t, "given up", b.runner.Drain(), steps[1:])
		idle := b.runner.Idle()
		select {
		case <-idle:
			t.Error("it is not idle")
		default:
		}
		close(gate)
		<-idle
		expect(t, "outcomes", b.told(), []string{"b.1 1"})
	})
}

func TestTheEndOfAHandlersGoroutineFailsItsAttemptAndTheNextOneRuns(t *testing.T) {
	run := func(_ context.Context, attempt *Attempt) (string, error) {
		if attempt.Request.LeaseID == "b.1" {
			runtime.Goexit()
		}
		return "1", nil
	}
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(2, time.Minute))
		expect(t, "outcomes", b.told(), []string{"b.1 handler_error", "b.2 1"})
		expect(t, "error", strings.Contains(b.outcomes[0].Error, "the handler ended its goroutine"), true)
	})
}

func TestACheckpointWaitsForItsConfirmation(t *testing.T) {
	run := func(ctx context.Context, attempt *Attempt) (string, error) {
		first := attempt.Checkpoint(ctx, 1)
		second := attempt.Checkpoint(ctx, 2)
		return EncodeJSON([]bool{first == nil, second == nil})
	}
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(1, time.Minute))
		time.Sleep(time.Second)
		expect(t, "outcomes", b.told(), nil)
		expect(t, "cursors", b.cursors, []string{"b.1 1 1"})
		b.runner.CheckpointSettled("b.1", 1, "")
		synctest.Wait()
		expect(t, "cursors", b.cursors, []string{"b.1 1 1", "b.1 2 2"})
		b.runner.CheckpointSettled("b.1", 2, "stale_lease")
		expect(t, "outcomes", b.told(), []string{"b.1 [true,false]"})
	})
}

func TestACheckpointFailsWhenItsAttemptEnds(t *testing.T) {
	run := func(ctx context.Context, attempt *Attempt) (string, error) {
		return "", attempt.Checkpoint(ctx, 1)
	}
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(1, time.Second))
		time.Sleep(time.Minute)
		expect(t, "outcomes", b.told(), []string{"b.1 timeout"})
	})
}

func TestLongTextsAreCutBetweenCharacters(t *testing.T) {
	run := func(context.Context, *Attempt) (string, error) { return "", errors.New(strings.Repeat("é", 5_000)) }
	inBubble(t, 1, run, func(b *bench) {
		b.runner.Accept(requests(1, time.Minute))
		b.told()
		if message := b.outcomes[0].message; len(message) > maxMessageBytes+3 || strings.ContainsRune(message, '\ufffd') || !strings.HasSuffix(message, "é...") {
			t.Errorf("%d bytes, ends with %q", len(message), message[len(message)-10:])
		}
	})
}
