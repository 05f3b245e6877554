package codec

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWhatIsWrittenIsReadAgainInBothCodecs(t *testing.T) {
	ms, retryAfter, no := 1.5, 250.0, false
	session := "w1-0a1b2c3d"
	messages := []WorkerMessage{
		&Hello{
			Session: session, WorkerID: "w1", Protocols: []string{"2.0"}, Codecs: []string{"msgpack", "json"}, Language: "go", SDK: "go/0.1",
			Version: "é\"\\", Pool: "default", Handlers: []string{"größe", "A::B"}, Capacity: 5_000, Leases: []string{"a.1"}, Outbox: []string{"a.2"},
		},
		&Heartbeat{
			Session: session, Epoch: "e1", LastSeq: 1 << 52, Leases: []string{"a.1", "a.2"}, Capacity: 128,
			Progress:    []Progress{{"a.1", `{"n": 9007199254740993}`}},
			Checkpoints: []Checkpoint{{"a.1", 300, `"` + strings.Repeat("é", 200) + `"`}},
		},
		&Reject{Session: session, LeaseIDs: strings.Split(strings.Repeat("a.1 ", 40)+"a.2", " "), Reason: "draining"},
		&Bye{Session: session, LastSeq: 7},
		&Results{BatchID: "a", Version: "2.0", Session: session, Results: []Result{
			{StepID: 1, Status: "completed", Output: `[1.0,1e400]`, Error: "null", Metadata: ResultMetadata{LeaseID: "a.1", Attempt: 1}},
			{
				StepID: 1<<53 - 1, Status: "failed", Output: "null", Error: `{"message":"m","code":"c"}`, ErrorCode: "c",
				Metadata: ResultMetadata{LeaseID: "a.2", Attempt: 70_000, ExecutionTimeMs: &ms, HandlerVersion: "1.2.3", Retryable: &no, RetryAfterMs: &retryAfter},
			},
		}},
	}
	for _, codec := range []Codec{JSON, MessagePack} {
		for _, message := range messages {
			frame := string(message.Append(nil, codec))
			again, err := DecodeForOrchestrator(frame, &DefaultLimits)
			if err != nil {
				t.Errorf("%v: %q", err, frame)
			} else if !reflect.DeepEqual(again, message) {
				t.Errorf("%+v came back as %+v", message, again)
			}
		}
	}
}

func TestPackedIntegersOfEveryWidth(t *testing.T) {
	for packed, expected := range map[string]int64{
		"\x7f": 127, "\xff": -1, "\xe0": -32, "\xcc\xff": 255, "\xcd\x01\x00": 256, "\xce\xff\xff\xff\xff": math.MaxUint32,
		"\xcf\x00\x1f\xff\xff\xff\xff\xff\xff": 1<<53 - 1, "\xd0\x80": -128, "\xd1\x80\x00": -32768, "\xd2\x80\x00\x00\x00": math.MinInt32,
		"\xd3\xff\xff\xff\xff\xff\xff\xff\xff": -1, "\xcb\x40\xc0\x00\x00\x00\x00\x00\x00": 8192, "\xca\x46\x00\x00\x00": 8192,
	} {
		v, end := packedAt(packed, 0)
		if got, ok := v.integer(); !ok || got != expected || end != len(packed) {
			t.Errorf("%x is %d (%v), not %d", packed, got, ok, expected)
		}
	}
	for _, packed := range []string{"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"} {
		v, _ := packedAt(packed, 0)
		if got, ok := v.integer(); ok {
			t.Errorf("%x was read as %d", packed, got)
		}
	}
}

func TestTheDepthLimitIsExact(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	if err := CheckJSON(nested(5), 5); err != nil {
		t.Error(err)
	}
	if err := CheckJSON(nested(6), 5); err == nil {
		t.Error("6 levels were taken for 5")
	}
}

// FuzzCheckJSON holds the check against encoding/json, which differs only where bytes are not UTF-8.
func FuzzCheckJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, ` {"a" : [1, -0.5e+7, true, false, null, "\u00e9\"\\/"] }`, `[`, `{"a"}`, `{"a":1,}`, `[1,]`, `01`, `-`, `1.`, `1e`, `"\x"`, `"\u12"`,
		"\"\x01\"", `tru`, `nul`, ``, ` `, `1 2`, `"a`, `{"a":1 "b":2}`, "\ufeff{}", `"é"`, `.5`, `+1`, `{1:2}`, `[[],{}]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, expected := CheckJSON(text, 10_000) == nil, utf8.ValidString(text) && json.Valid([]byte(text)); got != expected {
			t.Errorf("%q: %v, encoding/json: %v", text, got, expected)
		}
	})
}

// FuzzDecode: whatever arrives is read or refused.
func FuzzDecode(f *testing.F) {
	limits := DefaultLimits
	for _, folder := range []string{"accept", "reject"} {
		vectors, err := loadVectors(folder)
		if err != nil {
			f.Fatal(err)
		}
		for _, v := range vectors {
			if frame, err := v.bytes(); err == nil {
				f.Add(frame)
			}
		}
	}
	f.Fuzz(func(_ *testing.T, frame string) {
		_, _ = DecodeForWorker(frame, &limits)
		_, _ = DecodeForOrchestrator(frame, &limits)
	})
}
