// The worker that the conformance kit drives: the handlers of protocol/conformance.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
)

// step is any step here: what a handler does is in its config.
type step = tasker.Step[tasker.Payload]

func main() {
	worker, err := tasker.NewWorker(tasker.Options{Version: "1.0.0"})
	if err == nil {
		register(worker)
		err = worker.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func register(worker *tasker.Worker) {
	tasker.Handle(worker, "conformance.echo", echo)
	tasker.Handle(worker, "conformance.inspect", inspect)
	tasker.Handle(worker, "conformance.sleep", sleep)
	tasker.Handle(worker, "conformance.busy", busy)
	tasker.Handle(worker, "conformance.fail", fail)
	tasker.Handle(worker, "conformance.record", record)
	tasker.Handle(worker, "conformance.crash", crash)
	tasker.Handle(worker, "conformance.large", large)
	tasker.Handle(worker, "conformance.not_json", notJSON)
	tasker.Handle(worker, "conformance.progress", progress)
	tasker.Handle(worker, "conformance.checkpoint", checkpoint)
}

func echo(_ context.Context, step *step) (tasker.Payload, error) {
	return step.Context, nil
}

func inspect(_ context.Context, step *step) (any, error) {
	var config, cursor any
	if err := step.Config.Decode(&config); err != nil {
		return nil, err
	}
	cursor, _, err := tasker.CursorOf[any](step)
	if err != nil {
		return nil, err
	}
	previous := map[string]any{}
	for name, payload := range step.PreviousResults() {
		var result any
		if err := payload.Decode(&result); err != nil {
			return nil, err
		}
		previous[name] = result
	}
	return map[string]any{
		"attempt":          step.Attempt,
		"max_attempts":     step.MaxAttempts,
		"is_last_attempt":  step.IsLastAttempt(),
		"idempotency_key":  step.IdempotencyKey,
		"config":           config,
		"previous_results": previous,
		"cursor":           cursor,
	}, nil
}

type sleepConfig struct {
	Ms       int  `json:"ms"`
	Stubborn bool `json:"stubborn"`
}

func sleep(ctx context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[sleepConfig](step)
	if err != nil {
		return nil, err
	}
	if config.Stubborn {
		ctx = context.Background()
	}
	if err := wait(ctx, config.Ms); err != nil {
		return nil, err
	}
	return map[string]int{"slept_ms": config.Ms}, nil
}

func wait(ctx context.Context, ms int) error {
	timer := time.NewTimer(milliseconds(ms))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func milliseconds(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func busy(_ context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[sleepConfig](step)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(milliseconds(config.Ms)); time.Now().Before(end); {
	}
	return map[string]int{"busy_ms": config.Ms}, nil
}

type failConfig struct {
	Kind         string `json:"kind"`
	Message      string `json:"message"`
	Code         string `json:"code"`
	RetryAfterMs int    `json:"retry_after_ms"`
	UntilAttempt int    `json:"until_attempt"`
}

func fail(_ context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[failConfig](step)
	switch {
	case err != nil:
		return nil, err
	case config.UntilAttempt > 0 && step.Attempt >= config.UntilAttempt:
		return map[string]int{"attempt": step.Attempt}, nil
	case config.Kind == "retryable":
		return nil, &tasker.RetryableError{Message: config.Message, Code: config.Code, RetryAfter: milliseconds(config.RetryAfterMs)}
	case config.Kind == "permanent":
		return nil, &tasker.PermanentError{Message: config.Message, Code: config.Code}
	default:
		return nil, errors.New(config.Message)
	}
}

type recordConfig struct {
	File string `json:"file"`
	Ms   int    `json:"ms"`
}

func record(ctx context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[recordConfig](step)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(config.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(file, "%s %s %d\n", step.TaskID, step.StepName, step.Attempt)
	if err := errors.Join(err, file.Close(), wait(ctx, config.Ms)); err != nil {
		return nil, err
	}
	return map[string]int{"attempt": step.Attempt}, nil
}

type crashConfig struct {
	UntilAttempt int `json:"until_attempt"`
}

func crash(_ context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[crashConfig](step)
	if err != nil {
		return nil, err
	}
	if step.Attempt < config.UntilAttempt {
		die()
	}
	return map[string]int{"attempt": step.Attempt}, nil
}

func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}

type largeConfig struct {
	Bytes int `json:"bytes"`
}

func large(_ context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[largeConfig](step)
	if err != nil {
		return nil, err
	}
	return map[string]string{"text": strings.Repeat("x", config.Bytes)}, nil
}

func notJSON(context.Context, *step) (any, error) {
	return func() {}, nil
}

type progressConfig struct {
	Count      int `json:"count"`
	IntervalMs int `json:"interval_ms"`
}

func progress(ctx context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[progressConfig](step)
	if err != nil {
		return nil, err
	}
	for done := 1; done <= config.Count; done++ {
		if err := wait(ctx, config.IntervalMs); err != nil {
			return nil, err
		}
		step.Heartbeat(map[string]int{"done": done, "of": config.Count})
	}
	return map[string]int{"done": config.Count}, nil
}

type checkpointConfig struct {
	Count      int `json:"count"`
	IntervalMs int `json:"interval_ms"`
	CrashAt    int `json:"crash_at"`
}

type position struct {
	Position int `json:"position"`
}

func checkpoint(ctx context.Context, step *step) (any, error) {
	config, err := tasker.ConfigOf[checkpointConfig](step)
	if err != nil {
		return nil, err
	}
	cursor, _, err := tasker.CursorOf[position](step)
	if err != nil {
		return nil, err
	}
	startedAt := cursor.Position
	for cursor.Position < config.Count {
		if err := wait(ctx, config.IntervalMs); err != nil {
			return nil, err
		}
		cursor.Position++
		if err := step.Checkpoint(cursor); err != nil {
			return nil, err
		}
		if cursor.Position == config.CrashAt && step.Attempt == 1 {
			_ = wait(ctx, 2*config.IntervalMs)
			die()
		}
	}
	return map[string]int{"started_at": startedAt, "position": cursor.Position}, nil
}
