package codec

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const protocolFolder = "../../../../protocol"

// vector is a file of protocol/vectors; protocol/README.md says what the members mean.
type vector struct {
	Name        string
	Side        string
	Frame       *string
	FrameBase64 string         `json:"frame_base64"`
	Limits      map[string]int `json:"limits"`
	Raw         map[string]string
	Equals      string
	Expected    struct {
		Code string
		Path string
		Item bool
	}
}

func readVectors(t *testing.T, folder string) map[string]vector {
	t.Helper()
	vectors, err := loadVectors(folder)
	if err != nil || len(vectors) < 20 {
		t.Fatalf("%d vectors in %s, %v", len(vectors), folder, err)
	}
	return vectors
}

func loadVectors(folder string) (map[string]vector, error) {
	files, err := filepath.Glob(filepath.Join(protocolFolder, "vectors", folder, "*.json"))
	vectors := map[string]vector{}
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		var v vector
		err = errors.Join(err, readErr, json.Unmarshal(text, &v))
		vectors[folder+"/"+filepath.Base(file)] = v
	}
	return vectors, err
}

func (v vector) bytes() (string, error) {
	if v.Frame != nil {
		return *v.Frame, nil
	}
	frame, err := base64.StdEncoding.DecodeString(v.FrameBase64)
	return string(frame), err
}

func (v vector) frame(t *testing.T) string {
	t.Helper()
	frame, err := v.bytes()
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func (v vector) limits(t *testing.T) *Limits {
	t.Helper()
	limits := DefaultLimits
	for name, number := range v.Limits {
		switch name {
		case "message_bytes":
			limits.MessageBytes = number
		case "output_bytes":
			limits.OutputBytes = number
		case "progress_bytes":
			limits.ProgressBytes = number
		case "checkpoint_bytes":
			limits.CheckpointBytes = number
		case "values":
			limits.PackedValues = number
		case "results_per_message":
			limits.ResultsPerMessage = number
		case "handlers":
			limits.Handlers = number
		default:
			t.Fatalf("unknown limit %s", name)
		}
	}
	return &limits
}

func (v vector) decode(t *testing.T) (any, *Error) {
	t.Helper()
	if v.Side == "worker" {
		return DecodeForWorker(v.frame(t), v.limits(t))
	}
	return DecodeForOrchestrator(v.frame(t), v.limits(t))
}

func refusedOf(message any) []RefusedItem {
	switch m := message.(type) {
	case *Batch:
		return m.Refused
	case *Heartbeat:
		return m.Refused
	case *Results:
		return m.Refused
	default:
		return nil
	}
}

func TestVectorsAreAccepted(t *testing.T) {
	vectors := readVectors(t, "accept")
	for file, v := range vectors {
		t.Run(file, func(t *testing.T) {
			message, err := v.decode(t)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range refusedOf(message) {
				t.Errorf("item %d: %v", item.Index, item.Err)
			}
			for path, text := range v.Raw {
				if got := payloadAt(t, message, path); got != text {
					t.Errorf("%s is %s, not %s", path, got, text)
				}
			}
			if v.Equals != "" {
				same, _ := vectors["accept/"+strings.TrimSuffix(filepath.Base(v.Equals), ".json")+".json"].decode(t)
				if same == nil || !reflect.DeepEqual(message, same) {
					t.Errorf("%+v is not %+v", message, same)
				}
			}
		})
	}
}

// payloadAt finds the payload at a path such as results[0].output.
func payloadAt(t *testing.T, message any, path string) string {
	t.Helper()
	parts := regexp.MustCompile(`^(\w+)\[(\d+)\]\.(\S+)$`).FindStringSubmatch(path)
	if parts == nil {
		t.Fatalf("no such payload: %s", path)
	}
	lists := map[string]string{"steps": "Steps", "results": "Results", "progress": "Progress", "checkpoints": "Checkpoints"}
	payloads := map[string]string{
		"task_context": "Context", "handler_config": "Config", "previous_results": "PreviousResults",
		"metadata.checkpoint": "Checkpoint", "output": "Output", "error": "Error", "progress": "Progress", "cursor": "Cursor",
	}
	items := reflect.ValueOf(message).Elem().FieldByName(lists[parts[1]])
	return items.Index(int(parts[2][0] - '0')).FieldByName(payloads[parts[3]]).String()
}

func TestVectorsAreRejected(t *testing.T) {
	for file, v := range readVectors(t, "reject") {
		t.Run(file, func(t *testing.T) {
			message, err := v.decode(t)
			refused := refusedOf(message)
			isItem := err == nil && len(refused) == 1
			if isItem {
				err = refused[0].Err
			}
			if err == nil {
				t.Fatalf("was accepted, with %d refused items: %v", len(refused), message)
			}
			if err.Code != v.Expected.Code || err.Path != v.Expected.Path || isItem != v.Expected.Item {
				t.Errorf("got %s at %q (item: %v), expected %+v: %v", err.Code, err.Path, isItem, v.Expected, err)
			}
		})
	}
}

func TestTranscriptsOfTheSpecification(t *testing.T) {
	spec, err := os.ReadFile(filepath.Join(protocolFolder, "spec.md"))
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, match := range regexp.MustCompile(`(?m)^[CS]: ((?:@\S+|worker|results|steps) \{.*\})$`).FindAllStringSubmatch(string(spec), -1) {
		frame := match[1]
		if strings.Contains(frame, "..") {
			continue
		}
		whole++
		decode := func() (any, *Error) { return DecodeForOrchestrator(frame, &DefaultLimits) }
		if strings.HasPrefix(frame, "@") || strings.HasPrefix(frame, "steps") {
			decode = func() (any, *Error) { return DecodeForWorker(frame, &DefaultLimits) }
		}
		if _, err := decode(); err != nil {
			t.Errorf("%s: %v", frame, err)
		}
	}
	if whole < 9 {
		t.Errorf("only %d whole frames", whole)
	}
}
