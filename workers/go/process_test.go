package tasker_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	tasker "github.com/tasker-systems/tasker/workers/go"
	"github.com/tasker-systems/tasker/workers/go/internal/codec"
	"github.com/tasker-systems/tasker/workers/go/internal/scripted"
)

// childVariable makes this program the worker of a test instead of its tests.
const childVariable = "TASKER_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

func child() int {
	worker, err := tasker.NewWorker(tasker.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	tasker.Handle(worker, "echo", echo)
	tasker.Handle(worker, "waits", func(ctx context.Context, step *anyStep) (any, error) {
		wait, err := tasker.ConfigOf[struct{ Ms int }](step)
		time.Sleep(time.Duration(wait.Ms) * time.Millisecond) // its work
		return wait, err
	})
	if err := worker.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startChild starts a worker in a process of its own.
func startChild(t *testing.T, stepsEndpoint, resultsEndpoint, workerID string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childVariable+"=1", "TASKER_STEPS_ENDPOINT="+stepsEndpoint, "TASKER_RESULTS_ENDPOINT="+resultsEndpoint,
		"TASKER_WORKER_ID="+workerID, "TASKER_LOG_LEVEL=warn")
	return startProcess(t, command)
}

func startProcess(t *testing.T, command *exec.Cmd) *exec.Cmd {
	t.Helper()
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

func signal(t *testing.T, command *exec.Cmd, signal syscall.Signal) {
	t.Helper()
	if err := command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func exitCode(command *exec.Cmd) int {
	_ = command.Wait()
	return command.ProcessState.ExitCode()
}

func TestSIGTERMEndsWhatRunsAndThenTheProcess(t *testing.T) {
	o := scripted.Open(t)
	worker := startChild(t, o.StepsEndpoint, o.ResultsEndpoint, "child")
	leases, _ := o.SendBatch(o.Session(0), scripted.Step{Handler: "waits", Config: `{"ms":300}`})
	scripted.Until(o, 0, "it to be held", func(m *codec.Heartbeat) bool { return len(m.Leases) == 1 })
	signal(t, worker, syscall.SIGTERM)
	expectCompleted(t, o.Results(0, leases...)[0], `{"Ms":300}`)
	scripted.Until(o, 0, "bye", scripted.Any[*codec.Bye])
	if code := exitCode(worker); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	o := scripted.Open(t)
	worker := startChild(t, o.StepsEndpoint, o.ResultsEndpoint, "child")
	o.SendBatch(o.Session(0), scripted.Step{Handler: "waits", Config: `{"ms":600000}`})
	scripted.Until(o, 0, "it to be held", func(m *codec.Heartbeat) bool { return len(m.Leases) == 1 })
	signal(t, worker, syscall.SIGINT)
	scripted.Until(o, 0, "capacity 0", func(m *codec.Heartbeat) bool { return m.Capacity == 0 })
	signal(t, worker, syscall.SIGTERM)
	if code := exitCode(worker); code != 143 {
		t.Errorf("exit code %d", code)
	}
}

func TestARefusedProcessEndsWithOne(t *testing.T) {
	o := scripted.Open(t)
	o.Script(func(s *scripted.Script) { s.Welcomes = false })
	worker := startChild(t, o.StepsEndpoint, o.ResultsEndpoint, "child")
	o.Say(o.Session(0), "refuse", `"reason":"codec","detail":"none of them"`)
	if code := exitCode(worker); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

// ---------------------------------------------------------------------------------------------- with a real orchestrator

const repository = "../.."

// server is a real `tasker server`.
type server struct {
	t       *testing.T
	folder  string
	process *exec.Cmd
	HTTP    string `json:"http"`
	Steps   string `json:"steps"`
	Results string `json:"results"`
}

// startServer starts it on the database in a folder, again if need be, and waits for its ready line.
func startServer(t *testing.T, folder string) *server {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	node := filepath.Join(root, "node_modules/.bin/node")
	if _, err := os.Stat(node); err != nil {
		t.Fatalf("%v: run `make setup` first", err)
	}
	s := &server{t: t, folder: folder}
	command := exec.Command(node, "--disable-warning=ExperimentalWarning", filepath.Join(root, "apps/cli/bin/tasker.js"),
		"server", "--database", filepath.Join(folder, "t.db"), "--http", "127.0.0.1:0", "--json")
	command.Env = append(os.Environ(), "TASKER_LOG_LEVEL=error")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.process = startProcess(t, command)
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		t.Fatalf("the server's first line is %q: %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return s
}

func (s *server) request(method, path, contentType, body string, into any) error {
	request, err := http.NewRequest(method, s.HTTP+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if err == nil && into != nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		err = decoder.Decode(into)
	}
	return err
}

func (s *server) must(method, path, contentType, body string, into any) {
	s.t.Helper()
	if err := s.request(method, path, contentType, body, into); err != nil {
		s.t.Fatal(err)
	}
}

type task struct {
	ID     string
	Status string
	Steps  []struct {
		Name    string
		Status  string
		Attempt int
		Output  any
		Error   *struct{ Code string }
	}
}

const chainTemplate = `
namespace: go
name: chain
version: 1.0.0
steps:
  - { name: first, handler: echo }
  - { name: second, handler: waits, depends_on: [first], config: { ms: 5 }, retry: { limit: 5, base: 10ms } }
  - { name: third, handler: echo, depends_on: [second], retry: { limit: 5, base: 10ms } }
`

func (s *server) submit(count int) []string {
	s.t.Helper()
	one := `{"namespace":"go","name":"chain","context":{"id":9007199254740993}}`
	var answer struct{ Items []task }
	s.must("POST", "/v1/tasks/bulk", "application/json", `{"tasks":[`+strings.Join(repeat(one, count), ",")+`]}`, &answer)
	var ids []string
	for _, task := range answer.Items {
		ids = append(ids, task.ID)
	}
	return ids
}

func repeat(text string, count int) []string {
	texts := make([]string, count)
	for i := range texts {
		texts[i] = text
	}
	return texts
}

// events follows the server's stream of events from its beginning.
func (s *server) events(ctx context.Context, follow func(event map[string]any) (goOn bool)) error {
	request, err := http.NewRequestWithContext(ctx, "GET", s.HTTP+"/v1/stream", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Last-Event-ID", "0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return fmt.Errorf("%s: %w", data, err)
		}
		if !follow(event) {
			return nil
		}
	}
	return errors.Join(lines.Err(), errors.New("the stream has ended"))
}

// untilEnded waits until so many tasks have come to their end.
func (s *server) untilEnded(count int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 60*time.Second)
	defer cancel()
	ended := map[any]bool{}
	err := s.events(ctx, func(event map[string]any) bool {
		if to := event["to"]; event["step"] == nil && (to == "completed" || to == "failed") {
			ended[event["task_id"]] = true
		}
		return len(ended) < count
	})
	if err != nil {
		s.t.Fatalf("%d of %d tasks have ended: %v", len(ended), count, err)
	}
}

func (s *server) expectCompleted(ids []string) {
	s.t.Helper()
	for _, id := range ids {
		var got task
		s.must("GET", "/v1/tasks/"+id, "", "", &got)
		if got.Status != "completed" {
			s.t.Errorf("%+v", got)
			continue
		}
		for _, step := range got.Steps {
			if text, _ := json.Marshal(step.Output); step.Name != "second" && string(text) != `{"id":9007199254740993}` {
				s.t.Errorf("%s of %s has the output %s", step.Name, id, text)
			}
		}
	}
}

func TestARealOrchestratorGetsItsStepsDone(t *testing.T) {
	s := startServer(t, t.TempDir())
	s.must("PUT", "/v1/templates/go/chain/1.0.0", "application/yaml", chainTemplate, nil)
	startChild(t, s.Steps, s.Results, "go-1")
	ids := s.submit(20)
	s.untilEnded(20)
	s.expectCompleted(ids)
}

func TestOrchestratorAndWorkerAreKilledInTheMiddleAndEveryTaskIsCompleted(t *testing.T) {
	folder := t.TempDir()
	s := startServer(t, folder)
	s.must("PUT", "/v1/templates/go/chain/1.0.0", "application/yaml", chainTemplate, nil)
	first := startChild(t, s.Steps, s.Results, "go-1")
	startChild(t, s.Steps, s.Results, "go-2")
	ids := s.submit(300)
	completed := 0
	if err := s.events(t.Context(), func(event map[string]any) bool {
		if event["step"] == "second" && event["to"] == "completed" {
			completed++
		}
		return completed < 20
	}); err != nil {
		t.Fatal(err)
	}
	signal(t, s.process, syscall.SIGKILL)
	signal(t, first, syscall.SIGKILL)
	_ = s.process.Wait()
	again := startServer(t, folder)
	again.untilEnded(300)
	again.expectCompleted(ids)
}
