package handler

import (
	"context"
	"fmt"
	"sync"
)

// checkpoints are the cursors that an attempt has saved, and who waits for their confirmation.
type checkpoints struct {
	mu      sync.Mutex
	seq     int64
	waiting map[int64]chan error
}

// Checkpoint saves how far the handler is, for a later attempt to go on from, and waits until that is durable.
func (a *Attempt) Checkpoint(ctx context.Context, cursor any) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	text, err := EncodeJSON(cursor)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if most := a.Request.MaxCheckpointBytes; len(text) > most {
		return fmt.Errorf("checkpoint: the cursor has %d bytes; the orchestrator takes %d", len(text), most)
	}
	settled := a.checkpoints.send(func(seq int64) {
		a.runner.options.Deliveries.Checkpoint(a.Request.Origin, a.Request.LeaseID, seq, text)
	})
	select {
	case err := <-settled:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// send numbers a cursor, and sends it in the order of the numbers.
func (c *checkpoints) send(deliver func(seq int64)) <-chan error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	if c.waiting == nil {
		c.waiting = map[int64]chan error{}
	}
	settled := make(chan error, 1)
	c.waiting[c.seq] = settled
	deliver(c.seq)
	return settled
}

func (c *checkpoints) settle(upTo int64, refused string) {
	var err error
	if refused != "" {
		err = fmt.Errorf("checkpoint: the orchestrator refused it: %s", refused)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for seq, settled := range c.waiting {
		if seq <= upTo {
			settled <- err
			delete(c.waiting, seq)
		}
	}
}
