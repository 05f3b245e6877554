package tasker

import (
	"context"

	"github.com/tasker-systems/tasker/workers/go/internal/handler"
)

// Handler is code for steps, in the form that a worker runs. Func and Class make it.
type Handler struct {
	registered handler.Registered
}

// Registered is for taskertest.
func (h Handler) Registered() handler.Registered { return h.registered }

// Func makes a handler of a function. C is the type of the task's context, R that of the output: anything that
// encoding/json reads and writes.
func Func[C, R any](function func(ctx context.Context, step *Step[C]) (R, error)) Handler {
	return Handler{handler.Registered{Run: func(ctx context.Context, attempt *handler.Attempt) (string, error) {
		step, err := newStep[C](ctx, attempt)
		if err != nil {
			return "", err
		}
		result, err := function(ctx, step)
		if err != nil {
			return "", err
		}
		return encode(result)
	}}}
}

// StepHandler is the seed's form of a handler. If it has a method `Version() string`, that is reported with every result
// (seed: handler_version).
type StepHandler interface {
	Process(task *Task, sequence *Sequence, step *Step[Payload]) (any, error)
}

// Task is the task, as class handlers see it.
type Task struct {
	TaskID  string
	Context Payload
}

// Sequence is what ran before, as class handlers see it.
type Sequence struct {
	// PreviousResults are outputs by step name.
	PreviousResults map[string]Payload
}

// ResultOf is the output of an earlier step; null when this step does not depend on it.
func (s *Sequence) ResultOf(stepName string) Payload {
	if result, has := s.PreviousResults[stepName]; has {
		return result
	}
	return "null"
}

// Class makes a handler of an object of the seed's form. Its Process is called from many goroutines.
func Class(object StepHandler) Handler {
	registered := handler.Registered{Run: func(ctx context.Context, attempt *handler.Attempt) (string, error) {
		step, err := newStep[Payload](ctx, attempt)
		if err != nil {
			return "", err
		}
		task := &Task{TaskID: step.TaskID, Context: step.Context}
		result, err := object.Process(task, &Sequence{step.PreviousResults()}, step)
		if err != nil {
			return "", err
		}
		return encode(result)
	}}
	if versioned, is := object.(interface{ Version() string }); is {
		registered.Version = versioned.Version()
	}
	return Handler{registered}
}

func encode(result any) (string, error) {
	text, err := handler.EncodeJSON(result)
	if err != nil {
		return "", &handler.NotJSON{Err: err}
	}
	return text, nil
}
