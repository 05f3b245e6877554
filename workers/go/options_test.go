package tasker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/tasker-systems/tasker/workers/go/internal/session"
)

func environment(pairs ...string) func(string) string {
	variables := map[string]string{"TASKER_STEPS_ENDPOINT": "ipc:///tmp/s", "TASKER_RESULTS_ENDPOINT": "tcp://127.0.0.1:5556"}
	for i := 0; i < len(pairs); i += 2 {
		variables[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return variables[name] }
}

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	s, err := readOptions(Options{}, environment("TASKER_WORKER_ID", "w1", "TASKER_POOL", "gpu", "TASKER_CONCURRENCY", "7", "TASKER_CODEC", "msgpack"))
	if err != nil {
		t.Fatal(err)
	}
	expected := session.Terms{WorkerID: "w1", Pool: "gpu", Capacity: 7, Codecs: []string{"msgpack", "json"}}
	if !reflect.DeepEqual(s.terms, expected) || s.orchestrators[0] != (session.Endpoints{Steps: "ipc:///tmp/s", Results: "tcp://127.0.0.1:5556"}) {
		t.Errorf("%+v %+v", s.terms, s.orchestrators)
	}
}

func TestOptionsWinOverTheEnvironment(t *testing.T) {
	s, err := readOptions(Options{WorkerID: "w2", Concurrency: 3}, environment("TASKER_WORKER_ID", "w1", "TASKER_CONCURRENCY", "7"))
	if err != nil || s.terms.WorkerID != "w2" || s.terms.Capacity != 3 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestSettingsHaveDefaultsAndAWorkerIDThatNoOtherProcessHas(t *testing.T) {
	s, err := readOptions(Options{}, environment("TASKER_POOL", ""))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := readOptions(Options{}, environment())
	if s.terms.Pool != "default" || s.terms.Capacity != 100 || !strings.Contains(s.terms.WorkerID, fmt.Sprintf("-%d-", os.Getpid())) || s.terms.WorkerID == other.terms.WorkerID {
		t.Errorf("%+v", s.terms)
	}
}

func TestSeveralOrchestratorsAreSeparatedByCommas(t *testing.T) {
	s, err := readOptions(Options{StepsEndpoint: "ipc:///a, ipc:///b", ResultsEndpoint: "ipc:///c,ipc:///d"}, environment())
	if err != nil || !reflect.DeepEqual(s.orchestrators, []session.Endpoints{{Steps: "ipc:///a", Results: "ipc:///c"}, {Steps: "ipc:///b", Results: "ipc:///d"}}) {
		t.Errorf("%+v %v", s, err)
	}
}

func TestASettingThatIsWrongIsNamed(t *testing.T) {
	for expected, c := range map[string]struct {
		options Options
		env     func(string) string
	}{
		"TASKER_STEPS_ENDPOINT is not set": {env: environment("TASKER_STEPS_ENDPOINT", "")},
		`TASKER_RESULTS_ENDPOINT: expected ipc://PATH or tcp://HOST:PORT, got "localhost:5556"`: {options: Options{ResultsEndpoint: "localhost:5556"}},
		"names 2 orchestrators and TASKER_RESULTS_ENDPOINT 1":                                   {options: Options{StepsEndpoint: "ipc:///a,ipc:///b"}},
		"TASKER_WORKER_ID: expected 1 to 128 letters, digits and ._:-":                          {options: Options{WorkerID: "two words"}},
		"TASKER_POOL: expected": {env: environment("TASKER_POOL", "-x")},
		"TASKER_CONCURRENCY: expected an integer from 1 to 5000, got many":               {env: environment("TASKER_CONCURRENCY", "many")},
		"TASKER_CONCURRENCY: expected an integer from 1 to 5000, got -1":                 {options: Options{Concurrency: -1}},
		`TASKER_LOG_LEVEL: expected one of debug, info, warn, error, silent, got "loud"`: {env: environment("TASKER_LOG_LEVEL", "loud")},
		`TASKER_CODEC: expected json or msgpack, got "xml"`:                              {options: Options{Codec: "xml"}},
	} {
		if c.env == nil {
			c.env = environment()
		}
		if _, err := readOptions(c.options, c.env); err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("got %v, expected %s", err, expected)
		}
	}
}

func TestLogsAreJSONLines(t *testing.T) {
	var out bytes.Buffer
	log := newLog(&out, logLevels["info"])
	log.Debug("step.started")
	log.With("worker", "w1").Warn("step.failed", "code", "timeout")
	var line map[string]string
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if line["at"] == "" || line["level"] != "warn" || line["event"] != "step.failed" || line["worker"] != "w1" || line["code"] != "timeout" {
		t.Errorf("%v", line)
	}
}
