package codec

// Hello is what a worker says about itself.
type Hello struct {
	Session   string
	WorkerID  string
	Protocols []string
	Codecs    []string
	Language  string
	SDK       string
	Version   string
	Pool      string
	Handlers  []string
	Capacity  int64
	Leases    []string
	Outbox    []string
}

// Heartbeat renews every lease that it lists.
type Heartbeat struct {
	Session  string
	Epoch    string
	LastSeq  int64
	Leases   []string
	Capacity int64
	Progress []Progress
	// Checkpoints are cursors that are not settled.
	Checkpoints []Checkpoint
	// Refused holds the checkpoints that are wrong in themselves, after decoding.
	Refused []RefusedItem
}

// Progress is what a handler says of how far it is: JSON text.
type Progress struct {
	LeaseID  string
	Progress string
}

// Checkpoint is a cursor that a handler saved: JSON text. Seq counts those of a lease from 1.
type Checkpoint struct {
	LeaseID string
	Seq     int64
	Cursor  string
}

// Reject gives leases back whose handlers have not been called.
type Reject struct {
	Session  string
	LeaseIDs []string
	Reason   string
}

// Bye ends a session. Batches after LastSeq were never read; 0 where it is not said.
type Bye struct {
	Session string
	LastSeq int64
}

// Results answers steps of one batch.
type Results struct {
	BatchID string
	Version string
	Session string
	Results []Result
	// Refused holds the results that are wrong in themselves, after decoding.
	Refused []RefusedItem
}

// Result is what became of a step. Output and Error are JSON text, and "null" where there is none.
type Result struct {
	StepID    int64
	Status    string
	Output    string
	Error     string
	ErrorCode string
	Metadata  ResultMetadata
}

// ResultMetadata has nil and empty for what is not said.
type ResultMetadata struct {
	ExecutionTimeMs *float64
	HandlerVersion  string
	Retryable       *bool
	RetryAfterMs    *float64
	LeaseID         string
	Attempt         int64
}

// Append adds the frame. A hello is JSON: it is said before both sides agree.
func (m *Hello) Append(frame []byte, _ Codec) []byte {
	w := begin(frame, "worker ", JSON, 14)
	w.opening("hello", m.Session)
	w.text("worker_id", m.WorkerID)
	w.texts("protocols", m.Protocols)
	w.texts("codecs", m.Codecs)
	w.text("language", m.Language)
	w.text("sdk", m.SDK)
	w.text("version", m.Version)
	w.text("pool", m.Pool)
	w.texts("handlers", m.Handlers)
	w.integer("capacity", m.Capacity)
	w.texts("leases", m.Leases)
	w.texts("outbox", m.Outbox)
	w.endObject()
	return w.frame
}

// Append adds the frame.
func (m *Heartbeat) Append(frame []byte, codec Codec) []byte {
	w := begin(frame, "worker ", codec, 9)
	w.opening("heartbeat", m.Session)
	w.text("epoch", m.Epoch)
	w.integer("last_seq", m.LastSeq)
	w.texts("leases", m.Leases)
	w.integer("capacity", m.Capacity)
	w.beginList("progress", len(m.Progress))
	for _, one := range m.Progress {
		w.separate()
		w.beginObject(2)
		w.text("lease_id", one.LeaseID)
		w.payload("progress", one.Progress)
		w.endObject()
	}
	w.endList()
	w.beginList("checkpoints", len(m.Checkpoints))
	for _, one := range m.Checkpoints {
		w.separate()
		w.beginObject(3)
		w.text("lease_id", one.LeaseID)
		w.integer("seq", one.Seq)
		w.payload("cursor", one.Cursor)
		w.endObject()
	}
	w.endList()
	w.endObject()
	return w.frame
}

// Append adds the frame.
func (m *Reject) Append(frame []byte, codec Codec) []byte {
	w := begin(frame, "worker ", codec, 5)
	w.opening("reject", m.Session)
	w.texts("lease_ids", m.LeaseIDs)
	w.text("reason", m.Reason)
	w.endObject()
	return w.frame
}

// Append adds the frame.
func (m *Bye) Append(frame []byte, codec Codec) []byte {
	w := begin(frame, "worker ", codec, 4)
	w.opening("bye", m.Session)
	w.integer("last_seq", m.LastSeq)
	w.endObject()
	return w.frame
}

// Append adds the frame, of protocol 2.0. Outputs and errors are joined in as they are: they must be JSON text.
func (m *Results) Append(frame []byte, codec Codec) []byte {
	w := begin(frame, "results ", codec, 4)
	w.text("batch_id", m.BatchID)
	w.text("protocol_version", "2.0")
	w.text("session", m.Session)
	w.beginList("results", len(m.Results))
	for i := range m.Results {
		w.separate()
		m.Results[i].write(&w)
	}
	w.endList()
	w.endObject()
	return w.frame
}

func begin(frame []byte, topic string, codec Codec, members int) writer {
	w := writer{append(frame, topic...), codec}
	w.beginObject(members)
	return w
}

// opening writes the three members that everything on the topic `worker` begins with.
func (w *writer) opening(name, session string) {
	w.text("type", name)
	w.text("protocol_version", "2.0")
	w.text("session", session)
}

func (r *Result) write(w *writer) {
	w.beginObject(5)
	w.integer("step_id", r.StepID)
	w.text("status", r.Status)
	w.payload("output", r.Output)
	w.payload("error", r.Error)
	w.name("metadata")
	r.Metadata.write(w)
	w.endObject()
}

func (m *ResultMetadata) write(w *writer) {
	members := 2
	for _, is := range []bool{m.ExecutionTimeMs != nil, m.HandlerVersion != "", m.Retryable != nil, m.RetryAfterMs != nil} {
		if is {
			members++
		}
	}
	w.beginObject(members)
	w.text("lease_id", m.LeaseID)
	w.integer("attempt", m.Attempt)
	if m.ExecutionTimeMs != nil {
		w.number("execution_time_ms", *m.ExecutionTimeMs)
	}
	if m.HandlerVersion != "" {
		w.text("handler_version", m.HandlerVersion)
	}
	if m.Retryable != nil {
		w.boolean("retryable", *m.Retryable)
	}
	if m.RetryAfterMs != nil {
		w.number("retry_after_ms", *m.RetryAfterMs)
	}
	w.endObject()
}
