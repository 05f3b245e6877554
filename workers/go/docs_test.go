package tasker_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	tasker "github.com/tasker-systems/tasker/workers/go"
	"github.com/tasker-systems/tasker/workers/go/taskertest"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSamplesOfTheDocumentationCompile(t *testing.T) {
	code := read(t, "example_test.go")
	for _, file := range []string{"README.md", "../../docs/guides/worker-go.md"} {
		samples := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, file), -1)
		if len(samples) < 3 {
			t.Errorf("%s has %d samples", file, len(samples))
		}
		for _, sample := range samples {
			for _, part := range strings.Split(strings.TrimSpace(sample[1]), "\n\n") {
				if !strings.HasPrefix(part, "import ") && !strings.Contains(code, part) {
					t.Errorf("%s: example_test.go does not have\n%s", file, part)
				}
			}
		}
	}
}

func TestSamplesOfTheDocumentationDoWhatTheySay(t *testing.T) {
	declined := taskertest.RunHandler(t.Context(), processPayment, taskertest.Step{Context: Order{Card: "tok_declined"}, Config: Config{"USD"}})
	if declined.Error == nil || declined.Error.Code != "card_declined" || *declined.Retryable {
		t.Errorf("%+v", declined)
	}
	imported := taskertest.RunHandler(t.Context(), importRows, taskertest.Step{Cursor: Position{1}})
	if imported.Output != `{"row":3}` || len(imported.Checkpoints) != 2 {
		t.Errorf("%+v", imported)
	}
	reserved := taskertest.RunProcess(t.Context(), ReserveInventoryHandler{}, taskertest.Step{Context: Order{Items: []string{"tea"}}})
	if reserved.Output != `{"items":["tea"],"validated":null}` || reserved.HandlerVersion != "1.1.0" {
		t.Errorf("%+v", reserved)
	}
	worker, err := tasker.NewWorker(tasker.Options{StepsEndpoint: "ipc:///tmp/none", ResultsEndpoint: "ipc:///tmp/none"})
	if err != nil {
		t.Fatal(err)
	}
	register(worker)
	if err := run(t.Context()); err == nil || !strings.Contains(err.Error(), "TASKER_STEPS_ENDPOINT is not set") {
		t.Error(err)
	}
}
