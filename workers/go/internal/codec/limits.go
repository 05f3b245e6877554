package codec

// Limits is what a message may be at most (spec section 14). Receivers refuse what is beyond; nothing is unbounded.
type Limits struct {
	// MessageBytes bounds one frame, topic included.
	MessageBytes int
	// OutputBytes bounds one output or error.
	OutputBytes int
	// ProgressBytes bounds one progress.
	ProgressBytes int
	// CheckpointBytes bounds one cursor.
	CheckpointBytes   int
	ResultsPerMessage int
	StepsPerBatch     int
	// Handlers bounds the names in one hello.
	Handlers int
	// Leases bounds the ids in one list of leases, and so the capacity of one worker.
	Leases int
	// PackedValues bounds the values of one MessagePack message, since a byte can claim thousands.
	PackedValues int
	// Depth bounds objects and arrays inside each other.
	Depth int
}

// DefaultLimits are those of the specification.
var DefaultLimits = Limits{
	MessageBytes:      16 << 20,
	OutputBytes:       4 << 20,
	ProgressBytes:     64 << 10,
	CheckpointBytes:   64 << 10,
	ResultsPerMessage: 1_000,
	StepsPerBatch:     1_000,
	Handlers:          1_000,
	Leases:            10_000,
	PackedValues:      1_000_000,
	Depth:             512,
}
